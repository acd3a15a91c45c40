"""What is held in one market, what it cost, and the ledger lines that say how it came about.

Every line changes the venue's balance by `cash`, and for every position cash == realized - fees - cost, exactly.
`one` is the price of 1 on a venue that nets two outcomes, None elsewhere. On a netting venue a negative size is held
in the second outcome: opening it by a sale at p costs one - p, closing it by a buy at p pays one - p (facts kalshi
section 5). Elsewhere a negative size means that more was sold than we know of; its cost is the proceeds, negative.
"""

from enum import StrEnum

from msgspec import Struct

from holdfast.core.errors import InvalidInputError, PositionMismatchError
from holdfast.core.market import Side
from holdfast.core.orders import Fill, Purpose, Settlement, split_reducing


class LedgerKind(StrEnum):
    """Why a ledger line exists (design section 5). `foreign`: a fill of an order that Holdfast did not place."""

    FILL = "fill"
    REVERSAL = "reversal"
    SETTLEMENT = "settlement"
    REDEMPTION = "redemption"
    MERGE = "merge"
    DUST = "dust"
    FOREIGN = "foreign"


class Position(Struct, frozen=True):
    """The net position of one market. Size in signed size units, the rest in money units.

    `cost` is what the open size cost without fees, at average cost. `realized` is before fees, as venues state it.
    """

    market: str
    size: int = 0
    cost: int = 0
    realized: int = 0
    fees: int = 0

    @property
    def cash(self) -> int:
        """What this market changed the venue's balance by so far."""
        return self.realized - self.fees - self.cost


class LedgerLine(Struct, frozen=True):
    """One change of a position. `key` is unique in an account's ledger.

    `size` is positive and `side` its direction, so position_after = position before + size (buy) or - size (sell); a
    settlement closes and has price 0. `cash` is the change of the venue's balance, `realized` the P&L before the fee.
    """

    key: str
    kind: LedgerKind
    market: str
    side: Side
    price: int
    size: int
    fee: int
    cash: int
    realized: int
    position_after: int
    at_ms: int
    order_id: str = ""
    purpose: Purpose | None = None
    decision_id: str = ""


def fill_key(fill: Fill) -> str:
    """The ledger key of a fill's first line: the venue's fill id and the order's, whatever the line's time."""
    return f"{fill.fill_id}#{fill.order_id}"


def apply_fill(
    position: Position, fill: Fill, one: int | None, *, purpose: Purpose | None, decision_id: str = ""
) -> tuple[Position, tuple[LedgerLine, ...]]:
    """The position after one fill and its ledger lines; `purpose` None marks an order that is not ours.

    A foreign fill that is passed here moves the position like ours, as it does at the venue; the caller decides.
    A fill that crosses zero makes two lines: the closing part under `fill_key`, the opening part under that with
    "#open" added. The fee is split by size, to the unit.
    """
    if fill.size <= 0:
        raise InvalidInputError(f"size of fill {fill.fill_id}", fill.size, "more than 0")
    if fill.market != position.market:
        raise InvalidInputError(f"market of fill {fill.fill_id}", fill.market, position.market)
    closing, opening = split_reducing(fill.side, fill.size, position.size)
    closing_fee = fill.fee * closing // fill.size
    parts = [(fill_key(fill), closing, closing_fee)] if closing else []
    if opening:
        key = f"{fill_key(fill)}#open" if closing else fill_key(fill)
        parts.append((key, opening, fill.fee - closing_fee))
    kind = LedgerKind.FOREIGN if purpose is None else LedgerKind.FILL
    lines = []
    for key, size, fee in parts:
        after = _traded(position, fill.side, fill.price, size, fee, one or 0)
        lines.append(
            LedgerLine(
                key=key,
                kind=kind,
                market=fill.market,
                side=fill.side,
                price=fill.price,
                size=size,
                fee=fee,
                cash=after.cash - position.cash,
                realized=after.realized - position.realized,
                position_after=after.size,
                at_ms=fill.at_ms,
                order_id=fill.order_id,
                purpose=purpose,
                decision_id=decision_id,
            )
        )
        position = after
    return position, tuple(lines)


def apply_settlement(position: Position, settlement: Settlement) -> tuple[Position, tuple[LedgerLine, ...]]:
    """The flat position after its market settled, and the ledger line; no line where nothing was held or paid.

    Apply every fill first. Raises PositionMismatchError where the venue settled another size than the ledger holds:
    a fill is missing, and booking the settlement would leave a position that never settles.
    """
    if settlement.size != position.size:
        raise PositionMismatchError(position.market, position.size, settlement.size)
    after = Position(
        market=position.market,
        realized=position.realized + settlement.payout - position.cost,
        fees=position.fees + settlement.fee,
    )
    if after == position:
        return position, ()
    line = LedgerLine(
        key=f"settlement#{settlement.market}",
        kind=LedgerKind.SETTLEMENT,
        market=settlement.market,
        side=Side.SELL if position.size >= 0 else Side.BUY,
        price=0,
        size=abs(position.size),
        fee=settlement.fee,
        cash=after.cash - position.cash,
        realized=after.realized - position.realized,
        position_after=0,
        at_ms=settlement.at_ms,
    )
    return after, (line,)


def executable_value(position: Position, bid: int | None, ask: int | None, one: int | None) -> int | None:
    """Money that closing now would pay: a long at the bid, the second outcome at one - ask; None on a missing side."""
    if position.size == 0:
        return 0
    if position.size > 0:
        return None if bid is None else bid * position.size
    return None if ask is None else ((one or 0) - ask) * -position.size


def unrealized(position: Position, bid: int | None, ask: int | None, one: int | None) -> int | None:
    """P&L of the open size at the executable price, before fees; None on a missing side."""
    value = executable_value(position, bid, ask, one)
    return None if value is None else value - position.cost


def _traded(position: Position, side: Side, price: int, size: int, fee: int, one: int) -> Position:
    """The position after a trade that only closes or only opens.

    What is closed takes its share of the cost, rounded down; the rest stays with the open size, so nothing is lost.
    """
    change = size if side is Side.BUY else -size
    held = abs(position.size)
    fees = position.fees + fee
    if position.size * change < 0:
        released = position.cost * size // held
        paid = (price if position.size > 0 else one - price) * size
        return Position(
            position.market, position.size + change, position.cost - released, position.realized + paid - released, fees
        )
    spent = (price if change > 0 else one - price) * size
    return Position(position.market, position.size + change, position.cost + spent, position.realized, fees)
