"""Rate limits, and the restricted modes of the matching engine."""

import pytest

from local.venues.polymarket import LimiterMode
from tests.local.polymarket_trader import BTC, FED, running


@pytest.fixture
def venue():
    with running() as found:
        found.book({"0.40": "1000"}, {"0.42": "1000"})
        yield found


def test_orders_and_cancels_have_buckets_of_their_own(venue):
    anna = venue.trader(tier="standard", dollars="1000")
    ids = []
    for _ in range(4):
        answer = anna.batch(*(anna.signed(FED, "BUY", "0.10", "5") for _ in range(15)))
        ids += [item["orderID"] for item in answer.json()]
    assert answer.headers["Poly-RateLimit-Remaining"] == "0"
    refused = anna.place(FED, "BUY", "0.10", "5")
    assert (refused.status_code, refused.json()) == (429, {"error": "Too Many Requests"})
    headers = refused.headers
    assert (headers["Retry-After"], headers["Poly-RateLimit-Tier"], headers["Poly-RateLimit-Remaining"]) == (
        "1",
        "Standard",
        "0",
    )
    assert anna.send("DELETE", "/orders", ids[:50]).status_code == 200
    venue.wait(100)  # 4 tokens at 40 a second
    assert anna.batch(*(anna.signed(FED, "BUY", "0.10", "5") for _ in range(5))).status_code == 429
    assert anna.batch(*(anna.signed(FED, "BUY", "0.10", "5") for _ in range(4))).status_code == 200
    assert venue.exchange.rate_limited == {"POST /order": 1, "POST /orders": 1}


def test_a_cancel_of_more_than_the_burst_never_passes(venue):
    anna = venue.trader(tier="standard")
    ids = [f"0x{number:064x}" for number in range(121)]
    assert anna.send("DELETE", "/orders", ids).status_code == 429
    venue.wait(60_000)
    assert anna.send("DELETE", "/orders", ids).status_code == 429
    assert anna.send("DELETE", "/orders", ids[:120]).status_code == 200
    too_many = anna.send("DELETE", "/orders", [f"0x{number:064x}" for number in range(1001)])
    assert too_many.json() == {"error": "Too many orders in payload, max allowed: 1000"}


def test_cancel_all_may_overdraw_where_the_tier_allows_it(venue):
    anna, bert = venue.trader("anna", tier="standard"), venue.trader("bert", tier="standard")
    for trader in (anna, bert):
        venue.operator.set_limiter(trader.name, LimiterMode.OFF)
        for _ in range(9):
            trader.batch(*(trader.signed(FED, "BUY", "0.01", "5") for _ in range(15)))
        venue.operator.set_limiter(trader.name, LimiterMode.ENFORCE)
    venue.operator.set_tier("bert", "standard")
    answer = anna.send("DELETE", "/cancel-all")
    assert len(answer.json()["canceled"]) == 135
    assert answer.headers["Poly-RateLimit-Remaining"] == "-16"
    assert anna.cancel("0x" + "00" * 32).status_code == 429
    venue.wait(300)
    assert anna.cancel("0x" + "00" * 32).status_code == 200


def test_warning_mode_lets_everything_pass_and_says_so(venue):
    anna = venue.trader(tier="standard")
    venue.operator.set_limiter("anna", LimiterMode.WARN)
    for _ in range(4):
        anna.batch(*(anna.signed(FED, "BUY", "0.01", "5") for _ in range(15)))
    answer = anna.place(FED, "BUY", "0.01", "5")
    assert (answer.status_code, answer.headers["Poly-RateLimit-Warning"]) == (200, "true")


def test_the_edge_limits_an_address_without_the_signers_headers(venue):
    anna = venue.trader()
    venue.operator.set_ip_limit("GET /data/orders", 3)
    assert [anna.get("/data/orders").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = anna.get("/data/orders")
    assert (refused.text, refused.headers["Retry-After"]) == ("error code: 1015", "10")
    assert not any(name.startswith("Poly-") for name in refused.headers)
    assert anna.get("/data/trades").status_code == 200
    venue.wait(10_000)
    assert anna.get("/data/orders").status_code == 200


def test_the_edge_limits_ten_minutes_too(venue):
    """Ten seconds at a time a batch endpoint looks ten times as wide as it is."""
    anna = venue.trader(tier="standard")
    windows = venue.exchange.operator._windows
    for _ in range(15):
        assert all(windows.admit("DELETE /orders", venue.clock.now_ms()) for _ in range(1_000))
        venue.wait(10_000)
    assert anna.send("DELETE", "/orders", ["0x" + "00" * 32]).text == "error code: 1015"
    venue.wait(450_000)
    assert anna.send("DELETE", "/orders", ["0x" + "00" * 32]).status_code == 200


def test_endpoints_share_what_their_host_takes(venue):
    anna = venue.trader()
    windows = venue.exchange.operator._windows
    for endpoint, times in (("GET /data/orders", 450), ("GET /data/trades", 450)):
        assert all(windows.admit(endpoint, venue.clock.now_ms()) for _ in range(times))
    assert anna.get("/data/orders").status_code == 429, "900 reads in all"
    assert anna.get("/book", token_id=venue.exchange.market(FED).tokens[0]).status_code == 200
    venue.wait(10_000)
    assert all(windows.admit("POST /order", venue.clock.now_ms()) for _ in range(4_999))
    assert all(windows.admit("DELETE /order", venue.clock.now_ms()) for _ in range(4_001))
    assert anna.get("/time").status_code == 429, "9,000 at the CLOB in all"
    assert anna.get("/gamma/markets").status_code == 200


def test_balance_updates_have_a_small_limit_of_their_own(venue):
    anna = venue.trader()
    statuses = [anna.get("/balance-allowance/update", asset_type="COLLATERAL").status_code for _ in range(51)]
    assert statuses == [200] * 50 + [429]


def test_a_restart_is_425_then_two_minutes_of_post_only(venue):
    anna = venue.trader()
    venue.give("anna", FED, "50")
    resting = anna.rest(FED, "BUY", "0.40", "5")
    venue.operator.restart_engine(90_000)
    for answer in (anna.place(FED, "BUY", "0.40", "5"), anna.cancel(resting), anna.send("DELETE", "/cancel-all")):
        assert (answer.status_code, answer.headers["Retry-After"]) == (425, "90")
        assert answer.json() == {"error": "service not ready"}
    assert anna.open_ids() == [resting]  # reads work
    venue.wait(90_000)
    stop = anna.place(FED, "SELL", "0.30", "50")
    assert (stop.status_code, stop.headers["Retry-After"]) == (503, "120")
    assert stop.json() == {
        "error": "post-only mode: only post-only orders and cancels are allowed",
        "code": "post_only_mode",
        "retry_after_seconds": 120,
    }
    passive = anna.signed(FED, "SELL", "0.41", "50", post_only=True)
    items = anna.batch(anna.signed(FED, "SELL", "0.30", "50"), passive).json()
    assert items[0]["errorMsg"] == "post-only mode: only post-only orders and cancels are allowed"
    assert items[1]["status"] == "live"
    assert anna.cancel(resting).json()["canceled"] == [resting]
    venue.wait(120_000)
    assert anna.send("DELETE", "/cancel-all").status_code == 200
    assert anna.place(FED, "SELL", "0.30", "50").json()["status"] == "matched"


def test_nothing_matches_during_a_restart(venue):
    anna = venue.trader()
    resting = anna.rest(FED, "BUY", "0.41", "10")
    venue.operator.restart_engine(60_000)
    venue.book({}, {"0.30": "1000"})
    assert anna.order(resting)["status"] == "LIVE"
    venue.wait(60_000)
    assert anna.order(resting)["status"] == "MATCHED"


def test_cancel_only_and_disabled(venue):
    anna = venue.trader()
    resting = anna.rest(FED, "BUY", "0.40", "5")
    venue.operator.set_mode(cancel_only=True)
    refused = anna.place(BTC, "BUY", "0.40", "5")
    assert refused.status_code == 503
    assert refused.json() == {
        "error": "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed."
    }
    assert anna.batch(anna.signed(FED, "BUY", "0.40", "5")).status_code == 503
    venue.operator.set_mode(disabled=True)
    for answer in (anna.place(BTC, "BUY", "0.40", "5"), anna.cancel(resting)):
        assert answer.status_code == 503
        assert answer.json() == {"error": "Trading is currently disabled. Check polymarket.com for updates"}
    venue.operator.set_mode()
    assert anna.cancel(resting).json()["canceled"] == [resting]
