"""Signing keys: a port, and its adapter on a key in memory. `kms_signer` has the one on a key in AWS KMS."""

from enum import IntEnum
from typing import Protocol

from coincurve import PrivateKey

from holdfast.core.errors import InvalidInputError
from holdfast.venues.polymarket.typed_data import checksum_address, keccak256


class SignatureType(IntEnum):
    """How the exchange checks an order's signature; the kind of wallet that holds the money decides."""

    EOA = 0
    PROXY = 1
    SAFE = 2
    DEPOSIT_WALLET = 3


class Signer(Protocol):
    """A secp256k1 key, wherever it is kept."""

    @property
    def address(self) -> str:
        """The key's address in EIP-55 case."""
        ...

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign 32 bytes: r, s and v (27 or 28) in 65 bytes, s in the lower half of the curve's order.

        Raises SigningError where the key's keeper gave none; nothing was sent to the venue then.
        """
        ...


class LocalSigner:
    """A key in this process's memory. It never appears in repr, errors or logs."""

    __slots__ = ("_address", "_key")

    def __init__(self, private_key: str) -> None:
        allowed = "a secp256k1 private key of 64 hexadecimal digits, with or without 0x"
        try:
            raw = bytes.fromhex(private_key.strip().removeprefix("0x"))
            key = PrivateKey(raw) if len(raw) == 32 else None
        except ValueError:
            key = None
        if key is None:
            raise InvalidInputError("private key", "(hidden)", allowed) from None
        self._key = key
        self._address = checksum_address(keccak256(key.public_key.format(compressed=False)[1:])[12:])

    @property
    def address(self) -> str:
        """The key's address in EIP-55 case."""
        return self._address

    def sign_digest(self, digest: bytes) -> bytes:
        """Deterministic (RFC 6979), low s: the same digest gives the same signature."""
        signature = self._key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes((signature[64] + 27,))

    def __repr__(self) -> str:
        return f"LocalSigner({self._address})"
