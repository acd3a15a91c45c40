"""API keys and signatures (facts kalshi section 3): RSA-PSS or Ed25519 over time, method and path without query."""

from base64 import b64decode
from binascii import Error as Base64Error
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from holdfast.core.errors import InvalidInputError
from local.venues.http import Request
from local.venues.kalshi.accounts import User
from local.venues.kalshi.wire import ApiError

KEY = "KALSHI-ACCESS-KEY"
SIGNATURE = "KALSHI-ACCESS-SIGNATURE"
TIMESTAMP = "KALSHI-ACCESS-TIMESTAMP"
LARGEST_SKEW_MS = 5_000

PublicKey = RSAPublicKey | Ed25519PublicKey


class _Key:
    """A public key and whose it is."""

    __slots__ = ("public", "user")

    def __init__(self, public: PublicKey, user: User) -> None:
        self.public, self.user = public, user


class KeyRing:
    """Who signs with which key. A signature counts while its time is at most `largest_skew_ms` from the clock's."""

    def __init__(self, largest_skew_ms: int = LARGEST_SKEW_MS) -> None:
        self._largest_skew_ms = largest_skew_ms
        self._keys: dict[str, _Key] = {}

    def add(self, key_id: str, public_key_pem: str, user: User) -> None:
        """Accept a key for a user. Raises InvalidInputError for anything but a public RSA or Ed25519 key in PEM."""
        if not key_id or key_id in self._keys:
            raise InvalidInputError("api key id", key_id, "a new non-empty id")
        try:
            key = load_pem_public_key(public_key_pem.encode())
        except (ValueError, UnsupportedAlgorithm):
            raise InvalidInputError("public key", public_key_pem[:40], "a public key in PEM") from None
        if not isinstance(key, (RSAPublicKey, Ed25519PublicKey)):
            raise InvalidInputError("public key", type(key).__name__, "an RSA or Ed25519 key")
        self._keys[key_id] = _Key(key, user)

    def user_of(self, request: Request, now_ms: int) -> User:
        """Who signed a request. Raises the 401 that fits."""
        headers = request.headers
        key_id, signature, timestamp = (headers.get(name, "") for name in (KEY, SIGNATURE, TIMESTAMP))
        if not (key_id and signature and timestamp):
            raise ApiError(401, "signature_is_missing_from_headers")
        if not timestamp.isdecimal() or abs(int(timestamp) - now_ms) > self._largest_skew_ms:
            raise ApiError(401, "header_timestamp_expired")
        known = self._keys.get(key_id)
        if known is None:
            raise _unauthenticated("NOT_FOUND")
        message = f"{timestamp}{request.method}{request.path}".encode()
        try:
            _verify(known, message, b64decode(signature, validate=True))
        except (InvalidSignature, Base64Error, ValueError):
            raise _unauthenticated("INCORRECT_API_KEY_SIGNATURE") from None
        return known.user


def _unauthenticated(details: str) -> ApiError:
    return ApiError(401, "authentication_error", details=details)


@lru_cache(4_096)
def _verify(key: _Key, message: bytes, signature: bytes) -> None:
    """Raises InvalidSignature; only good signatures are remembered."""
    if isinstance(key.public, Ed25519PublicKey):
        key.public.verify(signature, message)
    else:
        key.public.verify(signature, message, PSS(mgf=MGF1(SHA256()), salt_length=SHA256().digest_size), SHA256())
