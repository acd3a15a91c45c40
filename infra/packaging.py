"""What is deployed: Lambda layers and functions' code, built on this machine without Docker, for Lambda or for itself.

Third-party layers are dependency groups of pyproject.toml, installed in exactly the lock's versions, checked against
its hashes. The same lock, sources and target give the same bytes.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path
from typing import NamedTuple

from uv import find_uv_bin

from holdfast.deployed import Function
from infra.interpreters import find_interpreter

ROOT = Path(__file__).parents[1]
OURS = "holdfast"
# What the Lambda runtime has itself: in no layer, but measured and tested beside them.
RUNTIME = "runtime"
GROUPS = {"base": "layer-base", "venues": "layer-venues", RUNTIME: "lambda-runtime"}
# What is dropped of them because nothing of ours imports it. Of pycryptodome only keccak is wanted, which without cffi
# is called by ctypes: 2 µs more a hash, and no parser for C in every cold start.
_UNUSED = {
    "venues": (
        *(f"Crypto/{part}" for part in ("Cipher", "IO", "Math", "Protocol", "PublicKey", "Signature")),
        *("cffi", "pycparser"),
    )
}
_NEVER = ("bin", ".lock", "**/__pycache__", "**/tests", "**/SelfTest", "**/*.pyi")
# Who names a package's version at run time, and what scans deployed packages for known holes, reads METADATA alone.
_KEPT_OF_DIST_INFO = "METADATA"
_LAYER_ROOT, _FUNCTION_ROOT = "/opt/python", "/var/task"
LAYERS = (OURS, "base", "venues")
# Layers by function: signals and webhook reach no venue.
FUNCTIONS = {
    Function.EXECUTE: LAYERS,
    Function.BRACKETS: LAYERS,
    Function.SIGNALS: (OURS, "base"),
    Function.WEBHOOK: (OURS, "base"),
}


class Target(NamedTuple):
    """What runs the build: a Python's minor version, and a platform in uv's words; "" is this machine's."""

    python: str
    platform: str = ""


# Lambda's Python 3.12 and later run on Amazon Linux 2023 (glibc 2.34). An older manylinux would quietly resolve to old
# releases of packages that dropped it (facts aws section 1.3).
LAMBDA = Target("3.13", "aarch64-manylinux_2_28")


class PackagingError(Exception):
    """A build is not possible here; the message says why in one line."""


class Built(NamedTuple):
    """A finished build: its size with all that is in it, and whether it has compiled modules beside the sources.

    Without them each cold start compiles every module again, which more than doubles its imports.
    """

    size_bytes: int
    compiled: bool


def this_machine() -> Target:
    """The Python that runs this, on this machine: for a deployment to a local AWS, whose functions run on it."""
    return Target(f"{sys.version_info.major}.{sys.version_info.minor}")


def build(layer: str, directory: Path, target: Target) -> Built:
    """Write a layer as Lambda unpacks it, `python/...`, into an empty directory. Raises PackagingError."""
    python = directory / "python"
    if layer == OURS:
        _copy(ROOT / "layers" / OURS / "python", python)
    else:
        _install(_requirements(layer), python, target)
        _prune(python, (*_NEVER, *_UNUSED.get(layer, ())))
    return _finish(python, target, _LAYER_ROOT)


def build_function(name: str, directory: Path, target: Target) -> Built:
    """Write a function's own code, handler `functions.{name}.handler.handle`, into an empty directory."""
    package = directory / "functions"
    package.mkdir(parents=True)
    for path in _function_sources(name):
        copied = package / path.relative_to(ROOT / "functions")
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)
    return _finish(directory, target, _FUNCTION_ROOT)


def unpack(function: Function, directory: Path, target: Target) -> list[Path]:
    """Build a function, its layers and what the runtime has into a directory; what is there already is used.

    Returns the search path that its handler has on Lambda: its own code, the layers, the runtime's packages.
    """
    task = directory / "task" / function
    if not task.exists():
        build_function(function, task, target)
    layers = [directory / layer for layer in (*FUNCTIONS[function], RUNTIME)]
    for layer in layers:
        if not layer.exists():
            build(layer.name, layer, target)
    return [task, *(layer / "python" for layer in layers)]


def fingerprint(name: str, target: Target, *, function: bool = False) -> str:
    """A hash of all that decides a build's bytes: sources or locked packages, target, and how it is built."""
    runs_on = (target.python, target.platform or sysconfig.get_platform())
    digest = hashlib.sha256(repr((name, function, runs_on, bool(find_interpreter(target.python)))).encode())
    digest.update(Path(__file__).read_bytes())
    if function or name == OURS:
        paths = _function_sources(name) if function else _sources(ROOT / "layers" / OURS / "python")
        for path in paths:
            digest.update(f"\0{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    else:
        digest.update(_requirements(name).encode())
    return digest.hexdigest()


def _function_sources(name: str) -> list[Path]:
    """The function's package and the modules that all functions share."""
    functions = ROOT / "functions"
    return sorted([*functions.glob("*.py"), *_sources(functions / name)])


def _sources(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _copy(source: Path, destination: Path) -> None:
    for path in _sources(source):
        copied = destination / path.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copied)


@cache
def _requirements(layer: str) -> str:
    """The lock's packages of a layer, each with its version, the environments that it is for, and hashes."""
    if layer not in GROUPS:
        raise PackagingError(f"there is no layer {layer}; there are {', '.join((OURS, *GROUPS))}")
    options = ["--frozen", "--only-group", GROUPS[layer], "--no-emit-project", "--no-annotate", "--no-header"]
    return _run([find_uv_bin(), "export", "--quiet", *options])


def _install(requirements: str, python: Path, target: Target) -> None:
    place = ["--python", sys.executable, "--python-version", target.python, "--target", str(python)]
    if target.platform:
        place += ["--python-platform", target.platform]
    # Copies: what is pruned and compiled must not be the files of uv's cache.
    exact = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--link-mode", "copy"]
    _run([find_uv_bin(), "pip", "install", "--quiet", *exact, *place, "--requirements", "-"], requirements)


def _prune(python: Path, patterns: tuple[str, ...]) -> None:
    dropped = [path for pattern in patterns for path in python.glob(pattern)]
    dropped += [path for path in python.glob("*.dist-info/*") if path.name != _KEPT_OF_DIST_INFO]
    for path in dropped:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _finish(directory: Path, target: Target, deployed_to: str) -> Built:
    interpreter = find_interpreter(target.python)
    if interpreter:
        # Checked against nothing: deployed files don't change, and their times mean nothing.
        mode = ["--invalidation-mode", "unchecked-hash", "-s", str(directory), "-p", deployed_to]
        _run([interpreter, "-m", "compileall", "-q", "-f", *mode, str(directory)], PYTHONHASHSEED="0")
    size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    return Built(size, bool(interpreter))


def _run(command: list[str], given: str | None = None, **environment: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own commands
            command, input=given, env=os.environ | environment, cwd=ROOT, capture_output=True, text=True, check=True
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip() or f"exit code {error.returncode}"
        raise PackagingError(f"{Path(command[0]).name} {' '.join(command[1:3])}: {said}") from error
    return done.stdout
