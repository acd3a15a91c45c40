"""The venues of the demo behind one protocol."""

from collections.abc import Callable, Sequence

from holdfast.clock import Clock
from local.demo.options import DemoOptions
from local.demo.venues.kalshi import KalshiDemo
from local.demo.venues.polymarket import PolymarketDemo
from local.demo.venues.venue import DemoVenue
from local.tapes.tape import Tape, TapeMarket

_MakeVenue = Callable[[DemoOptions, Tape, Sequence[TapeMarket], Clock, int], DemoVenue]
_MAKERS: dict[str, _MakeVenue] = {KalshiDemo.name: KalshiDemo, PolymarketDemo.name: PolymarketDemo}


def open_venues(
    options: DemoOptions, tape: Tape, clock: Clock, start_ms: int
) -> tuple[tuple[DemoVenue, ...], dict[str, DemoVenue]]:
    """The venues that the options ask for, and which of them has which of the tape's markets, by ticker.

    With two venues the first, third, fifth ... market of the tape is the first venue's and the others are the
    second's. A venue without a market is left out. Raises InvalidInputError.
    """
    names = options.venues
    shares = {name: tape.markets[index :: len(names)] for index, name in enumerate(names)}
    venues = {
        name: _MAKERS[name](options, tape, markets, clock, start_ms) for name, markets in shares.items() if markets
    }
    homes = {market.ticker: venues[name] for name, markets in shares.items() for market in markets}
    return tuple(venues.values()), homes
