"""Reading synthesized templates: resources by type, and what intrinsic functions come to in one AWS account."""

from pathlib import Path
from typing import Any, NamedTuple

AWS_ACCOUNT = "123456789012"
PSEUDO_PARAMETERS = {
    "AWS::AccountId": AWS_ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": "a-region",
    "AWS::URLSuffix": "amazonaws.com",
}


class Resource(NamedTuple):
    """One resource of a template."""

    logical_id: str
    properties: dict[str, Any]
    body: dict[str, Any]


class Template(NamedTuple):
    """One stack's template, as written to `path`."""

    path: Path
    body: dict[str, Any]

    def all(self, kind: str) -> list[Resource]:
        """Every resource of a type, e.g. "SQS::Queue"."""
        return [
            Resource(logical_id, body.get("Properties", {}), body)
            for logical_id, body in self.body["Resources"].items()
            if body["Type"] == f"AWS::{kind}"
        ]

    def one(self, kind: str, **properties: object) -> Resource:
        """The only resource of a type with these properties."""
        found = [
            resource
            for resource in self.all(kind)
            if all(self.shown(resource.properties.get(name)) == value for name, value in properties.items())
        ]
        assert len(found) == 1, (kind, properties, [resource.logical_id for resource in found])
        return found[0]

    def shown(self, value: Any) -> Any:
        """A value with its intrinsic functions carried out; a reference to a resource becomes its name."""
        if isinstance(value, list):
            return [self.shown(one) for one in value]
        if not isinstance(value, dict):
            return value
        if value.keys() == {"Fn::Join"}:
            separator, parts = value["Fn::Join"]
            return separator.join(map(str, self.shown(parts)))
        if value.keys() == {"Ref"}:
            return self._reference(value["Ref"])
        if value.keys() == {"Fn::GetAtt"}:
            logical_id, attribute = value["Fn::GetAtt"]
            return f"{self._name(logical_id)}.{attribute}"
        if value.keys() == {"Fn::ImportValue"}:
            return f"import {value['Fn::ImportValue']}"
        return {key: self.shown(one) for key, one in value.items()}

    def _reference(self, name: str) -> str:
        return PSEUDO_PARAMETERS.get(name) or self._name(name)

    def _name(self, logical_id: str) -> str:
        properties = self.body["Resources"][logical_id].get("Properties", {})
        names = ("QueueName", "FunctionName", "LogGroupName", "TopicName", "Name")
        return str(next((properties[name] for name in names if name in properties), logical_id))
