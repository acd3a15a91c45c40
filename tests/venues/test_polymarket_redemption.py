"""The relayer half of the adapter: what each answer means, what is sent, and what is never guessed."""

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import jsonschema
import pytest
import yaml

from holdfast.clock import VirtualClock
from holdfast.core.errors import (
    InvalidInputError,
    SigningError,
    VenueError,
    VenueRateLimitedError,
    VenueUnavailableError,
)
from holdfast.core.outcomes import Refusal, Refused, Unknown
from holdfast.core.redemption import Holding, Redeemable, RedemptionStatus, SignedRedemption, Submitted, next_attempt
from holdfast.venues.polymarket.client import PolymarketClient
from holdfast.venues.polymarket.headers import ApiCredentials
from holdfast.venues.polymarket.redemption import SUBMIT_COST, SUBMITS, PolymarketRedeemer
from holdfast.venues.polymarket.relayer import Relayer, RelayerKey
from holdfast.venues.polymarket.settings import PolymarketSettings
from holdfast.venues.polymarket.signer import LocalSigner, SignatureType
from holdfast.venues.transport import RequestsTransport
from tests.shared import SHARED
from tests.venues.kalshi_scripted import NOW_MS, CountingMeter, Reply, ScriptedServer, scripted_server
from tests.venues.polymarket_scripted import CONDITION, KEY, NO, OWNER, YES

SPEC = SHARED / "specs/polymarket-relayer.openapi.yaml"
WALLET = "0x" + "77" * 20
DEADLINE = NOW_MS + 10_000
SIGNED = SignedRedemption('{"signature":"0xaa"}', NOW_MS + 660_000)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


def redeemer(server, kind=SignatureType.DEPOSIT_WALLET, *, key="a-relayer-key", clock=None, chain_id=137, signer=None):
    clock, meter, signer = clock or VirtualClock(NOW_MS), CountingMeter(), signer or LocalSigner(KEY)
    settings = PolymarketSettings("r", WALLET, kind, chain_id, base_url=server.url)
    credentials = ApiCredentials(OWNER, "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "a-passphrase")
    transport = RequestsTransport()
    client = PolymarketClient(settings, signer.address, credentials, transport, clock, meter)
    relayer = Relayer(
        settings.relayer_origin, RelayerKey(key or "k", signer.address), signer.address, transport, clock, meter
    )
    return PolymarketRedeemer(settings, signer, client, relayer if key else None, clock)


def holdings(*rows):
    return Reply(200, {"data": list(rows), "pagination": {"has_more": False, "next_cursor": None}})


def won(token=YES, size=10, price=1, **more):
    row = {"token_id": token, "condition_id": CONDITION, "current_size": size, "current_price": price}
    return row | {"redeemable": True, "status": "REDEEMABLE", "negative_risk": False} | more


def record(transaction_id=""):
    wanted = Redeemable(CONDITION, (Holding(YES, 1, 1),))
    sent = next_attempt(None, "r", wanted, SIGNED, fence=1, now_ms=NOW_MS, resolvable_at_ms=NOW_MS)
    return sent.submitted(transaction_id) if transaction_id else sent


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply(200, {"transactionID": "x", "state": "STATE_NEW"}), Submitted("x")),
        (Reply(400, {"error": "wallet has in-flight action"}), Refusal.TRADING_PAUSED),
        (Reply(400, {"error": "batch nonce 4 does not match on-chain nonce 5"}), Refusal.TRADING_PAUSED),
        (Reply(400, {"error": "invalid transaction request payload"}), Refusal.MALFORMED),
        (Reply(401, {"error": "invalid authorization"}), Refusal.UNAUTHORIZED),
        (Reply(429, {"error": "quota exceeded"}), Refusal.RATE_LIMITED),
        (Reply(429, b"error code: 1015"), Unknown),
        (Reply(500, {"error": "internal error"}), Unknown),
        (Reply(502, b"<html>"), Unknown),
        (Reply(200, {"state": "STATE_NEW"}), Unknown),
        (Reply(200, b'{"transactionID": "x'), Unknown),
        (Reply(302, b""), Unknown),
    ],
)
def test_what_the_answer_to_a_submit_means(server: ScriptedServer, reply: Reply, outcome: object) -> None:
    server.script(reply)
    told = redeemer(server).submit(SIGNED, DEADLINE)
    if isinstance(outcome, Refusal):
        assert isinstance(told, Refused)
        assert told.reason is outcome
    else:
        assert told == outcome or type(told) is outcome
    (asked,) = server.asked
    assert (asked.method, asked.target, asked.body.decode()) == ("POST", "/relayer/submit", SIGNED.body)
    assert asked.headers["RELAYER_API_KEY"] == "a-relayer-key"
    assert asked.headers["RELAYER_API_KEY_ADDRESS"] == LocalSigner(KEY).address


def test_nothing_is_sent_after_the_deadline(server: ScriptedServer) -> None:
    told = redeemer(server).submit(SIGNED, NOW_MS)
    assert isinstance(told, Refused)
    assert (told.reason, server.asked) == (Refusal.NOT_SENT, [])


def test_holdings_come_by_condition_and_one_call_redeems_both_outcomes(server: ScriptedServer) -> None:
    server.script(holdings(won(), won(NO, 4, 0), won(redeemable=False, status="OPEN", token_id="5")))
    found = redeemer(server)
    (one,) = found.redeemable()
    assert one == Redeemable(CONDITION, (Holding(YES, 10**7, 10**11), Holding(NO, 4 * 10**6, 0)))
    server.script(Reply(200, {"address": WALLET, "nonce": "7"}))
    body = json.loads(found.prepare(one, "an-identity").body)
    assert (body["nonce"], body["metadata"], body["type"]) == ("7", "an-identity", "WALLET")
    assert len(body["depositWalletParams"]["calls"]) == 1
    assert body["depositWalletParams"]["deadline"] == str(NOW_MS // 1000 + 600)
    assert urlsplit(server.asked[-1].target).query == f"address={LocalSigner(KEY).address}&type=WALLET"


def test_holding_without_a_condition_is_an_error_and_not_left_out(server: ScriptedServer) -> None:
    server.script(holdings(won(condition_id="")))
    with pytest.raises(VenueUnavailableError):
        redeemer(server).redeemable()


def test_what_was_not_listed_cannot_be_prepared(server: ScriptedServer) -> None:
    with pytest.raises(VenueUnavailableError):
        redeemer(server).prepare(Redeemable(CONDITION, (Holding(YES, 1, 1),)), "x")
    assert server.asked == []


def test_without_a_signature_nothing_is_submitted_and_no_tick_ends(server: ScriptedServer) -> None:
    """As where the relayer can't be read: the job goes on, and tries again later."""

    class Silent:
        address = LocalSigner(KEY).address

        def sign_digest(self, digest: bytes) -> bytes:
            raise SigningError("KMS key 1: DisabledException")

    server.script(holdings(won()), Reply(200, {"address": WALLET, "nonce": "7"}))
    found = redeemer(server, signer=Silent())
    (one,) = found.redeemable()
    with pytest.raises(VenueUnavailableError, match="DisabledException"):
        found.prepare(one, "x")


@pytest.mark.parametrize("nonce", ["", "0x7", "-1", "seven"])
def test_nonce_that_is_no_number_signs_nothing(server: ScriptedServer, nonce: str) -> None:
    server.script(holdings(won()), Reply(200, {"nonce": nonce}))
    found = redeemer(server)
    (one,) = found.redeemable()
    with pytest.raises(VenueUnavailableError):
        found.prepare(one, "x")


@pytest.mark.parametrize(
    ("kind", "key", "chain_id", "words"),
    [
        (SignatureType.EOA, "k", 137, "signature type 0"),
        (SignatureType.PROXY, "k", 137, "signature type 1"),
        (SignatureType.SAFE, "", 137, "relayer_api_key"),
        (SignatureType.SAFE, "k", 80002, "Polygon"),
    ],
)
def test_what_cannot_be_proved_is_refused_by_name_and_sends_nothing(
    server: ScriptedServer, kind: SignatureType, key: str, chain_id: int, words: str
) -> None:
    found = redeemer(server, kind, key=key, chain_id=chain_id)
    assert words in found.obstacle
    with pytest.raises(VenueUnavailableError):
        found.submit(SIGNED, DEADLINE)
    assert server.asked == []


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("STATE_NEW", RedemptionStatus.PENDING),
        ("STATE_EXECUTED", RedemptionStatus.PENDING),
        ("STATE_MINED", RedemptionStatus.PENDING),
        ("STATE_SOMETHING_NEW", RedemptionStatus.PENDING),
        ("STATE_CONFIRMED", RedemptionStatus.CONFIRMED),
        ("STATE_FAILED", RedemptionStatus.FAILED),
        ("STATE_INVALID", RedemptionStatus.FAILED),
    ],
)
def test_states_of_a_transaction(server: ScriptedServer, state: str, status: RedemptionStatus) -> None:
    server.script(Reply(200, {"transaction_id": "x", "transaction_hash": "", "state": state, "error_msg": None}))
    assert redeemer(server).look_up(record("x")).status is status


def test_transaction_is_found_by_identity_and_signature_alone(server: ScriptedServer) -> None:
    ours, another = record().identity, {"transactionID": "other", "state": "STATE_CONFIRMED", "signature": "0xAA"}
    rows = [
        {**another, "metadata": "somebody else's"},
        {**another, "metadata": ours, "signature": "0xbb"},
        {"transactionID": "x", "state": "STATE_MINED", "signature": "0xAA", "metadata": ours},
    ]
    server.script(Reply(200, rows), Reply(200, rows[:2]))
    read = redeemer(server).look_up(record())
    assert (read.status, read.transaction_id) == (RedemptionStatus.PENDING, "x")
    assert redeemer(server).look_up(record()).status is RedemptionStatus.UNKNOWN


@pytest.mark.parametrize("reply", [Reply(200, []), Reply(404, {"error": "not found"})])
def test_no_trace_is_void_only_when_it_is_too_late_to_take_effect(server: ScriptedServer, reply: Reply) -> None:
    server.script(reply, reply)
    assert redeemer(server).look_up(record()).status is RedemptionStatus.UNKNOWN
    late = VirtualClock(SIGNED.void_after_ms)
    assert redeemer(server, clock=late).look_up(record()).status is RedemptionStatus.VOID


def test_transaction_that_the_relayer_lost_is_looked_for_in_its_list(server: ScriptedServer) -> None:
    server.script(Reply(404, {"error": "transaction not found"}), Reply(200, []))
    assert redeemer(server).look_up(record("x")).status is RedemptionStatus.UNKNOWN


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(500, {"error": "internal error"}), VenueError),
        (Reply(429, {"error": "quota exceeded"}), VenueRateLimitedError),
        (Reply(200, b"[{"), VenueUnavailableError),
        (Reply(200, [{"state": "STATE_MINED"}]), VenueUnavailableError),
    ],
)
def test_unreadable_relayer_is_an_error_never_an_absence(
    server: ScriptedServer, reply: Reply, error: type[VenueError]
) -> None:
    server.script(reply)
    with pytest.raises(error):
        redeemer(server).look_up(record())


def test_key_is_never_shown() -> None:
    assert "secret" not in repr(RelayerKey("secret", "0xowner"))
    with pytest.raises(InvalidInputError):
        RelayerKey("", "0xowner")


def test_no_minute_takes_more_than_the_relayer_allows() -> None:
    """The bucket's reserve, which only exits of orders use, stays."""
    at_once = (SUBMITS.capacity - SUBMITS.capacity * 3 // 10) // SUBMIT_COST
    assert at_once + 60 * SUBMITS.refill // SUBMIT_COST <= 25 * 9 // 10


@pytest.mark.parametrize("kind", [SignatureType.SAFE])
def test_what_a_safe_sends_is_what_the_published_relayer_takes(server: ScriptedServer, kind: SignatureType) -> None:
    if not SPEC.exists():
        pytest.skip(f"{SPEC} is absent")
    server.script(holdings(won()), Reply(200, {"nonce": "31"}))
    found = redeemer(server, kind)
    (one,) = found.redeemable()
    document = yaml.safe_load(SPEC.read_text())
    schema = {"$ref": "#/components/schemas/SubmitRequest", "components": document["components"]}
    body = json.loads(found.prepare(one, "an-identity").body)
    jsonschema.validate(body, schema)
    assert (body["proxyWallet"].lower(), body["signatureParams"]["operation"]) == (WALLET, "0")
