"""Accounts are found without a scan, plain text never leaves the machine, and no secret is ever in a message."""

import json
from typing import Any

import pytest

from holdfast.clock import VirtualClock
from holdfast.core.errors import InvalidInputError, StoreError
from holdfast.state.accounts import Account, Accounts, MemorySecrets, SecretsManager
from holdfast.state.memory import MemoryStore
from local.aws.engine import AwsEngine
from tests.aws import ENGINES


def account(**changes: Any) -> Account:
    fields = {"account_id": "kalshi-1", "venue": "kalshi", "environment": "demo", "secret_name": "holdfast/kalshi-1"}
    return Account(**{**fields, **changes})


@pytest.fixture
def accounts() -> Accounts:
    return Accounts(MemoryStore(VirtualClock(0)))


def test_accounts_are_kept_and_listed(accounts: Accounts) -> None:
    first = account(subaccount=3, base_url="https://example.com/trade-api/v2", region="eu-west-1")
    second = account(account_id="a-poly", venue="polymarket", environment="production")
    accounts.save(first)
    accounts.save(second)
    assert accounts.get("kalshi-1") == first
    assert accounts.list() == [second, first]


def test_account_is_replaced_only_on_purpose(accounts: Accounts) -> None:
    accounts.save(account())
    with pytest.raises(InvalidInputError, match="taken"):
        accounts.save(account(environment="production"))
    assert accounts.get("kalshi-1").environment == "demo"
    accounts.save(account(environment="production"), replace=True)
    assert [one.environment for one in accounts.list()] == ["production"]


def test_unknown_account_is_an_error_that_names_the_known_ones(accounts: Accounts) -> None:
    accounts.save(account())
    with pytest.raises(InvalidInputError, match=r"kalshi-2.*kalshi-1"):
        accounts.get("kalshi-2")


@pytest.mark.parametrize("bad", ["", "all", "Kalshi", "a b", "-a", "a/b", "a#b", "x" * 41])
def test_account_id_that_breaks_a_key_or_path_is_refused(bad: str) -> None:
    with pytest.raises(InvalidInputError, match="account id"):
        account(account_id=bad)


@pytest.mark.parametrize(
    "bad",
    [
        {"venue": "nyse"},
        {"environment": "prod"},
        {"subaccount": -1},
        {"secret_name": ""},
        {"secret_name": "-----BEGIN PRIVATE KEY-----\nword\n-----END PRIVATE KEY-----"},
        {"secret_name": '{"private_key": "word"}'},
        {"region": ""},
        {"region": "mars"},
        {"base_url": "http://example.com"},
        {"base_url": "http://127.0.0.1.example.com"},
        {"base_url": "http://localhost@example.com"},
        {"base_url": "https://key:word@example.com"},
        {"base_url": "https://"},
        {"base_url": "example.com"},
        {"base_url": "https://example.com/?key=1"},
        {"base_url": "wss://example.com"},
        {"ws_url": "ws://example.com"},
        {"ws_url": "https://example.com"},
        {"environment": "local", "base_url": ""},
        {"environment": "local", "base_url": "https://example.com"},
    ],
    ids=str,
)
def test_bad_account_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError) as refused:
        account(**bad)
    assert "word" not in str(refused.value)


@pytest.mark.parametrize(
    "good",
    [
        {"base_url": "http://127.0.0.1:8080"},
        {"base_url": "http://localhost:8080/trade-api/v2", "ws_url": "ws://[::1]:9000"},
        {"base_url": "https://example.com", "ws_url": "wss://example.com/ws"},
        {"environment": "local", "base_url": "http://127.0.0.1:1"},
    ],
    ids=str,
)
def test_good_account_is_taken(good: dict[str, Any]) -> None:
    account(**good)


# Secrets


@pytest.fixture(params=ENGINES)
def aws(request: pytest.FixtureRequest) -> AwsEngine:
    """Each AWS engine."""
    return request.getfixturevalue(ENGINES[request.param])  # type: ignore[no-any-return]


@pytest.fixture
def secret(aws: AwsEngine, request: pytest.FixtureRequest) -> str:
    name = f"holdfast/{request.node.name.translate(str.maketrans('[]', '--'))}"
    aws.clients().secrets.create_secret(Name=name, SecretString=json.dumps({"key_id": "k1", "private_key": "p"}))
    return name


def test_secret_is_read_and_kept_for_minutes(aws: AwsEngine, secret: str) -> None:
    clock = VirtualClock(0)
    client = aws.clients().secrets
    secrets = SecretsManager(client, clock)
    fields = secrets.read(secret)
    assert fields == {"key_id": "k1", "private_key": "p"}
    fields["key_id"] = "changed by the caller"
    client.put_secret_value(SecretId=secret, SecretString=json.dumps({"key_id": "k2", "private_key": "p"}))
    clock.sleep_ms(599_999)
    assert secrets.read(secret)["key_id"] == "k1"
    clock.sleep_ms(1)
    assert secrets.read(secret)["key_id"] == "k2"


def test_known_keys_serve_on_while_secrets_manager_fails(aws: AwsEngine, secret: str) -> None:
    clock = VirtualClock(0)
    client = aws.clients().secrets
    secrets = SecretsManager(client, clock)
    secrets.read(secret)
    client.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    clock.sleep_ms(600_000)
    assert secrets.read(secret)["key_id"] == "k1"
    with pytest.raises(StoreError, match="ResourceNotFoundException"):
        SecretsManager(client, clock).read(secret)


@pytest.mark.parametrize(
    "text", ["hush-hush", '["hush-hush"]', '{"key": 5, "word": "hush-hush"}'], ids=["text", "list", "number"]
)
def test_secret_of_another_form_is_an_error_that_does_not_show_it(aws: AwsEngine, secret: str, text: str) -> None:
    client = aws.clients().secrets
    client.put_secret_value(SecretId=secret, SecretString=text)
    with pytest.raises(StoreError, match="JSON object of texts") as refused:
        SecretsManager(client, VirtualClock(0)).read(secret)
    assert "hush" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_memory_secrets() -> None:
    secrets = MemorySecrets({"a": {"key": "1"}})
    secrets.read("a")["key"] = "2"
    assert secrets.read("a") == {"key": "1"}
    with pytest.raises(StoreError):
        secrets.read("b")
