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
    ENGINE_RESTART = "engine_restart"
    CANCEL_ONLY = "cancel_only"
    BALANCE_LAG = "balance_lag"
    FAILED_TRADES = "failed_trades"
    IGNORED_CANCELS = "ignored_cancels"
    TRADING_PAUSE = "trading_pause"
    SHARD_SHUT = "shard_shut"
    POST_ONLY = "post_only"
    DISABLED = "disabled"
    CLOCK_SKEW = "clock_skew"


class VenueName(StrEnum):
    """Whose exchange a run is on."""

    KALSHI = "kalshi"
    POLYMARKET = "polymarket"


class Brackets(Struct, frozen=True):
    """How positions are opened and protected in a run: the last `markets` of its markets, and switches.

    `interval_seconds`: how often a brackets writer looks; `slice`: dollars of one exit order; `trails`: with a trailing
    stop; `sells_rest`: a take profit that filled for the most part is sold off; `merges`: entries add to a position.
    """

    markets: int
    interval_seconds: int
    share: str
    slice: str
    trails: bool
    sells_rest: bool
    merges: bool
    adopts: bool


class Profile(Struct, frozen=True):
    """One run's settings. Times in ms, `rates` per 10,000. `lag_ms`, `jitter_ms` and `wander_ms` say how reads lag;
    `knows_schedule`: ticks say when they were due; `freezes`: a writer may stand still just before a request departs;
    `skew_ms`: how far the writers' clocks may be off, either way; `brackets` is None where nothing but quotes are made.
    """

    venue: VenueName
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
    brackets: Brackets | None = None

    @property
    def chaos_ms(self) -> int:
        """How long things go wrong. After a crash nothing happens until the lease has run out, so that takes longer."""
        return 300_000 if self.rates.crash or self.rates.pause else 120_000


# Lag, jitter per read, and how far the lag wanders. The as-of time leaves out the jitter, and the list may come from a
# copy that is older than the as-of time's by the wandering: in all less than the adapter's slack.
_LAGS = ((0, 0, 0), (300, 300, 500), (0, 2_000, 2_500), (1_000, 900, 3_500), (5_000, 2_000, 2_500), (9_000, 0, 4_500))
_ENDS = (Happening.SETTLEMENT, Happening.CLOSE)
# In these an exit may have to wait: so there are exits.
_WINDOWS = (
    Happening.TRADING_PAUSE,
    Happening.SHARD_SHUT,
    Happening.ENGINE_RESTART,
    Happening.CANCEL_ONLY,
    Happening.POST_ONLY,
    Happening.DISABLED,
)
# Kalshi's own, in the order in which seeds draw them.
_AT_KALSHI = (
    Happening.HALT,
    Happening.SETTLEMENT,
    Happening.CLOSE,
    Happening.SHARD_PAUSE,
    Happening.EXCHANGE_PAUSE,
    Happening.MARKET_PAUSE,
    Happening.MARKET_DISABLED,
)
_AT_POLYMARKET = (
    Happening.HALT,
    Happening.SETTLEMENT,
    Happening.MARKET_DISABLED,
    Happening.ENGINE_RESTART,
    Happening.CANCEL_ONLY,
    Happening.BALANCE_LAG,
    Happening.FAILED_TRADES,
    Happening.IGNORED_CANCELS,
)
# Drawn apart, in runs where nothing else happens, so that the other seeds stay what they were.
_RARELY = {
    VenueName.KALSHI: (Happening.TRADING_PAUSE, Happening.SHARD_SHUT, Happening.CLOCK_SKEW),
    VenueName.POLYMARKET: (Happening.POST_ONLY, Happening.DISABLED, Happening.CLOCK_SKEW),
}
# No as-of time tells the lag there: all of it stays below the 8 s that the adapter states.
_LAGS_AT_POLYMARKET = ((0, 0, 0), (300, 300, 500), (0, 2_000, 2_500), (1_000, 900, 3_500), (5_000, 1_500, 1_400))
_ORDINARY = tuple(kind for kind in Network if kind is not Network.RATE_LIMITED)


def profile_of(seed: int, venue: VenueName = VenueName.KALSHI) -> Profile:
    """The same for the same seed and venue."""
    at_kalshi = venue is VenueName.KALSHI
    chance = Random(f"profile {seed}" if at_kalshi else f"{venue} profile {seed}")
    calm = chance.random() < 0.1
    rates = Rates(
        network=chance.choice((0, 500, 1_500, 4_000)),
        store=chance.choice((0, 50, 200)),
        crash=chance.choice((0, 20, 60)),
        pause=chance.choice((0, 10, 30)),
    )
    lag_ms, jitter_ms, wander_ms = chance.choice(_LAGS if at_kalshi else _LAGS_AT_POLYMARKET)
    happening = chance.choice((Happening.NOTHING, Happening.NOTHING, *(_AT_KALSHI if at_kalshi else _AT_POLYMARKET)))
    if happening is Happening.NOTHING:
        happening = Random(f"{venue} windows of {seed}").choice((Happening.NOTHING, *_RARELY[venue]))
    return Profile(
        venue=venue,
        seed=seed,
        rates=Rates() if calm else rates,
        kinds=chance.choice((tuple(Network), _ORDINARY, (Network.LATE, Network.TIMEOUT_AFTER, Network.RESET_AFTER))),
        lag_ms=lag_ms,
        jitter_ms=jitter_ms,
        wander_ms=wander_ms,
        # Where the settled size is not ours alone, the job waits longer than a run for late fills.
        has_stranger=chance.random() < 0.3 and happening not in _ENDS,
        flattens=chance.random() < 0.3 or happening in _WINDOWS,
        batched=chance.random() < 0.75,
        levels=chance.choice((1, 1, 2)),
        tier=chance.choice(("basic", "advanced") if at_kalshi else ("standard", "gold")),
        interval_seconds=chance.choice((3, 5, 10)),
        happening=happening,
        knows_schedule=chance.random() < 0.7,
        freezes=chance.random() < 0.2,
        is_poor=chance.random() < 0.1,
        skew_ms=chance.choice((0, 0, 800)),
        brackets=_brackets(seed, venue),
    )


def _brackets(seed: int, venue: VenueName) -> Brackets | None:
    """Drawn apart, so that what else a seed draws does not depend on it. A third of the runs only quote."""
    chance = Random(f"{venue} brackets of {seed}")
    markets = chance.choice((0, 2, 4))
    if not markets:
        return None
    return Brackets(
        markets=markets,
        interval_seconds=chance.choice((3, 5, 10)),
        share=chance.choice(("1", "1", "0.5", "0")),
        slice=chance.choice(("3", "1000")),
        trails=chance.random() < 0.4,
        sells_rest=chance.random() < 0.3,
        merges=chance.random() < 0.3,
        adopts=chance.random() < 0.5,
    )
