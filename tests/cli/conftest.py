"""The command line as a person runs it, against the AWS stand-in."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from cli.main import run
from local.aws.engine import AwsEngine
from local.aws.stand_in import LocalAws
from tests.cli.venues import kalshi, polymarket

__all__ = ["kalshi", "polymarket"]


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def error_line(self) -> str:
        """What was said on standard error, which must be one line."""
        assert self.err.count("\n") == 1, self.err
        return self.err.strip()


Holdfast = Callable[..., Result]


@pytest.fixture
def holdfast(
    local_aws: LocalAws, stage: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Holdfast:
    """Run `holdfast <words>` in a stage of its own."""
    return command_line(local_aws, stage, monkeypatch, capsys)


def command_line(
    engine: AwsEngine, stage: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Holdfast:
    """`holdfast <words>` in one stage of an AWS engine."""
    for name, value in {**engine.environment(), "HOLDFAST_STAGE": stage}.items():
        monkeypatch.setenv(name, value)

    def command(line: str, *more: str) -> Result:
        monkeypatch.setattr(sys, "argv", ["holdfast", *line.split(), *more])
        code = 0
        try:
            run()
        except SystemExit as left:
            code = int(left.code or 0)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return command


@pytest.fixture
def account(holdfast: Holdfast) -> str:
    """A local Kalshi account."""
    added = holdfast(
        "accounts add kalshi-1 --venue kalshi --environment local --secret holdfast/kalshi-1"
        " --base-url http://127.0.0.1:8080"
    )
    assert added.code == 0, added.err
    return "kalshi-1"
