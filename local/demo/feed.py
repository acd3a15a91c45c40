"""The tape as something that happens to the local exchanges, each market to its own, results included."""

from collections.abc import Mapping

from local.demo.venues.venue import DemoVenue
from local.tapes.tape import Tape, TapeEvent, TapeMarket

# How long after its close a market gets its result.
SETTLES_AFTER_MS = 5_000


class TapeFeed:
    """Plays a tape to exchanges that list its markets already. Tape time 0 is `start_ms`.

    `homes` names the venue of every market by its ticker.
    """

    def __init__(self, tape: Tape, homes: Mapping[str, DemoVenue], start_ms: int) -> None:
        results = [(market.closes_at_ms + SETTLES_AFTER_MS, market) for market in tape.markets if market.result]
        self._happens: list[tuple[int, TapeEvent | TapeMarket]] = sorted(
            [*((event.at_ms, event) for event in tape.events), *results], key=lambda pair: pair[0]
        )
        self._homes = homes
        self._start_ms = start_ms
        self._next = 0

    def due_ms(self) -> int | None:
        """When the next thing happens, UTC ms; None once nothing will."""
        return self._start_ms + self._happens[self._next][0] if self._next < len(self._happens) else None

    def step(self) -> None:
        """Let it happen."""
        _, happens = self._happens[self._next]
        self._next += 1
        venue = self._homes[happens.ticker]
        if isinstance(happens, TapeMarket):
            venue.settle(happens.ticker)
        else:
            venue.apply(happens)
