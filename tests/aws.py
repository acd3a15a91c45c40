"""AWS engines as fixtures: one of each for the whole run, since a stage of its own keeps tests apart."""

from collections.abc import Iterator
from itertools import count

import pytest

from local.aws.engine import AwsEngine
from local.aws.ministack import Ministack
from local.aws.stand_in import LocalAws
from local.environments import EnvironmentAbsentError

ENGINES = {"moto": "local_aws", "ministack": "ministack"}
"""The fixture of each engine by its name."""

_stages = count()


@pytest.fixture(scope="session")
def local_aws() -> Iterator[LocalAws]:
    with LocalAws() as aws:
        yield aws


@pytest.fixture(scope="session")
def ministack() -> Iterator[Ministack]:
    """The second engine; its tests skip with the reason where it can't be installed."""
    engine = Ministack()
    try:
        engine.start()
    except EnvironmentAbsentError as absent:
        pytest.skip(f"ministack can't be installed here: {absent}")
    yield engine
    engine.stop()


@pytest.fixture
def stage(local_aws: LocalAws) -> str:
    """A stage with empty tables."""
    return new_stage(local_aws)


def new_stage(engine: AwsEngine) -> str:
    """Another stage with empty tables."""
    name = f"t{next(_stages)}"
    engine.create_stage(name)
    return name


def new_tables(engine: AwsEngine) -> str:
    """Another stage that is empty tables alone: a tenth of the requests."""
    name = f"t{next(_stages)}"
    engine.create_tables(name)
    return name


class InRegion(AwsEngine):
    """Another region of an engine that runs already."""

    def __init__(self, engine: AwsEngine, region: str) -> None:
        super().__init__(region)
        self.access_key, self._engine = engine.access_key, engine

    def start(self) -> "InRegion":
        return self

    def stop(self) -> None:
        """It is its engine's to stop."""

    @property
    def endpoint_url(self) -> str:
        return self._engine.endpoint_url
