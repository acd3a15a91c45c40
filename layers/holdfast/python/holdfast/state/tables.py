"""The tables as they exist at AWS: names, keys and the TTL attribute. The one place that says so."""

import re

from msgspec import Struct

from holdfast.core.errors import InvalidInputError
from holdfast.state.port import Table

PARTITION_KEY = "pk"
SORT_KEY = "sk"
TTL_ATTRIBUTE = "ttl"
"""Seconds since 1970; DynamoDB deletes an item some time after it."""

STAGE_PATTERN = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")


def checked_stage(stage: str) -> str:
    """The stage, if it can be part of table and parameter names. Raises InvalidInputError otherwise."""
    if not STAGE_PATTERN.fullmatch(stage):
        raise InvalidInputError("stage", stage, "1 to 24 of a-z, 0-9 and -, not starting with -")
    return stage


class TableNames(Struct, frozen=True):
    """The tables' names in one stage."""

    stage: str

    def __post_init__(self) -> None:
        checked_stage(self.stage)

    def of(self, table: Table) -> str:
        """The name at AWS, e.g. "holdfast-dev-control"."""
        return f"holdfast-{self.stage}-{table.value}"
