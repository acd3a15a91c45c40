"""The market scanner within an execute tick: what the venue lists becomes a request, decided in the same tick.

It looks at most once a minute and process, because a list costs tokens, and only while another entry of the usual size
would have room. Nothing here buys anything: the request is decided like everybody's.
"""

from collections.abc import Iterable, Sequence

from holdfast.clock import Clock
from holdfast.core.blacklist import BlacklistPolicy
from holdfast.core.bracket import Bracket, BracketState
from holdfast.core.discovery import ListedMarket, MarketQuery
from holdfast.core.errors import BudgetExhaustedError, VenueError
from holdfast.core.positions import Position
from holdfast.core.scanner import Candidate, ScanCriteria, best, candidates, scanned
from holdfast.jobs.deciding import STALE_AFTER_MS
from holdfast.jobs.ports import Ports
from holdfast.state.blacklist import Blacklist
from holdfast.state.brackets import Brackets
from holdfast.state.ledger import Ledger
from holdfast.state.markets import MarketConfigs, quoted_markets
from holdfast.state.requests import Requests
from holdfast.state.switch_set import Switches
from holdfast.telemetry.port import Level

SCAN_EVERY_MS = 60_000
# Even, so that the two outcomes of one market are listed both or neither.
MOST_LISTED = 2_000
# Books that are read for one entry, all in one call.
BOOKS_EACH = 5


class Scanning:
    """Scans for one account."""

    def __init__(self, ports: Ports, account: str, clock: Clock, switches: Switches, decision_id: str) -> None:
        capabilities = ports.venue.capabilities
        self._ports, self._account, self._clock = ports, account, clock
        self._switches, self._decision_id = switches, decision_id
        self._scale = capabilities.scale
        self._one = capabilities.one
        self._requests = Requests(ports.store, account)

    def scan(self) -> int:
        """Put the requests of the best markets; returns how many. A list or books that can't be read are said, and
        entries go on without the scanner. Raises StoreError."""
        cache, now_ms = self._ports.cache, self._clock.now_ms()
        if not self._switches.scan_entries or now_ms - cache.scanned_at_ms < SCAN_EVERY_MS:
            return 0
        brackets, unreadable = Brackets(self._ports.store, self._account).read()
        positions = [stored.position for stored in Ledger(self._ports.store, self._account).positions().values()]
        halted = unreadable or any(bracket.state is BracketState.ATTENTION for bracket in brackets.values())
        if halted or not self._has_room(positions, brackets.values()):
            return 0
        cache.scanned_at_ms = now_ms
        excluded = self._excluded(now_ms) | brackets.keys() | {each.market for each in positions if each.size}
        try:
            return self._choose(excluded, now_ms)
        except (VenueError, BudgetExhaustedError) as error:
            self._ports.telemetry.event("SCAN_FAILED", Level.WARNING, error=str(error))
            self._ports.telemetry.metric("ScansFailed", 1)
            return 0

    def _choose(self, excluded: set[str], now_ms: int) -> int:
        criteria = self._criteria()
        listed = self._ports.venue.discover(self._query(criteria, now_ms))
        excluded |= self._other_outcomes(listed, excluded)
        found = candidates(listed, criteria, now_ms=now_ms, one=self._one, excluded=excluded)
        wanted = self._switches.scan_most_entries
        found = found[: BOOKS_EACH * wanted]
        books = self._ports.venue.books(sorted({each.market for each in found})) if found else {}
        chosen: list[Candidate] = []
        while len(chosen) < wanted:
            candidate = best(
                found,
                books,
                criteria,
                now_ms=self._clock.now_ms(),
                stale_after_ms=STALE_AFTER_MS,
                one=self._one,
            )
            if candidate is None:
                break
            taken = {candidate.market, *self._other_outcomes(listed, {candidate.market})}
            found = [each for each in found if each.market not in taken]
            chosen.append(candidate)
        self._ports.telemetry.event(
            "SCANNED", listed=len(listed), books=len(books), chosen=[each.market for each in chosen]
        )
        return sum(self._ask(candidate, number) for number, candidate in enumerate(chosen, 1))

    def _ask(self, candidate: Candidate, number: int) -> bool:
        now_ms = self._clock.now_ms()
        request = scanned(candidate, self._account, f"{self._decision_id}-{number}", now_ms, SCAN_EVERY_MS)
        is_new = self._requests.put(request, now_ms)
        if is_new:
            self._ports.telemetry.event(
                "ENTRY_SCANNED",
                market=candidate.market,
                side=candidate.side.value,
                request=request.request_id,
                score=candidate.score,
                ask=candidate.ask,
                spread=candidate.spread,
                depth=candidate.depth,
            )
        return is_new

    def _criteria(self) -> ScanCriteria:
        switches, scale = self._switches, self._scale
        return ScanCriteria(
            min_price=scale.price(switches.scan_min_price, "scan_min_price"),
            max_price=scale.price(switches.scan_max_price, "scan_max_price"),
            max_spread=scale.price(switches.scan_max_spread, "scan_max_spread"),
            min_volume_24h=scale.money(switches.scan_min_volume, "scan_min_volume"),
            min_depth=scale.money(switches.scan_min_depth, "scan_min_depth"),
            min_minutes_to_close=switches.scan_min_minutes_to_close,
            max_minutes_to_close=60 * switches.scan_max_hours_to_close,
            both_outcomes=True,
        )

    def _query(self, criteria: ScanCriteria, now_ms: int) -> MarketQuery:
        """What the venue itself can leave out, so that the list stays short. Not by price: the outcome of a market that
        does not fit shows which one is held."""
        return MarketQuery(
            closes_after_ms=now_ms + criteria.min_minutes_to_close * 60_000,
            closes_before_ms=now_ms + criteria.max_minutes_to_close * 60_000 + 1,
            max_spread=criteria.max_spread,
            min_volume_24h=criteria.min_volume_24h,
            limit=MOST_LISTED,
        )

    def _excluded(self, now_ms: int) -> set[str]:
        """Markets that are quoted, disabled, blacklisted or asked for already."""
        policy = BlacklistPolicy(self._switches.blacklist_days, self._switches.blacklist_attempts)
        configs, unreadable = MarketConfigs(self._ports.store, self._account).read()
        unclear = {one.key for one in unreadable}
        closed = unclear | quoted_markets(configs) | {config.market for config in configs if not config.enabled}
        barred = Blacklist(self._ports.store, self._account).until_ms(policy, now_ms).keys()
        return closed | barred | {stored.request.market for stored in self._requests.open()}

    def _other_outcomes(self, listed: Sequence[ListedMarket], markets: set[str]) -> set[str]:
        """The other outcomes of these markets, where each is an instrument of its own: both together win nothing and
        cost two spreads."""
        if self._one is not None:
            return set()
        of_theirs = {(each.event, each.title) for each in listed if each.market in markets}
        return {each.market for each in listed if (each.event, each.title) in of_theirs}

    def _has_room(self, positions: Sequence[Position], brackets: Iterable[Bracket]) -> bool:
        """Whether what is at risk leaves room for an entry of the usual size: else each scan would be refused."""
        at_risk = sum(abs(position.cost) for position in positions)
        at_risk += sum(
            bracket.entry.asked * bracket.entry.limit for bracket in brackets if bracket.state is BracketState.OPENING
        )
        switches = self._switches
        limit = min(switches.capital_total, switches.max_gross_exposure)
        return at_risk + self._scale.money(switches.max_trade_size, "max_trade_size") <= self._scale.money(
            limit, "capital_total"
        )
