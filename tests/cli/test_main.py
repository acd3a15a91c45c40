"""The command as a process, before any command is known."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Holdfast

ROOT = Path(__file__).parents[2]
INTERRUPTED_WHILE_LOADING = """
import sys
from cli.main import run

class CtrlC:
    def find_spec(self, name, *_):
        if name == "typer":
            raise KeyboardInterrupt

sys.meta_path.insert(0, CtrlC())
run()
"""


def test_ctrl_c_while_the_modules_load_is_quiet() -> None:
    done = subprocess.run(  # noqa: S603 - this project's own command
        [sys.executable, "-c", INTERRUPTED_WHILE_LOADING], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("accounts nix", "No such command 'nix' (see: holdfast accounts --help)"),
        ("--nope", "No such option: --nope (see: holdfast --help)"),
        ("accounts add", "Missing argument 'account_id' (see: holdfast accounts add --help)"),
        ("accounts list more", "Got unexpected extra argument(s) (more) (see: holdfast accounts list --help)"),
    ],
)
def test_a_wrong_word_is_one_line_like_every_error(holdfast: Holdfast, words: str, said: str) -> None:
    refused = holdfast(words)
    assert (refused.code, refused.out, refused.error_line) == (2, "", said)


def test_a_group_alone_shows_its_help(holdfast: Holdfast) -> None:
    shown = holdfast("accounts")
    assert (shown.code, shown.err) == (2, "")
    assert "check" in shown.out


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "ascii:strict", "utf-8"])
def test_what_the_terminal_can_not_show_ends_no_command(encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    words = ["from cli.main import run; import cli.output as o, sys; sys.argv = ['holdfast', '--help']"]
    words += ["import cli.app; cli.app.run_command = lambda: (o.say('Zürich → ½'), o.warn('naïve → ½'))", "run()"]
    done = subprocess.run(  # noqa: S603 - this project's own command
        [sys.executable, "-c", "\n".join(words)], cwd=ROOT, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"Z")
    assert done.stdout.count(b"\n") == done.stderr.count(b"\n") == 1
