"""Market configs: one per market, no lost edit, and a bad strategy or parameter is refused by name."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec import Struct, structs

from holdfast.clock import VirtualClock
from holdfast.core.errors import ConditionFailedError, InvalidInputError
from holdfast.core.quoting import InventorySkewQuotes, QuoteConfig
from holdfast.state.markets import DEFAULT_STRATEGY, MarketConfig, MarketConfigs, load_strategy
from holdfast.state.memory import MemoryStore
from holdfast.state.port import Put, Table

HERE = __name__


def config(market: str = "KXBTC-1", **fields: Any) -> MarketConfig:
    return MarketConfig(**{"market": market, "strategy": DEFAULT_STRATEGY, **fields})


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(VirtualClock(0))


@pytest.fixture
def configs(store: MemoryStore) -> MarketConfigs:
    return MarketConfigs(store, "kalshi-1")


def test_configs_are_kept_per_account_in_order(store: MemoryStore, configs: MarketConfigs) -> None:
    second = configs.save(config("B", parameters={"half_spread": "0.03", "levels": 2, "odd": True}, priority=-3))
    first = configs.save(config("A", mode="protect", strategy="", enabled=False))
    MarketConfigs(store, "kalshi-2").save(config("C"))
    assert configs.list() == [first, second]
    assert configs.get("B") == second
    assert configs.get("C") is None
    configs.remove("A")
    assert configs.list() == [second]


@pytest.mark.parametrize("bad", ["", " M", "M N", "M,N", "M\n", "[bold]", "Ä", "x" * 129])
def test_an_id_that_breaks_keys_or_lists_is_refused(configs: MarketConfigs, bad: str) -> None:
    with pytest.raises(InvalidInputError, match="market"):
        config(bad)
    with pytest.raises(InvalidInputError, match="market"):
        configs.get(bad)


@pytest.mark.parametrize("good", ["KXHIGHNY-26NOV20-B40.5", "0x" + "9" * 64, "BTC-USD", "9" * 78])
def test_the_ids_of_every_venue_are_accepted(configs: MarketConfigs, good: str) -> None:
    assert configs.get(configs.save(config(good)).market) is not None


def test_an_edit_of_an_old_version_is_refused(configs: MarketConfigs) -> None:
    configs.save(config())
    with pytest.raises(ConditionFailedError):
        configs.save(config(mode="protect", strategy=""))
    first, second = configs.get("KXBTC-1"), configs.get("KXBTC-1")
    assert first is not None
    assert second is not None
    saved = configs.save(structs.replace(first, priority=1))
    with pytest.raises(ConditionFailedError):
        configs.save(structs.replace(second, priority=2))
    assert configs.get("KXBTC-1") == saved
    assert saved.version == 2


def test_enabling_changes_nothing_else(configs: MarketConfigs) -> None:
    configs.save(config(parameters={"levels": "2"}, priority=4))
    off = configs.set_enabled("KXBTC-1", False)
    assert off == config(parameters={"levels": "2"}, priority=4, enabled=False, version=2)
    assert configs.set_enabled("KXBTC-1", False) == off
    assert configs.set_enabled("KXBTC-1", True).enabled
    with pytest.raises(InvalidInputError, match="NOPE"):
        configs.set_enabled("NOPE", True)


def test_item_without_a_later_field_gets_its_default(store: MemoryStore, configs: MarketConfigs) -> None:
    item = {"pk": "kalshi-1", "sk": "M", "mode": "quote", "strategy": DEFAULT_STRATEGY, "version": 4}
    store.write(Put(Table.MARKETS, item))
    assert configs.list() == [config("M", version=4)]


@pytest.mark.parametrize(
    "bad",
    [
        {"market": ""},
        {"market": " A"},
        {"mode": "both"},
        {"strategy": ""},
        {"mode": "protect"},
        {"mode": "protect", "strategy": "", "parameters": {"a": "1"}},
    ],
    ids=str,
)
def test_config_that_contradicts_itself_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        config(**bad)


# Strategies


class Wide(Struct, frozen=True, forbid_unknown_fields=True):
    width: Decimal
    note: str = ""


class Own:
    """A user's strategy."""

    Config = Wide

    def compute_targets(self, view: object, position: object, config: object) -> list[object]:
        return []

    def quiet_reason(self, view: object, config: object) -> str | None:
        return None


class Loose(Own):
    class Config(Struct):
        width: int = 1


class NoConfig:
    def compute_targets(self) -> None: ...


class Mute:
    Config = Wide


class Needy(Own):
    def __init__(self, something: object) -> None:
        self.something = something


class Fragile(Own):
    class Config(Struct, forbid_unknown_fields=True):
        width: int = 0

        def __post_init__(self) -> None:
            _ = 1 // self.width


not_a_class = Own()


def test_shipped_strategy_is_loaded_with_parameters_as_people_write_them() -> None:
    strategy, parameters = load_strategy(config(parameters={"half_spread": "0.03", "levels": "2", "level_step": 3}))
    assert isinstance(strategy, InventorySkewQuotes)
    assert parameters == QuoteConfig(half_spread=Decimal("0.03"), levels=2, level_step=3)


def test_a_users_strategy_is_loaded_by_name() -> None:
    strategy, parameters = load_strategy(config(strategy=f"{HERE}:Own", parameters={"width": "0.5"}))
    assert isinstance(strategy, Own)
    assert parameters == Wide(Decimal("0.5"))


@pytest.mark.parametrize(
    ("strategy", "why"),
    [
        ("no_such_module:Own", "no_such_module"),
        (".relative:Own", "imported"),
        (f"{HERE}:Nothing", "a class in module"),
        (f"{HERE}:not_a_class", "a class in module"),
        (f"{HERE}", "module:Class"),
        (f"{HERE}:", "module:Class"),
        (f"{HERE}:NoConfig", "Config"),
        (f"{HERE}:Loose", "forbid_unknown_fields"),
        (f"{HERE}:Mute", "compute_targets"),
        (f"{HERE}:Needy", "without arguments"),
    ],
)
def test_bad_strategy_is_refused_with_the_reason(strategy: str, why: str) -> None:
    with pytest.raises(InvalidInputError, match=why) as refused:
        load_strategy(config(strategy=strategy, parameters={"width": "1"}))
    assert refused.value.field == "strategy of market KXBTC-1"


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"half_spraed": "0.03"}, "half_spraed"),
        ({"half_spread": "wide"}, "half_spread"),
        ({"half_spread": "-0.01"}, "half_spread"),
        ({"levels": "2.5"}, "levels"),
        ({"levels": "99"}, "levels"),
        ({"size": "500"}, "size"),
    ],
    ids=str,
)
def test_bad_parameter_is_refused_by_name(parameters: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        load_strategy(config(parameters=parameters))
    assert refused.value.field == f"parameter {field} of market KXBTC-1"


def test_missing_parameter_is_named() -> None:
    with pytest.raises(InvalidInputError, match="parameter width of market KXBTC-1"):
        load_strategy(config(strategy=f"{HERE}:Own"))


def test_whatever_a_users_code_raises_is_an_invalid_input_of_its_market(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anything else would end the tick of every market of the account."""
    (tmp_path / "holdfast_test_broken.py").write_text("raise RuntimeError('half written')")
    monkeypatch.syspath_prepend(tmp_path)
    for strategy in ("holdfast_test_broken:Own", f"{HERE}:Fragile"):
        with pytest.raises(InvalidInputError, match=r"half written|ZeroDivisionError"):
            load_strategy(config(strategy=strategy))
