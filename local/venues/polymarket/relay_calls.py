"""What a relayer request asks a wallet to do, and whether its owner signed it (facts polymarket sections 7 and 8).

Written apart from the adapter's own code on purpose, so that each checks the other.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from local.venues.polymarket.accounts import User
from local.venues.polymarket.eip712 import CHAIN_ID, keccak, recover
from local.venues.polymarket.markets import Market
from local.venues.polymarket.state import ExchangeState
from local.venues.polymarket.wire import ApiError

SAFE, DEPOSIT_WALLET = 2, 3
KINDS = {"SAFE": SAFE, "WALLET": DEPOSIT_WALLET}
_PUSD = "0xc011a7e12a19f7b1f670d46f03b03f3342e82dfb"
_ADAPTERS = {
    False: "0xada100db00ca00073811820692005400218fce1f",
    True: "0xada2005600dec949baf300f4c6120000bdb6eaab",
}
_ROUTER = "0x12121212006e4cd160d18e3f00711da5c3372600"
_MULTISEND = "0xa238cbeb142c10ef7ad8442c6d1f9e89e07e7761"
_REDEEM_CONDITION = keccak(b"redeemPositions(address,bytes32,bytes32,uint256[])")[:4]
_REDEEM_POSITION = keccak(b"redeem(bytes31,uint256,uint256)")[:4]
_MULTI_SEND = keccak(b"multiSend(bytes)")[:4]
_BOTH_OUTCOMES = (4 * 32, 2, 1, 2)
_BATCH = (
    "Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls)",
    "Call(address target,uint256 value,bytes data)",
)
_SAFE_TX = (
    "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,uint256 gasPrice,"
    "address gasToken,address refundReceiver,uint256 nonce)"
)


class WalletCall(Struct, frozen=True):
    """One call of a deposit wallet's batch."""

    target: str
    value: str
    data: str


class WalletParams(Struct, frozen=True, rename="camel"):
    """A deposit wallet's batch."""

    deposit_wallet: str
    deadline: str
    calls: list[WalletCall]


class SubmitBody(Struct, frozen=True, rename={"sender": "from"}):
    """POST /submit. A Safe's call stands in the body itself, a deposit wallet's calls in their own part."""

    type: str
    sender: str
    to: str
    nonce: str
    signature: str
    metadata: str = ""
    proxyWallet: str = ""  # noqa: N815 - the wire's names
    data: str = "0x"
    signatureParams: dict[str, Any] = {}  # noqa: N815
    depositWalletParams: WalletParams | None = None  # noqa: N815


class RelayCall(Struct, frozen=True):
    """One call of a contract."""

    target: str
    data: bytes


class Relayed(Struct, frozen=True):
    """A request whose signature is its wallet's owner's."""

    nonce: int
    calls: tuple[RelayCall, ...]
    deadline_s: int
    metadata: str
    signature: str


def read_request(body: bytes, user: User) -> Relayed:
    """The calls of a request. Raises the 400 for what it is not, whoever it is from, and whoever signed it."""
    try:
        found = msgspec.json.decode(body, type=SubmitBody)
        kind, params = KINDS.get(found.type), found.depositWalletParams
        wallet = params.deposit_wallet if params else found.proxyWallet
        named = found.sender.lower() == user.address and wallet.lower() == user.wallet
        if kind != user.signature_type or not named or (kind == DEPOSIT_WALLET) != (params is not None):
            raise ApiError(400, "invalid transaction request payload")
        signature = bytes.fromhex(found.signature.removeprefix("0x"))
        nonce = int(found.nonce)
        if params:
            calls = tuple(RelayCall(one.target.lower(), _hex(one.data)) for one in params.calls)
            signed = batch_digest(user.wallet, nonce, int(params.deadline), calls)
            signer, deadline_s = recover(signed, signature), int(params.deadline)
        else:
            calls, signer = _safe_calls(found, user.wallet, nonce, signature)
            deadline_s = 0
    except (msgspec.MsgspecError, ValueError):
        raise ApiError(400, "invalid transaction request payload") from None
    if signer != user.address or not calls:
        raise ApiError(400, "bad request")
    return Relayed(nonce, calls, deadline_s, found.metadata, found.signature)


def are_held(user: User, wanted: Sequence[tuple[Market, tuple[int, int]] | None]) -> bool:
    """Whether every call redeems something, and the wallet holds what they redeem together."""
    taken: Counter[str] = Counter()
    for one in wanted:
        if one is None:
            return False
        taken.update(dict(zip(one[0].tokens, one[1], strict=True)))
    return all(user.balance_of(token).settled >= size for token, size in taken.items())


def redemption_of(state: ExchangeState, user: User, call: RelayCall) -> tuple[Market, tuple[int, int]] | None:
    """The market and sizes that a call redeems now; None where the contract would revert or is none that redeems."""
    for market in state.markets.values():
        held = tuple(user.balance_of(token).settled for token in market.tokens)
        sizes = _sizes(market, call, (held[0], held[1]))
        if sizes is not None:
            return (market, sizes) if market.winner is not None and any(sizes) else None
    return None


def _sizes(market: Market, call: RelayCall, held: tuple[int, int]) -> tuple[int, int] | None:
    """What a call takes out of this market; None where it is not meant."""
    words = [call.data[start : start + 32] for start in range(4, len(call.data), 32)]
    if market.spec.version == "v2":
        if call.target != _ROUTER or call.data[:4] != _REDEEM_POSITION or len(words) != 3:
            return None
        outcome, amount = (int.from_bytes(each, "big") for each in words[1:])
        named = words[0] == bytes.fromhex(market.condition_id[2:])[:31] + b"\0"
        if not named or outcome not in (0, 1):
            return None
        taken = amount if amount <= held[outcome] else 0
        return (taken, 0) if outcome == 0 else (0, taken)
    adapter = _ADAPTERS[market.spec.neg_risk]
    meant = [_address(_PUSD), bytes(32), bytes.fromhex(market.condition_id[2:]), *map(_number, _BOTH_OUTCOMES)]
    return held if (call.target, call.data[:4], words) == (adapter, _REDEEM_CONDITION, meant) else None


def _safe_calls(
    found: SubmitBody, wallet: str, nonce: int, signature: bytes
) -> tuple[tuple[RelayCall, ...], str | None]:
    """A Safe's calls and who signed them; its signature is one of a message, marked by a last byte that is 4 higher."""
    whole = RelayCall(found.to.lower(), _hex(found.data))
    operation = int(found.signatureParams["operation"]) if "operation" in found.signatureParams else 0
    fields = [_address(whole.target), _number(0), keccak(whole.data), _number(operation), bytes(5 * 32), _number(nonce)]
    domain = keccak(
        keccak(b"EIP712Domain(uint256 chainId,address verifyingContract)") + _number(CHAIN_ID) + _address(wallet)
    )
    digest = keccak(b"\x19\x01" + domain + keccak(keccak(_SAFE_TX.encode()) + b"".join(fields)))
    if len(signature) != 65 or signature[64] not in (31, 32):
        return (), None
    message = keccak(b"\x19Ethereum Signed Message:\n32" + digest)
    signer = recover(message, signature[:64] + bytes([signature[64] - 4]))
    if operation == 0:
        return (whole,), signer
    return (_unpacked(whole) if whole.target == _MULTISEND else ()), signer


def _unpacked(whole: RelayCall) -> tuple[RelayCall, ...]:
    """The calls inside a multi-send."""
    if whole.data[:4] != _MULTI_SEND:
        return ()
    inner = whole.data[68 : 68 + int.from_bytes(whole.data[36:68], "big")]
    calls = []
    while inner:
        length = int.from_bytes(inner[53:85], "big")
        calls.append(RelayCall("0x" + inner[1:21].hex(), inner[85 : 85 + length]))
        inner = inner[85 + length :]
    return tuple(calls)


def batch_digest(wallet: str, nonce: int, deadline_s: int, calls: tuple[RelayCall, ...]) -> bytes:
    """What the owner of a deposit wallet signs for a batch of calls."""
    domain = keccak(
        keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
        + keccak(b"DepositWallet")
        + keccak(b"1")
        + _number(CHAIN_ID)
        + _address(wallet)
    )
    kind = keccak(_BATCH[1].encode())
    hashes = b"".join(keccak(kind + _address(call.target) + _number(0) + keccak(call.data)) for call in calls)
    batch = keccak("".join(_BATCH).encode()) + _address(wallet) + _number(nonce) + _number(deadline_s) + keccak(hashes)
    return keccak(b"\x19\x01" + domain + keccak(batch))


def _hex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _number(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _address(text: str) -> bytes:
    return bytes.fromhex(text[2:]).rjust(32, b"\0")
