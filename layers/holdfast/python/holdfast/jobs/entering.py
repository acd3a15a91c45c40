"""Entries of one tick: what was asked for becomes a protected marketable limit each, claimed with its bracket.

Request, bracket and journal entry are one transaction: delivered twice, or taken by two writers, it buys once, and what
it buys has a bracket before the first byte goes out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from msgspec import structs

from holdfast.clock import Clock
from holdfast.core.blacklist import BlacklistPolicy
from holdfast.core.book import BookState, OrderBook
from holdfast.core.bracket import BracketState, own_price
from holdfast.core.distances import Distance, Distances, Unit
from holdfast.core.entries import entry_target
from holdfast.core.entry_view import (
    EntryAccount,
    EntryLimits,
    EntryMarket,
    EntryRefusal,
    FurtherEntries,
    NoEntry,
)
from holdfast.core.errors import InvalidInputError
from holdfast.core.grid import OwnGrid
from holdfast.core.levels import Terms, levels_of, refusal_of_addition, refusal_of_entry
from holdfast.core.market import Side
from holdfast.core.opening import ModeRule, bracket_identity, with_entry
from holdfast.core.orders import Purpose, TargetOrder, client_order_id
from holdfast.core.positions import Position
from holdfast.core.requests import EntryRequest
from holdfast.core.risk import RiskLimits
from holdfast.jobs.account_view import AccountView
from holdfast.jobs.alignment import check_alignment, misaligned_entry
from holdfast.jobs.atr import AtrReading, AtrReads
from holdfast.jobs.deciding import STALE_AFTER_MS
from holdfast.jobs.ports import Ports
from holdfast.jobs.unreadable import halts_of, say_unreadable
from holdfast.state.blacklist import Blacklist
from holdfast.state.brackets import Brackets
from holdfast.state.markets import MarketConfig, MarketConfigs
from holdfast.state.port import Claim
from holdfast.state.records import Unreadable
from holdfast.state.requests import Requests, StoredRequest
from holdfast.state.switch_set import Switches
from holdfast.telemetry.port import Level

ATTENTION = "bracket_attention"
"""The halt of entries while a bracket of the account needs a person."""


@dataclass(slots=True)
class Entries:
    """Entry orders and, by their legs, the claims that they are sent under."""

    targets: list[TargetOrder] = field(default_factory=list)
    claims: dict[str, Claim] = field(default_factory=dict)


class Entering:
    """Decides an account's open entry requests within one tick."""

    def __init__(
        self, ports: Ports, account: str, clock: Clock, switches: Switches, limits: RiskLimits, decision_id: str
    ) -> None:
        capabilities = ports.venue.capabilities
        self._ports, self._account, self._clock = ports, account, clock
        self._switches, self._decision_id = switches, decision_id
        self._scale = capabilities.scale
        self._one = capabilities.one
        self._atrs = AtrReads(ports, switches.atr_bar_minutes, clock)
        self._requests = Requests(ports.store, account)
        self._brackets = Brackets(ports.store, account)
        self._configs = MarketConfigs(ports.store, account)
        self._limits = EntryLimits(
            capital=self._scale.money(switches.capital_total, "capital_total"),
            trade=self._scale.money(switches.max_trade_size, "max_trade_size"),
            risk=limits,
            slippage=Distance(Decimal(switches.entry_slippage), Unit.PRICE),
            fee=capabilities.fees.taker,
            least_cost=capabilities.least_taking_buy,
            further=FurtherEntries(switches.further_entries),
        )
        self._unreadable: tuple[Unreadable, ...] = ()
        self._asked = self._open_requests()
        self._exits_wait = False
        self._market_configs: dict[str, MarketConfig] = {}

    @property
    def markets(self) -> set[str]:
        """Markets that somebody wants to enter: their rules and books are needed."""
        return {stored.request.market for stored, _ in self._asked}

    def decide(
        self, view: AccountView, books: Mapping[str, OrderBook], halts: tuple[str, ...], *, exits_wait: bool = False
    ) -> Entries:
        """The orders of the requests that may be carried out now; the others are refused, or wait, and say why.

        `books` are net of our own orders; `halts` are the reasons for which nothing is entered at all. `exits_wait`:
        the tick has decided on exits, and sends them after this, so nothing is read of the venue.
        """
        entries = Entries()
        self._exits_wait = exits_wait
        now_ms = self._clock.now_ms()
        halts += check_alignment(self._ports, self._switches, now_ms)
        if not self._asked:
            return entries
        # As they are now: those that are cached are older than what an earlier entry has made of its market.
        configs, of_markets = self._configs.read()
        self._market_configs = {config.market: config for config in configs}
        open_brackets, of_brackets = self._brackets.read()
        needing = sorted(market for market, one in open_brackets.items() if one.state is BracketState.ATTENTION)
        halts += tuple(f"{ATTENTION}:{market}" for market in needing)
        policy = BlacklistPolicy(self._switches.blacklist_days, self._switches.blacklist_attempts)
        barred, of_blacklist = Blacklist(self._ports.store, self._account).read(policy, now_ms)
        unreadable = of_markets + of_brackets + of_blacklist
        say_unreadable(self._ports, unreadable, now_ms)
        halts += halts_of((*self._unreadable, *view.unreadable, *unreadable))
        account = EntryAccount(
            scale=self._scale,
            one=self._one,
            positions={market: stored.position for market, stored in view.positions.items()},
            orders=[order for order in view.open_orders if order.purpose is not None],
            brackets=open_brackets,
            halts=halts,
        )
        for stored, request in self._asked:
            now_ms = self._clock.now_ms()
            market = self._market(request.market, books, barred, now_ms)
            target = self._decided(request, market, account, now_ms)
            if isinstance(target, EntryRefusal):
                self._refuse(stored, target, now_ms)
                continue
            claim = self._claim(request, target, market, account, now_ms)
            if isinstance(claim, EntryRefusal):
                self._refuse(stored, claim, now_ms)
                continue
            entries.targets.append(target)
            entries.claims[target.leg] = claim
            account = account.after(target)
        return entries

    def _open_requests(self) -> list[tuple[StoredRequest, EntryRequest]]:
        """Open requests to enter, oldest first. Those whose time is over expire here, counted and said."""
        now_ms = self._clock.now_ms()
        found = []
        open_requests, self._unreadable = self._requests.read()
        say_unreadable(self._ports, self._unreadable, now_ms)
        for stored in open_requests:
            request = stored.request
            if not isinstance(request, EntryRequest):
                continue
            if now_ms < request.expires_at_ms:
                found.append((stored, request))
            elif self._requests.expire(stored, now_ms):
                self._event("REQUEST_EXPIRED", Level.WARNING, request, why=stored.words)
                self._ports.telemetry.metric("RequestsExpired", 1, origin=request.origin.value)
        return found

    def _decided(
        self, request: EntryRequest, market: EntryMarket, account: EntryAccount, now_ms: int
    ) -> TargetOrder | EntryRefusal:
        decision_id = f"{self._decision_id}-{request.market}"
        return entry_target(request, market, account, self._limits, now_ms=now_ms, decision_id=decision_id)

    def _claim(
        self, request: EntryRequest, target: TargetOrder, market: EntryMarket, account: EntryAccount, now_ms: int
    ) -> Claim | EntryRefusal:
        """The bracket of an admitted entry and the taking of its request; a refusal where it could not be protected."""
        rules, book = market.rules, market.book
        if rules is None or book is None:
            return EntryRefusal(NoEntry.BOOK, f"the book of {request.market} is missing")
        try:
            wanted = self._switches.distances.overridden(request.protection)
        except InvalidInputError as error:
            return EntryRefusal(NoEntry.INVALID, str(error))
        reading = self._atr(request, wanted, book)
        if isinstance(reading, EntryRefusal):
            return reading
        grid = OwnGrid(rules, request.side, self._scale, self._one)
        terms = self._terms(request, target, book, reading.atr)
        known = account.brackets.get(request.market)
        refusal = refusal_of_entry(grid, wanted, terms)
        if known is not None:
            # What is added follows the levels of the first entry.
            refusal = refusal or refusal_of_addition(grid, known.levels, terms)
        else:
            refusal = refusal or misaligned_entry(self._ports, self._switches, grid, wanted, terms)
        if refusal:
            return EntryRefusal(NoEntry.PROTECTION, f"{refusal} ({reading.why})" if reading.why else refusal)
        return self._claimed(request, target, grid, wanted, terms, account, now_ms)

    def _atr(self, request: EntryRequest, wanted: Distances, book: OrderBook) -> AtrReading | EntryRefusal:
        """The market's ATR where a distance needs one; a refusal that waits where nobody was asked, or for too long."""
        if not wanted.needs_atr:
            return AtrReading(None)
        if self._exits_wait:
            return EntryRefusal(NoEntry.CANDLES, "exits of this tick go out before its candles are read")
        reading = self._atrs.read(request.market, request.side)
        if not reading.asked:
            return EntryRefusal(NoEntry.CANDLES, reading.why)
        if reading.atr is not None and book.state(self._clock.now_ms(), STALE_AFTER_MS) is not BookState.OK:
            return EntryRefusal(NoEntry.BOOK, f"the book of {request.market} grew old while its candles were read")
        return reading

    def _terms(self, request: EntryRequest, target: TargetOrder, book: OrderBook, atr: int | None) -> Terms:
        limit = own_price(target.price, request.side, self._one)
        best = (book.best_bid, book.best_ask) if request.side is Side.BUY else (book.best_ask, book.best_bid)
        bid, ask = (None if price is None else own_price(price, request.side, self._one) for price in best)
        return Terms(limit, bid, ask, atr, self._limits.fee.at(limit, self._scale.one))

    def _claimed(
        self,
        request: EntryRequest,
        target: TargetOrder,
        grid: OwnGrid,
        wanted: Distances,
        terms: Terms,
        account: EntryAccount,
        now_ms: int,
    ) -> Claim:
        """The claim itself: a new bracket, or one that gets more."""
        known = account.brackets.get(request.market)
        config = self._market_configs.get(request.market)
        taking = (
            *self._requests.taking(request, now_ms, f"entry of {self._scale.size_text(target.size)}"),
            self._configs.protecting(request.market, config),
        )
        if known is not None:
            entry = structs.replace(known.entry, asked=known.entry.asked + target.size)
            merged = structs.replace(known, entry=entry)
            return Claim(request.market, (self._brackets.claim(merged), *taking))
        bracket_id = bracket_identity(self._account, request.market, request.request_id)
        mode = ModeRule(self._switches.use_concurrent_orders, self._switches.ab_concurrent_share)
        bracket = with_entry(
            bracket_id,
            target,
            client_order_id(self._account, target.market, target.leg, "", Purpose.ENTRY),
            request,
            levels_of(grid, wanted, terms),
            terms,
            mode.mode_of(bracket_id),
            account.positions.get(request.market) or Position(request.market),
            grid.rules,
            now_ms,
        )
        return Claim(request.market, (self._brackets.claim(bracket), *taking))

    def _market(
        self, market: str, books: Mapping[str, OrderBook], barred: Mapping[str, int], now_ms: int
    ) -> EntryMarket:
        config = self._market_configs.get(market)
        book = books.get(market)
        return EntryMarket(
            market=market,
            rules=self._ports.cache.rules.get(market),
            book=book,
            book_state=book.state(now_ms, STALE_AFTER_MS) if book is not None else BookState.EMPTY,
            mode=config.mode if config else "",
            enabled=config.enabled if config else True,
            blacklisted_until_ms=barred.get(market, 0),
            priority=config.priority if config else 0,
        )

    def _refuse(self, stored: StoredRequest, refusal: EntryRefusal, now_ms: int) -> None:
        request = stored.request
        if refusal.is_final:
            if self._requests.refuse(request, now_ms, refusal.reason.value, refusal.words):
                self._event("ENTRY_REFUSED", Level.WARNING, request, reason=refusal.reason.value, why=refusal.words)
                self._ports.telemetry.metric("EntriesRefused", 1, reason=refusal.reason.value)
            return
        if refusal.reason.value != stored.reason:
            self._event("ENTRY_WAITS", Level.INFO, request, reason=refusal.reason.value, why=refusal.words)
        self._requests.postpone(stored, now_ms, refusal.reason.value, refusal.words)

    def _event(self, name: str, level: Level, request: object, **fields: object) -> None:
        market, request_id = getattr(request, "market", ""), getattr(request, "request_id", "")
        self._ports.telemetry.event(name, level, market=market, request=request_id, **fields)
