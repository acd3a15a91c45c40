"""A wallet's key that lives in AWS KMS and never leaves it (facts aws section 11).

KMS signs any 32 bytes with an ECC_SECG_P256K1 key where the message is stated to be a digest. It answers DER, with
either of the two valid s, and without the recovery id; the chain wants the lower s and the id.
"""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from coincurve import PublicKey
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256K1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from holdfast.core.errors import InvalidInputError, SigningError
from holdfast.venues.polymarket.typed_data import checksum_address, keccak256

KEY_SPEC, KEY_USAGE = "ECC_SECG_P256K1", "SIGN_VERIFY"
_ALLOWED = f"an asymmetric KMS key of {KEY_SPEC} for {KEY_USAGE}"
_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class KmsSigner:
    """A secp256k1 key in AWS KMS. Asks for its public key once, when it is made, and then once per signature.

    `client` is a KMS client of the key's region. Raises SigningError where KMS can't be asked, InvalidInputError where
    the key is of another kind. Signatures of the same digest differ; an order's id does not depend on them.
    """

    __slots__ = ("_address", "_client", "_key_id", "_public_key")

    def __init__(self, client: Any, key_id: str) -> None:
        self._client, self._key_id = client, key_id
        self._public_key = _point(self._ask(client.get_public_key))
        self._address = checksum_address(keccak256(self._public_key[1:])[12:])

    @property
    def address(self) -> str:
        """The key's address in EIP-55 case."""
        return self._address

    def sign_digest(self, digest: bytes) -> bytes:
        """See the port. Raises SigningError where KMS gave no signature of this digest by this key."""
        answer = self._ask(self._client.sign, Message=digest, MessageType="DIGEST", SigningAlgorithm="ECDSA_SHA_256")
        try:
            r, s = decode_dss_signature(answer["Signature"])
            compact = r.to_bytes(32, "big") + min(s, _CURVE_ORDER - s).to_bytes(32, "big")
        except (ValueError, OverflowError):
            raise SigningError(f"KMS key {self._key_id}: the answer is no signature") from None
        for recovery_id in (0, 1):
            if self._is_signed(digest, compact + bytes((recovery_id,))):
                return compact + bytes((recovery_id + 27,))
        # Sending it would only be refused: an endpoint that hashed the digest once more, or another key.
        raise SigningError(f"KMS key {self._key_id}: the signature is not this key's for this digest")

    def __repr__(self) -> str:
        return f"KmsSigner({self._address})"

    def _is_signed(self, digest: bytes, signature: bytes) -> bool:
        try:
            found = PublicKey.from_signature_and_message(signature, digest, hasher=None)
        except ValueError:
            return False
        return found.format(compressed=False) == self._public_key

    def _ask(self, call: Any, **given: object) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = call(KeyId=self._key_id, **given)
        except ClientError as error:
            raise SigningError(f"KMS key {self._key_id}: {error.response['Error'].get('Code', '')}") from None
        except BotoCoreError as error:
            raise SigningError(f"KMS key {self._key_id}: {type(error).__name__}") from None
        return answer


def _point(answer: dict[str, Any]) -> bytes:
    """The public key as 65 bytes, uncompressed."""
    try:
        key = load_der_public_key(answer["PublicKey"])
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidInputError("kms key", "a public key that can't be read", _ALLOWED) from None
    usage = answer.get("KeyUsage")
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256K1) or usage != KEY_USAGE:
        kind = key.curve.name if isinstance(key, EllipticCurvePublicKey) else type(key).__name__
        raise InvalidInputError("kms key", f"{kind} for {usage}", _ALLOWED)
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
