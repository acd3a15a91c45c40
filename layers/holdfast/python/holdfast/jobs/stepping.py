"""Carry out the steps of an account's brackets: store what changed, send what is due, write down what became of it."""

from collections.abc import Mapping

from msgspec import structs

from holdfast.clock import Clock
from holdfast.core.bracket import Bracket, Lacking
from holdfast.core.errors import BudgetExhaustedError, VenueError
from holdfast.core.exiting import after_attempt, after_undoing
from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder, TargetOrder, TimeInForce
from holdfast.core.outcomes import Placed, PlaceOutcome, Refusal, Refused
from holdfast.core.protection import REDUCING, Policy, Step
from holdfast.core.resolution import to_resend
from holdfast.core.take_profit import after_acceptance, after_refusal, sellable_in_ms
from holdfast.jobs.account_view import AccountView
from holdfast.jobs.again import POLL_MS, Again
from holdfast.jobs.bracket_events import BracketEvents
from holdfast.jobs.bracket_facts import Account
from holdfast.jobs.bracket_saving import BracketSaving
from holdfast.jobs.closing import Closing
from holdfast.jobs.execution import Execution
from holdfast.jobs.executor import Resend
from holdfast.jobs.leased import back_off
from holdfast.jobs.ports import Ports
from holdfast.jobs.protective_lanes import ProtectiveExecutor, ProtectiveWork
from holdfast.jobs.venue_watch import VenueWatch
from holdfast.jobs.writes import Writes
from holdfast.state.brackets import Brackets
from holdfast.state.port import Claim
from holdfast.telemetry.port import Level

# An exit that the rate has kept so long is an alarm; until then it is one of the exits of a crash that wait their turn.
LIMITED_LONG_MS = 15_000
_RULES_CHANGED = frozenset({Refusal.OFF_GRID, Refusal.INVALID_SIZE})


class Stepping:
    """Carries out the steps of one pass after another within one tick of one account.

    `execution` is the sum over the passes, `exits_sent` how many exit orders were answered.
    """

    def __init__(
        self,
        ports: Ports,
        writes: Writes,
        watch: VenueWatch,
        clock: Clock,
        policy: Policy,
        closing: Closing,
        decision_id: str,
        *,
        batched: bool,
    ) -> None:
        self._ports, self._writes, self._watch, self._clock = ports, writes, watch, clock
        self._policy, self._closing = policy, closing
        self._decision_id = decision_id
        self._batched = batched
        self._brackets = Brackets(ports.store, writes.lease.account)
        self._events = BracketEvents(ports, watch, clock)
        self.saving = BracketSaving(ports, writes, closing, self._events, clock)
        self.execution = Execution()
        self.exits_sent = 0

    def carry_out(
        self,
        view: AccountView,
        account: Account,
        before: Mapping[str, Bracket],
        steps: Mapping[str, Step],
        *,
        orphans: bool = True,
    ) -> Again:
        """One pass, or the part of it that `steps` are; returns what needs another one. `before` are the brackets as
        they were read, by market; `orphans` False where an earlier part of the pass ended those."""
        again = Again()
        stored = self.saving.store(before, steps, account)
        work, claimed = ProtectiveWork(), dict[str, Bracket]()
        for market, bracket in stored.items():
            self._add(work, claimed, bracket, steps[market], is_current=view.is_current)
            self._follow(bracket, steps[market], again)
        if view.is_current and orphans:
            work.excess += self._orphans(account, before)
        work.resends = self._resends(view, account, [market for market in stored if steps[market].resend])
        executor = ProtectiveExecutor(
            self._ports,
            self._writes,
            self._ports.cache.rules,
            self._watch,
            batched=self._batched,
            dry_run=False,
        )
        try:
            executor.protect(work, self._decision_id)
        finally:
            self.execution.add(executor.done)
            self.saving.tell_claimed(stored, account)
        unsent = {m: one.take_profit for m, one in steps.items() if one.take_profit is not None}
        # One that was sent before may rest all the same where the list is too old to show it.
        known = [t for m, t in unsent.items() if view.is_current or not steps[m].bracket.attempt]
        self.saving.save_unsent(stored, account, {t.market: self._waits_for(t, view) for t in known})
        self._held_back(executor, stored, steps, again)
        for exit in work.exits:
            # Left for want of tokens, or lost to another writer: the next tick is too late to find out.
            if exit.leg not in executor.done.answers and exit.market not in executor.held_back:
                again.soon(exit.market, POLL_MS)
        for market in stored if view.is_current else ():
            if steps[market].reductions:
                again.soon(market, self._policy.cancel_timeout_ms)
            elif steps[market].excess and market not in executor.uncanceled:
                again.soon(market, POLL_MS)
        self._heed(executor, claimed, steps, again)
        latest = stored | {claimed[leg].market: claimed[leg] for leg in executor.done.answers}
        self._shut_out(executor, latest, steps, again)
        if view.is_current:
            self._close({market: bracket for market, bracket in stored.items() if steps[market].close}, steps)
        return again

    def _follow(self, bracket: Bracket, one: Step, again: Again) -> None:
        """What an exit that waits, or a take profit that may be lacking, needs: another look soon, or an alarm."""
        wait = one.wait
        if wait == "fills_may_lag" and bracket.lacking is not None:
            since_ms = self._clock.now_ms() - bracket.lacking.since_ms
            again.soon(bracket.market, self._policy.reads_lag_ms + 1 - since_ms)
        elif wait == "not_sellable":
            again.soon(bracket.market, sellable_in_ms(bracket.lacking, self._clock.now_ms()))
        elif wait in ("cancel_unfinished", "list_stale"):
            again.soon(bracket.market, POLL_MS)
        elif wait == "unsettled":
            self._closing.unsettled(bracket)
        elif wait == "backoff":
            again.soon(bracket.market, _retry_at_ms(bracket) - self._clock.now_ms())
        elif bracket.exit is not None and wait in ("window", "resting"):
            self._events.delayed(bracket, self._watch.mode_of(bracket.market).value)
            opens_in_ms = self._watch.changes_in_ms(self._clock.now_ms())
            if opens_in_ms:
                # Latched for the first moment of trading, where that comes within this tick.
                again.soon(bracket.market, opens_in_ms)

    def _add(
        self, work: ProtectiveWork, claimed: dict[str, Bracket], stored: Bracket, one: Step, *, is_current: bool
    ) -> None:
        work.cancels += one.cancels
        order = one.exit or (one.take_profit if is_current else None)
        if order is not None and one.claim is not None:
            calls = stored.api_calls + len(one.cancels) + 1
            kept = {"naked": stored.naked, "called_at_ms": stored.called_at_ms, "version": stored.version}
            claim = structs.replace(one.claim, api_calls=calls, **kept)
            work.claims[order.leg] = Claim(stored.market, (self._brackets.claim(claim),))
            claimed[order.leg] = structs.replace(claim, version=claim.version + 1)
        if one.exit is not None:
            work.exits.append(one.exit)
        if is_current:
            work.excess += one.excess
            work.reductions += one.reductions
            if one.take_profit is not None:
                work.take_profits.append(one.take_profit)
                if one.bracket.lacking is not None and one.bracket.lacking.refused_at_ms:
                    work.unsellable.add(stored.market)

    def _resends(self, view: AccountView, account: Account, markets: list[str]) -> list[Resend]:
        held = {market: account.net(market) for market in markets}
        sides = {(market, side) for market in markets for side in Side}
        found = [(entry, to_resend(entry, sides, held)) for entry in view.in_doubt]
        return [(entry, indices) for entry, indices in found if indices]

    def _orphans(self, account: Account, brackets: Mapping[str, Bracket]) -> list[OpenOrder]:
        """Reducing orders of ours in markets where nothing is held and no bracket is: they would open a position."""
        found: list[OpenOrder] = []
        quoted = self._ports.cache.quoted
        bare = [m for m in account.orders if not (m in brackets or m in quoted or account.net(m))]
        # One that was opened since they were read is no orphan's market.
        known = self._brackets.open().keys() if bare else set()
        for market in bare:
            orders = account.orders[market]
            if market in known:
                continue
            mine = [o for o in orders if o.purpose in REDUCING and o.order_id not in account.view.doubtful]
            if mine and self._watch.takes_cancel(market):
                self._event("ORPHAN_ORDERS", Level.WARNING, market=market, orders=[o.order_id for o in mine])
                found += mine
        return found

    def _held_back(
        self, executor: ProtectiveExecutor, stored: Mapping[str, Bracket], steps: Mapping[str, Step], again: Again
    ) -> None:
        """Exits whose cancels are not over. A venue that refuses to cancel is not asked every second, but for ever."""
        now_ms = self._clock.now_ms()
        for market in executor.held_back:
            refused = executor.uncanceled.get(market)
            if market not in stored or (refused and market in executor.shut_out):
                continue
            if refused:
                after = self._after(steps[market], stored[market], refused, now_ms)
                self.saving.save(stored[market], after)
                again.soon(market, _retry_at_ms(after) - now_ms)
            else:
                again.soon(market, 0 if market in executor.ended_silently else POLL_MS)

    def _shut_out(
        self, executor: ProtectiveExecutor, latest: Mapping[str, Bracket], steps: Mapping[str, Step], again: Again
    ) -> None:
        """Exits that the account's rate or access does not let out: tried again soon, no failures of their own. What
        takes long is said like any other delay."""
        now_ms = self._clock.now_ms()
        for market in sorted(executor.shut_out.keys() & latest.keys()):
            reason, bracket = executor.shut_out[market], latest[market]
            after = self._after(steps[market], bracket, Refused(reason), now_ms)
            if after != bracket:
                self.saving.save(bracket, after)
            # The stored back-off of a 429 keeps exits for less than that (core.limits).
            again.soon(market, max(_retry_at_ms(after) - now_ms, POLL_MS))
            since_ms = after.exit.shut_out_since_ms if after.exit else now_ms
            if reason is not Refusal.RATE_LIMITED or now_ms - since_ms >= LIMITED_LONG_MS:
                self._events.delayed(after, reason.value)

    def _after(self, one: Step, bracket: Bracket, outcome: PlaceOutcome, now_ms: int) -> Bracket:
        """The bracket after the exit of its step, or the cancel before it, was answered."""
        if one.exit is not None and one.exit.side is bracket.side:
            return after_undoing(bracket, outcome, self._policy.floors, now_ms)
        rests = one.exit is not None and one.exit.time_in_force is TimeInForce.RESTING
        return after_attempt(bracket, outcome, now_ms, rests=rests)

    def _heed(
        self,
        executor: ProtectiveExecutor,
        claimed: Mapping[str, Bracket],
        steps: Mapping[str, Step],
        again: Again,
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
                self.exits_sent += 1
                if bracket.market in executor.shut_out:
                    continue
                after = self._after(one, bracket, outcome, now_ms)
                if isinstance(outcome, Placed):
                    again.soon(bracket.market, 0 if outcome.filled else POLL_MS)
                elif isinstance(outcome, Refused):
                    again.soon(bracket.market, _retry_at_ms(after) - now_ms)
            else:
                after = self._leg_answered(bracket, one.bracket.lacking, outcome, again)
            if after != bracket:
                self.saving.save(bracket, after)
        if contradicted:
            self._read_rules(sorted(contradicted))

    def _leg_answered(self, bracket: Bracket, lacking: Lacking | None, outcome: PlaceOutcome, again: Again) -> Bracket:
        """The bracket after its take profit for what was `lacking` was answered; refused, it is watched meanwhile."""
        now_ms = self._clock.now_ms()
        if isinstance(outcome, Placed):
            return after_acceptance(bracket, now_ms)
        if not isinstance(outcome, Refused):
            return bracket
        reserves_sells = self._policy.capabilities.reserves_sells
        after = after_refusal(bracket, lacking, outcome.reason, now_ms, reserves_sells=reserves_sells)
        if again_ms := sellable_in_ms(after.lacking, now_ms):
            again.soon(bracket.market, again_ms)
        return after

    def _waits_for(self, take_profit: TargetOrder, view: AccountView) -> str:
        """What a take profit that did not go out waits for: until then it is watched."""
        if not view.is_current:
            return "waits for a newer list of our orders"
        if not self._watch.takes(take_profit):
            return f"the venue is {self._watch.mode_of(take_profit.market).value}"
        return "waits for the rate limit"

    def _read_rules(self, markets: list[str]) -> None:
        """The venue refused an order by rules that we do not know: by ours the next one would be refused as well."""
        try:
            found = self._ports.venue.market_rules(markets)
        except (VenueError, BudgetExhaustedError) as error:
            back_off(self._ports, error)
            self._event("UPKEEP_FAILED", Level.WARNING, what="markets", error=str(error))
            return
        self._ports.cache.rules = {**self._ports.cache.rules, **found}

    def _close(self, flat: Mapping[str, Bracket], steps: Mapping[str, Step]) -> None:
        """Close what was flat when we looked, in the versions of then: what was added since is not closed with it."""
        for market in flat:
            if steps[market].dust:
                self._closing.write_off(market)
        self._closing.close(flat)

    def _event(self, name: str, level: Level = Level.INFO, **fields: object) -> None:
        self._ports.telemetry.event(name, level, **fields)


def _retry_at_ms(bracket: Bracket) -> int:
    """When the next attempt of its exit, or to undo a flip, is due."""
    return max(bracket.undoing.retry_at_ms, bracket.exit.retry_at_ms if bracket.exit else 0)
