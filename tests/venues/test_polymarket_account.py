"""Cancels, orders, fills and money at Polymarket: what is asked, and what each answer means."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from holdfast.clock import VirtualClock
from holdfast.core.capabilities import CancelAck, Identity
from holdfast.core.errors import (
    InvalidInputError,
    VenueAuthError,
    VenueRateLimitedError,
    VenueRefusedError,
    VenueUnavailableError,
)
from holdfast.core.market import Side
from holdfast.core.orders import Amendment, OpenOrder, Reduction, Settlement
from holdfast.core.outcomes import Canceled, Refusal, Refused, Unknown
from holdfast.venues.polymarket.adapter import PolymarketVenue
from holdfast.venues.polymarket.headers import ApiCredentials
from holdfast.venues.polymarket.order import SCALE
from holdfast.venues.polymarket.settings import PolymarketSettings
from holdfast.venues.polymarket.signer import LocalSigner, SignatureType
from holdfast.venues.port import OrderStatus
from holdfast.venues.transport import RequestsTransport
from tests.venues.kalshi_scripted import NOW_MS, CountingMeter, Reply, ScriptedServer, scripted_server
from tests.venues.polymarket_scripted import (
    CONDITION,
    DEADLINE,
    KEY,
    NO,
    OWNER,
    WALLET,
    YES,
    cancellation,
    order_row,
    page,
    units,
    venue_at,
)

NOW_S = NOW_MS // 1000
FAILURES = [
    (Reply(401, {"error": "Unauthorized/Invalid api key"}), VenueAuthError),
    (Reply(429, {"error": "slow down"}), VenueRateLimitedError),
    (Reply(400, {"error": "invalid order params payload"}), VenueRefusedError),
    (Reply(500, {"error": "Internal server error"}), VenueUnavailableError),
    (Reply(425, {"error": "service not ready"}), VenueUnavailableError),
    (Reply(200, b"{"), VenueUnavailableError),
    (Reply(200, {}), VenueUnavailableError),
    (Reply(how="drop"), VenueUnavailableError),
]


@pytest.fixture
def server():
    with scripted_server() as running:
        yield running


def query_of(asked):
    return {name: values[0] for name, values in parse_qs(urlsplit(asked.target).query).items()}


def test_one_order_is_cancelled_by_its_hash_and_many_in_one_list(server: ScriptedServer):
    server.script(Reply(200, {"canceled": ["0xA"], "not_canceled": {}}), Reply(200, {"canceled": ["0xb", "0xA"]}))
    venue = venue_at(server.url)
    assert venue.cancel([cancellation("0xa")], DEADLINE) == [Canceled("0xa", 0, 0, says_fills=False)]
    assert len(venue.cancel([cancellation("0xa"), cancellation("0xb")], DEADLINE)) == 2
    one, many = server.asked
    assert (one.method, one.target, json.loads(one.body)) == ("DELETE", "/order", {"orderID": "0xa"})
    assert (many.method, many.target, json.loads(many.body)) == ("DELETE", "/orders", ["0xa", "0xb"])


def test_not_cancelled_proves_nothing_and_an_order_that_is_not_mentioned_is_unknown(server: ScriptedServer):
    words = "order can't be found - already canceled or matched"
    server.script(Reply(200, {"canceled": ["0x1"], "not_canceled": {"0x2": words}}))
    outcomes = venue_at(server.url).cancel([cancellation(f"0x{n}") for n in (1, 2, 3)], DEADLINE)
    assert isinstance(outcomes[0], Canceled)
    assert outcomes[1] == Refused(Refusal.NOT_FOUND, "not_canceled", words)
    assert isinstance(outcomes[2], Unknown)


@pytest.mark.parametrize(
    "reply", [Reply(500), Reply(425), Reply(how="drop"), Reply(200, b"[]"), Reply(429), Reply(503)]
)
def test_a_cancel_whose_answer_decides_nothing_is_unknown(server: ScriptedServer, reply):
    server.script(reply)
    outcomes = venue_at(server.url).cancel([cancellation("0x1"), cancellation("0x2")], DEADLINE)
    assert [type(outcome) for outcome in outcomes] == [Unknown, Unknown]


def test_nothing_is_cancelled_after_the_deadline(server: ScriptedServer):
    [outcome] = venue_at(server.url).cancel([cancellation("0x1")], NOW_MS)
    assert outcome.reason is Refusal.NOT_SENT
    assert server.asked == []


def test_orders_are_not_changed_in_place(server: ScriptedServer):
    venue = venue_at(server.url)
    assert venue.amend(Amendment("0x1", "", YES, Side.BUY, 1, 1, 0), DEADLINE).reason is Refusal.NOT_SENT
    assert venue.decrease(Reduction("0x1", YES, Side.BUY, 1), DEADLINE).reason is Refusal.NOT_SENT
    assert server.asked == []


def test_every_page_of_open_orders_is_read(server: ScriptedServer):
    over = order_row("0x9", status="MATCHED", size_matched="10.5")
    server.script(
        Reply(200, page(order_row("0x1", status="ORDER_STATUS_LIVE"), over, next_cursor="MTAw")),
        Reply(200, page(order_row("0x2", side="SELL", size_matched="0.250001", expiration=str(NOW_S + 400)))),
    )
    meter = CountingMeter()
    found = venue_at(server.url, meter=meter).open_orders()
    assert [query_of(asked)["next_cursor"] for asked in server.asked] == ["MA==", "MTAw"]
    assert (found.as_of_ms, found.requested_at_ms) == (0, NOW_MS)
    assert found.orders == (
        OpenOrder("0x1", "", YES, Side.BUY, 4_700, 10_500_000, created_at_ms=NOW_S * 1000),
        OpenOrder(
            *("0x2", "", YES, Side.SELL, 4_700, 10_249_999),
            filled=250_001,
            expires_at_ms=(NOW_S + 340) * 1000,
            created_at_ms=NOW_S * 1000,
        ),
    )
    assert meter.spent == [("read", 2, "GET /data/orders")] * 2


def test_a_cursor_that_comes_back_is_an_error_not_a_list(server: ScriptedServer):
    server.script(Reply(200, page(next_cursor="MTAw")), Reply(200, page(next_cursor="MTAw")))
    with pytest.raises(VenueUnavailableError):
        venue_at(server.url).open_orders()


@pytest.mark.parametrize(("reply", "error"), FAILURES)
def test_an_error_is_never_an_empty_list(server: ScriptedServer, reply, error):
    server.script(*[reply] * 5)
    venue = venue_at(server.url)
    reads = (venue.open_orders, lambda: venue.fills(0), venue.positions, venue.balance, lambda: venue.books([YES]))
    for read in reads:
        with pytest.raises(error):
            read()


@pytest.mark.parametrize(
    ("status", "matched", "expected"),
    [
        ("LIVE", "1", OrderStatus.RESTING),
        ("DELAYED", "0", OrderStatus.RESTING),
        ("MATCHED", "10.5", OrderStatus.FILLED),
        ("CANCELED", "3", OrderStatus.CANCELED),
        ("ORDER_STATUS_CANCELED_MARKET_RESOLVED", "0", OrderStatus.CANCELED),
        ("CANCELED_order couldn't be fully filled", "0", OrderStatus.CANCELED),
        ("INVALID", "0", OrderStatus.CANCELED),
        ("A_WORD_OF_TOMORROW", "3", OrderStatus.RESTING),
        ("A_WORD_OF_TOMORROW", "10.5", OrderStatus.FILLED),
    ],
)
def test_an_order_is_found_by_its_hash_in_any_status(server: ScriptedServer, status, matched, expected):
    server.script(Reply(200, order_row("0xabc", status=status, size_matched=matched)))
    read = venue_at(server.url).find_order("0xabc", YES)
    assert server.asked[0].target == "/data/order/0xabc"
    assert (read.status, read.order.filled) == (expected, SCALE.size(matched))


@pytest.mark.parametrize("nothing", [Reply(404, {"error": "not found"}), Reply(200, b"null"), Reply(200, b"")])
def test_where_the_look_up_shows_nothing_the_list_decides(server: ScriptedServer, nothing):
    server.script(nothing, Reply(200, page(order_row("0xABC"))), nothing, Reply(200, page(order_row("0xother"))))
    venue = venue_at(server.url)
    assert venue.find_order("0xabc", YES).order.order_id == "0xABC"
    assert query_of(server.asked[1])["id"] == "0xabc"
    assert venue.find_order("0xabc", YES) is None


def test_a_failed_look_up_is_not_an_absent_order(server: ScriptedServer):
    server.script(Reply(500))
    with pytest.raises(VenueUnavailableError):
        venue_at(server.url).find_order("0xabc", YES)


def test_recent_orders_are_those_that_rest(server: ScriptedServer):
    old = order_row("0x0", created_at=NOW_S - 100)
    server.script(Reply(200, page(order_row("0x1"), old)))
    assert [read.order.order_id for read in venue_at(server.url).recent_orders(NOW_MS - 50_000)] == ["0x1"]


def test_balances_are_millionths_of_the_chain(server: ScriptedServer):
    server.script(
        Reply(200, {"balance": "1234567", "allowances": {}}),
        Reply(200, {"balance": "79380000"}),
        Reply(200, b""),
        Reply(200, {"balance": "80000000"}),
    )
    venue = venue_at(server.url, wallet="0x" + "12" * 20, signature_type=SignatureType.DEPOSIT_WALLET)
    assert venue.balance().available == units("1.234567")
    assert venue.holding(YES) == SCALE.size("79.38")
    assert venue.refresh_holding(YES) == SCALE.size("80"), "what it says once it has read the chain again"
    assert query_of(server.asked[0]) == {"asset_type": "COLLATERAL", "signature_type": "3"}
    assert query_of(server.asked[1]) == {"asset_type": "CONDITIONAL", "token_id": YES, "signature_type": "3"}
    assert urlsplit(server.asked[2].target).path == "/balance-allowance/update"


def test_an_order_whose_price_was_divided_from_its_amounts_can_be_read(server: ScriptedServer):
    """An immediate buy is stated in money: 4.93 for 10.4893 shares. Refused, it kept every tick from what is open."""
    row = order_row(price="0.470002764", original_size="10.4893", size_matched="10.4893", status="MATCHED")
    server.script(Reply(200, row), Reply(200, page(row | {"status": "LIVE", "size_matched": "0"})))
    venue = venue_at(server.url)
    assert venue.find_order("0x1", YES).order.price == 4_700
    assert [order.price for order in venue.open_orders().orders] == [4_700]


def holding(**changes):
    row = {
        "token_id": YES,
        "condition_id": CONDITION,
        "current_size": 12.5,
        "current_price": 0.4,
        "status": "OPEN",
        "realized_pnl": -1.25,
        "entry_fees_usdc": 0.1,
        "redeemable": False,
        "last_event_at": NOW_S,
    }
    return row | changes


def test_positions_and_settlements_come_from_every_page_of_the_data_api(server: ScriptedServer):
    won = holding(token_id=NO, current_price=1, redeemable=True)
    for _ in range(2):
        server.script(
            Reply(200, {"data": [holding()], "pagination": {"has_more": True, "next_cursor": "next"}}),
            Reply(200, {"data": [won], "pagination": {"has_more": False, "next_cursor": None}}),
        )
    venue = venue_at(server.url)
    assert [(position.market, position.size, position.fees_paid) for position in venue.positions()] == [
        (YES, SCALE.size("12.5"), units("0.1")),
        (NO, SCALE.size("12.5"), units("0.1")),
    ]
    assert venue.settlements(0) == [Settlement(NO, SCALE.size("12.5"), units("12.5"), 0, "won", NOW_S * 1000)]
    assert urlsplit(server.asked[0].target).path == "/data-api/v2/positions"
    assert query_of(server.asked[1])["cursor"] == "next"
    assert query_of(server.asked[0])["user"] == WALLET


@pytest.mark.parametrize("ends", [("next", "next"), ("next", "other", "next"), (None,), ("",)])
def test_holdings_that_are_cut_short_are_an_error(server: ScriptedServer, ends: tuple[str | None, ...]):
    """What the list does not show counts as redeemed."""
    for end in ends:
        server.script(Reply(200, {"data": [holding()], "pagination": {"has_more": True, "next_cursor": end}}))
    with pytest.raises(VenueUnavailableError):
        venue_at(server.url).settlements(0)


def test_holding_that_two_pages_show_is_one(server: ScriptedServer):
    won = holding(token_id=NO, current_price=1, redeemable=True)
    server.script(
        Reply(200, {"data": [won], "pagination": {"has_more": True, "next_cursor": "next"}}),
        Reply(200, {"data": [won], "pagination": {"has_more": False, "next_cursor": None}}),
    )
    assert len(venue_at(server.url).settlements(0)) == 1


def test_what_was_lost_settles_for_nothing(server: ScriptedServer):
    lost = holding(status="REDEEMABLE", current_price=0)
    server.script(Reply(200, {"data": [lost], "pagination": {"has_more": False, "next_cursor": None}}))
    [settled] = venue_at(server.url).settlements(0)
    assert (settled.size, settled.payout, settled.result) == (SCALE.size("12.5"), 0, "lost")


def result(prices, **changes):
    row = {
        "slug": "m",
        "version": "v1",
        "clobTokenIds": json.dumps([YES, NO]),
        "outcomes": '["Yes", "No"]',
        "outcomePrices": json.dumps(prices),
        "closed": True,
        "closedTime": "2026-11-01 04:22:05+00",
        "umaResolutionStatus": "resolved",
    }
    return Reply(200, {"markets": [row | changes]})


def holdings(*rows):
    return Reply(200, {"data": list(rows), "pagination": {"has_more": False, "next_cursor": None}})


CLOSED_MS = 1_793_506_925_000  # 2026-11-01 04:22:05


@pytest.mark.parametrize(
    ("prices", "price", "word"), [(["1", "0"], "1", "won"), (["0", "1"], "0", "lost"), (["0.5", "0.5"], "0.5", "split")]
)
@pytest.mark.parametrize("held", [True, False])
def test_what_the_data_api_leaves_open_settles_by_the_market_s_result(
    server: ScriptedServer, held, prices, price, word
):
    """A last price of 0.9995 instead of the dollar that it pays, or none since somebody redeemed it."""
    row = holding(redeemable=True, current_price=0.99951234, last_event_at=None)
    server.script(holdings(*[row] * held), result(prices))
    [settled] = venue_at(server.url).settlements(0, {YES: SCALE.size("12.5")})
    payout = units("12.5") * SCALE.price(price) // SCALE.one
    assert settled == Settlement(YES, SCALE.size("12.5"), payout, 0, word, CLOSED_MS)
    assert urlsplit(server.asked[1].target).path == "/gamma/markets/keyset"
    query = query_of(server.asked[1])
    assert (query["clob_token_ids"], query["closed"]) == (YES, "true")


@pytest.mark.parametrize(
    "answer",
    [
        result(["0.9995", "0.0005"]),
        result(["1", "0"], umaResolutionStatus="proposed"),
        result(["1", "0"], closed=False),
        result(["1", "1"]),
        result(["1"]),
        Reply(200, {"markets": []}),
    ],
)
@pytest.mark.parametrize("held", [True, False])
def test_nothing_settles_at_a_price_that_is_no_result(server: ScriptedServer, held, answer):
    row = holding(redeemable=True, current_price=0.9995)
    server.script(holdings(*[row] * held), answer)
    assert venue_at(server.url).settlements(0, {YES: SCALE.size("12.5")}) == []


def test_a_result_that_can_not_be_read_is_an_error(server: ScriptedServer):
    server.script(*(reply for bad in (500, 429, 403) for reply in (holdings(), Reply(bad))))
    server.script(holdings(), result(["one", "0"]))
    for _ in range(4):
        with pytest.raises(VenueUnavailableError):
            venue_at(server.url).settlements(0, {YES: 1})


def test_what_is_certain_settles_also_while_other_results_can_not_be_read(server: ScriptedServer):
    server.script(holdings(holding(current_price=1, redeemable=True)), Reply(500))
    [settled] = venue_at(server.url).settlements(0, {YES: SCALE.size("12.5"), NO: 1})
    assert (settled.market, settled.result) == (YES, "won")


def test_what_is_held_of_a_market_that_trades_is_not_settled(server: ScriptedServer):
    server.script(holdings(holding()))
    assert venue_at(server.url).settlements(0, {YES: SCALE.size("12.5")}) == []
    assert len(server.asked) == 1


def test_a_heartbeat_hands_on_the_id_that_the_venue_expects(server: ScriptedServer):
    server.script(
        Reply(200, {"heartbeat_id": "b-1"}),
        Reply(400, {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": "b-1"}),
        Reply(500),
    )
    venue = venue_at(server.url)
    first = venue.heartbeat("", DEADLINE)
    second = venue.heartbeat("wrong", DEADLINE)
    assert (first.accepted, first.next_id) == (True, "b-1")
    assert (second.accepted, second.next_id) == (False, "b-1")
    assert json.loads(server.asked[0].body) == {"heartbeat_id": ""}
    with pytest.raises(VenueUnavailableError):
        venue.heartbeat("b-1", DEADLINE)


def test_capabilities_follow_the_tier():
    standard = venue_at("http://127.0.0.1:1").capabilities
    assert (standard.identity, standard.cancel_ack, standard.netting) == (Identity.HASH, CancelAck.FINAL, False)
    # 40 orders or 80 cancels a second, and bursts of 60 or 120.
    assert standard.write_bucket.refill // standard.costs.create == 40
    assert standard.write_bucket.capacity // standard.costs.create == 60
    assert standard.write_bucket.refill // standard.costs.cancel == 80
    assert (standard.batch_create, standard.batch_cancel) == (15, 120)
    assert venue_at("http://127.0.0.1:1", tier="elite").capabilities.batch_cancel == 1_000


@pytest.mark.parametrize(
    "wrong",
    [
        {"account": ""},
        {"tier": "wood"},
        {"signature_type": SignatureType.SAFE},
        {"base_url": "http://clob.example.com"},
        {"base_url": "https://user:word@clob.example.com"},
        {"builder": "0x12"},
        {"wallet": "0x12"},
    ],
)
def test_settings_that_can_not_be_used_are_refused(wrong):
    given = {"account": "a", **wrong}
    with pytest.raises(InvalidInputError):
        PolymarketVenue(
            PolymarketSettings(**given),
            LocalSigner(KEY),
            ApiCredentials(OWNER, "c2VjcmV0", "a-passphrase"),
            RequestsTransport(),
            VirtualClock(NOW_MS),
            CountingMeter(),
        )
