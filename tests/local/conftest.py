import pytest

from tests.local.kalshi_member import running


@pytest.fixture
def venue():
    with running() as found:
        yield found
