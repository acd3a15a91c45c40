"""Whoever wants positions in a run: entries like a scanner's or a person's, and exits by signal and by hand."""

from collections.abc import Sequence
from random import Random

from holdfast.core.market import Side
from holdfast.core.requests import EntryRequest, ExitRequest, Origin
from holdfast.state.port import Store
from holdfast.state.requests import Requests
from local.simulation.scheduler import Scheduler
from local.simulation.trace import Trace
from local.simulation.venue import SimulatedVenue

# Tight enough that a crowd reaches them within a run, and nothing: the switches decide.
_PROTECTIONS: tuple[dict[str, str], ...] = (
    {},
    {"take_profit": "0.06", "stop_loss": "0.05", "soft_stop": "0.05", "hard_stop": "0.07"},
    {"take_profit": "0.04", "stop_loss": "0.06", "soft_stop": "0.05", "hard_stop": "0.09"},
    {"take_profit": "0.30", "stop_loss": "0.05", "soft_stop": "0.06", "hard_stop": "0.07"},
)


class Asker:
    """Asks for positions in some markets, now and then twice with one id, and for their exits."""

    def __init__(
        self,
        venue: SimulatedVenue,
        markets: Sequence[str],
        store: Store,
        scheduler: Scheduler,
        chance: Random,
        trace: Trace,
    ) -> None:
        self._account, self._nets = venue.account.account_id, venue.one is not None
        self._markets = markets
        self._requests = Requests(store, self._account)
        self._scheduler, self._chance, self._trace = scheduler, chance, trace
        self._count = 0

    def live(self, until_ms: int) -> None:
        """The asker's task."""
        while self._scheduler.now_ms < until_ms:
            self._count += 1
            market = self._chance.choice(self._markets)
            request = self._exit(market) if self._chance.random() < 0.2 else self._entry(market)
            for _ in range(self._chance.choice((1, 1, 1, 2))):
                is_new = self._requests.put(request, self._scheduler.now_ms)
                words = f"{type(request).__name__} {request.request_id} of {market}"
                self._trace.add(self._scheduler.now_ms, "asker", words, "new" if is_new else "known already")
            self._scheduler.wait(self._chance.randrange(2_000, 15_000))

    def _entry(self, market: str) -> EntryRequest:
        now_ms, chance = self._scheduler.now_ms, self._chance
        return EntryRequest(
            request_id=f"r{self._count}",
            account=self._account,
            market=market,
            side=chance.choice((Side.BUY, Side.SELL)) if self._nets else Side.BUY,
            origin=chance.choice((Origin.SCANNER, Origin.SIGNAL)),
            requested_at_ms=now_ms,
            expires_at_ms=now_ms + chance.choice((5_000, 30_000, 90_000)),
            size=str(chance.choice((5, 12, 40, 120))),
            protection=chance.choice(_PROTECTIONS),
        )

    def _exit(self, market: str) -> ExitRequest:
        now_ms = self._scheduler.now_ms
        return ExitRequest(
            request_id=f"r{self._count}",
            account=self._account,
            market=market,
            origin=self._chance.choice((Origin.SIGNAL, Origin.COMMAND)),
            requested_at_ms=now_ms,
            expires_at_ms=now_ms + 30_000,
        )
