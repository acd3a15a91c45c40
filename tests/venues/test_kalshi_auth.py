"""Signatures that the venue accepts, keys that never leak, and hosts that can't be mistaken."""

import traceback
from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from holdfast.core.errors import InvalidInputError
from holdfast.venues.kalshi import Environment, KalshiSettings, Signer
from holdfast.venues.kalshi.hosts import api_origin

PATH = "/trade-api/v2/portfolio/events/orders"
SIGNED = b"1795000000123POST" + PATH.encode()


def pem_of(key, encryption=None) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()).decode()


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def test_rsa_signature_is_pss_with_sha256_over_time_method_and_path(rsa_key):
    headers = Signer("key-1", pem_of(rsa_key)).headers(1_795_000_000_123, "POST", PATH)
    assert headers["KALSHI-ACCESS-KEY"] == "key-1"
    assert headers["KALSHI-ACCESS-TIMESTAMP"] == "1795000000123"
    signature = b64decode(headers["KALSHI-ACCESS-SIGNATURE"])
    rsa_key.public_key().verify(signature, SIGNED, PSS(MGF1(SHA256()), salt_length=32), SHA256())


def test_rsa_key_in_the_older_pem_form_is_accepted(rsa_key):
    pem = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    signature = b64decode(Signer("k", pem).headers(1_795_000_000_123, "POST", PATH)["KALSHI-ACCESS-SIGNATURE"])
    rsa_key.public_key().verify(signature, SIGNED, PSS(MGF1(SHA256()), salt_length=32), SHA256())


def test_ed25519_signature_is_over_the_same_text():
    key = Ed25519PrivateKey.generate()
    headers = Signer("key-1", pem_of(key)).headers(1_795_000_000_123, "POST", PATH)
    key.public_key().verify(b64decode(headers["KALSHI-ACCESS-SIGNATURE"]), SIGNED)


def bad_keys() -> list[tuple[str, str]]:
    ed25519 = Ed25519PrivateKey.generate()
    body = pem_of(ed25519).splitlines()[1]
    return [
        ("no pem", "SECRETSECRET"),
        ("broken pem", f"-----BEGIN PRIVATE KEY-----\n{body[:-8]}\n-----END PRIVATE KEY-----\n"),
        ("encrypted", pem_of(ed25519, BestAvailableEncryption(b"password"))),
        ("wrong kind", pem_of(ec.generate_private_key(ec.SECP256R1()))),
        ("empty", ""),
    ]


@pytest.mark.parametrize(("name", "pem"), bad_keys())
def test_a_key_that_cannot_be_used_is_refused_without_showing_it(name, pem):
    with pytest.raises(InvalidInputError) as caught:
        Signer("key-1", pem)
    shown = "".join(traceback.format_exception(caught.value))
    assert "private key" in str(caught.value)
    secrets = [line for line in pem.splitlines() if line and not line.startswith("-----")]
    assert not any(secret in shown for secret in secrets)


@pytest.mark.parametrize("key_id", ["", "key-1\n", " key-1", "key 1", "ключ"])
def test_a_key_id_that_no_header_can_carry_is_refused(key_id: str):
    with pytest.raises(InvalidInputError, match="key id"):
        Signer(key_id, pem_of(Ed25519PrivateKey.generate()))


def test_the_private_key_is_in_no_repr():
    pem = pem_of(Ed25519PrivateKey.generate())
    signer = Signer("key-1", pem)
    assert repr(signer) == "Signer(key_id='key-1')"
    assert pem.splitlines()[1] not in f"{signer!r} {signer} {[signer]}"


@pytest.mark.parametrize(
    ("environment", "base_url", "origin"),
    [
        (Environment.PRODUCTION, "", "https://external-api.kalshi.com"),
        (Environment.DEMO, "", "https://external-api.demo.kalshi.co"),
        (Environment.PRODUCTION, "https://api.elections.kalshi.com", "https://api.elections.kalshi.com"),
        # The prefix given or not, it is not doubled: a bot lost a day to "/trade-api/v2/trade-api/v2".
        (Environment.DEMO, "https://demo-api.kalshi.co/trade-api/v2/", "https://demo-api.kalshi.co"),
        (Environment.DEMO, "http://127.0.0.1:8080/trade-api/v2", "http://127.0.0.1:8080"),
        (Environment.DEMO, "http://[::1]:8080", "http://[::1]:8080"),
        (Environment.DEMO, "http://localhost:8080", "http://localhost:8080"),
    ],
)
def test_hosts(environment, base_url, origin):
    assert api_origin(KalshiSettings("a", environment, base_url)) == origin


@pytest.mark.parametrize(
    "base_url",
    [
        "http://external-api.kalshi.com",
        "http://10.0.0.1:8080",
        "http://localhost.example.com",
        "ftp://127.0.0.1",
        "127.0.0.1:8080",
        "https://external-api.kalshi.com/trade-api/v3",
        "https://user:secret@external-api.kalshi.com",
        "https://external-api.kalshi.com?x=1",
    ],
)
def test_hosts_that_would_send_signed_orders_in_the_clear_or_astray_are_refused(base_url):
    with pytest.raises(InvalidInputError, match="base_url"):
        api_origin(KalshiSettings("a", Environment.DEMO, base_url))


@pytest.mark.parametrize(
    ("environment", "base_url"),
    [
        (Environment.DEMO, "https://external-api.kalshi.com"),
        (Environment.DEMO, "https://API.elections.kalshi.com./trade-api/v2"),
        (Environment.PRODUCTION, "https://demo-api.kalshi.co"),
    ],
)
def test_one_environment_never_trades_on_the_hosts_of_the_other(environment, base_url):
    """An account that says demo and trades real money would be believed."""
    with pytest.raises(InvalidInputError, match="base_url"):
        api_origin(KalshiSettings("a", environment, base_url))


def test_a_password_in_the_base_url_is_not_repeated_in_the_error():
    with pytest.raises(InvalidInputError) as caught:
        api_origin(KalshiSettings("a", Environment.DEMO, "https://user:secret@external-api.kalshi.com"))
    assert "secret" not in str(caught.value)


def test_an_account_without_a_name_or_with_an_impossible_subaccount_is_refused():
    with pytest.raises(InvalidInputError, match="account"):
        KalshiSettings("", Environment.DEMO)
    with pytest.raises(InvalidInputError, match="subaccount"):
        KalshiSettings("a", Environment.DEMO, subaccount=64)
