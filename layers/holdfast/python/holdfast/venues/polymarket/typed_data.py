"""EIP-712 hashes of Polymarket's two messages, the order and the login (facts polymarket section 7).

Both are packed by hand, word by word: a generic encoder takes several times as long as the signature itself.
"""

from enum import Enum
from functools import lru_cache

from Crypto.Hash import keccak
from msgspec import Struct

from holdfast.core.errors import InvalidInputError

POLYGON = 137
AMOY = 80002

ORDER_TYPE = (
    b"Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    b"uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
AUTH_MESSAGE = "This message attests that I control the given wallet"
ZERO_WORD = bytes(32)
_PREFIX = b"\x19\x01"
_ADDRESS_LENGTH = 42
# The bits of a token id that are zero in position ids of the new protocol, and practically never in the old hashes.
_POSITION_RESERVED = ((1 << 64) - 1) << 40
_MOST = 1 << 256
_REMEMBERED_TOKENS = 1 << 12


class Exchange(Enum):
    """The contract that an order is signed for."""

    V2 = "ctf exchange v2"
    NEG_RISK_V2 = "neg-risk ctf exchange v2"
    V3 = "exchange v3"


class _Contract(Struct, frozen=True):
    version: str
    address: dict[int, str]


_CTF = "0xE111180000d2663C0091e4f400237545B87B996B"
_NEG_RISK = "0xe2222d279d744050d28e00520010520000310F59"
_CONTRACTS = {
    Exchange.V2: _Contract("2", {POLYGON: _CTF, AMOY: _CTF}),
    Exchange.NEG_RISK_V2: _Contract("2", {POLYGON: _NEG_RISK, AMOY: _NEG_RISK}),
    Exchange.V3: _Contract(
        "3",
        {
            POLYGON: "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa",
            AMOY: "0x9fE6e61422AdB6F610d8597F9684b16912D50C3D",
        },
    ),
}


def exchange_names() -> dict[str, str]:
    """What an account must approve for its money and shares: the exchanges' names by address in small letters."""
    return {
        address.lower(): f"{exchange.value} {address}"
        for exchange, contract in _CONTRACTS.items()
        for address in contract.address.values()
    }


def keccak256(data: bytes) -> bytes:
    """Ethereum's hash, which is not SHA3-256."""
    return keccak.new(digest_bits=256, data=data).digest()


def word(number: int) -> bytes:
    """A number as 32 bytes."""
    return number.to_bytes(32, "big")


def address_word(address: str) -> bytes:
    """An address as 32 bytes. Raises InvalidInputError where it is none."""
    try:
        raw = bytes.fromhex(address[2:]) if address[:2].lower() == "0x" else b""
    except ValueError:
        raw = b""
    if len(raw) != 20 or len(address) != _ADDRESS_LENGTH:
        raise InvalidInputError("address", address, "0x and 40 hexadecimal digits")
    return bytes(12) + raw


def bytes_word(text: str, field: str) -> bytes:
    """Text "0x…" of 32 bytes. Raises InvalidInputError where it is none."""
    try:
        raw = bytes.fromhex(text[2:]) if text[:2].lower() == "0x" else b""
    except ValueError:
        raw = b""
    if len(raw) != 32 or len(text) != 66:
        raise InvalidInputError(field, text, "0x and 64 hexadecimal digits")
    return raw


def checksum_address(address: str | bytes) -> str:
    """An address with the upper and lower case of EIP-55, which is how the venue and the SDK write addresses."""
    digits = address.hex() if isinstance(address, bytes) else address_word(address)[12:].hex()
    case = keccak256(digits.encode()).hex()
    return "0x" + "".join(d.upper() if int(c, 16) >= 8 else d for d, c in zip(digits, case, strict=False))


ORDER_TYPE_HASH = keccak256(ORDER_TYPE)
_DOMAIN_TYPE_HASH = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_NAME_HASH = keccak256(b"Polymarket CTF Exchange")
# ERC-7739: a contract wallet signs an order nested in a structure that names the wallet, so that a signature for one
# wallet is worth nothing for another wallet of the same key.
_NESTED_TYPE_HASH = keccak256(
    b"TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
    + ORDER_TYPE
)
_WALLET_NAME_HASH = keccak256(b"DepositWallet")
_WALLET_VERSION_HASH = keccak256(b"1")
_AUTH_DOMAIN_TYPE_HASH = keccak256(b"EIP712Domain(string name,string version,uint256 chainId)")
_AUTH_TYPE_HASH = keccak256(b"ClobAuth(address address,string timestamp,uint256 nonce,string message)")
_AUTH_NAME_HASH = keccak256(b"ClobAuthDomain")
_AUTH_VERSION_HASH = keccak256(b"1")
_AUTH_MESSAGE_HASH = keccak256(AUTH_MESSAGE.encode())


def is_position_id(token_id: int) -> bool:
    """Whether a token is a position of the new protocol, traded on Exchange V3. The id itself says so."""
    return not token_id & _POSITION_RESERVED


def exchange_of(token_id: int, *, neg_risk: bool) -> Exchange:
    """The contract that settles a token. Neg-risk matters for the old protocol's tokens only."""
    if is_position_id(token_id):
        return Exchange.V3
    return Exchange.NEG_RISK_V2 if neg_risk else Exchange.V2


@lru_cache
def domain_separator(exchange: Exchange, chain_id: int) -> bytes:
    """The hash that ties a signature to one contract on one chain. Raises InvalidInputError on another chain."""
    contract = _CONTRACTS[exchange]
    if chain_id not in contract.address:
        raise InvalidInputError("chain id", chain_id, ", ".join(map(str, contract.address)))
    version = keccak256(contract.version.encode())
    address = address_word(contract.address[chain_id])
    return keccak256(_DOMAIN_TYPE_HASH + _NAME_HASH + version + word(chain_id) + address)


def typed_digest(domain: bytes, struct_hash: bytes) -> bytes:
    """What is signed for a structure in a domain. Of an order it is also the venue's order id."""
    return keccak256(_PREFIX + domain + struct_hash)


class OrderHasher:
    """Hashes one account's orders; what is the same in all of them is encoded once."""

    __slots__ = ("_attribution", "_parties", "_type_word", "_wallet_words")

    def __init__(self, maker: str, signer: str, signature_type: int, builder: bytes, chain_id: int) -> None:
        self._parties = address_word(maker) + address_word(signer)
        self._type_word = word(signature_type)
        self._attribution = ZERO_WORD + builder
        self._wallet_words = (
            _WALLET_NAME_HASH + _WALLET_VERSION_HASH + word(chain_id) + address_word(signer) + ZERO_WORD
        )

    def contents_hash(
        self, salt: int, token_id: int, maker_amount: int, taker_amount: int, side: int, timestamp_ms: int
    ) -> bytes:
        """The order's struct hash; `side` is 0 for a buy, 1 for a sale."""
        return keccak256(
            b"".join(
                (
                    ORDER_TYPE_HASH,
                    word(salt),
                    self._parties,
                    word(token_id),
                    word(maker_amount),
                    word(taker_amount),
                    word(side),
                    self._type_word,
                    word(timestamp_ms),
                    self._attribution,
                )
            )
        )

    def nested_hash(self, contents_hash: bytes) -> bytes:
        """The struct hash of the structure that a deposit wallet signs around the order (ERC-7739)."""
        return keccak256(_NESTED_TYPE_HASH + contents_hash + self._wallet_words)


def auth_digest(address: str, timestamp_s: int, nonce: int, chain_id: int) -> bytes:
    """What is signed to log in (L1)."""
    domain = keccak256(_AUTH_DOMAIN_TYPE_HASH + _AUTH_NAME_HASH + _AUTH_VERSION_HASH + word(chain_id))
    stamp = keccak256(str(timestamp_s).encode())
    login = keccak256(_AUTH_TYPE_HASH + address_word(address) + stamp + word(nonce) + _AUTH_MESSAGE_HASH)
    return typed_digest(domain, login)


@lru_cache(_REMEMBERED_TOKENS)
def token_number(token_id: str) -> int:
    """A token id as a number. Raises InvalidInputError where it is not the decimal text of a uint256."""
    if token_id.isascii() and token_id.isdecimal() and len(token_id) <= len(str(_MOST)):
        number = int(token_id)
        if number < _MOST and str(number) == token_id:
            return number
    raise InvalidInputError("token id", token_id, "decimal digits, below 2^256")
