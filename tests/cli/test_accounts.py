import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.aws.stand_in import LocalAws
from tests.cli.conftest import Holdfast


def test_account_is_added_and_listed(holdfast: Holdfast, account: str) -> None:
    listed = holdfast("accounts list")
    assert listed.code == 0
    (row,) = [line.split() for line in listed.out.splitlines() if line.startswith(account)]
    assert row[:7] == [
        "kalshi-1",
        "kalshi",
        "local",
        "0",
        "us-east-1",
        "holdfast/kalshi-1",
        "http://127.0.0.1:8080",
    ]


def test_account_is_not_overwritten_by_accident(holdfast: Holdfast, account: str) -> None:
    again = "accounts add kalshi-1 --venue kalshi --environment production --secret other"
    refused = holdfast(again)
    assert refused.code == 2
    assert "taken" in refused.error_line
    assert holdfast(f"{again} --replace").code == 0
    assert "production" in holdfast("accounts list").out


def test_plain_http_to_another_machine_is_refused(holdfast: Holdfast) -> None:
    refused = holdfast("accounts add k --venue kalshi --environment demo --secret s --base-url http://example.com")
    assert refused.code == 2
    assert "base_url of account k" in refused.error_line
    assert holdfast("accounts list").out.count("\n") == 1, "nothing was written"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("--subaccount 64", "subaccount"),
        ("--base-url https://example.com/v3", "base_url"),
        ("--base-url https://external-api.kalshi.com", "base_url"),
    ],
)
def test_an_account_that_its_venue_could_not_open_is_refused(holdfast: Holdfast, options: str, named: str) -> None:
    refused = holdfast(f"accounts add k --venue kalshi --environment demo --secret s {options}")
    assert refused.code == 2
    assert named in refused.error_line
    assert holdfast("accounts list").out.count("\n") == 1, "nothing was written"


def test_a_key_given_for_the_name_of_its_secret_is_neither_kept_nor_shown(holdfast: Holdfast) -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----\n"
    refused = holdfast("accounts add k --venue kalshi --environment demo --secret", pem)
    assert refused.code == 2
    assert "MC4" not in refused.error_line
    assert holdfast("accounts list").out.count("\n") == 1, "nothing was written"


def test_stage_without_tables_is_one_line_and_another_code(holdfast: Holdfast) -> None:
    failed = holdfast("accounts list --stage nowhere")
    assert failed.code == 1
    assert "ResourceNotFoundException" in failed.error_line
    assert holdfast("accounts list --stage No!").code == 2


def test_installed_command_needs_nothing_but_the_environment(local_aws: LocalAws, stage: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_CONFIG_FILE": os.devnull,
        "HOLDFAST_STAGE": stage,
        **local_aws.environment(),
    }

    def installed() -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).parent / "holdfast"
        words = [str(program), "switches", "list"]
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)  # noqa: S603

    listed = installed()
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "max_daily_loss" in listed.stdout
    del environment["AWS_REGION"], environment["AWS_DEFAULT_REGION"]
    refused = installed()
    assert refused.returncode == 2
    assert refused.stderr.startswith("AWS region")
    assert refused.stderr.count("\n") == 1
