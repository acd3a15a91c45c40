"""When another attempt at a redemption may start, by example."""

from msgspec import structs

from holdfast.core.outcomes import Refusal, Refused, Unknown
from holdfast.core.redemption import (
    MOST_FAILURES,
    STILL_LISTED_MS,
    Holding,
    Redeemable,
    Redemption,
    RedemptionState,
    SignedRedemption,
    Submitted,
    identity_of,
    ledger_lines,
    may_start,
    next_attempt,
)

NOW = 1_000_000
WANTED = Redeemable("0xc", (Holding("t", 10_000_000, 10**11),))


def attempt(latest: Redemption | None = None) -> Redemption:
    signed = SignedRedemption("{}", NOW + 660_000)
    return next_attempt(latest, "a", WANTED, signed, fence=1, now_ms=NOW, resolvable_at_ms=NOW + 12_000)


def refused(reason: Refusal) -> Redemption:
    return attempt().after(Refused(reason, "code", "words"), NOW)


def test_open_attempt_allows_no_other() -> None:
    sent = attempt()
    assert may_start(None, NOW)
    assert sent.after(Unknown("no answer"), NOW) == sent
    assert not may_start(sent, NOW + 10**9)
    assert not may_start(sent.after(Submitted("x"), NOW), NOW + 10**9)


def test_each_attempt_has_an_identity_of_its_own_and_takes_the_place_of_the_last() -> None:
    first = refused(Refusal.MALFORMED)
    second = attempt(first)
    assert (second.attempt, second.version, second.failures) == (2, first.version + 1, 1)
    assert second.identity == identity_of("a", "0xc", 2) != first.identity
    assert identity_of("a", "0xc", 2) != identity_of("b", "0xc", 2)


def test_confirmed_one_is_not_repeated_while_a_late_list_may_show_it() -> None:
    done = attempt().confirmed("x", NOW)
    assert not may_start(done, NOW + STILL_LISTED_MS - 1)
    assert may_start(done, NOW + STILL_LISTED_MS)


def test_refusals_that_say_nothing_of_it_do_not_count() -> None:
    for reason in (Refusal.RATE_LIMITED, Refusal.NOT_SENT, Refusal.TRADING_PAUSED):
        assert refused(reason).failures == 0
    for reason in (Refusal.MALFORMED, Refusal.UNAUTHORIZED):
        assert refused(reason).failures == 1


def test_failures_back_off_and_end() -> None:
    record, waits = refused(Refusal.MALFORMED), []
    while not record.is_given_up:
        waits.append(record.next_at_ms() - record.ended_at_ms)
        record = attempt(record).after(Refused(Refusal.MALFORMED), NOW)
    assert waits == [120_000, 240_000, 480_000, 960_000]
    assert record.failures == MOST_FAILURES
    assert not may_start(record, NOW + 10**9)


def test_what_starts_anew_may_go_at_once_under_a_new_name() -> None:
    """The relayer's list still shows the failed transactions under theirs."""
    record, names = refused(Refusal.MALFORMED), set()
    while not record.is_given_up:
        names.add(record.identity)
        record = attempt(record).after(Refused(Refusal.MALFORMED), NOW)
    anew = record.restarted()
    assert may_start(anew, NOW)
    assert attempt(anew).failures == 0
    assert attempt(anew).identity not in names | {record.identity}


def test_one_look_at_a_holding_that_is_still_there_proves_nothing() -> None:
    once = attempt().seen_void(NOW)
    assert once.is_open
    twice = once.seen_void(NOW + 1)
    assert (twice.state, twice.failures) == (RedemptionState.FAILED, 0)


def test_its_ledger_lines_move_no_money() -> None:
    (line,) = ledger_lines(structs.replace(attempt(), transaction_id="x"), NOW, "d")
    assert (line.cash, line.realized, line.position_after) == (0, 0, 0)
    assert (line.price, line.size, line.order_id) == (10_000, 10_000_000, "x")
