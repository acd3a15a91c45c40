"""Polymarket's deprecated CLOB client as a second independent client. Runs in an environment of its own.

Reads {"host", "key", "wallet", "signature_type", "tokens"} from stdin and prints one JSON object.
"""

import json
import sys

from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import (
    BalanceAllowanceParams,
    BookParams,
    MarketOrderArgsV2,
    OrderArgsV2,
    OrderPayload,
    OrderType,
    PostOrdersV2Args,
)
from py_clob_client_v2.exceptions import PolyApiException


def limit(client, token, price, size, side="BUY"):
    """A signed limit order. Position ids of protocol V2 have a field of their own."""
    is_v2 = ((int(token) >> 40) & ((1 << 64) - 1)) == 0
    named = {"token_id": None, "position_id": token} if is_v2 else {"token_id": token}
    return client.create_order(OrderArgsV2(price=price, size=size, side=side, **named))


def trade(client, tokens, found):
    """Place, batch, take."""
    found["resting"] = client.post_order(limit(client, tokens[0], 0.30, 10))
    found["others"] = [client.post_order(limit(client, token, 0.25, 8)) for token in tokens[1:]]
    found["batch"] = client.post_orders(
        [
            PostOrdersV2Args(order=limit(client, tokens[0], 0.29, 5), orderType=OrderType.GTC),
            PostOrdersV2Args(order=limit(client, tokens[0], 0.28, 1), orderType=OrderType.GTC),
        ]
    )
    market = MarketOrderArgsV2(token_id=tokens[0], amount=5, side="BUY", price=0.45, order_type=OrderType.FOK)
    found["bought"] = client.post_order(client.create_market_order(market), OrderType.FOK)


def main():
    """Trade a little and report."""
    given, found = json.load(sys.stdin), {}
    options = {"signature_type": given["signature_type"], "funder": given["wallet"]}
    first = ClobClient(given["host"], 137, key=given["key"], **options)
    client = ClobClient(given["host"], 137, key=given["key"], creds=first.create_or_derive_api_key(), **options)
    trade(client, given["tokens"], found)
    resting = found["resting"]["orderID"]
    found["one"], found["open"] = client.get_order(resting), [row["id"] for row in client.get_open_orders()]
    found["trades"] = client.get_trades()
    book = client.get_order_book(given["tokens"][0])
    found["book"], found["hash"] = book, client.get_order_book_hash(dict(book))
    found["books"] = [
        row["asset_id"] for row in client.get_order_books([BookParams(token_id=t) for t in given["tokens"]])
    ]
    found["cash"] = client.get_balance_allowance(BalanceAllowanceParams(asset_type="COLLATERAL"))["balance"]
    try:
        client.post_order(limit(client, given["tokens"][0], 0.30, 900, "SELL"))
    except PolyApiException as error:
        found["refused"] = [error.status_code, str(error.error_msg)]
    found["canceled"] = client.cancel_order(OrderPayload(orderID=resting))
    found["canceled_again"] = client.cancel_orders([resting])
    found["canceled_all"] = client.cancel_all()
    json.dump(found, sys.stdout, default=str)


if __name__ == "__main__":
    main()
