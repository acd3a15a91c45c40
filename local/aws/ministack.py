"""The second AWS engine: ministack, which others wrote, as a process of its own (facts aws section 7).

It agrees with DynamoDB in what moto gets wrong, signs digests with KMS, and runs Lambda functions and their schedules.
It is young and has one main author, so it is never the only engine that something is tested on.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Self
from urllib.request import urlopen

from local.aws.engine import AwsEngine
from local.environments import environment_python

MINISTACK = "ministack==1.5.33"
# cryptography: its KMS refuses to make keys without it. boto3: its Lambda functions run in this environment, and AWS's
# runtimes have it.
REQUIREMENTS = [MINISTACK, "cryptography==50.0.2", "boto3==1.43.106"]
READY_SECONDS = 30
_SERVER = Path(__file__).with_name("ministack_server.py")
_STOP_SECONDS = 10
# An access key of twelve digits is the account's number.
_numbers = count(200_000_000_001)


class MinistackError(Exception):
    """It did not start; the message ends with what it said last."""


class Ministack(AwsEngine):
    """ministack on a free loopback port, in a folder of its own that goes when it stops.

    `python` is the interpreter that its environment is made of, and so the one that Lambda functions run on. Starting
    raises EnvironmentAbsentError where that environment can't be had, MinistackError where it does not serve.
    """

    def __init__(self, region: str = "us-east-1", python: str = sys.executable) -> None:
        super().__init__(region)
        self.access_key = str(next(_numbers))
        self._python = python
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._port = 0

    def start(self) -> Self:
        """Serve, empty. The first start of all makes the environment, which takes some ten seconds."""
        if self._process is not None:
            raise RuntimeError("ministack is running already")
        version = self._version()
        python = environment_python(f"{MINISTACK.replace('==', '-')}-py{version}", REQUIREMENTS, self._python)
        self._folder = Path(tempfile.mkdtemp(prefix="ministack-"))
        self._port = _free_port()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603
                # -P: the folder of this file is on no path of its own, where a module is called ministack, too.
                [str(python), "-P", str(_SERVER)],
                cwd=self._folder,
                env=self._own_environment(),
                # It ends when this end of the pipe does, so also when this process is killed.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop serving, and every function that runs in it. Stopping twice is no error."""
        process, self._process = self._process, None
        self._clients = None
        if process is not None:
            _signal_group(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
            # Its functions' processes are of its group, and outlive it where one hangs.
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdin is not None:
                process.stdin.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    @property
    def endpoint_url(self) -> str:
        """For AWS_ENDPOINT_URL."""
        if self._process is None:
            raise RuntimeError("ministack is not running")
        return f"http://127.0.0.1:{self._port}"

    @property
    def log(self) -> Path:
        """What it says; gone when it stops."""
        return self._folder_in_use / "ministack.log"

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.endpoint_url}/_ministack/ready", timeout=2) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False

    @property
    def _folder_in_use(self) -> Path:
        if self._folder is None:
            raise RuntimeError("ministack is not running")
        return self._folder

    def _own_environment(self) -> dict[str, str]:
        """Nothing of ours: its functions inherit it, and must find what they are configured with or nothing.

        No LOG_LEVEL either, which their loggers would heed.
        """
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._folder),
            "TMPDIR": str(self._folder),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self._port),
            "MINISTACK_REGION": self.region,
            "MINISTACK_ACCOUNT_ID": self.access_key,
            "S3_DATA_DIR": str(self._folder),
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
        }

    def _version(self) -> str:
        said = subprocess.run(  # noqa: S603
            [self._python, "-c", "import sys; print('{}.{}'.format(*sys.version_info))"],
            capture_output=True,
            text=True,
            check=True,
        )
        return said.stdout.strip()

    def _wait_until_ready(self) -> None:
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            if self._process is None or self._process.poll() is not None:
                break
            # Another program may have taken the port meanwhile, another ministack even: ours notes its process first.
            if (self._folder_in_use / f"ministack-{self._port}.pid").exists() and self._answers():
                return
            time.sleep(0.05)
        raise MinistackError(f"ministack does not serve: {self.log.read_text(errors='replace')[-500:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _signal_group(leader: int, number: signal.Signals) -> None:
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return
