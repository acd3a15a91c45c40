"""Bugs that cost money, planted on purpose: what the simulation must be able to find."""

from collections.abc import Callable

import pytest
from msgspec import structs

from holdfast.core import exiting, positions, resolution, take_profit
from holdfast.core.blocked import Split
from holdfast.core.journal import EntryState, JournalEntry
from holdfast.core.outcomes import Refusal, Refused, Unknown
from holdfast.core.protection import Facts, Step
from holdfast.jobs import bracket_facts, executor, observing, planning
from holdfast.jobs.closing import Closing
from holdfast.jobs.protecting import Protecting
from holdfast.jobs.protective_lanes import ProtectiveExecutor
from holdfast.state.brackets import Brackets
from holdfast.state.journal import Journal
from holdfast.state.ledger import Ledger
from holdfast.state.port import Put, Table

Plant = Callable[[pytest.MonkeyPatch], None]


def ignores_the_journal(patch: pytest.MonkeyPatch) -> None:
    """The venue's list alone says what rests."""
    real = observing.reconcile

    def blind(listed, entries, **known):
        return structs.replace(real(listed, (), **known), retired=real(listed, entries, **known).retired)

    patch.setattr(observing, "reconcile", blind)


def forgets_at_once(patch: pytest.MonkeyPatch) -> None:
    """Whatever a list shows counts as up to date when it was asked for."""
    patch.setattr(observing, "horizon_of", lambda as_of_ms, requested_at_ms, capabilities: requested_at_ms)


def opens_without_the_lease(patch: pytest.MonkeyPatch) -> None:
    """A write is journaled and sent by whoever once held the lease."""

    def careless(self, entry, lease, claims=()):
        claimed = [write for claim in claims for write in claim.writes]
        self._store.transact([Put(Table.CONTROL, self._item(entry)), *claimed])

    patch.setattr(Journal, "open", careless)


def books_without_absent(patch: pytest.MonkeyPatch) -> None:
    """Ledger lines and positions are written whatever stands there."""

    def careless(self, stored, position, lines):
        version = stored.version + 1
        item = {"pk": self._account, "sk": position.market, "version": version, **structs.asdict(position)}
        writes = [Put(Table.LEDGER, self._line_item(line)) for line in lines]
        self._store.transact([*writes, Put(Table.POSITIONS, item)])
        return type(stored)(position, version)

    patch.setattr(Ledger, "book", careless)


def resolves_early(patch: pytest.MonkeyPatch) -> None:
    """What a read does not show is settled at once."""
    patch.setattr(observing, "is_resolvable", lambda entry, horizon_ms, now_ms: entry.state is EntryState.SENT)
    patch.setattr(resolution, "ABSENT_AFTER_MS", 0)
    patch.setattr(resolution, "CLEAN_READS", 1)


def takes_unknown_for_refused(patch: pytest.MonkeyPatch) -> None:
    """A time-out counts as a failure."""
    real = JournalEntry.acknowledged

    def hasty(self, outcomes, now_ms):
        settled = tuple(Refused(Refusal.OTHER) if isinstance(one, Unknown) else one for one in outcomes)
        return real(self, settled, now_ms)

    patch.setattr(JournalEntry, "acknowledged", hasty)


def places_after_failed_cancels(patch: pytest.MonkeyPatch) -> None:
    """A place does not wait for the end of what it replaces."""
    patch.setattr(executor, "blocked_places", lambda places, *_: Split(tuple(places), ()))


def ignores_frozen_sides(patch: pytest.MonkeyPatch) -> None:
    """Places go on where an outcome is unknown."""
    real = planning.plan
    patch.setattr(planning, "plan", lambda *given, **named: real(*given, **{**named, "frozen": frozenset()}))


def exits_before_the_cancel_is_over(patch: pytest.MonkeyPatch) -> None:
    """The exit goes out beside a take profit that may still fill."""
    real = ProtectiveExecutor._cancel

    def hasty(self, *given, **named):
        real(self, *given, **named)
        return []

    patch.setattr(ProtectiveExecutor, "_cancel", hasty)
    patch.setattr(Facts, "unfinished", False)


def sells_without_a_claim(patch: pytest.MonkeyPatch) -> None:
    """Whoever decides an exit sends it, whatever another writer has made of the bracket since."""
    real = Brackets.claim
    patch.setattr(Brackets, "claim", lambda self, bracket: structs.replace(real(self, bracket), condition=None))


def protects_what_was_asked_for(patch: pytest.MonkeyPatch) -> None:
    """The take profit is as large as the entry that was wanted, not as what it got."""
    real = take_profit.take_profit_legs

    def hopeful(bracket, scene):
        facts = structs.replace(scene.facts, held=max(scene.facts.held, bracket.entry.asked))
        return real(bracket, structs.replace(scene, facts=facts))

    patch.setattr(take_profit, "take_profit_legs", hopeful)


def judges_by_an_older_look(patch: pytest.MonkeyPatch) -> None:
    """A bracket is judged by what was read of the account before it was opened."""
    real = Protecting.run
    patch.setattr(Protecting, "run", lambda self, known, view: real(self, self._brackets.open(), view))


def closes_what_is_flat_here(patch: pytest.MonkeyPatch) -> None:
    """A bracket is over when our own books are flat, whatever still rests or is unknown."""
    patch.setattr(exiting, "finish", lambda bracket, scene: Step(bracket, close=True))
    patch.setattr(Closing, "_venue_positions", lambda self: {})


def uses_an_attempt_twice(patch: pytest.MonkeyPatch) -> None:
    """Every exit of a bracket has one identity."""
    real = exiting._target

    def same(bracket, exit, scene):
        return structs.replace(real(bracket, exit, scene), leg=f"{bracket.bracket_id}/exit")

    patch.setattr(exiting, "_target", same)


def forgets_an_unknown_exit(patch: pytest.MonkeyPatch) -> None:
    """An exit that nobody answered counts as none."""
    real = bracket_facts.Account.facts

    def hopeful(self, *given):
        return structs.replace(real(self, *given), unknown_exit=False)

    patch.setattr(bracket_facts.Account, "facts", hopeful)


def counts_what_is_booked_again(patch: pytest.MonkeyPatch) -> None:
    """What an answer said was filled and no read of fills shows is added, also where another reader has booked it."""
    patch.setattr(positions, "_remembering", lambda position, fill: position)


BRACKET_MUTANTS: tuple[Plant, ...] = (
    exits_before_the_cancel_is_over,
    sells_without_a_claim,
    protects_what_was_asked_for,
    judges_by_an_older_look,
    closes_what_is_flat_here,
    uses_an_attempt_twice,
    forgets_an_unknown_exit,
    counts_what_is_booked_again,
)
MUTANTS: tuple[Plant, ...] = (
    ignores_the_journal,
    forgets_at_once,
    opens_without_the_lease,
    books_without_absent,
    resolves_early,
    takes_unknown_for_refused,
    places_after_failed_cancels,
    ignores_frozen_sides,
)


def indexes_only_what_was_accepted(patch: pytest.MonkeyPatch) -> None:
    """A place that was refused as a duplicate is nobody's once the journal forgets it."""
    real = Journal._index

    def careless(self, entry, now_ms):
        accepted = {item.order_id for item in entry.items if item.took_effect}
        return [item for item in real(self, entry, now_ms) if item["sk"] in accepted]

    patch.setattr(Journal, "_index", careless)


# Few seeds run there: these are the bugs that they find soon, and the one that only a venue without our ids shows.
FOUND_ON_POLYMARKET: tuple[Plant, ...] = (
    ignores_the_journal,
    takes_unknown_for_refused,
    places_after_failed_cancels,
    ignores_frozen_sides,
    indexes_only_what_was_accepted,
    protects_what_was_asked_for,
    judges_by_an_older_look,
    closes_what_is_flat_here,
    forgets_an_unknown_exit,
)
