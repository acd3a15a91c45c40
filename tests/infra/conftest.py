"""The stacks as they are synthesized, once for the run: aws-cdk-lib takes seconds and 550 MB to begin with."""

import importlib.util
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.infra.templates import Template

ROOT = Path(__file__).parents[2]
Synthesize = Callable[..., dict[str, Template]]


def owner_context(**changes: Any) -> dict[str, Any]:
    """The context of cdk.json with these changes, and nothing bundled."""
    context: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
    return {**context, "aws:cdk:bundling-stacks": [], **changes}


@pytest.fixture(scope="session")
def synthesize(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synthesize]:
    """Templates by stack name; `check` is called with the app before it is synthesized."""
    if not (shutil.which("node") or os.environ.get("JSII_NODE")):
        pytest.skip("there is no node, which aws-cdk-lib runs on")
    if importlib.util.find_spec("aws_cdk") is None:
        pytest.skip("aws-cdk-lib is not installed (dependency group infra)")

    def made(check: Callable[[Any], None] = lambda _app: None, **changes: Any) -> dict[str, Template]:
        import aws_cdk as cdk

        from infra.settings import deployment
        from infra.stacks import make_stacks

        directory = tmp_path_factory.mktemp("assembly")
        app = cdk.App(context=owner_context(**changes), outdir=str(directory))
        make_stacks(app, deployment(app.node.get_all_context()))
        check(app)
        app.synth()
        suffix = ".template.json"
        return {
            path.name.removesuffix(suffix): Template(path, json.loads(path.read_text()))
            for path in sorted(directory.glob(f"*{suffix}"))
        }

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CDK_VALIDATION", "false")
        yield made


@pytest.fixture(scope="session")
def dev(synthesize: Synthesize) -> dict[str, Template]:
    """What a clone has: one account, stage dev."""
    return synthesize()


@pytest.fixture(scope="session")
def production(synthesize: Synthesize) -> dict[str, Template]:
    """Two accounts in one region and one in another, webhooks, reserved concurrency, a wallet's key in KMS."""
    wallet = {"kms_key": "0f0e0d0c-1234-1234-1234-0a0b0c0d0e0f"}
    return synthesize(
        stage="prod",
        email="owner@example.com",
        accounts={
            "kalshi-1": {"venue": "kalshi", "environment": "production"},
            "kalshi-2": {"venue": "kalshi", "environment": "production", "subaccount": 2},
            "poly": {"venue": "polymarket", "environment": "production", "options": wallet},
        },
        reserved_concurrency="5",
        webhook_addresses='["192.0.2.7", "198.51.100.0/24"]',
    )
