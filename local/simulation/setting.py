"""What a run starts from: an exchange with four markets, a funded user, configs, switches, and who ticks when."""

from decimal import Decimal
from functools import cache
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from holdfast.clock import Clock
from holdfast.core.risk import InventoryStop
from holdfast.state.accounts import Account
from holdfast.state.markets import DEFAULT_STRATEGY, MarketConfig, MarketConfigs
from holdfast.state.parameters import Parameters
from holdfast.state.port import Store
from holdfast.venues.kalshi import Environment, KalshiSettings
from holdfast.venues.kalshi.wire import SCALE
from local.simulation.hazards import LONGEST_PAUSE_MS
from local.simulation.profile import Happening, Profile
from local.simulation.scheduler import Scheduler
from local.venues.kalshi import KalshiExchange
from local.venues.kalshi.markets import MarketSpec

START_MS = 1_800_000_000_000
# Paused writers wake, leases run out, and unknown places are presumed absent after 60 s and two clean reads.
HEAL_MS = LONGEST_PAUSE_MS + 90_000
STILL_MS = 40_000
_HEALING_INTERVAL_MS = 10_000

# Tickers and their shards.
MARKETS = {"KXONE-A": 0, "KXONE-B": 0, "KXTWO-A": 2, "KXTWO-B": 2}
CLOSING = "KXTWO-A"
CLOSES_AT_MS = START_MS + 67_000
USER = "owner"
KEY_ID = "key-1"
STAGE = "sim"
EVERYBODY = f"/holdfast/{STAGE}/all"
SIZE = 10
MOST_HELD = 40
_STOP_LOSS = {True: "0.60", False: "50000"}

ACCOUNT = Account(
    account_id="kalshi-sim",
    venue="kalshi",
    environment="local",
    secret_name="kalshi-sim",  # noqa: S106 - a name; nothing reads it
    base_url="http://localhost",
)
SETTINGS = KalshiSettings(ACCOUNT.account_id, Environment.PRODUCTION, ACCOUNT.base_url)


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


@cache
def keys() -> tuple[str, str]:
    """A throw-away private and public key of this process, as PEM texts."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def open_exchange(profile: Profile, clock: Clock, seed: int) -> KalshiExchange:
    """The exchange with its markets and our user.

    A venue that takes old signatures lets late requests through; one that does not stops frozen writers.
    """
    exchange = KalshiExchange(clock, seed=seed, largest_skew_ms=5_000 if profile.freezes else 20_000)
    for market, shard in MARKETS.items():
        closes = profile.happening is Happening.CLOSE and market == CLOSING
        exchange.add_market(
            MarketSpec(
                market,
                shard=shard,
                fee_type="quadratic_with_maker_fees" if shard else "quadratic",
                close_at_ms=CLOSES_AT_MS if closes else 0,
            )
        )
    dollars = Decimal(9) if profile.is_poor else Decimal(5_000)
    exchange.add_user(USER, KEY_ID, keys()[1], tier=profile.tier, balances=dict.fromkeys((0, 2), dollars))
    return exchange


def configure(profile: Profile, store: Store, parameters: Parameters) -> None:
    """Write market configs and switches as the command line would."""
    configs = MarketConfigs(store, ACCOUNT.account_id)
    for market in MARKETS:
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
    for name, value in switches.items():
        parameters.write(f"{EVERYBODY}/{name}", str(value))


def inventory_stop(profile: Profile) -> InventoryStop:
    """What the switches say of it."""
    return InventoryStop(
        stop_loss=SCALE.money(_STOP_LOSS[profile.flattens]), slippage_ticks=2, max_spread=SCALE.price("0.20")
    )


def still_ms(profile: Profile) -> int:
    """When everything but the writers stops, UTC ms."""
    return START_MS + profile.chaos_ms + HEAL_MS


def schedules(profile: Profile, chance: Random) -> tuple[list[int], list[int]]:
    """When each of two writers gets a tick: each message goes to one of them, now and then to both."""
    interval_ms, calm_ms, end_ms = profile.interval_seconds * 1000, START_MS + profile.chaos_ms, still_ms(profile)
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
