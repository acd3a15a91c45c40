"""Placing and cancelling orders at Polymarket (facts polymarket sections 2.2, 2.3 and 4).

Nothing here raises for what the venue answered. A request is never repeated under another identity; only where a whole
batch is refused, as one bad tick does it, are its orders sent again, the same bytes under the same ids.
"""

from collections.abc import Sequence

import msgspec
from msgspec import structs

from holdfast.clock import Clock
from holdfast.core.errors import (
    BudgetExhaustedError,
    InvalidInputError,
    SigningError,
    VenueError,
    VenueUnavailableError,
)
from holdfast.core.market import Side
from holdfast.core.orders import Cancellation, Placement, TimeInForce
from holdfast.core.outcomes import CancelOutcome, Placed, PlaceOutcome, Refusal, Refused, Unknown
from holdfast.venues.polymarket import client as api
from holdfast.venues.polymarket.answers import cancel_outcomes, pair, place_outcome
from holdfast.venues.polymarket.client import Endpoint, PolymarketClient
from holdfast.venues.polymarket.errors import write_failure
from holdfast.venues.polymarket.market_reads import MarketFacts, MarketReads
from holdfast.venues.polymarket.order import SHORTEST_EXPIRY_MS, SIZE_STEP, OrderBuilder
from holdfast.venues.polymarket.wire import CanceledAnswer, PlacedRow, decode
from holdfast.venues.transport import HttpAnswer, NoAnswerError

# What is wrong with one order only, so that the others of its batch may pass without it.
_OF_ONE_ORDER = frozenset(
    {
        Refusal.OFF_GRID,
        Refusal.INVALID_SIZE,
        Refusal.INSUFFICIENT_BALANCE,
        Refusal.POST_ONLY_CROSS,
        Refusal.DUPLICATE,
        Refusal.MARKET_CLOSED,
        Refusal.MALFORMED,
        Refusal.OTHER,
    }
)

# An order's hash is its id: what the journal does not name could not be found again if its answer were lost.
_UNPREPARED = Refused(Refusal.NOT_SENT, "unprepared", "an order is prepared, and journaled, before it is sent")

_PLACED = msgspec.json.Decoder(PlacedRow)
_PLACED_ITEMS = msgspec.json.Decoder(list[PlacedRow])
_CANCELED = msgspec.json.Decoder(CanceledAnswer)


class OrderWrites:
    """The write half of the venue port."""

    def __init__(self, client: PolymarketClient, clock: Clock, markets: MarketReads, builder: OrderBuilder) -> None:
        self._client, self._clock, self._markets, self._builder = client, clock, markets, builder
        self._unprepared: dict[str, Refused] = {}

    def prepare(self, batch: Sequence[Placement]) -> list[Placement]:
        """See the port. What is prepared already stays as it is.

        Raises nothing: what lacks rules or a signature stays unprepared, and `place` says why.
        """
        checked = [*zip(batch, self._checked(batch), strict=True)]
        self._unprepared = {item.client_order_id: made for item, made in checked if isinstance(made, Refused)}
        return [item if isinstance(made, Refused) else made for item, made in checked]

    def place(self, batch: Sequence[Placement], deadline_ms: int) -> list[PlaceOutcome]:
        """See the port. What is not prepared is refused here, the others are sent."""
        checked = [item if item.body else self._why_unprepared(item) for item in batch]
        ready = [item for item in checked if isinstance(item, Placement)]
        told = iter(self._send(ready, deadline_ms))
        return [next(told) if isinstance(item, Placement) else item for item in checked]

    def cancel(self, batch: Sequence[Cancellation], deadline_ms: int) -> list[CancelOutcome]:
        """See the port. Orders are named by their hash alone; how much of them was filled the venue does not say."""
        ids = [item.order_id for item in batch]
        if not ids:
            return []
        if len(ids) == 1:
            endpoint, body = api.CANCEL, msgspec.json.encode({"orderID": ids[0]})
        else:
            endpoint, body = api.CANCEL_BATCH, msgspec.json.encode(ids)
        answer = self._write(endpoint, body, deadline_ms, single=False)
        if not isinstance(answer, bytes):
            return [answer] * len(ids)
        try:
            return cancel_outcomes(ids, decode(_CANCELED, answer, endpoint.name))
        except VenueUnavailableError as error:
            return [Unknown(str(error))] * len(ids)

    def _checked(self, batch: Sequence[Placement]) -> list[Placement | Refused]:
        """What can be sent, and why the rest can't.

        A key that gave no signature is not asked for the rest: fifteen time-outs in a row would outlast the tick.
        """
        checked: list[Placement | Refused] = []
        unsigned: Refused | None = None
        for item in batch:
            if item.body:
                checked.append(item)
                continue
            try:
                checked.append(unsigned or self._prepared(item))
            except SigningError as error:
                unsigned = Refused(Refusal.NOT_SENT, "not_signed", str(error))
                checked.append(unsigned)
        return checked

    def _facts(self, market: str) -> MarketFacts | Refused:
        """A market's facts, however old: an exit waits for no read. Ticks are renewed by books and by refusals."""
        known = self._markets.known(market)
        if known is not None:
            return known
        try:
            found = self._markets.facts([market]).get(market)
        except (VenueError, BudgetExhaustedError) as error:
            return Refused(Refusal.NOT_SENT, "rules_unknown", str(error))
        return found or Refused(Refusal.MARKET_CLOSED, "unknown_market", f"the venue knows no token {market}")

    def _why_unprepared(self, item: Placement) -> Refused:
        """Why an order has no body. It gets none now."""
        known = self._unprepared.get(item.client_order_id)
        if known is not None:
            return known
        found = self._sendable(item)
        return found if isinstance(found, Refused) else _UNPREPARED

    def _sendable(self, item: Placement) -> MarketFacts | Refused:
        """The facts of a market that could take the order, or why it can't.

        Whether the market is open is left to the venue: flags that it does not document must not stop an exit.
        """
        target = item.target
        facts = self._facts(target.market)
        if isinstance(facts, Refused):
            return facts
        rules, rests = facts.rules, target.time_in_force is TimeInForce.RESTING
        if not rules.lowest <= target.price <= rules.highest or target.price % facts.tick:
            return Refused(Refusal.OFF_GRID, "off_grid", f"price {target.price} at a tick of {facts.tick}")
        # The minimum is one of orders that may rest: a small remainder can still be sold at once.
        if target.size % SIZE_STEP or (rests and target.size < rules.min_size):
            return Refused(Refusal.INVALID_SIZE, "invalid_size", f"size {target.size}, at least {rules.min_size}")
        if target.reduce_only and target.side is Side.BUY:
            return Refused(Refusal.REDUCE_ONLY, "reduce_only", "a token can't be sold short, so no buy reduces")
        if rests and target.expires_at_ms and target.expires_at_ms - self._clock.now_ms() < SHORTEST_EXPIRY_MS:
            return Refused(Refusal.NOT_SENT, "expiry", f"the expiry is not {SHORTEST_EXPIRY_MS} ms ahead")
        return facts

    def _prepared(self, item: Placement) -> Placement | Refused:
        """The order with its id and bytes, or why there is none. Raises SigningError."""
        facts = self._sendable(item)
        if isinstance(facts, Refused):
            return facts
        try:
            made = self._builder.build(item, facts.tick, self._clock.now_ms(), neg_risk=facts.neg_risk)
        except InvalidInputError as error:
            return Refused(Refusal.MALFORMED, "invalid", str(error))
        return structs.replace(item, order_id=made.order_id, body=made.body)

    def _send(self, batch: Sequence[Placement], deadline_ms: int) -> list[PlaceOutcome]:
        if len(batch) > 1:
            return self._send_batch(batch, deadline_ms)
        return [self._send_one(item, deadline_ms) for item in batch]

    def _send_one(self, item: Placement, deadline_ms: int) -> PlaceOutcome:
        answer = self._write(api.PLACE, item.body.encode(), deadline_ms, single=True)
        if isinstance(answer, Unknown):
            return answer
        if isinstance(answer, Refused):
            return self._heeded(item, place_outcome(item, PlacedRow(errorMsg=answer.detail), answer))
        try:
            return self._heeded(item, place_outcome(item, decode(_PLACED, answer, api.PLACE.name)))
        except VenueUnavailableError as error:
            return Unknown(str(error))

    def _send_batch(self, batch: Sequence[Placement], deadline_ms: int) -> list[PlaceOutcome]:
        body = f"[{','.join(item.body for item in batch)}]".encode()
        answer = self._write(api.PLACE_BATCH, body, deadline_ms, single=False)
        if isinstance(answer, Refused) and answer.reason in _OF_ONE_ORDER:
            return self._send_apart(batch, answer, deadline_ms)
        if not isinstance(answer, bytes):
            return [answer] * len(batch)
        try:
            rows = decode(_PLACED_ITEMS, answer, api.PLACE_BATCH.name)
        except VenueUnavailableError as error:
            return [Unknown(str(error))] * len(batch)
        found = pair([item.order_id for item in batch], rows)
        return [self._heeded(item, _placed(item, row)) for item, row in zip(batch, found, strict=True)]

    def _send_apart(self, batch: Sequence[Placement], refused: Refused, deadline_ms: int) -> list[PlaceOutcome]:
        """The batch was refused whole for one order: without that order where the refusal names it, else one by one.

        Should the venue say now that it has one of them, the first request did place it: its state is to be read.
        """
        words = refused.detail.lower()
        named = [item for item in batch if item.order_id.lower() in words]
        if named:
            rest = [item for item in batch if item.order_id.lower() not in words]
            told = dict(zip((item.order_id for item in rest), self._send(rest, deadline_ms), strict=True))
        else:
            told = {item.order_id: self._send_one(item, deadline_ms) for item in batch}
        return [
            _not_twice(told[item.order_id]) if item.order_id in told else self._heeded(item, refused) for item in batch
        ]

    def _heeded(self, item: Placement, outcome: PlaceOutcome) -> PlaceOutcome:
        """The outcome, after what it says of the market's rules and of the venue's mode was noted."""
        if isinstance(outcome, Refused) and outcome.reason in (Refusal.OFF_GRID, Refusal.INVALID_SIZE):
            self._markets.forget(item.target.market)
        elif isinstance(outcome, Placed) and not item.target.post_only:
            self._client.clear_window()
        return outcome

    def _write(self, endpoint: Endpoint, body: bytes, deadline_ms: int, *, single: bool) -> bytes | Refused | Unknown:
        """The body of a 2xx answer, or what became of the whole request."""
        try:
            answer: HttpAnswer = self._client.write(endpoint, body, deadline_ms)
        except NoAnswerError as error:
            if error.sent is False:
                return Refused(Refusal.NOT_SENT, "not_sent", error.cause)
            return Unknown(f"{endpoint.name}: no answer: {error.cause}")
        if 200 <= answer.status < 300:
            return answer.body
        return write_failure(answer, single=single)


def _placed(item: Placement, row: PlacedRow | None) -> PlaceOutcome:
    if row is None:
        return Unknown("the answer does not mention this order")
    try:
        return place_outcome(item, row)
    except VenueUnavailableError as error:
        return Unknown(str(error))


def _not_twice(outcome: PlaceOutcome) -> PlaceOutcome:
    if isinstance(outcome, Refused) and outcome.reason is Refusal.DUPLICATE:
        return Unknown("the refused batch placed this order after all")
    return outcome
