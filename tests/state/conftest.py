"""Both store adapters, on one clock."""

import random

import pytest

from holdfast.clock import VirtualClock
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.memory import MemoryStore
from holdfast.state.port import Store
from holdfast.state.tables import TableNames
from tests.state.items import NOW_MS


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOW_MS)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest, clock: VirtualClock) -> Store:
    if request.param == "memory":
        return MemoryStore(clock)
    aws = request.getfixturevalue("local_aws")
    tables = TableNames(request.getfixturevalue("stage"))
    return DynamoStore(aws.clients().dynamodb, tables, clock, lambda: random.randrange(1000))
