"""The generated tape: the same for the same seed, and shaped like a market that the engine's rules may trust."""

from collections import Counter

import pytest

from holdfast.core.book import OrderBook
from holdfast.core.market import MarketRules, MarketStatus, Side
from holdfast.core.scale import Scale
from local.tapes.registry import load_tape
from local.tapes.tape import BookSnapshot, LevelChanges, Tape, TradePrint

SCALE = Scale(price_decimals=4, size_decimals=2)


@pytest.fixture(scope="module", params=[1, 2026])
def tape(request) -> Tape:
    return load_tape(None, request.param, SCALE)


def test_the_seed_decides_everything():
    assert load_tape(None, 1, SCALE) == load_tape(None, 1, SCALE)
    assert load_tape(None, 1, SCALE).events != load_tape(None, 2, SCALE).events


def test_markets_are_as_the_demo_needs_them(tape):
    assert len({market.ticker for market in tape.markets}) == 16
    assert {market.shard for market in tape.markets} == {0, 1, 2, 3}
    assert {market.result for market in tape.markets} == {"yes", "no"}
    assert {len(market.bands) for market in tape.markets} == {1, 3}
    assert tape.duration_ms == 300_000
    assert all(market.ticker.startswith(f"{market.series}-") for market in tape.markets)


def test_events_are_in_order_and_end_before_the_close(tape):
    times = [event.at_ms for event in tape.events]
    assert times == sorted(times)
    assert times[0] == 0
    assert times[-1] < 300_000
    first = {event.ticker: event for event in reversed(tape.events)}
    assert all(isinstance(event, BookSnapshot) for event in first.values())


def test_prints_trade_the_best_level_and_books_stay_uncrossed_and_on_the_grid(tape):
    """Every print takes what stood at the touch, no more; the level that follows it is lowered by just that."""
    books = {market.ticker: OrderBook(market.ticker) for market in tape.markets}
    rules = {
        m.ticker: MarketRules(m.ticker, m.bands, min_size=1, size_step=1, status=MarketStatus.OPEN)
        for m in tape.markets
    }
    spreads: Counter[int] = Counter()
    printed = None
    for event in tape.events:
        book = books[event.ticker]
        if isinstance(event, TradePrint):
            passive = event.aggressor.opposite
            price, size = book.ladder(passive)[0]
            assert (event.price, 0 < event.size <= size) == (price, True)
            printed = (event.ticker, passive, price, size - event.size)
            continue
        if printed is not None:
            ticker, passive, price, left = printed
            assert isinstance(event, LevelChanges)
            assert event.ticker == ticker
            assert (event.bids if passive is Side.BUY else event.asks) == ((price, left),)
            printed = None
        for side, levels in ((Side.BUY, event.bids), (Side.SELL, event.asks)):
            for price, size in levels:
                assert size >= 0
                assert rules[event.ticker].snap(price, side).price == price
                book.set_level(side, price, size, event.at_ms)
        bid, ask = book.best_bid, book.best_ask
        assert bid is not None or ask is not None
        if bid is not None and ask is not None:
            assert bid < ask
            spreads[ask - bid] += 1
    assert sum(n for spread, n in spreads.items() if spread <= 200) > 0.8 * spreads.total()
    for market in tape.markets:
        book = books[market.ticker]
        assert (book.best_bid or 0) >= 9700 if market.result == "yes" else (book.best_ask or 10_000) <= 300


def test_trades_happen_on_both_sides_of_every_market(tape):
    seen = Counter((event.ticker, event.aggressor) for event in tape.events if isinstance(event, TradePrint))
    assert all(seen[market.ticker, side] > 20 for market in tape.markets for side in Side)
