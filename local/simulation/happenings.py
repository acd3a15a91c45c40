"""What goes on around the writers: the crowd, the weather, replicas, and what owner and exchange do in between."""

from random import Random

from holdfast.state.halts import Halting
from holdfast.state.markets import MarketConfigs
from holdfast.state.parameters import Parameters
from holdfast.state.port import Store
from holdfast.state.switches import FRESH_MS
from local.simulation.crowd import Crowd
from local.simulation.hazards import NONE, Hazards
from local.simulation.kalshi_venue import CLOSES_AFTER_MS, CLOSING
from local.simulation.profile import Happening, Profile
from local.simulation.scheduler import Scheduler
from local.simulation.setting import EVERYBODY, START_MS, STILL_MS, protected_markets, still_ms
from local.simulation.trace import Trace
from local.simulation.venue import SimulatedVenue
from local.simulation.watch import Watch

_LAST_LOOKS_MS = 15_000


class Happenings:
    """The tasks of a run beside its writers. `settled` are the markets that have ended."""

    def __init__(
        self,
        profile: Profile,
        scheduler: Scheduler,
        venue: SimulatedVenue,
        store: Store,
        parameters: Parameters,
        hazards: Hazards,
        watch: Watch,
        trace: Trace,
        chance: Random,
    ) -> None:
        self._profile, self._scheduler, self._venue = profile, scheduler, venue
        self._store, self._parameters = store, parameters
        self._hazards, self._watch, self._trace, self._chance = hazards, watch, trace, chance
        self._crowd = Crowd(venue, Random(chance.getrandbits(64)))
        self.settled: set[str] = set()

    def begin(self) -> None:
        """Start every task."""
        self._scheduler.spawn("crowd", self._crowd_lives)
        self._scheduler.spawn("weather", self._weather_changes)
        self._scheduler.spawn("replicas", self._replicas_change)
        if self._profile.happening is not Happening.NOTHING:
            after_ms = self._chance.randrange(20_000, self._profile.chaos_ms)
            self._scheduler.spawn("happening", self._something_happens, after_ms)

    def _crowd_lives(self) -> None:
        while self._scheduler.now_ms < still_ms(self._profile):
            self._scheduler.wait(self._chance.randrange(300, 2_000))
            self._crowd.step()
        # Whoever sells a position out meets buyers until the last looks; where we quote, books stand still.
        while self._scheduler.now_ms < still_ms(self._profile) + STILL_MS - _LAST_LOOKS_MS:
            for market in protected_markets(self._profile, self._venue):
                self._crowd.refill(market)
            self._scheduler.wait(2_000)

    def _weather_changes(self) -> None:
        self._scheduler.wait(self._profile.chaos_ms)
        self._hazards.rates = NONE
        self._trace.add(self._scheduler.now_ms, "weather", "calm from here on")

    def _replicas_change(self) -> None:
        """Reads come from copies that are not equally fresh: what one of them showed another may not show yet."""
        profile = self._profile
        while self._scheduler.now_ms < still_ms(profile):
            lag_ms = profile.lag_ms + self._chance.randrange(profile.wander_ms + 1)
            self._venue.set_read_lag_ms(lag_ms, profile.jitter_ms)
            self._scheduler.wait(self._chance.randrange(500, 6_000))
        self._venue.set_read_lag_ms(0)

    def _something_happens(self) -> None:
        what, duration_ms = self._profile.happening, self._chance.randrange(20_000, 60_000)
        market = self._chance.choice(self._venue.markets)
        self._trace.add(self._scheduler.now_ms, "happening", what, market)
        match what:
            case Happening.HALT:
                self._halt(duration_ms + FRESH_MS)
            case Happening.SETTLEMENT:
                self._settle(market)
            case Happening.CLOSE:
                self._scheduler.wait(max(START_MS + CLOSES_AFTER_MS - self._scheduler.now_ms, 0) + duration_ms)
                self._settle(CLOSING)
            case Happening.MARKET_DISABLED:
                MarketConfigs(self._store, self._venue.account.account_id).set_enabled(market, False)
            case _:
                self._venue.begin(what, market)
                self._scheduler.wait(duration_ms)
                self._venue.end(what, market)
        self._trace.add(self._scheduler.now_ms, "happening", what, "over")

    def _settle(self, market: str) -> None:
        self._venue.settle(market, wins=self._chance.choice((True, False)))
        self.settled.add(market)

    def _halt(self, duration_ms: int) -> None:
        """The owner halts: at once in both places as the command line does, or in the parameters alone."""
        in_both = self._chance.random() < 0.5
        halting = Halting(self._store, self._venue.account.account_id)
        self._parameters.write(f"{EVERYBODY}/halt", "true")
        if in_both:
            halting.mirror(True)
        self._watch.halt(self._scheduler.now_ms if in_both else self._scheduler.now_ms + FRESH_MS)
        self._scheduler.wait(duration_ms)
        self._watch.halt(None)
        self._parameters.write(f"{EVERYBODY}/halt", "false")
        if in_both:
            halting.mirror(False)
