"""The brackets function: one tick per message, two a minute, and a position that it exits."""

from collections.abc import Iterator

import pytest

from functions.brackets import handler
from holdfast.core.bracket import ExitSource
from holdfast.state.brackets import Brackets
from local.aws.stand_in import LocalAws
from tests.functions.deployed import Deployed, deployed_job
from tests.jobs.world import ACCOUNT


@pytest.fixture
def deployed(local_aws: LocalAws, stage: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    with deployed_job(handler, local_aws, stage, monkeypatch, markets=1) as ready:
        yield ready


def test_a_message_checks_the_brackets_and_its_duplicate_does_not(
    deployed: Deployed, caplog: pytest.LogCaptureFixture
) -> None:
    deployed.enter()
    deployed.made.book("M-1", 43, 45)
    deployed.made.clock.sleep_ms(5_000)
    message = deployed.message()
    assert deployed.invoke(message) == []
    (trade,) = Brackets(deployed.store, ACCOUNT).trades()
    assert (trade.source, trade.size) == (ExitSource.ARMED_STOP, 4_000)
    assert deployed.made.resting() == []
    assert deployed.invoke(message) == []
    assert "duplicate" in [vars(record).get("reason") for record in caplog.records if record.message == "TICK_SKIPPED"]


def test_every_half_minute_has_its_tick(deployed: Deployed) -> None:
    assert deployed.invoke(deployed.message()) == []
    assert deployed.queued() == ["1", "0"]
    deployed.made.clock.sleep_ms(30_000)
    assert deployed.invoke(deployed.message(follow_up=True)) == []
    assert deployed.queued() == ["1", "0"], "a follow-up sends none"


def test_its_interval_is_the_brackets_own_switch(deployed: Deployed) -> None:
    deployed.switch(order_check_interval_seconds="10", execution_interval_seconds="60")
    assert deployed.invoke(deployed.message()) == []
    assert deployed.queued() == ["5", "0"]


def test_a_message_older_than_the_interval_is_stale_and_a_poisoned_one_fails_alone(
    deployed: Deployed, caplog: pytest.LogCaptureFixture
) -> None:
    assert deployed.invoke("{broken", deployed.message(late_ms=31_000)) == ["m0"]
    said = [record.message for record in caplog.records]
    assert "TICK_STALE" in said
    assert "MESSAGE_FAILED" in said
    assert "RECONCILED" not in said
