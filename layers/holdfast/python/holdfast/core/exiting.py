"""One step of an exit that was decided, and the step of a bracket in all. Pure.

An exit is over only when nothing is held any more: what is rejected, filled in part or bounded by its price is sent
again from what is left, with a back-off, for ever. It takes liquidity, never below its floor; in a window of the venue
it goes as far as the venue lets it.
"""

from msgspec import structs

from holdfast.core.bracket import Bracket, BracketState, Exit, ExitSource, NakedClass, Undoing, moved, own_price
from holdfast.core.errors import InvalidInputError
from holdfast.core.floors import (
    FIRST_BACKOFF_MS,
    LONGEST_BACKOFF_MS,
    FloorPolicy,
    backoff_ms,
    floor_of,
    is_alarm_due,
    is_dust,
    slice_of,
)
from holdfast.core.grid import OwnGrid
from holdfast.core.market import MarketRules
from holdfast.core.marks import mark_of, sellable_depth
from holdfast.core.orders import OpenOrder, Purpose, TargetOrder, TimeInForce
from holdfast.core.outcomes import Placed, PlaceOutcome, Refusal, Refused, Unknown
from holdfast.core.protection import Facts, Scene, Step, finish, undo_flip, write_off_dust
from holdfast.core.take_profit import awaiting_fills, protect, take_profit_legs
from holdfast.core.windows import exit_in

# A take profit that no list shows would sell beside the exit. Lists are seconds behind; one that stays so can't keep a
# position for ever, and the venue lets no exit sell more than is held.
LONGEST_STALE_MS = 30_000
# What is too small to rest and sells nothing so often in a row (two and a half minutes) is dust: entries wait for it.
SMALL_ATTEMPTS = 10
NOT_OF_THE_ORDER = frozenset({Refusal.RATE_LIMITED, Refusal.GEOBLOCKED})
"""Refusals that say nothing of the order or its market."""


def step(bracket: Bracket, scene: Scene) -> Step:
    """The step of an open bracket."""
    facts, decision = scene.facts, scene.decision
    if facts.held < 0:
        return undo_flip(bracket, scene)
    if facts.held == 0:
        return finish(bracket, scene)
    is_unsellable = is_dust(facts.held, scene.rules) or _is_taken_by_nobody(bracket, scene)
    if is_unsellable and not facts.entering:
        # Before any rule is heard: what can't be sold begins no exit, whatever its price has come to.
        return write_off_dust(bracket, scene)
    # Where nothing trails, nobody needs the peak: it is not worth a write.
    peak = decision.peak if bracket.levels.trailing_distance else bracket.peak
    bracket = structs.replace(bracket, peak=peak, traded_through_at_ms=decision.traded_through_at_ms)
    is_profit = decision.exit is not None and decision.exit.source is ExitSource.POSITION_MONITOR_TP
    if bracket.exit is None and is_profit and (waiting := awaiting_fills(bracket, scene)):
        return waiting
    if bracket.exit is None and decision.exit is not None:
        bracket = _begun(bracket, decision.exit, scene.decision_id)
    if bracket.exit is None and _is_rest_due(bracket, scene):
        bracket = _begun(bracket, _rest_exit(bracket, scene), scene.decision_id)
    return _exit(bracket, scene) if bracket.exit is not None else protect(bracket, scene)


def after_attempt(bracket: Bracket, outcome: PlaceOutcome, now_ms: int, *, rests: bool = False) -> Bracket:
    """The bracket after its exit order, or the cancel before it, was answered.

    One that sold something, or rests (`rests`: it was meant to), is no failure; one of unknown outcome is resolved by
    the journal first; one that rate or access refused says nothing of the market (see `shut_out`). All others are
    tried again after a back-off, for ever: so is one that was accepted to take at once and took nothing (held back by
    the venue, or met an order of our own), or nobody would ever be called.
    """
    if isinstance(outcome, Refused) and outcome.reason in NOT_OF_THE_ORDER:
        return shut_out(bracket, outcome.reason, now_ms)
    if bracket.exit is None or isinstance(outcome, Unknown):
        return bracket
    exit = structs.replace(bracket.exit, shut_out_since_ms=0)
    if isinstance(outcome, Placed) and (outcome.filled or (rests and outcome.remaining)):
        return structs.replace(bracket, exit=structs.replace(exit, failures=0, retry_at_ms=0, alarmed=False))
    failures = exit.failures + 1
    failed = structs.replace(exit, failures=failures, retry_at_ms=now_ms + backoff_ms(failures))
    cause = NakedClass.EXITING
    if isinstance(outcome, Refused):
        lacking = outcome.reason is Refusal.INSUFFICIENT_BALANCE
        cause = NakedClass.NOT_SELLABLE if lacking else NakedClass.REFUSED
    return structs.replace(bracket, exit=failed, naked=bracket.naked.at(cause, now_ms))


def shut_out(bracket: Bracket, reason: Refusal, now_ms: int) -> Bracket:
    """The bracket whose exit the account's rate or access does not let out: no failed attempt, and since when it is so.

    For the rate the account's back-off says when the next one is due. A place that the venue takes no orders from is
    tried again after as long as it has lasted, 1 to 30 s.
    """
    exit = bracket.exit
    if exit is None:
        return bracket
    since_ms = exit.shut_out_since_ms or now_ms
    retry_at_ms = exit.retry_at_ms
    if reason is not Refusal.RATE_LIMITED:
        retry_at_ms = now_ms + min(max(now_ms - since_ms, FIRST_BACKOFF_MS), LONGEST_BACKOFF_MS)
    return structs.replace(bracket, exit=structs.replace(exit, shut_out_since_ms=since_ms, retry_at_ms=retry_at_ms))


def after_undoing(bracket: Bracket, outcome: PlaceOutcome, policy: FloorPolicy, now_ms: int) -> Bracket:
    """The bracket after an order that sells an unwanted position, or the cancel before it, was answered.

    Like an exit it is tried for ever, with the same back-off; a person is called again after as many failures in a row.
    """
    if isinstance(outcome, Unknown):
        return bracket
    if isinstance(outcome, Refused) and outcome.reason in NOT_OF_THE_ORDER:
        if outcome.reason is Refusal.RATE_LIMITED:
            return bracket
        later = structs.replace(bracket.undoing, retry_at_ms=now_ms + LONGEST_BACKOFF_MS)
        return structs.replace(bracket, undoing=later)
    if isinstance(outcome, Placed) and outcome.filled:
        return structs.replace(bracket, undoing=Undoing())
    failures = bracket.undoing.failures + 1
    undoing = Undoing(failures, now_ms + backoff_ms(failures))
    naked = bracket.naked.at(NakedClass.REFUSED, now_ms)
    if failures != policy.alarm_after:
        return structs.replace(bracket, undoing=undoing, naked=naked)
    reason = f"{bracket.disputed or bracket.reason}; {failures} attempts in a row to undo it sold nothing"
    return structs.replace(bracket, undoing=undoing, naked=naked, reason=reason, called_at_ms=0)


def _begun(bracket: Bracket, exit: Exit, decision_id: str) -> Bracket:
    return moved(bracket, BracketState.EXITING, exit.reason, decision_id, exit=exit, exit_asked=None)


def _exit(bracket: Bracket, scene: Scene) -> Step:
    facts, now_ms = scene.facts, scene.now_ms
    bracket, exit = _marked(bracket, scene)
    naked = bracket.naked.cause if exit.failures and bracket.naked.cause else NakedClass.EXITING
    if facts.is_over:
        return Step(bracket, wait="market_over", naked=NakedClass.WINDOW)
    target = _target(bracket, exit, scene)
    if facts.unknown_exit:
        # The same bytes again only where the venue takes them: a refusal for its mode says nothing of the first send.
        return Step(bracket, resend=facts.mode.takes(target), wait="unknown_outcome", naked=NakedClass.EXITING)
    reserves_sells = scene.policy.capabilities.reserves_sells
    form = exit_in(facts.mode, target, facts.top, scene.rules, reserves_sells=reserves_sells)
    if form is None or not facts.takes_cancels:
        # The take profit stays, or goes back: it is the only protection that the venue takes now.
        rests = any(order.purpose is Purpose.EXIT for order in facts.certain)
        legs = Step(bracket) if rests else take_profit_legs(bracket, scene)
        return structs.replace(legs, wait="window", naked=NakedClass.WINDOW)
    is_first_hard = scene.decision.take_liquidity and not exit.failures and not exit.shut_out_since_ms
    if now_ms < exit.retry_at_ms and not is_first_hard:
        return Step(bracket, wait="backoff", naked=naked)
    ours = [order for order in facts.cancelable if order.purpose is not None]
    cancels = tuple(order for order in ours if not _serves(order, form))
    if len(cancels) < len(ours):
        # A post-only exit at today's price rests already; it keeps its place in the queue.
        return Step(bracket, cancels=cancels, wait="resting", naked=NakedClass.WINDOW)
    if facts.list_is_stale and bracket.attempt and now_ms - exit.decided_at_ms < LONGEST_STALE_MS:
        # What it shows may be over, and what is over is not cancelled again.
        return Step(bracket, wait="list_stale", naked=naked)
    if facts.unfinished and not _may_send_anyway(exit, scene):
        return Step(bracket, cancels=cancels, wait="cancel_unfinished", naked=naked)
    claim = structs.replace(
        bracket,
        attempt=bracket.attempt + 1,
        exit=structs.replace(
            exit, sends=exit.sends + 1, size=facts.held, rests=form.time_in_force is TimeInForce.RESTING
        ),
    )
    return Step(bracket, claim=claim, cancels=cancels, exit=form, naked=naked)


def _marked(bracket: Bracket, scene: Scene) -> tuple[Bracket, Exit]:
    """The bracket with today's mark in its exit, and the alarm raised where it is due: a person is called."""
    exit = bracket.exit
    if exit is None:
        raise InvalidInputError(f"exit of bracket {bracket.bracket_id}", exit, "one that was decided")
    if scene.decision.marked is not None:
        exit = structs.replace(exit, mark=scene.decision.marked)
    if exit.alarmed or not is_alarm_due(exit, scene.policy.floors, scene.now_ms):
        return structs.replace(bracket, exit=exit), exit
    exit = structs.replace(exit, alarmed=True)
    reason = f"{exit.failures} attempts in a row sold nothing" if exit.failures else "its floor is at the last step"
    if bracket.state is BracketState.ATTENTION:
        return structs.replace(bracket, exit=exit, reason=reason, called_at_ms=0), exit
    return moved(bracket, BracketState.ATTENTION, reason, scene.decision_id, exit=exit), exit


def _target(bracket: Bracket, exit: Exit, scene: Scene) -> TargetOrder:
    """The order that takes what the book gives at the floor or better, of what is held."""
    facts, policy = scene.facts, scene.policy
    grid = OwnGrid(scene.rules, bracket.side, policy.capabilities.scale, policy.one)
    floor = floor_of(exit, scene.decision.marked, policy.floors, grid, scene.now_ms)
    worth = mark_of(facts.book, bracket.side, policy.one).bid or exit.mark
    depth = sellable_depth(facts.book, bracket.side, policy.one, floor) if facts.book is not None else 0
    return TargetOrder(
        market=bracket.market,
        side=bracket.exit_side,
        price=own_price(floor, bracket.side, policy.one),
        size=slice_of(_sellable(bracket, facts, scene.rules), depth, worth, policy.max_slice_money, scene.rules),
        purpose=Purpose.EXIT,
        leg=f"{bracket.bracket_id}/exit/{bracket.attempt + 1}",
        post_only=False,
        time_in_force=TimeInForce.IMMEDIATE,
        reduce_only=True,
        decision_id=scene.decision_id,
    )


def _sellable(bracket: Bracket, facts: Facts, rules: MarketRules) -> int:
    """What is held; where the venue has said that it does not have all of it, what it has, else the settled part.

    All of it again where that is too little for an order: what is refused is said, what is not sent is not.
    """
    if bracket.naked.cause is not NakedClass.NOT_SELLABLE:
        return facts.held
    there = facts.settled if facts.sellable is None else facts.sellable
    return there if rules.snap_sale(there) and there < facts.held else facts.held


def _may_send_anyway(exit: Exit, scene: Scene) -> bool:
    """Whether an exit may go out although a cancel is not final: where the venue keeps a sale from selling twice.

    It keeps what the wallet holds, be it ours or not. So what reads are known to lack is waited for, and so is an exit
    that could not be cancelled: the venue may hold it back for seconds before it takes what it can.
    """
    facts, policy = scene.facts, scene.policy
    if any(order.purpose is Purpose.EXIT and order.order_id in facts.doubtful for order in facts.ours):
        return False
    most_ms = max(policy.cancel_timeout_ms, policy.reads_lag_ms if facts.fills_lag else 0)
    return policy.capabilities.reserves_sells and scene.now_ms - exit.decided_at_ms >= most_ms


def _serves(order: OpenOrder, form: TargetOrder) -> bool:
    """Whether a resting exit is the one that would be placed now."""
    same = order.purpose is Purpose.EXIT and order.side is form.side and order.price == form.price
    return same and form.time_in_force is TimeInForce.RESTING and order.remaining <= form.size


def _is_taken_by_nobody(bracket: Bracket, scene: Scene) -> bool:
    """Whether less is held than may rest, and nobody took it at once, again and again."""
    exit = bracket.exit
    if exit is None or scene.rules.snap_size(scene.facts.held):
        return False
    return exit.failures >= SMALL_ATTEMPTS and bracket.naked.cause is not NakedClass.NOT_SELLABLE


def _is_rest_due(bracket: Bracket, scene: Scene) -> bool:
    """Whether enough of the take profit has filled that its rest is to be sold."""
    percent = scene.policy.sell_rest_percent
    if not percent or scene.facts.entering:
        return False
    filled = sum(order.filled for order in scene.facts.ours if order.purpose is Purpose.TAKE_PROFIT)
    return filled > 0 and filled * 100 >= (filled + scene.facts.held) * percent


def _rest_exit(bracket: Bracket, scene: Scene) -> Exit:
    level = bracket.levels.take_profit
    bid = mark_of(scene.facts.book, bracket.side, scene.policy.one).bid or level
    reason = f"at least {scene.policy.sell_rest_percent} % of the take profit has filled: the rest is sold"
    return Exit(ExitSource.POSITION_MONITOR_TP, reason, scene.now_ms, bid, level, bid, scene.facts.held)
