"""The ATR of a market that is about to be entered, from the venue's closed candles.

It is read for nothing else, and whatever goes wrong is a word for the entry's refusal, never the end of the tick: exits
are decided by then, and must not wait. So nothing is asked for that would have to wait for tokens, and after the venue
gave no answer once nothing more in this tick.
"""

from msgspec import Struct

from holdfast.clock import Clock
from holdfast.core.atr import CANDLES, PERIOD, wilder_atr
from holdfast.core.errors import (
    BudgetExhaustedError,
    InvalidInputError,
    VenueError,
    VenueRefusedError,
)
from holdfast.core.market import Side
from holdfast.jobs.leased import back_off
from holdfast.jobs.ports import Ports


class AtrReading(Struct, frozen=True):
    """The ATR in price units, or None and why. `asked` False: nothing was sent, and the next tick may ask."""

    atr: int | None
    why: str = ""
    asked: bool = True


class AtrReads:
    """Reads ATRs within one tick, each of candles that are `minutes` long."""

    def __init__(self, ports: Ports, minutes: int, clock: Clock) -> None:
        self._ports, self._minutes, self._clock = ports, minutes, clock
        self._failed = ""

    def read(self, market: str, side: Side) -> AtrReading:
        """The ATR of what `side` would hold. Raises StoreError alone."""
        capabilities = self._ports.venue.capabilities
        if self._failed:
            return AtrReading(None, f"candles could not be read a moment ago: {self._failed}", asked=False)
        if not self._ports.throttle.covers("read", capabilities.costs.read):
            return AtrReading(None, "there are no tokens to read candles beside the exits' reserve", asked=False)
        try:
            candles = self._ports.venue.candles(market, self._minutes, CANDLES)
            if side is Side.SELL and capabilities.one is not None:
                candles = [candle.mirrored(capabilities.one) for candle in candles]
            atr = wilder_atr(candles)
        except BudgetExhaustedError as error:
            return AtrReading(None, str(error), asked=False)
        except (VenueError, InvalidInputError) as error:
            back_off(self._ports, error)
            self._failed = "" if isinstance(error, (VenueRefusedError, InvalidInputError)) else str(error)
            return AtrReading(None, f"its candles could not be read: {error}")
        if atr is None:
            known = f"{len(candles)} of its last {CANDLES} candles of {self._minutes} minutes are known"
            return AtrReading(None, f"{known}, an ATR needs {PERIOD + 1}")
        if not atr:
            return AtrReading(None, f"its price did not move in {len(candles)} candles of {self._minutes} minutes")
        quiet_minutes = (self._clock.now_ms() - candles[-1].end_at_ms) // 60_000
        if quiet_minutes > PERIOD * self._minutes:
            # How far the price went since then is in no candle, and it may have gone far.
            newest = f"its newest candle of {self._minutes} minutes ended {quiet_minutes} minutes ago"
            return AtrReading(None, f"{newest}, an ATR needs one of the last {PERIOD * self._minutes}")
        return AtrReading(atr)
