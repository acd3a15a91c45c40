"""Protect an account's positions: look, decide for every bracket, send, and look again while an exit is under way.

A pass is level-triggered: it compares what is with what should be. An exit whose cancel is not final, or that sold a
part, gets further passes within the same tick, until the position is flat or the tick's time is over.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from holdfast.clock import Clock
from holdfast.core.blacklist import BlacklistPolicy
from holdfast.core.book import OrderBook, without_ours
from holdfast.core.bracket import Bracket, BracketState, NakedClass
from holdfast.core.errors import BudgetExhaustedError, InvalidInputError, VenueError
from holdfast.core.exiting import step
from holdfast.core.exits import Decision, decide
from holdfast.core.grid import OwnGrid
from holdfast.core.marks import mark_of
from holdfast.core.opening import anchored
from holdfast.core.protection import Scene, Step
from holdfast.jobs.account_view import AccountView
from holdfast.jobs.adopting import Adopting
from holdfast.jobs.again import EXIT_BUDGET_MS, POLL_MS, Again
from holdfast.jobs.asking import is_exit_asked, tell_brackets
from holdfast.jobs.bracket_facts import Account
from holdfast.jobs.closing import Closing
from holdfast.jobs.execution import Execution
from holdfast.jobs.exit_policy import exit_policy, exit_rules
from holdfast.jobs.leased import back_off
from holdfast.jobs.ports import Ports
from holdfast.jobs.reading import are_shown, can_stand
from holdfast.jobs.stepping import Stepping
from holdfast.jobs.venue_watch import VenueWatch
from holdfast.jobs.writes import Writes
from holdfast.state.brackets import Brackets
from holdfast.state.switch_set import Switches
from holdfast.telemetry.port import Level
from holdfast.venues.port import PriceEvidence

MOST_PASSES = 12


@dataclass(slots=True)
class ProtectingReport:
    """What protecting one account did; `execution` is the sum over its passes."""

    brackets: int = 0
    passes: int = 0
    exits_sent: int = 0
    closed: int = 0
    adopted: int = 0
    naked: Counter[NakedClass] = field(default_factory=Counter)
    execution: Execution = field(default_factory=Execution)


class Judged(NamedTuple):
    """What is to be done for a bracket, and the decision about its prices that it follows from."""

    step: Step
    decision: Decision


class Protecting:
    """One tick's protection of one account. `observe` looks at the account anew."""

    def __init__(
        self,
        ports: Ports,
        writes: Writes,
        watch: VenueWatch,
        clock: Clock,
        switches: Switches,
        decision_id: str,
        observe: Callable[[], AccountView],
    ) -> None:
        capabilities = ports.venue.capabilities
        self._ports, self._writes, self._watch, self._clock = ports, writes, watch, clock
        self._switches = switches
        self._decision_id = decision_id
        self._observe = observe
        self._account = writes.lease.account
        self._scale = capabilities.scale
        self._one = capabilities.one
        self._brackets = Brackets(ports.store, self._account)
        self._policy = exit_policy(ports, switches, self._one)
        self._exit_rules = exit_rules(ports, switches, self._one)
        blacklist = BlacklistPolicy(switches.blacklist_days, switches.blacklist_attempts)
        self._closing = Closing(ports, self._account, clock, decision_id, self._one, blacklist)
        self._stepping = Stepping(
            ports,
            writes,
            watch,
            clock,
            self._policy,
            self._closing,
            decision_id,
            batched=switches.use_batch_execution,
        )
        self.report = ProtectingReport(execution=self._stepping.execution)

    def run(self, known: dict[str, Bracket], view: AccountView) -> ProtectingReport:
        """Pass after pass until nothing more can be done for an exit in this tick.

        The brackets are always read before the account: one that was opened later would be judged by orders, fills and
        a journal from before its entry, and be closed for empty.
        """
        until_ms = self._clock.now_ms() + max(EXIT_BUDGET_MS, 2 * self._policy.cancel_timeout_ms)
        again = self._pass(known, view, None)
        self.report.passes, self.report.exits_sent = 1, self._stepping.exits_sent
        while again.markets and self._clock.now_ms() + again.wait_ms < until_ms and self.report.passes < MOST_PASSES:
            self._clock.sleep_ms(again.wait_ms)
            again = self._next_pass(again.markets)
            self.report.passes, self.report.exits_sent = self.report.passes + 1, self._stepping.exits_sent
        self.report.closed = len(self._closing.closed)
        for cause in NakedClass:
            if self.report.naked[cause]:
                self._ports.telemetry.metric("NakedPositions", self.report.naked[cause], cause=cause.value)
        return self.report

    def _next_pass(self, hot: set[str]) -> Again:
        """A pass over the markets that need another one, after a new look. One that fails is made again in a second: a
        stop that is under way is not given up for one lost answer, while the tick's time lasts."""
        try:
            self._watch.look()
            known = self._brackets.open()
            return self._pass(known, self._observe(), hot)
        except (VenueError, BudgetExhaustedError) as error:
            back_off(self._ports, error)
            self._event("LOOK_FAILED", Level.WARNING, error=str(error), markets=sorted(hot))
            return Again(hot, POLL_MS)

    def is_calm(self, known: Mapping[str, Bracket], view: AccountView) -> bool:
        """Whether fresh books and our own store give nothing to do on this view, which may be one that still stands.

        `known` brackets were read before the store said that it does. One books call; nothing is sent. What brackets
        remember of prices is stored.
        """
        now_ms = self._clock.now_ms()
        if not can_stand(view, known.keys()) or is_exit_asked(self._ports, self._account):
            return False
        if any(bracket.state is not BracketState.PROTECTED for bracket in known.values()):
            return False
        adopting = Adopting(self._ports, self._brackets, self._account, self._switches, self._decision_id, now_ms)
        if adopting.unprotected(view.positions, known):
            return False
        books = self._books(sorted(known))
        if len(books) < len(known) or not are_shown(view.open_orders, books):
            return False
        books = without_ours(books, view.open_orders)
        account = Account(self._ports, self._watch, view, now_ms, self._policy.cancel_timeout_ms)
        judged = {market: self._judged(bracket, account, books, now_ms) for market, bracket in known.items()}
        calm = {m: one.step for m, one in judged.items() if one is not None and one.step.is_rest_of(known[m])}
        if len(calm) < len(known):
            return False
        self._say_blind(judged)
        self._stepping.saving.store(known, calm, account)
        self.report.brackets = len(known)
        return True

    def _pass(self, known: dict[str, Bracket], view: AccountView, hot: set[str] | None) -> Again:
        now_ms = self._clock.now_ms()
        account = Account(self._ports, self._watch, view, now_ms, self._policy.cancel_timeout_ms)
        use_signal = self._switches.use_signal_exit
        known = tell_brackets(self._ports, self._account, self._brackets, known, now_ms, use_signal=use_signal)
        adopting = Adopting(self._ports, self._brackets, self._account, self._switches, self._decision_id, now_ms)
        found = [] if hot is not None else adopting.unprotected(view.positions, known)
        markets = {bracket.market for bracket in known.values()} | {stored.position.market for stored in found}
        wanted = sorted(market for market in markets if account.net(market) and (hot is None or market in hot))
        books = without_ours(self._books(wanted), view.open_orders)
        adopted = adopting.adopt(found, books)
        known |= {bracket.market: bracket for bracket in adopted}
        self.report.adopted += len(adopted)
        bare = len(found) - len(adopted)
        chosen = {market: bracket for market, bracket in known.items() if hot is None or market in hot}
        self.report.brackets = len(known)
        judged = {market: self._judged(bracket, account, books, now_ms) for market, bracket in chosen.items()}
        unsure = [m for m, one in judged.items() if one and one.decision.lacks_witness and chosen[m].exit is None]
        # What is sure is sent before anybody is asked about the rest.
        sure = {market: one for market, one in judged.items() if market not in unsure}
        again = self._carry_out(view, account, chosen, sure)
        if unsure:
            rest = {market: judged[market] for market in unsure} | self._heard(unsure, chosen, account, books)
            again.add(self._carry_out(view, account, chosen, rest, orphans=False))
            judged |= rest
        if hot is None:
            failed = sum(one is None and account.net(market) != 0 for market, one in judged.items())
            self._count_naked(judged, failed + bare)
        return again

    def _carry_out(
        self,
        view: AccountView,
        account: Account,
        known: Mapping[str, Bracket],
        judged: Mapping[str, "Judged | None"],
        *,
        orphans: bool = True,
    ) -> Again:
        self._say_blind(judged)
        steps = {market: one.step for market, one in judged.items() if one is not None}
        return self._stepping.carry_out(view, account, known, steps, orphans=orphans)

    def _count_naked(self, judged: Mapping[str, "Judged | None"], refused: int) -> None:
        self.report.naked = Counter(one.step.naked for one in judged.values() if one and one.step.naked)
        if refused:
            self.report.naked[NakedClass.REFUSED] += refused

    def _heard(
        self,
        unsure: list[str],
        known: Mapping[str, Bracket],
        account: Account,
        books: Mapping[str, OrderBook],
    ) -> dict[str, "Judged | None"]:
        """These brackets judged again, with what else the venue says of their prices; without those it says nothing of.

        Whatever goes wrong leaves those blind that nothing was read of, and stops nobody else's protection.
        """
        found: dict[str, PriceEvidence] = {}
        try:
            since_ms = self._clock.now_ms() - self._exit_rules.stale_after_ms
            for market, said in self._ports.venue.price_evidence(unsure, since_ms):
                found[market] = said  # noqa: PERF403 - what was read before an error counts
        except (VenueError, BudgetExhaustedError) as error:
            back_off(self._ports, error)
            self._event("EVIDENCE_UNREADABLE", Level.WARNING, error=str(error), markets=len(unsure) - len(found))
        # Reads take time, and a book that has grown old meanwhile is no price any more.
        now_ms = self._clock.now_ms()
        read = {book.market: book for said in found.values() for book in (said.book, said.mirror) if book is not None}
        books = {**books, **without_ours(read, account.view.open_orders)}
        judged: dict[str, Judged | None] = {}
        for market, said in found.items():
            books[market].last_trade = said.last_trade
            mirror = books[said.mirror.market] if said.mirror is not None else None
            judged[market] = self._judged(known[market], account, books, now_ms, mirror)
        return judged

    def _say_blind(self, judged: Mapping[str, "Judged | None"]) -> None:
        for market, one in judged.items():
            if one is not None and one.decision.blind:
                self._event("PRICE_BLIND", Level.ERROR, market=market, reason=one.decision.blind)

    def _books(self, markets: list[str]) -> dict[str, OrderBook]:
        """One call for every market that needs a price. Unreadable books leave their brackets blind, and it is said."""
        if not markets:
            return {}
        try:
            books = self._ports.venue.books(markets)
        except VenueError as error:
            back_off(self._ports, error)
            self._event("BOOKS_UNREADABLE", Level.WARNING, error=str(error), markets=len(markets))
            return {}
        self._note_gone(markets, books)
        return books

    def _note_gone(self, markets: list[str], books: Mapping[str, OrderBook]) -> None:
        """A market without any book may be over: its rules are read again at the next tick, and its result is looked
        for as soon as that of one that is known to have closed."""
        cache = self._ports.cache
        gone = {m for m in markets if m not in books or not (books[m].bids or books[m].asks)}
        if gone - cache.bookless:
            self._event("BOOKS_GONE", Level.WARNING, markets=sorted(gone - cache.bookless))
            cache.ticks_until_refresh = 0
        cache.bookless = cache.bookless - set(markets) | gone

    def _judged(
        self,
        bracket: Bracket,
        account: Account,
        books: Mapping[str, OrderBook],
        now_ms: int,
        mirror: OrderBook | None = None,
    ) -> "Judged | None":
        """None where nothing can be worked out for it, which is said, and stops the protection of no other."""
        rules = self._ports.cache.rules.get(bracket.market)
        if rules is None:
            self._event("MARKET_UNKNOWN", Level.ERROR, market=bracket.market)
            return None
        try:
            grid = OwnGrid(rules, bracket.side, self._scale, self._one)
            bracket = anchored(bracket, account.position(bracket.market), grid)
            facts = account.facts(bracket, books)
            mark = mark_of(facts.book, bracket.side, self._one, mirror)
            legs = account.legs(bracket, self._one)
            decision = decide(bracket, mark, legs, self._exit_rules, rules, now_ms, facts.held)
            decision_id = f"{self._decision_id}-{bracket.market}"
            scene = Scene(facts, decision, self._policy, rules, now_ms, decision_id)
            return Judged(step(bracket, scene), decision)
        except InvalidInputError as error:
            self._event("BRACKET_FAILED", Level.ERROR, market=bracket.market, error=str(error))
            return None

    def _event(self, name: str, level: Level = Level.INFO, **fields: object) -> None:
        self._ports.telemetry.event(name, level, **fields)
