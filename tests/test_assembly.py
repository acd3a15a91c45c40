"""What one account's parts are put together from, and what stops it."""

import subprocess
import sys
from typing import Any

import pytest

from holdfast.assembly import check_account, open_redeemer, open_signer, open_venue
from holdfast.clock import VirtualClock
from holdfast.core.errors import InvalidInputError, SigningError, StoreError
from holdfast.state.accounts import Account, MemorySecrets
from local.aws.ministack import Ministack
from tests.venues.kalshi_scripted import CountingMeter, ed25519_pem

ACCOUNT = Account(account_id="k", venue="kalshi", environment="demo", secret_name="keys")


@pytest.mark.parametrize("lacks", ["key_id", "private_key"])
def test_a_secret_that_lacks_a_field_is_named_and_not_shown(lacks: str) -> None:
    pem = ed25519_pem()
    fields = {"key_id": "key-1", "private_key": pem}
    open_venue(ACCOUNT, MemorySecrets({"keys": fields}), VirtualClock(0), CountingMeter())
    for secret in ({**fields, lacks: ""}, {name: value for name, value in fields.items() if name != lacks}):
        with pytest.raises(StoreError) as refused:
            open_venue(ACCOUNT, MemorySecrets({"keys": secret}), VirtualClock(0), CountingMeter())
        assert str(refused.value) == f"secret keys lacks {lacks}"


KEY_ID = "12345678-1234-4123-8123-123456789012"


def wallet(**changes: Any) -> Account:
    fields = {"account_id": "p", "venue": "polymarket", "environment": "production", "secret_name": "keys"}
    return Account(**{**fields, "region": "eu-west-1", **changes})


@pytest.mark.parametrize("key", [KEY_ID, f"mrk-{'0a' * 16}", f"arn:aws:kms:eu-west-1:123456789012:key/{KEY_ID}"])
def test_a_kms_key_is_named_by_id_or_arn(key: str) -> None:
    check_account(wallet(options={"kms_key": key}))


@pytest.mark.parametrize(
    "key",
    [
        "",
        "alias/wallet",
        f"arn:aws:kms:us-east-1:123456789012:key/{KEY_ID}",
        "arn:aws:kms:eu-west-1:123456789012:alias/wallet",
        "0x" + "4f" * 32,
        "4f" * 32,
    ],
    ids=["none", "alias", "elsewhere", "alias arn", "a private key", "a bare private key"],
)
def test_what_is_no_kms_key_of_the_accounts_region_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(InvalidInputError, match="kms_key of account p") as refused:
        check_account(wallet(options={"kms_key": key}))
    assert "4f4f" not in str(refused.value)
    assert "eu-west-1" in str(refused.value)


def test_where_kms_can_not_be_asked_no_part_is_opened(ministack: Ministack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ministack.environment().items():
        monkeypatch.setenv(name, value)
    account = wallet(options={"kms_key": KEY_ID})
    keys = MemorySecrets({"keys": {"api_key": "k", "api_secret": "c2VjcmV0", "api_passphrase": "p"}})
    for opening in (open_venue, open_redeemer):
        with pytest.raises(SigningError, match=KEY_ID):
            opening(account, keys, VirtualClock(0), CountingMeter())
    assert open_signer(ACCOUNT, keys) is None, "Kalshi has no wallet"


def test_boto3_and_the_kms_signer_are_loaded_by_nobody_who_does_not_use_them() -> None:
    code = "import sys, holdfast.assembly, holdfast.venues.polymarket.adapter; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert not {"boto3", "holdfast.venues.polymarket.kms_signer"} & set(done.stdout.split())
