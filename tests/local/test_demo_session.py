"""The demo's own judgement: what it must notice, and what it leaves behind when stopped."""

from collections.abc import Iterator
from decimal import Decimal
from io import StringIO

import pytest
from msgspec import structs
from rich.console import Console

from holdfast.clock import VirtualClock
from holdfast.core.bracket import Bracket, BracketState, Entry, ExitMode, ExitSource, Levels
from holdfast.core.errors import InvalidInputError
from holdfast.core.journal import EntryState, JournalEntry, Operation, WriteItem
from holdfast.core.market import PriceBand, Side
from holdfast.core.orders import Purpose
from holdfast.core.outcomes import Canceled, Refusal, Refused
from holdfast.core.positions import Position
from holdfast.jobs.tick import TickReport
from holdfast.telemetry.memory import MemoryTelemetry
from local.demo.books import ExchangeBooks, MarketBooks, RestingOrder, without_dust
from local.demo.clock import TapeClock
from local.demo.comparison import compare
from local.demo.feed import TapeFeed
from local.demo.frame import Frame, frame_of
from local.demo.interruption import Interruption
from local.demo.judgement import failures_of
from local.demo.leftovers import leftovers
from local.demo.options import DemoOptions, open_tape
from local.demo.screen import LiveScreen, rows_shown
from local.demo.session import Session
from local.demo.tally import Tally
from local.demo.venues import open_venues
from local.demo.venues.polymarket import PolymarketDemo, tape_grid
from local.demo.venues.venue import DemoVenue, SignedFill
from local.demo.world import START_MS, World
from local.tapes.tape import BookSnapshot


class CountingScreen:
    """Counts frames; interrupts at one of them."""

    def __init__(self, interruption: Interruption, at: int = 0) -> None:
        self.frames: list[Frame] = []
        self._interruption = interruption
        self._at = at

    def show(self, frame: Frame) -> None:
        self.frames.append(frame)
        if len(self.frames) == self._at:
            self._interruption.note(2)

    def note(self, words: str) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def played() -> Iterator[Session]:
    """A demo of two markets at each venue, one of them entered, played to its end."""
    options = DemoOptions(minutes=2, markets=4, seed=1)
    with World(options, open_tape(options)) as world:
        interruption = Interruption()
        session = Session(world, CountingScreen(interruption), interruption, VirtualClock(0), speed=0)
        session.run()
        yield session


def test_stopped_session_leaves_protective_orders_alone_and_equal_books_with_positions_open() -> None:
    options = DemoOptions(minutes=5, markets=10, seed=3)
    with World(options, open_tape(options)) as world:
        interruption = Interruption()
        screen = CountingScreen(interruption, at=9)
        session = Session(world, screen, interruption, VirtualClock(0), speed=0)
        session.run()
        found = [(a.venue.books(), a.brackets, failures_of(a)) for a in world.accounts]
    assert all(account.resting > 0 for account in screen.frames[7].accounts)
    assert len(screen.frames) <= 17, "the next check of the brackets ends it"
    for books, brackets, failures in found:
        assert failures == []
        assert brackets, "a position is open under a bracket"
        assert {order.market for order in books.open_orders} <= brackets.keys()
        assert any(market.size for market in books.markets.values())
    assert any(books.open_orders for books, _, _ in found), "a take profit goes on resting"


@pytest.mark.parametrize("venue", [0, 1])
def test_a_missing_ledger_line_is_noticed(played: Session, venue: int) -> None:
    account = played.world.accounts[venue]
    lines, positions, books = account.ledger.lines(), account.positions(), account.books()
    assert compare(lines, positions, books, []).is_equal
    short = compare(lines[1:], positions, books, [])
    assert not short.is_equal
    assert any(pair.differences for pair in short.pairs)


@pytest.mark.parametrize("venue", [0, 1])
def test_one_unit_of_fee_is_noticed(played: Session, venue: int) -> None:
    account = played.world.accounts[venue]
    lines = account.ledger.lines()
    lines[0] = structs.replace(lines[0], fee=lines[0].fee + 1)
    assert not compare(lines, account.positions(), account.books(), []).is_equal


@pytest.mark.parametrize("venue", [0, 1])
def test_a_position_was_opened_and_closed_by_one_named_source(played: Session, venue: int) -> None:
    account = played.world.accounts[venue]
    assert account.trades
    assert account.tally.exits == {trade.bracket_id: 1 for trade in account.trades}
    assert account.tally.check_calls > 0
    assert failures_of(account) == []


@pytest.mark.parametrize("venue", [0, 1])
def test_an_exit_without_its_event_or_said_twice_is_noticed(played: Session, venue: int) -> None:
    account = played.world.accounts[venue]
    said, (trade, *_) = account.tally.exits.copy(), account.trades
    try:
        for count in (0, 2):
            account.tally.exits[trade.bracket_id] = count
            (failure,) = failures_of(account)
            assert f"{count} EXIT_SOURCE events, 1 trades" in failure
    finally:
        account.tally.exits = said


@pytest.mark.parametrize("venue", [0, 1])
def test_a_trade_that_is_not_recorded_is_noticed(played: Session, venue: int) -> None:
    account = played.world.accounts[venue]
    trades = account.trades
    try:
        account.trades = trades[1:]
        words = " ".join(failures_of(account))
        assert "positions were closed at the exchange" in words
        assert "its trades come to" in words
    finally:
        account.trades = trades


class Sold:
    """A venue whose exchange filled our exit for more than was held."""

    def __init__(self, venue: DemoVenue, market: str) -> None:
        self._venue, self._market = venue, market

    def __getattr__(self, name: str) -> object:
        return getattr(self._venue, name)

    def fills(self, market: str) -> list[SignedFill]:
        fills = list(self._venue.fills(market))
        if market == self._market:
            fills[-1] = structs.replace(fills[-1], change=2 * fills[-1].change)
        return fills


def test_more_sold_than_held_is_noticed(played: Session) -> None:
    account = played.world.accounts[0]
    trade = next(trade for trade in account.trades if trade.source is not ExitSource.MARKET_RESOLVED)
    venue = account.venue
    try:
        account.venue = Sold(venue, trade.market)  # type: ignore[assignment]
        assert any("moved the position from" in words for words in failures_of(account))
    finally:
        account.venue = venue


def bracket_of(side: Side, mode: ExitMode = ExitMode.LIMIT_ORDERS) -> Bracket:
    return Bracket(
        bracket_id="b",
        market="M",
        side=side,
        mode=mode,
        entry=Entry(price=5_000, limit=5_000, asked=100, requested_at_ms=0),
        levels=Levels(take_profit=6_000, stop=4_000, soft_stop=4_000, hard_stop=3_500),
        state=BracketState.PROTECTED,
    )


@pytest.mark.parametrize(
    ("held", "bracket", "orders", "left"),
    [
        (100, bracket_of(Side.BUY), [(Side.SELL, 100)], 0),
        (-100, bracket_of(Side.SELL), [(Side.BUY, 60), (Side.BUY, 40)], 0),
        (100, bracket_of(Side.BUY), [(Side.SELL, 100), (Side.SELL, 1)], 1),
        (100, bracket_of(Side.BUY), [(Side.BUY, 10)], 1),
        (100, bracket_of(Side.BUY, ExitMode.MONITOR), [(Side.SELL, 100)], 1),
        (0, bracket_of(Side.BUY), [(Side.SELL, 100)], 1),
        (0, None, [(Side.SELL, 100)], 1),
    ],
    ids=["covered", "second-outcome", "too-much", "wrong-side", "nothing-may-rest", "nothing-held", "no-bracket"],
)
def test_orders_that_protect_nothing_are_left_over(
    held: int, bracket: Bracket | None, orders: list[tuple[Side, int]], left: int
) -> None:
    books = ExchangeBooks(
        markets={"M": MarketBooks(size=held)},
        open_orders=tuple(RestingOrder("M", side, 6_000, size) for side, size in orders),
        profit=0,
        unredeemed=0,
        failed=0,
        imbalances=(),
    )
    assert len(leftovers(books, {"M": bracket} if bracket else {})) == left


@pytest.mark.parametrize(("paid", "worth"), [(None, 0), (0, 0), (10_000, 70_000)])
def test_written_off_dust_is_left_out_of_the_exchange_s_books_to_the_unit(paid: int | None, worth: int) -> None:
    """Bought 107 at 0.50, sold 100 at 0.60, 7 written off: what they pay is theirs alone."""
    cash, cost = 100 * 6_000 - 107 * 5_000, 7 * 5_000
    pays = 7 * (paid or 0)
    whole = MarketBooks(cash=cash, realized=cash + cost, size=7, cost=cost)
    if paid is not None:
        whole = MarketBooks(cash=cash + pays, realized=cash + pays, paid_out=pays)
    books = ExchangeBooks({"M": whole}, (), cash + pays, pays, 0, ())
    position = Position("M", realized=cash, entered=107, spent=107 * 5_000)
    found = without_dust(books, {"M": 7}, {"M": position}, lambda _, size: None if paid is None else size * paid)
    assert found.markets["M"] == MarketBooks(cash=cash, realized=cash)
    assert (found.profit, found.dust, found.unredeemed) == (cash, worth, 0)


@pytest.mark.parametrize("venue", [0, 1])
def test_what_fails_at_one_venue_is_named_and_the_other_is_clean(played: Session, venue: int) -> None:
    account, other = played.world.accounts[venue], played.world.accounts[1 - venue]
    account.tally.wasted_cancels.append("o")
    try:
        (failure,) = failures_of(account)
        assert failure.startswith(account.venue.title)
        assert failures_of(other) == []
    finally:
        account.tally.wasted_cancels.clear()


def test_money_that_only_the_exchange_has_fails_the_demo(played: Session) -> None:
    account = played.world.accounts[1]
    books = account.books()
    richer = structs.replace(books, profit=books.profit + 1)
    assert compare(account.ledger.lines(), account.positions(), richer, []).problems


def test_winning_shares_that_nobody_redeemed_count_at_a_dollar() -> None:
    options = DemoOptions(venue="polymarket", minutes=1, markets=1)
    clock, tape = VirtualClock(START_MS), open_tape(options)
    (market,) = tape.markets
    venue = PolymarketDemo(options, tape, tape.markets, clock, START_MS)
    yes, no = (instrument.market for instrument in venue.instruments)
    venue.exchange.deposit_shares("demo", yes, Decimal(3))
    venue.exchange.deposit_shares("demo", no, Decimal(5))
    venue.settle(market.ticker)
    books = venue.books()
    winning = 3 if market.result == "yes" else 5
    assert books.unredeemed == books.profit == winning * 10**10


def test_tape_is_shared_in_turn_and_no_size_is_lost() -> None:
    options = DemoOptions(minutes=1, markets=5)
    tape = open_tape(options)
    venues, homes = open_venues(options, tape, VirtualClock(START_MS), START_MS)
    names = [homes[market.ticker].name for market in tape.markets]
    assert names == ["kalshi", "polymarket", "kalshi", "polymarket", "kalshi"]
    assert [len(venue.instruments) for venue in venues] == [3, 4]
    opening = next(event for event in tape.events if event.ticker == tape.markets[1].ticker)
    assert isinstance(opening, BookSnapshot)
    venue = homes[opening.ticker]
    assert isinstance(venue, PolymarketDemo)
    venue.apply(opening)
    shares = 10**6 // 10**2  # the tape has Kalshi's hundredths
    book = venue.exchange.market(opening.ticker)
    assert book.ladder(0, Side.BUY) == sorted(((p, s * shares) for p, s in opening.bids), reverse=True)
    assert book.ladder(1, Side.BUY) == sorted(((10_000 - p, s * shares) for p, s in opening.asks), reverse=True)


def test_grid_of_a_market_is_the_coarsest_tick_that_has_its_prices() -> None:
    market = open_tape(DemoOptions(minutes=1, markets=1)).markets[0]
    cent, tapered = (PriceBand(0, 10_000, 100),), (PriceBand(0, 1_000, 10), PriceBand(1_000, 10_000, 100))
    assert tape_grid(structs.replace(market, bands=cent)) == 100
    assert tape_grid(structs.replace(market, bands=tapered)) == 10
    assert tape_grid(structs.replace(market, bands=(PriceBand(0, 10_000, 20),))) == 10


def test_a_venue_without_a_market_is_left_out() -> None:
    options = DemoOptions(minutes=1, markets=1)
    venues, _ = open_venues(options, open_tape(options), VirtualClock(START_MS), START_MS)
    assert [venue.name for venue in venues] == ["kalshi"]


@pytest.mark.parametrize(
    ("counts", "room", "shown"),
    [([8, 16], 100, [8, 16]), ([8, 16], 15, [8, 7]), ([2, 16], 15, [2, 13]), ([8, 16], 0, [2, 2]), ([3], 5, [3])],
)
def test_rows_are_shared_out_where_the_window_is_low(counts: list[int], room: int, shown: list[int]) -> None:
    assert rows_shown(counts, room) == shown


def test_every_frame_fits_a_small_terminal(played: Session) -> None:
    console = Console(width=80, height=24, force_terminal=True, record=True, file=StringIO())
    screen = LiveScreen(console)
    drawn = console.render_lines(screen.drawn(frame_of(played.world)))
    screen.close()
    assert len(drawn) < 24
    text = "".join(segment.text for line in drawn for segment in line)
    assert all(account.venue.title in text for account in played.world.accounts)
    assert text.count("target") == len(played.world.accounts), "positions of both are shown"


def cancel_entry(number: int, outcome: Canceled | Refused) -> JournalEntry:
    item = WriteItem("M", Side.BUY, "c", "o", outcome=outcome)
    return JournalEntry(
        entry_id=str(number),
        account="a",
        operation=Operation.CANCEL,
        purpose=Purpose.QUOTE,
        items=(item,),
        body="",
        decision_id="",
        fence=number,
        sent_at_ms=number,
        deadline_ms=number,
        resolvable_at_ms=number,
        state=EntryState.ACKNOWLEDGED,
    )


NOT_FOUND = Refused(Refusal.NOT_FOUND)


def add(tally: Tally, telemetry: MemoryTelemetry, *entries: JournalEntry, executed: int = 0) -> None:
    tally.add(TickReport("a"), telemetry, entries, lambda _: executed)


def test_cancel_of_an_order_whose_cancel_was_acknowledged_is_counted_once() -> None:
    tally, telemetry = Tally(), MemoryTelemetry()
    first, second = cancel_entry(1, Canceled("o", 100, 1)), cancel_entry(2, NOT_FOUND)
    add(tally, telemetry, first)
    add(tally, telemetry, first, second)
    add(tally, telemetry, second)
    assert tally.wasted_cancels == ["o"]


def test_cancel_of_an_order_whose_fills_were_booked_is_counted() -> None:
    tally, telemetry = Tally(), MemoryTelemetry()
    telemetry.event("LEDGER_LINE", kind="fill", order_id="o", size=100, market="M", position=100)
    add(tally, telemetry, cancel_entry(1, NOT_FOUND), executed=100)
    assert tally.wasted_cancels == ["o"]


def test_fill_that_was_booked_after_its_cancel_failed_is_not_counted() -> None:
    """A tick of the brackets job looks again: what the cancel met is known at its end, and was not before."""
    tally, telemetry = Tally(), MemoryTelemetry()
    telemetry.event("BATCH_CANCEL_FAILED", order_id="o", reason="not_found")
    telemetry.event("LEDGER_LINE", kind="fill", order_id="o", size=100, market="M", side="sell", position=0)
    add(tally, telemetry, cancel_entry(1, NOT_FOUND), executed=100)
    assert tally.wasted_cancels == []


def test_second_cancel_while_the_first_one_was_in_doubt_is_not_counted() -> None:
    tally, telemetry = Tally(), MemoryTelemetry()
    telemetry.event("OUTCOME_RESOLVED", entry="1")
    first, second = cancel_entry(1, Canceled("o", 100, 1)), cancel_entry(2, NOT_FOUND)
    add(tally, telemetry, first, second)
    assert tally.wasted_cancels == []
    add(tally, telemetry, cancel_entry(3, NOT_FOUND))
    assert tally.wasted_cancels == ["o"]


def test_cancel_that_a_fill_beat_is_not_counted() -> None:
    tally, telemetry = Tally(), MemoryTelemetry()
    telemetry.event("LEDGER_LINE", kind="fill", order_id="o", size=60, market="M", position=60)
    add(tally, telemetry, cancel_entry(1, NOT_FOUND), executed=100)
    assert tally.wasted_cancels == []


def test_cancel_after_a_fill_that_failed_is_not_counted() -> None:
    tally, telemetry = Tally(), MemoryTelemetry()
    for kind in ("fill", "reversal"):
        telemetry.event("LEDGER_LINE", kind=kind, order_id="o", size=100, market="M", position=100)
    add(tally, telemetry, cancel_entry(1, NOT_FOUND), executed=100)
    assert tally.wasted_cancels == []


@pytest.mark.parametrize("venue", ["kalshi", "polymarket"])
def test_waiting_plays_the_tape_up_to_the_new_time(venue: str) -> None:
    options = DemoOptions(venue=venue, minutes=1, markets=1)
    tape = open_tape(options)
    clock = TapeClock(START_MS)
    (played,), homes = open_venues(options, tape, clock, START_MS)
    clock.follow(TapeFeed(tape, homes, START_MS))
    clock.set_ms(START_MS)
    market = played.instruments[0].market
    opening = played.best(market)
    clock.sleep_ms(30_000)
    assert clock.now_ms() == START_MS + 30_000
    assert None not in opening
    assert played.best(market) != opening


def test_only_the_named_markets_are_left() -> None:
    options = DemoOptions(minutes=1, markets=4)
    tickers = [market.ticker for market in open_tape(options).markets]
    left = open_tape(structs.replace(options, only=(tickers[2],)))
    assert [market.ticker for market in left.markets] == [tickers[2]]
    assert {event.ticker for event in left.events} == {tickers[2]}


def test_options_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="--minutes"):
        DemoOptions(minutes=0)
    with pytest.raises(InvalidInputError, match="--speed"):
        DemoOptions(speed=-1)
