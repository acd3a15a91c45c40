"""Somebody else with the same login: orders that are not ours, some of them under another Holdfast account's mark."""

from random import Random
from urllib.parse import urlencode

import msgspec

from holdfast.core.orders import Purpose, client_order_id
from holdfast.venues.kalshi import Signer
from local.simulation.scheduler import Scheduler
from local.simulation.trace import Trace
from local.venues.kalshi import KalshiExchange, Request

_ORDERS = "/trade-api/v2/portfolio/events/orders"
_OTHER_ACCOUNT = "kalshi-other"


class Stranger:
    """Places and cancels a few orders of its own. `order_ids` are all that it ever placed."""

    def __init__(
        self,
        exchange: KalshiExchange,
        signer: Signer,
        markets: list[str],
        scheduler: Scheduler,
        chance: Random,
        trace: Trace,
    ) -> None:
        self._exchange, self._signer, self._markets = exchange, signer, markets
        self._scheduler, self._chance, self._trace = scheduler, chance, trace
        self._count = 0
        self._resting: list[tuple[str, str]] = []
        self.order_ids: set[str] = set()

    def live(self, until_ms: int) -> None:
        """The stranger's task."""
        while self._scheduler.now_ms < until_ms:
            self._scheduler.wait(self._chance.randint(4_000, 20_000))
            if self._resting and self._chance.random() < 0.4:
                self._cancel(*self._resting.pop(self._chance.randrange(len(self._resting))))
            else:
                self._place(self._chance.choice(self._markets))

    def _place(self, market: str) -> None:
        self._count += 1
        bid, ask = self._exchange.best(market)
        buys = self._chance.random() < 0.5
        best = (bid if buys else ask) or 5_000
        away = self._chance.randint(-1, 3) * 100
        price = min(max(best - away if buys else best + away, 100), 9_900)
        identity = (
            client_order_id(_OTHER_ACCOUNT, market, "bid-0", str(self._count), Purpose.QUOTE)
            if self._chance.random() < 0.5
            else f"by-hand-{self._count}"
        )
        body = {
            "ticker": market,
            "client_order_id": identity,
            "side": "bid" if buys else "ask",
            "count": f"{self._chance.randint(1, 5)}.00",
            "price": f"{price // 10_000}.{price % 10_000:04d}",
            "time_in_force": "good_till_canceled",
            "self_trade_prevention_type": "taker_at_cross",
        }
        status, answer = self._send("POST", _ORDERS, "", msgspec.json.encode(body))
        if status == 201:
            order_id = msgspec.json.decode(answer)["order_id"]
            self.order_ids.add(order_id)
            self._resting.append((order_id, market))

    def _cancel(self, order_id: str, market: str) -> None:
        self._send("DELETE", f"{_ORDERS}/{order_id}", urlencode({"market_ticker": market}), None)

    def _send(self, method: str, path: str, query: str, body: bytes | None) -> tuple[int, bytes]:
        headers = self._signer.headers(self._scheduler.now_ms, method, path)
        response = self._exchange.handle(Request(method, path, query, headers, body))
        self._trace.add(
            self._scheduler.now_ms, "stranger", f"{method} {path.rpartition('/v2')[2]}", f"HTTP {response.status}"
        )
        return response.status, response.body
