"""The scanner within execute's tick, on both venues' local servers: what is listed becomes a protected position."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from holdfast.core.blacklist import BlacklistPolicy
from holdfast.core.bracket import Bracket, BracketState, moved, resumed
from holdfast.core.market import Side
from holdfast.core.positions import Position
from holdfast.core.requests import EntryRequest, ExitRequest, Origin, RequestState
from holdfast.jobs.brackets import check_brackets
from holdfast.state.blacklist import Blacklist
from holdfast.state.brackets import Brackets
from holdfast.state.markets import DEFAULT_STRATEGY, MarketConfig
from holdfast.state.requests import Requests
from local.venues.faults import Fault, FaultKind
from local.venues.kalshi.markets import MarketSpec as KalshiSpec
from local.venues.polymarket import SCALE
from local.venues.polymarket import MarketSpec as PolymarketSpec
from tests.jobs.account_world import PARAMETERS
from tests.jobs.polymarket_world import CENT, polymarket_world
from tests.jobs.world import world

DAY_MS = 86_400_000


class Listing:
    """An account with the scanner on and nothing quoted; prices in cents, sizes in contracts or shares."""

    pages = ""

    def __init__(self, made: Any) -> None:
        self.made = made
        for config in made.configs.list():
            made.configs.remove(config.market)
        made.switch(scan_entries="true", scan_min_volume="40", scan_min_depth="5", max_trade_size="50")
        self.account = made.account.account_id

    def add(self, name: str, bid: int, ask: int, *, size: int = 500, traded: int = 100, days: int = 1) -> set[str]:
        """List a market that closes in so many days; returns the ids of its outcomes."""
        raise NotImplementedError

    @property
    def scans(self) -> list[dict[str, object]]:
        return self.made.events("SCANNED")

    @property
    def open(self) -> dict[str, Bracket]:
        return Brackets(self.made.store, self.account).open()

    @property
    def requests(self) -> Requests:
        return Requests(self.made.store, self.account)


class KalshiListing(Listing):
    pages = "GET /markets"

    def add(self, name: str, bid: int, ask: int, *, size: int = 500, traded: int = 100, days: int = 1) -> set[str]:
        self.made.exchange.add_market(KalshiSpec(name, close_at_ms=self.made.clock.now_ms() + days * DAY_MS))
        self.made.book(name, bid, ask, size)
        self.made.exchange.apply_trade(name, ask * 100, traded * 100, Side.BUY)
        self.made.book(name, bid, ask, size)
        return {name}


class PolymarketListing(Listing):
    pages = "GET /gamma/*"

    def add(self, name: str, bid: int, ask: int, *, size: int = 500, traded: int = 100, days: int = 1) -> set[str]:
        spec = PolymarketSpec(name, close_at_ms=self.made.clock.now_ms() + days * DAY_MS)
        tokens = self.made.exchange.add_market(spec).tokens
        self.made.book(name, bid, ask, size)
        self.made.exchange.apply_trade(name, ask * CENT, SCALE.size(traded), Side.BUY)
        self.made.book(name, bid, ask, size)
        return set(tokens)


@contextmanager
def _kalshi() -> Iterator[Listing]:
    with world(markets=1) as made:
        yield KalshiListing(made)


@contextmanager
def _polymarket() -> Iterator[Listing]:
    with polymarket_world(count=1) as made:
        yield PolymarketListing(made)


WORLDS: dict[str, Callable[[], AbstractContextManager[Listing]]] = {"kalshi": _kalshi, "polymarket": _polymarket}


@pytest.fixture(params=WORLDS)
def listing(request: pytest.FixtureRequest) -> Iterator[Listing]:
    with WORLDS[request.param]() as made:
        yield made


def test_the_best_listed_market_is_bought_and_protected_in_the_same_tick(listing: Listing) -> None:
    listing.add("wide", 40, 43)
    best = listing.add("tight", 40, 41)
    listing.add("thin", 40, 41, size=3)
    listing.add("dear", 94, 95)
    listing.add("far", 40, 41, days=30)
    listing.add("idle", 40, 41, traded=1)
    report = listing.made.tick()
    (bracket,) = listing.open.values()
    assert bracket.market in best
    assert bracket.entry.origin == Origin.SCANNER
    listing.made.clock.sleep_ms(30_000)
    check_brackets(listing.made.account, listing.made.ports, listing.made.clock)
    assert len(listing.made.books.open_orders) == 1, "its take profit rests"
    (stored,) = listing.requests.known()
    assert stored.request.origin is Origin.SCANNER
    assert stored.state is not RequestState.OPEN
    assert report.execution.placed == 1
    listing.made.assert_ledger_is_the_exchanges()


def test_it_is_off_unless_it_is_switched_on(listing: Listing) -> None:
    listing.add("tight", 40, 41)
    listing.made.switch(scan_entries="false")
    listing.made.tick()
    assert listing.scans == []
    assert listing.requests.known() == []


@pytest.mark.parametrize(
    "switches",
    [
        {"scan_min_price": "0.70"},
        {"scan_max_price": "0.30"},
        {"scan_max_spread": "0.005"},
        {"scan_min_volume": "100000"},
        {"scan_min_depth": "100000"},
        {"scan_min_minutes_to_close": "2000"},
        {"scan_max_hours_to_close": "12"},
    ],
)
def test_each_bound_of_its_search_is_a_switch(listing: Listing, switches: dict[str, str]) -> None:
    listing.add("tight", 40, 41)
    listing.made.switch(**switches)
    listing.made.tick()
    assert len(listing.scans) == 1
    assert listing.requests.known() == []


def test_the_list_is_asked_for_at_most_once_a_minute(listing: Listing) -> None:
    listing.add("dear", 94, 95)
    for _ in range(7):
        listing.made.tick(after_ms=10_000)
    assert len(listing.scans) == 2


@pytest.mark.parametrize("kind", [FaultKind.ERROR_BEFORE, FaultKind.RATE_LIMITED, FaultKind.MALFORMED])
def test_a_list_that_fails_is_said_and_what_somebody_asked_for_is_bought_all_the_same(
    listing: Listing, kind: FaultKind
) -> None:
    market = min(listing.add("tight", 40, 41))
    listing.made.exchange.faults.add(Fault(kind, listing.pages))
    now_ms = listing.made.clock.now_ms()
    request = EntryRequest(
        request_id="r1",
        account=listing.account,
        market=market,
        side=Side.BUY,
        origin=Origin.COMMAND,
        requested_at_ms=now_ms,
        expires_at_ms=now_ms + 120_000,
        size="10",
    )
    assert listing.requests.put(request, now_ms)
    report = listing.made.tick()
    assert not report.ended
    assert len(listing.made.events("SCAN_FAILED")) == 1
    assert listing.open.keys() == {market}


def held(listing: Listing, market: str) -> None:
    """A position of ours whose bracket is gone."""
    stored = listing.made.ledger.position(market)
    listing.made.ledger.book(stored, Position(market, size=100, cost=100), ())


def quoted(listing: Listing, market: str) -> None:
    config = MarketConfig(market=market, strategy=DEFAULT_STRATEGY, parameters=PARAMETERS)
    listing.made.configs.save(config)


def disabled(listing: Listing, market: str) -> None:
    listing.made.configs.save(MarketConfig(market=market, mode="protect", enabled=False))


def blacklisted(listing: Listing, market: str) -> None:
    blacklist = Blacklist(listing.made.store, listing.account)
    for bracket in ("b-1", "b-2"):
        listing.made.store.write(
            blacklist.stop_loss(market, bracket, listing.made.clock.now_ms(), BlacklistPolicy(3, 2))
        )


def asked_to_exit(listing: Listing, market: str) -> None:
    now_ms = listing.made.clock.now_ms()
    request = ExitRequest(
        request_id="r1",
        account=listing.account,
        market=market,
        origin=Origin.SIGNAL,
        requested_at_ms=now_ms,
        expires_at_ms=now_ms + 120_000,
    )
    listing.requests.put(request, now_ms)


@pytest.mark.parametrize("excluded", [held, quoted, disabled, blacklisted, asked_to_exit])
def test_neither_such_a_market_nor_its_other_outcome_is_chosen(
    listing: Listing, excluded: Callable[[Listing, str], None]
) -> None:
    """Both outcomes of a market together win nothing and cost two spreads."""
    markets = listing.add("tight", 40, 41)
    excluded(listing, min(markets))
    listing.made.tick()
    (scan,) = listing.scans
    assert (scan["listed"], scan["chosen"]) == (len(markets), [])


def test_an_account_without_room_for_another_entry_does_not_scan(listing: Listing) -> None:
    listing.add("tight", 40, 41)
    listing.made.switch(capital_total="90")
    listing.made.tick()
    assert len(listing.open) == 1
    listing.add("next", 40, 41)
    listing.made.tick()
    assert len(listing.scans) == 1
    assert len(listing.open) == 1
    assert listing.made.events("ENTRY_REFUSED") == []


def test_a_halted_account_does_not_scan(listing: Listing) -> None:
    listing.add("tight", 40, 41)
    listing.made.switch(halt="true")
    listing.made.tick()
    assert listing.scans == []


def test_an_account_with_a_bracket_that_needs_a_person_does_not_scan(listing: Listing) -> None:
    """Else its request would wait, and buy at the moment when he resumes the account."""
    listing.add("tight", 40, 41)
    listing.made.tick()
    (bracket,) = listing.open.values()
    brackets = Brackets(listing.made.store, listing.made.account.account_id)
    called = brackets.save(moved(bracket, BracketState.ATTENTION, "look", "d", disputed="look"))
    listing.add("next", 40, 41)
    listing.made.tick(after_ms=61_000)
    assert len(listing.scans) == 1
    after = brackets.get(called.market)
    assert after is not None
    brackets.save(resumed(after, "d"))
    listing.made.tick(after_ms=61_000)
    assert len(listing.scans) == 2


def test_several_entries_of_one_tick_are_different_markets(listing: Listing) -> None:
    first, second = listing.add("one", 40, 41), listing.add("two", 40, 41)
    listing.made.switch(scan_most_entries="3")
    listing.made.tick()
    assert len(listing.open) == 2
    assert all(len(listing.open.keys() & markets) == 1 for markets in (first, second))
