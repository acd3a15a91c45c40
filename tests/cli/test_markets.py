import pytest

from holdfast.clock import SystemClock
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.markets import DEFAULT_STRATEGY, MarketConfig, MarketConfigs
from holdfast.state.tables import TableNames
from local.aws.stand_in import LocalAws
from tests.cli.conftest import Holdfast


@pytest.fixture
def configs(local_aws: LocalAws, stage: str, account: str) -> MarketConfigs:
    store = DynamoStore(local_aws.clients().dynamodb, TableNames(stage), SystemClock())
    return MarketConfigs(store, account)


def test_new_market_quotes_with_the_shipped_strategy(holdfast: Holdfast, configs: MarketConfigs) -> None:
    done = holdfast("markets set KXBTC-1 --account kalshi-1 --param half_spread=0.03 --param size=25")
    assert done.code == 0, done.err
    assert configs.list() == [
        MarketConfig(
            market="KXBTC-1",
            strategy=DEFAULT_STRATEGY,
            parameters={"half_spread": "0.03", "size": "25"},
            version=1,
        )
    ]


def test_change_keeps_what_is_not_named(holdfast: Holdfast, configs: MarketConfigs) -> None:
    holdfast("markets set M --account kalshi-1 --param half_spread=0.03 --param size=25 --priority 4")
    assert holdfast("markets set M --account kalshi-1 --param size=30 --disabled").code == 0
    assert configs.get("M") == MarketConfig(
        market="M",
        strategy=DEFAULT_STRATEGY,
        parameters={"half_spread": "0.03", "size": "30"},
        priority=4,
        enabled=False,
        version=2,
    )
    assert holdfast("markets set M --account kalshi-1 --fresh --param levels=3").code == 0
    changed = configs.get("M")
    assert changed is not None
    assert (changed.parameters, changed.priority) == ({"levels": "3"}, 4)


def test_protected_market_has_no_strategy(holdfast: Holdfast, configs: MarketConfigs) -> None:
    holdfast("markets set M --account kalshi-1 --param size=30")
    assert holdfast("markets set M --account kalshi-1 --mode protect").code == 0
    assert configs.get("M") == MarketConfig(market="M", mode="protect", version=2)
    assert holdfast("markets set M --account kalshi-1 --mode quote").code == 0
    assert configs.get("M") == MarketConfig(market="M", strategy=DEFAULT_STRATEGY, version=3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("M --param half_spraed=0.03", "half_spraed"),
        ("M --param half_spread=wide", "half_spread"),
        ("M --param size=500", "size"),
        ("M --param size", "NAME=VALUE"),
        ("M --param size=1 --param size=2", "once"),
        ("M --strategy nope:Nope", "nope"),
        ("M --strategy os:getcwd", "a class"),
        ("M --mode sell", "mode"),
        ("M --mode protect --param size=1", "protect"),
    ],
)
def test_bad_config_is_one_line_and_writes_nothing(
    holdfast: Holdfast, configs: MarketConfigs, words: str, said: str
) -> None:
    refused = holdfast(f"markets set {words} --account kalshi-1")
    assert refused.code == 2
    assert said in refused.error_line
    assert configs.list() == []


def test_unknown_account_or_market_is_said(holdfast: Holdfast, account: str) -> None:
    for words in ("set M", "list", "enable M", "disable M"):
        refused = holdfast(f"markets {words} --account kalshi-2")
        assert refused.code == 2
        assert "kalshi-2" in refused.error_line
        assert account in refused.error_line
    assert "NOPE" in holdfast("markets disable NOPE --account kalshi-1").error_line


def test_enable_and_disable_show_in_the_list(holdfast: Holdfast, configs: MarketConfigs) -> None:
    for market in ("B", "A"):
        holdfast(f"markets set {market} --account kalshi-1 --param levels=2")
    assert holdfast("markets disable A --account kalshi-1").code == 0
    rows = [line.split() for line in holdfast("markets list --account kalshi-1").out.splitlines()]
    assert rows[0][:3] == ["market", "mode", "enabled"]
    assert [row[:4] for row in rows[1:]] == [["A", "quote", "no", "0"], ["B", "quote", "yes", "0"]]
    assert rows[1][-1] == "levels=2"
    assert holdfast("markets enable A --account kalshi-1").code == 0
    assert all(config.enabled for config in configs.list())


def test_market_whose_strategy_is_gone_is_not_enabled(holdfast: Holdfast, configs: MarketConfigs) -> None:
    configs.save(MarketConfig(market="M", strategy="gone_module:Gone", enabled=False))
    refused = holdfast("markets enable M --account kalshi-1")
    assert refused.code == 2
    assert "gone_module" in refused.error_line
    found = configs.get("M")
    assert found is not None
    assert not found.enabled
