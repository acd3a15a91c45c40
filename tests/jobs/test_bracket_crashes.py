"""The process dies at every input and output of a bracket's life, once before its effect and once after it.

Another process goes on once the lease has run out. Wherever it happened: one entry, one trade, never more on offer than
is held, nothing of ours left resting, no write in doubt, and a ledger that is the exchange's.
"""

from collections.abc import Callable

import pytest
from msgspec import structs

from holdfast.clock import VirtualClock
from holdfast.core.bracket import ExitSource
from holdfast.core.market import Side
from holdfast.core.requests import EntryRequest, Origin
from holdfast.jobs.brackets import check_brackets
from holdfast.jobs.execute import execute
from holdfast.jobs.ports import Ports
from holdfast.jobs.throttle import Throttle
from holdfast.state.brackets import Brackets
from holdfast.state.journal import Journal
from holdfast.state.ledger import Ledger
from holdfast.state.markets import load_strategy
from holdfast.state.memory import MemoryStore
from holdfast.state.parameters import MemoryParameters
from holdfast.state.requests import Requests
from holdfast.state.switches import SwitchBoard
from holdfast.telemetry.memory import MemoryTelemetry
from local.simulation.audit import Audit
from local.simulation.profile import Happening, VenueName, profile_of
from local.simulation.setting import EVERYBODY, STAGE, START_MS, open_venue
from local.simulation.trace import Trace
from local.simulation.wanted import Onlooker
from local.simulation.watch import Bounds, Watch
from tests.jobs.mortal import Died, Lifeline, MortalParameters, MortalStore, MortalTransport

STEP_MS = 5_000
# A lease of 60 s, and what nobody answered is known a little later: the longest that a stage of a life can take.
MOST_STEPS = 40
PARTS = 8


class Life:
    """One position of one account, from its request until it is flat. Prices in cents, sizes in contracts or shares."""

    def __init__(self, venue: VenueName, lifeline: Lifeline) -> None:
        self.clock = VirtualClock(START_MS)
        profile = structs.replace(
            profile_of(0, venue), is_poor=False, freezes=False, happening=Happening.NOTHING, brackets=None
        )
        self.side = side = open_venue(profile, self.clock, 7)
        self.market = side.markets[0]
        self.account = side.account.account_id
        self.store = MemoryStore(self.clock)
        self.parameters = MemoryParameters()
        self.parameters.write(f"{EVERYBODY}/max_exit_slice", "7")
        self.parameters.write(f"{EVERYBODY}/max_trade_size", "200")
        rules = Onlooker(side, self.clock).rules([self.market])
        self.watch = Watch(side, self.clock.now_ms, Bounds(0, 0), Trace(START_MS), rules)
        self._processes = 0
        self._lifeline = lifeline
        self._ports = self._process()

    def live(self) -> None:
        """Bought in part; its take profit fills in part; stopped out in slices on a thin book."""
        self.book(bids=[(49, 500)], asks=[(51, 60), (60, 500)])
        self._ask("r1")
        self.until("decided", lambda: bool(self.held) or not (self.requests.open() or self.brackets.open()))
        if not self.held:
            # Recorded and never sent: an entry is not made late, whoever still wants it asks again.
            self._ask("r2")
        self.until("bought and protected", lambda: (self.held, self.resting) == (60, [(61, 60)]))
        self.book(bids=[(62, 20)], asks=[(64, 500)])
        self.book(bids=[(55, 500)], asks=[(57, 500)])
        self.until("sold in part at its take profit", lambda: (self.held, self.resting) == (40, [(61, 40)]))
        self.tick()
        self.book(bids=[(43, 25)], asks=[(45, 500)])
        self.until("sold as far as the book goes", lambda: self.held == 15)
        self.book(bids=[(42, 500)], asks=[(45, 500)])
        self.until("flat", lambda: not self.held and not self.brackets.open())
        self.until("nothing in doubt", lambda: not any(i.is_unknown for e in self.journal.live() for i in e.items))

    def until(self, stage: str, is_reached: Callable[[], bool]) -> None:
        """Tick until the exchange shows it."""
        for _ in range(MOST_STEPS):
            self.tick()
            if is_reached():
                return
        pytest.fail(f"never {stage}: {self.held} held, {self.resting} rest, {self.brackets.open()}")

    def tick(self) -> None:
        """Both jobs, in a process that may die; then there is another one."""
        self.clock.sleep_ms(STEP_MS)
        try:
            execute(self.side.account, self._ports, self.clock)
            check_brackets(self.side.account, self._ports, self.clock)
        except Died:
            self._lifeline = Lifeline()
            self._ports = self._process()

    def book(self, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> None:
        """What everybody else offers from now on."""
        cent, unit = self.side.scale.price("0.01"), self.side.scale.size("1")
        levels = [[(price * cent, size * unit) for price, size in side] for side in (bids, asks)]
        self.side.feed(self.market, *levels)

    @property
    def held(self) -> float:
        return self.watch.protections.held()[self.market] / self.side.scale.size("1")

    @property
    def resting(self) -> list[tuple[int, float]]:
        cent, unit = self.side.scale.price("0.01"), self.side.scale.size("1")
        return [(order.price // cent, order.remaining / unit) for order in self.side.open_orders()]

    @property
    def brackets(self) -> Brackets:
        return Brackets(self.store, self.account)

    @property
    def requests(self) -> Requests:
        return Requests(self.store, self.account)

    @property
    def journal(self) -> Journal:
        return Journal(self.store, self.account)

    def assert_is_over(self) -> None:
        """Nothing is left, and everything is accounted for to the unit."""
        self.side.advance()
        audit = Audit(self.store, self.side, self.watch)
        audit.check_books()
        audit.check_journal()
        audit.check_exits()
        audit.check_identities()
        audit.check_protection()
        assert self.watch.violations == []
        assert (self.held, self.resting) == (0, [])
        (trade,) = self.brackets.trades()
        assert trade.source is ExitSource.ARMED_STOP
        assert trade.size == self.side.scale.size("60"), "one entry, bought once"
        assert Ledger(self.store, self.account).position(self.market).position.size == 0

    def _ask(self, request_id: str) -> None:
        now_ms = self.clock.now_ms()
        request = EntryRequest(
            request_id=request_id,
            account=self.account,
            market=self.market,
            side=Side.BUY,
            origin=Origin.SIGNAL,
            requested_at_ms=now_ms,
            expires_at_ms=now_ms + 3_600_000,
            size="100",
        )
        assert self.requests.put(request, now_ms)

    def _process(self) -> Ports:
        self._processes += 1
        name, lifeline = f"w{self._processes}", self._lifeline
        store = MortalStore(self.store, lifeline, self.watch, name)
        telemetry = MemoryTelemetry()
        throttle = Throttle(store, self.account, self.clock, telemetry, lambda: 0)
        transport = MortalTransport(self.side.handle, lifeline, self.watch, name)
        parameters = MortalParameters(self.parameters, lifeline)
        return Ports(
            venue=self.side.connect(transport, self.clock, throttle),
            store=store,
            switches=SwitchBoard(parameters, STAGE, self.account, self.clock, store),
            telemetry=telemetry,
            throttle=throttle,
            writer=name,
            load_strategy=load_strategy,
        )


def lived(venue: VenueName, at: int | None = None, *, after: bool = False) -> Lifeline:
    """A whole life; returns the lifeline of its first process."""
    lifeline = Lifeline(at, after=after)
    life = Life(venue, lifeline)
    life.live()
    life.assert_is_over()
    return lifeline


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("venue", list(VenueName))
def test_a_process_that_dies_anywhere_costs_nothing(venue: VenueName, part: int) -> None:
    whole = lived(venue)
    assert sum(whole.writes) > 50
    # A take profit of shares that are not sellable yet is refused, and placed within the same tick.
    assert venue is VenueName.KALSHI or "GET /balance-allowance/update" in whole.names
    for at in range(part, len(whole.names), PARTS):
        lived(venue, at)
        if whole.writes[at]:
            lived(venue, at, after=True)
