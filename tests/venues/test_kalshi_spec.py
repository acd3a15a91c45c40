"""What we send fits Kalshi's published spec, and its published and recorded answers are read without loss."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from holdfast.core.errors import VenueError
from holdfast.core.market import Side
from holdfast.core.orders import Amendment, Cancellation, Placement, Purpose, Reduction, TargetOrder, TimeInForce
from holdfast.core.outcomes import Canceled, Changed, Placed, Refused
from holdfast.venues.kalshi import HttpAnswer
from holdfast.venues.port import VenueStatus
from tests.shared import shared_path
from tests.venues.kalshi_scripted import NOW_MS, venue_at
from tests.venues.kalshi_spec import KalshiSpec, SpecTransport, load_spec

DEADLINE = NOW_MS + 10_000
ORDERS = "http://127.0.0.1/trade-api/v2/portfolio/events/orders"


class CannedTransport:
    """Gives the same answer to everything."""

    def __init__(self, status: int, body: Any) -> None:
        self._answer = HttpAnswer(status, {}, json.dumps(body).encode())

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_ms: int):
        return self._answer


@pytest.fixture(scope="module")
def spec() -> KalshiSpec:
    return load_spec()


def placement(client_id: str, **changes: Any) -> Placement:
    target = {"market": "M", "side": Side.BUY, "price": 4700, "size": 1050, "purpose": Purpose.QUOTE, "leg": "bid-0"}
    return Placement(TargetOrder(**{**target, **changes}), client_id, shard=2)


@pytest.mark.parametrize("subaccount", [0, 7])
def test_every_request_that_we_send_fits_the_spec(spec: KalshiSpec, subaccount: int):
    transport = SpecTransport(CannedTransport(429, {"error": "too many requests"}), spec)
    venue = venue_at("http://127.0.0.1:1", transport=transport, subaccount=subaccount)
    exit_order = {"time_in_force": TimeInForce.IMMEDIATE, "reduce_only": True, "post_only": False, "side": Side.SELL}
    cancel = Cancellation("o-1", "M", Side.BUY, shard=2)
    outcomes = [
        *venue.place([placement("c-1", expires_at_ms=NOW_MS + 60_000)], DEADLINE),
        *venue.place([placement("c-1"), placement("c-2", **exit_order)], DEADLINE),
        *venue.cancel([cancel], DEADLINE),
        *venue.cancel([cancel, cancel], DEADLINE),
        venue.amend(Amendment("o-1", "c-1", "M", Side.BUY, 4700, 1050, NOW_MS + 60_000, shard=2), DEADLINE),
        venue.decrease(Reduction("o-1", "M", Side.BUY, 100, shard=2), DEADLINE),
    ]
    assert all(isinstance(outcome, Refused) for outcome in outcomes)
    reads = [
        *(venue.connect, venue.status, venue.open_orders, venue.positions, venue.balance),
        *(lambda: venue.market_rules(["A", "B"]), lambda: venue.books(["A", "B"])),
        *(lambda: venue.recent_orders(NOW_MS), lambda: venue.fills(NOW_MS), lambda: venue.settlements(NOW_MS)),
        *(lambda: venue.find_order("o-1", "M"), lambda: dict(venue.price_evidence(["A"], NOW_MS))),
        lambda: venue.candles("A", 60, 100),
    ]
    for read in reads:
        with pytest.raises(VenueError):
            read()
    assert len(transport.exchanges) == 6 + len(reads)


def test_the_check_refuses_what_the_spec_does_not_allow(spec: KalshiSpec):
    """A check that lets everything through would prove nothing."""
    good = {
        "ticker": "M",
        "side": "bid",
        "count": "1.00",
        "price": "0.5000",
        "time_in_force": "good_till_canceled",
        "self_trade_prevention_type": "taker_at_cross",
    }
    spec.check_request("POST", ORDERS, json.dumps(good).encode())
    bad_bodies = [
        good | {"count": 1},
        good | {"side": "yes"},
        good | {"time_in_force": "GTT"},
        good | {"expiration_ts": 5},
        {key: value for key, value in good.items() if key != "price"},
    ]
    for body in bad_bodies:
        with pytest.raises(AssertionError, match="request"):
            spec.check_request("POST", ORDERS, json.dumps(body).encode())
    with pytest.raises(AssertionError, match="not in the spec"):
        spec.check_request("DELETE", f"{ORDERS}/o-1?ticker=M", None)
    with pytest.raises(AssertionError, match="not in the spec"):
        spec.check_request("POST", ORDERS.replace("/events", ""), b"{}")
    answer = {"order_id": "o-1", "fill_count": "0.00", "remaining_count": "1.00", "ts_ms": 1}
    spec.check_answer("POST", ORDERS, 201, json.dumps(answer).encode())
    for status, body in [(200, answer), (201, answer | {"ts_ms": None}), (400, {"detail": "no known shape"})]:
        with pytest.raises(AssertionError, match="answer"):
            spec.check_answer("POST", ORDERS, status, json.dumps(body).encode())


@pytest.fixture(scope="module")
def examples() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shared_path("fixtures/kalshi/rest_examples_openapi_3.28.0.json").read_text())
    return found


def test_the_published_examples_fit_the_spec(spec: KalshiSpec, examples: dict[str, Any]):
    for name, example in examples.items():
        spec.check_schema(name, example)


def test_the_published_examples_are_read_without_loss(examples: dict[str, Any]):
    first, second = "8c35ecb3-328f-4f52-8c7c-0f4b9862f8d1", "2a0e3fc9-b593-4aa3-96e5-82f7f7566c2a"
    order, other = "3b23c1c7-f4ef-4f0d-8b9a-9e53c61f1a0d", "a6d6010d-6d5f-40a1-a7e7-5501386bb621"

    def venue(name: str):
        return venue_at("http://127.0.0.1:1", transport=CannedTransport(200, examples[name]))

    placed = [Placed(order, first, 0, 1000, 1_715_793_600_123), Placed(other, second, 500, 0, 1_715_793_600_456)]
    assert venue("CreateOrderV2Response").place([placement(first)], DEADLINE) == placed[:1]
    batch = [placement(first), placement(second)]
    assert venue("BatchCreateOrdersV2Response").place(batch, DEADLINE) == placed
    canceled = [Canceled(order, 1000, 1_715_793_660_456), Canceled(other, 500, 1_715_793_660_789)]
    cancels = [Cancellation(order, "M", Side.BUY), Cancellation(other, "M", Side.SELL)]
    assert venue("CancelOrderV2Response").cancel(cancels[:1], DEADLINE) == canceled[:1]
    assert venue("BatchCancelOrdersV2Response").cancel(cancels, DEADLINE) == canceled
    amendment = Amendment(order, first, "M", Side.BUY, 5700, 800, 0)
    assert venue("AmendOrderV2Response").amend(amendment, DEADLINE) == Changed(order, second, 800, 1_715_793_690_123)
    decreased = venue("DecreaseOrderV2Response").decrease(Reduction(order, "M", Side.BUY, 800), DEADLINE)
    assert decreased == Changed(order, first, 800, 1_715_793_680_789)


def recorded(name: str) -> Any:
    return json.loads(shared_path(f"fixtures/kalshi/golden_2026-01/{name}_response.json").read_text())["response"]


def test_recordings_whose_shape_still_holds_are_read():
    """Of January 2026; the others have the integer cents that the venue dropped in March."""
    status = venue_at("http://127.0.0.1:1", transport=CannedTransport(200, recorded("exchange_status"))).status()
    assert status == VenueStatus(active=True, trading=True)
    as_of_then_orders = recorded("user_data_timestamp") | {"orders": [], "cursor": ""}
    found = venue_at("http://127.0.0.1:1", transport=CannedTransport(200, as_of_then_orders)).open_orders()
    assert (found.as_of_ms, found.orders) == (1_768_485_738_848, ())


def test_recordings_with_the_dropped_fields_are_errors_and_not_zeros():
    """An account of another contract must not look empty or free of charge."""
    for name, read in [
        ("portfolio_orders", lambda venue: venue.recent_orders(NOW_MS)),
        ("portfolio_fills", lambda venue: venue.fills(NOW_MS)),
        ("portfolio_balance", lambda venue: venue.balance()),
        ("portfolio_settlements", lambda venue: venue.settlements(NOW_MS)),
    ]:
        venue = venue_at("http://127.0.0.1:1", transport=CannedTransport(200, recorded(name)))
        with pytest.raises(VenueError):
            read(venue)
