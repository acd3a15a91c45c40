"""Close brackets whose position is flat: dust written off by name, the trade recorded, one named exit source each."""

from collections.abc import Mapping

from msgspec import structs

from holdfast.clock import Clock
from holdfast.core.blacklist import BlacklistPolicy
from holdfast.core.bracket import STOP_SOURCES, Bracket, BracketState, moved
from holdfast.core.errors import (
    BudgetExhaustedError,
    ConditionFailedError,
    VenueError,
)
from holdfast.core.positions import Position
from holdfast.core.protection import source_of
from holdfast.core.trade import Trade, trade_of
from holdfast.jobs.bookkeeping import Bookkeeper
from holdfast.jobs.leased import back_off
from holdfast.jobs.ports import Ports
from holdfast.state.blacklist import Blacklist
from holdfast.state.brackets import Brackets
from holdfast.state.ledger import Ledger
from holdfast.state.requests import Requests
from holdfast.telemetry.port import Level

# A venue that still shows a position this long after ours was flat disagrees with our books.
DISAGREES_AFTER_MS = 120_000
# Trades settle within seconds, at worst minutes. One that takes longer is said, as often.
SETTLES_WITHIN_MS = 300_000


class Closing:
    """Closes brackets of one account."""

    def __init__(
        self, ports: Ports, account: str, clock: Clock, decision_id: str, one: int | None, policy: BlacklistPolicy
    ) -> None:
        self._ports = ports
        self._clock = clock
        self._decision_id = decision_id
        self._policy = policy
        self._brackets = Brackets(ports.store, account)
        self._blacklist = Blacklist(ports.store, account)
        self._requests = Requests(ports.store, account)
        self._ledger = Ledger(ports.store, account)
        self._bookkeeper = Bookkeeper(ports, account, one)
        self.closed: list[Trade] = []

    def write_off(self, market: str) -> None:
        """Close what is too small to sell out of the ledger, by name."""
        rules = self._ports.cache.rules[market]
        self._bookkeeper.write_off_dust(rules, self._clock.now_ms(), self._decision_id)

    def close(self, flat: Mapping[str, Bracket]) -> None:
        """Close these brackets, each after a fresh look at the venue's own positions (armed-until-flat)."""
        at_venue = self._venue_positions() if flat else {}
        if at_venue is None:
            return
        for market, bracket in flat.items():
            position = self._ledger.position(market).position
            rules = self._ports.cache.rules.get(market)
            shown = abs(at_venue.get(market, 0))
            settled = position.reduced_by == "settlement"
            if position.size:
                continue
            if shown and shown != bracket.foreign and not settled and (rules is None or rules.snap_size(shown)):
                self._disagree(bracket, shown)
            else:
                self._finish(bracket, position)

    def unsettled(self, bracket: Bracket) -> None:
        """Everything is sold, and the venue may still take a sale back: where that takes long it is said."""
        now_ms, key = self._clock.now_ms(), f"unsettled#{bracket.bracket_id}"
        since_ms = self._ports.cache.disagrees_since_ms.setdefault(key, now_ms)
        said = self._ports.cache.said_at_ms
        if now_ms - said.get(key, since_ms) >= SETTLES_WITHIN_MS:
            said[key] = now_ms
            self._event("SETTLEMENT_LATE", Level.WARNING, bracket, since_ms=since_ms)

    def entered(self, bracket: Bracket, position: Position) -> None:
        """The entry is over and bought something: its request is done."""
        if not bracket.entry.request_id:
            return
        scale = self._ports.venue.capabilities.scale
        size = position.entered - bracket.before.entered
        words = f"{scale.size_text(size)} of {scale.size_text(bracket.entry.asked)} bought"
        words += f" at {scale.price_text(bracket.entry.price)}"
        self._requests.finish(bracket.entry.request_id, self._clock.now_ms(), "entered", words)

    def _finish(self, bracket: Bracket, position: Position) -> None:
        now_ms = self._clock.now_ms()
        if position.entered == bracket.before.entered:
            if self._stored(bracket, None):
                entry = bracket.entry
                self._requests.finish(entry.request_id, now_ms, "nothing_filled", "nothing was bought at its price")
                self._event("ENTRY_EMPTY", Level.WARNING, bracket, asked=entry.asked, origin=entry.origin)
            return
        source = source_of(bracket, position.reduced_by)
        one = self._ports.venue.capabilities.scale.one
        trade = trade_of(bracket, position, source, one=one, now_ms=now_ms)
        if not self._stored(bracket, trade):
            return
        self.closed.append(trade)
        if bracket.state is BracketState.OPENING:
            self.entered(bracket, position)
        self._event(
            "EXIT_SOURCE",
            Level.INFO,
            bracket,
            source=source.value,
            reason=trade.reason,
            order_type=trade.order_type,
            price=trade.exit_price,
            intended=trade.intended,
            slippage=trade.slippage,
            size=trade.size,
            realized=trade.realized,
            fees=trade.fees,
            mode=trade.mode.value,
            naked_ms=trade.naked_ms,
            odds_range=trade.odds_range,
            api_calls=trade.api_calls,
        )
        self._ports.telemetry.metric("Exits", 1, source=source.value)

    def _stored(self, bracket: Bracket, trade: Trade | None) -> bool:
        extra = []
        if trade is not None and trade.source in STOP_SOURCES:
            extra.append(
                self._blacklist.stop_loss(bracket.market, bracket.bracket_id, trade.closed_at_ms, self._policy)
            )
        try:
            self._brackets.close(bracket, trade, extra)
        except ConditionFailedError:
            # Another writer changed or closed it: the next pass sees which.
            return False
        return True

    def _disagree(self, bracket: Bracket, shown: int) -> None:
        """The ledger is flat and the venue is not: its reads lag for a while, then a person must look."""
        now_ms = self._clock.now_ms()
        since_ms = self._ports.cache.disagrees_since_ms.setdefault(bracket.bracket_id, now_ms)
        if now_ms - since_ms < DISAGREES_AFTER_MS or bracket.disputed:
            return
        scale = self._ports.venue.capabilities.scale
        why = f"our books are flat, the venue shows {scale.size_text(shown)}"
        if bracket.state is BracketState.ATTENTION:
            disputed = structs.replace(bracket, disputed=why, called_at_ms=now_ms)
        else:
            disputed = moved(bracket, BracketState.ATTENTION, why, self._decision_id, disputed=why, called_at_ms=now_ms)
        try:
            self._brackets.save(disputed)
        except ConditionFailedError:
            return
        self._event("BRACKET_ATTENTION", Level.ERROR, bracket, reason=why, again=False)

    def _venue_positions(self) -> dict[str, int] | None:
        try:
            listed = self._ports.venue.positions()
        except (VenueError, BudgetExhaustedError) as error:
            # A 429 is stored, and ends nothing: others may have a stop under way.
            back_off(self._ports, error)
            self._ports.telemetry.event("UPKEEP_FAILED", Level.WARNING, what="positions", error=str(error))
            return None
        return {position.market: position.size for position in listed}

    def _event(self, name: str, level: Level, bracket: Bracket, **fields: object) -> None:
        self._ports.telemetry.event(name, level, market=bracket.market, bracket=bracket.bracket_id, **fields)
