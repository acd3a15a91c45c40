"""The rest of the market: a book around a wandering price, seeded."""

from random import Random

from holdfast.core.book import Level
from local.simulation.venue import SimulatedVenue

_LOWEST, _HIGHEST = 15, 85
_DEPTH = 4


class Crowd:
    """Moves the books of some markets, one step at a time. Prices are whole cents."""

    def __init__(self, venue: SimulatedVenue, chance: Random) -> None:
        self._venue = venue
        self._chance = chance
        self._middles = {market: chance.randint(35, 65) for market in venue.markets}
        self._shown: dict[str, tuple[list[Level], list[Level]]] = {}
        for market in venue.markets:
            self._show(market)

    def step(self) -> None:
        """One market moves: mostly its sizes, sometimes its price, now and then far."""
        market = self._chance.choice(list(self._middles))
        luck = self._chance.random()
        reach = 0 if luck < 0.55 else 1 if luck < 0.85 else 5
        moved = self._middles[market] + self._chance.randint(-reach, reach)
        self._middles[market] = min(max(moved, _LOWEST), _HIGHEST)
        self._show(market)

    def refill(self, market: str) -> None:
        """What was last offered in a market is offered anew, however much of it was taken."""
        # What was taken of a level stays taken for as long as others show the same size there.
        self._venue.feed(market, [], [])
        self._venue.feed(market, *self._shown[market])

    def _show(self, market: str) -> None:
        middle = self._middles[market]
        half = self._chance.choice((1, 1, 2))
        bids = [self._level(middle - half - depth) for depth in range(_DEPTH)]
        asks = [self._level(middle + half + depth) for depth in range(_DEPTH)]
        self._shown[market] = (bids, asks)
        self._venue.feed(market, bids, asks)

    def _level(self, cents: int) -> Level:
        hundredths = self._chance.randint(1, 60) * 100 + self._chance.choice((0, 0, 37))
        return cents * self._venue.scale.price("0.01"), hundredths * self._venue.scale.size("0.01")
