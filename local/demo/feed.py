"""The tape as something that happens to the local exchange, settlements included."""

from local.tapes.tape import BookSnapshot, LevelChanges, Tape, TapeEvent, TapeMarket
from local.venues.kalshi import KalshiExchange

# How long after its close a market gets its result.
SETTLES_AFTER_MS = 5_000


class TapeFeed:
    """Plays a tape to an exchange whose markets are listed already. Tape time 0 is `start_ms`."""

    def __init__(self, tape: Tape, exchange: KalshiExchange, start_ms: int) -> None:
        results = [(market.closes_at_ms + SETTLES_AFTER_MS, market) for market in tape.markets if market.result]
        self._happens: list[tuple[int, TapeEvent | TapeMarket]] = sorted(
            [*((event.at_ms, event) for event in tape.events), *results], key=lambda pair: pair[0]
        )
        self._exchange = exchange
        self._start_ms = start_ms
        self._next = 0

    def due_ms(self) -> int | None:
        """When the next thing happens, UTC ms; None once nothing will."""
        return self._start_ms + self._happens[self._next][0] if self._next < len(self._happens) else None

    def step(self) -> None:
        """Let it happen."""
        _, happens = self._happens[self._next]
        self._next += 1
        match happens:
            case LevelChanges():
                self._exchange.apply_changes(happens.ticker, happens.bids, happens.asks)
            case BookSnapshot():
                self._exchange.apply_snapshot(happens.ticker, happens.bids, happens.asks)
            case TapeMarket():
                self._exchange.settle(happens.ticker, happens.result or "")
            case _:
                self._exchange.apply_trade(happens.ticker, happens.price, happens.size, happens.aggressor)
