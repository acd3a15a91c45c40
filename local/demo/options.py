"""What a person may ask of the demo, and the tape that follows from it."""

import random
from pathlib import Path

from msgspec import Struct, structs

from holdfast.core.errors import InvalidInputError
from holdfast.core.scale import Scale
from local.tapes.generator import generate_tape
from local.tapes.registry import load_tape
from local.tapes.tape import Tape
from local.venues.kalshi.wire import SCALE as KALSHI_SCALE
from local.venues.polymarket.wire import SCALE as POLYMARKET_SCALE

GENERATED_MARKETS = 16
GENERATED_MINUTES = 5
MOST_MARKETS = 200
MOST_MINUTES = 60
FASTEST = 10_000
BOTH = "both"
# In the order in which they share a tape.
SCALES = {"kalshi": KALSHI_SCALE, "polymarket": POLYMARKET_SCALE}
DEFAULT_TIER = "advanced"


class DemoOptions(Struct, frozen=True):
    """One demo. Raises InvalidInputError for what can't be meant.

    `tape` None: a generated one of `seed`, `markets` and `minutes`. `only` names the markets to trade. `speed`: how
    many times faster than the market's own time, 0 for as fast as it goes. `one_by_one`: no batches. `faults`: a
    seeded sprinkle of lost answers and server errors. `venue`: kalshi, polymarket or both. `tier` is Kalshi's.
    """

    tape: Path | None = None
    venue: str = BOTH
    seed: int = 1
    markets: int | None = None
    only: tuple[str, ...] = ()
    minutes: int | None = None
    read_lag_ms: int = 2_000
    tier: str = DEFAULT_TIER
    speed: int = 0
    one_by_one: bool = False
    faults: bool = False

    def __post_init__(self) -> None:
        if self.venue not in (*SCALES, BOTH):
            raise InvalidInputError("--venue", self.venue, f"{', '.join(SCALES)} or {BOTH}")
        if "kalshi" not in self.venues and self.tier != DEFAULT_TIER:
            raise InvalidInputError("--tier", self.tier, "only where Kalshi takes part: the tiers are Kalshi's")
        _require("--markets", self.markets, 1, MOST_MARKETS)
        _require("--minutes", self.minutes, 1, MOST_MINUTES)
        _require("--speed", self.speed, 0, FASTEST)
        if self.tape is not None and self.minutes is not None:
            raise InvalidInputError("--minutes", self.minutes, "only without --tape: a recording has its own length")

    @property
    def venues(self) -> tuple[str, ...]:
        """The names of the venues that are asked for."""
        return tuple(SCALES) if self.venue == BOTH else (self.venue,)


def tape_scale(options: DemoOptions) -> Scale:
    """The scale of the tape: the coarsest of its venues', so that each of them has every size on it exactly."""
    return min((SCALES[name] for name in options.venues), key=lambda scale: scale.size_decimals)


def open_tape(options: DemoOptions) -> Tape:
    """The tape that the options ask for, with the markets that they leave. Raises InvalidInputError."""
    scale = tape_scale(options)
    if options.tape is None:
        rng = random.Random(options.seed)
        minutes = options.minutes or GENERATED_MINUTES
        tape = generate_tape(rng, scale, markets=options.markets or GENERATED_MARKETS, duration_ms=minutes * 60_000)
    else:
        tape = load_tape(options.tape, options.seed, scale)
    tickers = [market.ticker for market in tape.markets]
    for ticker in options.only:
        if ticker not in tickers:
            raise InvalidInputError("--market", ticker, f"a market of the tape: {', '.join(tickers)}")
    wanted = set(options.only or tickers[: options.markets])
    if not wanted:
        raise InvalidInputError("tape", tape.name, "a tape with at least one market")
    if len(wanted) == len(tickers):
        return tape
    return structs.replace(
        tape,
        markets=tuple(market for market in tape.markets if market.ticker in wanted),
        events=[event for event in tape.events if event.ticker in wanted],
    )


def _require(name: str, value: int | None, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        raise InvalidInputError(name, value, f"{least} to {most}")
