"""The demo as a person runs it: a process without a terminal, its output and its exit code."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.shared import shared_path

ROOT = Path(__file__).parents[2]
RECORDINGS = "data/polymarket/cronos_btc5m"
ONE_HOUR = f"{RECORDINGS}/btc5m_2026-04-16_0710-0810.jsonl.gz"
VENUES = ("Kalshi", "Polymarket")


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cli.main", "demo", *arguments]
    return subprocess.run(  # noqa: S603 - this project's own command
        command, cwd=ROOT, capture_output=True, text=True, timeout=300
    )


@contextmanager
def running_demo(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A demo that has begun to tick."""
    command = [sys.executable, "-u", "-m", "cli.main", "demo", *arguments]
    with subprocess.Popen(  # noqa: S603 - this project's own command
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        while " %  tick" not in process.stdout.readline():
            assert process.poll() is None
        yield process


def numbers(output: str, line: str) -> list[int]:
    """The whole numbers that follow the start of a line."""
    found = re.search(rf"^{re.escape(line)}(.*)$", output, re.MULTILINE)
    assert found is not None, line
    return [int(number.replace(",", "")) for number in re.findall(r"(?<![\d.])\d[\d,]*(?![\d,]*\.?\d)", found[1])]


def calls(output: str, venue: str) -> tuple[int, int]:
    """Requests that placed and cancelled orders at a venue: sent, and one by one."""
    sent, alone = numbers(output, f"{venue:10}  orders placed and cancelled")[:2]
    return sent, alone


def assert_sound(output: str, *venues: str) -> None:
    """At each venue, and at no other: books equal, nothing cancelled that was known to be over, something traded."""
    assert re.findall(r"^(\w+): equal to the last unit", output, re.MULTILINE) == list(venues)
    assert "DIFFERENT" not in output
    assert numbers(output, "we knew that the order was over (must be 0)") == [0] * len(venues)
    traded = re.findall(r"^ +(?:contracts|shares) traded +([\d.]+) +([\d.]+) +equal *$", output, re.MULTILINE)
    protected = re.findall(r"^(\w+): \d+ positions? closed by one named source each, nothing sold that", output, re.M)
    assert protected == [venue for venue in venues if f"{venue}: positions under brackets" in output]
    assert len(traded) == len(venues)
    assert all(ledger == exchange != "0" for ledger, exchange in traded)


def test_both_venues_end_with_equal_books_and_few_calls() -> None:
    done = demo("--minutes", "1", "--markets", "8")
    assert (done.returncode, done.stderr) == (0, "")
    assert_sound(done.stdout, *VENUES)
    for venue in VENUES:
        sent, alone = calls(done.stdout, venue)
        assert sent * 4 <= alone
    assert "100 %" in done.stdout
    assert all(count > 0 for count in numbers(done.stdout, "positions closed"))
    assert numbers(done.stdout, "positions still open, under a bracket each") == [0, 0]


@pytest.mark.parametrize("venue", VENUES)
def test_one_venue_alone_has_the_whole_tape(venue: str) -> None:
    done = demo("--venue", venue.lower(), "--minutes", "1", "--markets", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert_sound(done.stdout, venue)
    assert f"{venue}: 2 markets" in done.stdout


def test_one_by_one_sends_a_request_for_each_order() -> None:
    done = demo("--minutes", "1", "--markets", "4", "--one-by-one")
    assert (done.returncode, done.stderr) == (0, "")
    assert_sound(done.stdout, *VENUES)
    for venue in VENUES:
        sent, alone = calls(done.stdout, venue)
        assert sent == alone > 0


def test_lost_answers_server_errors_and_failed_trades_leave_equal_books() -> None:
    done = demo("--minutes", "2", "--markets", "8", "--seed", "1", "--faults")
    assert (done.returncode, done.stderr) == (0, "")
    assert_sound(done.stdout, *VENUES)
    assert all(count > 0 for count in numbers(done.stdout, "positions closed"))
    assert all(count > 0 for count in numbers(done.stdout, "writes of unknown outcome"))
    assert numbers(done.stdout, "of these still unknown at the end") == [0, 0]
    failed, taken_back = numbers(done.stdout, "Polymarket: fills whose trade failed to settle:")
    assert failed >= taken_back > 0


def test_basic_tier_stays_within_its_tokens() -> None:
    done = demo("--venue", "kalshi", "--minutes", "1", "--markets", "10", "--tier", "basic")
    assert (done.returncode, done.stderr) == (0, "")
    assert_sound(done.stdout, "Kalshi")
    output = " ".join(done.stdout.split())
    assert "Answers 429: 0." in output
    assert "Waits for tokens: 0" not in output


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_demo_withdraws_its_quotes_and_sums_up(number: signal.Signals, code: int) -> None:
    with running_demo("--minutes", "10", "--markets", "8", "--speed", "20") as process:
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (code, "")
    assert "our quotes are cancelled" in output
    assert_sound(output, *VENUES)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tape", "no/such/tape"], "no/such/tape"),
        (["--tape", "{tmp}"], "this folder holds none"),
        (["--tape", "{tmp}/other.txt"], "other.txt, line 1"),
        (["--tape", "{tmp}/empty.jsonl"], "empty"),
        (["--market", "KXNONE"], "KXNONE"),
        (["--venue", "coinbase"], "kalshi, polymarket or both"),
        (["--venue", "polymarket", "--tier", "basic"], "the tiers are Kalshi's"),
        (["--markets", "0"], "--markets"),
        (["--tier", "gold"], "gold"),
        (["--read-lag-ms", "70000"], "read lag"),
        (["--tape", "{tmp}/other.txt", "--minutes", "1"], "--minutes"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], words: str, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("no market\n")
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "empty.jsonl").touch()
    places = {"{tmp}": str(folder)} if arguments[-1] == "{tmp}" else {"{tmp}": str(tmp_path)}
    done = demo(*(text.replace("{tmp}", places["{tmp}"]) for text in arguments))
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr


def test_malformed_line_of_a_recording_is_named(tmp_path: Path) -> None:
    line = '{"slug": "btc-updown-5m-1776323400", "msg": {"asset_id": "1", "timestamp": "1776323404000", '
    whole = line + '"bids": [{"price": "0.40", "size": "10"}], "asks": [{"price": "0.42", "size": "10"}]}}'
    tape = tmp_path / "tape.jsonl"
    tape.write_text(f"{whole}\n{line}\n")
    done = demo("--tape", str(tape))
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "line 2" in done.stderr


@pytest.mark.slow
def test_an_hour_of_the_recording_runs_as_twelve_markets() -> None:
    done = demo("--tape", str(shared_path(ONE_HOUR)))
    assert (done.returncode, done.stderr) == (0, "")
    assert "12 markets" in done.stdout
    assert_sound(done.stdout, *VENUES)
    for venue in VENUES:
        sent, alone = calls(done.stdout, venue)
        assert sent * 5 <= alone
