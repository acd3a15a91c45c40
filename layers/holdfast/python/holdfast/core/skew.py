"""How far a venue's clock and ours are apart for certain, and what that means for quotes and entries."""

from enum import Enum

from msgspec import Struct

WARN_OVER_MS = 1_000
STOP_OVER_MS = 3_000


class SkewVerdict(Enum):
    """What a skew allows: everything, everything with a warning, or exits only."""

    FINE = "fine"
    WARN = "warn"
    STOP = "stop"


class ClockReading(Struct, frozen=True):
    """A venue's clock as one answer showed it; all in ms.

    The venue cut its time down to a multiple of `resolution_ms`, somewhere between `sent_ms` and `received_ms` by our
    own clock.
    """

    venue_ms: int
    sent_ms: int
    received_ms: int
    resolution_ms: int


def certain_skew(reading: ClockReading) -> int:
    """The least by which the venue's clock is ahead of ours (behind: negative) in ms; 0 where they may agree.

    Round trip and resolution leave an interval of possible skews: its middle is off by at most half of both.
    """
    least = reading.venue_ms - reading.received_ms
    most = reading.venue_ms + max(reading.resolution_ms - 1, 0) - reading.sent_ms
    return max(least, 0) + min(most, 0)


def judge(skew_ms: int, before: SkewVerdict = SkewVerdict.FINE) -> SkewVerdict:
    """Over 1 s warns; over 3 s an order's expiry and a signature's time mean something else at the venue: stop.

    A stop ends only where there is nothing left to warn of: what is certain of one and the same skew differs from
    reading to reading by the clock's resolution, and quotes must not go and come back with it.
    """
    if abs(skew_ms) > (WARN_OVER_MS if before is SkewVerdict.STOP else STOP_OVER_MS):
        return SkewVerdict.STOP
    return SkewVerdict.WARN if abs(skew_ms) > WARN_OVER_MS else SkewVerdict.FINE
