"""One account of the demo: a venue, and everything that the jobs need and leave behind there."""

from holdfast.clock import Clock
from holdfast.core.bracket import Bracket, BracketState
from holdfast.core.positions import LedgerKind, Position
from holdfast.core.trade import Trade
from holdfast.jobs.brackets import check_brackets
from holdfast.jobs.execute import execute
from holdfast.jobs.ports import Ports
from holdfast.jobs.tick import TickReport
from holdfast.state.accounts import Account
from holdfast.state.brackets import Brackets
from holdfast.state.journal import Journal
from holdfast.state.ledger import Ledger
from holdfast.state.parameters import SsmParameters
from holdfast.state.switch_set import parameter_path
from holdfast.state.switches import SwitchBoard
from holdfast.telemetry.memory import MemoryTelemetry
from local.demo.books import ExchangeBooks, without_dust
from local.demo.comparison import Comparison, compare
from local.demo.entries import EntryRule, entered_tickers
from local.demo.leftovers import leftovers
from local.demo.tally import Tally
from local.demo.venues.venue import DemoVenue


class DemoAccount:
    """An account with the ports of both jobs, its ledger, and the sums of its ticks.

    `report` is execute's last, `ticked_at_ms` when that was, UTC ms of the demo's clock. `entered` are the tape's
    markets that positions are opened in, `quoted` the instruments of the others. `brackets` are the open ones by market
    and `trades` the closed ones, oldest first, as of the last tick.
    """

    def __init__(
        self,
        venue: DemoVenue,
        record: Account,
        ports: Ports,
        bracket_ports: Ports,
        telemetry: MemoryTelemetry,
        parameters: SsmParameters,
        stage: str,
        rule: EntryRule | None,
    ) -> None:
        self.venue = venue
        self.record = record
        self.ports = ports
        self.telemetry = telemetry
        self.ledger = Ledger(ports.store, record.account_id)
        self.tally = Tally()
        self.report = TickReport(record.account_id)
        self.ticked_at_ms = 0
        self.entered = entered_tickers(venue)
        self.quoted = [each for each in venue.instruments if each.ticker not in self.entered]
        self.brackets: dict[str, Bracket] = {}
        self.trades: list[Trade] = []
        self._bracket_ports = bracket_ports
        self._rule = rule
        self._brackets = Brackets(ports.store, record.account_id)
        self._journal = Journal(ports.store, record.account_id)
        self._parameters = parameters
        self._stage = stage

    def tick(self, clock: Clock) -> None:
        """Run the execute job once; before it the demo's own rule, where that asks for the entries."""
        if self._rule is not None:
            self._rule.ask({self._ticker(market) for market in self.brackets}, clock.now_ms())
        self.report = execute(self.record, self.ports, clock)
        self.ticked_at_ms = clock.now_ms()
        self.tally.add(self.report, self.telemetry, self._journal.live(), self.venue.executed_size)
        self._look()

    def check(self, clock: Clock) -> None:
        """Run the brackets job once."""
        report = check_brackets(self.record, self._bracket_ports, clock)
        self.tally.add_check(report, self.telemetry, self._journal.live(), self.venue.executed_size)
        self._look()

    def _look(self) -> None:
        self.brackets = self._brackets.open()
        if self.tally.exits.total() != len(self.trades):
            self.trades = self._brackets.trades()

    def _ticker(self, market: str) -> str:
        return next((each.ticker for each in self.venue.instruments if each.market == market), market)

    def halt(self, clock: Clock) -> None:
        """Throw the owner's halt switch: quotes and entries end, positions keep their brackets.

        The demo does not wait the minute for which switches are cached.
        """
        self._rule = None
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

    def books(self) -> ExchangeBooks:
        """The exchange's books of the account, as they are now, without what our ledger wrote off as dust."""
        return without_dust(self.venue.books(), self.tally.dust, self.positions(), self.venue.worth)

    def comparison(self) -> Comparison:
        """Our ledger against the exchange's books, as they are now."""
        markets = [instrument.market for instrument in self.venue.instruments]
        return compare(self.ledger.lines(), self.positions(), self.books(), markets)

    def is_closed(self) -> bool:
        """Whether nothing is left to do.

        No order rests but the legs of protected positions, no outcome is unknown, no exit is under way, what has
        settled is closed, and both sides' books agree.
        """
        books = self.books()
        if self.report.ended or self.report.unresolved or leftovers(books, self.brackets):
            return False
        if any(each.state is not BracketState.PROTECTED or self._is_settled(each) for each in self.brackets.values()):
            return False
        # The sums are cheap, and differ while something is still to be booked; reading every ledger line is not.
        positions = self.positions()
        held = {market: position.size for market, position in positions.items() if position.size}
        at_exchange = {market: of.size for market, of in books.markets.items() if of.size}
        cash = sum(position.cash for position in positions.values())
        return held == at_exchange and cash == books.profit and self.comparison().is_equal

    def _is_settled(self, bracket: Bracket) -> bool:
        return bool(self.venue.result(bracket.market))
