"""The resting take profit after it was sent: what is offered again, and when. Offered too early it is sold twice."""

from msgspec import structs

from holdfast.core.bracket import Bracket, Lacking, Naked, NakedClass
from holdfast.core.capabilities import CancelAck
from holdfast.core.exits import Decision
from holdfast.core.floors import FloorPolicy
from holdfast.core.outcomes import Refusal
from holdfast.core.protection import Facts, Policy, Scene
from holdfast.core.take_profit import SELLABLE_AFTER_MS, after_acceptance, after_refusal, protect, take_profit_legs
from holdfast.core.windows import VenueMode
from tests.core.exit_world import MARKET, NOW, ONE, book, bracket
from tests.core.plan_world import CAPABILITIES

LAG = 10_000
POLICY = Policy(
    capabilities=structs.replace(CAPABILITIES, cancel_ack=CancelAck.FINAL, netting=False, reserves_sells=True),
    one=ONE,
    floors=FloorPolicy(first=200, step=100, most=1_000, every_ms=10_000, alarm_after=5),
    max_slice_money=10**9,
    cancel_timeout_ms=5_000,
    reads_lag_ms=LAG,
)
FACTS = Facts(
    held=1_000,
    settled=0,
    unbooked=0,
    provisional=False,
    fills_lag=False,
    sellable=None,
    ours=(),
    doubtful=frozenset(),
    overdue=frozenset(),
    unknown_exit=False,
    unknown_leg=False,
    entering=False,
    is_over=False,
    mode=VenueMode.TRADING,
    takes_cancels=True,
    book=book({5_900: 1_000}, {6_100: 1_000}),
    list_is_stale=False,
)


def legs(of: Bracket, after_ms: int = 0, **facts: object):
    """The step that long after NOW."""
    seen = structs.replace(FACTS, **facts)
    return take_profit_legs(of, Scene(seen, Decision(peak=6_000), POLICY, MARKET, NOW + after_ms, "d"))


def sent() -> Bracket:
    """A bracket whose first take profit has just gone out."""
    claim = legs(bracket()).claim
    assert claim is not None
    return claim


def refused(of: Bracket, reason: Refusal = Refusal.INSUFFICIENT_BALANCE, *, reserves_sells: bool = True) -> Bracket:
    return after_refusal(of, Lacking(1_000, NOW), reason, NOW, reserves_sells=reserves_sells)


def test_the_first_is_placed_at_once():
    step = legs(bracket())
    assert (step.take_profit.size, step.take_profit.price, step.claim.attempt) == (1_000, 7_000, 1)


def test_what_was_sent_and_is_gone_may_be_sold_although_the_same_size_lacked_long_ago():
    """It lacked before it was sent. Gone half a minute later, all of it may have filled, and no read says so yet."""
    gone = legs(sent(), 30_000)
    assert (gone.take_profit, gone.wait) == (None, "fills_may_lag")
    assert legs(gone.bracket, 30_000 + LAG).take_profit is None
    assert legs(gone.bracket, 30_001 + LAG).take_profit.leg.endswith("/2")


def test_what_was_refused_for_its_shares_is_offered_again_soon_and_no_fill_can_be_late():
    after = refused(sent())
    early = legs(after, SELLABLE_AFTER_MS - 1)
    assert (early.take_profit, early.wait) == (None, "not_sellable")
    assert early.bracket.fallback == "refused: insufficient_balance", "it is watched meanwhile"
    assert legs(after, SELLABLE_AFTER_MS).take_profit.leg.endswith("/2")


def test_what_is_refused_twice_waits_no_second_time():
    first = refused(sent())
    again = legs(first, SELLABLE_AFTER_MS)
    second = after_refusal(
        again.claim, again.bracket.lacking, Refusal.INSUFFICIENT_BALANCE, NOW + SELLABLE_AFTER_MS, reserves_sells=True
    )
    assert legs(second, SELLABLE_AFTER_MS).take_profit is not None


def test_another_size_than_the_refused_one_may_be_a_fill():
    partly = legs(refused(sent()), SELLABLE_AFTER_MS, held=900)
    assert (partly.take_profit, partly.wait) == (None, "fills_may_lag")


def naked(of: Bracket, after_ms: int, **facts: object) -> NakedClass | None:
    """Why no stop covers it that long after NOW."""
    seen = structs.replace(FACTS, **facts)
    return protect(of, Scene(seen, Decision(peak=6_000), POLICY, MARKET, NOW + after_ms, "d")).naked


def test_what_the_venue_did_not_have_is_naked_until_an_order_for_all_of_it_was_taken():
    """A part that filled, another refusal and an answer that is lost say nothing of the shares that are left."""
    after = refused(sent())
    assert after.naked == Naked(NOW, NakedClass.NOT_SELLABLE)
    later = SELLABLE_AFTER_MS + 1
    assert naked(after, later) is NakedClass.NOT_SELLABLE
    assert naked(after, later, held=900) is NakedClass.NOT_SELLABLE
    assert naked(legs(after, later).claim, later + 1, unknown_leg=True) is NakedClass.NOT_SELLABLE
    crossed = after_refusal(after, after.lacking, Refusal.POST_ONLY_CROSS, NOW + later, reserves_sells=True)
    assert naked(crossed, later) is NakedClass.NOT_SELLABLE
    rests = after_acceptance(legs(after, later).claim, NOW + later)
    assert (rests.naked.cause, rests.naked.total_ms) == (None, later)
    assert naked(sent(), later) is None
    assert naked(refused(sent(), reserves_sells=False), later) is None
    assert naked(after, later, mode=VenueMode.CANCEL_ONLY) is NakedClass.WINDOW


def test_other_refusals_and_venues_that_reserve_nothing_keep_to_the_lag():
    for after in (refused(sent(), Refusal.POST_ONLY_CROSS), refused(sent(), reserves_sells=False)):
        assert legs(after, SELLABLE_AFTER_MS).wait == "fills_may_lag"
        assert legs(after, LAG + 1).take_profit is not None
