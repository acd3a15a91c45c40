"""Reads of user data: pages, filters, and the lag that makes a list older than one's own write."""

import itertools

import pytest

from local.venues.kalshi.markets import MarketSpec
from tests.local.kalshi_member import START_MS

FED, BTC = "KXFED-26DEC", "KXBTC-1"


@pytest.fixture
def member(venue):
    return venue.member()


def ids(answer):
    return [order["client_order_id"] for order in answer.json()["orders"]]


def test_pages_hold_every_order_once(member):
    for number in range(7):
        member.create(FED, "bid", "0.10", "1", f"o-{number}")
    found, cursor, pages = [], "", 0
    while pages == 0 or cursor:
        answer = member.get("/portfolio/orders", limit=3, cursor=cursor)
        found += ids(answer)
        cursor, pages = answer.json()["cursor"], pages + 1
    assert found == [f"o-{number}" for number in reversed(range(7))]
    assert pages == 3


def test_a_page_that_ends_the_list_has_no_cursor(member):
    for number in range(3):
        member.create(FED, "bid", "0.10", "1", f"o-{number}")
    assert member.get("/portfolio/orders", limit=3).json()["cursor"] == ""


def test_a_new_order_between_two_pages_shifts_nothing(member):
    for number in range(4):
        member.create(FED, "bid", "0.10", "1", f"o-{number}")
    first = member.get("/portfolio/orders", limit=2)
    member.create(FED, "bid", "0.10", "1", "late")
    second = member.get("/portfolio/orders", limit=2, cursor=first.json()["cursor"])
    assert ids(first) + ids(second) == ["o-3", "o-2", "o-1", "o-0"]


@pytest.mark.parametrize("cursor", ["garbage", "!!!", "YWZ0ZXI6eA=="])
def test_a_garbage_cursor_is_silently_the_first_page(member, cursor):
    member.create(FED, "bid", "0.10", "1", "only")
    answer = member.get("/portfolio/orders", cursor=cursor)
    assert (answer.status_code, ids(answer)) == (200, ["only"])


@pytest.mark.parametrize("query", [{"limit": 1001}, {"limit": 0}, {"limit": "x"}, {"status": "open"}, {"min_ts": "x"}])
def test_a_bad_parameter_is_a_msg(member, query):
    answer = member.get("/portfolio/orders", **query)
    assert answer.status_code == 400
    assert list(answer.json()) == ["msg"]


def test_order_filters(venue, member):
    member.create(FED, "bid", "0.10", "1", "fed")
    venue.clock.sleep_ms(10_000)
    gone = member.create(BTC, "bid", "0.10", "1", "gone").json()["order_id"]
    member.cancel(gone, market_ticker=BTC)
    member.create(BTC, "bid", "0.10", "1", "btc")
    for query, expected in (
        ({"ticker": FED}, ["fed"]),
        ({"event_ticker": "KXBTC,KXNONE"}, ["btc", "gone"]),
        ({"status": "resting"}, ["btc", "fed"]),
        ({"status": "canceled"}, ["gone"]),
        ({"exchange_index": 2, "status": "resting"}, ["btc"]),
        ({"min_ts": START_MS // 1000 + 10}, ["btc", "gone"]),
        ({"max_ts": START_MS // 1000 + 9}, ["fed"]),
        ({"subaccount": 1}, []),
    ):
        assert ids(member.get("/portfolio/orders", **query)) == expected, query


def test_fill_filters(venue, member):
    for number, ticker in enumerate((FED, BTC, FED)):
        venue.book({}, {40 + number: 10}, ticker)
        member.create(ticker, "bid", "0.50", "10", f"o-{number}")
        venue.clock.sleep_ms(1_000)
    orders = {row["client_order_id"]: row["order_id"] for row in member.get("/portfolio/orders").json()["orders"]}

    def prices(**query):
        return [fill["yes_price_dollars"] for fill in member.get("/portfolio/fills", **query).json()["fills"]]

    assert prices() == ["0.4200", "0.4100", "0.4000"]
    assert prices(ticker=FED) == ["0.4200", "0.4000"]
    assert prices(ticker=f"{FED},{BTC}") == ["0.4200", "0.4100", "0.4000"]
    assert prices(order_id=orders["o-1"]) == ["0.4100"]
    assert prices(min_ts=START_MS // 1000 + 1) == ["0.4200", "0.4100"]
    assert prices(max_ts=START_MS // 1000) == ["0.4000"]
    first = member.get("/portfolio/fills", limit=2).json()
    assert prices(limit=2, cursor=first["cursor"]) == ["0.4000"]


def test_one_order_by_id(venue, member):
    fed = member.create(FED, "bid", "0.10", "1", "fed").json()["order_id"]
    btc = member.create(BTC, "bid", "0.10", "1", "btc").json()["order_id"]
    assert member.get(f"/portfolio/orders/{fed}").json()["order"]["client_order_id"] == "fed"
    assert member.get(f"/portfolio/orders/{btc}").status_code == 404
    assert member.get(f"/portfolio/orders/{btc}", market_ticker=BTC).json()["order"]["client_order_id"] == "btc"
    venue.exchange.set_order_reads_routed(False)
    assert member.get(f"/portfolio/orders/{btc}").status_code == 200
    assert member.get("/portfolio/orders/not-a-uuid").json()["error"]["code"] == "invalid_UUID"


def test_nobody_sees_another_member_s_orders(venue, member):
    order_id = member.create(FED, "bid", "0.10", "1", "mine").json()["order_id"]
    other = venue.member("bert")
    assert other.get(f"/portfolio/orders/{order_id}").status_code == 404
    assert ids(other.get("/portfolio/orders")) == []
    assert other.cancel(order_id).status_code == 404
    assert ids(member.get("/portfolio/orders", status="resting")) == ["mine"]


def test_queue_positions(venue, member):
    venue.book({40: 100}, {})
    first = member.create(FED, "bid", "0.40", "10").json()["order_id"]
    second = member.create(FED, "bid", "0.40", "5").json()["order_id"]
    rows = member.get("/portfolio/orders/queue_positions").json()["queue_positions"]
    assert {row["order_id"]: row["queue_position_fp"] for row in rows} == {first: "100.00", second: "110.00"}
    assert member.get(f"/portfolio/orders/{second}/queue_position").json() == {"queue_position_fp": "110.00"}


# The lag: DELETE answers 200 while a list still shows the order (facts kalshi section 6).


def test_a_lagging_list_still_shows_a_cancelled_order(venue, member):
    order_id = member.create(FED, "bid", "0.10", "1", "ghost").json()["order_id"]
    venue.clock.sleep_ms(5_000)
    venue.exchange.set_read_lag_ms(2_000)
    assert member.cancel(order_id).status_code == 200
    venue.clock.sleep_ms(1_999)
    assert ids(member.get("/portfolio/orders", status="resting")) == ["ghost"]
    assert member.get(f"/portfolio/orders/{order_id}").json()["order"]["status"] == "resting"
    assert member.cancel(order_id).status_code == 404
    venue.clock.sleep_ms(1)
    assert ids(member.get("/portfolio/orders", status="resting")) == []
    assert member.get(f"/portfolio/orders/{order_id}").json()["order"]["status"] == "canceled"


def test_a_lagging_list_does_not_show_a_new_order(venue, member):
    venue.exchange.set_read_lag_ms(2_000)
    order_id = member.create(FED, "bid", "0.10", "1", "new").json()["order_id"]
    assert ids(member.get("/portfolio/orders")) == []
    assert member.get(f"/portfolio/orders/{order_id}").status_code == 404
    assert member.create(FED, "bid", "0.10", "1", "new").status_code == 409
    venue.clock.sleep_ms(2_000)
    assert ids(member.get("/portfolio/orders", status="resting")) == ["new"]


def test_fills_positions_and_balance_lag_together(venue, member):
    venue.clock.sleep_ms(3_000)
    venue.exchange.set_read_lag_ms(2_000)
    venue.book({}, {40: 10})
    member.create(FED, "bid", "0.40", "10")
    assert member.get("/portfolio/fills").json()["fills"] == []
    assert member.get("/portfolio/positions").json()["market_positions"] == []
    assert str(member.available(exchange_index=0)) == "100.0000"
    venue.clock.sleep_ms(2_000)
    assert len(member.get("/portfolio/fills").json()["fills"]) == 1
    assert member.get("/portfolio/positions").json()["market_positions"][0]["position_fp"] == "10.00"
    assert str(member.available(exchange_index=0)) == "95.8320"


def test_a_settlement_lags_like_the_money_that_it_pays(venue, member):
    venue.book({}, {40: 10})
    member.create(FED, "bid", "0.40", "10")
    venue.clock.sleep_ms(3_000)
    venue.exchange.set_read_lag_ms(2_000)
    venue.exchange.settle(FED, "yes")
    assert member.get("/portfolio/settlements").json()["settlements"] == []
    assert str(member.available(exchange_index=0)) == "95.8320"
    venue.clock.sleep_ms(2_000)
    assert len(member.get("/portfolio/settlements").json()["settlements"]) == 1
    assert str(member.available(exchange_index=0)) == "105.8320"


def test_the_lagging_state_of_a_partly_filled_order(venue, member):
    member.create(FED, "bid", "0.40", "10")
    venue.clock.sleep_ms(1_000)
    venue.book({}, {40: 4})
    venue.clock.sleep_ms(1_000)
    venue.book({}, {40: 3})
    seen = []
    for lag_ms in (2_000, 1_000, 0):
        venue.exchange.set_read_lag_ms(lag_ms)
        (order,) = member.get("/portfolio/orders", status="resting").json()["orders"]
        seen.append((order["fill_count_fp"], order["remaining_count_fp"]))
    assert seen == [("0.00", "10.00"), ("4.00", "6.00"), ("7.00", "3.00")]


def test_the_as_of_time_states_the_lag(venue, member):
    venue.exchange.set_read_lag_ms(1_500)
    answer = member.get("/exchange/user_data_timestamp")
    assert answer.json()["as_of_time"] == "2026-11-25T09:46:38.500000Z"


def test_jitter_makes_replicas_disagree(venue, member):
    member.create(FED, "bid", "0.10", "1", "new")
    venue.clock.sleep_ms(500)
    venue.exchange.set_read_lag_ms(0, jitter_ms=1_000)
    seen = [len(ids(member.get("/portfolio/orders"))) for _ in range(40)]
    assert set(seen) == {0, 1}
    assert any(later < earlier for earlier, later in itertools.pairwise(seen))


def test_books_and_markets(venue, member):
    venue.book({40: 100, 39: 5}, {42: 7})
    answer = member.get(f"/markets/{FED}/orderbook").json()["orderbook_fp"]
    assert answer == {"yes_dollars": [["0.3900", "5.00"], ["0.4000", "100.00"]], "no_dollars": [["0.5800", "7.00"]]}
    top = member.get(f"/markets/{FED}/orderbook", depth=1).json()["orderbook_fp"]
    assert top["yes_dollars"] == [["0.4000", "100.00"]]
    several = member.get("/markets/orderbooks", tickers=[BTC, FED]).json()["orderbooks"]
    assert [book["ticker"] for book in several] == [BTC, FED]
    assert several[1]["orderbook_fp"] == answer
    market = member.get(f"/markets/{FED}").json()["market"]
    assert (market["yes_bid_dollars"], market["yes_ask_dollars"], market["no_bid_dollars"]) == (
        "0.4000",
        "0.4200",
        "0.5800",
    )


def test_market_filters(venue, member):
    venue.exchange.settle(BTC, "no")

    def tickers(**query):
        return [market["ticker"] for market in member.get("/markets", **query).json()["markets"]]

    assert tickers() == [BTC, FED]
    assert tickers(tickers=f"{FED},KXNONE") == [FED]
    assert tickers(status="open") == [FED]
    assert tickers(status="settled") == [BTC]
    assert tickers(series_ticker="KXBTC") == [BTC]
    first = member.get("/markets", limit=1).json()
    assert tickers(limit=1, cursor=first["cursor"]) == [FED]
    assert member.get("/markets", min_updated_ts=1).status_code == 400


def test_combos_are_told_apart_and_close_times_go_without_most_statuses(venue, member):
    venue.exchange.add_market(MarketSpec("KXMVESPORTS-S1", close_at_ms=venue.clock.now_ms() + 60_000))
    second = venue.clock.now_ms() // 1000

    def tickers(**query):
        return {market["ticker"] for market in member.get("/markets", **query).json()["markets"]}

    assert tickers(mve_filter="only") == {"KXMVESPORTS-S1"}
    assert tickers() - tickers(mve_filter="exclude") == {"KXMVESPORTS-S1"}
    assert member.get("/markets", mve_filter="none").status_code == 400
    assert tickers(max_close_ts=second + 60) == {"KXMVESPORTS-S1"}
    assert "KXMVESPORTS-S1" not in tickers(max_close_ts=second)
    assert FED in tickers(min_close_ts=second + 3600)
    for status in ("open", "unopened", "settled"):
        assert member.get("/markets", min_close_ts=second, status=status).status_code == 400
    assert tickers(min_close_ts=second, status="closed") == set()
