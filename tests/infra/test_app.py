"""`cdk synth` of a wrong context: one line, no traceback."""

from typing import Any

import pytest

from tests.infra.conftest import Synthesize, owner_context

pytestmark = pytest.mark.xdist_group("stacks")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stage": "prod"}, "cdk.json: email: '' is not allowed; allowed: an address, to which alarms go"),
        ({"accounts": {"k": {"venue": "kraken", "environment": "demo"}}}, "cdk.json: venue of account k: 'kraken'"),
    ],
)
def test_a_wrong_context_is_one_line(
    synthesize: Synthesize,
    changes: dict[str, Any],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import aws_cdk as cdk

    import app

    cdk.App()  # an old node has its own words to say, once
    capsys.readouterr()
    assert app.main(owner_context(**changes)) == 1
    err = capsys.readouterr().err
    assert err.startswith(said)
    assert err.count("\n") == 1
