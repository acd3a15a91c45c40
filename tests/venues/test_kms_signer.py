"""The wallet's key in AWS KMS signs what a key in memory signs: the same contract, and the local venue takes both."""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from holdfast.core.errors import InvalidInputError, SigningError
from holdfast.core.outcomes import Placed, Refusal, Refused
from holdfast.state.aws import AwsClients
from holdfast.venues.polymarket.kms_signer import KEY_SPEC, KmsSigner
from holdfast.venues.polymarket.signer import LocalSigner, Signer
from local.aws.engine import AwsEngine
from local.aws.ministack import Ministack
from local.aws.stand_in import LocalAws
from local.venues.polymarket.eip712 import recover
from tests.venues.polymarket_world import polymarket_world

HALF = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


class Kms:
    """A key of an engine's KMS, and how often which operation was asked."""

    def __init__(self, engine: AwsEngine, spec: str = KEY_SPEC) -> None:
        # Clients of its own: what is counted is counted for this key alone.
        self.client = AwsClients(
            engine.region, engine.endpoint_url, access_key=engine.access_key, secret_key=engine.secret_key
        ).kms
        self.key_id: str = self.client.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        self.asked: Counter[str] = Counter()
        self.signatures: list[bytes] = []
        self.client.meta.events.register("before-call.kms", self._count)
        self.client.meta.events.register("after-call.kms.Sign", self._keep)

    def signer(self) -> KmsSigner:
        return KmsSigner(self.client, self.key_id)

    def _count(self, model: Any, **_: Any) -> None:
        self.asked[model.name] += 1

    def _keep(self, parsed: dict[str, Any], **_: Any) -> None:
        if "Signature" in parsed:
            self.signatures.append(parsed["Signature"])


@pytest.fixture
def kms(ministack: Ministack) -> Iterator[Kms]:
    made = Kms(ministack)
    yield made
    made.client.close()


@pytest.fixture(params=["memory", "kms"])
def signer(request: pytest.FixtureRequest) -> Signer:
    """Each adapter of the port, with a key of its own."""
    if request.param == "kms":
        return request.getfixturevalue("kms").signer()
    return LocalSigner(random.Random(7).randbytes(32).hex())


def test_every_signature_is_the_keys_and_has_the_lower_s(signer: Signer) -> None:
    digests = [random.Random(number).randbytes(32) for number in range(200)]
    for digest in digests:
        signature = signer.sign_digest(digest)
        assert len(signature) == 65
        assert signature[64] in (27, 28)
        assert 0 < int.from_bytes(signature[32:64], "big") <= HALF
        assert recover(digest, signature) == signer.address.lower()


def test_it_shows_its_address_alone(signer: Signer) -> None:
    assert repr(signer) == f"{type(signer).__name__}({signer.address})"


def test_kms_itself_gives_the_upper_s_as_often(kms: Kms) -> None:
    """Else the test above would prove nothing."""
    signer = kms.signer()
    signed = [signer.sign_digest(bytes([number]) * 32) for number in range(60)]
    # DER: 30 len 02 len r 02 len s
    upper = [int.from_bytes(der[6 + der[3] :], "big") > HALF for der in kms.signatures]
    assert len(upper) == len(signed) == 60
    assert any(upper)
    assert not all(upper)


def test_one_call_signs_and_one_call_tells_the_address(kms: Kms) -> None:
    signer = kms.signer()
    assert signer.address == signer.address
    for number in range(15):
        signer.sign_digest(bytes([number]) * 32)
    assert kms.asked == {"GetPublicKey": 1, "Sign": 15}


@pytest.mark.parametrize("signature_type", range(4))
def test_the_venue_takes_its_orders_for_every_kind_of_wallet(kms: Kms, signature_type: int) -> None:
    with polymarket_world(signature_type, kms.signer()) as world:
        [bid] = world.place(world.placement("bid"))
        assert isinstance(bid, Placed)
        quotes = [world.placement(f"q{number}", price=2_500 + 100 * number, size=5_000_000) for number in range(15)]
        outcomes = world.place(*quotes)
        assert [type(outcome) for outcome in outcomes] == [Placed] * 15
        [neg_risk] = world.place(world.placement("other", name="senate", price=3_010))
        assert isinstance(neg_risk, Placed)
        [cancelled] = world.cancel(bid.order_id)
        assert type(cancelled).__name__ == "Canceled"
        assert kms.asked == {"GetPublicKey": 1, "Sign": 17}, "one for each order, none for a cancel"
        assert world.books().imbalances() == []


def test_another_wallets_order_is_refused(kms: Kms, ministack: Ministack) -> None:
    """The local venue does check: else it would prove nothing that it takes ours."""

    class Stranger:
        address = kms.signer().address
        sign_digest = staticmethod(Kms(ministack).signer().sign_digest)

    with polymarket_world(0, Stranger()) as world:
        [refused] = world.place(world.placement("bid"))
        assert isinstance(refused, Refused)
        assert world.books().open_orders == ()


def test_without_a_signature_nothing_is_sent_and_kms_is_asked_once(kms: Kms) -> None:
    """No order's outcome is unknown because of it: the next pass signs and sends."""
    with polymarket_world(0, kms.signer()) as world:
        world.venue.market_rules([world.token()])
        kms.client.disable_key(KeyId=kms.key_id)
        before = len(world.transport.sent)
        orders = [world.placement(f"exit{number}") for number in range(3)]
        outcomes = world.place(*orders)
        assert {(outcome.reason, outcome.code) for outcome in outcomes} == {(Refusal.NOT_SENT, "not_signed")}
        assert "DisabledException" in outcomes[0].detail
        assert len(world.transport.sent) == before
        assert kms.asked["Sign"] == 1
        kms.client.enable_key(KeyId=kms.key_id)
        assert [type(outcome) for outcome in world.place(*orders)] == [Placed] * 3


def test_what_came_unsigned_into_the_journal_is_never_sent(kms: Kms) -> None:
    """KMS is well again between journal and request: an order that the journal does not name could not be found."""
    with polymarket_world(0, kms.signer()) as world:
        kms.client.disable_key(KeyId=kms.key_id)
        prepared = world.venue.prepare([world.placement("exit")])
        kms.client.enable_key(KeyId=kms.key_id)
        [outcome] = world.venue.place(prepared, world.deadline)
        assert (outcome.reason, outcome.code) == (Refusal.NOT_SENT, "not_signed")
        assert world.books().open_orders == ()


def test_a_key_of_another_kind_is_refused_by_name(ministack: Ministack) -> None:
    with pytest.raises(InvalidInputError, match="secp256r1 for SIGN_VERIFY"):
        Kms(ministack, "ECC_NIST_P256").signer()


def test_a_key_that_is_not_there_and_a_kms_that_does_not_answer_are_signing_errors(ministack: Ministack) -> None:
    with pytest.raises(SigningError, match="NotFoundException"):
        KmsSigner(ministack.clients().kms, "00000000-0000-4000-8000-000000000000")
    dead = AwsClients("us-east-1", "http://127.0.0.1:9", access_key="x", secret_key="x")
    with pytest.raises(SigningError, match="EndpointConnectionError"):
        KmsSigner(dead.kms, "00000000-0000-4000-8000-000000000000")


def test_a_signature_of_something_else_is_never_sent(local_aws: LocalAws) -> None:
    """moto hashes the digest once more (facts aws section 7): its signature is this key's, but of another digest."""
    signer = Kms(local_aws).signer()
    with pytest.raises(SigningError, match="not this key's for this digest"):
        signer.sign_digest(b"\x07" * 32)


@pytest.mark.parametrize(
    "answer", [b"", b"\x30\x00", b"\x30\x06\x02\x01\x01\x02\x01\x00", bytes(72)], ids=["none", "empty", "zero", "zeros"]
)
def test_an_answer_that_is_no_signature_is_a_signing_error(kms: Kms, answer: bytes) -> None:
    signer = kms.signer()
    with Stubber(kms.client) as stub:
        stub.add_response("sign", {"Signature": answer})
        with pytest.raises(SigningError, match="signature"):
            signer.sign_digest(b"\x07" * 32)
