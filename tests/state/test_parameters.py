"""Both parameter adapters, SSM's on each AWS engine; a failed read is an error, never an empty answer."""

import pytest

from holdfast.core.errors import StoreError
from holdfast.state.aws import AwsClients
from holdfast.state.parameters import MemoryParameters, Parameters, SsmParameters
from tests.aws import ENGINES


@pytest.fixture(params=["memory", *ENGINES])
def parameters(request: pytest.FixtureRequest) -> Parameters:
    if request.param == "memory":
        return MemoryParameters()
    return SsmParameters(request.getfixturevalue(ENGINES[request.param]).clients().ssm)


@pytest.fixture
def path(request: pytest.FixtureRequest) -> str:
    return f"/holdfast/{request.node.name.translate(str.maketrans('[]', '--'))}"


def test_every_page_below_a_path_is_read_and_nothing_else(parameters: Parameters, path: str) -> None:
    texts = {f"switch_{index:02}": f"{index}" for index in range(23)}
    for name, text in texts.items():
        parameters.write(f"{path}/kalshi-1/{name}", text)
    parameters.write(f"{path}/kalshi-10/other", "x")
    parameters.write(f"{path}/kalshi-1/deep/er", "y")
    assert parameters.read(f"{path}/kalshi-1") == texts | {"deep/er": "y"}
    assert parameters.read(f"{path}/nobody") == {}


def test_last_write_holds_and_removal_may_find_nothing(parameters: Parameters, path: str) -> None:
    name = f"{path}/all/halt"
    parameters.write(name, "false")
    parameters.write(name, "true")
    assert parameters.read(f"{path}/all") == {"halt": "true"}
    parameters.remove(name)
    parameters.remove(name)
    assert parameters.read(f"{path}/all") == {}


def test_unreachable_parameter_store_is_an_error() -> None:
    clients = AwsClients("us-east-1", "http://127.0.0.1:9", access_key="x", secret_key="x")
    parameters = SsmParameters(clients.ssm)
    with pytest.raises(StoreError, match="/holdfast/dev/all"):
        parameters.read("/holdfast/dev/all")
    with pytest.raises(StoreError):
        parameters.write("/holdfast/dev/all/halt", "true")
