"""Who signed what: EIP-712 digests and the recovery of their signers (facts polymarket section 7).

Written apart from the adapter's signing code on purpose, so that each checks the other.
"""

from functools import lru_cache

from coincurve import PublicKey
from Crypto.Hash import keccak as _keccak
from msgspec import Struct

CHAIN_ID = 137
EXCHANGE_V2 = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK_EXCHANGE_V2 = "0xe2222d279d744050d28e00520010520000310F59"
EXCHANGE_V3 = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"

CONTRACT_WALLET = 3
ORDER_TYPE = (
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    "uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
_WRAPPED_TYPE = (
    "TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
    + ORDER_TYPE
)
_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_AUTH_DOMAIN_TYPE = "EIP712Domain(string name,string version,uint256 chainId)"
_AUTH_TYPE = "ClobAuth(address address,string timestamp,uint256 nonce,string message)"
_AUTH_WORDS = "This message attests that I control the given wallet"
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_LARGEST = 1 << 256


class Domain(Struct, frozen=True):
    """An exchange contract as the verifying contract of orders."""

    version: str
    contract: str

    @property
    def separator(self) -> bytes:
        """Its EIP-712 domain separator."""
        return _separator(self.version, self.contract)


DOMAINS = {
    "v2": Domain("2", EXCHANGE_V2),
    "v2_neg_risk": Domain("2", NEG_RISK_EXCHANGE_V2),
    "v3": Domain("3", EXCHANGE_V3),
}


class SignedOrder(Struct, frozen=True):
    """The signed fields of an order. Amounts are micro units; `side` 0 buys, 1 sells; `timestamp` is UTC ms."""

    salt: int
    maker: str
    signer: str
    token_id: int
    maker_amount: int
    taker_amount: int
    side: int
    signature_type: int
    timestamp: int
    metadata: bytes
    builder: bytes

    def struct_hash(self) -> bytes:
        """hashStruct of the order."""
        return keccak(
            _ORDER_TYPE_HASH
            + _number(self.salt)
            + _address(self.maker)
            + _address(self.signer)
            + b"".join(map(_number, (self.token_id, self.maker_amount, self.taker_amount)))
            + b"".join(map(_number, (self.side, self.signature_type, self.timestamp)))
            + self.metadata
            + self.builder
        )

    def order_hash(self, domain: Domain) -> bytes:
        """The order's hash under an exchange: its id (facts polymarket section 2.3)."""
        return keccak(b"\x19\x01" + domain.separator + self.struct_hash())

    def signer_under(self, domain: Domain, signature: bytes) -> str | None:
        """The lower-case address of the key that signed the order for an exchange; None for no valid signature.

        Type 3 must come in the wallet's ERC-7739 wrapping: signature, exchange domain, order hash, type and length.
        """
        if self.signature_type != CONTRACT_WALLET:
            return recover(self.order_hash(domain), signature)
        contents = self.struct_hash()
        described = ORDER_TYPE.encode()
        if signature[65:] != domain.separator + contents + described + len(described).to_bytes(2, "big"):
            return None
        return recover(self.wrapped_hash(domain), signature[:65])

    def wrapped_hash(self, domain: Domain) -> bytes:
        """What the owner of a contract wallet signs: the order inside a TypedDataSign that names the wallet."""
        wrapped = keccak(
            _WRAPPED_TYPE_HASH
            + self.struct_hash()
            + keccak(b"DepositWallet")
            + keccak(b"1")
            + _number(CHAIN_ID)
            + _address(self.signer)
            + bytes(32)
        )
        return keccak(b"\x19\x01" + domain.separator + wrapped)


def attestation_hash(address: str, timestamp: str, nonce: int) -> bytes:
    """What a key signs to attest `address` at level 1."""
    separator = keccak(
        keccak(_AUTH_DOMAIN_TYPE.encode()) + keccak(b"ClobAuthDomain") + keccak(b"1") + _number(CHAIN_ID)
    )
    attested = keccak(
        keccak(_AUTH_TYPE.encode())
        + _address(address)
        + keccak(timestamp.encode())
        + _number(nonce)
        + keccak(_AUTH_WORDS.encode())
    )
    return keccak(b"\x19\x01" + separator + attested)


def recover(digest: bytes, signature: bytes) -> str | None:
    """The lower-case address whose key signed a digest; None for malformed or malleable signatures."""
    if len(signature) != 65 or signature[64] not in (0, 1, 27, 28):
        return None
    if int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        return None
    compact = signature[:64] + bytes([signature[64] % 27])
    try:
        key = PublicKey.from_signature_and_message(compact, digest, hasher=None)
    except ValueError:
        return None
    return "0x" + keccak(key.format(compressed=False)[1:])[12:].hex()


def keccak(data: bytes) -> bytes:
    """Keccak-256."""
    return _keccak.new(digest_bits=256, data=data).digest()


@lru_cache(16)
def _separator(version: str, contract: str) -> bytes:
    return keccak(
        keccak(_DOMAIN_TYPE.encode())
        + keccak(b"Polymarket CTF Exchange")
        + keccak(version.encode())
        + _number(CHAIN_ID)
        + _address(contract)
    )


def _number(value: int) -> bytes:
    return (value % _LARGEST).to_bytes(32, "big")


def _address(text: str) -> bytes:
    return bytes.fromhex(text[2:]).rjust(32, b"\0")


_ORDER_TYPE_HASH = keccak(ORDER_TYPE.encode())
_WRAPPED_TYPE_HASH = keccak(_WRAPPED_TYPE.encode())
