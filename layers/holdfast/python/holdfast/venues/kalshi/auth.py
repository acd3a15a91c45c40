"""Signed headers: RSA-PSS or Ed25519 over time, method and path (facts kalshi section 3)."""

import re
from base64 import b64encode
from collections.abc import Callable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from holdfast.core.errors import InvalidInputError

KEY_HEADER = "KALSHI-ACCESS-KEY"
SIGNATURE_HEADER = "KALSHI-ACCESS-SIGNATURE"
TIMESTAMP_HEADER = "KALSHI-ACCESS-TIMESTAMP"
_KEY_ID = re.compile(r"[!-~]+")


class Signer:
    """Signs requests with one API key. The private key never appears in repr, errors or logs.

    Signing takes 0.24 ms with RSA-2048 and 0.03 ms with Ed25519, so it is done inline (facts kalshi section 11).
    """

    __slots__ = ("_key_id", "_sign")

    def __init__(self, key_id: str, private_key_pem: str) -> None:
        if not _KEY_ID.fullmatch(key_id):
            # A line feed pasted along would make every request impossible.
            raise InvalidInputError("key id", key_id, "the id of a Kalshi API key, without white space")
        self._key_id = key_id
        self._sign = _load(private_key_pem)

    @property
    def key_id(self) -> str:
        """The id of the API key."""
        return self._key_id

    def headers(self, timestamp_ms: int, method: str, path: str) -> dict[str, str]:
        """The three auth headers. `path` starts at the root and has no query; host and body are not signed."""
        signature = self._sign(f"{timestamp_ms}{method}{path}".encode())
        return {
            KEY_HEADER: self._key_id,
            SIGNATURE_HEADER: b64encode(signature).decode(),
            TIMESTAMP_HEADER: str(timestamp_ms),
        }

    def __repr__(self) -> str:
        return f"Signer(key_id={self._key_id!r})"


def _load(pem: str) -> Callable[[bytes], bytes]:
    allowed = "an unencrypted RSA or Ed25519 private key in PEM"
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidInputError("private key", "(hidden)", allowed) from None
    if isinstance(key, Ed25519PrivateKey):
        return key.sign
    if isinstance(key, RSAPrivateKey):
        digest = SHA256()
        padding = PSS(mgf=MGF1(digest), salt_length=digest.digest_size)
        return lambda message: key.sign(message, padding, digest)
    raise InvalidInputError("private key", "(hidden)", allowed)
