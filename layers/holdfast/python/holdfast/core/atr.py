"""Average true range by Wilder: how far a market usually moves in one candle.

J. Welles Wilder, New Concepts in Technical Trading Systems (1978): the true range of a candle is the largest of
high - low, |high - previous close| and |low - previous close|; the first average is the mean of the first 14 true
ranges, and each later one is (13 x average + true range) / 14. The first candle has no true range, because it has no
previous close, as in TA-Lib. The simple mean of the last 14 (facts coinbase section 7) is another number.
"""

from collections.abc import Sequence
from itertools import pairwise

from holdfast.core.candles import Candle
from holdfast.core.errors import InvalidInputError

PERIOD = 14
CANDLES = 100
"""How many candles an ATR is worked out from, where there are so many: 0.2 % of its first average is left then."""


def wilder_atr(candles: Sequence[Candle], period: int = PERIOD) -> int | None:
    """The ATR after the last candle in price units; None with fewer than `period` + 1 candles: it is not known then.

    Candles are closed ones, oldest first; InvalidInputError where they are in another order. It is worked out exactly
    and rounded once, at the end, up to a whole price unit: never less than it is.
    """
    if period < 1:
        raise InvalidInputError("period of an ATR", period, "1 or more")
    for earlier, later in pairwise(candles):
        if later.start_at_ms <= earlier.start_at_ms:
            raise InvalidInputError("candles", later.start_at_ms, f"later than {earlier.start_at_ms}: oldest first")
    ranges = [true_range(candle, before.close) for before, candle in pairwise(candles)]
    if len(ranges) < period:
        return None
    # The average as numerator / denominator: a quotient at every step would round at every step.
    numerator, denominator = sum(ranges[:period]), period
    for span in ranges[period:]:
        numerator = (period - 1) * numerator + span * denominator
        denominator *= period
    return -(-numerator // denominator)


def true_range(candle: Candle, previous_close: int) -> int:
    """How far the price went since the previous close, a gap included."""
    return max(candle.high, previous_close) - min(candle.low, previous_close)
