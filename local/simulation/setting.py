"""What a run starts from: an exchange with four markets, a funded user, configs, switches, and who ticks when."""

from random import Random

from holdfast.clock import Clock
from holdfast.core.risk import InventoryStop
from holdfast.core.scale import Scale
from holdfast.state.markets import DEFAULT_STRATEGY, MarketConfig, MarketConfigs
from holdfast.state.parameters import Parameters
from holdfast.state.port import Store
from local.simulation.hazards import LONGEST_PAUSE_MS
from local.simulation.kalshi_venue import KalshiSide
from local.simulation.polymarket_venue import PolymarketSide
from local.simulation.profile import Brackets, Profile, VenueName
from local.simulation.scheduler import Scheduler
from local.simulation.venue import SimulatedVenue

START_MS = 1_800_000_000_000
# Paused writers wake, leases run out, and unknown places are presumed absent after 60 s and two clean reads.
HEAL_MS = LONGEST_PAUSE_MS + 90_000
STILL_MS = 40_000
_HEALING_INTERVAL_MS = 10_000

STAGE = "sim"
EVERYBODY = f"/holdfast/{STAGE}/all"
SIZE = 10
MOST_HELD = 40
_STOP_LOSS = {True: "0.60", False: "50000"}


class SharedClock:
    """The scheduler's time for the parts that no process owns."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return self._scheduler.now_ms

    def sleep_ms(self, duration_ms: int) -> None:
        """Waiting is the scheduler's."""
        self._scheduler.wait(duration_ms)


def open_venue(profile: Profile, clock: Clock, seed: int) -> SimulatedVenue:
    """The exchange of the profile's venue, with its markets and our user."""
    side = KalshiSide if profile.venue is VenueName.KALSHI else PolymarketSide
    return side(profile, clock, seed)


def configure(profile: Profile, venue: SimulatedVenue, store: Store, parameters: Parameters) -> None:
    """Write market configs and switches as the command line would."""
    configs = MarketConfigs(store, venue.account.account_id)
    for market in protected_markets(profile, venue):
        configs.save(MarketConfig(market=market, mode="protect"))
    for market in quoted_markets(profile, venue):
        configs.save(
            MarketConfig(
                market=market,
                strategy=DEFAULT_STRATEGY,
                parameters={
                    "half_spread": "0.01",
                    "size": SIZE,
                    "levels": profile.levels,
                    "max_position": MOST_HELD,
                    "quiet_before_close_seconds": 1,
                },
            )
        )
    switches = {
        "execution_interval_seconds": profile.interval_seconds,
        "max_wait_seconds": 2,
        "use_batch_execution": str(profile.batched).lower(),
        "config_refresh_ticks": 3,
        "max_daily_loss": "100000",
        "max_gross_exposure": "100000",
        "max_market_exposure": "50000",
        "inventory_stop_loss": _STOP_LOSS[profile.flattens],
    }
    if profile.brackets is not None:
        switches |= _bracket_switches(profile.brackets)
    for name, value in switches.items():
        parameters.write(f"{EVERYBODY}/{name}", str(value))


def _bracket_switches(brackets: Brackets) -> dict[str, object]:
    return {
        "ab_concurrent_share": brackets.share,
        "max_exit_slice": brackets.slice,
        "use_trailing_exit": str(brackets.trails).lower(),
        "trailing_activation": "0.02",
        "trailing_distance": "0.02",
        "partial_tp_policy": "sell" if brackets.sells_rest else "wait",
        "partial_tp_threshold": 60,
        "further_entries": "merge" if brackets.merges else "refuse",
        "adopt_unprotected": "adopt" if brackets.adopts else "flag",
        "blacklist_attempts": 100,
        "capital_total": "100000",
        "max_trade_size": "1000",
    }


def protected_markets(profile: Profile, venue: SimulatedVenue) -> tuple[str, ...]:
    """Markets whose positions have brackets."""
    return venue.markets[len(venue.markets) - profile.brackets.markets :] if profile.brackets else ()


def quoted_markets(profile: Profile, venue: SimulatedVenue) -> tuple[str, ...]:
    """Markets that a strategy quotes."""
    return venue.markets[: len(venue.markets) - len(protected_markets(profile, venue))]


def inventory_stop(profile: Profile, scale: Scale) -> InventoryStop:
    """What the switches say of it."""
    return InventoryStop(
        stop_loss=scale.money(_STOP_LOSS[profile.flattens]), slippage_ticks=2, max_spread=scale.price("0.20")
    )


def still_ms(profile: Profile) -> int:
    """When everything but the writers stops, UTC ms."""
    return START_MS + profile.chaos_ms + HEAL_MS


def schedules(profile: Profile, chance: Random, interval_seconds: int) -> tuple[list[int], list[int]]:
    """When each of two writers gets a tick: each message goes to one of them, now and then to both."""
    interval_ms, calm_ms, end_ms = interval_seconds * 1000, START_MS + profile.chaos_ms, still_ms(profile)
    due = [
        *range(START_MS + interval_ms, calm_ms, interval_ms),
        *range(calm_ms, end_ms, _HEALING_INTERVAL_MS),
        *range(end_ms, end_ms + STILL_MS, interval_ms),
    ]
    both: tuple[list[int], list[int]] = ([], [])
    for due_ms in due:
        twice, first = chance.random() < 0.25, chance.randrange(2)
        for index, schedule in enumerate(both):
            if twice or index == first:
                schedule.append(due_ms)
    return both
