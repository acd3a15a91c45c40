"""Programs that others wrote run in a virtual environment of their own, kept in the user's cache; nothing of ours is
in it, and nothing of theirs among what is pinned for us."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

INSTALL_SECONDS = 240


class EnvironmentAbsentError(Exception):
    """The environment can't be had here; the message says why."""


def environment_python(name: str, requirements: list[str], python: str = sys.executable) -> Path:
    """The Python of a virtual environment of `python` with exactly these pinned requirements.

    Made at the first call, which may take a minute; several processes may ask at once. Raises EnvironmentAbsentError.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "holdfast" / name
    try:
        with _alone(home):
            if not _holds(home, requirements):
                _make(home, requirements, python)
    except OSError as error:
        raise EnvironmentAbsentError(f"{home} could not be written: {error}") from error
    return home / "bin" / "python"


def _holds(home: Path, requirements: list[str]) -> bool:
    listed = home / "requirements.txt"
    return listed.exists() and listed.read_text().splitlines() == requirements and (home / "bin" / "python").exists()


def _make(home: Path, requirements: list[str], python: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        building = Path(folder) / "venv"
        _run([python, "-m", "venv", str(building)])
        pip = [str(building / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, *requirements])
        shutil.rmtree(home, ignore_errors=True)
        shutil.move(building, home)
        (home / "requirements.txt").write_text("\n".join(requirements))


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One process at a time makes an environment; the others find it made."""
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_name(f".{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentAbsentError(f"{command[0]}: {error}") from error
    if done.returncode:
        raise EnvironmentAbsentError(done.stderr.strip()[-300:])
