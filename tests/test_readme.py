"""What the README says of switches, strategies and commands is what the code has."""

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from cli.app import app
from holdfast.core.book import BookState, OrderBook
from holdfast.core.market import MarketRules, MarketStatus, PriceBand
from holdfast.core.positions import Position
from holdfast.core.scale import Scale
from holdfast.core.strategy import MarketView
from holdfast.state.markets import MarketConfig, load_strategy
from holdfast.state.switch_set import NAMES, Switches, allowed, text_of

README = (Path(__file__).parents[1] / "README.md").read_text()
SCALE = Scale(4, 2)


def test_switches_table_is_the_model() -> None:
    rows = [
        f"| `{name}` | `{text_of(Switches.model_fields[name].default)}` | {allowed(name)} |"
        f" {Switches.model_fields[name].description} |"
        for name in NAMES
    ]
    assert re.findall(r"^\| `\w+` \| `.*$", README, re.MULTILINE) == rows


def test_example_strategy_loads_and_quotes(monkeypatch: pytest.MonkeyPatch) -> None:
    code = README.partition("```python\n")[2].partition("```")[0]
    module = ModuleType("my_strategies")
    exec(code, vars(module))  # noqa: S102 - the README's own example
    monkeypatch.setitem(sys.modules, "my_strategies", module)
    config = MarketConfig(market="M", strategy="my_strategies:JoinTheBest", parameters={"size": "25"})
    strategy, parameters = load_strategy(config)
    view = MarketView(
        market="M",
        rules=MarketRules("M", (PriceBand(0, SCALE.one, 100),), 1, 1, MarketStatus.OPEN),
        book=OrderBook("M", [(4_000, 500)], [(4_200, 500)], at_ms=1),
        book_state=BookState.OK,
        now_ms=1,
        one=SCALE.one,
        scale=SCALE,
        quote_expires_at_ms=60_001,
        decision_id="d",
    )
    targets = strategy.compute_targets(view, Position("M"), parameters)
    assert [(target.price, target.size) for target in targets] == [(4_000, 2_500), (4_200, 2_500)]


def test_every_command_that_is_named_exists() -> None:
    for group, names in re.findall(r"`holdfast (\w+) ([\w|]+)`", README):
        for name in names.split("|"):
            done = CliRunner().invoke(app, [group, name, "--help"])
            assert done.exit_code == 0, (group, name)
