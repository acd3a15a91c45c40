"""Batches at Polymarket: whose answer is whose, and one bad order holds up no other."""

import pytest

from holdfast.core.outcomes import Placed, Refusal, Refused, Unknown
from tests.venues.kalshi_scripted import Reply, ScriptedServer, scripted_server
from tests.venues.polymarket_scripted import DEADLINE, RULES, accepted, placement, refused, venue_at


@pytest.fixture
def server():
    with scripted_server() as running:
        yield running


@pytest.fixture
def ready(server: ScriptedServer):
    """A venue, and three prepared orders."""
    server.script(*RULES)
    venue = venue_at(server.url)
    prepared = venue.prepare([placement(f"hf-{number}") for number in range(3)])
    server.asked.clear()
    return venue, prepared


def test_an_item_is_accepted_only_without_an_error_and_with_its_own_id(server: ScriptedServer, ready):
    venue, prepared = ready
    answer = [
        accepted(prepared[0].order_id),
        refused("not enough balance / allowance"),
        {"errorMsg": "", "orderID": ""},
    ]
    server.script(Reply(200, answer))
    first, second, third = venue.place(prepared, DEADLINE)
    assert isinstance(first, Placed)
    assert second.reason is Refusal.INSUFFICIENT_BALANCE
    assert isinstance(third, Unknown)


def test_a_shuffled_answer_is_paired_by_id_and_its_nameless_errors_belong_to_nobody(server: ScriptedServer, ready):
    venue, [a, b, c] = ready
    server.script(Reply(200, [accepted(c.order_id), refused("Duplicated."), accepted(a.order_id)]))
    first, second, third = venue.place([a, b, c], DEADLINE)
    assert (first.order_id, third.order_id) == (a.order_id, c.order_id)
    assert isinstance(second, Unknown)


def test_a_short_answer_leaves_the_rest_unknown(server: ScriptedServer, ready):
    venue, [a, b, c] = ready
    server.script(Reply(200, [accepted(a.order_id), refused("Duplicated.")]))
    outcomes = venue.place([a, b, c], DEADLINE)
    assert [type(outcome) for outcome in outcomes] == [Placed, Unknown, Unknown]


def test_one_bad_tick_is_isolated_and_the_rest_is_placed(server: ScriptedServer, ready):
    """The venue refuses the whole batch for one order; the others go again, the same bytes under the same ids."""
    venue, [a, b, c] = ready
    words = f"order {b.order_id} is invalid. Price (0.47) breaks minimum tick size rule: 0.1"
    server.script(Reply(400, {"error": words}), Reply(200, [accepted(a.order_id), accepted(c.order_id)]))
    first, second, third = venue.place([a, b, c], DEADLINE)
    assert [asked.target for asked in server.asked] == ["/orders", "/orders"]
    assert server.asked[1].body.decode() == f"[{a.body},{c.body}]"
    assert isinstance(first, Placed)
    assert isinstance(third, Placed)
    assert second == Refused(Refusal.OFF_GRID, "", words)


def test_a_refused_batch_that_names_nobody_is_sent_one_by_one(server: ScriptedServer, ready):
    venue, [a, b, c] = ready
    off = {"error": "price 0.47 breaks minimum tick size rule 0.1"}
    server.script(Reply(400, off), Reply(200, accepted(a.order_id)), Reply(400, off), Reply(200, accepted(c.order_id)))
    outcomes = venue.place([a, b, c], DEADLINE)
    assert [asked.target for asked in server.asked] == ["/orders", "/order", "/order", "/order"]
    assert [asked.body.decode() for asked in server.asked[1:]] == [a.body, b.body, c.body]
    assert [type(outcome) for outcome in outcomes] == [Placed, Refused, Placed]


def test_an_order_that_the_refused_batch_placed_after_all_is_to_be_read(server: ScriptedServer, ready):
    venue, [a, b, _] = ready
    words = f"order {b.order_id} is invalid. Size (1) lower than the minimum: 5"
    server.script(Reply(400, {"error": words}), Reply(400, {"error": f"order {a.order_id} is invalid. Duplicated."}))
    first, second = venue.place([a, b], DEADLINE)
    assert isinstance(first, Unknown)
    assert second.reason is Refusal.INVALID_SIZE


def test_a_refusal_of_the_account_is_not_repeated_for_every_order(server: ScriptedServer, ready):
    venue, prepared = ready
    server.script(Reply(401, {"error": "Unauthorized/Invalid api key"}))
    outcomes = venue.place(prepared, DEADLINE)
    assert len(server.asked) == 1
    assert {outcome.reason for outcome in outcomes} == {Refusal.UNAUTHORIZED}
