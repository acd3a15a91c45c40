"""The AWS stand-in as a fixture: one for the whole run, since a stage of its own keeps tests apart."""

from collections.abc import Iterator
from itertools import count

import pytest

from local.aws.stand_in import LocalAws

_stages = count()


@pytest.fixture(scope="session")
def local_aws() -> Iterator[LocalAws]:
    with LocalAws() as aws:
        yield aws


@pytest.fixture
def stage(local_aws: LocalAws) -> str:
    """A stage with empty tables."""
    name = f"t{next(_stages)}"
    local_aws.create_stage(name)
    return name
