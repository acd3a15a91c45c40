"""The Polymarket adapter in front of a scripted server, and the orders, markets and answers that tests use."""

from decimal import Decimal

from holdfast.clock import VirtualClock
from holdfast.core.market import Side
from holdfast.core.orders import Cancellation, Placement, Purpose, TargetOrder
from holdfast.venues.polymarket.adapter import PolymarketVenue
from holdfast.venues.polymarket.headers import ApiCredentials
from holdfast.venues.polymarket.order import SCALE
from holdfast.venues.polymarket.settings import PolymarketSettings
from holdfast.venues.polymarket.signer import LocalSigner
from holdfast.venues.transport import RequestsTransport
from tests.venues.kalshi_scripted import NOW_MS, CountingMeter, Reply

KEY = "0x" + "4f" * 32
OWNER = "9180014b-33c8-9240-a14b-bdca11c0a465"
WALLET = LocalSigner(KEY).address
DEADLINE = NOW_MS + 10_000
CONDITION = "0x" + "ab" * 32
YES = "65005972776075224670000681010643899770971589393431405580697019408174847163720"
NO = "17767056258552259465275826923267725461477168306258795494416101453533300964608"
MARKET = {"t": [{"t": YES, "o": "Yes"}, {"t": NO, "o": "No"}], "mts": 0.01, "mos": 5, "fd": {"r": 0.05, "e": 1}}
# What the adapter reads before it can build its first order of a market.
RULES = (Reply(200, {"condition_id": CONDITION}), Reply(200, MARKET))


def venue_at(url, clock=None, meter=None, transport=None, **settings):
    return PolymarketVenue(
        PolymarketSettings("poly-test", base_url=url, **settings),
        LocalSigner(KEY),
        ApiCredentials(OWNER, "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "a-passphrase"),
        transport or RequestsTransport(),
        clock or VirtualClock(NOW_MS),
        meter or CountingMeter(),
    )


def placement(identity="hf-1", market=YES, side=Side.BUY, price="0.47", size="10.5", **more):
    target = TargetOrder(market, side, SCALE.price(price), SCALE.size(size), Purpose.QUOTE, "bid-0", **more)
    return Placement(target, identity)


def cancellation(order_id):
    return Cancellation(order_id, YES, Side.BUY)


def accepted(order_id, status="live", making="", taking=""):
    return {
        "errorMsg": "",
        "orderID": order_id,
        "status": status,
        "success": True,
        "makingAmount": making,
        "takingAmount": taking,
        "transactionsHashes": [],
        "tradeIDs": [],
    }


def refused(words):
    """A refused item of a batch: success stays true."""
    return {"errorMsg": words, "orderID": "", "takingAmount": "", "makingAmount": "", "status": "", "success": True}


def order_row(order_id="0x1", **changes):
    row = {
        "id": order_id,
        "status": "LIVE",
        "owner": OWNER,
        "maker_address": WALLET,
        "market": CONDITION,
        "asset_id": YES,
        "side": "BUY",
        "original_size": "10.5",
        "size_matched": "0",
        "price": "0.47",
        "outcome": "Yes",
        "expiration": "0",
        "order_type": "GTC",
        "associate_trades": [],
        "created_at": NOW_MS // 1000,
    }
    return row | changes


def trade_row(trade_id="t-1", **changes):
    row = {
        "id": trade_id,
        "taker_order_id": "0xt",
        "market": CONDITION,
        "asset_id": YES,
        "side": "BUY",
        "size": "10",
        "price": "0.47",
        "fee_rate_bps": "0",
        "status": "MATCHED",
        "outcome": "Yes",
        "match_time": str(NOW_MS // 1000),
        "last_update": str(NOW_MS // 1000),
        "bucket_index": 0,
        "owner": OWNER,
        "maker_address": WALLET,
        "transaction_hash": "",
        "trader_side": "TAKER",
        "maker_orders": [],
    }
    return row | changes


def page(*rows, next_cursor="LTE="):
    return {"limit": 100, "count": len(rows), "next_cursor": next_cursor, "data": list(rows)}


def units(text, decimals=10):
    return int(Decimal(text).scaleb(decimals))
