"""Apply the venue's fills and settlements to the ledger and the positions, each exactly once."""

from collections.abc import Mapping, Sequence
from itertools import groupby

from msgspec import structs

from holdfast.core.errors import ConditionFailedError
from holdfast.core.market import MarketRules
from holdfast.core.orders import Fill, Settlement
from holdfast.core.positions import (
    LedgerKind,
    LedgerLine,
    Position,
    apply_fill,
    apply_settlement,
    fill_key,
    own_settlement,
    write_off,
)
from holdfast.jobs.ports import Ports
from holdfast.state.journal import KnownOrder
from holdfast.state.ledger import FILLS_PER_TRANSACTION, Ledger, StoredPosition, Watermark, attempts, contended
from holdfast.telemetry.port import Level

# Fills are read again from this long before the last one seen (design section 5, ledger).
OVERLAP_MS = 600_000
# An item holds 400 KB and is paid by the KB; fills beyond these are known by their ledger lines.
_MOST_REMEMBERED = 1_000


class Bookkeeper:
    """Books one account's fills and settlements. `one` is the price of 1 on a netting venue, else None."""

    def __init__(self, ports: Ports, account: str, one: int | None) -> None:
        self._telemetry = ports.telemetry
        self._one = one
        self._ledger = Ledger(ports.store, account)

    def book_fills(
        self,
        fills: Sequence[Fill],
        watermark: Watermark,
        known: Mapping[str, KnownOrder | None],
        positions: dict[str, StoredPosition],
        waiting: Sequence[Fill] = (),
    ) -> int:
        """Book the fills that are not in the ledger yet; returns how many were new.

        `known` names our orders, and with None foreign ones, whose fills are noted but are no position of ours. A
        fill whose order nobody can name yet is left for a later tick, and so are those that are `waiting` for a fee
        (`without_fee`); a void one is reversed if it was booked.
        `positions` is brought up to date. The watermark moves after the bookings, so a crash only reads again.
        """
        seen = set(watermark.recent)
        unseen = self._without_unbooked_voids(
            [f for f in fills if fill_key(f) not in seen and f not in waiting and not self._is_empty(f)]
        )
        fresh = [fill for fill in unseen if fill.order_id in known]
        unnamed = [fill for fill in unseen if fill.order_id not in known]
        for fill in unnamed:
            self._telemetry.event("FILL_UNNAMED", Level.WARNING, market=fill.market, fill_id=fill.fill_id)
        booked = 0
        for market, group in groupby(sorted(fresh, key=lambda f: (f.market, f.at_ms)), lambda f: f.market):
            of_market = list(group)
            ours = [fill for fill in of_market if known[fill.order_id] is not None]
            for start in range(0, len(ours), FILLS_PER_TRANSACTION):
                booked += self._book_market(market, ours[start : start + FILLS_PER_TRANSACTION], known, positions)
            for fill in of_market:
                if known[fill.order_id] is None:
                    self._note_foreign(fill)
        if fresh:
            self._ledger.advance(_advanced(watermark, fills, [*unnamed, *waiting]))
        return booked

    def without_fee(self, fills: Sequence[Fill], watermark: Watermark) -> tuple[Fill, ...]:
        """The fills that are not in the ledger and can't be booked yet: those of a market where one has no fee.

        All of the market's, since what is booked out of order makes another trade of it. They are read again until the
        fee is known, and are booked then, with it.
        """
        markets = {fill.market for fill in fills if not fill.has_fee}
        if not markets:
            return ()
        seen = set(watermark.recent)
        found = [fill for fill in fills if fill.market in markets and fill.size > 0 and fill_key(fill) not in seen]
        booked = self._ledger.known([fill_key(fill) for fill in found]) if found else set()
        waiting = self._without_unbooked_voids([fill for fill in found if fill_key(fill) not in booked])
        for fill in waiting:
            self._telemetry.event("FILL_WITHOUT_FEE", Level.WARNING, market=fill.market, fill_id=fill.fill_id)
        return tuple(waiting)

    def _is_empty(self, fill: Fill) -> bool:
        """Whether a fill is of nothing. It is said and left out: refusing it would end every tick, stops and all."""
        if fill.size <= 0:
            self._telemetry.event("FILL_EMPTY", Level.WARNING, market=fill.market, fill_id=fill.fill_id, size=fill.size)
        return fill.size <= 0

    def book_settlement(self, settlement: Settlement, positions: dict[str, StoredPosition], now_ms: int) -> bool:
        """Book what a settled market paid for our position; False where nothing of ours was held.

        Where the venue settled another size than we hold, a fill may still be on its way: for ten minutes nothing is
        booked. After that the difference is taken as foreign, and our own share is booked.
        """
        for _ in attempts():
            stored = self._ledger.position(settlement.market)
            if stored.position.size == 0:
                return False
            size, dust = stored.position.size, stored.position.written_off
            own = own_settlement(settlement, size, self._one, now_ms, written_off=dust)
            if own is not settlement and settlement.size != size + dust:
                self._report_mismatch(settlement, stored.position)
            if own is None:
                return False
            after, lines = apply_settlement(stored.position, own)
            try:
                positions[settlement.market] = self._ledger.book(stored, after, lines)
            except ConditionFailedError as lost:
                if 0 in lost.failed:
                    positions[settlement.market] = self._ledger.position(settlement.market)
                    return False
                continue
            self._report(lines)
            return True
        raise contended(f"settlement of {settlement.market}")

    def write_off_dust(self, rules: MarketRules, now_ms: int, decision_id: str) -> bool:
        """Close what is too small to be sold out of the ledger, at nothing; False where nothing is held any more, or
        more than dust by now."""
        market = rules.market
        for _ in attempts():
            stored = self._ledger.position(market)
            if rules.snap_size(abs(stored.position.size)):
                return False
            after, lines = write_off(stored.position, f"dust#{market}#{stored.version}", now_ms, decision_id)
            if not lines:
                return False
            try:
                self._ledger.book(stored, after, lines)
            except ConditionFailedError:
                continue
            self._report(lines)
            return True
        raise contended(f"dust of {market}")

    def _without_unbooked_voids(self, fills: Sequence[Fill]) -> list[Fill]:
        """Without the void fills that the ledger never had: there is nothing to take back."""
        voids = {fill_key(fill): fill_key(structs.replace(fill, void=False)) for fill in fills if fill.void}
        booked = self._ledger.known(list(voids.values())) if voids else set()
        return [fill for fill in fills if not fill.void or voids[fill_key(fill)] in booked]

    def _book_market(
        self,
        market: str,
        fills: Sequence[Fill],
        known: Mapping[str, KnownOrder | None],
        positions: dict[str, StoredPosition],
    ) -> int:
        stored = positions.get(market) or StoredPosition(Position(market))
        pending = list(fills)
        for _ in attempts():
            position, lines = stored.position, list[LedgerLine]()
            for fill in pending:
                if (order := known[fill.order_id]) is not None:
                    position, more = apply_fill(
                        position, fill, self._one, purpose=order.purpose, decision_id=order.decision_id
                    )
                    lines += more
            try:
                positions[market] = self._ledger.book(stored, position, lines) if lines else stored
            except ConditionFailedError:
                # Another writer was here: drop what it booked, start again from the position as it is now.
                booked = self._ledger.known([fill_key(fill) for fill in pending])
                pending = [fill for fill in pending if fill_key(fill) not in booked]
                stored = self._ledger.position(market)
                continue
            self._report(lines)
            return len(pending)
        raise contended(f"position of {market}")

    def _report_mismatch(self, settlement: Settlement, position: Position) -> None:
        self._telemetry.event(
            "POSITION_MISMATCH",
            Level.WARNING,
            market=settlement.market,
            ledger=position.size,
            venue=settlement.size,
            at="settlement",
        )

    def _note_foreign(self, fill: Fill) -> None:
        """A line that moves neither a position nor money of ours."""
        line = LedgerLine(
            key=fill_key(fill),
            kind=LedgerKind.FOREIGN,
            market=fill.market,
            side=fill.side,
            price=fill.price,
            size=fill.size,
            fee=0,
            cash=0,
            realized=0,
            position_after=0,
            at_ms=fill.at_ms,
            order_id=fill.order_id,
        )
        if self._ledger.note(line):
            self._telemetry.event("FOREIGN_FILL", market=fill.market, fill_id=fill.fill_id)

    def _report(self, lines: Sequence[LedgerLine]) -> None:
        for line in lines:
            self._telemetry.event(
                "LEDGER_LINE",
                Level.INFO,
                kind=line.kind.value,
                market=line.market,
                side=line.side.value,
                price=line.price,
                size=line.size,
                fee=line.fee,
                realized=line.realized,
                position=line.position_after,
                order_id=line.order_id,
                purpose=line.purpose.value if line.purpose else None,
                **({"decision_id": line.decision_id} if line.decision_id else {}),
            )
        self._telemetry.metric("LedgerLines", len(lines))


def _advanced(watermark: Watermark, fills: Sequence[Fill], unnamed: Sequence[Fill]) -> Watermark:
    """The watermark after these fills, never past one that is still to be booked or may still be void.

    It remembers the booked ones of the overlap before it.
    """
    read_to_ms = max([watermark.read_to_ms, *(fill.at_ms for fill in fills)])
    unsettled = [*unnamed, *(fill for fill in fills if not (fill.final or fill.void))]
    read_to_ms = min([read_to_ms, *(fill.at_ms for fill in unsettled)])
    left = {fill_key(fill) for fill in unnamed}
    recent = [fill_key(f) for f in fills if f.at_ms >= read_to_ms - OVERLAP_MS and fill_key(f) not in left]
    return Watermark(read_to_ms, tuple(recent[-_MOST_REMEMBERED:]))
