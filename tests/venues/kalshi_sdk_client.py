"""Kalshi's official SDK as an independent client. Runs in its own Python 3.13 environment, as a subprocess.

Reads {"host", "key_id", "private_key", "ticker", "sharded", "series"} from stdin and prints, as one JSON object, what
the SDK's strict models made of the answers. Any answer that they refuse ends it with a traceback.
"""

import json
import sys

import kalshi_python_sync as sdk


def order(ticker, side, price, count, cid, **more):
    """The fields of one order; the SDK takes a body as keywords."""
    return dict(
        ticker=ticker,
        side=side,
        price=price,
        count=count,
        client_order_id=cid,
        time_in_force="good_till_canceled",
        self_trade_prevention_type="taker_at_cross",
        **more,
    )


def read_market(client, given, found):
    """Everything that is not the user's own."""
    ticker, sharded = given["ticker"], given["sharded"]
    found["limits"] = client.get_account_api_limits().to_dict()
    found["costs"] = client.get_account_endpoint_costs().to_dict()
    found["status"] = client.get_exchange_status().to_dict()
    found["as_of"] = client.get_user_data_timestamp().as_of_time.isoformat()
    found["series"] = client.get_series(given["series"]).series.to_dict()
    found["market"] = client.get_market(ticker).market.to_dict()
    found["markets"] = [market.ticker for market in client.get_markets(tickers=f"{ticker},{sharded}").markets]
    found["book"] = client.get_market_orderbook(ticker).to_dict()
    found["books"] = [book.ticker for book in client.get_market_orderbooks(tickers=[ticker, sharded]).orderbooks]


def place(client, given, found):
    """Single orders and a batch; returns what later steps change."""
    ticker, sharded = given["ticker"], given["sharded"]
    resting = client.create_order_v2(**order(ticker, "bid", "0.3000", "10.00", "sdk-rest"))
    taken = client.create_order_v2(**order(ticker, "bid", "0.4200", "5.00", "sdk-take"))
    batch = client.batch_create_orders_v2(
        orders=[
            sdk.CreateOrderV2Request(**order(ticker, "bid", "0.2900", "1.00", "sdk-b1")),
            sdk.CreateOrderV2Request(**order(ticker, "bid", "0.9000", "1.00", "sdk-b2", post_only=True)),
            sdk.CreateOrderV2Request(**order(sharded, "ask", "0.9000", "1.00", "sdk-b3", exchange_index=2)),
        ]
    )
    found["taken"], found["batch"] = taken.to_dict(), batch.to_dict()
    found["listed"] = [row.client_order_id for row in client.get_orders(status="resting").orders]
    found["one"] = client.get_order(resting.order_id).order.to_dict()
    return resting, batch


def change(client, given, found, resting, batch):
    """Amend, decrease, cancel one and several."""
    ticker, sharded = given["ticker"], given["sharded"]
    amended = client.amend_order_v2(resting.order_id, ticker=ticker, side="bid", price="0.3100", count="8.00")
    decreased = client.decrease_order_v2(resting.order_id, reduce_by="3.00")
    found["amended"], found["decreased"] = amended.to_dict(), decreased.to_dict()
    found["canceled"] = client.cancel_order_v2(resting.order_id, market_ticker=ticker).to_dict()
    entry = sdk.BatchCancelOrdersV2RequestOrdersInner
    found["batch_canceled"] = client.batch_cancel_orders_v2(
        orders=[
            entry(order_id=batch.orders[0].order_id, market_ticker=ticker),
            entry(order_id=batch.orders[2].order_id, market_ticker=sharded),
            entry(order_id=resting.order_id, market_ticker=ticker),
        ]
    ).to_dict()
    found["left"] = [row.client_order_id for row in client.get_orders(status="resting").orders]


def fail(client, given, found, batch):
    """What the SDK makes of refusals."""
    ticker = given["ticker"]
    found["errors"] = {}
    for name, call in {
        "duplicate": lambda: client.create_order_v2(**order(ticker, "bid", "0.3000", "1.00", "sdk-rest")),
        "unrouted": lambda: client.cancel_order_v2(batch.orders[2].order_id),
        "off_grid": lambda: client.create_order_v2(**order(ticker, "bid", "0.3050", "1.00", "sdk-grid")),
    }.items():
        try:
            call()
        except sdk.ApiException as error:
            found["errors"][name] = [error.status, json.loads(error.body)["error"]["code"]]


def read_money(client, found):
    """The user's own."""
    found["balance"] = client.get_balance().to_dict()
    found["positions"] = client.get_positions().to_dict()
    found["fills"] = [fill.to_dict() for fill in client.get_fills().fills]
    found["settlements"] = client.get_settlements().to_dict()


def main():
    """Trade a little and report."""
    given = json.load(sys.stdin)
    configuration = sdk.Configuration(host=given["host"], retries=0)
    configuration.api_key_id, configuration.private_key_pem = given["key_id"], given["private_key"]
    client = sdk.KalshiClient(configuration)
    found = {"sdk": sdk.__version__}
    read_market(client, given, found)
    resting, batch = place(client, given, found)
    change(client, given, found, resting, batch)
    fail(client, given, found, batch)
    read_money(client, found)
    json.dump(found, sys.stdout, default=str)


if __name__ == "__main__":
    main()
