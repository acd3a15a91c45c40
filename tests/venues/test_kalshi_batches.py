"""Which answer in a batch belongs to which order: a mistake here is an order that nobody watches."""

import json
import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.outcomes import Canceled, Placed, Refusal, Refused, Unknown
from holdfast.venues.kalshi import HttpAnswer
from tests.venues.kalshi_orders import (
    DEADLINE,
    cancellation,
    placement,
)
from tests.venues.kalshi_scripted import Reply, ScriptedServer, scripted_server, venue_at


@pytest.fixture
def server():
    with scripted_server() as running:
        yield running


def accepted(client_id: str | None, order_id: str) -> dict[str, object]:
    return {
        "order_id": order_id,
        "client_order_id": client_id,
        "fill_count": "0.00",
        "remaining_count": "10.50",
        "ts_ms": 5,
        "error": None,
    }


def failed(client_id: str | None, code: str, details: str = "") -> dict[str, object]:
    return {"client_order_id": client_id, "order_id": None, "error": {"code": code, "details": details}}


def placed_batch(server: ScriptedServer, items: list[dict[str, object]], ids: str):
    server.script(Reply(201, {"orders": items}))
    return venue_at(server.url).place([placement(client_id) for client_id in ids], DEADLINE)


def test_batch_answers_in_another_order_are_matched_by_id(server: ScriptedServer):
    items = [accepted("c", "o-c"), failed("a", "insufficient_balance"), accepted("b", "o-b")]
    a, b, c = placed_batch(server, items, "abc")
    assert a == Refused(Refusal.INSUFFICIENT_BALANCE, "insufficient_balance", "")
    assert (b, c) == (Placed("o-b", "b", 0, 1050, 5), Placed("o-c", "c", 0, 1050, 5))


def test_one_failed_item_does_not_touch_the_others(server: ScriptedServer):
    items = [accepted("a", "o-a"), failed("b", "invalid order", "post only cross"), failed("c", "order_already_exists")]
    a, b, c = placed_batch(server, items, "abc")
    assert isinstance(a, Placed)
    assert (b.reason, c.reason) == (Refusal.POST_ONLY_CROSS, Refusal.DUPLICATE)


def test_an_item_that_the_answer_does_not_mention_is_unknown(server: ScriptedServer):
    a, b = placed_batch(server, [accepted("b", "o-b")], "ab")
    assert isinstance(a, Unknown)
    assert isinstance(b, Placed)


def test_failed_items_without_an_id_fall_to_the_orders_that_are_left(server: ScriptedServer):
    items = [failed(None, "invalid_price"), accepted("b", "o-b"), failed(None, "insufficient_balance")]
    a, b, c = placed_batch(server, items, "abc")
    assert (a.reason, b.order_id, c.reason) == (Refusal.OFF_GRID, "o-b", Refusal.INSUFFICIENT_BALANCE)


def test_accepted_items_without_an_id_are_not_told_apart_by_position(server: ScriptedServer):
    """Whose order is whose is not known: guessing would cancel or count the wrong one later."""
    outcomes = placed_batch(server, [accepted(None, "o-1"), accepted(None, "o-2")], "ab")
    assert all(isinstance(outcome, Unknown) for outcome in outcomes)


def test_fewer_failures_without_an_id_than_orders_left_prove_nothing(server: ScriptedServer):
    outcomes = placed_batch(server, [failed(None, "invalid_price")], "ab")
    assert all(isinstance(outcome, Unknown) for outcome in outcomes)


def test_an_item_that_failed_because_the_venue_broke_is_unknown(server: ScriptedServer):
    a, b = placed_batch(server, [failed("a", "internal_server_error"), accepted("b", "o-b")], "ab")
    assert isinstance(a, Unknown)
    assert isinstance(b, Placed)


@pytest.mark.parametrize("error", [True, {"reason": "new"}, [1], 7])
def test_an_error_of_no_known_shape_decides_nothing(server: ScriptedServer, error):
    a, b = placed_batch(server, [{"client_order_id": "a", "error": error}, accepted("b", "o-b")], "ab")
    assert isinstance(a, Unknown)
    assert isinstance(b, Placed)


def test_a_failed_item_that_counts_contracts_may_have_taken_effect(server: ScriptedServer):
    failure = failed("a", "invalid_price")
    items = [failure | {"fill_count": "0.00", "remaining_count": "0.00"}, accepted("b", "o-b")]
    assert placed_batch(server, items, "ab")[0] == Refused(Refusal.OFF_GRID, "invalid_price", "")
    for counted in ({"fill_count": "3.00"}, {"remaining_count": "0.50", "order_id": "o-a"}):
        assert isinstance(placed_batch(server, [failure | counted, accepted("b", "o-b")], "ab")[0], Unknown)
    canceled = {"order_id": "o-1", "reduced_by": "4.00", "error": {"code": "not_found"}}
    server.script(Reply(200, {"orders": [canceled, canceled | {"order_id": "o-2", "reduced_by": "0.00"}]}))
    one, two = venue_at(server.url).cancel([cancellation("o-1"), cancellation("o-2")], DEADLINE)
    assert isinstance(one, Unknown)
    assert two == Refused(Refusal.NOT_FOUND, "not_found", "")


def test_an_id_that_occurs_twice_contradicts_itself(server: ScriptedServer):
    items = [accepted("a", "o-a"), failed("a", "invalid_price"), accepted("b", "o-b")]
    a, b = placed_batch(server, items, "ab")
    assert isinstance(a, Unknown)
    assert isinstance(b, Placed)


def test_a_failed_cancel_in_a_batch_is_not_a_cancel(server: ScriptedServer):
    """Another client reported items with an error and reduced_by 0.00 as cancelled."""
    items = [
        {"order_id": "o-3", "reduced_by": "0.00", "ts_ms": 7, "error": None},
        {"order_id": "o-2", "reduced_by": "0.00", "ts_ms": None, "error": {"code": "not_found"}},
        {"order_id": "o-1", "client_order_id": "c-1", "reduced_by": "10.00", "ts_ms": 5},
        {"order_id": "o-4", "reduced_by": "0.00"},
    ]
    server.script(Reply(200, {"orders": items}))
    batch = [cancellation(f"o-{n}") for n in (1, 2, 3, 4, 5)]
    one, two, three, four, five = venue_at(server.url).cancel(batch, DEADLINE)
    assert one == Canceled("o-1", 1000, 5)
    assert two == Refused(Refusal.NOT_FOUND, "not_found", "")
    assert three == Canceled("o-3", 0, 7)
    assert isinstance(four, Unknown)
    assert isinstance(five, Unknown)


class EchoTransport:
    """Answers a batch of creates: some accepted, some failed, some lost, in any order, with or without ids."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.fate: dict[str, str] = {}

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_ms: int):
        items = []
        for order in json.loads(body or b"")["orders"]:
            client_id = order["client_order_id"]
            fate = self.fate[client_id] = self._random.choice(("accepted", "failed", "lost", "nameless"))
            if fate == "accepted":
                items.append(accepted(client_id, f"o-{client_id}"))
            elif fate == "failed":
                items.append(failed(client_id, "invalid_price"))
            elif fate == "nameless":
                items.append(failed(None, "invalid_price"))
        self._random.shuffle(items)
        return HttpAnswer(201, {}, json.dumps({"orders": items}).encode())


@given(seed=st.integers(0, 10**9), count=st.integers(2, 12))
def test_whatever_a_batch_answers_no_live_order_is_taken_for_failed_or_for_another(seed: int, count: int):
    transport = EchoTransport(seed)
    venue = venue_at("http://127.0.0.1:1", transport=transport)
    ids = [f"c{n}" for n in range(count)]
    for client_id, outcome in zip(ids, venue.place([placement(one) for one in ids], DEADLINE), strict=True):
        fate = transport.fate[client_id]
        if fate == "accepted":
            assert outcome == Placed(f"o-{client_id}", client_id, 0, 1050, 5)
        elif fate == "lost":
            assert isinstance(outcome, Unknown)
        elif fate == "failed" or "lost" not in transport.fate.values():
            assert outcome == Refused(Refusal.OFF_GRID, "invalid_price", "")
        else:  # a failure without an id, while another item is missing: it could be either's
            assert isinstance(outcome, Unknown)
