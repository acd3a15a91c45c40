"""What the venue lets through now and how far its clock is from ours; and the alarm for exits that it delays.

The venue's status is read at the start of a tick, what its refusals say is heeded for the rest of it. What the next
process must know (the window, since when an exit has been delayed) is in the control table; the rest is the process's
own, and losing it costs one more read, one more refusal or one more alarm.
"""

from collections.abc import Mapping, Sequence

from msgspec import structs

from holdfast.clock import Clock
from holdfast.core.book import Top
from holdfast.core.errors import BudgetExhaustedError, VenueError
from holdfast.core.orders import TargetOrder
from holdfast.core.outcomes import Outcome, Refusal, Refused
from holdfast.core.skew import ClockReading, SkewVerdict, certain_skew, judge
from holdfast.core.windows import TRADING, VenueMode, Window, exit_in, known_window
from holdfast.jobs.access import heed_block
from holdfast.jobs.deciding import Decisions
from holdfast.jobs.execution import Execution
from holdfast.jobs.leased import back_off
from holdfast.jobs.ports import Ports
from holdfast.state.halts import VenueNote
from holdfast.telemetry.port import Level, Unit
from holdfast.venues.port import VenueStatus

CLOCK_SKEW = "clock_skew"
# A status is one read's tokens (Kalshi 10 of at least 200 a second). Pauses last minutes and refusals tell meanwhile.
STATUS_FRESH_MS = 10_000
# Where a venue states its mode in refusals alone, a status shows its clock and no more. Clocks drift by milliseconds a
# minute. Whatever is not as it should be is looked at again by every tick.
CLOCK_FRESH_MS = 60_000
# For a tick that sends nothing it is enough to see a clock run away, and a pause before anybody meets it.
UNUSED_FRESH_MS = 1_800_000
# A status that can't be read again is no reason to hold back exits for longer.
BELIEVED_MS = 60_000
# How long a market is left alone that refused an order because it, or its part of the venue, is paused.
HELD_MS = 30_000
ALARM_EVERY_MS = 60_000
_LEVELS = {SkewVerdict.FINE: Level.INFO, SkewVerdict.WARN: Level.WARNING, SkewVerdict.STOP: Level.ERROR}


class VenueWatch:
    """One tick's knowledge of the venue. `note` is what the tick found stored, and what it leaves, once finished."""

    def __init__(self, ports: Ports, note: VenueNote, clock: Clock) -> None:
        self._ports = ports
        self._clock = clock
        self._seen = ports.cache.venue
        self.note = note
        self._decided = Decisions({}, (), {})
        self._resting: set[str] = set()
        self._waiting: set[str] = set()

    # Looking.

    @property
    def is_due(self) -> bool:
        """Whether a tick that sends anything reads the venue's status first: one read request."""
        status = self._seen.status
        states_mode = status is not None and status.states_mode
        return self._is_older_than(STATUS_FRESH_MS if states_mode else CLOCK_FRESH_MS)

    @property
    def is_due_unused(self) -> bool:
        """Whether a tick reads it although nothing is to be sent: it is old, or not all was well."""
        return self._is_older_than(UNUSED_FRESH_MS)

    def _is_older_than(self, fresh_ms: int) -> bool:
        status = self._seen.status
        if status is None or self.note.skew is not SkewVerdict.FINE:
            return True
        if status.states_mode and (status.mode is not VenueMode.TRADING or status.paused_shards):
            return True
        return self._clock.now_ms() - self._seen.read_at_ms >= fresh_ms

    def look(self) -> None:
        """Learn what the venue lets through. Where that can't be read, what was known holds for a minute more."""
        if self.is_due:
            self._read_status()
        now_ms = self._clock.now_ms()
        status, note = self._seen.status, self.note
        if status is None or not status.states_mode:
            after_ms = self._ports.venue.capabilities.post_only_after_restart_ms
            window = known_window(note.window, self._ports.venue.stated_window, now_ms, after_ms)
            note = structs.replace(note, window=window)
        elif now_ms - self._seen.read_at_ms < BELIEVED_MS:
            window = Window(status.mode, status.resumes_at_ms)
            note = structs.replace(
                note, window=window, paused_shards=status.paused_shards, shut_shards=status.shut_shards
            )
        else:
            note = structs.replace(note, window=TRADING, paused_shards=(), shut_shards=())
        self._change(note)
        if note.window.mode is not VenueMode.TRADING or note.paused_shards:
            self._ports.telemetry.metric("VenueNotTrading", 1, mode=note.window.mode.value)

    def _read_status(self) -> None:
        try:
            status: VenueStatus = self._ports.venue.status()
        except (VenueError, BudgetExhaustedError) as error:
            # A 429 is stored, and ends nothing: a stop may be due.
            back_off(self._ports, error)
            self._event("UPKEEP_FAILED", Level.WARNING, what="status", error=str(error))
            return
        self._seen.status, self._seen.read_at_ms = status, self._clock.now_ms()
        if status.clock is not None:
            self._compare(status.clock)

    def _compare(self, reading: ClockReading) -> None:
        skew_ms = certain_skew(reading)
        verdict = judge(skew_ms, self.note.skew)
        if skew_ms:
            self._ports.telemetry.metric("ClockSkew", abs(skew_ms), Unit.MILLISECONDS)
        if verdict is not self.note.skew:
            self._event("CLOCK_SKEW", _LEVELS[verdict], skew_ms=skew_ms, verdict=verdict.value)
            self.note = structs.replace(self.note, skew=verdict)

    def _change(self, note: VenueNote) -> None:
        """Take over what is known now, and say what changed."""
        before, self.note = self.note, note
        shown = [(n.window.mode, n.paused_shards, n.shut_shards) for n in (before, note)]
        if shown[0] == shown[1]:
            return
        trading = note.window.mode is VenueMode.TRADING and not note.paused_shards
        self._event(
            "VENUE_STATUS",
            Level.INFO if trading else Level.WARNING,
            before=before.window.mode.value,
            after=note.window.mode.value,
            resumes_at_ms=note.window.until_ms,
            paused_shards=list(note.paused_shards),
        )

    # What may be sent.

    @property
    def halt_reasons(self) -> tuple[str, ...]:
        """Why no quotes and entries may rest: a clock that is too far off."""
        return (CLOCK_SKEW,) if self.note.skew is SkewVerdict.STOP else ()

    def mode_of(self, market: str) -> VenueMode:
        """What a market takes: its shard, where that is paused; else what answers said in this tick; else the venue."""
        rules = self._ports.cache.rules.get(market)
        if rules is not None and rules.shard in self.note.shut_shards:
            return VenueMode.DISABLED
        if rules is not None and rules.shard in self.note.paused_shards:
            return VenueMode.CANCEL_ONLY
        window = self._window
        if window.mode is VenueMode.TRADING and self._clock.now_ms() < self._seen.held_until_ms.get(market, 0):
            return VenueMode.CANCEL_ONLY
        return window.mode

    def changes_in_ms(self, now_ms: int) -> int:
        """How long until the venue's mode is known to change; 0 where it trades, or nobody knows."""
        window = self._window
        return max(window.until_ms - now_ms, 0) if window.mode is not VenueMode.TRADING else 0

    def takes(self, target: TargetOrder) -> bool:
        """Whether an order can be accepted now."""
        return self.mode_of(target.market).takes(target)

    def takes_cancel(self, market: str) -> bool:
        """Whether a cancel can be accepted now."""
        return self.mode_of(market).takes_cancels

    def closed(self, markets: Sequence[str]) -> set[str]:
        """Those of these markets where no new quote may be placed, nor an order changed."""
        takes_quotes = (VenueMode.TRADING, VenueMode.POST_ONLY)
        return {market for market in markets if self.mode_of(market) not in takes_quotes} | self._waiting

    def heed(self, targets: Sequence[TargetOrder], outcomes: Sequence[Outcome]) -> None:
        """Learn from answers to places: a pause that the venue did not state for all of it is the market's."""
        for target, outcome in zip(targets, outcomes, strict=True):
            if isinstance(outcome, Refused) and outcome.reason is Refusal.TRADING_PAUSED:
                self._seen.read_at_ms = 0
                if self._ports.venue.stated_window.mode is VenueMode.TRADING:
                    self._seen.held_until_ms[target.market] = self._clock.now_ms() + HELD_MS

    def heed_access(self, outcomes: Sequence[Outcome]) -> None:
        """Learn from answers to any write that the venue takes none from where we are."""
        if any(isinstance(outcome, Refused) and outcome.reason is Refusal.GEOBLOCKED for outcome in outcomes):
            heed_block(self._ports, self._clock.now_ms())

    @property
    def _window(self) -> Window:
        stated = self._ports.venue.stated_window
        return self.note.window if stated.mode is VenueMode.TRADING else stated

    # Exits.

    def in_form(self, decided: Decisions, tops: Mapping[str, Top]) -> Decisions:
        """The decisions with every exit as the venue takes it now; those that it does not take at all are left out.

        Nothing is cancelled for an exit that can't go out: one that rests already stays where it is.
        """
        reserves = self._ports.venue.capabilities.reserves_sells
        exits: list[TargetOrder] = []
        for target in decided.exits:
            mode, rules = self.mode_of(target.market), self._ports.cache.rules[target.market]
            form = exit_in(mode, target, tops[target.market], rules, reserves_sells=reserves)
            if form is None:
                self._waiting.add(target.market)
            else:
                exits.append(form)
                self._resting |= {target.market} if form.post_only else set()
        self._decided = decided
        certain = (market for market in decided.exit_markets - self._waiting if self.takes_cancel(market))
        return structs.replace(decided, exits=tuple(exits), exit_markets=frozenset(certain))

    def finish(self, done: Execution) -> None:
        """Say which exits the venue delays and which go on, and what its answers changed; `note` is then complete."""
        self._change(structs.replace(self.note, window=self._window))
        delayed = dict(self.note.delayed)
        wanted = {target.market for target in self._decided.exits}
        for market in sorted(delayed):
            if market not in wanted and market in self._decided.exit_markets:
                self._resumed(market, delayed, sent=False)
        for market in sorted(wanted):
            if market in done.accepted_markets and market not in self._resting:
                if market in delayed:
                    self._resumed(market, delayed, sent=True)
            elif market in delayed or self.mode_of(market) is not VenueMode.TRADING:
                self._delayed(market, delayed)
        self.note = structs.replace(self.note, delayed=delayed)

    def _delayed(self, market: str, delayed: dict[str, int]) -> None:
        now_ms = self._clock.now_ms()
        since_ms = delayed.setdefault(market, now_ms)
        if now_ms - self._seen.alarmed_at_ms.get(market, now_ms - ALARM_EVERY_MS) < ALARM_EVERY_MS:
            return
        self._seen.alarmed_at_ms[market] = now_ms
        self._event(
            "EXIT_DELAYED",
            Level.ERROR,
            market=market,
            mode=self.mode_of(market).value,
            resumes_at_ms=self._window.until_ms,
            since_ms=since_ms,
            rests=market in self._resting,
        )
        self._ports.telemetry.metric("ExitsDelayed", 1)

    def _resumed(self, market: str, delayed: dict[str, int], *, sent: bool) -> None:
        since_ms = delayed.pop(market)
        self._seen.alarmed_at_ms.pop(market, None)
        self._event("EXIT_RESUMED", market=market, sent=sent, delayed_ms=self._clock.now_ms() - since_ms)

    def _event(self, name: str, level: Level = Level.INFO, **fields: object) -> None:
        self._ports.telemetry.event(name, level, **fields)
