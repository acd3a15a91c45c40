"""`holdfast accounts check` against real local servers: one line a check, each ok or what to do, and never a trace."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from holdfast.clock import SystemClock
from holdfast.state.accounts import Accounts
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.port import Put, Table
from holdfast.state.tables import TableNames
from local.aws.stand_in import LocalAws
from local.venues.faults import Fault, FaultKind
from local.venues.polymarket import Geoblock
from tests.cli.conftest import Holdfast, Result
from tests.cli.venues import Kalshi, Polymarket, ShiftedClock, kalshi_server
from tests.local.kalshi_member import ed25519_key, private_pem

DAY_MS = 86_400_000
ROOT = Path(__file__).parents[2]


Add = Callable[..., str]


@pytest.fixture
def add(holdfast: Holdfast, local_aws: LocalAws, stage: str) -> Add:
    """Add an account whose secret is in Secrets Manager; returns its name."""

    def added(world: Kalshi | Polymarket, name: str = "main", more: str = "", **changes: str) -> str:
        secret = f"holdfast/{stage}/{name}"
        fields = {field: text for field, text in {**world.secret, **changes}.items() if text}
        local_aws.clients().secrets.create_secret(Name=secret, SecretString=json.dumps(fields))
        line = f"accounts add {name} --venue {world.venue} --environment local --secret {secret} --base-url {world.url}"
        done = holdfast(f"{line} {more}")
        assert done.code == 0, done.err
        return name

    return added


def lines(result: Result) -> dict[str, tuple[bool, str]]:
    """Whether each check was ok, and its words; every line has the same shape, and no error was printed."""
    assert result.err == ""
    found = {}
    for line in result.out.splitlines():
        rest = line.partition("  ")[2]
        check, verdict = rest[:11].strip(), rest[11:].strip()
        assert verdict.startswith(("ok: ", "NOT OK: ")), line
        found[check] = (verdict.startswith("ok: "), verdict.partition(": ")[2])
    return found


def failed(result: Result) -> dict[str, str]:
    """What to do, by check that is not ok; then the exit code is 1, and 0 else."""
    found = {check: words for check, (ok, words) in lines(result).items() if not ok}
    assert result.code == (1 if found else 0)
    return found


def test_a_ready_kalshi_account_is_ok_in_every_line(holdfast: Holdfast, add: Add, kalshi: Kalshi) -> None:
    kalshi.exchange.set_attested_until("us", SystemClock().now_ms() + 90 * DAY_MS + 60_000)
    result = holdfast(f"accounts check {add(kalshi)}")
    assert failed(result) == {}
    found = {check: words for check, (_, words) in lines(result).items()}
    assert list(found) == ["record", "secret", "status", "clock", "credentials", "limits", "place", "key"]
    assert found["status"] == "trading"
    assert found["credentials"] == "accepted, $1,234.56 can be spent"
    assert "300 tokens a second, 900 at most" in found["limits"]
    assert found["key"].endswith(", 90 days left")
    assert not any(text in result.out for text in kalshi.secret.values())


def test_a_ready_polymarket_account_is_ok_in_every_line(holdfast: Holdfast, add: Add, polymarket: Polymarket) -> None:
    result = holdfast(f"accounts check {add(polymarket, more='--option tier=gold')}")
    assert failed(result) == {}
    found = {check: words for check, (_, words) in lines(result).items()}
    assert found["credentials"] == "accepted, $1,000.00 can be spent"
    assert found["allowance"] == "the venue's exchanges may take the money"
    assert found["place"] == "seen from IE-L, not blocked"
    assert "writes 800 tokens a second" in found["limits"]
    assert not any(text in result.out for text in polymarket.secret.values())


def test_a_blocked_place_says_what_to_do(holdfast: Holdfast, add: Add, polymarket: Polymarket) -> None:
    polymarket.exchange.operator.set_geoblock(Geoblock(blocked=True, country="US", region="NY"))
    todo = failed(holdfast(f"accounts check {add(polymarket)}"))
    assert list(todo) == ["place"]
    assert "US-NY" in todo["place"]
    assert "region" in todo["place"]


def test_an_exchange_that_may_not_take_the_money_is_named(holdfast: Holdfast, add: Add, polymarket: Polymarket) -> None:
    polymarket.exchange.operator.set_approved("us", "v2_neg_risk", False)
    todo = failed(holdfast(f"accounts check {add(polymarket)}"))
    assert list(todo) == ["allowance"]
    assert "neg-risk ctf exchange v2 0xe2222d279d744050d28e00520010520000310F59" in todo["allowance"]
    assert "approve" in todo["allowance"]


def test_a_place_that_can_not_be_read_is_not_ok(holdfast: Holdfast, add: Add, polymarket: Polymarket) -> None:
    polymarket.exchange.faults.add(Fault(FaultKind.ERROR_BEFORE, "GET /site/api/geoblock"))
    assert list(failed(holdfast(f"accounts check {add(polymarket)}"))) == ["access"]


@pytest.mark.parametrize(("days", "word"), [(13, "13 days left"), (0, "0 days left"), (-1, "lapsed")])
def test_an_attestation_that_ends_within_two_weeks_is_not_ok(
    holdfast: Holdfast, add: Add, kalshi: Kalshi, days: int, word: str
) -> None:
    kalshi.exchange.set_attested_until("us", SystemClock().now_ms() + days * DAY_MS + 60_000)
    todo = failed(holdfast(f"accounts check {add(kalshi)}"))
    assert list(todo) == ["key"]
    assert word in todo["key"]
    assert "renew" in todo["key"]


def test_a_key_that_may_only_read_is_not_ok(holdfast: Holdfast, add: Add, kalshi: Kalshi) -> None:
    kalshi.exchange.set_key_scopes("us", "read")
    assert list(failed(holdfast(f"accounts check {add(kalshi)}"))) == ["key"]


def test_a_paused_venue_is_not_ok(holdfast: Holdfast, add: Add, kalshi: Kalshi) -> None:
    kalshi.exchange.pause_trading()
    assert list(failed(holdfast(f"accounts check {add(kalshi)}"))) == ["status"]


def test_a_clock_that_is_off_is_named(holdfast: Holdfast, add: Add) -> None:
    server, made = kalshi_server(ShiftedClock(-4_000))
    with server:
        todo = failed(holdfast(f"accounts check {add(made)}"))
    assert list(todo) == ["clock"]
    assert "behind" in todo["clock"]


def test_a_wrong_key_is_refused_by_the_venue_and_named(
    holdfast: Holdfast, add: Add, kalshi: Kalshi, polymarket: Polymarket
) -> None:
    stranger = private_pem(ed25519_key("somebody else"))
    todo = failed(holdfast(f"accounts check {add(kalshi, 'k', private_key=stranger)}"))
    assert "INCORRECT_API_KEY_SIGNATURE" in todo["credentials"]
    assert "secret holdfast/" in todo["credentials"]
    unknown = "00000000-0000-4000-8000-000000000000"
    result = holdfast(f"accounts check {add(polymarket, 'p', api_key=unknown)}")
    assert list(failed(result)) == ["credentials"]
    assert "refuses the key" in result.out


def test_a_key_of_the_wrong_kind_is_named_and_not_shown(
    holdfast: Holdfast, add: Add, kalshi: Kalshi, polymarket: Polymarket
) -> None:
    wrong = private_pem(generate_private_key(SECP256R1()))
    result = holdfast(f"accounts check {add(kalshi, 'k1', private_key=wrong)}")
    assert "RSA or Ed25519" in failed(result)["secret"]
    swapped = holdfast(f"accounts check {add(kalshi, 'k2', key_id=kalshi.secret['private_key'])}")
    assert list(failed(swapped)) == ["secret"]
    missing = failed(holdfast(f"accounts check {add(kalshi, 'k3', key_id='')}"))
    assert "lacks key_id" in missing["secret"]
    odd = holdfast(f"accounts check {add(polymarket, 'p1', private_key=wrong)}")
    assert "secp256k1" in failed(odd)["secret"]
    for shown in (result, swapped, odd):
        assert "PRIVATE KEY" not in shown.out


def test_a_secret_that_is_not_there_is_named(holdfast: Holdfast, kalshi: Kalshi) -> None:
    line = f"accounts add k --venue kalshi --environment local --secret holdfast/nowhere --base-url {kalshi.url}"
    assert holdfast(line).code == 0
    todo = failed(holdfast("accounts check k"))
    assert "holdfast/nowhere" in todo["secret"]


def test_a_dead_server_is_one_line_not_many(holdfast: Holdfast, add: Add, kalshi: Kalshi) -> None:
    kalshi.url = "http://127.0.0.1:9"
    todo = failed(holdfast(f"accounts check {add(kalshi)}"))
    assert list(todo) == ["status"]
    assert "no answer" in todo["status"]


def test_a_record_that_lacks_something_is_named_and_stops_no_other_account(
    holdfast: Holdfast, add: Add, kalshi: Kalshi, local_aws: LocalAws, stage: str
) -> None:
    add(kalshi, "good")
    add(kalshi, "bad")
    store = DynamoStore(local_aws.clients().dynamodb, TableNames(stage), SystemClock())
    broken = {"pk": "ACCOUNT#bad", "sk": "record", "account_id": "bad", "venue": "kalshi", "environment": "local"}
    store.transact([Put(Table.CONTROL, broken)])
    result = holdfast("accounts check --all")
    assert result.code == 1
    assert "bad  record       NOT OK" in result.out
    assert "secret_name" in result.out
    assert result.out.count("good  ") == 8
    assert set(Accounts(store).ids()) == {"good", "bad"}


def test_a_venue_that_is_not_built_yet_is_named(holdfast: Holdfast) -> None:
    assert holdfast("accounts add c --venue coinbase --environment production --secret holdfast/c").code == 0
    result = holdfast("accounts check c")
    assert result.code == 1
    assert "c  record       NOT OK: venue of account c can't be used; it must be kalshi or polymarket" in result.out


def test_one_name_or_all_and_only_known_ones(holdfast: Holdfast, add: Add, kalshi: Kalshi) -> None:
    assert holdfast("accounts check --all").out.startswith("no account yet")
    add(kalshi)
    for words in ("accounts check", "accounts check main --all", "accounts check nobody"):
        refused = holdfast(words)
        assert refused.code == 2
        assert refused.error_line
    assert holdfast("accounts check nobody").error_line.endswith("main")


def test_an_unreachable_aws_endpoint_is_one_line() -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "accounts", "check", "--all"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "127.0.0.1:9" in done.stderr
