"""Placing at Polymarket: what is sent, and what each answer means for each order."""

import json

import pytest

from holdfast.clock import VirtualClock
from holdfast.core.market import Side
from holdfast.core.orders import TimeInForce
from holdfast.core.outcomes import Placed, Refusal, Refused, Unknown
from holdfast.venues.polymarket.order import SCALE
from tests.venues.kalshi_scripted import NOW_MS, CountingMeter, Reply, ScriptedServer, scripted_server
from tests.venues.polymarket_scripted import DEADLINE, MARKET, RULES, YES, accepted, placement, venue_at

SIZE = SCALE.size("10.5")


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


def test_a_prepared_order_is_sent_byte_for_byte_however_often(server: ScriptedServer, ready):
    venue, [one, *_] = ready
    server.script(Reply(500), Reply(200, accepted(one.order_id)))
    [first] = venue.place([one], DEADLINE)
    [second] = venue.place([one], DEADLINE)
    assert isinstance(first, Unknown)
    assert second == Placed(one.order_id, "hf-0", filled=0, remaining=SIZE, at_ms=0)
    assert [asked.body.decode() for asked in server.asked] == [one.body, one.body]
    assert {(asked.method, asked.target) for asked in server.asked} == {("POST", "/order")}


def test_an_order_is_prepared_once(ready):
    venue, prepared = ready
    assert venue.prepare(prepared) == prepared
    assert len({item.order_id for item in prepared}) == 3
    order = json.loads(prepared[0].body)["order"]
    assert (order["makerAmount"], order["takerAmount"], order["tokenId"]) == ("4935000", "10500000", YES)


def test_an_order_that_was_not_prepared_is_not_sent(server: ScriptedServer):
    """The journal does not name it: were its answer lost, nobody could find it again, and it would rest for ever."""
    server.script(Reply(500), *RULES)
    venue = venue_at(server.url)
    [unprepared] = venue.prepare([placement()])
    assert unprepared.body == ""
    [outcome] = venue.place([unprepared], DEADLINE)
    assert (outcome.reason, outcome.code) == (Refusal.NOT_SENT, "rules_unknown")
    [outcome] = venue.place([placement("another")], DEADLINE)
    assert (outcome.reason, outcome.code) == (Refusal.NOT_SENT, "unprepared")
    assert all(asked.method == "GET" for asked in server.asked)


def test_a_batch_goes_out_as_one_array_of_the_same_bytes(server: ScriptedServer, ready):
    venue, prepared = ready
    server.script(Reply(200, [accepted(item.order_id) for item in prepared]))
    outcomes = venue.place(prepared, DEADLINE)
    [asked] = server.asked
    assert (asked.method, asked.target) == ("POST", "/orders")
    assert asked.body.decode() == f"[{','.join(item.body for item in prepared)}]"
    assert [outcome.order_id for outcome in outcomes] == [item.order_id for item in prepared]


def test_requests_are_signed_over_their_exact_bytes(server: ScriptedServer, ready):
    venue, [one, *_] = ready
    server.script(Reply(500))
    venue.place([one], DEADLINE)
    headers = {name.upper(): value for name, value in server.asked[0].headers.items()}
    expected = venue._client._credentials.headers(
        headers["POLY_ADDRESS"], NOW_MS // 1000, "POST", "/order", server.asked[0].body.decode()
    )
    assert {name: headers[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("order", "answer", "filled", "remaining"),
    [
        ({}, ("matched", "1.45", "5"), "5", "5.5"),
        ({"side": Side.SELL}, ("matched", "5", "1.45"), "5", "5.5"),
        ({}, ("matched", "4.935", "10.5"), "10.5", "0"),
        ({"time_in_force": TimeInForce.IMMEDIATE, "side": Side.SELL}, ("matched", "4", "1.88"), "4", "0"),
        # A buy states its budget, so a better price gives more shares than were asked for.
        ({"time_in_force": TimeInForce.IMMEDIATE}, ("matched", "4.93", "12.325"), "12.325", "0"),
        ({}, ("delayed", "", ""), "0", "10.5"),
        ({}, ("unmatched", "", ""), "0", "10.5"),
    ],
)
def test_what_filled_at_once_is_counted_in_shares(server: ScriptedServer, order, answer, filled, remaining):
    server.script(*RULES)
    venue = venue_at(server.url)
    [one] = venue.prepare([placement(**{"post_only": False, **order})])
    server.script(Reply(200, accepted(one.order_id, *answer)))
    [outcome] = venue.place([one], DEADLINE)
    assert outcome == Placed(one.order_id, "hf-1", SCALE.size(filled), SCALE.size(remaining), 0)


@pytest.mark.parametrize("words", ["FOK orders are fully filled or killed", "no orders found to match with FAK order."])
def test_an_immediate_order_that_found_nothing_is_over_not_refused(server: ScriptedServer, ready, words):
    venue, prepared = ready
    server.script(Reply(400, {"error": f"order couldn't be filled. {words}"}))
    [outcome] = venue.place(prepared[:1], DEADLINE)
    assert outcome == Placed(prepared[0].order_id, "hf-0", 0, 0, 0)


@pytest.mark.parametrize(
    ("status", "words", "reason"),
    [
        (400, "not enough balance / allowance: the balance is not enough -> balance: 1", Refusal.INSUFFICIENT_BALANCE),
        (400, "invalid post-only order: order crosses book", Refusal.POST_ONLY_CROSS),
        (400, "order 0x1 crosses the book", Refusal.POST_ONLY_CROSS),
        (400, "order 0x1 is invalid. Price (0.471) breaks minimum tick size rule: 0.01", Refusal.OFF_GRID),
        (400, "order 0x1 is invalid. Size (3) lower than the minimum: 5", Refusal.INVALID_SIZE),
        (400, "invalid amount for a marketable BUY order ($0.65), min size: $1", Refusal.INVALID_SIZE),
        (400, "invalid amounts, the market buy orders maker amount supports a max of 2", Refusal.INVALID_SIZE),
        (400, "order 0x1 is invalid. Duplicated.", Refusal.DUPLICATE),
        (400, "the market is not yet ready to process new orders", Refusal.MARKET_CLOSED),
        (400, "the orderbook 123 does not exist", Refusal.MARKET_CLOSED),
        (400, "order_version_mismatch", Refusal.MALFORMED),
        (400, "'0x1' address in closed only mode", Refusal.UNAUTHORIZED),
        (403, "Trading restricted in your region, please refer to available regions", Refusal.GEOBLOCKED),
        (400, "Trading restricted in your region, please refer to available regions", Refusal.GEOBLOCKED),
        (400, "maker address not allowed, please use the deposit wallet flow", Refusal.UNAUTHORIZED),
        (401, "Unauthorized/Invalid api key", Refusal.UNAUTHORIZED),
        (403, "anything", Refusal.UNAUTHORIZED),
        (400, "words nobody has seen yet", Refusal.OTHER),
    ],
)
def test_definite_refusals_are_told_apart(server: ScriptedServer, ready, status, words, reason):
    venue, prepared = ready
    server.script(Reply(status, {"error": words}))
    [outcome] = venue.place(prepared[:1], DEADLINE)
    assert outcome == Refused(reason, "", words)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(how="drop"),
        Reply(200, accepted("0x1"), how="cut"),
        Reply(500, {"error": "could not run the execution"}),
        Reply(502, b"<html>"),
        Reply(503, b"upstream"),
        Reply(425, {"error": "service not ready"}),
        Reply(408),
        Reply(429, {"error": "error code: 1015"}),
        Reply(302),
        Reply(200, b""),
        Reply(200, b"{"),
        Reply(200, {}),
        Reply(200, {"errorMsg": "", "orderID": "", "status": "live"}),
        Reply(200, accepted("0xanother")),
        Reply(200, b'{"orderID": 5}'),
        Reply(400, {"error": "could not insert order"}),
        Reply(400, {"error": "order match delayed due to market conditions"}),
    ],
)
def test_what_leaves_the_outcome_open_is_unknown(server: ScriptedServer, ready, reply):
    venue, prepared = ready
    server.script(reply)
    [outcome] = venue.place(prepared[:1], DEADLINE)
    assert isinstance(outcome, Unknown), outcome


@pytest.mark.parametrize("answer", [accepted("?", "matched"), accepted("?", "matched", "1", "x"), accepted("?", "")])
def test_an_accepted_order_that_may_have_filled_by_an_unknown_amount_is_unknown(server: ScriptedServer, ready, answer):
    venue, [one, *_] = ready
    server.script(Reply(200, answer | {"orderID": one.order_id}))
    [outcome] = venue.place([one], DEADLINE)
    assert isinstance(outcome, Unknown)


def test_no_connection_and_a_passed_deadline_are_not_sent(server: ScriptedServer, ready):
    venue, prepared = ready
    [late] = venue.place(prepared[:1], NOW_MS)
    assert (late.reason, late.code) == (Refusal.NOT_SENT, "not_sent")
    assert server.asked == []
    server.close()
    [gone] = venue.place(prepared[:1], DEADLINE)
    assert isinstance(gone, Refused | Unknown)


def test_the_signers_own_rate_limit_is_definite(server: ScriptedServer, ready):
    venue, prepared = ready
    server.script(Reply(429, {"error": "rate limit"}, headers={"Poly-RateLimit-Remaining": "0", "Retry-After": "1"}))
    [outcome] = venue.place(prepared[:1], DEADLINE)
    assert outcome.reason is Refusal.RATE_LIMITED


def test_what_can_be_no_order_is_refused_here_and_holds_up_no_other(server: ScriptedServer):
    server.script(*RULES)
    venue = venue_at(server.url)
    wrong = [
        placement("off", price="0.475"),
        placement("low", price="0"),
        placement("high", price="1"),
        placement("small", size="4.99"),
        placement("fine", size="10.505"),
        placement("soon", expires_at_ms=NOW_MS + 100_000),
        placement("short", reduce_only=True),
    ]
    prepared = venue.prepare([*wrong, placement("good")])
    assert prepared[:-1] == wrong
    good = prepared[-1]
    server.script(Reply(200, accepted(good.order_id)))
    *no, yes = venue.place(prepared, DEADLINE)
    assert [outcome.reason for outcome in no] == [
        *[Refusal.OFF_GRID] * 3,
        *[Refusal.INVALID_SIZE] * 2,
        Refusal.NOT_SENT,
        Refusal.REDUCE_ONLY,
    ]
    assert isinstance(yes, Placed)
    assert server.asked[-1].body.decode() == good.body


def test_an_expiry_is_stated_a_minute_late_because_the_venue_ends_orders_a_minute_early(server: ScriptedServer):
    server.script(*RULES)
    [one] = venue_at(server.url).prepare([placement(expires_at_ms=NOW_MS + 300_000)])
    sent = json.loads(one.body)
    assert sent["orderType"] == "GTD"
    assert sent["order"]["expiration"] == str((NOW_MS + 360_000) // 1000)


def test_an_unknown_market_takes_no_orders_and_whether_a_known_one_is_open_the_venue_says(server: ScriptedServer):
    closed = Reply(400, {"error": "the orderbook 1 does not exist"})
    server.script(Reply(404, {"error": "market not found"}), RULES[0], Reply(200, MARKET | {"c": True}), closed)
    venue = venue_at(server.url)
    for code in ("unknown_market", ""):
        [outcome] = venue.place(venue.prepare([placement()]), DEADLINE)
        assert (outcome.reason, outcome.code) == (Refusal.MARKET_CLOSED, code)
    assert server.asked[-1].target == "/order"


def test_an_order_waits_for_no_read_of_rules_that_are_known(server: ScriptedServer):
    """Nothing goes out before a stop but the stop."""
    clock = VirtualClock(NOW_MS)
    server.script(*RULES)
    venue = venue_at(server.url, clock=clock)
    venue.market_rules([YES])
    clock.sleep_ms(3_600_000)
    server.asked.clear()
    [one] = venue.prepare([placement(side=Side.SELL, post_only=False)])
    assert one.body
    assert server.asked == []


def test_without_the_rules_nothing_is_sent(server: ScriptedServer):
    server.script(Reply(500), Reply(500), Reply(500))
    venue = venue_at(server.url)
    assert venue.prepare([placement()]) == [placement()]
    [unreadable] = venue.place([placement()], DEADLINE)
    assert (unreadable.reason, unreadable.code) == (Refusal.NOT_SENT, "rules_unknown")
    [poor] = venue_at(server.url, meter=CountingMeter(budget=0)).place([placement()], DEADLINE)
    assert (poor.reason, poor.code) == (Refusal.NOT_SENT, "rules_unknown")


def test_a_tick_that_the_venue_contradicts_is_read_again(server: ScriptedServer, ready):
    venue, prepared = ready
    server.script(Reply(400, {"error": "breaks minimum tick size rule: 0.1"}), Reply(200, MARKET | {"mts": 0.1}))
    venue.place(prepared[:1], DEADLINE)
    assert venue.prepare([placement("next")]) == [placement("next")]


def test_nothing_is_sent_for_an_empty_batch(server: ScriptedServer):
    venue = venue_at(server.url)
    assert venue.prepare([]) == venue.place([], DEADLINE) == venue.cancel([], DEADLINE) == []
    assert server.asked == []


def test_the_same_identity_later_is_another_order_but_the_journaled_one_stays(server: ScriptedServer):
    """An order's hash has its time in it: what is sent again is what was journaled, never what is built again."""
    server.script(*RULES)
    clock = VirtualClock(NOW_MS)
    venue = venue_at(server.url, clock=clock)
    [first] = venue.prepare([placement()])
    clock.sleep_ms(1_000)
    [later] = venue.prepare([placement()])
    assert later.order_id != first.order_id
    assert venue.prepare([first]) == [first]
