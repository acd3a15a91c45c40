# ruff: noqa: ANN001, ANN201, ANN204 - it runs where none of our types are
"""Runs inside the SDKs' own environment, never in ours: signs orders with Polymarket's official Python SDKs.

Reads one JSON object from stdin: {"sdk": "unified" | "v2", "key", "owner", "wallets": {type: address}, "orders": [...],
"timed": bool}; writes {"orders": [[signature, order id, body] or null where the SDK refuses,
...], "median_us"} to stdout. Time and salt, which the
SDKs draw themselves, are set from outside so that the results can be compared.
"""

import json
import sys
import time
from decimal import Decimal
from types import SimpleNamespace

ZERO_WORD = "0x" + "00" * 32
WALLETS = {0: "EOA", 1: "POLY_PROXY", 2: "GNOSIS_SAFE", 3: "DEPOSIT_WALLET"}


class Unified:
    """polymarket-client: its functions below the network, called as its client calls them."""

    def __init__(self, given):
        from eth_account import Account
        from polymarket._internal.actions.orders import limit, market, orders, post, typed_data
        from polymarket._internal.actions.orders.market_data import MarketInfo, PlatformFeeInfo
        from polymarket.environments import PRODUCTION

        self.account = Account.from_key(given["key"])
        self.given = given
        from polymarket.errors import UserInputError

        self.refusals = UserInputError
        self.limit, self.market, self.orders, self.post, self.typed_data = limit, market, orders, post, typed_data
        self.info = lambda order: MarketInfo(
            PlatformFeeInfo(Decimal(0), Decimal(0)), order["neg_risk"], Decimal(order["tick"]), frozenset()
        )
        self.environment = PRODUCTION._config

    def sign(self, order):
        wallet = self.given["wallets"][str(order["signature_type"])]
        self.orders._generate_salt = lambda: order["salt"]
        self.orders._current_timestamp_ms = lambda: order["timestamp_ms"]
        context = SimpleNamespace(environment_config=self.environment, wallet=wallet, signer=self.account)
        kind = WALLETS[order["signature_type"]]
        unsigned = self.orders.create_unsigned_order(self.draft(context, order), wallet=wallet, wallet_type=kind)
        typed = self.typed_data.build_order_typed_data(unsigned)
        signed = "0x" + self.account.sign_typed_data(full_message=typed).signature.hex().removeprefix("0x")
        signature = self.typed_data.build_order_signature(unsigned, signed)
        return unsigned, self.orders.create_signed_order(unsigned, signature, post_only=order["post_only"])

    def draft(self, context, order):
        shared = {"asset_id": order["token"], "side": order["side"], "builder_code": order["builder"]}
        price, size = Decimal(order["price"]), Decimal(order["size"])
        if order["type"] in ("GTC", "GTD"):
            params = self.limit.PrepareLimitOrderParams(
                **shared,
                price=price,
                size=size,
                post_only=order["post_only"],
                expiration=order["expiration"] or None,
            )
            return self.limit._build_limit_order_draft(context, params, price=price, metadata=self.info(order))
        wanted = (
            {"amount": Decimal(order["budget"]), "max_price": price}
            if order["side"] == "BUY"
            else {"shares": size, "min_price": price}
        )
        params = self.market.PrepareMarketOrderParams(**shared, order_type=order["type"], **wanted)
        return self.market._build_protected_market_order_draft(
            context, params, metadata=self.info(order), builder_taker_fee_rate=Decimal(0)
        )

    def tell(self, order):
        from eth_account.messages import encode_typed_data
        from eth_utils import keccak

        try:
            unsigned, signed = self.sign(order)
        except self.refusals:
            return None
        _, payload = self.post.build_post_order_request(signed, owner_api_key=self.given["owner"])
        typed = self.typed_data._build_standard_typed_data(unsigned, protocol_version=unsigned.protocol_version)
        message = encode_typed_data(full_message=typed)
        order_id = "0x" + keccak(b"\x19" + message.version + message.header + message.body).hex()
        return [signed.signature, order_id, json.dumps(payload, separators=(",", ":"))]


class V2:
    """py-clob-client-v2."""

    def __init__(self, given):
        from py_clob_client_v2 import clob_types
        from py_clob_client_v2.order_builder import builder
        from py_clob_client_v2.order_utils.exchange_order_builder_v2 import ExchangeOrderBuilderV2
        from py_clob_client_v2.order_utils.model.order_data_v2 import order_to_json_v2
        from py_clob_client_v2.order_utils.model.signature_type_v2 import SignatureTypeV2
        from py_clob_client_v2.signer import Signer

        self.given, self.types, self.module = given, clob_types, builder
        self.hasher, self.to_json = ExchangeOrderBuilderV2, order_to_json_v2
        self.signer = Signer(given["key"], 137)
        self.builders = {
            int(kind): builder.OrderBuilder(self.signer, SignatureTypeV2(int(kind)), wallet)
            for kind, wallet in given["wallets"].items()
        }

    def sign(self, order):
        self.hasher.__init__.__defaults__ = (lambda: str(order["salt"]), "2")
        self.module.time = SimpleNamespace(time_ns=lambda: order["timestamp_ms"] * 1_000_000)
        builder = self.builders[order["signature_type"]]
        options = self.types.CreateOrderOptions(tick_size=order["tick"], neg_risk=order["neg_risk"])
        names = {"position_id" if order["version"] == 3 else "token_id": order["token"]}
        code = order["builder"] or ZERO_WORD
        # Decimals, because with floats this SDK cuts 1.15 shares to 1.14.
        price, size = Decimal(order["price"]), Decimal(order["size"])
        if order["type"] in ("GTC", "GTD"):
            wanted = self.types.OrderArgsV2(
                **names, price=price, size=size, side=order["side"], expiration=order["expiration"], builder_code=code
            )
            return builder.build_order(wanted, options)
        amount = Decimal(order["budget"]) if order["side"] == "BUY" else size
        wanted = self.types.MarketOrderArgsV2(
            **names, price=price, amount=amount, side=order["side"], order_type=order["type"], builder_code=code
        )
        return builder.build_market_order(wanted, options)

    def tell(self, order):
        signed = self.sign(order)
        payload = self.to_json(signed, self.given["owner"], order["type"], order["post_only"], False)
        contract = self.module.get_contract_config(137)
        address = contract.neg_risk_exchange_v2 if order["neg_risk"] else contract.exchange_v2
        if order["version"] == 3:
            address = contract.exchange_v3
        hasher = self.hasher(address, 137, self.signer, domain_version=str(order["version"]))
        order_id = hasher.build_order_hash(hasher.build_order_typed_data(signed))
        return [signed.signature, order_id, json.dumps(payload, separators=(",", ":"))]


def headers(given):
    """L1 and L2 headers as py-clob-client-v2 makes them."""
    from py_clob_client_v2.clob_types import ApiCreds, RequestArgs
    from py_clob_client_v2.headers.headers import create_level_1_headers, create_level_2_headers
    from py_clob_client_v2.signer import Signer

    signer = Signer(given["key"], 137)
    creds = ApiCreds(given["owner"], given["secret"], given["passphrase"])
    request = RequestArgs(method="POST", request_path="/orders", serialized_body=given["body"])
    return {
        "l1": create_level_1_headers(signer, given["nonce"], given["timestamp_s"]),
        "l2": create_level_2_headers(signer, creds, request, given["timestamp_s"]),
    }


def main():
    given = json.load(sys.stdin)
    if given["sdk"] == "headers":
        json.dump(headers(given), sys.stdout)
        return
    sdk = (Unified if given["sdk"] == "unified" else V2)(given)
    if not given.get("timed"):
        json.dump({"orders": [sdk.tell(order) for order in given["orders"]]}, sys.stdout)
        return
    taken = []
    for order in given["orders"]:
        begin = time.perf_counter_ns()
        sdk.sign(order)
        taken.append(time.perf_counter_ns() - begin)
    json.dump({"median_us": sorted(taken[len(taken) // 10 :])[len(taken) * 9 // 20] / 1000}, sys.stdout)


if __name__ == "__main__":
    main()
