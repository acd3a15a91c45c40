"""What the account has at Kalshi: orders, fills, settlements, positions, money (facts kalshi section 4.4)."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

import msgspec

from holdfast.clock import Clock
from holdfast.core.errors import VenueRefusedError, VenueUnavailableError
from holdfast.core.orders import Fill, OpenOrder, Settlement, purpose_of
from holdfast.venues.kalshi import client as api
from holdfast.venues.kalshi.client import KalshiClient
from holdfast.venues.kalshi.hosts import KalshiSettings
from holdfast.venues.kalshi.pages import rows
from holdfast.venues.kalshi.wire import (
    AUTO_SHARD,
    SCALE,
    cost_units,
    decode,
    gain_units,
    price_units,
    side_of,
    size_units,
)
from holdfast.venues.kalshi.wire_reads import (
    AsOfAnswer,
    BalanceAnswer,
    FillPage,
    FillRow,
    OneOrder,
    OrderPage,
    OrderRow,
    PositionPage,
    PositionRow,
    SettlementPage,
    SettlementRow,
)
from holdfast.venues.moments import time_ms
from holdfast.venues.port import Balance, OpenOrders, OrderRead, OrderStatus, VenuePosition

_NOT_FOUND = 404
_CENT = SCALE.money("0.01")
_STATUSES = {
    "resting": OrderStatus.RESTING,
    "canceled": OrderStatus.CANCELED,
    "executed": OrderStatus.FILLED,
}

_AS_OF = msgspec.json.Decoder(AsOfAnswer)
_ORDERS = msgspec.json.Decoder(OrderPage)
_ORDER = msgspec.json.Decoder(OneOrder)
_FILLS = msgspec.json.Decoder(FillPage)
_SETTLEMENTS = msgspec.json.Decoder(SettlementPage)
_POSITIONS = msgspec.json.Decoder(PositionPage)
_BALANCE = msgspec.json.Decoder(BalanceAnswer)


class AccountReads:
    """The read half of the venue port that concerns the account.

    The subaccount is always stated: lists of orders and fills would else show every subaccount, positions and
    balance only the primary one. Rows of another subaccount are left out should the venue send them all the same.
    """

    def __init__(self, client: KalshiClient, clock: Clock, settings: KalshiSettings) -> None:
        self._client, self._clock = client, clock
        self._account, self._subaccount = settings.account, settings.subaccount

    def open_orders(self) -> OpenOrders:
        """See the port. The as-of time is read before the list, so the list is at least as fresh."""
        requested_at_ms = self._clock.now_ms()
        answer = decode(_AS_OF, self._client.read(api.AS_OF), api.AS_OF.name)
        as_of_ms = time_ms(answer.as_of_time, "as_of_time")
        if as_of_ms == 0:
            raise VenueUnavailableError(f"{api.AS_OF.name}: as_of_time is empty")
        orders = {row.order_id: self._open_order(row) for row in self._order_rows({"status": "resting"})}
        return OpenOrders(orders=tuple(orders.values()), as_of_ms=as_of_ms, requested_at_ms=requested_at_ms)

    def find_order(self, order_id: str, market: str) -> OrderRead | None:
        """See the port. A look-up of an order on another shard may say 404, so the market's list has the last word
        (facts kalshi section 4)."""
        try:
            body = self._client.read(api.ORDER, urlencode({"market_ticker": market}), order_id)
        except VenueRefusedError as error:
            if error.status != _NOT_FOUND:
                raise
            listed = self._order_rows({"ticker": market})
            row = next((row for row in listed if row.order_id == order_id), None)
            return None if row is None else self._order_read(row)
        return self._order_read(decode(_ORDER, body, api.ORDER.name).order)

    def recent_orders(self, since_ms: int) -> list[OrderRead]:
        """See the port. May begin up to two seconds earlier: the venue filters by whole seconds."""
        found = {row.order_id: self._order_read(row) for row in self._order_rows({"min_ts": _from_second(since_ms)})}
        return list(found.values())

    def fills(self, since_ms: int) -> list[Fill]:
        """See the port. May begin up to two seconds earlier: the venue filters by whole seconds.

        Both sides of a trade share one fill id, so a fill is one (fill, order).
        """
        query = self._query({"min_ts": _from_second(since_ms)})
        listed = rows(self._client, api.FILLS, _FILLS, lambda page: page.fills, query)
        found = {(row.fill_id, row.order_id): _fill(row) for row in listed if self._ours(row.subaccount_number)}
        fills = list(found.values())
        if fills and fills[0].at_ms >= fills[-1].at_ms:  # listed newest first, also within one millisecond
            fills.reverse()
        fills.sort(key=lambda fill: fill.at_ms)
        return fills

    def settlements(self, since_ms: int) -> list[Settlement]:
        """See the port. May begin up to two seconds earlier: the venue filters by whole seconds."""
        query = self._query({"min_ts": _from_second(since_ms)})
        listed = rows(self._client, api.SETTLEMENTS, _SETTLEMENTS, lambda page: page.settlements, query)
        found = {(row.ticker, row.settled_time): _settlement(row) for row in listed}
        return sorted(found.values(), key=lambda settlement: settlement.at_ms)

    def positions(self) -> list[VenuePosition]:
        """See the port: all shards, flat ones left out."""
        query = self._query({"count_filter": "position"})
        listed = rows(self._client, api.POSITIONS, _POSITIONS, lambda page: page.market_positions, query)
        found = {row.ticker: _position(row) for row in listed}
        return [position for position in found.values() if position.size]

    def balance(self) -> Balance:
        """See the port. A key that is locked to a subaccount gets no balance by shard: then it is empty."""
        query = urlencode(self._query({}))
        answer = decode(_BALANCE, self._client.read(api.BALANCE, query), api.BALANCE.name)
        return Balance(
            available=gain_units(answer.balance_dollars, "balance_dollars"),
            by_shard={
                shard.exchange_index: gain_units(shard.balance, "balance_breakdown.balance")
                for shard in answer.balance_breakdown or ()
            },
        )

    def _order_rows(self, query: Mapping[str, str | int]) -> Iterator[OrderRow]:
        listed = rows(self._client, api.ORDERS, _ORDERS, lambda page: page.orders, self._query(query))
        return (row for row in listed if self._ours(row.subaccount_number))

    def _query(self, query: Mapping[str, str | int]) -> dict[str, str | int]:
        return {**query, "subaccount": self._subaccount}

    def _ours(self, subaccount: int | None) -> bool:
        return subaccount is None or subaccount == self._subaccount

    def _open_order(self, row: OrderRow) -> OpenOrder:
        client_id = row.client_order_id or ""
        return OpenOrder(
            order_id=row.order_id,
            client_order_id=client_id,
            market=row.ticker,
            side=side_of(row.book_side, row.outcome_side, "order.book_side"),
            price=price_units(row.yes_price_dollars, "order.yes_price_dollars"),
            remaining=size_units(row.remaining_count_fp, "order.remaining_count_fp"),
            filled=size_units(row.fill_count_fp, "order.fill_count_fp"),
            purpose=purpose_of(client_id, self._account),
            expires_at_ms=time_ms(row.expiration_time, "order.expiration_time"),
            created_at_ms=time_ms(row.created_time, "order.created_time"),
            shard=AUTO_SHARD if row.exchange_index is None else row.exchange_index,
        )

    def _order_read(self, row: OrderRow) -> OrderRead:
        order = self._open_order(row)
        return OrderRead(order=order, status=_STATUSES.get(row.status) or _status_of(order))


def _status_of(order: OpenOrder) -> OrderStatus:
    """For a status word that we don't know: what remains is taken as live, and over only what has nothing left."""
    if order.remaining > 0:
        return OrderStatus.RESTING
    return OrderStatus.FILLED if order.filled > 0 else OrderStatus.CANCELED


def _from_second(since_ms: int) -> int:
    """`min_ts` means after that second, and fractions are cut."""
    return max(since_ms // 1000 - 1, 0)


def _fill(row: FillRow) -> Fill:
    at_ms = time_ms(row.created_time, "fill.created_time") or (row.ts or 0) * 1000
    if at_ms == 0:
        raise VenueUnavailableError(f"fill {row.fill_id}: created_time and ts are empty")
    return Fill(
        fill_id=row.fill_id,
        order_id=row.order_id,
        market=row.ticker,
        side=side_of(row.book_side, row.outcome_side, "fill.book_side"),
        price=price_units(row.yes_price_dollars, "fill.yes_price_dollars"),
        size=size_units(row.count_fp, "fill.count_fp"),
        fee=cost_units(row.fee_cost, "fill.fee_cost"),
        is_taker=row.is_taker,
        at_ms=at_ms,
    )


def _settlement(row: SettlementRow) -> Settlement:
    """`fee_cost` of a settlement repeats the fees of the market's fills and settling costs nothing (facts kalshi
    section 9), so the settlement's own fee is 0: counting it would count every fee twice."""
    yes = size_units(row.yes_count_fp, "settlement.yes_count_fp")
    no = size_units(row.no_count_fp, "settlement.no_count_fp")
    return Settlement(
        market=row.ticker,
        size=yes - no,
        payout=row.revenue * _CENT,
        fee=0,
        result=row.market_result,
        at_ms=time_ms(row.settled_time, "settlement.settled_time"),
    )


def _position(row: PositionRow) -> VenuePosition:
    return VenuePosition(
        market=row.ticker,
        size=size_units(row.position_fp, "position.position_fp"),
        fees_paid=cost_units(row.fees_paid_dollars, "position.fees_paid_dollars"),
        realized_pnl=gain_units(row.realized_pnl_dollars, "position.realized_pnl_dollars"),
    )
