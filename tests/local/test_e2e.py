"""The deployed system end to end, where it is asked for: it takes five minutes of real time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SWITCH = "HOLDFAST_E2E"
MOST_SECONDS = 900


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get(SWITCH) != "1", reason=f"takes five minutes (set {SWITCH}=1, or run make e2e)")
def test_deployed_stacks_open_protect_and_exit_positions() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "local.e2e"], cwd=ROOT, capture_output=True, text=True, timeout=MOST_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
