"""One account of the demo: a venue, and everything that the job needs and leaves behind there."""

from holdfast.clock import Clock
from holdfast.core.positions import LedgerKind, Position
from holdfast.jobs.execute import execute
from holdfast.jobs.ports import Ports
from holdfast.jobs.tick import TickReport
from holdfast.state.accounts import Account
from holdfast.state.journal import Journal
from holdfast.state.ledger import Ledger
from holdfast.state.parameters import SsmParameters
from holdfast.state.switch_set import parameter_path
from holdfast.state.switches import SwitchBoard
from holdfast.telemetry.memory import MemoryTelemetry
from local.demo.comparison import Comparison, compare
from local.demo.tally import Tally
from local.demo.venues.venue import DemoVenue


class DemoAccount:
    """An account with its ports, its ledger, and the sums of its ticks.

    `report` is its last tick's, `ticked_at_ms` when that was, UTC ms of the demo's clock.
    """

    def __init__(
        self,
        venue: DemoVenue,
        record: Account,
        ports: Ports,
        telemetry: MemoryTelemetry,
        parameters: SsmParameters,
        stage: str,
    ) -> None:
        self.venue = venue
        self.record = record
        self.ports = ports
        self.telemetry = telemetry
        self.ledger = Ledger(ports.store, record.account_id)
        self.tally = Tally()
        self.report = TickReport(record.account_id)
        self.ticked_at_ms = 0
        self._journal = Journal(ports.store, record.account_id)
        self._parameters = parameters
        self._stage = stage

    def tick(self, clock: Clock) -> None:
        """Run the execute job once."""
        self.report = execute(self.record, self.ports, clock)
        self.ticked_at_ms = clock.now_ms()
        self.tally.add(self.report, self.telemetry, self._journal.live(), self.venue.executed_size)

    def halt(self, clock: Clock) -> None:
        """Throw the owner's halt switch. The demo does not wait the minute for which switches are cached."""
        account_id = self.record.account_id
        self._parameters.write(f"{parameter_path(self._stage, account_id)}/halt", "true")
        self.ports.switches = SwitchBoard(self._parameters, self._stage, account_id, clock, self.ports.store)

    def positions(self) -> dict[str, Position]:
        """What the ledger says is held, by instrument."""
        return {market: stored.position for market, stored in self.ledger.positions().items()}

    def taken_back(self) -> int:
        """How many fills the ledger reversed because their trades failed."""
        lines = self.ledger.lines()
        return len({line.key.removesuffix("#open") for line in lines if line.kind is LedgerKind.REVERSAL})

    def comparison(self) -> Comparison:
        """Our ledger against the exchange's books, as they are now."""
        markets = [instrument.market for instrument in self.venue.instruments]
        return compare(self.ledger.lines(), self.positions(), self.venue.books(), markets)

    def is_closed(self) -> bool:
        """Whether nothing is left to do: no order rests, no outcome is unknown, and both sides' books agree."""
        books = self.venue.books()
        if self.report.ended or self.report.unresolved or books.open_orders:
            return False
        # The sums are cheap, and differ while something is still to be booked; reading every ledger line is not.
        positions = self.positions()
        held = {market: position.size for market, position in positions.items() if position.size}
        at_exchange = {market: of.size for market, of in books.markets.items() if of.size}
        cash = sum(position.cash for position in positions.values())
        return held == at_exchange and cash == books.profit and self.comparison().is_equal
