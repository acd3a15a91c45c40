"""Polymarket's published OpenAPI as a check on both sides of the wire, after the project's deviations are applied.

Fields that the spec does not know are refused too: a misspelt optional field would else go unnoticed.
"""

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from jsonschema import Draft202012Validator

from tests.shared import SHARED, shared_path

SPEC = "specs/polymarket-clob.openapi.yaml"
DEVIATIONS = Path(__file__).with_name("polymarket_deviations.yaml")
# Other hosts' paths on the local server, which have no published spec or another one.
ELSEWHERE = ("/gamma/", "/data-api/", "/relayer/", "/site/", "/_local/")
_DROPPED = ("nullable", "example", "examples", "description")


class PolymarketSpec:
    """The spec, ready to check requests and answers."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._paths = document["paths"]
        self._components = _as_json_schema(document["components"])
        # Fixed paths come first.
        templates = sorted(self._paths, key=lambda path: path.count("{"))
        self._routes = [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path) + "$"), path) for path in templates]

    def check_request(self, method: str, url: str, body: bytes | None) -> None:
        """Raise AssertionError where the operation, a query parameter or the body is not as the spec says."""
        parts = urlsplit(url)
        if parts.path.startswith(ELSEWHERE):
            return
        operation = self._operation(method, parts.path)
        known = {parameter["name"]: parameter for parameter in operation.get("parameters", [])}
        for name, values in parse_qs(parts.query, keep_blank_values=True).items():
            assert name in known, f"{method} {parts.path}: query parameter {name} is not in the spec"
            schema = known[name].get("schema", {})
            value = json.loads(values[0]) if schema.get("type") in ("integer", "number") else values[0]
            self._check(value, schema, f"query {name}")
        described = operation.get("requestBody")
        assert (described is None) == (not body), f"{method} {parts.path}: body {body!r}"
        if body and described is not None:
            self._check(json.loads(body), _schema(described), f"{method} {parts.path} request")

    def check_answer(self, method: str, url: str, status: int, body: bytes) -> None:
        """Raise AssertionError for a body that is not as the spec says. Any error status may carry the error body."""
        path = urlsplit(url).path
        if path.startswith(ELSEWHERE):
            return
        described = self._operation(method, path)["responses"].get(str(status), {})
        where = f"{method} {path} answer {status}"
        if status >= 400 and not described.get("content"):
            self._check(json.loads(body), {"$ref": "#/components/schemas/ErrorResponse"}, where)
            return
        assert described, f"{where}: the status is not in the spec"
        self._check(json.loads(body), _schema(described), where)

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        for route, template in self._routes:
            if route.match(path) and method.lower() in self._paths[template]:
                found: dict[str, Any] = self._paths[template][method.lower()]
                return found
        raise AssertionError(f"{method} {path} is not in the spec")

    def _check(self, value: Any, schema: dict[str, Any], where: str) -> None:
        root = {**_as_json_schema(schema), "components": self._components}
        problem = next(Draft202012Validator(root).iter_errors(value), None)
        assert problem is None, f"{where}: {problem.message} at {problem.json_path}" if problem else ""


def load_spec() -> PolymarketSpec:
    """The spec with the deviations applied; skips the test where the shared material is absent."""
    return _load(shared_path(SPEC))


def has_spec() -> bool:
    """Whether the shared material is here."""
    return (SHARED / SPEC).exists()


@lru_cache(maxsize=1)
def _load(path: Path) -> PolymarketSpec:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load(path.read_text(), Loader=loader)  # noqa: S506 - both loaders are safe
    for deviation in yaml.safe_load(DEVIATIONS.read_text()):
        _apply(document, deviation["at"], deviation["set"])
    return PolymarketSpec(document)


def _apply(document: dict[str, Any], at: list[str], value: Any) -> None:
    place: Any = document
    for key in at[:-1]:
        place = place[key]
    if at[-1] == "-":
        place.append(value)
        return
    assert place.get(at[-1]) != value, f"{at}: the spec has it now; drop the deviation"
    place[at[-1]] = value


def _schema(described: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = described["content"]["application/json"]["schema"]
    return found


def _as_json_schema(node: Any) -> Any:
    """`nullable` becomes a choice, and objects with properties are closed to unknown fields."""
    if isinstance(node, list):
        return [_as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _as_json_schema(value) for key, value in node.items() if key not in _DROPPED}
    if isinstance(plain.get("properties"), dict) and "type" in plain:
        plain.setdefault("additionalProperties", False)
    if node.get("nullable") is True:
        return {"anyOf": [{"type": "null"}, plain]}
    return plain
