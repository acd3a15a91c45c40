"""holdfast accounts derive-credentials, with the official SDK in its own environment against the local server."""

from pathlib import Path

import pytest

from cli.credentials import SDK
from holdfast.venues.polymarket.headers import ApiCredentials
from local.aws.stand_in import LocalAws
from tests.cli.conftest import Holdfast
from tests.cli.redeemer import KEY, redeemer
from tests.venues.test_polymarket_sdk import OFFICIAL, environment


@pytest.fixture
def sdk(tmp_path: Path) -> None:
    """The SDK where the command looks for it."""
    assert OFFICIAL == SDK
    environment(OFFICIAL, tmp_path / "venv")


def test_credentials_are_made_by_the_sdk_and_written_where_they_belong(
    holdfast: Holdfast, local_aws: LocalAws, stage: str, sdk: None
) -> None:
    with redeemer(local_aws, stage, with_keys=False) as found:
        done = holdfast("accounts derive-credentials poly-1")
        assert (done.code, done.err) == (0, "")
        secret = found.secret()
        assert secret["private_key"] == "0x" + KEY.secret.hex(), "what was there stays"
        ApiCredentials(secret["api_key"], secret["api_secret"], secret["api_passphrase"])
        assert not any(secret[name] in done.out for name in ("private_key", "api_secret", "api_passphrase", "api_key"))
        assert "nothing that resolved is held" in holdfast("redeem list --account poly-1").out, "they work"
        kept = holdfast("accounts derive-credentials poly-1")
        assert (kept.code, "--replace" in kept.error_line) == (2, True)
        holdfast("accounts derive-credentials poly-1 --replace")
        assert found.secret() == secret, "the same number derives the same key"
        holdfast("accounts derive-credentials poly-1 --replace --nonce 1")
        assert found.secret()["api_key"] != secret["api_key"]


def test_refusal_of_the_venue_is_one_line_and_changes_nothing(
    holdfast: Holdfast, local_aws: LocalAws, stage: str, sdk: None
) -> None:
    with redeemer(local_aws, stage, with_keys=False) as found:
        other = "0x" + "5a" * 32
        found.change_secret(private_key=other)
        refused = holdfast("accounts derive-credentials poly-1")
        assert refused.code == 1
        assert "Invalid L1 Request headers" in refused.error_line
        assert found.secret() == {"private_key": other}
        found.change_secret(private_key="0xnotakey")
        wrong = holdfast("accounts derive-credentials poly-1")
        assert (wrong.code, "notakey" in wrong.error_line) == (2, False)


def test_absent_sdk_says_how_to_get_it(
    holdfast: Holdfast, local_aws: LocalAws, stage: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with redeemer(local_aws, stage, with_keys=False):
        absent = holdfast("accounts derive-credentials poly-1")
        assert absent.code == 1
        assert f"pip install {SDK}" in absent.error_line
