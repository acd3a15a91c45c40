"""The metrics that code writes are those of the list from which alarms and dashboards are made."""

import ast
from collections.abc import Iterator
from pathlib import Path

from holdfast.telemetry.metrics import METRICS

ROOT = Path(__file__).parents[1]
SOURCES = [*(ROOT / "layers/holdfast/python/holdfast").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]


def written() -> Iterator[tuple[str, tuple[str, ...]]]:
    """Name and dimensions of each metric that a call names."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "metric":
                name, given = node.args[0], [keyword.arg for keyword in node.keywords]
                if isinstance(name, ast.Constant):
                    assert None not in given, f"{path.name}:{node.lineno}: dimensions are spelled out"
                    yield str(name.value), tuple(sorted(key for key in given if key not in (None, "unit")))


def test_list_is_what_is_written() -> None:
    found = list(written())
    assert {name: dimensions for name, dimensions in found} == METRICS
    assert set(found) == set(METRICS.items()), "one metric has one set of dimensions"
