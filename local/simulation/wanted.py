"""What should rest once all is still: the strategy asked anew, on books read without faults."""

from collections.abc import Mapping

from holdfast.clock import Clock
from holdfast.core.book import Top
from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder
from holdfast.core.positions import Position
from holdfast.core.risk import InventoryStop, should_flatten
from holdfast.core.strategy import MarketView
from holdfast.state.markets import MarketConfig, load_strategy
from holdfast.venues.kalshi import HttpAnswer, KalshiSettings, KalshiVenue, Signer
from holdfast.venues.kalshi.wire import SCALE
from local.venues.kalshi import KalshiExchange, Request
from local.venues.kalshi.records import Order

Wanted = dict[tuple[str, Side], list[tuple[int, int]]]


class _Direct:
    """The transport of an onlooker: nothing gets lost, no time passes."""

    def __init__(self, exchange: KalshiExchange) -> None:
        self._exchange = exchange

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_ms: int
    ) -> HttpAnswer:
        """See the port."""
        path, _, query = url.removeprefix("http://localhost").partition("?")
        response = self._exchange.handle(Request(method, path, query, headers, body))
        return HttpAnswer(response.status, response.headers, response.body)


class _Free:
    """A meter that costs nothing."""

    def spend(self, bucket: str, tokens: int, endpoint: str) -> None:
        """Pay nothing."""

    def record(self, endpoint: str, status: int, duration_us: int) -> None:
        """Count nothing."""


class Onlooker:
    """Reads markets as an account's writer would, without faults."""

    def __init__(self, exchange: KalshiExchange, settings: KalshiSettings, signer: Signer, clock: Clock) -> None:
        self._venue = KalshiVenue(settings, signer, _Direct(exchange), clock, _Free())
        self._clock = clock

    def wanted(
        self, configs: list[MarketConfig], ours: list[Order], positions: Mapping[str, Position], stop: InventoryStop
    ) -> tuple[Wanted, set[str]]:
        """Prices and sizes by market side, and the markets where an exit is due instead."""
        markets = [config.market for config in configs]
        rules, books = self._venue.market_rules(markets), self._venue.books(markets)
        wanted: Wanted = {}
        exiting = set()
        for config in configs:
            market = config.market
            position = positions.get(market) or Position(market)
            orders = [_open(order) for order in ours if order.ticker == market]
            book = books[market].without(orders)
            top = Top(book.best_bid, book.best_ask)
            if should_flatten(position, top, rules[market], SCALE.one, stop, decision_id="") is not None:
                exiting.add(market)
                continue
            strategy, parameters = load_strategy(config)
            now_ms = self._clock.now_ms()
            view = MarketView(
                market=market,
                rules=rules[market],
                book=book,
                book_state=book.state(now_ms, 1),
                now_ms=now_ms,
                one=SCALE.one,
                scale=SCALE,
                quote_expires_at_ms=0,
                decision_id="",
            )
            for target in strategy.compute_targets(view, position, parameters):
                wanted.setdefault((market, target.side), []).append((target.price, target.size))
        return wanted, exiting


def _open(order: Order) -> OpenOrder:
    return OpenOrder(order.order_id, order.client_order_id, order.ticker, order.side, order.price, order.remaining)
