"""Placing, cancelling and changing orders at Kalshi (facts kalshi sections 4 and 6).

Nothing here raises for what the venue answered and nothing is retried: each item gets its outcome. Answers are
advisory where they contradict the question: one that names another order leaves the outcome unknown.
"""

from collections.abc import Sequence
from urllib.parse import urlencode

import msgspec
from msgspec import UNSET, UnsetType

from holdfast.clock import Clock
from holdfast.core.errors import VenueUnavailableError
from holdfast.core.market import Side
from holdfast.core.orders import Amendment, Cancellation, Placement, Reduction, TimeInForce
from holdfast.core.outcomes import (
    Canceled,
    CancelOutcome,
    Changed,
    ChangeOutcome,
    Placed,
    PlaceOutcome,
    Refusal,
    Refused,
    Unknown,
)
from holdfast.venues.kalshi import client as api
from holdfast.venues.kalshi.client import Endpoint, KalshiClient
from holdfast.venues.kalshi.errors import item_failure, write_failure
from holdfast.venues.kalshi.pairing import pair_canceled, pair_created
from holdfast.venues.kalshi.wire import SCALE, decode, size_units
from holdfast.venues.kalshi.wire_writes import (
    Amended,
    AmendOrder,
    CanceledItem,
    CanceledItems,
    CancelOrder,
    CancelOrders,
    CreatedItem,
    CreatedItems,
    CreateOrder,
    CreateOrders,
    DecreaseOrder,
)
from holdfast.venues.transport import NoAnswerError

_SIDES = {Side.BUY: "bid", Side.SELL: "ask"}
_TIMES_IN_FORCE = {
    TimeInForce.RESTING: "good_till_canceled",
    TimeInForce.IMMEDIATE: "immediate_or_cancel",
    TimeInForce.ALL_OR_NOTHING: "fill_or_kill",
}
# The incoming order stops at our own resting one, which keeps its place (facts kalshi section 4.1).
_SELF_TRADE_PREVENTION = "taker_at_cross"
_EXPIRED = Refused(Refusal.NOT_SENT, "expired", "the order's expiry is not in the future")

_encode = msgspec.json.encode
_CREATED = msgspec.json.Decoder(CreatedItem)
_CREATED_ITEMS = msgspec.json.Decoder(CreatedItems)
_CANCELED = msgspec.json.Decoder(CanceledItem)
_CANCELED_ITEMS = msgspec.json.Decoder(CanceledItems)
_AMENDED = msgspec.json.Decoder(Amended)


class OrderWrites:
    """The write half of the venue port."""

    def __init__(self, client: KalshiClient, clock: Clock, subaccount: int) -> None:
        self._client, self._clock = client, clock
        self._subaccount: int | UnsetType = subaccount or UNSET
        self._subaccount_query = {"subaccount": subaccount} if subaccount else {}

    def place(self, batch: Sequence[Placement], deadline_ms: int) -> list[PlaceOutcome]:
        """See the port. An order that would be expired on arrival is refused here, the others are sent."""
        now_s = self._clock.now_ms() // 1000
        alive = [item for item in batch if not _expired(item.target.expires_at_ms, now_s)]
        outcomes = dict(zip((item.client_order_id for item in alive), self._place(alive, deadline_ms), strict=True))
        return [outcomes.get(item.client_order_id, _EXPIRED) for item in batch]

    def _place(self, batch: Sequence[Placement], deadline_ms: int) -> list[PlaceOutcome]:
        orders = [self._create(item) for item in batch]
        if not orders:
            return []
        if len(orders) == 1:
            body = self._send(api.CREATE, _encode(orders[0]), deadline_ms)
        else:
            body = self._send(api.CREATE_BATCH, _encode(CreateOrders(orders)), deadline_ms)
        if not isinstance(body, bytes):
            return [body] * len(orders)
        ids = [order.client_order_id for order in orders]
        try:
            if len(orders) == 1:
                found: list[CreatedItem | None] = [decode(_CREATED, body, api.CREATE.name)]
            else:
                found = pair_created(ids, decode(_CREATED_ITEMS, body, api.CREATE_BATCH.name).orders)
        except VenueUnavailableError as error:
            return [Unknown(str(error))] * len(orders)
        return [_placed(item, client_id) for item, client_id in zip(found, ids, strict=True)]

    def cancel(self, batch: Sequence[Cancellation], deadline_ms: int) -> list[CancelOutcome]:
        """See the port. Market and shard go along with every order: without them a cancel misses shards 1 to 3."""
        if not batch:
            return []
        if len(batch) == 1:
            only = batch[0]
            query = {"market_ticker": only.market, "exchange_index": only.shard, **self._subaccount_query}
            body = self._send(api.CANCEL, None, deadline_ms, urlencode(query), only.order_id)
        else:
            orders = [CancelOrder(item.order_id, item.market, item.shard, self._subaccount) for item in batch]
            body = self._send(api.CANCEL_BATCH, _encode(CancelOrders(orders)), deadline_ms)
        if not isinstance(body, bytes):
            return [body] * len(batch)
        ids = [item.order_id for item in batch]
        try:
            if len(batch) == 1:
                found: list[CanceledItem | None] = [decode(_CANCELED, body, api.CANCEL.name)]
            else:
                found = pair_canceled(ids, decode(_CANCELED_ITEMS, body, api.CANCEL_BATCH.name).orders)
        except VenueUnavailableError as error:
            return [Unknown(str(error))] * len(batch)
        return [_canceled(item, order_id) for item, order_id in zip(found, ids, strict=True)]

    def amend(self, amendment: Amendment, deadline_ms: int) -> ChangeOutcome:
        """See the port. Price, total and expiry are always sent; an expiry-only change keeps the queue place."""
        if _expired(amendment.expires_at_ms, self._clock.now_ms() // 1000):
            return _EXPIRED
        order = AmendOrder(
            ticker=amendment.market,
            side=_SIDES[amendment.side],
            price=SCALE.price_text(amendment.price),
            count=SCALE.size_text(amendment.size),
            expiration_time=amendment.expires_at_ms // 1000,
            exchange_index=amendment.shard,
            client_order_id=amendment.client_order_id or UNSET,
        )
        body = self._change(api.AMEND, _encode(order), amendment.order_id, deadline_ms)
        if not isinstance(body, bytes):
            return body
        return _changed(body, api.AMEND, amendment.order_id, amendment.client_order_id)

    def decrease(self, reduction: Reduction, deadline_ms: int) -> ChangeOutcome:
        """See the port. The order keeps its id and its place in the queue."""
        order = DecreaseOrder(
            reduce_to=SCALE.size_text(reduction.remaining),
            market_ticker=reduction.market,
            exchange_index=reduction.shard,
        )
        body = self._change(api.DECREASE, _encode(order), reduction.order_id, deadline_ms)
        if not isinstance(body, bytes):
            return body
        return _changed(body, api.DECREASE, reduction.order_id, reduction.client_order_id)

    def _create(self, item: Placement) -> CreateOrder:
        target = item.target
        rests = target.time_in_force is TimeInForce.RESTING
        return CreateOrder(
            ticker=target.market,
            client_order_id=item.client_order_id,
            side=_SIDES[target.side],
            count=SCALE.size_text(target.size),
            price=SCALE.price_text(target.price),
            time_in_force=_TIMES_IN_FORCE[target.time_in_force],
            self_trade_prevention_type=_SELF_TRADE_PREVENTION,
            exchange_index=item.shard,
            post_only=target.post_only,
            reduce_only=target.reduce_only,
            expiration_time=target.expires_at_ms // 1000 if rests and target.expires_at_ms else UNSET,
            subaccount=self._subaccount,
        )

    def _change(self, endpoint: Endpoint, body: bytes, order_id: str, deadline_ms: int) -> bytes | Refused | Unknown:
        return self._send(endpoint, body, deadline_ms, urlencode(self._subaccount_query), order_id)

    def _send(
        self, endpoint: Endpoint, body: bytes | None, deadline_ms: int, query: str = "", order_id: str = ""
    ) -> bytes | Refused | Unknown:
        """The body of a 2xx answer, or what became of the whole request."""
        try:
            answer = self._client.write(endpoint, body, deadline_ms, query, order_id)
        except NoAnswerError as error:
            if error.sent is False:
                return Refused(Refusal.NOT_SENT, "not_sent", error.cause)
            return Unknown(f"{endpoint.name}: no answer: {error.cause}")
        if 200 <= answer.status < 300:
            return answer.body
        return write_failure(answer.status, answer.body)


def _expired(expires_at_ms: int, now_s: int) -> bool:
    """Expiry goes out in whole seconds, rounded down, and must be in the future (facts kalshi section 4.1)."""
    return expires_at_ms != 0 and expires_at_ms // 1000 <= now_s


def _placed(item: CreatedItem | None, client_id: str) -> PlaceOutcome:
    """A 201 with nothing filled and nothing remaining is an order that ended at once: an unfilled immediate order,
    or one stopped by self-trade prevention."""
    if item is None:
        return Unknown("the answer does not mention this order")
    if item.client_order_id and item.client_order_id != client_id:
        return Unknown(f"the answer names another order: {item.client_order_id}")
    if item.error:
        return _failed(item.error, item.fill_count, item.remaining_count)
    if not item.order_id or item.fill_count is None or item.remaining_count is None:
        return Unknown("the answer lacks order_id, fill_count or remaining_count")
    try:
        filled = size_units(item.fill_count, "fill_count")
        remaining = size_units(item.remaining_count, "remaining_count")
    except VenueUnavailableError as error:
        return Unknown(str(error))
    return Placed(item.order_id, client_id, filled, remaining, item.ts_ms or 0)


def _canceled(item: CanceledItem | None, order_id: str) -> CancelOutcome:
    if item is None:
        return Unknown("the answer does not mention this order")
    if item.error:
        return _failed(item.error, item.reduced_by)
    if item.order_id != order_id or item.reduced_by is None:
        return Unknown(f"the answer names order {item.order_id} and reduced_by {item.reduced_by}")
    try:
        reduced_by = size_units(item.reduced_by, "reduced_by")
    except VenueUnavailableError as error:
        return Unknown(str(error))
    if reduced_by == 0 and not item.ts_ms:
        return Unknown("nothing cancelled, no time and no error: not proof that the order is over")
    return Canceled(order_id, reduced_by, item.ts_ms or 0)


def _failed(error: object, *counts: str | None) -> Refused | Unknown:
    """What a failed item came to. One that counts contracts all the same may have taken effect."""
    counted = [count for count in counts if count and count.strip("0.")]
    if counted:
        return Unknown(f"an error, and yet {' and '.join(counted)} contracts: {error}")
    return item_failure(error)


def _changed(body: bytes, endpoint: Endpoint, order_id: str, client_id: str) -> ChangeOutcome:
    """An amend may give the order a new id: whoever tracks the order goes on with the one in the answer. It is ours
    only if the answer names our client order id, which no request of ours changes."""
    try:
        answer = decode(_AMENDED, body, endpoint.name)
        left = answer.remaining_count
        remaining = None if left is None else size_units(left, "remaining_count")
    except VenueUnavailableError as error:
        return Unknown(str(error))
    renamed = endpoint is api.AMEND and client_id and answer.client_order_id == client_id
    if answer.order_id != order_id and not renamed:
        return Unknown(f"the answer names another order: {answer.order_id} {answer.client_order_id or ''}".rstrip())
    return Changed(answer.order_id, answer.client_order_id or client_id, remaining, answer.ts_ms or 0)
