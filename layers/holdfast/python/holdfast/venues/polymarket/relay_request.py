"""Requests to Polymarket's relayer, which pays the gas: the wallet's owner signs, the relayer sends (facts section 8).

Two kinds of wallet: a Safe signs one call, or a delegated multi-send of several; a deposit wallet signs a batch with a
deadline. Both carry the wallet's nonce, so that of two requests with one nonce only one can take effect.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from holdfast.venues.polymarket.contract_calls import ContractCall, packed
from holdfast.venues.polymarket.signer import Signer
from holdfast.venues.polymarket.typed_data import address_word, checksum_address, keccak256, typed_digest, word

DEPOSIT_WALLET_FACTORY = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07"
_NOBODY = "0x" + "0" * 40
_CALL, _DELEGATE_CALL = 0, 1
# A Safe takes a signature of the digest as a message for people when its last byte is four higher.
_MESSAGE_PREFIX = b"\x19Ethereum Signed Message:\n32"
_MESSAGE_MARK = 4

_WALLET_DOMAIN_TYPE_HASH = keccak256(
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_WALLET_NAME_HASH = keccak256(b"DepositWallet")
_WALLET_VERSION_HASH = keccak256(b"1")
_CALL_TYPE = b"Call(address target,uint256 value,bytes data)"
_CALL_TYPE_HASH = keccak256(_CALL_TYPE)
_BATCH_TYPE_HASH = keccak256(b"Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls)" + _CALL_TYPE)
_SAFE_DOMAIN_TYPE_HASH = keccak256(b"EIP712Domain(uint256 chainId,address verifyingContract)")
_SAFE_TYPE_HASH = keccak256(
    b"SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,"
    b"address gasToken,address refundReceiver,uint256 nonce)"
)


def deposit_wallet_request(
    signer: Signer,
    wallet: str,
    calls: Sequence[ContractCall],
    *,
    nonce: int,
    deadline_s: int,
    chain_id: int,
    metadata: str,
) -> str:
    """The body of POST /submit for a deposit wallet, signed by its owner. After `deadline_s` it can't take effect."""
    wallet = checksum_address(wallet)
    domain = keccak256(
        _WALLET_DOMAIN_TYPE_HASH + _WALLET_NAME_HASH + _WALLET_VERSION_HASH + word(chain_id) + address_word(wallet)
    )
    hashes = [keccak256(_CALL_TYPE_HASH + address_word(call.target) + word(0) + keccak256(call.data)) for call in calls]
    batch = keccak256(
        _BATCH_TYPE_HASH + address_word(wallet) + word(nonce) + word(deadline_s) + keccak256(b"".join(hashes))
    )
    signature = signer.sign_digest(typed_digest(domain, batch))
    return _encoded(
        {
            "type": "WALLET",
            "from": signer.address,
            "to": DEPOSIT_WALLET_FACTORY,
            "nonce": str(nonce),
            "signature": "0x" + signature.hex(),
            "metadata": metadata,
            "depositWalletParams": {
                "depositWallet": wallet,
                "deadline": str(deadline_s),
                "calls": [
                    {"target": checksum_address(call.target), "value": "0", "data": "0x" + call.data.hex()}
                    for call in calls
                ],
            },
        }
    )


def safe_request(
    signer: Signer, wallet: str, calls: Sequence[ContractCall], *, nonce: int, chain_id: int, metadata: str
) -> str:
    """The body of POST /submit for a Safe, signed by its owner."""
    wallet = checksum_address(wallet)
    call, operation = (calls[0], _CALL) if len(calls) == 1 else (packed(calls), _DELEGATE_CALL)
    domain = keccak256(_SAFE_DOMAIN_TYPE_HASH + word(chain_id) + address_word(wallet))
    transaction = keccak256(
        _SAFE_TYPE_HASH
        + address_word(call.target)
        + word(0)
        + keccak256(call.data)
        + word(operation)
        + word(0) * 5  # gas that is not refunded: limits, price, token, receiver
        + word(nonce)
    )
    digest = keccak256(_MESSAGE_PREFIX + typed_digest(domain, transaction))
    signature = signer.sign_digest(digest)
    return _encoded(
        {
            "type": "SAFE",
            "from": signer.address,
            "to": checksum_address(call.target),
            "proxyWallet": wallet,
            "data": "0x" + call.data.hex(),
            "nonce": str(nonce),
            "signature": "0x" + (signature[:64] + bytes((signature[64] + _MESSAGE_MARK,))).hex(),
            "metadata": metadata,
            "signatureParams": {
                "baseGas": "0",
                "gasPrice": "0",
                "gasToken": _NOBODY,
                "operation": str(operation),
                "refundReceiver": _NOBODY,
                "safeTxnGas": "0",
            },
        }
    )


def _encoded(body: dict[str, Any]) -> str:
    return msgspec.json.encode(body).decode()
