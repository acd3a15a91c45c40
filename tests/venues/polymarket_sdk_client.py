"""Polymarket's official SDK as an independent client. Runs in an environment of its own, as a subprocess.

Reads {"urls", "key", "wallet", "tokens", "condition"} from stdin and prints, as one JSON object, what the SDK's strict
models made of the answers. With "wallet" null it only prints the address of the key's deposit wallet; with
"relayer_key" it redeems the market instead of trading.
"""

import json
import sys
from dataclasses import replace

from eth_account import Account
from polymarket import SecureClient
from polymarket._internal.wallet import derive_beacon_deposit_wallet_address
from polymarket.auth import RelayerApiKey
from polymarket.environments import PRODUCTION, _create_environment
from polymarket.errors import RequestRejectedError


def environment(urls):
    """The SDK's production contracts with local hosts."""
    hosts = {
        "clob_url": urls["clob"],
        "gamma_url": urls["gamma"],
        "data_url": urls["data"],
        "relayer_url": urls["relayer"],
    }
    return _create_environment(name="local", config=replace(PRODUCTION._config, **hosts))


def place(client, tokens, found):
    """One order in each market, a batch with a refused item, and both kinds of market orders."""
    resting = client.post_order(client.create_limit_order(token_id=tokens[0], price="0.30", size="10", side="BUY"))
    taken = client.post_order(client.create_limit_order(token_id=tokens[0], price="0.43", size="12", side="BUY"))
    others = [
        client.post_order(client.create_limit_order(token_id=token, price="0.25", size="8", side="BUY"))
        for token in tokens[1:]
    ]
    batch = client.post_orders(
        [
            client.create_limit_order(token_id=tokens[0], price="0.29", size="5", side="BUY"),
            client.create_limit_order(token_id=tokens[0], price="0.90", size="5", side="BUY", post_only=True),
        ]
    )
    market = client.create_market_order(token_id=tokens[0], side="BUY", amount="5", max_price="0.45", order_type="FAK")
    bought = client.post_order(market)
    found["resting"], found["taken"], found["bought"] = (o.model_dump(mode="json") for o in (resting, taken, bought))
    found["others"] = [order.model_dump(mode="json") for order in others]
    found["batch"] = [order.model_dump(mode="json") for order in batch]
    return resting.order_id, batch[0].order_id


def read(client, given, found, order_id):
    """Everything that the SDK lists and gets."""
    token = given["tokens"][0]
    found["one"] = client.get_order(order_id=order_id).model_dump(mode="json")
    found["open"] = [row.id for page in client.list_open_orders() for row in page.items]
    found["trades"] = [row.model_dump(mode="json") for page in client.list_account_trades() for row in page.items]
    found["book"] = client.get_order_book(token_id=token).model_dump(mode="json")
    found["books"] = [book.asset_id for book in client.get_order_books(token_ids=given["tokens"])]
    found["mid"], found["price"] = (
        str(client.get_midpoint(token_id=token)),
        str(client.get_price(token_id=token, side="BUY")),
    )
    found["cash"] = client.get_balance_allowance(asset_type="COLLATERAL").balance
    found["closed_only"] = client.get_closed_only_mode()
    both = ["v1", "v2"]
    pages = list(client.list_markets(version=both, page_size=2))
    found["listed"] = [[market.model_dump(mode="json") for market in page.items] for page in pages]
    found["closed"] = [row.slug for row in client.list_markets(closed=True, version=both).iter_items()]
    found["events"] = [row.slug for row in client.list_events(version=both, page_size=2).iter_items()]
    found["beat"] = client.send_order_heartbeat().heartbeat_id


def refuse(client, token, found):
    """What the SDK makes of refusals."""
    found["errors"] = []
    order = client.create_limit_order(token_id=token, price="0.28", size="5", side="BUY")
    client.post_order(order)
    orders = [
        order,
        client.create_limit_order(token_id=token, price="0.28", size="1", side="BUY"),
        client.create_limit_order(token_id=token, price="0.28", size="900", side="SELL"),
        client.create_market_order(token_id=token, side="BUY", amount="5", max_price="0.05", order_type="FOK"),
    ]
    for refused in orders:
        try:
            client.post_order(refused)
        except RequestRejectedError as error:
            found["errors"].append([error.status, str(error)])


def redeem(client, given, found):
    """Positions before, a redemption through the relayer, positions after."""
    found["before"] = [row.model_dump(mode="json") for page in client.list_positions() for row in page.items]
    found["outcome"] = client.redeem_positions(condition_id=given["condition"]).wait().transaction_id
    found["after"] = [row.model_dump(mode="json") for page in client.list_positions() for row in page.items]


def main():
    """Trade a little and report."""
    given = json.load(sys.stdin)
    if given["wallet"] is None:
        address = Account.from_key(given["key"]).address
        found = {"wallet": derive_beacon_deposit_wallet_address(address, PRODUCTION._config.wallet_derivation)}
    else:
        found = {}
        relayer = given.get("relayer_key")
        client = SecureClient.create(
            api_key=relayer and RelayerApiKey(key=relayer, address=Account.from_key(given["key"]).address),
            private_key=given["key"],
            wallet=given["wallet"],
            environment=environment(given["urls"]),
        )
    if given.get("relayer_key"):
        redeem(client, given, found)
    elif given["wallet"]:
        first, second = place(client, given["tokens"], found)
        read(client, given, found, first)
        refuse(client, given["tokens"][0], found)
        found["canceled"] = client.cancel_order(order_id=first).model_dump(mode="json")
        found["canceled_again"] = client.cancel_orders(order_ids=[first, second]).model_dump(mode="json")
        found["canceled_market"] = client.cancel_market_orders(market=given["condition"]).model_dump(mode="json")
        found["canceled_all"] = client.cancel_all().model_dump(mode="json")
    json.dump(found, sys.stdout, default=str)


if __name__ == "__main__":
    main()
