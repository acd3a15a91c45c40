"""What should rest once all is still: the strategy asked anew, on books read without faults."""

from collections.abc import Mapping, Sequence

from holdfast.clock import Clock
from holdfast.core.book import Top
from holdfast.core.lanes import within_position
from holdfast.core.market import MarketRules, Side
from holdfast.core.orders import OpenOrder, TargetOrder
from holdfast.core.positions import Position
from holdfast.core.risk import InventoryStop, should_flatten
from holdfast.core.strategy import MarketView
from holdfast.state.markets import MarketConfig, load_strategy
from local.simulation.direct import DirectTransport, FreeMeter
from local.simulation.venue import BookOrder, SimulatedVenue

Wanted = dict[tuple[str, Side], list[tuple[int, int]]]


class Onlooker:
    """Reads markets as an account's writer would, without faults."""

    def __init__(self, side: SimulatedVenue, clock: Clock) -> None:
        self._venue = side.connect(DirectTransport(side.handle), clock, FreeMeter())
        self._scale, self._one = side.scale, side.one
        self._clock = clock

    def rules(self, markets: Sequence[str]) -> dict[str, MarketRules]:
        """The rules of markets, as an account would read them."""
        return self._venue.market_rules(list(markets)) if markets else {}

    def wanted(
        self, configs: list[MarketConfig], ours: list[BookOrder], positions: Mapping[str, Position], stop: InventoryStop
    ) -> tuple[Wanted, set[str]]:
        """Prices and sizes by market side, and the markets where an exit is due instead."""
        markets = [config.market for config in configs]
        rules, books = self._venue.market_rules(markets), self._venue.books(markets)
        wanted: Wanted = {}
        exiting = set()
        for config in configs:
            market = config.market
            position = positions.get(market) or Position(market)
            orders = [_open(order) for order in ours if order.market == market]
            book = books[market].without(orders)
            top = Top(book.best_bid, book.best_ask)
            if should_flatten(position, top, rules[market], self._one, stop, decision_id="") is not None:
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
                one=self._scale.one,
                scale=self._scale,
                quote_expires_at_ms=0,
                decision_id="",
            )
            for target in self._sellable(strategy.compute_targets(view, position, parameters), position):
                if rules[market].snap_size(target.size):
                    wanted.setdefault((market, target.side), []).append((target.price, target.size))
        return wanted, exiting

    def _sellable(self, targets: Sequence[TargetOrder], position: Position) -> list[TargetOrder]:
        """Where the venue does not net, only what is held can be sold."""
        if self._one is not None:
            return list(targets)
        sells = [target for target in targets if target.side is Side.SELL]
        within, _ = within_position(sells, (), {position.market: position.size})
        return [*(target for target in targets if target.side is Side.BUY), *within]


def _open(order: BookOrder) -> OpenOrder:
    return OpenOrder(order.order_id, order.client_order_id, order.market, order.side, order.price, order.remaining)
