"""The command as a process, before any command is known."""

import subprocess
import sys
from pathlib import Path

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
