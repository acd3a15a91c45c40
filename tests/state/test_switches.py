"""A bad switch names itself, and never leaves a job without limits or takes a halt back."""

from decimal import Decimal

import pytest

from holdfast.clock import VirtualClock
from holdfast.core.errors import StoreError
from holdfast.state.memory import MemoryStore
from holdfast.state.parameters import MemoryParameters
from holdfast.state.port import Item, Key, Put, Table
from holdfast.state.switch_set import NAMES, SwitchTexts, allowed, check, text_of
from holdfast.state.switches import EverybodysSwitches, SwitchBoard, Switches

ALL = "/holdfast/dev/all"
OWN = "/holdfast/dev/kalshi-1"


class Breakable(MemoryParameters):
    """Parameters that can be unreachable, and count their reads."""

    broken = False
    reads = 0

    def read(self, path: str) -> dict[str, str]:
        self.reads += 1
        if self.broken:
            raise StoreError("parameters are unreachable")
        return super().read(path)


class Rig:
    def __init__(self) -> None:
        self.clock = VirtualClock(1_800_000_000_000)
        self.store = MemoryStore(self.clock)
        self.parameters = Breakable()
        self.board = self.cold_start()

    def cold_start(self) -> SwitchBoard:
        return SwitchBoard(self.parameters, "dev", "kalshi-1", self.clock, self.store)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def problems_of(**texts: str) -> tuple[str, ...]:
    return check(SwitchTexts("dev", "kalshi-1", texts, {}))[1]


# One value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("halt", "on"),
        ("halt", "1"),
        ("halt", ""),
        ("dry_run", "yes"),
        ("config_refresh_ticks", "0"),
        ("config_refresh_ticks", "1001"),
        ("config_refresh_ticks", "ten"),
        ("execution_interval_seconds", "0"),
        ("execution_interval_seconds", "901"),
        ("execution_interval_seconds", "29.5"),
        ("max_daily_loss", "0"),
        ("max_daily_loss", "-5"),
        ("max_daily_loss", "NaN"),
        ("max_daily_loss", "Infinity"),
        ("max_daily_loss", "10.001"),
        ("max_daily_loss", "$100"),
        ("max_open_orders", "0"),
        ("quote_lifetime_intervals", "2"),
        ("inventory_stop_max_spread", "0"),
        ("max_wait_seconds", "-1"),
        ("use_trailing_exit", "on"),
        ("scan_entries", "1"),
        ("ab_concurrent_share", "1.01"),
        ("ab_concurrent_share", "-0.1"),
        ("stop_loss", "0"),
        ("stop_loss", "7 cents"),
        ("take_profit", "-8%"),
        ("hard_stop", "2 ATR"),
        ("entry_slippage", "0"),
        ("exit_slippage_most", "0.00001"),
        ("max_exit_slice", "0"),
        ("partial_tp_policy", "sometimes"),
        ("partial_tp_threshold", "100"),
        ("adopt_unprotected", "Adopt"),
        ("further_entries", ""),
        ("cancel_timeout_seconds", "0"),
        ("blacklist_days", "0"),
        ("max_position_hours", "-1"),
        ("atr_bar_minutes", "5"),
        ("atr_bar_minutes", "60 minutes"),
        ("scan_min_volume", "-1"),
    ],
)
def test_bad_value_is_one_sentence_with_name_value_and_what_is_allowed(name: str, text: str) -> None:
    (problem,) = problems_of(**{name: text})
    assert problem == f"{OWN}/{name}: {text!r} is not allowed; allowed: {allowed(name)}"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("halt", " TRUE ", True),
        ("dry_run", "false", False),
        ("max_daily_loss", "250.50", Decimal("250.50")),
        ("execution_interval_seconds", "30", 30),
        ("atr_bar_minutes", " 1440 ", 1440),
        ("execution_interval_seconds", "900", 900),
        ("ab_concurrent_share", "0", Decimal(0)),
        ("ab_concurrent_share", "0.25", Decimal("0.25")),
        ("stop_loss", " 8% ", "8%"),
        ("take_profit", "1.8atr", "1.8atr"),
        ("partial_tp_policy", "sell", "sell"),
        ("max_position_hours", "0", 0),
    ],
)
def test_good_value_is_read_exactly(name: str, text: str, value: object) -> None:
    switches, problems = check(SwitchTexts("dev", "kalshi-1", {name: text}, {}))
    assert not problems
    found = getattr(switches, name)
    assert (type(found), found) == (type(value), value)


def test_unknown_switch_is_said_where_it_is() -> None:
    texts = SwitchTexts("dev", "kalshi-1", {}, {"halted": "true"})
    (problem,) = check(texts)[1]
    assert problem.startswith(f"{ALL}/halted: 'true' is set, but there is no such switch")
    assert "halt," in problem


# Values together


@pytest.mark.parametrize("interval", [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60, 120, 300, 900])
def test_interval_that_a_schedule_can_serve(interval: int) -> None:
    assert problems_of(execution_interval_seconds=str(interval), max_wait_seconds="0") == ()


@pytest.mark.parametrize("interval", [7, 8, 25, 45, 59, 61, 90, 100])
def test_interval_that_no_schedule_can_serve(interval: int) -> None:
    (problem,) = problems_of(execution_interval_seconds=str(interval), max_wait_seconds="0")
    assert problem.startswith(f"{OWN}/execution_interval_seconds: '{interval}'")
    assert "60" in problem


def test_values_that_do_not_go_together_are_each_named_with_the_other() -> None:
    problems = problems_of(
        max_gross_exposure="100", max_market_exposure="150", inventory_stop_loss="160", max_wait_seconds="60"
    )
    assert [problem.split(":")[0] for problem in problems] == [
        f"{OWN}/max_wait_seconds",
        f"{OWN}/max_market_exposure",
        f"{OWN}/inventory_stop_loss",
    ]
    assert "execution_interval_seconds (60)" in problems[0]
    assert "max_gross_exposure (100)" in problems[1]
    assert "max_market_exposure (150)" in problems[2]


def test_default_that_no_longer_fits_is_named_as_the_default() -> None:
    (problem,) = problems_of(execution_interval_seconds="10")
    assert problem.startswith(f"{ALL}/max_wait_seconds: the default '20'")


@pytest.mark.parametrize(
    ("texts", "named", "said"),
    [
        ({"hard_stop": "0.07"}, "hard_stop", "more than stop_loss (0.07)"),
        ({"soft_stop": "9%", "hard_stop": "8%"}, "hard_stop", "more than soft_stop (9%)"),
        ({"stop_loss": "100%"}, "stop_loss", "less than 100%"),
        ({"use_trailing_exit": "true", "trailing_activation": "0.10"}, "trailing_activation", "take_profit (0.10)"),
        ({"exit_slippage": "0.16"}, "exit_slippage", "exit_slippage_most (0.15)"),
        ({"max_trade_size": "1001"}, "max_trade_size", "capital_total (1000)"),
        ({"scan_min_price": "0.90"}, "scan_min_price", "scan_max_price (0.90)"),
        ({"scan_max_hours_to_close": "1"}, "scan_min_minutes_to_close", "scan_max_hours_to_close (1 hours)"),
        ({"price_stale_seconds": "29"}, "price_stale_seconds", "order_check_interval_seconds (30)"),
        ({"order_check_interval_seconds": "45"}, "order_check_interval_seconds", "a divisor of 60"),
    ],
)
def test_protection_that_makes_no_sense_together_is_named_with_the_other(
    texts: dict[str, str], named: str, said: str
) -> None:
    problem = problems_of(**texts)[0]
    assert problem.split(":")[0].endswith(f"/{named}")
    assert said in problem


def test_distances_of_different_units_are_left_to_the_check_at_a_price() -> None:
    assert problems_of(stop_loss="8%", soft_stop="9%", hard_stop="0.03") == ()
    assert problems_of(trailing_activation="0.50") == (), "trailing is off"


def test_distances_of_new_brackets_have_a_trailing_stop_only_where_it_is_on() -> None:
    found = Switches(stop_loss="8%").distances
    assert (str(found.take_profit), str(found.stop_loss), str(found.hard_stop)) == ("0.10", "8%", "0.10")
    assert found.trailing_activation is found.trailing_distance is None
    trailing = Switches(use_trailing_exit=True).distances
    assert (str(trailing.trailing_activation), str(trailing.trailing_distance)) == ("0.05", "0.04")


def test_the_set_survives_being_written_down() -> None:
    changed = Switches(stop_loss="8%", ab_concurrent_share=Decimal("0.5"), partial_tp_policy="sell")
    assert Switches.model_validate_json(changed.model_dump_json()) == changed
    texts = {name: text_of(value) for name, value in changed}
    assert check(SwitchTexts("dev", "kalshi-1", texts, {})) == (changed, ())


def test_defaults_are_valid_and_every_switch_says_what_is_allowed() -> None:
    assert check(SwitchTexts("dev", "kalshi-1", {}, {})) == (Switches(), ())
    assert all(allowed(name) and Switches.model_fields[name].description for name in NAMES)
    assert set(NAMES) == set(Switches.model_fields)


# The board


def test_account_stands_over_all_and_all_over_default(rig: Rig) -> None:
    rig.parameters.write(f"{ALL}/max_daily_loss", "50")
    rig.parameters.write(f"{ALL}/max_open_orders", "10")
    rig.parameters.write(f"{OWN}/max_daily_loss", "70")
    rig.parameters.write("/holdfast/dev/kalshi-2/max_daily_loss", "90")
    rig.parameters.write("/holdfast/prod/kalshi-1/max_open_orders", "99")
    reading = rig.board.read()
    assert reading.valid
    assert reading.switches == Switches(max_daily_loss=Decimal(70), max_open_orders=10)


def test_a_reading_is_kept_for_a_minute(rig: Rig) -> None:
    assert not rig.board.read().switches.halt
    rig.parameters.write(f"{OWN}/halt", "true")
    rig.clock.sleep_ms(59_999)
    assert not rig.board.read().switches.halt
    assert rig.parameters.reads == 2
    rig.clock.sleep_ms(1)
    assert rig.board.read().switches.halt


def test_refresh_does_not_wait(rig: Rig) -> None:
    rig.board.read()
    rig.parameters.write(f"{OWN}/halt", "true")
    assert rig.board.refresh().switches.halt
    assert rig.board.read().switches.halt


def test_invalid_set_leaves_the_last_valid_one_in_force(rig: Rig) -> None:
    rig.parameters.write(f"{OWN}/max_daily_loss", "70")
    good = rig.board.read().switches
    rig.parameters.write(f"{OWN}/max_daily_loss", "7o")
    rig.parameters.write(f"{OWN}/max_open_orders", "5")
    rig.clock.sleep_ms(60_000)
    reading = rig.board.read()
    assert (reading.valid, reading.switches) == (False, good)
    assert reading.problems == (f"{OWN}/max_daily_loss: '7o' is not allowed; allowed: {allowed('max_daily_loss')}",)
    rig.parameters.write(f"{OWN}/max_daily_loss", "71")
    rig.clock.sleep_ms(10_000)
    repaired = rig.board.read()
    assert repaired.valid
    assert repaired.switches == Switches(max_daily_loss=Decimal(71), max_open_orders=5)


def test_last_valid_set_survives_a_cold_start(rig: Rig) -> None:
    rig.parameters.write(f"{OWN}/max_daily_loss", "70")
    good = rig.board.read().switches
    rig.parameters.write(f"{OWN}/nonsense", "1")
    assert rig.cold_start().read().switches == good
    rig.parameters.broken = True
    reading = rig.cold_start().read()
    assert (reading.valid, reading.switches, reading.problems) == (False, good, ("parameters are unreachable",))


def test_without_any_valid_set_the_defaults_hold_but_are_not_called_valid(rig: Rig) -> None:
    rig.parameters.broken = True
    reading = rig.board.read()
    assert (reading.valid, reading.switches) == (False, Switches())
    assert rig.store.query(Table.CONTROL, "SWITCHES#kalshi-1") == [], "defaults in need are no valid set"


def test_halt_counts_beside_another_bad_switch(rig: Rig) -> None:
    rig.board.read()
    rig.parameters.write(f"{OWN}/max_open_orders", "many")
    rig.parameters.write(f"{ALL}/halt", "true")
    reading = rig.board.refresh()
    assert (reading.valid, reading.switches.halt) == (False, True)


def test_bad_switch_does_not_take_a_halt_back(rig: Rig) -> None:
    rig.parameters.write(f"{OWN}/halt", "true")
    rig.board.read()
    rig.parameters.write(f"{OWN}/halt", "flase")
    assert rig.board.refresh().switches.halt
    assert rig.cold_start().read().switches.halt


def test_last_valid_set_of_another_version_is_not_used(rig: Rig) -> None:
    rig.store.write(Put(Table.CONTROL, {"pk": "SWITCHES#kalshi-1", "sk": "last_valid", "switches": '{"old_switch":1}'}))
    rig.parameters.write(f"{OWN}/halt", "??")
    assert rig.board.read().switches == Switches()
    rig.parameters.write(f"{OWN}/halt", "true")
    rig.board.refresh()
    rig.parameters.broken = True
    assert rig.cold_start().read().switches == Switches(halt=True)


def test_last_valid_set_is_written_on_change_only(rig: Rig) -> None:
    class Counting(MemoryStore):
        writes = 0

        def write(self, write: object) -> None:
            self.writes += 1
            super().write(write)  # type: ignore[arg-type]

    store = Counting(rig.clock)
    key = Key(Table.CONTROL, "SWITCHES#kalshi-1", "last_valid")

    def board() -> SwitchBoard:
        return SwitchBoard(rig.parameters, "dev", "kalshi-1", rig.clock, store)

    first = board()
    first.read()
    before: Item | None = store.get(key)
    for _ in range(3):
        first.refresh()
        board().read()
    assert (store.writes, store.get(key)) == (1, before)
    rig.parameters.write(f"{OWN}/max_open_orders", "9")
    first.refresh()
    board().read()
    assert store.writes == 2


# Several accounts in one process


class Crowd(Rig):
    """Accounts that share everybody's switches; `reads` are the paths that were asked for since the last look."""

    def __init__(self, *accounts: str) -> None:
        super().__init__()
        self.paths: list[str] = []
        read = self.parameters.read

        def noted(path: str) -> dict[str, str]:
            self.paths.append(path.removeprefix("/holdfast/dev/"))
            return read(path)

        self.parameters.read = noted  # type: ignore[method-assign]
        everybody = EverybodysSwitches(self.parameters, "dev", self.clock)
        self.boards = [SwitchBoard(self.parameters, "dev", a, self.clock, self.store, everybody) for a in accounts]

    def read(self, after_ms: int = 0) -> tuple[list[bool], list[str]]:
        """Whether each account is halted, and what was asked for that."""
        self.clock.sleep_ms(after_ms)
        self.paths.clear()
        return [board.read().switches.halt for board in self.boards], list(self.paths)


def test_everybodys_switches_are_read_once_for_all_accounts_of_a_process() -> None:
    """SSM answers 40 calls a second to a whole AWS account, and everybody's switches are six of them."""
    crowd = Crowd("a", "b", "c")
    assert crowd.read()[1] == ["all", "a", "b", "c"]
    assert crowd.read(59_999)[1] == []
    assert crowd.read(1)[1] == ["all", "a", "b", "c"]


def test_switch_of_everybody_is_in_force_for_each_account_within_a_minute_whenever_it_ticks() -> None:
    crowd = Crowd("a", "b")
    first, second = crowd.boards
    first.read()
    crowd.clock.sleep_ms(30_000)
    second.read()
    crowd.parameters.write(f"{ALL}/halt", "true")
    crowd.clock.sleep_ms(30_000)
    assert second.read().switches.halt, "its own were read half a minute ago, everybody's a minute ago"
    assert first.read().switches.halt


def test_what_one_account_has_read_anew_for_everybody_holds_for_the_others_at_once() -> None:
    """A halt of all accounts that each of them asks SSM for would be more than SSM answers."""
    crowd = Crowd("a", "b", "c")
    crowd.read()
    crowd.parameters.write(f"{ALL}/halt", "true")
    crowd.clock.sleep_ms(1_000)
    assert crowd.boards[0].refresh().switches.halt
    assert crowd.read() == ([True, True, True], ["b", "c"])


def test_bad_switch_of_everybody_is_not_asked_for_again_by_each_account() -> None:
    crowd = Crowd("a", "b", "c")
    crowd.parameters.write(f"{ALL}/halt", "on")
    assert crowd.read() == ([False] * 3, ["all", "a", "b", "c"])
    assert crowd.read(9_999)[1] == []
    crowd.parameters.write(f"{ALL}/halt", "true")
    assert crowd.read(1) == ([True] * 3, ["all", "a", "b", "c"])
