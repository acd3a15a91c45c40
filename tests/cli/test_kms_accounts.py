"""A Polymarket account whose wallet's key is in AWS KMS, from the command line: its record, its API key, its check."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from holdfast.clock import SystemClock
from holdfast.venues.polymarket.kms_signer import KmsSigner
from local.aws.ministack import Ministack
from local.venues.polymarket import PolymarketExchange, PolymarketServer
from tests.aws import new_stage
from tests.cli.conftest import Holdfast, command_line

SPEC = {"KeySpec": "ECC_SECG_P256K1", "KeyUsage": "SIGN_VERIFY"}


@dataclass(frozen=True)
class Wallet:
    holdfast: Holdfast
    engine: Ministack
    key: dict[str, Any]
    secret: str
    base_url: str

    def add(self, *options: str) -> None:
        words = f"accounts add main --venue polymarket --environment local --secret {self.secret} --replace"
        done = self.holdfast(f"{words} --base-url {self.base_url}", *(f"--option={option}" for option in options))
        assert done.code == 0, done.err

    def write(self, **fields: str) -> None:
        self.engine.clients().secrets.put_secret_value(SecretId=self.secret, SecretString=json.dumps(fields))

    def fields(self) -> dict[str, str]:
        answer = self.engine.clients().secrets.get_secret_value(SecretId=self.secret)
        return json.loads(answer["SecretString"])

    def checked(self) -> dict[str, str]:
        """What the check says, by check; what is not ok begins with NOT OK."""
        said = [line.split(maxsplit=2) for line in self.holdfast("accounts check main").out.splitlines()]
        return {name: words for _, name, words in said}


@pytest.fixture
def wallet(
    ministack: Ministack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Wallet]:
    stage = new_stage(ministack)
    clients = ministack.clients()
    key = clients.kms.create_key(**SPEC)["KeyMetadata"]
    clients.secrets.create_secret(Name=f"holdfast/{stage}/main", SecretString="{}")
    exchange = PolymarketExchange(SystemClock(), seed=7)
    exchange.add_user("us", KmsSigner(clients.kms, key["KeyId"]).address, dollars=Decimal(50))
    with PolymarketServer(exchange) as server:
        holdfast = command_line(ministack, stage, monkeypatch, capsys)
        yield Wallet(holdfast, ministack, key, f"holdfast/{stage}/main", server.origin)


def test_an_account_needs_no_private_key_anywhere(wallet: Wallet) -> None:
    wallet.add(f"kms_key={wallet.key['KeyId']}")
    derived = wallet.holdfast("accounts derive-credentials main")
    assert (derived.code, derived.err) == (0, "")
    first = wallet.fields()
    assert sorted(first) == ["api_key", "api_passphrase", "api_secret"]
    assert not any(text in derived.out for text in first.values())
    said = wallet.checked()
    address = KmsSigner(wallet.engine.clients().kms, wallet.key["KeyId"]).address
    assert said["signer"] == f"ok: KMS key {wallet.key['KeyId']}, address {address}"
    assert said["credentials"] == "ok: accepted, $50.00 can be spent"
    assert not any("NOT OK" in words for words in said.values())
    again = wallet.holdfast("accounts derive-credentials main --replace")
    assert (again.code, wallet.fields()) == (0, first), "the same number derives the same key"
    assert wallet.holdfast("accounts derive-credentials main --replace --nonce 3").code == 0
    assert wallet.fields()["api_key"] != first["api_key"]


def test_a_key_left_in_the_secret_is_named(wallet: Wallet) -> None:
    wallet.add(f"kms_key={wallet.key['Arn']}")
    wallet.holdfast("accounts derive-credentials main")
    left = "0x" + "4f" * 32
    wallet.write(**wallet.fields(), private_key=left)
    said = wallet.checked()["signer"]
    assert said.startswith("NOT OK")
    assert f"take it out of secret {wallet.secret}" in said
    assert left not in said


def test_a_key_that_can_not_sign_is_named_with_what_to_do(wallet: Wallet) -> None:
    wallet.add(f"kms_key={wallet.key['KeyId']}")
    wallet.holdfast("accounts derive-credentials main")
    kms = wallet.engine.clients().kms
    kms.disable_key(KeyId=wallet.key["KeyId"])
    said = wallet.checked()["signer"]
    assert said.startswith("NOT OK")
    assert "DisabledException" in said
    assert "kms:Sign" in said
    derived = wallet.holdfast("accounts derive-credentials main --replace")
    assert (derived.code, "DisabledException" in derived.error_line) == (1, True)
    wrong = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    wallet.add(f"kms_key={wrong}")
    assert "ECC_SECG_P256K1" in wallet.checked()["signer"]
    wallet.add("kms_key=00000000-0000-4000-8000-000000000000")
    assert "NotFoundException" in wallet.checked()["signer"]


def test_a_private_key_of_the_secret_is_named_as_what_signs(wallet: Wallet) -> None:
    wallet.add(f"kms_key={wallet.key['KeyId']}")
    wallet.holdfast("accounts derive-credentials main")
    wallet.add()
    wallet.write(**wallet.fields(), private_key="0x" + "4f" * 32)
    assert wallet.checked()["signer"].startswith("ok: private key in the secret, address 0x")


def test_a_refusal_of_the_login_is_one_line(wallet: Wallet) -> None:
    stranger = wallet.engine.clients().kms.create_key(**SPEC)["KeyMetadata"]["KeyId"]
    wallet.add(f"kms_key={stranger}")
    refused = wallet.holdfast("accounts derive-credentials main")
    assert refused.code == 1
    assert "Invalid L1 Request headers" in refused.error_line
    assert wallet.fields() == {}
