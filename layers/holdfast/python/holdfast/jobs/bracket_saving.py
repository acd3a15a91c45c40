"""Store the brackets of a pass, and say what is stored: an event before its transaction may tell what never happens."""

from collections.abc import Mapping

from msgspec import structs

from holdfast.clock import Clock
from holdfast.core.bracket import Bracket, BracketState, calling
from holdfast.core.errors import ConditionFailedError
from holdfast.core.protection import Step
from holdfast.jobs.bracket_events import BracketEvents
from holdfast.jobs.bracket_facts import Account
from holdfast.jobs.closing import Closing
from holdfast.jobs.ports import Ports
from holdfast.jobs.writes import Writes
from holdfast.state.brackets import Brackets


class BracketSaving:
    """Stores one account's brackets, pass after pass within one tick."""

    def __init__(self, ports: Ports, writes: Writes, closing: Closing, events: BracketEvents, clock: Clock) -> None:
        self._telemetry = ports.telemetry
        self._writes, self._closing, self._events, self._clock = writes, closing, events, clock
        self._brackets = Brackets(ports.store, writes.lease.account)
        # Brackets that are stored with an order's journal entry, as they were before, by market.
        self._unsaved: dict[str, Bracket] = {}

    def store(self, before: Mapping[str, Bracket], steps: Mapping[str, Step], account: Account) -> dict[str, Bracket]:
        """The brackets as they are now, without those that another writer has in hand.

        What is stored together with an order's journal entry is not stored here too.
        """
        stored = {}
        self._unsaved.clear()
        self._writes.claimed.clear()
        for market, one in steps.items():
            now_ms = self._clock.now_ms()
            changed = structs.replace(one.bracket, naked=one.bracket.naked.at(one.naked, now_ms))
            changed = calling(before[market], changed, now_ms)
            if changed == before[market]:
                stored[market] = before[market]
            elif one.claim is not None and not one.cancels:
                stored[market], self._unsaved[market] = changed, before[market]
            elif (saved := self._saved(before[market], changed)) is not None:
                stored[market] = saved
                self._tell(before[market], saved, account)
        return stored

    def tell_claimed(self, stored: Mapping[str, Bracket], account: Account) -> None:
        """Say what the orders' transactions stored."""
        for market in sorted(self._unsaved.keys() & self._writes.claimed):
            self._tell(self._unsaved.pop(market), stored[market], account)

    def save_unsent(self, stored: dict[str, Bracket], account: Account, waits: Mapping[str, str]) -> None:
        """Store what was to be stored with an order that did not go out: what was decided stays decided.

        `waits` says by market what a take profit waits for that does not rest although it should.
        """
        for market, before in self._unsaved.items():
            unsent = stored[market]
            saved = self._saved(before, structs.replace(unsent, fallback=waits.get(market, unsent.fallback)))
            if saved is None:
                del stored[market]
            else:
                stored[market] = saved
                self._tell(before, saved, account)

    def save(self, bracket: Bracket, after: Bracket) -> None:
        """Store what became of an order. Where that is lost, another writer went on from the claim: what it saw of the
        venue is newer."""
        saved = self._saved(bracket, calling(bracket, after, self._clock.now_ms()))
        if saved is not None:
            self._events.moved(bracket, saved)

    def _saved(self, before: Bracket, changed: Bracket) -> Bracket | None:
        """The bracket as it is stored now; None where another writer changed it, and nothing may be sent for it."""
        try:
            return self._brackets.save(changed)
        except ConditionFailedError:
            self._telemetry.event("CLAIM_LOST", market=before.market)
            return None

    def _tell(self, before: Bracket, stored: Bracket, account: Account) -> None:
        """Say what is in the store now, and to the entry's request that it is done."""
        self._events.moved(before, stored)
        if before.state is BracketState.OPENING and stored.state is not BracketState.OPENING:
            self._closing.entered(stored, account.position(stored.market))
