"""Which stacks a deployment has: data, jobs and watch in each region in use, and ingress where webhooks are taken."""

from collections.abc import Iterator

import aws_cdk as cdk

from holdfast.deployed import stack_name
from infra.data import DataStack
from infra.ingress import IngressStack
from infra.jobs import JobsStack
from infra.settings import Deployment
from infra.watch import WatchStack

PARTS: dict[str, type[cdk.Stack]] = {"data": DataStack, "jobs": JobsStack, "watch": WatchStack}


def make_stacks(app: cdk.App, deployment: Deployment) -> list[cdk.Stack]:
    """Make every stack. The AWS account is whichever one the deploying credentials are of; the region is fixed."""
    made = [stack for region in deployment.regions for stack in _of_region(app, deployment, region)]
    cdk.Tags.of(app).add("application", "holdfast")
    cdk.Tags.of(app).add("stage", deployment.stage)
    return made


def _of_region(app: cdk.App, deployment: Deployment, region: str) -> Iterator[cdk.Stack]:
    """Data first: the jobs use its key, and are watched before anybody calls them from outside."""
    parts = PARTS | ({"ingress": IngressStack} if deployment.webhook_addresses else {})
    before: cdk.Stack | None = None
    for part, kind in parts.items():
        stack = kind(
            app,
            stack_name(deployment.stage, region, part),
            deployment=deployment,  # type: ignore[call-arg]
            env=cdk.Environment(region=region),
            termination_protection=not deployment.is_disposable,
        )
        cdk.Tags.of(stack).add("component", part)
        if before is not None:
            stack.add_stack_dependency(before)
        before = stack
        yield stack
