"""Token buckets: what a tier affords, who is billed, and that a refused batch places nothing (facts kalshi 8)."""

import pytest

from tests.local.kalshi_member import V2, order

FED, BTC = "KXFED-26DEC", "KXBTC-1"


def orders(count, ticker=FED, **more):
    return [order(ticker, "bid", "0.01", "1", f"{ticker}-{number}", **more) for number in range(count)]


@pytest.fixture
def basic(venue):
    return venue.member(tier="basic")


def test_basic_places_ten_at_once_and_no_eleventh(venue, basic):
    assert basic.batch(*orders(11)).status_code == 429
    assert venue.exchange.books("anna").orders == ()
    assert basic.batch(*orders(10)).status_code == 201
    refused = basic.create(FED, "bid", "0.01", "1", "one-more")
    assert (refused.status_code, refused.content) == (429, b'{"error":"too many requests"}')
    assert "Retry-After" not in refused.headers
    assert venue.exchange.rate_limited == {f"POST {V2}/batched": 1, f"POST {V2}": 1}


def test_basic_cancels_fifty_at_once(venue, basic):
    never = [{"order_id": f"{number:08d}-0000-4000-8000-000000000000"} for number in range(51)]
    assert basic.cancel_batch(*never).status_code == 429
    assert basic.cancel_batch(*never[:50]).status_code == 200
    assert len(venue.exchange.misses) == 50


def test_a_bucket_refills_with_time_up_to_its_capacity(venue, basic):
    basic.batch(*orders(10))
    venue.clock.sleep_ms(99)
    assert basic.create(FED, "bid", "0.01", "1", exchange_index=0).status_code == 429
    venue.clock.sleep_ms(1)
    assert basic.create(FED, "bid", "0.01", "1", exchange_index=0).status_code == 201
    venue.clock.sleep_ms(60_000)
    assert [basic.create(FED, "bid", "0.01", "1", exchange_index=0).status_code for _ in range(11)] == [201] * 10 + [
        429
    ]


def test_an_advanced_bucket_holds_three_seconds(venue):
    member = venue.member(tier="advanced")
    assert member.batch(*orders(90)).status_code == 201
    assert member.create(FED, "bid", "0.01", "1").status_code == 429


def test_a_named_shard_has_its_own_bucket(basic):
    answers = [basic.create(BTC, "bid", "0.01", "1", exchange_index=2).status_code for _ in range(11)]
    assert answers == [201] * 10 + [429]
    assert basic.create(FED, "bid", "0.01", "1", exchange_index=0).status_code == 201


def test_an_auto_routed_write_is_billed_everywhere(basic):
    assert [basic.create(FED, "bid", "0.01", "1").status_code for _ in range(11)] == [201] * 10 + [429]
    assert basic.create(BTC, "bid", "0.01", "1", exchange_index=2).status_code == 429
    assert basic.create(FED, "bid", "0.01", "1", exchange_index=0).status_code == 429


def test_batches_leave_the_shards_alone(basic):
    assert basic.batch(*orders(10, BTC)).status_code == 201
    assert basic.create(BTC, "bid", "0.01", "1", exchange_index=2).status_code == 201
    assert basic.create(FED, "bid", "0.01", "1", exchange_index=0).status_code == 429


def test_single_cancels_cost_two(venue, basic):
    never = "00000000-0000-4000-8000-000000000000"
    answers = [basic.cancel(never, exchange_index=0).status_code for _ in range(51)]
    assert answers == [404] * 50 + [429]


def test_reads_have_their_own_bucket(venue, basic):
    basic.batch(*orders(10))
    order_id = next(iter(venue.exchange.books("anna").orders)).order_id
    answers = [basic.get(f"/portfolio/orders/{order_id}").status_code for _ in range(150)]
    answers += [basic.get("/portfolio/orders").status_code for _ in range(31)]
    assert answers == [200] * 180 + [429]


def test_the_venue_states_tier_and_costs(venue, basic):
    limits = basic.get("/account/limits").json()
    assert limits["write"] == {"refill_rate": 100, "bucket_capacity": 100}
    assert limits["usage_tier"] == "basic"
    costs = basic.get("/account/endpoint_costs").json()
    assert costs["default_cost"] == 10
    assert {(row["method"], row["path"].rsplit("/v2", 1)[1], row["cost"]) for row in costs["endpoint_costs"]} == {
        ("DELETE", V2, 2),
        ("DELETE", f"{V2}/batched", 2),
        ("DELETE", f"{V2}/{{order_id}}", 2),
        ("GET", "/portfolio/orders/{order_id}", 2),
    }
    venue.exchange.set_tier("anna", "premier")
    assert basic.get("/account/limits").json()["write"]["bucket_capacity"] == 3_600


def test_every_request_is_counted(venue, basic):
    basic.create(FED, "bid", "0.01", "1")
    basic.get("/portfolio/orders")
    basic.send("GET", "/nowhere")
    assert venue.exchange.calls == {f"POST {V2}": 1, "GET /portfolio/orders": 1, "unknown": 1}
