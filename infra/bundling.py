"""Layers and functions as CDK code: bundled on this machine at synthesis, without Docker, only where they changed."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_lambda

from infra.packaging import LAMBDA, ROOT, Built, Target, build, build_function, fingerprint


def layer_code(name: str, *, target: Target = LAMBDA) -> aws_lambda.Code:
    """A layer of `infra.packaging.LAYERS`. Raises PackagingError where its packages can't be told from the lock."""

    def write(directory: Path) -> Built:
        return build(name, directory, target)

    return _code(f"layer {name}", ROOT / "layers", write, fingerprint(name, target))


def function_code(name: str, *, target: Target = LAMBDA) -> aws_lambda.Code:
    """A function's own code, whose handler is `functions.{name}.handler.handle`."""

    def write(directory: Path) -> Built:
        return build_function(name, directory, target)

    return _code(f"function {name}", ROOT / "functions", write, fingerprint(name, target, function=True))


def _code(what: str, source: Path, write: Callable[[Path], Built], asset_hash: str) -> aws_lambda.Code:
    """`asset_hash` is of all that decides the bundle, so that one which is in the assembly already is not made again.

    CDK wants an image for what can't be bundled here; nothing is fetched or run for its name.
    """
    return aws_lambda.Code.from_asset(
        str(source),
        asset_hash=asset_hash,
        asset_hash_type=cdk.AssetHashType.CUSTOM,
        bundling=cdk.BundlingOptions(
            image=cdk.DockerImage.from_registry("none"),
            local=_Here(what, write),
            output_type=cdk.BundlingOutput.NOT_ARCHIVED,
        ),
    )


@jsii.implements(cdk.ILocalBundling)
class _Here:
    def __init__(self, what: str, write: Callable[[Path], Built]) -> None:
        self._what, self._write = what, write

    def try_bundle(self, output_dir: str, options: Any = None, **_: Any) -> bool:
        """Always done here: False would have CDK look for Docker."""
        built = self._write(Path(output_dir))
        if not built.compiled:
            print(  # noqa: T201 - a word to whoever deploys
                f"{self._what}: no Python of its version is here, so it goes without compiled modules:"
                " each cold start compiles them again",
                file=sys.stderr,
            )
        return True
