"""A local venue by itself, served and broken from the command line, as another process sees it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.assembly import open_venue
from holdfast.clock import SystemClock
from holdfast.core.errors import VenueUnavailableError
from holdfast.state.accounts import Account, MemorySecrets
from holdfast.venues.port import Venue
from tests.venues.kalshi_scripted import CountingMeter

COMMAND = [sys.executable, "-m", "local.venues"]
BALANCE = {"kalshi": "GET /portfolio/balance", "polymarket": "GET /balance-allowance"}


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False, timeout=30)  # noqa: S603


@pytest.fixture(params=BALANCE)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str, Path]]:
    keys = tmp_path / "keys.json"
    serving = [*COMMAND, "serve", request.param, "--keys", str(keys)]
    with subprocess.Popen(serving, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        yield request.param, process.stdout.readline().strip(), keys
        process.terminate()


def venue_at(name: str, origin: str, keys: Path) -> Venue:
    account = Account(account_id="a", venue=name, environment="local", secret_name="keys", base_url=origin)
    return open_venue(account, MemorySecrets({"keys": json.loads(keys.read_text())}), SystemClock(), CountingMeter())


def test_a_fault_strikes_the_call_that_was_named_and_no_other(served: tuple[str, str, Path]) -> None:
    name, origin, keys = served
    assert keys.stat().st_mode & 0o777 == 0o600
    venue = venue_at(name, origin, keys)
    venue.connect()
    scale = venue.capabilities.scale
    assert scale.money_decimal(venue.balance().available) == 1_000
    struck = command("fault", origin, "error_before", "--endpoint", BALANCE[name], "--skip", "1", "--status", "500")
    assert (struck.returncode, struck.stdout, struck.stderr) == (0, "done\n", "")
    assert venue.status().active
    venue.balance()
    with pytest.raises(VenueUnavailableError):
        venue.balance()
    assert scale.money_decimal(venue.balance().available) == 1_000
    counted = json.loads(command("control", origin, "GET", "calls").stdout)
    assert counted["calls"][BALANCE[name]] == 4


def test_what_can_not_be_meant_is_one_line(tmp_path: Path) -> None:
    for words in (
        ("fault", "http://127.0.0.1:1", "slow", "--wait-ms", "-1"),
        ("fault", "https://clob.polymarket.com", "slow"),
        ("control", "http://127.0.0.1:1", "GET", "calls"),
    ):
        refused = command(*words)
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    there = tmp_path / "there.json"
    there.write_text("mine")
    assert command("serve", "kalshi", "--keys", str(there)).returncode == 2
    assert there.read_text() == "mine"
