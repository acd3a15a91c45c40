"""Authentication (facts polymarket section 7): level 1 attests an address and makes API keys, level 2 uses them."""

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256

from local.venues.http import Request
from local.venues.polymarket.accounts import User
from local.venues.polymarket.eip712 import attestation_hash, keccak, recover
from local.venues.polymarket.records import Credentials
from local.venues.polymarket.wire import ApiError

LARGEST_SKEW_MS = 10_000
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_SIGNATURE = re.compile(r"0x[0-9a-fA-F]{130}")
_DIGITS = re.compile(r"\d{1,18}")


class KeyRing:
    """Every API key and whose it is. A time counts while it is at most `largest_skew_ms` from the clock's.

    How far the venue lets clocks be apart is not known; 10 seconds is what the clients' own limits leave room for.
    """

    def __init__(self, new_id: Callable[[], str], largest_skew_ms: int = LARGEST_SKEW_MS) -> None:
        self._new_id, self._largest_skew_ms = new_id, largest_skew_ms
        self._by_address: dict[str, User] = {}
        self._by_key: dict[str, tuple[User, Credentials]] = {}
        self._relayer_keys: dict[str, User] = {}

    def admit(self, user: User) -> None:
        """Let a user's address attest."""
        self._by_address[user.address] = user

    def create(self, user: User, nonce: int) -> Credentials:
        """A new key; each nonce has one."""
        if nonce in user.keys:
            raise ApiError(400, "Could not create api key")
        made = keccak(f"{user.address} {nonce} {self._new_id()}".encode())
        found = Credentials(self._new_id(), urlsafe_b64encode(made).decode(), keccak(made).hex())
        user.keys[nonce] = found
        self._by_key[found.api_key] = (user, found)
        return found

    def drop(self, api_key: str) -> None:
        """Forget a key."""
        user, _ = self._by_key.pop(api_key)
        user.keys = {nonce: known for nonce, known in user.keys.items() if known.api_key != api_key}

    def add_relayer_key(self, user: User) -> str:
        """A new key for the relayer, which takes none of the CLOB's (facts polymarket section 8)."""
        made = self._new_id()
        self._relayer_keys[made] = user
        return made

    def relayer_user(self, relayer_key: str) -> User | None:
        """Whose relayer key it is."""
        return self._relayer_keys.get(relayer_key)

    def attested(self, request: Request, now_ms: int) -> tuple[User, int]:
        """Who signed an L1 request, and the nonce. Raises the 401."""
        headers = request.headers
        address, nonce = headers.get("POLY_ADDRESS", ""), headers.get("POLY_NONCE", "0")
        signature, timestamp = headers.get("POLY_SIGNATURE", ""), headers.get("POLY_TIMESTAMP", "")
        formed = _ADDRESS.fullmatch(address) and _SIGNATURE.fullmatch(signature) and _DIGITS.fullmatch(nonce)
        if not formed or not self._timely(timestamp, now_ms):
            raise _bad_l1()
        signer = recover(attestation_hash(address, timestamp, int(nonce)), bytes.fromhex(signature[2:]))
        user = self._by_address.get(address.lower())
        if signer != address.lower() or user is None:
            raise _bad_l1()
        return user, int(nonce)

    def user_of(self, request: Request, now_ms: int) -> tuple[User, str]:
        """Who signed an L2 request, and with which key. Raises the 401."""
        headers = request.headers
        known = self._by_key.get(headers.get("POLY_API_KEY", ""))
        timestamp = headers.get("POLY_TIMESTAMP", "")
        if known is None or not self._timely(timestamp, now_ms):
            raise _unauthorized()
        user, credentials = known
        message = f"{timestamp}{request.method}{request.path}".encode() + request.body
        made = hmac.new(urlsafe_b64decode(credentials.secret), message, sha256).digest()
        proofs = (
            (headers.get("POLY_ADDRESS", "").lower(), user.address),
            (headers.get("POLY_PASSPHRASE", ""), credentials.passphrase),
            (headers.get("POLY_SIGNATURE", ""), urlsafe_b64encode(made).decode()),
        )
        if not all(hmac.compare_digest(given.encode(), wanted.encode()) for given, wanted in proofs):
            raise _unauthorized()
        return user, credentials.api_key

    def _timely(self, timestamp: str, now_ms: int) -> bool:
        return bool(_DIGITS.fullmatch(timestamp)) and abs(int(timestamp) * 1000 - now_ms) <= self._largest_skew_ms


def _unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized/Invalid api key")


def _bad_l1() -> ApiError:
    return ApiError(401, "Invalid L1 Request headers")
