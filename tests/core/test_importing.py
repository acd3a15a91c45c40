"""What a bot's positions file may say, and what it makes of cost, levels and the ledger."""

from decimal import Decimal

import pytest

from holdfast.core.bracket import Levels
from holdfast.core.errors import InvalidInputError
from holdfast.core.grid import OwnGrid
from holdfast.core.importing import ForeignPosition, bring_in, entry_cost, read_positions, with_stated
from holdfast.core.market import MarketRules, MarketStatus, PriceBand, Side
from holdfast.core.positions import LedgerKind, Position
from holdfast.core.scale import Scale

SCALE = Scale(4, 2)
RULES = MarketRules("M", (PriceBand(0, SCALE.one, 100),), 100, 100, MarketStatus.OPEN)
GRID = OwnGrid(RULES, Side.BUY, SCALE, SCALE.one)
LEVELS = Levels(6_100, 4_400, 4_400, 4_100)


@pytest.mark.parametrize(
    "data",
    [
        [{"market": "M", "outcome": "no", "size": 40, "entry_price": Decimal("0.51")}],
        {"M": {"side": "NO", "quantity": "40", "avg_price": "0.51", "opened": "yesterday"}},
        {"positions": [{"ticker": "M", "outcome": "No", "contracts": 40, "entry": "0.51"}], "version": 3},
        {"positions": {"M": {"outcome": "short", "count": 40, "entry_price": 0.51}}},
    ],
)
def test_lists_objects_and_other_names_of_fields_say_the_same(data: object) -> None:
    assert read_positions(data, netting=True) == [ForeignPosition("M", Side.SELL, "0.51", "40")]


def test_levels_are_read_and_empty_ones_are_none() -> None:
    row = {"market": "M", "entry_price": "0.51", "tp": "0.60", "stop_loss": None, "take_profit": ""}
    assert read_positions([row], netting=True) == [ForeignPosition("M", Side.BUY, "0.51", "", "0.60", "")]


def test_where_every_outcome_has_an_id_its_name_says_nothing() -> None:
    row = {"token_id": "7", "outcome": "No", "entry_price": "0.51"}
    assert read_positions([row], netting=False) == [ForeignPosition("7", Side.BUY, "0.51")]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("M", "position 1"),
        ({"entry_price": "0.5"}, "ticker"),
        ({"market": "M", "size": 1}, "entry_price"),
        ({"market": "M", "entry_price": "0.5", "outcome": "perhaps"}, "yes or no"),
        ({"market": "M#1", "entry_price": "0.5"}, "market"),
    ],
)
def test_what_cannot_be_read_is_named_and_hides_no_other(row: object, said: str) -> None:
    good = {"market": "G", "entry_price": "0.51"}
    problem, read = read_positions([row, good], netting=True)
    assert isinstance(problem, InvalidInputError)
    assert said in str(problem)
    assert isinstance(read, ForeignPosition)


def test_a_file_without_positions_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="positions"):
        read_positions("none", netting=True)


def test_cost_is_exact_and_rounded_against_us() -> None:
    position = ForeignPosition("M", Side.BUY, "0.51237")
    assert entry_cost(position, 333, SCALE) == (5_124, 1_706_193)  # 5123.7 x 333 = 1,706,192.1


@pytest.mark.parametrize("price", ["51", "0", "1", "-0.5", "half", "nan"])
def test_cents_and_nonsense_are_no_entry_price(price: str) -> None:
    with pytest.raises(InvalidInputError, match="entry_price"):
        entry_cost(ForeignPosition("M", Side.BUY, price), 100, SCALE)


def test_a_purchase_before_our_time_counts_as_cost_once_and_moves_no_cash() -> None:
    before = Position("M", realized=700, fees=20, entered=1_000, spent=400_000)
    after, line = bring_in(before, Side.SELL, 500, 4_000, 2_000_000, SCALE.one, key="import#M#3", now_ms=9)
    assert (after.size, after.cost, after.realized, after.fees) == (-500, 2_000_000, 700, 20)
    assert (after.entered, after.spent) == (1_500, 2_400_000)
    assert (line.kind, line.cash, line.realized, line.fee) == (LedgerKind.IMPORT, 0, 0, 0)
    assert (line.price, line.size, line.position_after) == (6_000, 500, -500), "its price is in the market's one book"
    with pytest.raises(InvalidInputError):
        bring_in(after, Side.SELL, 500, 4_000, 2_000_000, SCALE.one, key="import#M#4", now_ms=9)


@pytest.mark.parametrize(
    ("take_profit", "stop_loss", "levels"),
    [
        ("", "", LEVELS),
        ("0.625", "", Levels(6_300, 4_400, 4_400, 4_100)),
        ("20%", "", Levels(6_200, 4_400, 4_400, 4_100)),
        ("", "0.401", Levels(6_100, 4_100, 4_100, 3_800)),
        ("", "10%", Levels(6_100, 4_600, 4_600, 4_300)),
        ("", "0.03", Levels(6_100, 300, 300, 100)),
    ],
)
def test_stated_levels_go_the_safe_way_and_the_hard_stop_keeps_its_distance(
    take_profit: str, stop_loss: str, levels: Levels
) -> None:
    stated = ForeignPosition("M", Side.BUY, "0.51", "", take_profit, stop_loss)
    assert with_stated(LEVELS, stated, GRID, 5_100, 5_000) == levels


@pytest.mark.parametrize(
    ("take_profit", "stop_loss", "named"),
    [
        ("0.50", "", "take_profit"),
        ("1.2", "", "take_profit"),
        ("lots", "", "take_profit"),
        ("", "0.50", "stop_loss"),
        ("", "0.01", "stop_loss"),
        ("", "120%", "stop_loss"),
    ],
)
def test_a_level_that_would_fire_at_once_is_left_to_the_owner(take_profit: str, stop_loss: str, named: str) -> None:
    stated = ForeignPosition("M", Side.BUY, "0.51", "", take_profit, stop_loss)
    with pytest.raises(InvalidInputError, match=named):
        with_stated(LEVELS, stated, GRID, 5_100, 5_000)
