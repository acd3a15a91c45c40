"""Orders: prices and sizes, what fills at once and how well, lifetimes, batches, cancels."""

from decimal import Decimal

import pytest

from holdfast.core.market import Side
from local.venues.polymarket import SCALE, EndReason, MarketSpec, MissCause
from tests.local.polymarket_trader import BTC, FED, START_MS, running

NOT_CANCELED = "order can't be found - already canceled or matched"
FOK = "order couldn't be fully filled. FOK orders are fully filled or killed."
FAK = "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."


@pytest.fixture
def venue():
    with running() as found:
        found.book({"0.40": "100", "0.39": "50"}, {"0.42": "20", "0.43": "30", "0.45": "500"})
        yield found


def test_an_order_rests_and_is_read_by_its_hash(venue):
    anna = venue.trader()
    answer = anna.place(FED, "BUY", "0.41", "10").json()
    assert answer == {
        "errorMsg": "",
        "orderID": answer["orderID"],
        "makingAmount": "",
        "takingAmount": "",
        "status": "live",
        "success": True,
        "transactionsHashes": [],
        "tradeIDs": [],
    }
    row = anna.order(answer["orderID"])
    assert (row["status"], row["price"], row["original_size"], row["size_matched"]) == ("LIVE", "0.41", "10", "0")
    assert row["owner"] == anna.credentials.api_key
    assert anna.open_ids() == [answer["orderID"]]
    assert anna.order("0x" + "ab" * 32) is None
    assert anna.get("/data/order/nothing").json() == {"error": "Invalid orderID"}


def test_a_marketable_limit_fills_at_once_at_better_prices_and_rests(venue):
    anna = venue.trader()
    answer = anna.place(FED, "BUY", "0.43", "60").json()
    # 20 at 0.42, 30 at 0.43, 10 rest: "matched" does not say that all of it did.
    assert (answer["status"], answer["makingAmount"], answer["takingAmount"]) == ("matched", "21.3", "50")
    assert len(answer["tradeIDs"]) == 2
    row = anna.order(answer["orderID"])
    assert (row["status"], row["size_matched"], row["associate_trades"]) == ("LIVE", "50", answer["tradeIDs"])
    assert [(t["price"], t["size"]) for t in reversed(anna.trades())] == [("0.42", "20"), ("0.43", "30")]
    assert venue.exchange.best(FED) == (4300, 4500)


def test_a_sell_below_the_best_bid_fills_at_the_bid(venue):
    """A stop-loss limit can't rest: below the bid it sells at once, at the bid."""
    anna = venue.trader()
    venue.give("anna", FED, "30")
    answer = anna.place(FED, "SELL", "0.30", "30").json()
    assert (answer["status"], answer["makingAmount"], answer["takingAmount"]) == ("matched", "30", "12")


def test_buying_no_meets_buyers_of_yes(venue):
    """One book: a bid of NO at 1 - p is an ask of YES at p, and the two mint a pair."""
    anna, bert = venue.trader("anna"), venue.trader("bert")
    yes = anna.rest(FED, "BUY", "0.41", "10")
    answer = bert.place(FED, "BUY", "0.60", "10", outcome=1).json()
    # 1 - 0.41 is better for the taker than 0.60.
    assert (answer["status"], answer["makingAmount"], answer["takingAmount"]) == ("matched", "5.9", "10")
    trade = bert.trades()[0]
    maker = trade["maker_orders"][0]
    assert (trade["outcome"], trade["price"], trade["trader_side"]) == ("No", "0.59", "TAKER")
    assert (maker["order_id"], maker["outcome"], maker["side"], maker["price"]) == (yes, "Yes", "BUY", "0.41")
    seen = anna.trades()[0]
    assert (seen["id"], seen["trader_side"], seen["maker_address"]) == (trade["id"], "MAKER", anna.wallet)
    assert anna.order(yes)["status"] == "MATCHED"
    venue.wait(5_000)
    assert (anna.shares(FED, 0), bert.shares(FED, 1)) == (10, 10)
    assert (anna.cash() + bert.cash(), anna.books.imbalances(), bert.books.imbalances()) == (190, [], [])


def test_selling_both_outcomes_merges_them(venue):
    anna, bert = venue.trader("anna"), venue.trader("bert")
    venue.give("anna", FED, "10", 0)
    venue.give("bert", FED, "10", 1)
    anna.rest(FED, "SELL", "0.41", "10")
    answer = bert.place(FED, "SELL", "0.55", "10", outcome=1).json()
    assert (answer["status"], answer["takingAmount"]) == ("matched", "5.9")
    venue.wait(5_000)
    assert (anna.cash(), bert.cash()) == (Decimal("104.1"), Decimal("105.9"))


def test_the_books_of_both_outcomes_mirror_each_other(venue):
    anna = venue.trader()
    anna.rest(FED, "BUY", "0.57", "7", outcome=1)
    tokens = venue.exchange.market(FED).tokens
    books = anna.send("POST", "/books", [{"token_id": token} for token in (*tokens, "123")]).json()
    yes, no = books
    assert [book["asset_id"] for book in books] == list(tokens)
    assert (yes["bids"][-1], yes["asks"][-1]) == ({"price": "0.4", "size": "100"}, {"price": "0.42", "size": "20"})
    assert {"price": "0.43", "size": "37"} in yes["asks"]
    assert no["bids"][-1] == {"price": "0.58", "size": "20"}
    assert {"price": "0.57", "size": "37"} in no["bids"]
    assert no["asks"][-1] == {"price": "0.6", "size": "100"}


def test_ticks_sizes_and_the_dollar(venue):
    anna = venue.trader()
    off = anna.place(FED, "BUY", "0.405", "10")
    assert off.status_code == 400
    assert off.json()["error"].endswith("is invalid. Price (0.405) breaks minimum tick size rule: 0.01")
    for price in ("1.00", "0.00999", "1.01"):
        assert "breaks minimum tick size rule" in anna.place(FED, "BUY", price, "1000").json()["error"]
    small = anna.place(FED, "BUY", "0.40", "4.99").json()["error"]
    assert small.endswith("is invalid. Size (4.99) lower than the minimum: 5")
    fine = anna.place(FED, "BUY", "0.40", "10.005").json()["error"]
    assert fine.startswith("invalid amounts, the limit buy orders maker amount supports a max accuracy of 4 decimals")
    assert anna.place(BTC, "BUY", "0.405", "10").status_code == 200  # its tick is 0.001
    assert len(anna.books.orders) == 1


def test_a_marketable_buy_costs_at_least_a_dollar(venue):
    anna = venue.trader()
    venue.book({}, {"0.13": "100"})
    assert anna.place(FED, "BUY", "0.13", "5").json() == {
        "error": "invalid amount for a marketable BUY order ($0.65), min size: $1"
    }
    assert anna.place(FED, "BUY", "0.12", "5").status_code == 200
    assert anna.place(FED, "BUY", "0.13", spend="0.99", kind="FAK").status_code == 400
    assert anna.place(FED, "BUY", "0.13", spend="1", kind="FAK").status_code == 200


def test_a_market_buy_spends_dollars_and_price_improvement_buys_more(venue):
    anna = venue.trader()
    answer = anna.place(FED, "BUY", "0.45", spend="20", kind="FAK").json()
    # 20 at 0.42 and 26.976744 at 0.43, where $20 at 0.45 would have been 44.44 shares.
    assert (answer["status"], answer["takingAmount"]) == ("matched", "46.976744")
    assert Decimal(answer["makingAmount"]) == Decimal("19.99999992")
    assert anna.order(answer["orderID"])["status"] == "MATCHED"


def test_market_orders_take_what_is_there_or_all(venue):
    anna = venue.trader(dollars="1000")
    venue.give("anna", FED, "400")
    assert anna.place(FED, "BUY", "0.41", spend="5", kind="FAK").json() == {"error": FAK}
    assert anna.place(FED, "BUY", "0.43", spend="50", kind="FOK").json() == {"error": FOK}
    assert anna.place(FED, "SELL", "0.39", "151", kind="FOK").json() == {"error": FOK}
    assert anna.books.orders == ()
    sold = anna.place(FED, "SELL", "0.39", "160", kind="FAK").json()
    assert (sold["makingAmount"], sold["takingAmount"]) == ("150", "59.5")
    row = anna.order(sold["orderID"])
    assert (row["status"], row["size_matched"]) == ("CANCELED", "150")
    bought = anna.place(FED, "BUY", "0.43", spend="21.30", kind="FOK").json()
    assert (bought["makingAmount"], bought["takingAmount"]) == ("21.3", "50")
    assert anna.books.open_orders == ()


def test_dust_sells_as_a_market_order(venue):
    anna = venue.trader()
    venue.give("anna", FED, "0.5")
    assert "lower than the minimum" in anna.place(FED, "SELL", "0.40", "0.50").json()["error"]
    assert anna.place(FED, "SELL", "0.40", "0.50", kind="FAK").json()["takingAmount"] == "0.2"


def test_market_orders_have_whole_cents(venue):
    anna = venue.trader()
    words = "invalid amounts, the market buy orders maker amount supports a max accuracy of 2 decimals, "
    answer = anna.place(FED, "BUY", "0.45", spend="5.005", kind="FAK").json()
    assert answer == {"error": words + "taker amount a max of 4 decimals"}


def test_post_only(venue):
    anna = venue.trader()
    crossing = anna.place(FED, "BUY", "0.42", "10", post_only=True)
    assert (crossing.status_code, crossing.json()["error"]) == (400, "invalid post-only order: order crosses book")
    assert anna.place(FED, "BUY", "0.41", "10", post_only=True).json()["status"] == "live"
    assert anna.place(FED, "BUY", "0.41", "10", post_only=True, kind="FAK").json() == {"error": "Invalid order payload"}


def test_gtd_ends_a_minute_early_and_not_too_soon(venue):
    anna = venue.trader()
    now_s = START_MS // 1000
    for expiration in (now_s + 179, now_s - 5, 0):
        answer = anna.place(FED, "BUY", "0.40", "5", kind="GTD", expiration=expiration)
        assert answer.json() == {"error": "invalid expiration"}
    assert anna.place(FED, "BUY", "0.40", "5", expiration=now_s + 600).json() == {"error": "invalid expiration"}
    order_id = anna.rest(FED, "BUY", "0.40", "5", kind="GTD", expiration=now_s + 180)
    venue.wait(119_999)
    assert anna.order(order_id)["status"] == "LIVE"
    venue.wait(1)
    assert anna.order(order_id)["status"] == "CANCELED"
    assert anna.books.orders[0].end is EndReason.EXPIRY


def test_the_same_order_is_taken_once(venue):
    anna = venue.trader()
    body = anna.signed(FED, "BUY", "0.40", "10")
    order_id = anna.send("POST", "/order", body).json()["orderID"]
    again = anna.send("POST", "/order", body)
    assert (again.status_code, again.json()) == (400, {"error": f"order {order_id} is invalid. Duplicated."})
    anna.cancel(order_id)
    assert anna.send("POST", "/order", body).status_code == 400
    assert len(anna.books.orders) == 1
    assert anna.books.sent_ids == {order_id: 3}


def test_a_batch_answers_for_each_order(venue):
    anna = venue.trader()
    answer = anna.batch(
        anna.signed(FED, "BUY", "0.40", "10"),
        anna.signed(FED, "BUY", "0.50", "10", post_only=True),
        anna.signed(FED, "BUY", "0.42", "5"),
        anna.signed(FED, "SELL", "0.60", "10"),
    )
    assert answer.status_code == 200
    items = answer.json()
    assert [item["success"] for item in items] == [True] * 4
    assert [bool(item["orderID"]) for item in items] == [True, False, True, False]
    assert items[1]["errorMsg"] == "invalid post-only order: order crosses book"
    assert items[2]["status"] == "matched"
    assert items[3]["errorMsg"].startswith("not enough balance / allowance")
    assert (items[3]["status"], items[3]["makingAmount"]) == ("", "")


def test_one_price_off_the_grid_refuses_the_whole_batch(venue):
    anna = venue.trader()
    answer = anna.batch(anna.signed(FED, "BUY", "0.40", "10"), anna.signed(FED, "BUY", "0.405", "10"))
    assert answer.status_code == 400
    assert "breaks minimum tick size rule" in answer.json()["error"]
    assert anna.books.orders == ()


def test_a_batch_has_one_to_fifteen_orders(venue):
    anna = venue.trader()
    bodies = [anna.signed(FED, "BUY", "0.10", "5") for _ in range(16)]
    assert anna.batch(*bodies).json() == {"error": "Too many orders in payload: 16, max allowed: 15"}
    assert anna.batch().json() == {"error": "Invalid order payload"}
    assert len(anna.batch(*bodies[:15]).json()) == 15


def test_what_can_not_be_read_is_refused(venue):
    anna = venue.trader()
    good = anna.signed(FED, "BUY", "0.40", "10")
    for field, value in [
        ("salt", "12"),
        ("side", "HOLD"),
        ("makerAmount", "4.0"),
        ("signatureType", 4),
        ("signer", "me"),
    ]:
        broken = {**good, "order": {**good["order"], field: value}}
        assert anna.send("POST", "/order", broken).json() == {"error": "Invalid order payload"}
    unknown = anna.signed(FED, "BUY", "0.40", "10", change={"token_id": 12345})
    assert anna.send("POST", "/order", unknown).json() == {"error": "invalid token id"}


def test_cancels_name_what_they_hit(venue):
    anna, bert = venue.trader("anna"), venue.trader("bert")
    first, second = (anna.rest(FED, "BUY", price, "10") for price in ("0.40", "0.41"))
    taken = anna.rest(FED, "BUY", "0.42", "5")
    foreign = bert.rest(FED, "BUY", "0.40", "10")
    assert anna.cancel(first).json() == {"canceled": [first], "not_canceled": {}}
    answer = anna.send("DELETE", "/orders", [first, second, taken, foreign, "0x" + "00" * 32]).json()
    assert answer["canceled"] == [second]
    assert set(answer["not_canceled"].values()) == {NOT_CANCELED}
    assert [miss.cause for miss in venue.exchange.misses] == [
        MissCause.CANCELED,
        MissCause.MATCHED,
        MissCause.NEVER_EXISTED,
        MissCause.NEVER_EXISTED,
    ]
    assert bert.open_ids() == [foreign]
    assert anna.cancel("0x12").json() == {"error": "Invalid orderID"}
    assert anna.send("DELETE", "/orders", []).json() == {"error": "Invalid order payload"}


def test_cancels_of_many(venue):
    anna, bert = venue.trader("anna"), venue.trader("bert")
    yes, no = anna.rest(FED, "BUY", "0.40", "5"), anna.rest(FED, "BUY", "0.40", "5", outcome=1)
    btc = anna.rest(BTC, "BUY", "0.40", "5")
    foreign = bert.rest(FED, "BUY", "0.40", "5")
    market = venue.exchange.market(FED)
    by_token = anna.send("DELETE", "/cancel-market-orders", {"asset_id": market.tokens[1]}).json()
    assert by_token == {"canceled": [no], "not_canceled": {}}
    by_market = anna.send("DELETE", "/cancel-market-orders", {"market": market.condition_id}).json()
    assert by_market["canceled"] == [yes]
    assert anna.send("DELETE", "/cancel-all").json() == {"canceled": [btc], "not_canceled": {}}
    assert bert.open_ids() == [foreign]


def test_not_canceled_is_no_proof(venue):
    """The venue was seen to say so of an order that lived on and filled later."""
    anna = venue.trader()
    order_id = anna.rest(FED, "BUY", "0.41", "10")
    venue.operator.ignore_cancels(1)
    assert anna.cancel(order_id).json() == {"canceled": [], "not_canceled": {order_id: NOT_CANCELED}}
    assert anna.order(order_id)["status"] == "LIVE"
    venue.book({"0.40": "100"}, {"0.41": "10"})
    assert anna.order(order_id)["status"] == "MATCHED"
    assert venue.exchange.misses[-1].cause is MissCause.IGNORED


def test_meeting_oneself_is_accepted_and_fills_nothing(venue):
    anna = venue.trader()
    venue.give("anna", FED, "10")
    own = anna.rest(FED, "BUY", "0.41", "10")
    answer = anna.place(FED, "SELL", "0.41", "10").json()
    assert (answer["errorMsg"], answer["status"], answer["tradeIDs"]) == ("", "unmatched", [])
    assert anna.order(answer["orderID"])["status"] == "CANCELED"
    assert anna.open_ids() == [own]


def test_delayed_orders_wait_and_can_not_be_canceled(venue):
    anna = venue.trader()
    venue.exchange.add_market(MarketSpec("slow", taker_delay_ms=150))
    venue.book({"0.40": "100"}, {"0.42": "100"}, "slow")
    answer = anna.place("slow", "BUY", "0.42", "10").json()
    assert (answer["status"], answer["takingAmount"]) == ("delayed", "")
    assert anna.order(answer["orderID"])["status"] == "DELAYED"
    assert list(anna.cancel(answer["orderID"]).json()["not_canceled"]) == [answer["orderID"]]
    venue.wait(150)
    assert anna.order(answer["orderID"])["status"] == "MATCHED"
    killed = anna.place("slow", "BUY", "0.42", spend="5", kind="FAK").json()
    venue.book({"0.40": "100"}, {"0.44": "100"}, "slow")
    venue.wait(150)
    assert anna.order(killed["orderID"])["status"] == "CANCELED"
    assert anna.books.imbalances() == []


def test_delayed_orders_do_not_match_in_the_window_after_a_restart(venue):
    anna = venue.trader()
    venue.exchange.add_market(MarketSpec("slow", taker_delay_ms=150))
    venue.book({"0.40": "100"}, {"0.42": "100"}, "slow")
    answer = anna.place("slow", "BUY", "0.42", "10").json()
    venue.operator.restart_engine(100)
    venue.wait(150)
    row = anna.order(answer["orderID"])
    assert (row["status"], row["size_matched"]) == ("CANCELED", "0")


def test_a_closed_market_takes_nothing(venue):
    anna = venue.trader()
    venue.exchange.add_market(MarketSpec("brief", open_at_ms=START_MS + 1_000, close_at_ms=START_MS + 5_000))
    early = anna.place("brief", "BUY", "0.40", "10").json()
    assert early == {"error": "the market is not yet ready to process new orders"}
    venue.wait(1_000)
    order_id = anna.rest("brief", "BUY", "0.40", "10")
    venue.wait(4_000)
    assert anna.order(order_id)["status"] == "CANCELED"
    assert anna.place("brief", "BUY", "0.40", "10").json()["error"].endswith("does not exist")


@pytest.mark.parametrize(
    ("tick", "price", "dollars"),
    [(1_000, "0.7", "1"), (100, "0.07", "1.03"), (25, "0.0025", "1.01"), (1, "0.9999", "3")],
)
def test_rounded_market_orders_keep_their_price_on_every_grid(venue, tick, price, dollars):
    """A client rounds the shares down; the price that comes out of the amounts is a little above the grid's."""
    decimals = {1_000: 3, 100: 4, 25: 6, 1: 6}[tick]
    venue.exchange.add_market(MarketSpec("grid", tick=tick))
    venue.book({}, {price: "10000"}, "grid")
    anna = venue.trader()
    spent = int(Decimal(dollars) * 10**6)
    shares = (Decimal(dollars) / Decimal(price)).quantize(Decimal(1).scaleb(-decimals), rounding="ROUND_DOWN")
    made = anna.place("grid", "BUY", price, kind="FAK", amounts=(spent, int(shares * 10**6)))
    assert made.status_code == 200, made.text
    assert anna.books.orders[0].price == Decimal(price) * 10**4
    one_less = int((shares - Decimal(2).scaleb(-decimals)) * 10**6)
    refused = anna.place("grid", "BUY", price, kind="FAK", amounts=(spent, one_less))
    assert "breaks minimum tick size rule" in refused.json()["error"]


def test_resting_orders_for_the_second_outcome_fill_at_their_own_price(venue):
    """The tape speaks of the first token; a bid of NO at 0.57 fills when bids of YES reach 0.43."""
    anna = venue.trader()
    venue.give("anna", FED, "8", 1)
    venue.book({"0.40": "100"}, {"0.45": "100"})
    bid = anna.rest(FED, "BUY", "0.57", "10", outcome=1)
    ask = anna.rest(FED, "SELL", "0.59", "8", outcome=1)
    venue.book({"0.44": "6"}, {"0.45": "100"})
    assert anna.order(bid)["size_matched"] == "6"
    trade = anna.trades()[0]
    maker = trade["maker_orders"][0]
    assert (trade["trader_side"], maker["order_id"], maker["price"], maker["outcome"]) == ("MAKER", bid, "0.57", "No")
    venue.exchange.apply_trade(FED, SCALE.price("0.40"), SCALE.size(200), Side.SELL)
    assert anna.order(ask)["status"] == "MATCHED"
    venue.wait(5_000)
    assert anna.cash() == 100 - 6 * Decimal("0.57") + 8 * Decimal("0.59")
    assert anna.books.imbalances() == []
