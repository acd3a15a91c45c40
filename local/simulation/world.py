"""One run: an exchange, an account, two writers under one lease, and everything that may go wrong."""

from decimal import Decimal
from functools import cache
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from msgspec import Struct

from holdfast.core.risk import InventoryStop
from holdfast.state.accounts import Account
from holdfast.state.halts import Halting
from holdfast.state.ledger import Ledger
from holdfast.state.markets import DEFAULT_STRATEGY, MarketConfig, MarketConfigs
from holdfast.state.memory import MemoryStore
from holdfast.state.parameters import MemoryParameters
from holdfast.state.switches import FRESH_MS
from holdfast.venues.kalshi import Environment, KalshiSettings, Signer
from holdfast.venues.kalshi.wire import SCALE
from local.simulation.audit import Audit
from local.simulation.crowd import Crowd
from local.simulation.hazards import LONGEST_PAUSE_MS, NONE, Hazards
from local.simulation.profile import Happening, Profile, profile_of
from local.simulation.scheduler import Scheduler
from local.simulation.stranger import Stranger
from local.simulation.trace import Trace
from local.simulation.wanted import Onlooker
from local.simulation.watch import Bounds, Violation, Watch
from local.simulation.writer import Surroundings, Writer
from local.venues.kalshi import KalshiExchange
from local.venues.kalshi.markets import MarketSpec

START_MS = 1_800_000_000_000
# Paused writers wake, leases run out, and unknown places are presumed absent after 60 s and two clean reads.
HEAL_MS = LONGEST_PAUSE_MS + 90_000
_HEALING_INTERVAL_MS = 10_000
STILL_MS = 40_000
MARKETS = {"KXONE-A": 0, "KXONE-B": 0, "KXTWO-A": 2, "KXTWO-B": 2}
_ACCOUNT = "kalshi-sim"
_USER = "owner"
_SIZE = 10
_STAGE = "/holdfast/sim/all"


class Result(Struct, frozen=True):
    """How a run ended."""

    profile: Profile
    violations: tuple[Violation, ...]
    trace: Trace
    ticks: int
    fills: int
    orders: int
    virtual_ms: int


@cache
def _keys() -> tuple[str, str]:
    """A throw-away key pair of this process, as PEM texts."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return private, public


class _SharedClock:
    """The scheduler's time for the parts that never wait."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""
        return self._scheduler.now_ms

    def sleep_ms(self, duration_ms: int) -> None:
        """Waiting is the scheduler's."""
        self._scheduler.wait(duration_ms)


class World:
    """Everything of one seed's run."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._still_ms = START_MS + profile.chaos_ms + HEAL_MS
        chance = Random(f"run {profile.seed}")
        self._chance = Random(chance.getrandbits(64))
        self._scheduler = Scheduler(Random(chance.getrandbits(64)), START_MS)
        self._trace = Trace(START_MS)
        self._hazards = Hazards(Random(chance.getrandbits(64)), profile.rates, profile.kinds)
        clock = _SharedClock(self._scheduler)
        self._store = MemoryStore(clock)
        self._parameters = MemoryParameters()
        private, public = _keys()
        self._signer = Signer("key-1", private)
        self._settings = KalshiSettings(_ACCOUNT, Environment.PRODUCTION, "http://localhost")
        self._exchange = self._opened(clock, public, chance.getrandbits(32))
        self._onlooker = Onlooker(self._exchange, self._settings, self._signer, clock)
        self._crowd = Crowd(self._exchange, list(MARKETS), Random(chance.getrandbits(64)))
        size = _SIZE * 100
        bounds = Bounds(size * profile.levels, profile.levels)
        self._watch = Watch(self._exchange, _USER, _ACCOUNT, clock.now_ms, bounds)
        self._settled: set[str] = set()
        self._configure()
        self._writers = self._staffed()

    def run(self) -> Result:
        """Bad weather, then healing, then stillness, then the audit."""
        profile, scheduler = self._profile, self._scheduler
        for writer, name in zip(self._writers, ("w1", "w2"), strict=True):
            scheduler.spawn(name, writer.live)
        scheduler.spawn("crowd", self._crowd_lives)
        scheduler.spawn("weather", self._weather_changes)
        scheduler.spawn("replicas", self._replicas_change)
        if profile.happening is not Happening.NOTHING:
            scheduler.spawn("happening", self._something_happens, self._chance.randrange(20_000, profile.chaos_ms))
        if profile.has_stranger:
            stranger = Stranger(
                self._exchange,
                self._signer,
                list(MARKETS),
                scheduler,
                Random(self._chance.getrandbits(64)),
                self._trace,
            )
            self._watch.foreign_orders = stranger.order_ids
            scheduler.spawn("stranger", lambda: stranger.live(self._still_ms))
        scheduler.run()
        self._audit()
        return Result(
            profile=profile,
            violations=tuple(self._watch.violations),
            trace=self._trace,
            ticks=sum(len(writer.reports) for writer in self._writers),
            fills=len(self._exchange.books(_USER).fills),
            orders=len(self._exchange.books(_USER).orders),
            virtual_ms=scheduler.now_ms - START_MS,
        )

    # Set up.

    def _opened(self, clock: _SharedClock, public_key: str, seed: int) -> KalshiExchange:
        # A venue that takes old signatures lets late requests through; one that does not stops frozen writers.
        skew_ms = 5_000 if self._profile.freezes else 20_000
        exchange = KalshiExchange(clock, seed=seed, largest_skew_ms=skew_ms)
        for market, shard in MARKETS.items():
            fee_type = "quadratic_with_maker_fees" if shard else "quadratic"
            exchange.add_market(MarketSpec(market, shard=shard, fee_type=fee_type))
        exchange.add_user(
            _USER,
            "key-1",
            public_key,
            tier=self._profile.tier,
            balances=dict.fromkeys((0, 2), Decimal(9) if self._profile.is_poor else Decimal(5_000)),
        )
        return exchange

    def _configure(self) -> None:
        profile = self._profile
        configs = MarketConfigs(self._store, _ACCOUNT)
        for market in MARKETS:
            configs.save(
                MarketConfig(
                    market=market,
                    strategy=DEFAULT_STRATEGY,
                    parameters={
                        "half_spread": "0.01",
                        "size": str(_SIZE),
                        "levels": profile.levels,
                        "max_position": "40",
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
            "inventory_stop_loss": "0.60" if profile.flattens else "50000",
        }
        for name, value in switches.items():
            self._parameters.write(f"{_STAGE}/{name}", str(value))

    def _staffed(self) -> tuple[Writer, Writer]:
        """Two writers: each tick's message goes to one of them, now and then to both."""
        interval_ms = self._profile.interval_seconds * 1000
        schedules: tuple[list[int], list[int]] = ([], [])
        healing_ms, still_ms = START_MS + self._profile.chaos_ms, self._still_ms
        due = [
            *range(START_MS + interval_ms, healing_ms, interval_ms),
            *range(healing_ms, still_ms, _HEALING_INTERVAL_MS),
            *range(still_ms, still_ms + STILL_MS, interval_ms),
        ]
        for due_ms in due:
            twice = self._chance.random() < 0.25
            first = self._chance.randrange(2)
            for index, schedule in enumerate(schedules):
                if twice or index == first:
                    schedule.append(due_ms)
        account = Account(
            account_id=_ACCOUNT, venue="kalshi", environment="local", secret_name=_ACCOUNT, base_url="http://localhost"
        )
        around = Surroundings(
            account,
            self._exchange,
            self._store,
            self._parameters,
            self._settings,
            self._signer,
            self._scheduler,
            self._hazards,
            self._chance,
            self._watch,
            self._trace,
            self._profile,
        )
        first_writer, second_writer = (
            Writer(name, around, schedule) for name, schedule in zip(("w1", "w2"), schedules, strict=True)
        )
        return first_writer, second_writer

    # What happens meanwhile.

    def _crowd_lives(self) -> None:
        until_ms = self._still_ms
        while self._scheduler.now_ms < until_ms:
            self._scheduler.wait(self._chance.randrange(300, 2_000))
            self._crowd.step()

    def _weather_changes(self) -> None:
        self._scheduler.wait(self._profile.chaos_ms)
        self._hazards.rates = NONE
        self._trace.add(self._scheduler.now_ms, "weather", "calm from here on")

    def _replicas_change(self) -> None:
        """Reads come from copies that are not equally fresh: what one of them showed another may not show yet."""
        profile = self._profile
        while self._scheduler.now_ms < self._still_ms:
            lag_ms = profile.lag_ms + self._chance.randrange(profile.wander_ms + 1)
            self._exchange.set_read_lag_ms(lag_ms, profile.jitter_ms)
            self._scheduler.wait(self._chance.randrange(1_000, 15_000))
        self._exchange.set_read_lag_ms(0)

    def _something_happens(self) -> None:
        what, duration_ms = self._profile.happening, self._chance.randrange(20_000, 60_000)
        market = self._chance.choice(list(MARKETS))
        self._trace.add(self._scheduler.now_ms, "happening", what, market)
        match what:
            case Happening.HALT:
                self._halt(duration_ms + FRESH_MS)
            case Happening.SETTLEMENT:
                self._exchange.settle(market, self._chance.choice(("yes", "no")))
                self._settled.add(market)
            case Happening.SHARD_PAUSE:
                self._exchange.pause_trading(MARKETS[market])
                self._scheduler.wait(duration_ms)
                self._exchange.resume()
            case Happening.EXCHANGE_PAUSE:
                self._exchange.pause_exchange()
                self._scheduler.wait(duration_ms)
                self._exchange.resume()
            case Happening.MARKET_PAUSE:
                self._exchange.pause_market(market)
                self._scheduler.wait(duration_ms)
                self._exchange.activate_market(market)
            case Happening.MARKET_DISABLED:
                MarketConfigs(self._store, _ACCOUNT).set_enabled(market, False)
        self._trace.add(self._scheduler.now_ms, "happening", what, "over")

    def _halt(self, duration_ms: int) -> None:
        """The owner halts: at once in both places as the command line does, or in the parameters alone."""
        in_both = self._chance.random() < 0.5
        halting = Halting(self._store, _ACCOUNT)
        self._parameters.write(f"{_STAGE}/halt", "true")
        if in_both:
            halting.mirror(True)
        self._watch.halt(self._scheduler.now_ms if in_both else self._scheduler.now_ms + FRESH_MS)
        self._scheduler.wait(duration_ms)
        self._watch.halt(None)
        self._parameters.write(f"{_STAGE}/halt", "false")
        if in_both:
            halting.mirror(False)

    # The end.

    def _audit(self) -> None:
        self._exchange.advance()
        books = self._exchange.books(_USER)
        audit = Audit(self._store, _ACCOUNT, books, self._watch)
        audit.check_books()
        audit.check_journal()
        audit.check_exits()
        audit.check_strangers()
        audit.check_misses([(miss.operation, miss.order_id, miss.cause) for miss in self._exchange.misses])
        positions = {m: stored.position for m, stored in Ledger(self._store, _ACCOUNT).positions().items()}
        now_ms = self._scheduler.now_ms
        paused = {m for m, p in Halting(self._store, _ACCOUNT).pauses().items() if p.is_active(now_ms)}
        configs = [
            config
            for config in MarketConfigs(self._store, _ACCOUNT).list()
            if config.enabled and config.market not in self._settled | paused
        ]
        stop = InventoryStop(
            stop_loss=SCALE.money("0.60" if self._profile.flattens else "50000"),
            slippage_ticks=2,
            max_spread=SCALE.price("0.20"),
        )
        ours = [order for order in books.open_orders if order.order_id not in self._watch.foreign_orders]
        wanted, exiting = self._onlooker.wanted(configs, ours, positions, stop)
        if not self._profile.is_poor:
            audit.check_resting(wanted, paused | exiting)
        # A request that stood still between its tokens and its arrival may be refused; nothing is placed then.
        prompt = not (self._profile.rates.pause or self._profile.rates.network or self._profile.has_stranger)
        if prompt and sum(self._exchange.rate_limited.values()):
            self._watch.report("rate limits", f"the exchange answered 429: {dict(self._exchange.rate_limited)}")


def simulate(seed: int) -> Result:
    """Run one seed."""
    return World(profile_of(seed)).run()
