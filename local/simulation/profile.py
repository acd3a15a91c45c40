"""What kind of run a seed is: how bad the weather, which settings, what happens to the markets."""

from enum import StrEnum
from random import Random

from msgspec import Struct

from local.simulation.hazards import Network, Rates


class Happening(StrEnum):
    """Something that the owner or the exchange does in the middle of a run."""

    NOTHING = "nothing"
    HALT = "halt"
    SETTLEMENT = "settlement"
    CLOSE = "close"
    SHARD_PAUSE = "shard_pause"
    EXCHANGE_PAUSE = "exchange_pause"
    MARKET_PAUSE = "market_pause"
    MARKET_DISABLED = "market_disabled"


class Profile(Struct, frozen=True):
    """One run's settings. Times in ms, `rates` per 10,000. `lag_ms`, `jitter_ms`
    and `wander_ms` say how reads lag; `knows_schedule`: ticks say when they were due; `freezes`: a writer may
    stand still just before a request departs; `skew_ms`: how far the writers' clocks may be off, either way.
    """

    seed: int
    rates: Rates
    kinds: tuple[Network, ...]
    lag_ms: int
    jitter_ms: int
    wander_ms: int
    has_stranger: bool
    flattens: bool
    batched: bool
    levels: int
    tier: str
    interval_seconds: int
    happening: Happening
    knows_schedule: bool
    freezes: bool
    is_poor: bool
    skew_ms: int

    @property
    def chaos_ms(self) -> int:
        """How long things go wrong. After a crash nothing happens until the lease has run out, so that takes longer."""
        return 300_000 if self.rates.crash or self.rates.pause else 120_000


# Lag, jitter per read, and how far the lag wanders. The as-of time leaves out the jitter, and the list may come from a
# copy that is older than the as-of time's by the wandering: in all less than the adapter's slack.
_LAGS = ((0, 0, 0), (300, 300, 500), (0, 2_000, 2_500), (1_000, 900, 3_500), (5_000, 2_000, 2_500), (9_000, 0, 4_500))
_ENDS = (Happening.SETTLEMENT, Happening.CLOSE)
_ORDINARY = tuple(kind for kind in Network if kind is not Network.RATE_LIMITED)


def profile_of(seed: int) -> Profile:
    """The same for the same seed."""
    chance = Random(f"profile {seed}")
    calm = chance.random() < 0.1
    rates = Rates(
        network=chance.choice((0, 500, 1_500, 4_000)),
        store=chance.choice((0, 50, 200)),
        crash=chance.choice((0, 20, 60)),
        pause=chance.choice((0, 10, 30)),
    )
    lag_ms, jitter_ms, wander_ms = chance.choice(_LAGS)
    happening = chance.choice((Happening.NOTHING, Happening.NOTHING, *list(Happening)[1:]))
    return Profile(
        seed=seed,
        rates=Rates() if calm else rates,
        kinds=chance.choice((tuple(Network), _ORDINARY, (Network.LATE, Network.TIMEOUT_AFTER, Network.RESET_AFTER))),
        lag_ms=lag_ms,
        jitter_ms=jitter_ms,
        wander_ms=wander_ms,
        # Where the settled size is not ours alone, the job waits longer than a run for late fills.
        has_stranger=chance.random() < 0.3 and happening not in _ENDS,
        flattens=chance.random() < 0.3,
        batched=chance.random() < 0.75,
        levels=chance.choice((1, 1, 2)),
        tier=chance.choice(("basic", "advanced")),
        interval_seconds=chance.choice((3, 5, 10)),
        happening=happening,
        knows_schedule=chance.random() < 0.7,
        freezes=chance.random() < 0.2,
        is_poor=chance.random() < 0.1,
        skew_ms=chance.choice((0, 0, 800)),
    )
