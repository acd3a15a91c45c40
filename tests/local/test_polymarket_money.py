"""Balances: what orders reserve, what trades move and when, failures, results and redemptions."""

from decimal import Decimal

import pytest
import requests

from local.venues.polymarket import EndReason, FeeSchedule, MarketSpec, TradeStatus
from local.venues.polymarket.relay_calls import RelayCall, batch_digest
from tests.local.polymarket_trader import BTC, FED, address_of, key_of, running, sign

BALANCE = "not enough balance / allowance: the balance is not enough -> "
WORDS = "TRADE_STATUS_"


@pytest.fixture
def venue():
    with running() as found:
        found.book({"0.40": "1000"}, {"0.42": "1000"})
        yield found


def test_open_sells_reserve_the_shares(venue):
    """Take profit and stop can't both rest on the same shares."""
    anna = venue.trader()
    venue.give("anna", FED, "100")
    take_profit = anna.rest(FED, "SELL", "0.60", "100")
    stop = anna.place(FED, "SELL", "0.30", "100")
    words = "balance: 100000000, sum of active orders: 100000000, order amount (inc. fees): 100000000"
    assert (stop.status_code, stop.json()) == (400, {"error": BALANCE + words})
    anna.cancel(take_profit)
    anna.rest(FED, "SELL", "0.60", "60")
    anna.rest(FED, "SELL", "0.65", "40")
    assert "sum of active orders: 100000000" in anna.place(FED, "SELL", "0.70", "5").json()["error"]
    assert anna.books.reserved_tokens == {venue.exchange.market(FED).tokens[0]: 100_000_000}


def test_matched_sells_count_until_they_settle(venue):
    anna = venue.trader()
    venue.give("anna", FED, "79.38")
    anna.rest(FED, "SELL", "0.40", "21.76")
    refused = anna.place(FED, "SELL", "0.60", "72.84").json()["error"]
    words = "balance: 79380000, sum of matched orders: 21760000, order amount (inc. fees): 72840000"
    assert refused == BALANCE + words
    venue.wait(2_000)
    assert anna.place(FED, "SELL", "0.60", "57.63").json()["error"] == (
        BALANCE + "balance: 57620000, order amount: 57630000"
    )
    assert anna.place(FED, "SELL", "0.60", "57.62").status_code == 200


def test_fresh_shares_sell_only_after_settlement(venue):
    anna = venue.trader()
    anna.rest(FED, "BUY", "0.42", "20")
    refused = anna.place(FED, "SELL", "0.60", "20").json()["error"]
    assert refused == BALANCE + "balance: 0, order amount: 20000000"
    token = venue.exchange.market(FED).tokens[0]
    anna.get("/balance-allowance/update", asset_type="CONDITIONAL", token_id=token)
    assert anna.shares(FED) == 0  # there is nothing on the chain yet
    venue.wait(2_000)
    assert anna.shares(FED) == 20
    assert anna.place(FED, "SELL", "0.60", "20").status_code == 200


def test_the_balance_cache_lags_until_it_is_asked_to_look(venue):
    venue.operator.set_settlement(cached_after_ms=30_000)
    anna = venue.trader()
    anna.rest(FED, "BUY", "0.42", "20")
    venue.wait(2_000)
    assert anna.trades()[0]["status"] == WORDS + "MINED"
    assert anna.place(FED, "SELL", "0.60", "20").json()["error"].startswith(BALANCE)
    token = venue.exchange.market(FED).tokens[0]
    update = anna.get("/balance-allowance/update", asset_type="CONDITIONAL", token_id=token)
    assert (update.status_code, anna.shares(FED)) == (200, 20)
    assert anna.cash() == 100  # each asset is looked at for itself
    sold = anna.place(FED, "SELL", "0.40", "20")
    assert sold.json()["status"] == "matched"
    venue.wait(60_000)
    assert (anna.shares(FED), anna.cash()) == (0, Decimal("99.6"))
    assert anna.books.imbalances() == []


def test_buys_reserve_money_per_market(venue):
    anna = venue.trader(dollars="10")
    anna.rest(FED, "BUY", "0.40", "20")
    refused = anna.place(FED, "BUY", "0.40", "10", outcome=1).json()["error"]
    words = "balance: 10000000, sum of active orders: 8000000, order amount (inc. fees): 4000000"
    assert refused == BALANCE + words
    assert anna.place(BTC, "BUY", "0.40", "20").status_code == 200
    assert anna.place(BTC, "BUY", "0.40", "6").status_code == 400


def test_a_fill_cancels_what_it_left_uncovered_elsewhere(venue):
    anna = venue.trader(dollars="10")
    anna.rest(BTC, "BUY", "0.40", "5")
    younger = anna.rest(BTC, "BUY", "0.40", "20")
    anna.rest(FED, "BUY", "0.42", "10")
    assert anna.order(younger)["status"] == "INVALID"
    assert [order.end for order in anna.books.orders] == [None, EndReason.BALANCE, EndReason.TRADE]


def test_money_taken_out_cancels_orders(venue):
    anna = venue.trader(dollars="10")
    venue.give("anna", FED, "20")
    buy, sell = anna.rest(FED, "BUY", "0.40", "20"), anna.rest(FED, "SELL", "0.60", "20")
    venue.exchange.deposit("anna", Decimal(-5))
    assert (anna.order(buy)["status"], anna.order(sell)["status"]) == ("INVALID", "LIVE")
    venue.give("anna", FED, "-1")
    assert anna.order(sell)["status"] == "INVALID"


def test_each_exchange_needs_its_own_approval(venue):
    anna = venue.trader()
    venue.operator.set_approved("anna", "v3", False)
    refused = anna.place(BTC, "BUY", "0.40", "10").json()["error"]
    assert refused == (
        "not enough balance / allowance: the allowance is not enough -> "
        "spender: 0xe3333700cA9d93003F00f0F71f8515005F6c00Aa, allowance: 0, order amount: 4000000"
    )
    assert anna.place(FED, "BUY", "0.40", "10").status_code == 200
    allowances = anna.get("/balance-allowance", asset_type="COLLATERAL").json()["allowances"]
    assert [value == "0" for value in allowances.values()] == [False, False, True]


def test_takers_pay_the_markets_fee_and_makers_nothing(venue):
    venue.exchange.add_market(MarketSpec("taxed", fees=FeeSchedule(rate=Decimal("0.07"))))
    anna, bert = venue.trader("anna"), venue.trader("bert")
    venue.give("bert", "taxed", "200")
    bert.rest("taxed", "SELL", "0.30", "100")
    anna.rest("taxed", "BUY", "0.30", "100")
    venue.wait(5_000)
    # 100 x 0.07 x 0.3 x 0.7 on top of $30
    assert (anna.cash(), bert.cash()) == (Decimal("68.53"), Decimal(130))
    anna.rest("taxed", "BUY", "0.20", "50")
    bert.rest("taxed", "SELL", "0.20", "50")
    venue.wait(5_000)
    assert bert.cash() == 130 + 10 - Decimal("0.56")
    assert anna.get("/clob-markets/" + venue.exchange.market("taxed").condition_id).json()["fd"] == {
        "r": 0.07,
        "e": 1,
        "to": True,
    }


@pytest.mark.parametrize(
    ("price", "size", "fee"),
    [(5000, 100_000_000, 17_500_000_000), (100, 1_000_000, 6_900_000), (100, 10_000, 100_000), (100, 5_000, 0)],
)
def test_fees_are_rounded_to_five_decimals(price, size, fee):
    """0.07 x 1 x 0.01 x 0.99 is $0.000693; what is below half of $0.00001 is nothing."""
    assert FeeSchedule(rate=Decimal("0.07")).taker_fee(price, size) == fee


def test_a_buy_needs_its_fee_too(venue):
    venue.exchange.add_market(MarketSpec("taxed", fees=FeeSchedule(rate=Decimal("0.05"))))
    venue.book({}, {"0.50": "100"}, "taxed")
    anna = venue.trader(dollars="10")
    refused = anna.place("taxed", "BUY", "0.50", "20").json()["error"]
    assert refused == BALANCE + "balance: 10000000, order amount: 10250000"
    assert anna.place("taxed", "BUY", "0.50", spend="10", kind="FAK").status_code == 400
    assert anna.place("taxed", "BUY", "0.50", spend="9.75", kind="FAK").status_code == 200
    assert anna.books.imbalances() == []
    assert anna.books.cash >= 0


def test_a_trade_goes_from_matched_to_confirmed(venue):
    venue.operator.set_settlement(mined_after_ms=3_000, confirmed_after_ms=7_000)
    anna = venue.trader()
    anna.rest(FED, "BUY", "0.42", "10")
    seen = []
    for _ in range(4):
        trade = anna.trades()[0]
        seen.append((trade["status"].removeprefix(WORDS), trade["transaction_hash"] != ""))
        venue.wait(3_500)
    assert seen == [("MATCHED", False), ("MINED", True), ("MINED", True), ("CONFIRMED", True)]


def test_a_failed_trade_moves_nothing(venue):
    anna, bert = venue.trader("anna"), venue.trader("bert")
    venue.give("bert", FED, "10")
    sell = bert.rest(FED, "SELL", "0.41", "10")
    venue.operator.fail_trades(1)
    anna.rest(FED, "BUY", "0.41", "10")
    assert (anna.books.position(venue.exchange.market(FED).tokens[0]), anna.books.cash) == (10_000_000, 95_9000_000_000)
    venue.wait(2_000)
    assert anna.trades()[0]["status"] == WORDS + "RETRYING"
    venue.wait(2_000)
    assert (anna.trades()[0]["status"], bert.trades()[0]["status"]) == (WORDS + "FAILED", WORDS + "FAILED")
    assert (anna.shares(FED), anna.cash(), bert.shares(FED), bert.cash()) == (0, 100, 10, 100)
    # The order does not come back; its shares can be sold again.
    assert bert.order(sell)["status"] == "MATCHED"
    assert bert.place(FED, "SELL", "0.60", "10").status_code == 200
    assert [fill.status for fill in anna.books.fills] == [TradeStatus.FAILED]
    assert anna.books.imbalances() == bert.books.imbalances() == []
    anna.rest(FED, "BUY", "0.42", "10")
    venue.wait(4_000)
    assert anna.shares(FED) == 10  # only one was told to fail


def relayer_headers(trader):
    if trader.relayer_key is None:
        trader.relayer_key = trader.venue.exchange.add_relayer_key(trader.name)
    return {"RELAYER_API_KEY": trader.relayer_key, "RELAYER_API_KEY_ADDRESS": trader.address}


def call_to_redeem(market):
    """As the official SDK calls the adapter of binary markets."""
    arguments = [
        "c011a7e12a19f7b1f670d46f03b03f3342e82dfb".rjust(64, "0"),
        "0" * 64,
        market.condition_id[2:],
        *(f"{number:064x}" for number in (128, 2, 1, 2)),
    ]
    return RelayCall("0xada100db00ca00073811820692005400218fce1f", bytes.fromhex("01b7037c" + "".join(arguments)))


def nonce_of(trader):
    return int(params_of(trader, address=trader.address, type="WALLET").json()["nonce"])


def params_of(trader, **query):
    path = "/relayer/v1/account/transactions/params"
    return trader.send("GET", path, headers=relayer_headers(trader), **query)


def redeem(trader, market, **change):
    """A batch of a deposit wallet, signed by its owner."""
    call, deadline = change.get("call", call_to_redeem(market)), trader.venue.clock.now_ms() // 1000 + 600
    calls = (call,) * change.get("times", 1)
    nonce = change.get("nonce", nonce_of(trader))
    signed = batch_digest(trader.wallet, nonce, deadline, calls)
    body = {
        "type": "WALLET",
        "from": trader.address,
        "to": "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07",
        "nonce": str(nonce),
        "signature": "0x" + sign(change.get("key", trader.key), signed).hex(),
        "metadata": "a redemption",
        "depositWalletParams": {
            "depositWallet": trader.wallet,
            "deadline": str(deadline),
            "calls": [{"target": call.target, "value": "0", "data": "0x" + call.data.hex()}] * len(calls),
        },
    }
    return trader.send("POST", "/relayer/submit", body, headers=change.get("headers", relayer_headers(trader)))


def state_of(trader, submitted):
    path = f"/relayer/v1/account/transactions/{submitted.json()['transactionID']}"
    return trader.send("GET", path, headers=relayer_headers(trader)).json()["state"]


def depositor(venue, name="anna"):
    """Whoever redeems without gas holds a deposit wallet."""
    return venue.trader(name, wallet=address_of(key_of(f"wallet of {name}")), signature_type=3)


def test_a_result_ends_trading_and_pays_a_dollar_a_share_when_redeemed(venue):
    anna, bert = depositor(venue, "anna"), depositor(venue, "bert")
    venue.give("anna", FED, "30", 0)
    venue.give("bert", FED, "30", 1)
    resting = anna.rest(FED, "SELL", "0.60", "30")
    market = venue.exchange.market(FED)
    assert state_of(anna, redeem(anna, market)) == "STATE_FAILED"  # there is no result yet
    assert anna.cash() == 100
    venue.exchange.resolve(FED, 0)
    assert anna.order(resting)["status"] == "CANCELED_MARKET_RESOLVED"
    assert anna.place(FED, "SELL", "0.60", "5").json()["error"].endswith("does not exist")
    assert anna.get("/book", token_id=market.tokens[0]).status_code == 404
    (position,) = anna.get("/data-api/v2/positions", user=anna.wallet).json()["data"]
    assert (position["redeemable"], position["current_size"], position["current_value"]) == (True, 30, 30)
    assert anna.cash() == 100  # nothing is paid by itself
    done = redeem(anna, market)
    assert done.json()["state"] == "STATE_NEW"
    assert state_of(anna, done) == "STATE_CONFIRMED"
    redeem(bert, market)
    assert (anna.cash(), anna.shares(FED), bert.cash(), bert.shares(FED, 1)) == (130, 0, 100, 0)
    assert [row.payout for row in (*anna.books.redemptions, *bert.books.redemptions)] == [300_000_000_000, 0]
    assert anna.books.imbalances() == bert.books.imbalances() == []
    assert anna.get("/data-api/v2/positions", user=anna.wallet).json()["data"] == []


def test_shares_that_settle_after_the_result_are_redeemed_then(venue):
    anna = venue.trader()
    anna.rest(FED, "BUY", "0.42", "10")
    venue.exchange.resolve(FED, 0)
    assert venue.exchange.redeem("anna", FED) is None
    venue.wait(2_000)
    assert venue.exchange.redeem("anna", FED).payout == 10 * 10**10
    assert venue.exchange.redeem("anna", FED) is None
    assert anna.cash() == Decimal("105.8")
    assert anna.books.imbalances() == []


def test_the_relayer_takes_25_calls_a_minute_from_those_it_knows(venue):
    anna = depositor(venue)
    market = venue.exchange.market(FED)
    assert redeem(anna, market, headers={}).status_code == 401
    trading = relayer_headers(anna) | {"RELAYER_API_KEY": anna.credentials.api_key}
    assert redeem(anna, market, headers=trading).status_code == 401, "a key of the CLOB is none of the relayer's"
    assert params_of(anna, address=anna.wallet, type="WALLET").json() == {"error": "invalid address"}
    assert params_of(anna, address=anna.address, type="SAFE").json() == {"error": "invalid type"}
    assert [redeem(anna, market).status_code for _ in range(26)] == [200] * 25 + [429]
    refused = redeem(anna, market)
    assert (refused.headers["Retry-After"], refused.json()["error"]) == ("60", "quota exceeded")
    venue.wait(60_000)
    assert redeem(anna, market).status_code == 200
    assert nonce_of(anna) == 0, "what reverts uses no nonce"
    assert anna.get("/relayer/deployed", address=anna.wallet).json() == {"deployed": True}


def test_the_relayer_sends_only_what_the_owner_signed_for_the_wallets_next_nonce(venue):
    anna, market = depositor(venue), venue.exchange.market(FED)
    venue.give("anna", FED, "30", 0)
    venue.exchange.resolve(FED, 0)
    assert redeem(anna, market, key=key_of("somebody else")).json()["error"] == "bad request"
    assert redeem(anna, market, nonce=4).json()["error"] == "batch nonce 4 does not match on-chain nonce 0"
    assert state_of(anna, redeem(anna, market, times=2)) == "STATE_FAILED", "what is redeemed twice pays once"
    binary = call_to_redeem(market)
    other = RelayCall("0xada2005600dec949baf300f4c6120000bdb6eaab", binary.data)
    assert state_of(anna, redeem(anna, market, call=other)) == "STATE_FAILED", "the adapter of neg-risk markets"
    venue.operator.set_relaying(mined_after_ms=2_000, confirmed_after_ms=2_000)
    first = redeem(anna, market)
    assert redeem(anna, market).json()["error"] == "wallet has in-flight action"
    assert (state_of(anna, first), anna.cash()) == ("STATE_NEW", 100)
    venue.wait(2_000)
    assert (state_of(anna, first), anna.cash(), nonce_of(anna)) == ("STATE_MINED", 130, 1)
    venue.wait(2_000)
    assert state_of(anna, first) == "STATE_CONFIRMED"
    (latest, *_) = anna.send("GET", "/relayer/transactions", headers=relayer_headers(anna)).json()
    assert (latest["metadata"], latest["state"], latest["nonce"]) == ("a redemption", "STATE_CONFIRMED", "0")
    assert anna.books.imbalances() == []


def test_the_relayers_transactions_fail_when_told_to(venue):
    anna, market = depositor(venue), venue.exchange.market(FED)
    venue.give("anna", FED, "30", 0)
    venue.exchange.resolve(FED, 0)
    venue.operator.set_relaying(failing=1)
    assert state_of(anna, redeem(anna, market)) == "STATE_FAILED"
    told = requests.post(f"{venue.server.origin}/_local/relayer", json={"invalid": 1}, timeout=10)
    assert told.status_code == 204
    assert state_of(anna, redeem(anna, market)) == "STATE_INVALID"
    assert (anna.cash(), nonce_of(anna)) == (100, 0)
    assert state_of(anna, redeem(anna, market)) == "STATE_CONFIRMED"


def test_positions_hide_dust(venue):
    anna = venue.trader()
    venue.give("anna", FED, "0.09")
    venue.give("anna", BTC, "7", 1)
    rows = anna.get("/data-api/v2/positions", user=anna.wallet).json()["data"]
    assert [(row["token_id"], row["current_size"]) for row in rows] == [(venue.exchange.market(BTC).tokens[1], 7)]
    asked = {"user": anna.wallet, "filter_type": "TOKENS"}
    for amount, count in (("0.000001", 2), ("0.09", 2), ("0.1", 1), ("0", 1), ("8", 0)):
        assert len(anna.get("/data-api/v2/positions", **asked, filter_amount=amount).json()["data"]) == count
    for nonsense in ("x", "NaN", "Infinity"):
        assert anna.get("/data-api/v2/positions", **asked, filter_amount=nonsense).status_code == 422


def test_gamma_lists_markets_by_version_and_result(venue):
    anna = venue.trader()
    fed, btc = venue.exchange.market(FED), venue.exchange.market(BTC)
    rows = {row["slug"]: row for row in anna.get("/gamma/markets").json()}
    assert "clobTokenIds" in rows[FED]
    assert "clobTokenIds" not in rows[BTC]
    assert rows[BTC]["positionIds"] == f'["{btc.tokens[0]}", "{btc.tokens[1]}"]'
    assert (rows[FED]["closed"], rows[FED]["acceptingOrders"], rows[FED]["orderMinSize"]) == (False, True, 5)
    venue.exchange.resolve(FED, 1)
    (row,) = anna.get("/gamma/markets", condition_ids=fed.condition_id, closed="true").json()
    assert (row["outcomePrices"], row["umaResolutionStatus"]) == ('["0", "1"]', "resolved")
    assert [row["slug"] for row in anna.get("/gamma/markets", closed="false").json()] == [BTC]
