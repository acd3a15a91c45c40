"""The stacks of this checkout, deployed to ministack as `make deploy` deploys them to AWS.

All that is local is one key of the context, `build_for`: the functions run on this machine, so their layers are built
for it. Commands run in a folder of their own whose cdk.json has this deployment's context.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from cli.regions import REGIONS_VARIABLE
from holdfast.core.errors import HoldfastError
from holdfast.state.aws import AwsClients
from infra.settings import deployment
from local.aws.engine import AwsEngine

ROOT = Path(__file__).parents[2]
STAGE = "dev-e2e"
_CDK = ROOT / "node_modules" / ".bin" / "cdk"
_HOLDFAST = Path(sys.executable).with_name("holdfast")
_SAID_AT_MOST = 2_000


class CommandFailedError(HoldfastError):
    """A command that the run needs failed; the message ends with what it said last."""


class LocalDeployment:
    """One stage in an engine that deploys stacks. `accounts` are lines of context, by account id.

    `wanted` is what the stacks are made of. Everything raises CommandFailedError.
    """

    def __init__(self, aws: AwsEngine, accounts: Mapping[str, Mapping[str, object]], folder: Path) -> None:
        self._aws = aws
        self._folder = folder
        given = json.loads((ROOT / "cdk.json").read_text())
        given["app"] = shlex.join([sys.executable, str(ROOT / "app.py")])
        given["output"] = str(folder / "cdk.out")
        given["context"] |= {"stage": STAGE, "email": "", "build_for": "this-machine", "accounts": accounts}
        self.wanted = deployment(given["context"])
        (folder / "cdk.json").write_text(json.dumps(given))
        # The CDK synthesizes the app of the folder that it bootstraps from, for nothing.
        self._elsewhere = folder / "elsewhere"
        self._elsewhere.mkdir()

    def bootstrap(self) -> None:
        """Make what the CDK itself needs in each region."""
        places = [f"aws://{self._aws.access_key}/{region}" for region in self.wanted.regions]
        self._run([str(_CDK), "bootstrap", *places], self._elsewhere)

    def synthesize(self) -> None:
        """Write the templates and build layers and functions, once for all that follows."""
        # What the CDK's own rules find is a test's concern, and takes as long again.
        self._cdk("synth", "--quiet", "--no-validation")

    def deploy(self, *stacks: str) -> None:
        """Deploy stacks by name, with * for any letters."""
        self._cdk("deploy", *stacks, *self._synthesized, "--require-approval", "never", "--concurrency", "4")

    def destroy(self) -> None:
        """Destroy every stack."""
        self._cdk("destroy", "--all", *self._synthesized, "--force")

    def holdfast(self, *arguments: str) -> str:
        """What the operator's command line prints, in every region in use."""
        return self._run([str(_HOLDFAST), *arguments, "--stage", STAGE], self._folder)

    @cache  # noqa: B019 - one deployment a process
    def clients(self, region: str) -> AwsClients:
        """The project's own clients of a region."""
        aws = self._aws
        return AwsClients(region, aws.endpoint_url, access_key=aws.access_key, secret_key=aws.secret_key)

    @cache  # noqa: B019
    def client(self, service: str, region: str) -> Any:
        """A client of a service that the project itself does not call."""
        session = boto3.session.Session(self._aws.access_key, self._aws.secret_key, region_name=region)
        make: Any = session.client
        return make(service, endpoint_url=self._aws.endpoint_url, config=Config(connect_timeout=2, read_timeout=30))

    @property
    def _synthesized(self) -> tuple[str, str]:
        return "--app", str(self._folder / "cdk.out")

    def _cdk(self, command: str, *arguments: str) -> None:
        self._run([str(_CDK), command, *arguments], self._folder)

    def _run(self, command: list[str], folder: Path) -> str:
        try:
            done = subprocess.run(  # noqa: S603 - our own commands
                command, cwd=folder, env=self._environment(), capture_output=True, text=True, check=False
            )
        except OSError as error:
            raise CommandFailedError(f"{command[0]} can't be run: {error} (make e2e installs it)") from None
        if done.returncode:
            said = (done.stdout + done.stderr).strip()[-_SAID_AT_MOST:]
            shown = " ".join([Path(command[0]).name, *command[1:]])
            raise CommandFailedError(f"{shown}: exit code {done.returncode}\n{said}")
        return done.stdout

    def _environment(self) -> dict[str, str]:
        """Nothing that names another AWS: a profile of the person would come before these keys."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "HOLDFAST_"))}
        nowhere = {name: os.devnull for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")}
        quiet = {"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1", "CDK_DISABLE_VERSION_CHECK": "1"}
        # Of a stand-in the command line would work on one region alone.
        regions = {REGIONS_VARIABLE: ",".join(self.wanted.regions)}
        return kept | nowhere | quiet | regions | self._aws.environment()
