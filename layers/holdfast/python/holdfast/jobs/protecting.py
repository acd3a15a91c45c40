"""Protect an account's positions: look, decide for every bracket, send, and look again while an exit is under way.

A pass is level-triggered: it compares what is with what should be. An exit whose cancel is not final, or that sold a
part, gets further passes within the same tick, until the position is flat or the tick's time is over.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from msgspec import structs

from holdfast.clock import Clock
from holdfast.core.blacklist import BlacklistPolicy
from holdfast.core.book import OrderBook, without_ours
from holdfast.core.bracket import Bracket, BracketState, NakedClass
from holdfast.core.errors import BudgetExhaustedError, ConditionFailedError, VenueError, VenueRateLimitedError
from holdfast.core.exiting import after_attempt, step
from holdfast.core.exits import decide
from holdfast.core.grid import OwnGrid
from holdfast.core.market import Side
from holdfast.core.marks import mark_of
from holdfast.core.opening import anchored
from holdfast.core.orders import OpenOrder, TimeInForce
from holdfast.core.outcomes import Placed, Refusal, Refused
from holdfast.core.protection import REDUCING, Scene, Step
from holdfast.core.resolution import to_resend
from holdfast.jobs.adopting import Adopting
from holdfast.jobs.asking import is_exit_asked, tell_brackets
from holdfast.jobs.bracket_facts import Account
from holdfast.jobs.closing import Closing
from holdfast.jobs.execution import Execution
from holdfast.jobs.executor import Resend
from holdfast.jobs.exit_policy import exit_policy, exit_rules
from holdfast.jobs.observing import AccountView
from holdfast.jobs.ports import Ports
from holdfast.jobs.protective_lanes import ProtectiveExecutor, ProtectiveWork
from holdfast.jobs.reading import are_shown, can_stand
from holdfast.jobs.venue_watch import VenueWatch
from holdfast.jobs.writes import Writes
from holdfast.state.brackets import Brackets
from holdfast.state.port import Claim
from holdfast.state.switch_set import Switches
from holdfast.telemetry.port import Level

# How long one tick goes on for the sake of an exit that is not over.
EXIT_BUDGET_MS = 12_000
POLL_MS = 1_000
MOST_PASSES = 12
_RULES_CHANGED = frozenset({Refusal.OFF_GRID, Refusal.INVALID_SIZE})
ALARM_EVERY_MS = 60_000


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


@dataclass(slots=True)
class _Again:
    """Which markets need another pass, and how long to wait before it."""

    markets: set[str] = field(default_factory=set)
    wait_ms: int = EXIT_BUDGET_MS

    def soon(self, market: str, wait_ms: int) -> None:
        self.markets.add(market)
        self.wait_ms = min(self.wait_ms, max(wait_ms, 0))


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
        self._one = capabilities.scale.one if capabilities.netting else None
        self._brackets = Brackets(ports.store, self._account)
        self._policy = exit_policy(ports, switches, self._one)
        self._exit_rules = exit_rules(ports, switches, self._one)
        blacklist = BlacklistPolicy(switches.blacklist_days, switches.blacklist_attempts)
        self._closing = Closing(ports, self._account, clock, decision_id, self._one, blacklist)
        self.report = ProtectingReport()

    def run(self, known: dict[str, Bracket], view: AccountView) -> ProtectingReport:
        """Pass after pass until nothing more can be done for an exit in this tick.

        The brackets are always read before the account: one that was opened later would be judged by orders, fills and
        a journal from before its entry, and be closed for empty.
        """
        until_ms = self._clock.now_ms() + max(EXIT_BUDGET_MS, 2 * self._policy.cancel_timeout_ms)
        hot: set[str] | None = None
        for number in range(MOST_PASSES):
            again = self._pass(known, view, hot)
            self.report.passes = number + 1
            if not again.markets or self._clock.now_ms() + again.wait_ms >= until_ms:
                break
            self._clock.sleep_ms(again.wait_ms)
            hot = again.markets
            self._watch.look()
            known = self._brackets.open()
            view = self._observe()
        self.report.closed = len(self._closing.closed)
        for cause in NakedClass:
            if self.report.naked[cause]:
                self._ports.telemetry.metric("NakedPositions", self.report.naked[cause], cause=cause.value)
        return self.report

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
        steps = {market: self._step(bracket, account, books, now_ms) for market, bracket in known.items()}
        calm = {market: one for market, one in steps.items() if one is not None and one.is_rest_of(known[market])}
        if len(calm) < len(known):
            return False
        self._stored(known, calm, account)
        self.report.brackets = len(known)
        return True

    def _pass(self, known: dict[str, Bracket], view: AccountView, hot: set[str] | None) -> _Again:
        now_ms = self._clock.now_ms()
        account = Account(self._ports, self._watch, view, now_ms, self._policy.cancel_timeout_ms)
        known = tell_brackets(self._ports, self._account, self._brackets, known, now_ms)
        adopting = Adopting(self._ports, self._brackets, self._account, self._switches, self._decision_id, now_ms)
        found = [] if hot is not None else adopting.unprotected(view.positions, known)
        markets = {bracket.market for bracket in known.values()} | {stored.position.market for stored in found}
        wanted = sorted(market for market in markets if account.net(market) and (hot is None or market in hot))
        books = without_ours(self._books(wanted), view.open_orders)
        for bracket in adopting.adopt(found, books):
            known[bracket.market] = bracket
            self.report.adopted += 1
        chosen = {market: bracket for market, bracket in known.items() if hot is None or market in hot}
        self.report.brackets = len(known)
        steps = {market: self._step(bracket, account, books, now_ms) for market, bracket in chosen.items()}
        if hot is None:
            self.report.naked = Counter(one.naked for one in steps.values() if one is not None and one.naked)
            if len(found) > self.report.adopted:
                self.report.naked[NakedClass.REFUSED] += len(found) - self.report.adopted
        return self._carry_out(view, account, chosen, {m: one for m, one in steps.items() if one is not None})

    def _books(self, markets: list[str]) -> dict[str, OrderBook]:
        """One call for every market that needs a price. Unreadable books leave their brackets blind, and it is said."""
        if not markets:
            return {}
        try:
            return self._ports.venue.books(markets)
        except VenueRateLimitedError:
            raise
        except VenueError as error:
            self._event("BOOKS_UNREADABLE", Level.WARNING, error=str(error), markets=len(markets))
            return {}

    def _step(self, bracket: Bracket, account: Account, books: Mapping[str, OrderBook], now_ms: int) -> Step | None:
        rules = self._ports.cache.rules.get(bracket.market)
        if rules is None:
            self._event("MARKET_UNKNOWN", Level.ERROR, market=bracket.market)
            return None
        grid = OwnGrid(rules, bracket.side, self._scale, self._one)
        bracket = anchored(bracket, account.position(bracket.market), grid)
        facts = account.facts(bracket, books)
        mark = mark_of(facts.book, bracket.side, self._one)
        legs = account.legs(bracket, self._one)
        decision = decide(bracket, mark, legs, self._exit_rules, rules, now_ms, facts.held)
        if decision.blind:
            self._event("PRICE_BLIND", Level.ERROR, market=bracket.market, reason=decision.blind)
        decision_id = f"{self._decision_id}-{bracket.market}"
        return step(bracket, Scene(facts, decision, self._policy, rules, now_ms, decision_id))

    def _carry_out(
        self, view: AccountView, account: Account, before: Mapping[str, Bracket], steps: Mapping[str, Step]
    ) -> _Again:
        again = _Again()
        stored = self._stored(before, steps, account)
        work, claimed = ProtectiveWork(), dict[str, Bracket]()
        for market, bracket in stored.items():
            self._add(work, claimed, bracket, steps[market], is_current=view.is_current)
            self._follow(bracket, steps[market], again)
        if view.is_current:
            work.excess += self._orphans(account, before)
        work.resends = self._resends(view, account, [market for market in stored if steps[market].resend])
        executor = ProtectiveExecutor(
            self._ports,
            self._writes,
            self._ports.cache.rules,
            self._watch,
            batched=self._switches.use_batch_execution,
            dry_run=False,
        )
        try:
            executor.protect(work, self._decision_id)
        finally:
            self.report.execution.add(executor.done)
        self._held_back(executor, stored, again)
        self._heed(executor, claimed, steps, again)
        if view.is_current:
            self._close({market: bracket for market, bracket in stored.items() if steps[market].close}, steps)
        return again

    def _stored(self, before: Mapping[str, Bracket], steps: Mapping[str, Step], account: Account) -> dict[str, Bracket]:
        """The brackets as they are stored now, without those that another writer has in hand."""
        stored = {}
        for market, one in steps.items():
            bracket = self._store(before[market], one, will_claim=one.claim is not None and not one.cancels)
            if bracket is None:
                continue
            stored[market] = bracket
            if before[market].state is BracketState.OPENING and bracket.state is not BracketState.OPENING:
                self._closing.entered(bracket, account.position(market))
        return stored

    def _follow(self, bracket: Bracket, one: Step, again: _Again) -> None:
        """What an exit that waits, or a take profit to be replaced, needs: another look soon, or an alarm."""
        wait = one.wait
        if one.excess:
            again.soon(bracket.market, 0)
        elif wait == "fills_may_lag" and bracket.lacking is not None:
            since_ms = self._clock.now_ms() - bracket.lacking.since_ms
            again.soon(bracket.market, self._policy.reads_lag_ms + 1 - since_ms)
        elif wait == "cancel_unfinished":
            again.soon(bracket.market, POLL_MS)
        elif wait == "unsettled":
            self._closing.unsettled(bracket)
        elif bracket.exit is not None and wait == "backoff":
            again.soon(bracket.market, bracket.exit.retry_at_ms - self._clock.now_ms())
        elif bracket.exit is not None and wait in ("window", "resting"):
            self._delayed(bracket)
            opens_in_ms = self._watch.changes_in_ms(self._clock.now_ms())
            if opens_in_ms:
                # Latched for the first moment of trading, where that comes within this tick.
                again.soon(bracket.market, opens_in_ms)

    def _delayed(self, bracket: Bracket) -> None:
        """The venue takes no such order now: said at once and every minute, until it goes out."""
        now_ms, said = self._clock.now_ms(), self._ports.cache.said_at_ms
        key = f"delayed#{bracket.bracket_id}"
        if now_ms - said.get(key, now_ms - ALARM_EVERY_MS) < ALARM_EVERY_MS or bracket.exit is None:
            return
        said[key] = now_ms
        self._event(
            "EXIT_DELAYED",
            Level.ERROR,
            market=bracket.market,
            mode=self._watch.mode_of(bracket.market).value,
            since_ms=bracket.exit.decided_at_ms,
        )
        self._ports.telemetry.metric("ExitsDelayed", 1)

    def _store(self, before: Bracket, one: Step, *, will_claim: bool) -> Bracket | None:
        """The bracket as it is stored now; None where another writer changed it, and nothing may be sent for it.

        What is stored together with an order's journal entry is not stored here too.
        """
        now_ms = self._clock.now_ms()
        changed = structs.replace(one.bracket, naked=one.bracket.naked.at(one.naked, now_ms))
        if changed == before:
            return before
        if not will_claim:
            try:
                changed = self._brackets.save(changed)
            except ConditionFailedError:
                self._event("CLAIM_LOST", Level.INFO, market=before.market)
                return None
        self._report_move(before, changed)
        return changed

    def _add(
        self, work: ProtectiveWork, claimed: dict[str, Bracket], stored: Bracket, one: Step, *, is_current: bool
    ) -> None:
        work.cancels += one.cancels
        order = one.exit or (one.take_profit if is_current else None)
        if order is not None and one.claim is not None:
            claim = structs.replace(
                one.claim, naked=stored.naked, version=stored.version, api_calls=stored.api_calls + 1
            )
            work.claims[order.leg] = Claim(stored.market, (self._brackets.claim(claim),))
            claimed[order.leg] = structs.replace(claim, version=claim.version + 1)
        if one.exit is not None:
            work.exits.append(one.exit)
        if is_current:
            work.excess += one.excess
            work.reductions += one.reductions
            if one.take_profit is not None:
                work.take_profits.append(one.take_profit)

    def _resends(self, view: AccountView, account: Account, markets: list[str]) -> list[Resend]:
        held = {market: account.net(market) for market in markets}
        sides = {(market, side) for market in markets for side in Side}
        found = [(entry, to_resend(entry, sides, held)) for entry in view.in_doubt]
        return [(entry, indices) for entry, indices in found if indices]

    def _orphans(self, account: Account, brackets: Mapping[str, Bracket]) -> list[OpenOrder]:
        """Reducing orders of ours in markets where nothing is held and no bracket is: they would open a position."""
        found: list[OpenOrder] = []
        quoted = {config.market for config in self._ports.cache.configs if config.mode == "quote"}
        known = self._brackets.open().keys() if account.orders else set()
        for market, orders in account.orders.items():
            if market in known or market in brackets or market in quoted or account.net(market):
                continue
            mine = [o for o in orders if o.purpose in REDUCING and o.order_id not in account.view.doubtful]
            if mine and self._watch.takes_cancel(market):
                self._event("ORPHAN_ORDERS", Level.WARNING, market=market, orders=[o.order_id for o in mine])
                found += mine
        return found

    def _held_back(self, executor: ProtectiveExecutor, stored: Mapping[str, Bracket], again: _Again) -> None:
        """Exits whose cancels are not over. A venue that refuses to cancel is not asked every second, but for ever."""
        now_ms = self._clock.now_ms()
        for market in executor.held_back:
            refused = executor.uncanceled.get(market)
            after = after_attempt(stored[market], refused, now_ms) if refused else stored[market]
            if refused and after.exit is not None:
                self._save_after(after)
                again.soon(market, after.exit.retry_at_ms - now_ms)
            else:
                again.soon(market, 0 if market in executor.ended_silently else POLL_MS)

    def _heed(
        self,
        executor: ProtectiveExecutor,
        claimed: Mapping[str, Bracket],
        steps: Mapping[str, Step],
        again: _Again,
    ) -> None:
        """Write down what became of each order that was sent, and whether another pass is worth while."""
        now_ms = self._clock.now_ms()
        contradicted: set[str] = set()
        for leg, outcome in executor.done.answers.items():
            bracket = claimed[leg]
            one = steps[bracket.market]
            if isinstance(outcome, Refused) and outcome.reason in _RULES_CHANGED:
                contradicted.add(bracket.market)
            if one.exit is not None and one.exit.leg == leg:
                self.report.exits_sent += 1
                rests = one.exit.time_in_force is TimeInForce.RESTING
                after = after_attempt(bracket, outcome, now_ms, rests=rests)
                if isinstance(outcome, Placed):
                    again.soon(bracket.market, 0 if outcome.filled else POLL_MS)
                elif isinstance(outcome, Refused) and after.exit is not None:
                    again.soon(bracket.market, after.exit.retry_at_ms - now_ms)
            else:
                refused = f"refused: {outcome.reason.value}" if isinstance(outcome, Refused) else ""
                after = structs.replace(bracket, fallback=refused)
                if refused and not bracket.fallback:
                    self._event("TAKE_PROFIT_WATCHED", Level.WARNING, market=bracket.market, why=refused)
            if after != bracket:
                self._save_after(after)
        if contradicted:
            self._read_rules(sorted(contradicted))

    def _read_rules(self, markets: list[str]) -> None:
        """The venue refused an order by rules that we do not know: by ours the next one would be refused as well."""
        try:
            found = self._ports.venue.market_rules(markets)
        except VenueRateLimitedError:
            raise
        except (VenueError, BudgetExhaustedError) as error:
            self._event("UPKEEP_FAILED", Level.WARNING, what="markets", error=str(error))
            return
        self._ports.cache.rules = {**self._ports.cache.rules, **found}

    def _save_after(self, bracket: Bracket) -> None:
        try:
            self._brackets.save(bracket)
        except ConditionFailedError:
            # Another writer went on from the claim: what it saw of the venue is newer.
            self._event("CLAIM_LOST", Level.INFO, market=bracket.market)

    def _close(self, flat: Mapping[str, Bracket], steps: Mapping[str, Step]) -> None:
        """Close what was flat when we looked, in the versions of then: what was added since is not closed with it."""
        for market in flat:
            if steps[market].dust:
                self._closing.write_off(market)
        self._closing.close(flat)

    def _report_move(self, before: Bracket, after: Bracket) -> None:
        if after.state is not before.state:
            level = Level.ERROR if after.state is BracketState.ATTENTION else Level.INFO
            self._event(
                "BRACKET_MOVED",
                level,
                market=after.market,
                bracket=after.bracket_id,
                before=before.state.value,
                after=after.state.value,
                reason=after.reason,
                source=after.exit.source.value if after.exit else "",
                mode=after.mode.value,
            )
        if after.naked.cause is not before.naked.cause:
            cause = after.naked.cause
            level = Level.WARNING if cause else Level.INFO
            self._event("NAKED", level, market=after.market, cause=cause.value if cause else "", **_size(after))
        if after.fallback and not before.fallback:
            self._event("TAKE_PROFIT_WATCHED", Level.WARNING, market=after.market, why=after.fallback)

    def _event(self, name: str, level: Level = Level.INFO, **fields: object) -> None:
        self._ports.telemetry.event(name, level, **fields)


def _size(bracket: Bracket) -> dict[str, object]:
    return {"bracket": bracket.bracket_id, "total_ms": bracket.naked.total_ms}
