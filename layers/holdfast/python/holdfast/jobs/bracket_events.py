"""What is said of brackets: every move, time without protection, exits that the venue delays."""

from holdfast.clock import Clock
from holdfast.core.bracket import Bracket, BracketState, NakedClass
from holdfast.core.take_profit import sellable_in_ms
from holdfast.jobs.ports import Ports
from holdfast.jobs.venue_watch import VenueWatch
from holdfast.telemetry.port import Level

ALARM_EVERY_MS = 60_000


class BracketEvents:
    """The events of one account's brackets within one tick."""

    def __init__(self, ports: Ports, watch: VenueWatch, clock: Clock) -> None:
        self._ports, self._watch, self._clock = ports, watch, clock

    def moved(self, before: Bracket, after: Bracket) -> None:
        """Say what is different now: the state, whether it is protected, whether its take profit rests."""
        if after.state is not before.state:
            self._event(
                "BRACKET_MOVED",
                market=after.market,
                bracket=after.bracket_id,
                before=before.state.value,
                after=after.state.value,
                reason=after.reason,
                source=after.exit.source.value if after.exit else "",
                mode=after.mode.value,
            )
        if after.state is BracketState.ATTENTION and after.called_at_ms != before.called_at_ms:
            self._event(
                "BRACKET_ATTENTION",
                Level.ERROR,
                market=after.market,
                bracket=after.bracket_id,
                reason=after.reason,
                again=before.state is BracketState.ATTENTION,
            )
        is_watched = bool(after.fallback and not before.fallback)
        again_ms = sellable_in_ms(after.lacking, self._clock.now_ms()) if is_watched else 0
        cause = after.naked.cause
        # Seconds after an entry are what the venue needs; what was refused again after them is.
        lasts = cause is NakedClass.NOT_SELLABLE and is_watched and not again_ms
        if cause is not before.naked.cause or lasts:
            level = Level.WARNING if cause and not again_ms else Level.INFO
            self._event(
                "NAKED",
                level,
                market=after.market,
                cause=cause.value if cause else "",
                bracket=after.bracket_id,
                total_ms=after.naked.measured_ms(self._clock.now_ms()),
            )
        if is_watched:
            level = Level.INFO if again_ms else Level.WARNING
            self._event("TAKE_PROFIT_WATCHED", level, market=after.market, why=after.fallback, again_in_ms=again_ms)

    def delayed(self, bracket: Bracket, mode: str) -> None:
        """The venue takes no such order now (`mode` says why): said at once and every minute, until it goes out."""
        now_ms, said = self._clock.now_ms(), self._ports.cache.said_at_ms
        key = f"delayed#{bracket.bracket_id}"
        if now_ms - said.get(key, now_ms - ALARM_EVERY_MS) < ALARM_EVERY_MS or bracket.exit is None:
            return
        said[key] = now_ms
        self._event(
            "EXIT_DELAYED",
            Level.ERROR,
            market=bracket.market,
            mode=mode,
            since_ms=bracket.exit.decided_at_ms,
        )
        self._ports.telemetry.metric("ExitsDelayed", 1)

    def _event(self, name: str, level: Level = Level.INFO, **fields: object) -> None:
        self._ports.telemetry.event(name, level, **fields)
