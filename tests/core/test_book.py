"""Order book: best prices and depth after any history, and the state that decisions rest on."""

from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.book import BookState, OrderBook, without_ours
from holdfast.core.market import Side
from holdfast.core.orders import OpenOrder, Purpose

BUY, SELL = Side.BUY, Side.SELL
levels = st.lists(st.tuples(st.integers(1, 30), st.integers(-2, 9)), max_size=12)
changes = st.lists(
    st.tuples(st.booleans(), st.sampled_from([BUY, SELL]), st.integers(1, 30), st.integers(-12, 12)), max_size=60
)


@given(levels, levels, changes)
def test_best_prices_are_those_of_the_levels_after_any_history(bids, asks, history):
    book = OrderBook("M", bids, asks, 1)
    model = {BUY: {p: s for p, s in bids if s > 0}, SELL: {p: s for p, s in asks if s > 0}}
    for at, (absolute, side, price, size) in enumerate(history, start=2):
        if absolute:
            book.set_level(side, price, size, at)
            model[side][price] = size
        else:
            book.apply_delta(side, price, size, at)
            model[side][price] = model[side].get(price, 0) + size
        if model[side][price] <= 0:
            del model[side][price]
        assert (book.bids, book.asks) == (model[BUY], model[SELL])
        assert book.best_bid == max(model[BUY], default=None)
        assert book.best_ask == min(model[SELL], default=None)
        assert book.at_ms == at


@given(levels, st.integers(0, 31))
def test_depth_counts_what_is_at_least_as_good(bids, worst):
    book = OrderBook("M", bids, bids)
    held = dict(book.bids)
    assert book.depth(BUY, worst) == sum(size for price, size in held.items() if price >= worst)
    assert book.depth(SELL, worst) == sum(size for price, size in held.items() if price <= worst)
    assert book.ladder(BUY) == sorted(held.items(), reverse=True)
    assert book.ladder(SELL) == sorted(held.items())


def test_the_book_without_our_orders_is_a_copy_without_their_sizes():
    book = OrderBook("M", [(40, 10), (39, 5)], [(45, 7), (46, 2)], 1_000)
    ours = [
        OpenOrder("1", "c1", "M", BUY, 40, 10),
        OpenOrder("2", "c2", "M", SELL, 45, 3),
        OpenOrder("3", "c3", "M", SELL, 44, 4),  # not in the book yet
    ]
    net = book.without(ours)
    assert (net.bids, net.asks) == ({39: 5}, {45: 4, 46: 2})
    assert (net.best_bid, net.best_ask, net.at_ms, net.market) == (39, 45, 1_000, "M")
    assert (book.bids, book.best_bid) == ({40: 10, 39: 5}, 40)


def test_a_market_that_is_only_us_is_empty_without_us():
    book = OrderBook("M", [(40, 10)], [(45, 7)], 1_000)
    ours = [OpenOrder("1", "c1", "M", BUY, 40, 10), OpenOrder("2", "c2", "M", SELL, 45, 7)]
    assert book.state(1_000, 500) is BookState.OK
    assert book.without(ours[:1]).state(1_000, 500) is BookState.ONE_SIDED
    assert book.without(ours).state(1_000, 500) is BookState.EMPTY


def test_states():
    crossed = OrderBook("M", [(45, 1)], [(45, 1)], 1_000)
    assert crossed.state(1_000, 500) is BookState.CROSSED
    assert OrderBook("M", [(44, 1)], [(45, 1)], 1_000).state(1_500, 500) is BookState.OK
    assert crossed.state(1_501, 500) is BookState.STALE
    assert OrderBook("M", [], [(45, 1)], 1_000).state(1_000, 500) is BookState.ONE_SIDED


def test_an_old_delta_does_not_make_a_book_older():
    book = OrderBook("M", [(44, 1)], [(45, 1)], 1_000)
    book.apply_delta(BUY, 44, 1, 900)
    assert book.at_ms == 1_000


def test_an_order_of_ours_in_the_mirrored_market_is_ours_here_too():
    book = OrderBook("yes", [(39, 10), (38, 5)], [(45, 7)], 1_000, mirror="no", one=100)
    ours = [
        OpenOrder("1", "c1", "no", SELL, 61, 10, purpose=Purpose.TAKE_PROFIT),
        OpenOrder("2", "", "no", SELL, 62, 5),
    ]
    net = without_ours({"yes": book}, ours)["yes"]
    assert net.ladder(BUY) == [(38, 5)], "the foreign one stays in"
    assert net.ladder(SELL) == [(45, 7)]
    assert without_ours({"no": OrderBook("no", [], [(61, 10)], 1_000)}, ours)["no"].best_ask is None
