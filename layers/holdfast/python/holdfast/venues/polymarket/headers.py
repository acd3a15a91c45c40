"""Auth headers: L1 (a wallet's signature, to manage API keys) and L2 (an HMAC, for everything else)."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error

from holdfast.core.errors import InvalidInputError
from holdfast.venues.polymarket.signer import Signer
from holdfast.venues.polymarket.typed_data import auth_digest


class ApiCredentials:
    """One API key: id, secret and passphrase. Secret and passphrase never appear in repr, errors or logs."""

    __slots__ = ("_mac", "_passphrase", "key")

    def __init__(self, key: str, secret: str, passphrase: str) -> None:
        if not key:
            raise InvalidInputError("api key", key, "the id of a Polymarket API key")
        try:
            raw = urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
        except (Base64Error, ValueError):
            raw = b""
        if not raw or not passphrase:
            raise InvalidInputError("api secret and passphrase", "(hidden)", "those of the API key, secret in base64")
        self.key = key
        self._passphrase = passphrase
        self._mac = hmac.new(raw, digestmod=hashlib.sha256)

    def headers(self, address: str, timestamp_s: int, method: str, path: str, body: str = "") -> dict[str, str]:
        """The L2 headers. `path` has no query, `body` is exactly what is sent; `address` is the signing key's."""
        mac = self._mac.copy()
        mac.update(f"{timestamp_s}{method}{path}{body}".encode())
        return {
            "POLY_ADDRESS": address,
            "POLY_API_KEY": self.key,
            "POLY_PASSPHRASE": self._passphrase,
            "POLY_SIGNATURE": urlsafe_b64encode(mac.digest()).decode(),
            "POLY_TIMESTAMP": str(timestamp_s),
        }

    def __repr__(self) -> str:
        return f"ApiCredentials(key={self.key!r})"


def login_headers(signer: Signer, timestamp_s: int, chain_id: int, nonce: int = 0) -> dict[str, str]:
    """The L1 headers, which create or derive an API key."""
    signature = signer.sign_digest(auth_digest(signer.address, timestamp_s, nonce, chain_id))
    return {
        "POLY_ADDRESS": signer.address,
        "POLY_SIGNATURE": "0x" + signature.hex(),
        "POLY_TIMESTAMP": str(timestamp_s),
        "POLY_NONCE": str(nonce),
    }
