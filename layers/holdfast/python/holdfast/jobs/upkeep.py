"""What a tick does now and then: market configs and rules, settlements, the check of positions with the venue, and
whether we may trade from here at all."""

from collections.abc import Callable, Sequence, Set
from typing import TypeVar

from msgspec import structs

from holdfast.clock import Clock
from holdfast.core.errors import BudgetExhaustedError, VenueError, VenueRateLimitedError, VenueUnavailableError
from holdfast.core.positions import LedgerKind
from holdfast.jobs.access import ASK_AGAIN_MS, ASK_MS, access_problems, report_access
from holdfast.jobs.bookkeeping import Bookkeeper
from holdfast.jobs.leased import back_off
from holdfast.jobs.ports import Ports
from holdfast.jobs.unreadable import say_unreadable
from holdfast.state.ledger import StoredPosition
from holdfast.state.markets import MarketConfig, MarketConfigs, quoted_markets
from holdfast.telemetry.port import Level

# How often the venue's positions are compared with the ledger (design section 5, ledger).
COMPARE_MS = 600_000
SETTLEMENTS_MS = 60_000
# Rules change seldom, and nothing is sent by them in a tick without work.
QUIET_REFRESHES = 6
# How far back settlements are read: a market can settle long after it closed.
SETTLEMENT_WINDOW_MS = 14 * 86_400_000


Answer = TypeVar("Answer")


class Upkeep:
    """The occasional reads of one account. One that fails is said and left to a later tick: quotes and exits go on."""

    def __init__(self, ports: Ports, account: str, clock: Clock) -> None:
        self._ports = ports
        self._account = account
        self._clock = clock

    def refresh(self, every_ticks: int, held: set[str], *, waits: bool = False) -> None:
        """Read market configs and rules again when it is time; `held` markets are included whatever the configs say.

        `waits`: the tick may have nothing to do, and `catch_up` follows where it has. Then they are read for markets
        without rules, where other markets are quoted, and after `QUIET_REFRESHES` times as many ticks.

        Raises VenueUnavailableError where no rules are known at all: without them nothing can be decided.
        """
        cache = self._ports.cache
        cache.ticks_until_refresh -= 1
        if waits and cache.ticks_until_refresh > (1 - QUIET_REFRESHES) * every_ticks:
            configs, unclear = self._configs()
            changed = quoted_markets(configs) | unclear != cache.quoted
        else:
            changed = cache.ticks_until_refresh <= 0
        if changed or not held <= cache.rules.keys() | cache.unlisted:
            self._reload(every_ticks, held)

    def catch_up(self, every_ticks: int, held: set[str]) -> None:
        """Do what `refresh` let wait: now there is something to do, and by old rules an order would be refused."""
        if self._ports.cache.ticks_until_refresh <= 0:
            self._reload(every_ticks, held)

    def _reload(self, every_ticks: int, held: set[str]) -> None:
        cache = self._ports.cache
        configs, cache.unclear = self._configs()
        # Where it was quoted, what is held keeps its inventory stop.
        last = [structs.replace(one, enabled=False) for one in cache.configs if one.market in cache.unclear]
        cache.configs = (*configs, *last)
        cache.strategies.clear()
        cache.broken.clear()
        wanted = sorted({config.market for config in cache.configs} | held)
        try:
            rules = self._read("markets", lambda: self._ports.venue.market_rules(wanted)) if wanted else {}
        except VenueRateLimitedError as error:
            if not held <= cache.rules.keys():
                raise
            # By the rules that are known a stop goes out; the list can wait.
            back_off(self._ports, error)
            self._event("UPKEEP_FAILED", Level.WARNING, what="markets", error=str(error))
            return
        if rules is None and not cache.rules:
            raise VenueUnavailableError("no rules of any market are known yet")
        if rules is None:
            return
        # An answer that leaves a held market out takes nothing from its stop: what was known of it holds.
        cache.rules = {market: known for market, known in cache.rules.items() if market in held} | rules
        cache.unlisted = frozenset(wanted) - rules.keys()
        for market in sorted(cache.unlisted):
            self._event("MARKET_UNKNOWN", Level.WARNING, market=market)
        cache.ticks_until_refresh = every_ticks

    def _configs(self) -> tuple[Sequence[MarketConfig], frozenset[str]]:
        """The configs that can be read, and the markets of the others, which are said."""
        configs, unreadable = MarketConfigs(self._ports.store, self._account).read()
        say_unreadable(self._ports, unreadable, self._clock.now_ms())
        return configs, frozenset(one.key for one in unreadable)

    def settle(self, positions: dict[str, StoredPosition], one: int | None, provisional: Set[str]) -> int:
        """Book settlements of markets that we hold; returns how many.

        Read at most once a minute while a held market is known to have closed or has no book any more, else every ten:
        a market can end early, and not every venue's rules say that it has. None is booked where the venue may still
        take a fill back (`provisional` markets): its reversal after that would leave a position that never closes, and
        money that never came.
        """
        now_ms = self._clock.now_ms()
        cache = self._ports.cache
        held = {m: stored.position.size for m, stored in positions.items() if stored.position.size}
        every_ms = SETTLEMENTS_MS if any(self._closed(market) for market in held) else COMPARE_MS
        if not held or now_ms - cache.settlements_read_at_ms < every_ms:
            return 0
        cache.settlements_read_at_ms = now_ms
        bookkeeper = Bookkeeper(self._ports, self._account, one)
        settled = self._read(
            "settlements", lambda: self._ports.venue.settlements(max(now_ms - SETTLEMENT_WINDOW_MS, 0), held)
        )
        ours = [row for row in settled or () if row.market in held and row.market not in provisional]
        return sum(bookkeeper.book_settlement(row, positions, now_ms) for row in ours)

    def compare(self, positions: dict[str, StoredPosition], provisional: Set[str], *, quiet: bool) -> None:
        """Compare the venue's positions with the ledger every ten minutes.

        A difference counts when a second look, a tick later, shows the same one: a fill between two reads is none. It
        is said once, until it changes: what somebody else holds in the account stays different for good.
        `quiet` False (fills or unknown outcomes this tick) waits for a better moment, and so does a market with fills
        that are not settled yet (`provisional`): the venue may list only what is. Where a market has its result and our
        books are flat, what is listed is only left to be redeemed.
        """
        cache = self._ports.cache
        unsaid = {m: by for m, by in cache.differences.items() if cache.reported_differences.get(m) != by}
        due = self._clock.now_ms() - cache.positions_compared_at_ms >= COMPARE_MS or unsaid
        if not due or not quiet:
            return
        listed = self._read("positions", self._ports.venue.positions)
        if listed is None:
            return
        at_venue = {position.market: position.size for position in listed}
        ours = {market: stored.position.size + stored.position.written_off for market, stored in positions.items()}
        flat = {m for m, stored in positions.items() if not stored.position.size} | at_venue.keys() - positions.keys()
        over = {position.market for position in listed if position.resolved}
        over |= {m for m, stored in positions.items() if stored.position.reduced_by == LedgerKind.SETTLEMENT.value}
        different = {
            market: by
            for market in sorted((at_venue.keys() | ours.keys()) - provisional - (flat & over))
            if (by := at_venue.get(market, 0) - ours.get(market, 0))
        }
        confirmed = {market: by for market, by in different.items() if unsaid.get(market) == by}
        for market in confirmed:
            self._event(
                "POSITION_MISMATCH",
                Level.ERROR,
                market=market,
                ledger=ours.get(market, 0),
                venue=at_venue.get(market, 0),
                at="compare",
            )
        cache.positions_compared_at_ms = self._clock.now_ms()
        cache.differences = different
        said = {**cache.reported_differences, **confirmed}
        cache.reported_differences = {market: by for market, by in said.items() if different.get(market) == by}

    def check_access(self) -> None:
        """Ask whether the account may trade from here, when it is time; the cache then holds the reasons to halt.

        What was said last stays in force while it can't be read; at first that is nothing, which stops nothing.
        """
        now_ms = self._clock.now_ms()
        seen = self._ports.cache.access
        fine = seen.answered and not access_problems(seen.said, now_ms)
        if now_ms - seen.asked_at_ms >= (ASK_MS if fine else ASK_AGAIN_MS):
            seen.asked_at_ms, seen.answered = now_ms, False
            said = self._read("access", self._ports.venue.access)
            if said is not None:
                seen.said, seen.answered = said, True
        report_access(self._ports, now_ms)

    def _read(self, what: str, read: Callable[[], Answer]) -> Answer | None:
        """The venue's answer; None where it failed or no tokens were left for it. A 429 ends the tick."""
        try:
            return read()
        except VenueRateLimitedError:
            raise
        except (VenueError, BudgetExhaustedError) as error:
            self._event("UPKEEP_FAILED", Level.WARNING, what=what, error=str(error))
            return None

    def _closed(self, market: str) -> bool:
        """Whether it is over, or may be: nobody knows its rules, or it has no book."""
        rules = self._ports.cache.rules.get(market)
        return rules is None or market in self._ports.cache.bookless or rules.is_over(self._clock.now_ms())

    def _event(self, name: str, level: Level = Level.INFO, **fields: object) -> None:
        self._ports.telemetry.event(name, level, **fields)
