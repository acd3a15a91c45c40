"""Kalshi's published OpenAPI as a check on both sides of the wire, after the project's deviations are applied.

`SpecTransport` wraps a transport and raises AssertionError for a request or an answer that the spec does not allow.
Fields that the spec does not know are refused too: a misspelt optional field would else go unnoticed.
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from jsonschema import Draft202012Validator

from holdfast.venues.kalshi.hosts import API_PREFIX
from holdfast.venues.transport import HttpAnswer, Transport
from tests.shared import SHARED, shared_path

SPEC = "specs/kalshi-openapi-3.28.0-merged-from-docs-2026-08-22.yaml"
DEVIATIONS = Path(__file__).with_name("kalshi_deviations.yaml")


class KalshiSpec:
    """The spec, ready to check requests and answers."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._paths = document["paths"]
        self._components = _as_json_schema(document["components"])
        self._parameters = document["components"]["parameters"]
        # Fixed paths come first: "/orders/batched" is not an order id.
        templates = sorted(self._paths, key=lambda path: path.count("{"))
        self._routes = [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path) + "$"), path) for path in templates]

    def check_request(self, method: str, url: str, body: bytes | None) -> None:
        """Raise AssertionError where the operation, a query parameter or the body is not as the spec says."""
        parts = urlsplit(url)
        operation = self._operation(method, parts.path)
        known = {parameter["name"]: parameter for parameter in map(self._resolve, operation.get("parameters", []))}
        asked = parse_qs(parts.query, keep_blank_values=True)
        for name, values in asked.items():
            assert name in known, f"{method} {parts.path}: query parameter {name} is not in the spec"
            self._check(_query_value(known[name]["schema"], values), known[name]["schema"], f"query {name}")
        for name, parameter in known.items():
            missing = parameter.get("required") and parameter["in"] == "query" and name not in asked
            assert not missing, f"{method} {parts.path}: query parameter {name} is required"
        described = operation.get("requestBody")
        assert (described is None) == (body is None), f"{method} {parts.path}: body {body!r}"
        if body is not None and described is not None:
            self._check(json.loads(body), _schema(described), f"{method} {parts.path} request")

    def check_answer(self, method: str, url: str, status: int, body: bytes) -> None:
        """Raise AssertionError for a status or body that is not in the spec, or an error body of no known shape."""
        path = urlsplit(url).path
        described = self._operation(method, path)["responses"].get(str(status), {})
        where = f"{method} {path} answer {status}"
        if "$ref" in described or (status >= 400 and not described.get("content")):
            self._check(json.loads(body), {"$ref": "#/components/schemas/ErrorBody"}, where)
            return
        assert described, f"{where}: the status is not in the spec"
        self._check(json.loads(body), _schema(described), where)

    def check_schema(self, name: str, value: Any) -> None:
        """Raise AssertionError where a value is not an instance of a named schema."""
        self._check(value, {"$ref": f"#/components/schemas/{name}"}, name)

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        assert path.startswith(API_PREFIX + "/"), f"{path} does not start with {API_PREFIX}"
        below = path.removeprefix(API_PREFIX)
        for route, template in self._routes:
            if route.match(below) and method.lower() in self._paths[template]:
                found: dict[str, Any] = self._paths[template][method.lower()]
                return found
        raise AssertionError(f"{method} {path} is not in the spec")

    def _resolve(self, parameter: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in parameter:
            return parameter
        found: dict[str, Any] = self._parameters[parameter["$ref"].rsplit("/", 1)[1]]
        return found

    def _check(self, value: Any, schema: dict[str, Any], where: str) -> None:
        root = {**_as_json_schema(schema), "components": self._components}
        problem = next(Draft202012Validator(root).iter_errors(value), None)
        assert problem is None, f"{where}: {problem.message} at {problem.json_path}" if problem else ""


class SpecTransport:
    """Checks what goes through, and keeps it: `exchanges` are (method, url, request body, status).

    `breaks_answers`: the next answers are broken on purpose and not checked.
    """

    def __init__(self, inner: Transport, spec: KalshiSpec) -> None:
        self._inner, self._spec = inner, spec
        self.breaks_answers = False
        self.exchanges: list[tuple[str, str, bytes | None, int]] = []

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_ms: int
    ) -> HttpAnswer:
        """See Transport."""
        self._spec.check_request(method, url, body)
        answer = self._inner.send(method, url, headers, body, timeout_ms)
        if not self.breaks_answers:
            self._spec.check_answer(method, url, answer.status, answer.body)
        self.exchanges.append((method, url, body, answer.status))
        return answer


def load_spec() -> KalshiSpec:
    """The spec with the deviations applied; skips the test where the shared material is absent."""
    return _load(shared_path(SPEC))


def has_spec() -> bool:
    """Whether the shared material is here."""
    return (SHARED / SPEC).exists()


@lru_cache(maxsize=1)
def _load(path: Path) -> KalshiSpec:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load(path.read_text(), Loader=loader)  # noqa: S506 - both loaders are safe
    for deviation in yaml.safe_load(DEVIATIONS.read_text()):
        _apply(document, deviation["at"], deviation["set"])
    return KalshiSpec(document)


def _apply(document: dict[str, Any], at: list[str], value: Any) -> None:
    place: Any = document
    for key in at[:-1]:
        place = place[key]
    if at[-1] == "-":
        place.append(value)
    else:
        assert at[-1] not in place, f"{at}: the spec has it now; drop the deviation"
        place[at[-1]] = value


def _schema(described: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = described["content"]["application/json"]["schema"]
    return found


def _query_value(schema: dict[str, Any], values: list[str]) -> Any:
    if schema.get("type") == "array":
        return values
    assert len(values) == 1, f"{values}: given more than once"
    if schema.get("type") == "boolean":
        return {"true": True, "false": False}.get(values[0], values[0])
    is_number = schema.get("type") == "integer" or schema.get("$ref", "").endswith("/ExchangeIndex")
    return int(values[0]) if is_number else values[0]


def _as_json_schema(node: Any) -> Any:
    """OpenAPI 3.0 to JSON Schema: `nullable` becomes a choice, and objects are closed to unknown fields."""
    if isinstance(node, list):
        return [_as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: _as_json_schema(value) for key, value in node.items() if key not in ("nullable", "example")}
    if isinstance(plain.get("properties"), dict) and "type" in plain:
        plain.setdefault("additionalProperties", False)
    if node.get("nullable") is True:
        return {"anyOf": [{"type": "null"}, plain]}
    return plain
