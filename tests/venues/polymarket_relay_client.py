"""The official SDK's own relayer requests for given redemptions. Runs in an environment of its own, as a subprocess.

Reads a list of {"key", "wallet", "type", "nonce", "deadline", "metadata", "calls"} from stdin, where a call is
{"condition", "neg_risk"} or {"position", "amount"}, and prints the bodies that the SDK would post.
"""

import json
import sys

from eth_account import Account
from polymarket._internal.actions.relayer.calls import ctf_redeem_positions_call, router_redeem_call
from polymarket._internal.actions.relayer.gasless import (
    _resolve_safe_call,
    build_deposit_wallet_payload,
    build_safe_payload,
)
from polymarket._internal.actions.relayer.signing.deposit_wallet import sign_deposit_wallet_batch
from polymarket._internal.actions.relayer.signing.safe import sign_safe_transaction
from polymarket._internal.protocol import decode_v2_outcome_position_id
from polymarket.environments import PRODUCTION

CONFIG = PRODUCTION._config


def call_of(given):
    """The SDK's call, as `redeem_positions` makes it."""
    if "position" in given:
        decoded = decode_v2_outcome_position_id(given["position"])
        return router_redeem_call(
            router=CONFIG.protocol_v2_router,
            condition_id=decoded.condition_id,
            outcome_index=decoded.outcome_index,
            amount=given["amount"],
        )
    adapter = CONFIG.neg_risk_collateral_adapter if given["neg_risk"] else CONFIG.collateral_adapter
    return ctf_redeem_positions_call(ctf=adapter, collateral=CONFIG.collateral_token, condition_id=given["condition"])


def deposit_wallet(signer, given, calls):
    """A batch of a deposit wallet."""
    same = {"wallet": given["wallet"], "calls": calls, "nonce": given["nonce"], "deadline": given["deadline"]}
    return build_deposit_wallet_payload(
        signer_address=signer.address,
        deposit_wallet_factory=CONFIG.wallet_derivation.deposit_wallet_factory,
        signature=sign_deposit_wallet_batch(signer, chain_id=CONFIG.chain_id, **same),
        metadata=given["metadata"],
        **same,
    )


def safe(signer, given, calls):
    """A Safe's transaction."""
    target, data, value, operation = _resolve_safe_call(CONFIG.safe_multisend, calls)
    same = {"data": data, "value": value, "operation": operation, "nonce": given["nonce"]}
    signature = sign_safe_transaction(signer, safe_address=given["wallet"], to=target, chain_id=CONFIG.chain_id, **same)
    return build_safe_payload(
        signer_address=signer.address,
        wallet=given["wallet"],
        target=target,
        signature=signature,
        metadata=given["metadata"],
        **same,
    )


def main():
    """Every body, written as the SDK's transport writes it."""
    bodies = []
    for given in json.load(sys.stdin):
        signer = Account.from_key(given["key"])
        made = (safe if given["type"] == "SAFE" else deposit_wallet)(signer, given, [*map(call_of, given["calls"])])
        bodies.append(json.dumps(made, separators=(",", ":")))
    json.dump(bodies, sys.stdout)


if __name__ == "__main__":
    main()
