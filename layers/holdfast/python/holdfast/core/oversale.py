"""More was sold than was ours, where nothing can be sold short: it was somebody else's in the same wallet."""

from msgspec import structs

from holdfast.core.bracket import Before
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from holdfast.core.positions import LedgerKind, LedgerLine, Position


def hand_over(
    position: Position, before: Before, key: str, now_ms: int, decision_id: str
) -> tuple[Position, LedgerLine]:
    """The flat position once a person has said that what was sold too much was his, and its line.

    `before` are the position's sums when its bracket was opened. What was sold too much had been entered and sold as
    ours, and the entry was taken back later: its share of what was entered, spent and realized since leaves our books
    with all the cash that it brought: it is no profit of ours. Raises InvalidInputError where there is no such thing.
    """
    if position.size >= 0:
        raise InvalidInputError(
            f"position in {position.market}", position.size, "one that was sold beyond what was held"
        )
    entered = position.entered - before.entered
    share = min(-position.size, entered)
    spent = (position.spent - before.spent) * share // entered if entered else 0
    realized = (position.realized - before.realized) * share // entered if entered else 0
    after = structs.replace(
        position,
        size=0,
        cost=0,
        realized=position.realized - realized,
        entered=position.entered - share,
        spent=position.spent - spent,
    )
    line = LedgerLine(
        key=key,
        kind=LedgerKind.FOREIGN,
        market=position.market,
        side=Side.BUY,
        price=0,
        size=-position.size,
        fee=0,
        cash=after.cash - position.cash,
        realized=-realized,
        position_after=0,
        at_ms=now_ms,
        decision_id=decision_id,
    )
    return after, line
