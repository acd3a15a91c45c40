"""Finding a Python of a given minor version on this machine, wherever the person keeps them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from uv import find_uv_bin

_SAY_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


@cache
def find_interpreter(version: str) -> str:
    """The path of a CPython such as "3.13" that starts; "" where there is none."""
    return next((path for path in _candidates(version) if _answer(path, "-S", "-c", _SAY_VERSION) == version), "")


def _candidates(version: str) -> Iterator[str]:
    """This one, all of that name on PATH, pyenv's, and those that uv manages. A name on PATH may be a shim that does
    not start, which is why each is asked."""
    yield sys.executable
    for folder in os.get_exec_path():
        found = shutil.which(f"python{version}", path=folder)
        if found:
            yield found
    pyenv = shutil.which("pyenv")
    prefix = _answer(pyenv, "prefix", version) if pyenv else ""
    if prefix:
        yield str(Path(prefix) / "bin" / "python")
    managed = _answer(find_uv_bin(), "python", "find", "--managed-python", "--no-python-downloads", version)
    if managed:
        yield managed


def _answer(*command: str) -> str:
    """What a command prints; "" where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
