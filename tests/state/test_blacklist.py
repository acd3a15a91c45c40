"""The blacklist on both stores: how many stop losses bar a market, for how long, each counted once."""

import pytest

from holdfast.clock import VirtualClock
from holdfast.core.blacklist import BlacklistPolicy
from holdfast.core.errors import InvalidInputError
from holdfast.state.blacklist import Blacklist
from holdfast.state.port import Put, Store, Table
from tests.state.items import NOW_MS

DAY_MS = 86_400_000
POLICY = BlacklistPolicy(days=3, attempts=2)
UNTIL = NOW_MS + 3 * DAY_MS


@pytest.fixture
def blacklist(store: Store) -> Blacklist:
    return Blacklist(store, "a")


def lost(store: Store, blacklist: Blacklist, market: str, bracket: str, at_ms: int) -> None:
    store.write(blacklist.stop_loss(market, bracket, at_ms, POLICY))


def test_a_market_is_refused_from_its_second_stop_loss_on(store: Store, blacklist: Blacklist) -> None:
    lost(store, blacklist, "M", "b1", NOW_MS - DAY_MS)
    assert blacklist.until_ms(POLICY, NOW_MS) == {}
    lost(store, blacklist, "M", "b2", NOW_MS)
    lost(store, blacklist, "OTHER", "b3", NOW_MS)
    assert blacklist.until_ms(POLICY, NOW_MS) == {"M": UNTIL}
    assert blacklist.until_ms(BlacklistPolicy(days=3, attempts=1), NOW_MS) == {"M": UNTIL, "OTHER": UNTIL}
    assert Blacklist(store, "b").until_ms(POLICY, NOW_MS) == {}


def test_one_position_counts_once_however_often_it_is_recorded(store: Store, blacklist: Blacklist) -> None:
    for _ in range(3):
        lost(store, blacklist, "M", "b1", NOW_MS)
    assert blacklist.until_ms(POLICY, NOW_MS) == {}


def test_it_ends_to_the_millisecond_however_late_items_are_deleted(store: Store, blacklist: Blacklist) -> None:
    for bracket in ("b1", "b2"):
        lost(store, blacklist, "M", bracket, NOW_MS)
    assert blacklist.until_ms(POLICY, UNTIL - 1) == {"M": UNTIL}
    assert len(store.query(Table.CONTROL, "BLACKLIST#a")) == 2, "they are still there"
    assert blacklist.until_ms(POLICY, UNTIL) == {}


def test_a_second_loss_at_the_end_of_the_window_bars_a_whole_window(
    store: Store, blacklist: Blacklist, clock: VirtualClock
) -> None:
    lost(store, blacklist, "M", "b1", NOW_MS)
    clock.sleep_ms(3 * DAY_MS - 1)
    lost(store, blacklist, "M", "b2", clock.now_ms())
    clock.sleep_ms(3 * DAY_MS - 1)
    assert blacklist.until_ms(POLICY, clock.now_ms()) == {"M": clock.now_ms() + 1}
    clock.sleep_ms(1)
    assert blacklist.until_ms(POLICY, clock.now_ms()) == {}


def test_losses_further_apart_than_the_window_do_not_add_up(store: Store, blacklist: Blacklist) -> None:
    lost(store, blacklist, "M", "b1", NOW_MS - 3 * DAY_MS)
    lost(store, blacklist, "M", "b2", NOW_MS)
    assert blacklist.until_ms(POLICY, NOW_MS) == {}


def test_items_go_when_they_can_count_no_more(store: Store, blacklist: Blacklist, clock: VirtualClock) -> None:
    lost(store, blacklist, "M", "b1", NOW_MS)
    clock.sleep_ms(6 * DAY_MS + 1_000)
    assert store.query(Table.CONTROL, "BLACKLIST#a") == []


def test_lifting_a_market_leaves_the_others(store: Store, blacklist: Blacklist) -> None:
    for market in ("M", "M2"):
        for bracket in ("b1", "b2"):
            lost(store, blacklist, market, bracket, NOW_MS)
    assert blacklist.lift("M") == 2
    assert blacklist.until_ms(POLICY, NOW_MS) == {"M2": UNTIL}


def test_a_stop_loss_fits_into_the_transaction_that_closes_its_bracket(store: Store, blacklist: Blacklist) -> None:
    closing = Put(Table.BRACKETS, {"pk": "TRADE#a", "sk": "t"})
    store.transact([closing, blacklist.stop_loss("M", "b1", NOW_MS, POLICY)])
    assert len(store.query(Table.CONTROL, "BLACKLIST#a")) == 1


@pytest.mark.parametrize(("days", "attempts"), [(0, 1), (366, 1), (3, 0), (3, 101)])
def test_a_policy_that_means_nothing_is_refused(days: int, attempts: int) -> None:
    with pytest.raises(InvalidInputError, match="blacklist"):
        BlacklistPolicy(days, attempts)


def test_a_market_that_is_no_key_is_refused(blacklist: Blacklist) -> None:
    with pytest.raises(InvalidInputError, match="market"):
        blacklist.stop_loss("a#b", "b1", NOW_MS, POLICY)
