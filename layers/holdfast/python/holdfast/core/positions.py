"""What is held in one market, what it cost, and the ledger lines that say how it came about.

Every line changes the venue's balance by `cash`, and for every position cash == realized - fees - cost, exactly.
`one` is the price of 1 on a venue that nets two outcomes, None elsewhere. On a netting venue a negative size is held
in the second outcome: opening it by a sale at p costs one - p, closing it by a buy at p pays one - p (facts kalshi
section 5). Elsewhere a negative size means that more was sold than we know of; its cost is the proceeds, negative.
"""

from enum import StrEnum

from msgspec import Struct, structs

from holdfast.core.errors import InvalidInputError, PositionMismatchError
from holdfast.core.market import Side
from holdfast.core.orders import Fill, Purpose, Settlement, split_reducing

LATE_FILLS_MS = 600_000
# Orders of one market that answers can still speak of while no read of fills shows them; a protected market has few.
_MOST_REMEMBERED = 16


class LedgerKind(StrEnum):
    """Why a ledger line exists (design section 5). `foreign`: a fill of an order that Holdfast did not place.
    `import`: a position that another program had opened."""

    FILL = "fill"
    REVERSAL = "reversal"
    SETTLEMENT = "settlement"
    REDEMPTION = "redemption"
    DUST = "dust"
    FOREIGN = "foreign"
    IMPORT = "import"


class Position(Struct, frozen=True):
    """The net position of one market. Size in signed size units, the rest in money units.

    `cost` is what the open size cost without fees, at average cost. `realized` is before fees, as venues state it.
    `entered` is all the size that was ever opened and `spent` what it cost; `reduced_by` names what last made the
    position smaller: an order's purpose, "foreign", or "settlement". `booked` is how much of each of the last orders
    that were no quotes is in here, by order id: a read of fills can be older than this. `written_off` is dust,
    signed, that the ledger wrote off and the venue goes on holding.
    """

    market: str
    size: int = 0
    cost: int = 0
    realized: int = 0
    fees: int = 0
    entered: int = 0
    spent: int = 0
    reduced_by: str = ""
    booked: dict[str, int] = {}
    written_off: int = 0

    @property
    def cash(self) -> int:
        """What this market changed the venue's balance by so far."""
        return self.realized - self.fees - self.cost


class LedgerLine(Struct, frozen=True):
    """One change of a position. `key` is unique in an account's ledger.

    `size` is positive and `side` its direction, so position_after = position before + size (buy) or - size (sell); a
    settlement closes and has price 0. A redemption moves neither position nor cash: its settlement has booked what
    it pays. `cash` is the change of the venue's balance, `realized` the P&L before the fee.
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
    """The ledger key of a fill's first line: the venue's fill id and the order's, whatever the line's time.

    A fill that turned out void has a key of its own: that of the line that reverses it.
    """
    key = f"{fill.fill_id}#{fill.order_id}"
    return f"{key}#void" if fill.void else key


def settlement_key(market: str) -> str:
    """The ledger key of a market's settlement."""
    return f"settlement#{market}"


def apply_fill(
    position: Position, fill: Fill, one: int | None, *, purpose: Purpose | None, decision_id: str = ""
) -> tuple[Position, tuple[LedgerLine, ...]]:
    """The position after one fill and its ledger lines; `purpose` None marks an order that is not ours.

    A foreign fill that is passed here moves the position like ours, as it does at the venue; the caller decides.
    A fill that crosses zero makes two lines: the closing part under `fill_key`, the opening part under that with
    "#open" added. The fee is split by size, to the unit. A void fill, which must have been booked before, is taken
    back: the same trade the other way, its fee returned.
    """
    if fill.size <= 0:
        raise InvalidInputError(f"size of fill {fill.fill_id}", fill.size, "more than 0")
    if fill.market != position.market:
        raise InvalidInputError(f"market of fill {fill.fill_id}", fill.market, position.market)
    side, fee = (fill.side.opposite, -fill.fee) if fill.void else (fill.side, fill.fee)
    closing, opening = split_reducing(side, fill.size, position.size)
    closing_fee, closing_money = fee * closing // fill.size, fill.money * closing // fill.size
    parts = [(fill_key(fill), closing, closing_fee, closing_money)] if closing else []
    if opening:
        key = f"{fill_key(fill)}#open" if closing else fill_key(fill)
        parts.append((key, opening, fee - closing_fee, fill.money - closing_money))
    kind = LedgerKind.REVERSAL if fill.void else LedgerKind.FOREIGN if purpose is None else LedgerKind.FILL
    lines = []
    for key, size, part_fee, money in parts:
        after = _counted(_traded(position, side, money, size, part_fee, one or 0), position, size, kind, purpose)
        lines.append(
            LedgerLine(
                key=key,
                kind=kind,
                market=fill.market,
                side=side,
                price=fill.price,
                size=size,
                fee=part_fee,
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
    if purpose is not None and purpose is not Purpose.QUOTE:
        position = _remembering(position, fill)
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
        entered=position.entered,
        spent=position.spent,
        reduced_by=LedgerKind.SETTLEMENT.value if position.size else position.reduced_by,
        booked=position.booked,
    )
    if after == position:
        return position, ()
    line = LedgerLine(
        key=settlement_key(settlement.market),
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


def write_off(position: Position, key: str, now_ms: int, decision_id: str) -> tuple[Position, tuple[LedgerLine, ...]]:
    """The flat position once dust is written off, and its line: it is worth nothing in our books, whatever it pays.

    `reduced_by` stays: what made the position dust is what closed it.
    """
    if not position.size:
        return position, ()
    after = structs.replace(
        position,
        size=0,
        cost=0,
        realized=position.realized - position.cost,
        written_off=position.written_off + position.size,
    )
    line = LedgerLine(
        key=key,
        kind=LedgerKind.DUST,
        market=position.market,
        side=Side.SELL if position.size > 0 else Side.BUY,
        price=0,
        size=abs(position.size),
        fee=0,
        cash=0,
        realized=after.realized - position.realized,
        position_after=0,
        at_ms=now_ms,
        decision_id=decision_id,
    )
    return after, (line,)


def own_settlement(
    settlement: Settlement, size: int, one: int | None, now_ms: int, *, written_off: int = 0
) -> Settlement | None:
    """The settlement of our own signed size.

    Where the venue's net size differs by anything but the dust that was `written_off` here, a fill may still be on its
    way: None until LATE_FILLS_MS have passed. After that somebody else holds the difference. What a unit paid follows
    from the payout, or from the result where nothing was held in all; None where neither says. Fees are left to the
    difference.
    """
    if settlement.size == size:
        return settlement
    if settlement.size != size + written_off and now_ms - settlement.at_ms < LATE_FILLS_MS:
        return None
    units, settled = abs(size), abs(settlement.size)
    if settlement.size * size > 0:
        payout = settlement.payout * units // settled
    elif settled and one is not None:
        payout = one * units - settlement.payout * units // settled
    elif one is not None and settlement.result in ("yes", "no"):
        payout = one * units if settlement.result == ("yes" if size > 0 else "no") else 0
    else:
        return None
    return structs.replace(settlement, size=size, payout=payout, fee=0)


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


def _counted(after: Position, before: Position, size: int, kind: LedgerKind, purpose: Purpose | None) -> Position:
    """The position with its counts brought up to date. What turns out void was never entered, or never sold."""
    is_closing = abs(after.size) < abs(before.size)
    if kind is LedgerKind.REVERSAL:
        if not is_closing:
            return after
        paid = after.realized - before.realized + before.cost - after.cost
        return structs.replace(after, entered=before.entered - size, spent=before.spent - paid)
    if is_closing:
        return structs.replace(after, reduced_by=purpose.value if purpose else LedgerKind.FOREIGN.value)
    return structs.replace(after, entered=before.entered + size, spent=before.spent + after.cost - before.cost)


def _remembering(position: Position, fill: Fill) -> Position:
    """The position with the sum of this fill's order, in place of the oldest sums where there are many."""
    booked = dict(position.booked)
    booked[fill.order_id] = booked.pop(fill.order_id, 0) + (-fill.size if fill.void else fill.size)
    return structs.replace(position, booked=dict(list(booked.items())[-_MOST_REMEMBERED:]))


def _traded(position: Position, side: Side, money: int, size: int, fee: int, one: int) -> Position:
    """The position after a trade that only closes or only opens; `money` is price x size.

    What is closed takes its share of the cost, rounded down; the rest stays with the open size, so nothing is lost.
    """
    change = size if side is Side.BUY else -size
    held = abs(position.size)
    fees = position.fees + fee
    if position.size * change < 0:
        released = position.cost * size // held
        paid = money if position.size > 0 else one * size - money
        return structs.replace(
            position,
            size=position.size + change,
            cost=position.cost - released,
            realized=position.realized + paid - released,
            fees=fees,
        )
    spent = money if change > 0 else one * size - money
    return structs.replace(position, size=position.size + change, cost=position.cost + spent, fees=fees)
