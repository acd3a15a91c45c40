"""What an owner may say in cdk.json, and the one line that he gets for what can't be."""

import json
from pathlib import Path
from typing import Any

import pytest

from holdfast.core.errors import InvalidInputError
from infra.settings import MOST_ACCOUNTS, MOST_WALLETS, deployment, read

KALSHI = {"venue": "kalshi", "environment": "demo"}
WALLET = {
    "venue": "polymarket",
    "environment": "production",
    "options": {"kms_key": "0f0e0d0c-1234-1234-1234-0a0b0c0d0e0f"},
}
GOOD: dict[str, Any] = {"stage": "prod", "email": "o@example.com", "timezone": "UTC", "accounts": {"k": KALSHI}}


def test_a_line_is_an_account() -> None:
    poly = {"venue": "polymarket", "environment": "production", "options": {"tier": "copper"}}
    made = deployment({**GOOD, "accounts": {"poly": poly, "k": {**KALSHI, "subaccount": 3, "region": "us-east-2"}}})
    kalshi, polymarket = made.accounts
    assert (kalshi.account_id, kalshi.subaccount, kalshi.region) == ("k", 3, "us-east-2")
    assert (polymarket.account_id, polymarket.region) == ("poly", "eu-west-1")
    assert polymarket.options == {"tier": "copper"}
    assert polymarket.secret_name == "holdfast/prod/poly"
    assert made.regions == ("eu-west-1", "us-east-2")
    assert made.accounts_in("eu-west-1") == (polymarket,)
    assert not made.is_disposable


def test_texts_of_the_command_line_are_json() -> None:
    given = {
        "accounts": json.dumps({"k": KALSHI}),
        "webhook_addresses": '["192.0.2.7"]',
        "reserved_concurrency": "5",
        "@aws-cdk/core:checkSecretUsage": True,
        "aws:cdk:bundling-stacks": [],
    }
    made = deployment({**GOOD, **given})
    assert made.accounts[0].venue == "kalshi"
    assert made.webhook_addresses == ("192.0.2.7",)
    assert made.reserved_concurrency == 5


@pytest.mark.parametrize("stage", ["dev", "dev-ann"])
def test_only_a_dev_stage_is_disposable_and_may_be_without_email(stage: str) -> None:
    assert deployment({**GOOD, "stage": stage, "email": ""}).is_disposable
    assert not deployment({**GOOD, "stage": "development"}).is_disposable


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stage": "Prod"}, "stage: 'Prod' is not allowed"),
        ({"stage": None}, "stage: None is not allowed; allowed: a text"),
        ({"email": ""}, "email: '' is not allowed; allowed: an address"),
        ({"email": "owner"}, "email: 'owner'"),
        ({"timezone": "Berlin"}, "timezone: 'Berlin'"),
        ({"accounts": None}, "accounts: None is not allowed; allowed: at least one account, e.g."),
        ({"accounts": {}}, "accounts: {}"),
        ({"accounts": "{"}, "accounts: '{' is not allowed; allowed: JSON"),
        ({"accounts": {"k": "kalshi"}}, "accounts: k: 'kalshi' is not allowed; allowed: venue, environment, region"),
        ({"accounts": {"k": {**KALSHI, "environment": "live"}}}, "environment of account k: 'live'"),
        ({"accounts": {"k": {**KALSHI, "secret_name": "x"}}}, "unknown field `secret_name`"),
        ({"accounts": {"K": KALSHI}}, "account id: 'K'"),
        ({"accounts": {"all": KALSHI}}, "account id: 'all'"),
        ({"accounts": {"c": {"venue": "coinbase", "environment": "production"}}}, "venue of account c: 'coinbase'"),
        ({"accounts": {"k": {**KALSHI, "region": "virginia"}}}, "region of account k: 'virginia'"),
        ({"accounts": {"k": {**KALSHI, "base_url": "http://example.com"}}}, "base_url of account k"),
        ({"accounts": {f"k{n}": KALSHI for n in range(MOST_ACCOUNTS + 1)}}, "accounts in us-east-1: 201"),
        ({"accounts": {f"p{n}": WALLET for n in range(MOST_WALLETS + 1)}}, "accounts with kms_key in eu-west-1: 91"),
        ({"acounts": {}}, "context: 'acounts' is not allowed; allowed: stage, email"),
        ({"reserved_concurrency": 1}, "reserved_concurrency: 1"),
        ({"webhook_addresses": ["0.0.0.0/0"]}, "webhook_addresses: '0.0.0.0/0'"),
        ({"webhook_addresses": ["tradingview.com"]}, "webhook_addresses: 'tradingview.com'"),
        ({"webhook_addresses": [5]}, "webhook_addresses: 5"),
        ({"accounts": {"k": {**KALSHI, "options": {"kms_key": "x"}}}}, "options of account k: 'kms_key'"),
        (
            {"accounts": {"k": {**KALSHI, "environment": "local", "base_url": "http://127.0.0.1:1"}}},
            "of account k: 'local'",
        ),
        ({"webhook_addresses": "192.0.2.7"}, "webhook_addresses: '192.0.2.7' is not allowed; allowed: JSON"),
    ],
)
def test_one_line_says_what_is_wrong(changes: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        deployment({**GOOD, **changes})
    line = str(caught.value)
    assert said in line
    assert "\n" not in line


def test_the_files_context_is_read_with_what_is_given_instead(tmp_path: Path) -> None:
    path = tmp_path / "cdk.json"
    path.write_text(json.dumps({"context": GOOD}))
    assert read(path, stage="dev").stage == "dev"
    with pytest.raises(InvalidInputError, match=r"a cdk.json with a context"):
        read(tmp_path / "none.json")
