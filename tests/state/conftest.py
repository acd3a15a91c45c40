"""Every store adapter on every AWS engine, on one clock."""

import random

import pytest

from holdfast.clock import VirtualClock
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.memory import MemoryStore
from holdfast.state.port import Store
from holdfast.state.tables import TableNames
from local.aws.engine import AwsEngine
from tests.aws import ENGINES, new_tables
from tests.state.items import NOW_MS


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOW_MS)


@pytest.fixture(params=ENGINES)
def dynamo(request: pytest.FixtureRequest, clock: VirtualClock) -> DynamoStore:
    """Empty tables on each engine."""
    return _dynamo(request, request.param, clock)


@pytest.fixture(params=["memory", *ENGINES])
def store(request: pytest.FixtureRequest, clock: VirtualClock) -> Store:
    return MemoryStore(clock) if request.param == "memory" else _dynamo(request, request.param, clock)


def _dynamo(request: pytest.FixtureRequest, engine_name: str, clock: VirtualClock) -> DynamoStore:
    engine: AwsEngine = request.getfixturevalue(ENGINES[engine_name])
    tables = TableNames(new_tables(engine))
    return DynamoStore(engine.clients().dynamodb, tables, clock, lambda: random.randrange(1000))
