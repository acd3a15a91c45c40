"""Calls of Polymarket's contracts that redeem what resolved, encoded by hand (facts polymarket section 7).

Every argument here is a static word except the two index sets and the packed calls, so a generic ABI encoder is not
needed; the bytes are tested against the official SDK's.
"""

from collections.abc import Sequence

from msgspec import Struct

from holdfast.core.errors import InvalidInputError
from holdfast.venues.polymarket.typed_data import ZERO_WORD, address_word, bytes_word, keccak256, word

COLLATERAL = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"
CTF_ADAPTER = "0xAdA100Db00Ca00073811820692005400218FcE1f"
NEG_RISK_ADAPTER = "0xadA2005600Dec949baf300f4C6120000bDB6eAab"
ROUTER = "0x12121212006e4CD160D18e3f00711DA5c3372600"
MULTISEND = "0xA238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761"

# Module ids, the first byte of a position id: binary, neg-risk, combinatorial.
_MODULES = (1, 2, 3)
_REDEEM_POSITIONS = keccak256(b"redeemPositions(address,bytes32,bytes32,uint256[])")[:4]
_REDEEM = keccak256(b"redeem(bytes31,uint256,uint256)")[:4]
_MULTI_SEND = keccak256(b"multiSend(bytes)")[:4]


class ContractCall(Struct, frozen=True):
    """One call of a contract by the wallet; it sends no POL along."""

    target: str
    data: bytes


def redeem_condition(condition_id: str, *, neg_risk: bool) -> ContractCall:
    """Redeem both outcomes of a condition of the old protocol: the whole balance, whatever it is."""
    arguments = (
        address_word(COLLATERAL),
        ZERO_WORD,
        bytes_word(condition_id, "condition id"),
        word(4 * 32),  # where the index sets start
        word(2),
        word(1),
        word(2),
    )
    return ContractCall(NEG_RISK_ADAPTER if neg_risk else CTF_ADAPTER, _REDEEM_POSITIONS + b"".join(arguments))


def redeem_position(position_id: int, amount: int) -> ContractCall:
    """Redeem an amount (millionths of a share) of a position of the new protocol."""
    raw = word(position_id)
    if raw[0] not in _MODULES or raw[-1] not in (0, 1):
        raise InvalidInputError("position id", position_id, f"a module of {_MODULES} first and an outcome 0 or 1 last")
    return ContractCall(ROUTER, _REDEEM + raw[:31] + b"\0" + word(raw[-1]) + word(amount))


def condition_of(position_id: int) -> str:
    """The condition that a position id of the new protocol names: its first 31 bytes."""
    return "0x" + word(position_id)[:31].hex()


def packed(calls: Sequence[ContractCall]) -> ContractCall:
    """Several calls as one, which a Safe delegates to the multi-send contract."""
    inner = b"".join(
        b"\0" + address_word(call.target)[12:] + word(0) + word(len(call.data)) + call.data for call in calls
    )
    padding = bytes(-len(inner) % 32)
    return ContractCall(MULTISEND, _MULTI_SEND + word(32) + word(len(inner)) + inner + padding)
