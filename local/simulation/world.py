"""One run: two writers of one account under one lease, and everything that may go wrong around them."""

from collections.abc import Callable
from random import Random

from msgspec import Struct

from holdfast.state.halts import Halting
from holdfast.state.ledger import Ledger
from holdfast.state.markets import MarketConfigs
from holdfast.state.memory import MemoryStore
from holdfast.state.parameters import MemoryParameters
from local.simulation.asker import Asker
from local.simulation.audit import Audit
from local.simulation.happenings import Happenings
from local.simulation.hazards import Hazards
from local.simulation.profile import Brackets, Happening, Profile, VenueName, profile_of
from local.simulation.scheduler import Scheduler
from local.simulation.setting import (
    HEAL_MS,
    MOST_HELD,
    SIZE,
    START_MS,
    SharedClock,
    configure,
    inventory_stop,
    open_venue,
    protected_markets,
    quoted_markets,
    schedules,
    still_ms,
)
from local.simulation.stranger import Stranger
from local.simulation.trace import Trace
from local.simulation.wanted import Onlooker
from local.simulation.watch import Bounds, Violation, Watch
from local.simulation.writer import Surroundings, Writer, run_brackets, run_execute


class Result(Struct, frozen=True):
    """How a run ended."""

    profile: Profile
    violations: tuple[Violation, ...]
    trace: Trace
    ticks: int
    fills: int
    orders: int


class World:
    """Everything of one seed's run."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        source = Random(f"run {profile.seed}")

        def chance() -> Random:
            return Random(source.getrandbits(64))

        self._scheduler = Scheduler(chance(), START_MS)
        self._trace = Trace(START_MS)
        clock = SharedClock(self._scheduler)
        self._store = MemoryStore(clock)
        parameters = MemoryParameters()
        self._venue = venue = open_venue(profile, clock, source.getrandbits(32))
        configure(profile, venue, self._store, parameters)
        self._onlooker = Onlooker(venue, clock)
        bounds = Bounds(venue.scale.size(SIZE * profile.levels), profile.levels)
        self._protected = protected_markets(profile, venue)
        self._watch = watch = Watch(
            venue,
            clock.now_ms,
            bounds,
            self._trace,
            self._onlooker.rules(self._protected),
            may_vanish=profile.happening is Happening.FAILED_TRADES,
        )
        hazards = Hazards(chance(), profile.rates, profile.kinds)
        self._happenings = Happenings(
            profile, self._scheduler, venue, self._store, parameters, hazards, watch, self._trace, chance()
        )
        quoted = quoted_markets(profile, venue)
        self._stranger = Stranger(venue, quoted, self._scheduler, chance(), self._trace)
        around = Surroundings(
            profile, venue, self._store, parameters, self._scheduler, hazards, chance(), watch, self._trace
        )
        interval_ms = profile.interval_seconds * 1000
        self._writers = [
            Writer(name, run_execute, around, schedule, interval_ms)
            for name, schedule in zip(("w1", "w2"), schedules(profile, chance(), profile.interval_seconds), strict=True)
        ]
        if profile.brackets is not None:
            self._add_brackets(profile.brackets, around, chance)

    def _add_brackets(self, brackets: Brackets, around: Surroundings, chance: Callable[[], Random]) -> None:
        """Two writers of the brackets job, and somebody who wants positions."""
        seconds = brackets.interval_seconds
        self._writers += [
            Writer(name, run_brackets, around, schedule, seconds * 1000)
            for name, schedule in zip(("b1", "b2"), schedules(self._profile, chance(), seconds), strict=True)
        ]
        asker = Asker(self._venue, self._protected, self._store, self._scheduler, chance(), self._trace)
        until_ms = START_MS + self._profile.chaos_ms + HEAL_MS // 2
        self._scheduler.spawn("asker", lambda: asker.live(until_ms))

    def run(self) -> Result:
        """Bad weather, then healing, then stillness, then the audit."""
        for writer in self._writers:
            self._scheduler.spawn("writer", writer.live)
        self._happenings.begin()
        if self._profile.has_stranger and quoted_markets(self._profile, self._venue):
            self._watch.foreign_orders = self._stranger.order_ids
            self._scheduler.spawn("stranger", lambda: self._stranger.live(still_ms(self._profile)))
        self._scheduler.run()
        self._venue.advance()
        self._audit()
        books = self._venue.books()
        return Result(
            profile=self._profile,
            violations=tuple(self._watch.violations),
            trace=self._trace,
            ticks=sum(len(writer.reports) for writer in self._writers),
            fills=len(books.fills),
            orders=len(books.orders),
        )

    def _audit(self) -> None:
        audit = Audit(self._store, self._venue, self._watch)
        audit.check_books()
        audit.check_journal()
        audit.check_exits()
        audit.check_identities()
        audit.check_protection()
        if self._profile.happening is not Happening.FAILED_TRADES:
            # A sale that fails brings back what a purchase had already replaced.
            audit.check_limits(self._venue.scale.size(MOST_HELD + SIZE * self._profile.levels))
        audit.check_strangers()
        audit.check_misses()
        self._audit_resting(audit)
        # A request that stood still between its tokens and its arrival may be refused; nothing is placed then.
        rates = self._profile.rates
        prompt = not (rates.pause or rates.network or self._profile.has_stranger)
        refused = self._venue.refused_for_pace()
        if prompt and any(refused.values()):
            self._watch.report("rate limits", f"the exchange answered 429: {dict(refused)}")

    def _audit_resting(self, audit: Audit) -> None:
        """What rests is what the strategy wants; who can't pay may have less."""
        if self._profile.is_poor:
            return
        account = self._venue.account.account_id
        positions = {m: stored.position for m, stored in Ledger(self._store, account).positions().items()}
        now_ms = self._scheduler.now_ms
        paused = {market for market, p in Halting(self._store, account).pauses().items() if p.is_active(now_ms)}
        configs = [
            config
            for config in MarketConfigs(self._store, account).list()
            if config.mode == "quote" and config.enabled and config.market not in self._happenings.settled | paused
        ]
        ours = [order for order in self._venue.open_orders() if order.order_id not in self._watch.foreign_orders]
        wanted, exiting = self._onlooker.wanted(
            configs, ours, positions, inventory_stop(self._profile, self._venue.scale)
        )
        audit.check_resting(wanted, {*paused, *exiting, *self._protected})


def simulate(seed: int, venue: VenueName = VenueName.KALSHI) -> Result:
    """Run one seed."""
    return World(profile_of(seed, venue)).run()
