"""Somebody else with the same login: orders that are not ours, some of them under another Holdfast account's mark."""

from collections.abc import Sequence
from random import Random

from holdfast.core.market import Side
from holdfast.core.orders import Purpose, client_order_id
from local.simulation.scheduler import Scheduler
from local.simulation.trace import Trace
from local.simulation.venue import SimulatedVenue, StrangerAnswer

_OTHER_ACCOUNT = "kalshi-other"


class Stranger:
    """Places and cancels a few orders of its own in `markets`. `order_ids` are all that it ever placed."""

    def __init__(
        self, venue: SimulatedVenue, markets: Sequence[str], scheduler: Scheduler, chance: Random, trace: Trace
    ) -> None:
        self._venue, self._client = venue, venue.stranger()
        self._markets = markets
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
        bid, ask = self._venue.best(market)
        buys = self._chance.random() < 0.5
        best = (bid if buys else ask) or 5_000
        away = self._chance.randint(-1, 3) * 100
        price = min(max(best - away if buys else best + away, 100), 9_900)
        identity = (
            client_order_id(_OTHER_ACCOUNT, market, "bid-0", str(self._count), Purpose.QUOTE)
            if self._chance.random() < 0.5
            else f"by-hand-{self._count}"
        )
        side = Side.BUY if buys else Side.SELL
        answer = self._client.place(market, side, price, self._chance.randint(1, 5), identity)
        self._note(answer)
        if answer.order_id:
            self.order_ids.add(answer.order_id)
            self._resting.append((answer.order_id, market))

    def _cancel(self, order_id: str, market: str) -> None:
        self._note(self._client.cancel(order_id, market))

    def _note(self, answer: StrangerAnswer) -> None:
        self._trace.add(self._scheduler.now_ms, "stranger", answer.what, f"HTTP {answer.status}")
