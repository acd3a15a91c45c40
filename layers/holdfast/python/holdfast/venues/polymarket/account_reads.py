"""What the account has at Polymarket: orders, fills, positions, money (facts polymarket sections 2 and 5)."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from urllib.parse import urlencode

import msgspec

from holdfast.clock import Clock
from holdfast.core.errors import BudgetExhaustedError, VenueError, VenueRefusedError, VenueUnavailableError
from holdfast.core.orders import Fill, OpenOrder, Settlement
from holdfast.venues.polymarket import client as api
from holdfast.venues.polymarket.client import PolymarketClient
from holdfast.venues.polymarket.fees import FeeSchedule
from holdfast.venues.polymarket.fills import fills_of
from holdfast.venues.polymarket.holdings import held_size, holding_rows, is_resolved, settled_price
from holdfast.venues.polymarket.market_reads import MarketReads
from holdfast.venues.polymarket.order import SCALE, meant_expiry_ms
from holdfast.venues.polymarket.pages import rows
from holdfast.venues.polymarket.results import Result, results_of
from holdfast.venues.polymarket.signer import SignatureType
from holdfast.venues.polymarket.typed_data import exchange_names, is_position_id, token_number
from holdfast.venues.polymarket.wire import (
    BalanceAnswer,
    HoldingRow,
    OrderPage,
    OrderRow,
    TradePage,
    cost_units,
    decode,
    gain_units,
    nearest_price,
    side_of,
    size_units,
    status_word,
    whole_time,
)
from holdfast.venues.port import Balance, OpenOrders, OrderRead, OrderStatus, VenuePosition

# Longer than any trade takes from its match to the chain.
FORGOTTEN_AFTER_MS = 600_000
_NOT_FOUND = 404
_NOTHING = frozenset({b"", b"null", b"{}", b'""'})
_MILLIONTH = Decimal("0.000001")
_STATUSES = {
    "LIVE": OrderStatus.RESTING,
    "DELAYED": OrderStatus.RESTING,
    "UNMATCHED": OrderStatus.RESTING,
    "MATCHED": OrderStatus.FILLED,
    "INVALID": OrderStatus.CANCELED,
}

_ORDERS = msgspec.json.Decoder(OrderPage)
_ORDER = msgspec.json.Decoder(OrderRow)
_TRADES = msgspec.json.Decoder(TradePage)
_BALANCE = msgspec.json.Decoder(BalanceAnswer)


class AccountReads:
    """The read half of the venue port that concerns the account. `wallet` holds its money, `owner` is its API key."""

    def __init__(
        self,
        client: PolymarketClient,
        clock: Clock,
        markets: MarketReads,
        *,
        wallet: str,
        owner: str,
        signature_type: SignatureType,
    ) -> None:
        self._client, self._clock, self._markets = client, clock, markets
        self._wallet, self._owner, self._signature_type = wallet, owner, int(signature_type)

    def open_orders(self) -> OpenOrders:
        """See the port. The venue states no as-of time. Orders carry no id of ours: whose they are, their hash says."""
        requested_at_ms = self._clock.now_ms()
        reads = [_order_read(row) for row in self._order_rows({})]
        found = {read.order.order_id: read.order for read in reads if read.status is OrderStatus.RESTING}
        return OpenOrders(orders=tuple(found.values()), as_of_ms=0, requested_at_ms=requested_at_ms)

    def find_order(self, order_id: str, market: str) -> OrderRead | None:
        """See the port. Where the look-up shows nothing, the list by id has the last word."""
        try:
            body = self._client.read(api.ORDER, item=order_id).strip()
        except VenueRefusedError as error:
            if error.status != _NOT_FOUND:
                raise
            body = b""
        if body not in _NOTHING:
            return _order_read(decode(_ORDER, body, api.ORDER.name))
        listed = (row for row in self._order_rows({"id": order_id}) if row.id.lower() == order_id.lower())
        return next(map(_order_read, listed), None)

    def recent_orders(self, since_ms: int) -> list[OrderRead]:
        """See the port, but resting ones only: the venue lists no others. One that is over is found by its hash."""
        found = {row.id: _order_read(row) for row in self._order_rows({})}
        return [read for read in found.values() if read.order.created_at_ms >= since_ms // 1000 * 1000]

    def fills(self, since_ms: int) -> list[Fill]:
        """See the port. May begin up to two seconds earlier: the venue filters by whole seconds. The fees of a market
        that fails to be read are missing from its fills, and hold up no other."""
        query: dict[str, str | int] = {"maker_address": self._wallet, "after": max(since_ms // 1000 - 1, 0)}
        listed = list(rows(self._client, api.TRADES, _TRADES, lambda page: page.data, query))
        listed.reverse()  # newest first, also within one second
        found: dict[tuple[str, str], Fill] = {}
        fees = FeesNow(self._markets)
        for row in listed:
            for fill in fills_of(row, self._wallet, self._owner, fees.of):
                found[fill.fill_id, fill.order_id] = fill
        return sorted(found.values(), key=lambda fill: fill.at_ms)

    def settlements(self, held: Mapping[str, int]) -> list[Settlement]:
        """What resolved and is in the wallet, at what the data API says it is worth, or the market's result where that
        leaves it open; and what our books hold (`held`,
        sizes by token) of markets that resolved, and the wallet does not: somebody redeemed it, the owner or the
        venue's own operator.

        Whether something resolved before some time the venue does not say, so all of it comes every time. What the
        wallet does not show is settled only FORGOTTEN_AFTER_MS after its market closed: until then a trade may still
        be on its way to the chain.
        """
        now_ms = self._clock.now_ms()
        listed = {row.token_id: row for row in self._holdings() if row.current_size}
        resolved = [row for row in listed.values() if is_resolved(row)]
        missing = [token for token, size in held.items() if size > 0 and token not in listed]
        vague = [row.token_id for row in resolved if row.token_id in held and not (_last_event_ms(row) and _pays(row))]
        try:
            results = results_of(self._client, [*missing, *vague]) if missing or vague else {}
        except VenueError as error:
            # What is certain without Gamma does not wait for it; once that is booked, its failure is what is left.
            # Whatever it refuses, 429 included, says nothing of the account's key or budget.
            if not any(row.token_id in held and row.token_id not in vague for row in resolved):
                raise VenueUnavailableError(str(error)) from error
            results = {}
        settled = [_settlement(row, results.get(row.token_id), now_ms) for row in resolved]
        for token in missing:
            result = results.get(token)
            if result is not None and 0 < result.closed_at_ms <= now_ms - FORGOTTEN_AFTER_MS:
                settled.append(_settled(token, held[token], result.price, result.closed_at_ms))
        return sorted((row for row in settled if row is not None), key=lambda settlement: settlement.at_ms)

    def positions(self) -> list[VenuePosition]:
        """See the port, resolved ones included until they are redeemed."""
        return [
            VenuePosition(
                market=row.token_id,
                size=held_size(row),
                fees_paid=cost_units(row.entry_fees_usdc, "position.entry_fees_usdc"),
                realized_pnl=gain_units(row.realized_pnl, "position.realized_pnl"),
                resolved=is_resolved(row),
            )
            for row in self._holdings()
            if row.current_size
        ]

    def balance(self) -> Balance:
        """See the port: pUSD in the wallet. What open buys reserve is not taken off: the venue doesn't say."""
        answer = self._balance({"asset_type": "COLLATERAL"})
        return Balance(_size(answer) * SCALE.one, by_shard={}, unapproved=_unapproved(answer))

    def holding(self, market: str) -> int:
        """The shares of a token that the venue believes are in the wallet, size units. It learns of them late."""
        return _size(self._balance(_token_query(market)))

    def refresh_holding(self, market: str) -> None:
        """Make the venue read a token's balance from the chain again. Allowed five times a second at most."""
        query = {**_token_query(market), "signature_type": self._signature_type}
        self._client.read(api.REFRESH, urlencode(query))

    def _balance(self, query: dict[str, str]) -> BalanceAnswer:
        body = self._client.read(api.BALANCE, urlencode({**query, "signature_type": self._signature_type}))
        return decode(_BALANCE, body, api.BALANCE.name)

    def _order_rows(self, query: dict[str, str]) -> Iterator[OrderRow]:
        return rows(self._client, api.ORDERS, _ORDERS, lambda page: page.data, query)

    def _holdings(self) -> Iterator[HoldingRow]:
        return holding_rows(self._client, self._wallet)


def _size(answer: BalanceAnswer) -> int:
    return size_units(answer.balance * _MILLIONTH, "balance")


def _unapproved(answer: BalanceAnswer) -> tuple[str, ...] | None:
    """Those of the exchanges that we sign for whose allowance is stated as nothing; one that is not stated is none."""
    if not isinstance(answer.allowances, dict):
        return None
    stated = {str(spender).lower(): str(amount) for spender, amount in answer.allowances.items()}
    return tuple(name for address, name in exchange_names().items() if stated.get(address) == "0")


class FeesNow:
    """Conditions' fees within one read: a market that can't be read now is asked once, and has None."""

    def __init__(self, markets: MarketReads) -> None:
        self._markets = markets
        self._failed: set[str] = set()

    def of(self, condition: str) -> FeeSchedule | None:
        """The fees of one condition."""
        if condition in self._failed:
            return None
        try:
            return self._markets.fees_of(condition)
        except (VenueUnavailableError, BudgetExhaustedError):
            self._failed.add(condition)
            return None


def _token_query(market: str) -> dict[str, str]:
    kind = "CONDITIONAL-V2" if is_position_id(token_number(market)) else "CONDITIONAL"
    return {"asset_type": kind, "token_id": market}


def _order_read(row: OrderRow) -> OrderRead:
    filled = size_units(row.size_matched, "order.size_matched")
    remaining = size_units(row.original_size, "order.original_size") - filled
    order = OpenOrder(
        order_id=row.id,
        client_order_id="",
        market=row.asset_id,
        side=side_of(row.side, "order.side"),
        price=nearest_price(row.price, "order.price"),
        remaining=remaining,
        filled=filled,
        expires_at_ms=meant_expiry_ms(whole_time(row.expiration, "order.expiration")),
        created_at_ms=whole_time(row.created_at, "order.created_at") * 1000,
    )
    return OrderRead(order, _status_of(status_word(row.status), order))


def _status_of(word: str, order: OpenOrder) -> OrderStatus:
    """For a word that we don't know: what remains is taken as live, and over only what has nothing left."""
    known = _STATUSES.get(word)
    if known is not None:
        return known
    if word.startswith("CANCEL"):
        return OrderStatus.CANCELED
    return OrderStatus.RESTING if order.remaining > 0 else OrderStatus.FILLED


def _settlement(row: HoldingRow, result: Result | None, now_ms: int) -> Settlement | None:
    """None while nobody says for certain what it pays."""
    if result is None and not _pays(row):
        return None
    price = result.price if result else settled_price(row)
    closed_at_ms = result.closed_at_ms if result else 0
    return _settled(row.token_id, held_size(row), price, _last_event_ms(row) or closed_at_ms or now_ms)


def _pays(row: HoldingRow) -> bool:
    """Whether its price is what it pays: any other than all or nothing may be the last one of the market."""
    return row.current_price in (0, 1)


def _settled(market: str, size: int, price: int, at_ms: int) -> Settlement:
    result = "won" if price == SCALE.one else "lost" if price == 0 else "split"
    return Settlement(market=market, size=size, payout=size * price, fee=0, result=result, at_ms=at_ms)


def _last_event_ms(row: HoldingRow) -> int:
    """0 where the data API dates it not at all, or in words."""
    seconds = row.last_event_at or 0
    if isinstance(seconds, str):
        seconds = int(seconds) if seconds.isascii() and seconds.isdecimal() else 0
    return seconds * 1000
