"""One mode a market, on both stores: an entry and a config that quotes can't both come to be."""

import pytest

from holdfast.core.bracket import Bracket, Entry, ExitMode, Levels
from holdfast.core.errors import ConditionFailedError, InvalidInputError
from holdfast.core.market import Side
from holdfast.state.brackets import Brackets
from holdfast.state.markets import DEFAULT_STRATEGY, MarketConfig, MarketConfigs
from holdfast.state.port import Store, Table

QUOTED = MarketConfig(market="M", strategy=DEFAULT_STRATEGY)
ENTRY = Entry(price=4_000, limit=4_200, asked=100, requested_at_ms=1)
BRACKET = Bracket(
    bracket_id="b1",
    market="M",
    side=Side.BUY,
    mode=ExitMode.MONITOR,
    entry=ENTRY,
    levels=Levels(5_000, 3_500, 3_500, 3_000),
)


@pytest.fixture
def configs(store: Store) -> MarketConfigs:
    return MarketConfigs(store, "a")


@pytest.fixture
def brackets(store: Store) -> Brackets:
    return Brackets(store, "a")


def test_the_first_entry_makes_a_market_one_of_mode_protect(
    store: Store, configs: MarketConfigs, brackets: Brackets
) -> None:
    store.transact([brackets.claim(BRACKET), configs.protecting("M", None)])
    assert configs.get("M") == MarketConfig(market="M", mode="protect", version=1)
    brackets.close(brackets.open()["M"], None)
    store.transact([brackets.claim(BRACKET), configs.protecting("M", configs.get("M"))])
    assert configs.get("M") == MarketConfig(market="M", mode="protect", version=1)


@pytest.mark.parametrize("read", [None, MarketConfig(market="M", mode="protect", version=1)])
def test_an_entry_loses_to_a_config_that_was_changed_meanwhile(
    store: Store, configs: MarketConfigs, brackets: Brackets, read: MarketConfig | None
) -> None:
    if read:
        configs.save(MarketConfig(market="M", mode="protect"))
    configs.save(MarketConfig(market="M", strategy=DEFAULT_STRATEGY, version=read.version if read else 0))
    with pytest.raises(ConditionFailedError):
        store.transact([brackets.claim(BRACKET), configs.protecting("M", read)])
    assert brackets.open() == {}


def test_a_market_with_an_open_bracket_cannot_be_quoted(
    store: Store, configs: MarketConfigs, brackets: Brackets
) -> None:
    store.transact([brackets.claim(BRACKET), configs.protecting("M", None)])
    with pytest.raises(InvalidInputError, match="protect while"):
        configs.save(MarketConfig(market="M", strategy=DEFAULT_STRATEGY, version=1))
    with pytest.raises(ConditionFailedError):
        configs.save(QUOTED)
    assert configs.save(MarketConfig(market="OTHER", strategy=DEFAULT_STRATEGY)).version == 1
    brackets.close(brackets.open()["M"], None)
    assert configs.save(MarketConfig(market="M", strategy=DEFAULT_STRATEGY, version=1)).mode == "quote"


def test_another_accounts_bracket_is_no_obstacle(store: Store, configs: MarketConfigs) -> None:
    Brackets(store, "b").save(BRACKET)
    assert configs.save(QUOTED).version == 1
    assert [item["sk"] for item in store.query(Table.MARKETS, "a")] == ["M"]
