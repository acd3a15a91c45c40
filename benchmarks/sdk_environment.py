"""Clients that others wrote run in an environment of their own, kept in the user's cache; nothing of ours is in it."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

INSTALL_SECONDS = 240


class SdkAbsentError(Exception):
    """The environment can't be had here; the message says why."""


def sdk_python(name: str, requirements: list[str]) -> Path:
    """The Python of a virtual environment with exactly these pinned requirements. Raises SdkAbsentError."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "holdfast" / name
    listed = home / "requirements.txt"
    if listed.exists() and listed.read_text().splitlines() == requirements:
        return home / "bin" / "python"
    with tempfile.TemporaryDirectory() as folder:
        building = Path(folder) / "venv"
        _run([sys.executable, "-m", "venv", str(building)])
        pip = [str(building / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, *requirements])
        try:
            home.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(home, ignore_errors=True)
            shutil.move(building, home)
            listed.write_text("\n".join(requirements))
        except OSError as error:
            raise SdkAbsentError(f"{home} could not be written: {error}") from error
    return home / "bin" / "python"


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SdkAbsentError(f"{command[0]}: {error}") from error
    if done.returncode:
        raise SdkAbsentError(done.stderr.strip()[-300:])
