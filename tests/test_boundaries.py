"""The boundaries of the design: core is pure, and arrows between packages point one way only."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "layers/holdfast/python/holdfast"
CORE = sorted((PACKAGE / "core").rglob("*.py"))
IMPURE = {"time", "random", "secrets", "logging", "os", "io", "socket", "threading", "asyncio", "subprocess", "pathlib"}
VENUES = ("kalshi", "polymarket", "coinbase")
SDKS = {"polymarket", "py_clob_client", "py_clob_client_v2", "eth_account", "web3", "kalshi_python_sync"}
# Who may import what of ours, from the bottom up; core imports core alone.
ALLOWED = {
    "core": {"core"},
    "telemetry": {"core", "telemetry"},
    "state": {"core", "state", "clock"},
    "venues": {"core", "venues", "clock"},
    "jobs": {"core", "state", "venues", "telemetry", "jobs", "clock"},
}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_core_is_pure(path: Path) -> None:
    roots = {name.partition(".")[0] for name in imports(path)}
    assert roots <= set(sys.stdlib_module_names) | {"msgspec", "holdfast"}
    assert not roots & IMPURE
    source = path.read_text().lower()
    assert "float" not in source
    names = {node.id.lower() for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
    assert not any(venue in name for name in names for venue in VENUES)


@pytest.mark.parametrize("part", ALLOWED)
def test_arrows_point_one_way(part: str) -> None:
    for path in (PACKAGE / part).rglob("*.py"):
        ours = {name.split(".")[1] for name in imports(path) if name.startswith("holdfast.")}
        assert ours <= ALLOWED[part], f"{path.relative_to(PACKAGE)} imports {sorted(ours - ALLOWED[part])}"
        assert not {name for name in imports(path) if name.partition(".")[0] in ("local", "cli", "functions", "tests")}


def test_jobs_know_no_lambda_and_no_venue() -> None:
    for path in (PACKAGE / "jobs").rglob("*.py"):
        for name in imports(path):
            assert not name.startswith(("boto", "aws_lambda_powertools")), f"{path.name} imports {name}"
            assert not name.startswith("holdfast.venues.") or name == "holdfast.venues.port", f"{path.name}: {name}"


@pytest.mark.parametrize("venue", VENUES[:2])
def test_venue_package_brings_no_sdk(venue: str) -> None:
    """They cost most of a second and 60 MB, and send requests of their own on the way to an exit."""
    code = f"import sys, holdfast.venues.{venue}.adapter; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert not {name.partition(".")[0] for name in done.stdout.split()} & SDKS
