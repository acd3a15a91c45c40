"""The Lambda handler: one tick per message, follow-ups within the minute, stale and poisoned messages apart."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from msgspec import structs
from urllib3.connection import HTTPConnection

from functions.execute import handler
from functions.runtime import Runtime
from holdfast.core.errors import InvalidInputError
from holdfast.deployed import metrics_namespace, secret_name
from holdfast.jobs.schedule import TickMessage, as_sent, decode, encode, follow_ups, is_due, is_stale
from holdfast.state.accounts import Accounts
from holdfast.state.aws import AwsClients
from holdfast.state.markets import DEFAULT_STRATEGY, MarketConfig, MarketConfigs
from local.aws.stand_in import LocalAws
from tests.functions.deployed import Deployed, deployed_job
from tests.jobs.account_world import PARAMETERS
from tests.jobs.world import ACCOUNT
from tests.local.kalshi_member import ed25519_key, private_pem, public_pem

MINUTE = datetime(2026, 11, 25, 9, 46, tzinfo=UTC)
MINUTE_MS = round(MINUTE.timestamp() * 1000)


def test_messages_round_trip_and_bad_ones_are_named() -> None:
    message = TickMessage("a", MINUTE.isoformat())
    assert decode(encode(message)) == message
    assert message.scheduled_at_ms == MINUTE_MS
    assert TickMessage("a", "2026-11-25T09:46:00Z").scheduled_at_ms == MINUTE_MS
    for body in ("", "{}", '{"account":"a"}', '{"account":"a","scheduled_at":"x","surprise":1}'):
        with pytest.raises(InvalidInputError):
            decode(body)
    with pytest.raises(InvalidInputError):
        _ = TickMessage("a", "tomorrow").scheduled_at_ms


def test_minute_is_divided_and_divided_messages_are_not_divided_again() -> None:
    message = TickMessage("a", MINUTE.isoformat())
    further = follow_ups(message, 10)
    assert [follow_up.delay_seconds for follow_up in further] == [10, 20, 30, 40, 50]
    assert [f.message.scheduled_at_ms - MINUTE_MS for f in further] == [10_000, 20_000, 30_000, 40_000, 50_000]
    assert follow_ups(further[0].message, 10) == []
    assert follow_ups(message, 60) == []


def test_stale_and_undue_messages() -> None:
    message = TickMessage("a", MINUTE.isoformat())
    assert not is_stale(message, MINUTE_MS + 44_999, 60)
    assert is_stale(message, MINUTE_MS + 45_000, 60)
    assert is_stale(message, MINUTE_MS + 5_000, 5)
    assert [is_due(TickMessage("a", MINUTE.replace(minute=m).isoformat()), 300) for m in (40, 41, 45)] == [
        True,
        False,
        True,
    ]


def test_a_schedules_message_is_as_old_as_its_time_in_the_queue() -> None:
    message = TickMessage("a", MINUTE.isoformat())
    assert as_sent(message, MINUTE_MS + 59_000).scheduled_at_ms == MINUTE_MS + 59_000
    assert as_sent(message, MINUTE_MS + 60_001) == message, "moved back from the dead-letter queue"
    assert as_sent(message, MINUTE_MS - 1) == as_sent(message, 0) == message
    ours = follow_ups(message, 30)[0].message
    assert as_sent(ours, ours.scheduled_at_ms + 1) == ours, "it is sent ahead of its time"


@pytest.fixture
def deployed(local_aws: LocalAws, stage: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    with deployed_job(handler, local_aws, stage, monkeypatch) as ready:
        for market in ready.made.markets:
            config = MarketConfig(market=market, strategy=DEFAULT_STRATEGY, parameters=PARAMETERS)  # type: ignore[arg-type]
            MarketConfigs(ready.store, ACCOUNT).save(config)
        yield ready


def test_a_message_is_a_tick_and_its_duplicate_is_none(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    message = deployed.message()
    assert deployed.invoke(message) == []
    assert len(deployed.made.resting()) == 6
    assert deployed.invoke(message) == []
    events = [(record.message, vars(record).get("reason")) for record in caplog.records]
    assert ("BATCH_PLACE_SUMMARY", None) in events
    assert ("TICK_SKIPPED", "duplicate") in events
    printed = capsys.readouterr().out
    assert f'"Namespace":"{metrics_namespace(deployed.stage)}"' in printed
    assert "PRIVATE KEY" not in printed + caplog.text + "".join(str(vars(record)) for record in caplog.records)


def test_stale_message_is_skipped_and_counted(
    deployed: Deployed, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert deployed.invoke(deployed.message(late_ms=50_000)) == []
    assert deployed.made.books.orders == ()
    assert [record.message for record in caplog.records] == ["TICK_STALE"]
    assert "TicksStale" in capsys.readouterr().out


@pytest.mark.parametrize(("late_ms", "ticks"), [(0, 1), (59_000, 1), (61_000, 0)])
def test_a_tick_runs_at_whichever_second_of_its_minute_the_schedule_sends_it(
    deployed: Deployed, late_ms: int, ticks: int
) -> None:
    """Scheduler's precision is a minute: an account whose message always comes late would have no ticks at all."""
    deployed.switch(execution_interval_seconds="30")
    message, sent_at_ms = deployed.message(late_ms=late_ms), deployed.made.clock.now_ms()
    deployed.made.clock.sleep_ms(500)
    assert deployed.invoke(message, sent_at_ms=sent_at_ms) == []
    assert len(deployed.made.resting()) == 6 * ticks
    assert deployed.queued() == [str(ticks), "0"], "its follow-up comes an interval after it, or not at all"
    deployed.made.clock.sleep_ms(420_000)
    deployed.invoke(message, sent_at_ms=sent_at_ms)
    assert deployed.queued() == [str(ticks), "0"], "delivered again, it sends none that is stale already"


def test_poisoned_message_fails_alone(deployed: Deployed) -> None:
    assert deployed.invoke("{broken", deployed.message(), deployed.message(account="nobody")) == ["m0", "m2"]
    assert len(deployed.made.resting()) == 6


def test_interval_below_a_minute_sends_the_further_messages_delayed(deployed: Deployed) -> None:
    for name, text in (("execution_interval_seconds", "10"), ("max_wait_seconds", "5")):
        deployed.clients.ssm.put_parameter(
            Name=f"/holdfast/{deployed.stage}/{ACCOUNT}/{name}", Value=text, Type="String", Overwrite=True
        )
    deployed.invoke(deployed.message())
    assert deployed.queued() == ["5", "0"]
    deployed.made.clock.sleep_ms(10_000)
    deployed.invoke(deployed.message(follow_up=True))
    assert deployed.queued() == ["5", "0"], "a follow-up sends none"


def test_queue_that_takes_no_further_messages_does_not_stop_the_tick(
    deployed: Deployed, caplog: pytest.LogCaptureFixture
) -> None:
    deployed.clients.ssm.put_parameter(
        Name=f"/holdfast/{deployed.stage}/{ACCOUNT}/execution_interval_seconds", Value="30", Type="String"
    )
    deployed.clients.sqs.delete_queue(QueueUrl=deployed.queue_url)
    assert deployed.invoke(deployed.message()) == []
    assert len(deployed.made.resting()) == 6
    (said,) = [vars(record) for record in caplog.records if record.message == "FOLLOW_UPS_FAILED"]
    assert said["count"] == 1


def test_message_from_the_future_is_refused_and_does_not_lock_the_account_out(deployed: Deployed) -> None:
    """Begun, it would have made a duplicate of every tick until its day."""
    assert deployed.invoke(deployed.message(late_ms=-61_000)) == ["m0"]
    assert deployed.invoke(deployed.message(late_ms=-2_000)) == []
    assert len(deployed.made.resting()) == 6


def test_rotated_keys_are_used_within_ten_minutes(deployed: Deployed) -> None:
    made = deployed.made
    assert deployed.invoke(deployed.message()) == []
    public = public_pem(ed25519_key("rotated"))
    made.exchange.add_user("rotated", "key-2", public, tier="advanced", balances={0: Decimal(100), 2: Decimal(100)})
    secret = {"key_id": "key-2", "private_key": private_pem(ed25519_key("rotated"))}
    deployed.clients.secrets.put_secret_value(
        SecretId=secret_name(deployed.stage, ACCOUNT), SecretString=json.dumps(secret)
    )
    made.clock.sleep_ms(601_000)
    assert deployed.invoke(deployed.message()) == []
    assert made.exchange.books("rotated").open_orders


def test_accounts_of_one_process_share_everybodys_switches(deployed: Deployed, local_aws: LocalAws) -> None:
    clients = AwsClients(
        local_aws.region, local_aws.endpoint_url, access_key=local_aws.access_key, secret_key=local_aws.secret_key
    )
    asked: list[str] = []
    clients.ssm.meta.events.register(
        "provide-client-params.ssm.GetParametersByPath", lambda params, **_: asked.append(params["Path"])
    )
    process = Runtime(handler.handle.job, clients, deployed.stage, deployed.queue_url, "stream-2", deployed.made.clock)
    accounts = Accounts(deployed.store)
    accounts.save(structs.replace(accounts.get(ACCOUNT), account_id="b"))
    process.serve(deployed.message())
    everybody, own, other = (f"/holdfast/{deployed.stage}/{scope}" for scope in ("all", ACCOUNT, "b"))
    assert set(asked) == {everybody, own}
    asked.clear()
    process.serve(deployed.message(account="b"))
    assert set(asked) == {other}


def test_accounts_of_one_process_share_their_connections_to_a_venue(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process has 1,024 file descriptors: 200 accounts with a pool each for several hosts would use them up."""
    opened: list[int | None] = []
    connect = HTTPConnection.connect

    def noted(connection: HTTPConnection) -> None:
        opened.append(connection.port)
        connect(connection)

    monkeypatch.setattr(HTTPConnection, "connect", noted)
    accounts = Accounts(deployed.store)
    for number in range(3):
        accounts.save(structs.replace(accounts.get(ACCOUNT), account_id=f"a{number}"))
        assert deployed.invoke(deployed.message(account=f"a{number}")) == []
    assert opened.count(urlsplit(deployed.made.server.origin).port) == 1


def test_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("HOLDFAST_STAGE", raising=False)
    with pytest.raises(InvalidInputError, match="HOLDFAST_STAGE"):
        Runtime.from_environment(handler.handle.job, "w")
