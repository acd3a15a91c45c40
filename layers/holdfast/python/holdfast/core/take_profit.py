"""The legs of a bracket while no exit is due: the resting take profit follows what is held."""

from collections.abc import Sequence

from msgspec import structs

from holdfast.core.bracket import Bracket, BracketState, ExitMode, Lacking, NakedClass, moved, own_price
from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder, Purpose, Reduction, TargetOrder
from holdfast.core.outcomes import Refusal
from holdfast.core.protection import Facts, Scene, Step
from holdfast.core.windows import VenueMode

# Between a take profit that was refused because the venue does not have what was bought yet, and the next one. Where a
# match settles on a chain that takes a block or two, of about two seconds each; a tick that waits is billed for it and
# keeps its lease, so it waits once, no longer, and leaves the rest to the next one.
SELLABLE_AFTER_MS = 3_000


def protect(bracket: Bracket, scene: Scene) -> Step:
    """The legs that are needed now, and the state that follows once the entry is over."""
    legs = take_profit_legs(bracket, scene)
    bracket = legs.bracket
    if bracket.state is BracketState.OPENING and not scene.facts.entering:
        rests = bracket.mode is ExitMode.LIMIT_ORDERS and not bracket.fallback
        reason = f"the entry is over: take profit {'to rest at the venue' if rests else 'watched'}, stop armed"
        bracket = moved(bracket, BracketState.PROTECTED, reason, scene.decision_id)
        claim = _claimed(bracket) if legs.claim else None
        legs = structs.replace(legs, bracket=bracket, claim=claim)
    return structs.replace(legs, naked=_naked(bracket, scene))


def take_profit_legs(bracket: Bracket, scene: Scene) -> Step:
    """What the resting take profit needs: smaller, gone, or the missing part placed."""
    facts = scene.facts
    ours = [order for order in facts.certain if order.purpose is Purpose.TAKE_PROFIT]
    if facts.is_over or not facts.takes_cancels:
        return Step(bracket)
    if bracket.mode is ExitMode.MONITOR or not bracket.levels.take_profit:
        return Step(bracket, excess=tuple(ours))
    price = own_price(bracket.levels.take_profit, bracket.side, scene.policy.one)
    wrong = tuple(order for order in ours if order.price != price)
    right = [order for order in ours if order.price == price]
    resting = sum(order.remaining for order in right)
    if resting > facts.held:
        gone, smaller = _less(right, resting - facts.held, decreases=scene.policy.capabilities.decrease)
        return Step(bracket, excess=(*wrong, *gone), reductions=smaller)
    missing = scene.rules.snap_size(facts.held - resting - sum(order.remaining for order in wrong))
    watched = bracket.fallback
    bracket = structs.replace(
        bracket,
        fallback="" if resting else _why_not_resting(bracket, facts, price, missing),
        lacking=_lacking(bracket, missing, scene.now_ms),
    )
    if wrong or not missing or bracket.fallback or facts.unknown_exit or facts.unfinished:
        return Step(bracket, excess=wrong)
    if not _is_certainly_lacking(bracket, scene):
        return Step(bracket, wait="fills_may_lag")
    if sellable_in_ms(bracket.lacking, scene.now_ms):
        return Step(structs.replace(bracket, fallback=watched), wait="not_sellable")
    return _place(bracket, scene, price, missing)


def awaiting_fills(bracket: Bracket, scene: Scene) -> Step | None:
    """The step while a take profit that rested is gone and its price is there: fills of it may only be late.

    What a take profit of ours would sell now is then sold already. None where it did not rest, or stays unsold for
    longer than reads lag: somebody cancelled it.
    """
    facts = scene.facts
    rested = bracket.mode is ExitMode.LIMIT_ORDERS and bracket.attempt and not bracket.fallback
    if not rested or any(order.purpose is Purpose.TAKE_PROFIT for order in facts.ours):
        return None
    missing = scene.rules.snap_size(facts.held)
    bracket = structs.replace(bracket, lacking=_lacking(bracket, missing, scene.now_ms))
    if not missing or _is_certainly_lacking(bracket, scene):
        return None
    return Step(bracket, wait="fills_may_lag", naked=_naked(bracket, scene))


def sellable_in_ms(lacking: Lacking | None, now_ms: int) -> int:
    """How long what the venue refused is kept back before it is offered again; 0 where it may be offered now."""
    refused_at_ms = lacking.refused_at_ms if lacking is not None else 0
    return max(refused_at_ms + SELLABLE_AFTER_MS - now_ms, 0) if refused_at_ms else 0


def after_refusal(
    bracket: Bracket, lacking: Lacking | None, reason: Refusal, now_ms: int, *, reserves_sells: bool
) -> Bracket:
    """The bracket after its take profit was refused: it is watched, and what it was for is `lacking` as before.

    Only the first refusal for shares that the venue does not have yet starts the wait. What is refused to a take profit
    for its shares would be refused to a stop: until it is offered again and taken, the position is naked.
    """
    is_early = reserves_sells and reason is Refusal.INSUFFICIENT_BALANCE
    if lacking is not None and is_early and not lacking.refused_at_ms:
        lacking = structs.replace(lacking, refused_at_ms=now_ms)
    naked = bracket.naked
    if is_early and naked.cause is None:
        naked = naked.at(NakedClass.NOT_SELLABLE, now_ms)
    return structs.replace(bracket, fallback=f"refused: {reason.value}", lacking=lacking, naked=naked)


def after_acceptance(bracket: Bracket, now_ms: int) -> Bracket:
    """The bracket after its take profit was taken: the venue has the shares, so that it would take a stop as well."""
    if bracket.naked.cause is not NakedClass.NOT_SELLABLE:
        return bracket
    return structs.replace(bracket, naked=bracket.naked.at(None, now_ms))


def _place(bracket: Bracket, scene: Scene, price: int, size: int) -> Step:
    target = TargetOrder(
        market=bracket.market,
        side=bracket.exit_side,
        price=price,
        size=size,
        purpose=Purpose.TAKE_PROFIT,
        leg=f"{bracket.bracket_id}/take-profit/{bracket.attempt + 1}",
        post_only=scene.policy.capabilities.post_only,
        decision_id=scene.decision_id,
    )
    if not scene.facts.mode.takes(target):
        return Step(structs.replace(bracket, fallback=f"the venue is {scene.facts.mode.value}"))
    return Step(bracket, claim=_claimed(bracket), take_profit=target)


def _claimed(bracket: Bracket) -> Bracket:
    """The bracket once its take profit is sent: what it is for lacks no more, whatever becomes of it."""
    return structs.replace(bracket, attempt=bracket.attempt + 1, lacking=None)


def _lacking(bracket: Bracket, missing: int, now_ms: int) -> Lacking | None:
    if not missing:
        return None
    if bracket.lacking is not None and bracket.lacking.size == missing:
        return bracket.lacking
    return Lacking(missing, now_ms)


def _is_certainly_lacking(bracket: Bracket, scene: Scene) -> bool:
    """Whether what looks lacking can't be the fill of an order of this bracket that no read shows yet."""
    lacking = bracket.lacking
    if not bracket.attempt or (lacking is not None and lacking.refused_at_ms):
        return True
    since_ms = lacking.since_ms if lacking else scene.now_ms
    return scene.now_ms - since_ms > scene.policy.reads_lag_ms


def _why_not_resting(bracket: Bracket, facts: Facts, price: int, missing: int) -> str:
    """Why the take profit can't rest now and is watched instead; "" where it can."""
    if not missing:
        return "less is held than the venue's smallest order"
    best = facts.top.bid if bracket.exit_side is Side.SELL else facts.top.ask
    if best is None:
        return ""
    crosses = price <= best if bracket.exit_side is Side.SELL else price >= best
    return "it would fill at once: the market is at its price or beyond" if crosses else ""


def _less(
    orders: Sequence[OpenOrder], too_much: int, *, decreases: bool
) -> tuple[tuple[OpenOrder, ...], tuple[Reduction, ...]]:
    """Take `too_much` off these orders, the youngest first: whole orders go, one is made smaller where that exists."""
    gone: list[OpenOrder] = []
    smaller: list[Reduction] = []
    for order in sorted(orders, key=lambda order: order.created_at_ms, reverse=True):
        if too_much <= 0:
            break
        if order.remaining <= too_much or not decreases:
            gone.append(order)
        else:
            left = order.remaining - too_much
            smaller.append(
                Reduction(order.order_id, order.market, order.side, left, order.shard, order.client_order_id)
            )
        too_much -= order.remaining
    return tuple(gone), tuple(smaller)


def _naked(bracket: Bracket, scene: Scene) -> NakedClass | None:
    """Why no stop of ours covers what is held; None where one could be sent now, at a price that we know.

    What the venue said of its shares holds until an order for what lacks rests: a refusal for another reason, or none,
    says nothing of them.
    """
    if scene.facts.is_over or scene.facts.mode is not VenueMode.TRADING:
        return NakedClass.WINDOW
    if scene.decision.stops_blind:
        return NakedClass.BLIND
    lacking = bracket.lacking
    if lacking is not None and (lacking.refused_at_ms or bracket.naked.cause is NakedClass.NOT_SELLABLE):
        return NakedClass.NOT_SELLABLE
    return None
