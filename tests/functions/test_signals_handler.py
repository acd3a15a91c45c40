"""Signals: every id acts once, however often it is delivered; late ones are dropped, bad ones kept apart; the job that
has to act is woken at once."""

import json
from dataclasses import dataclass, field

import pytest

from functions.brackets import handler as brackets_handler
from functions.execute import handler as execute_handler
from functions.runtime import Runtime
from functions.signals import handler
from functions.signals.intake import Intake
from holdfast.clock import SystemClock
from holdfast.core.bracket import ExitSource
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from holdfast.core.requests import EntryRequest, ExitRequest, RequestState
from holdfast.deployed import Function
from holdfast.jobs.schedule import decode
from holdfast.state.accounts import Account, Accounts
from holdfast.state.brackets import Brackets
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.requests import Requests
from holdfast.state.tables import TableNames
from local.aws.stand_in import LocalAws
from tests.functions.deployed import CONTEXT, Queue, deployed_job
from tests.functions.permitted import permitted
from tests.jobs.world import ACCOUNT


def signal(name: str = "s1", action: str = "enter", instrument: str = "M-1", ttl: int = 300, **more: object) -> str:
    body = {"id": name, "account": ACCOUNT, "instrument": instrument, "action": action, "ttl": ttl}
    return json.dumps(body | more)


@dataclass
class Signals:
    """The signals function with its own queue and those of the jobs that it wakes."""

    aws: LocalAws
    stage: str
    signals: Queue = field(init=False)
    execute: Queue = field(init=False)
    brackets: Queue = field(init=False)

    def __post_init__(self) -> None:
        self.clients = self.aws.clients()
        names = (f"{self.stage}-signals", f"{self.stage}-to-execute", f"{self.stage}-to-brackets")
        self.signals, self.execute, self.brackets = (Queue(self.clients, name) for name in names)
        self.store = DynamoStore(self.clients.dynamodb, TableNames(self.stage), SystemClock())
        self.requests = Requests(self.store, ACCOUNT)

    def intake(self, clock: object) -> Intake:
        urls = {Function.EXECUTE: self.execute.url, Function.BRACKETS: self.brackets.url}
        clients = permitted(self.aws, Function.SIGNALS, self.stage, urls)
        return Intake(clients, self.stage, *urls.values(), clock)  # type: ignore[arg-type]


@pytest.fixture
def deployed(local_aws: LocalAws, stage: str, monkeypatch: pytest.MonkeyPatch) -> Signals:
    found = Signals(local_aws, stage)
    monkeypatch.setattr(handler, "_intake", found.intake(SystemClock()))
    account = Account(account_id=ACCOUNT, venue="kalshi", environment="demo", secret_name="keys")
    Accounts(found.store).save(account)
    return found


def test_a_signal_delivered_twice_and_sent_twice_is_one_request_and_one_wake(
    deployed: Signals, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.signals.send(signal(instrument="M-1:NO"))
    before_ms = SystemClock().now_ms()
    assert deployed.signals.deliver(handler) == 1
    deployed.signals.send(signal(instrument="M-1:NO"), signal(action="exit", instrument="M-9"))
    assert deployed.signals.deliver(handler) == 2
    assert deployed.signals.deliver(handler) == 0
    (stored,) = deployed.requests.known()
    request = stored.request
    assert isinstance(request, EntryRequest)
    assert (request.market, request.side, stored.state) == ("M-1", Side.SELL, RequestState.OPEN)
    assert abs(request.expires_at_ms - before_ms - 300_000) < 60_000, "its time runs from when the queue took it"
    assert [record.message for record in caplog.records].count("SIGNAL_DUPLICATE") == 2
    assert "SignalsDuplicate" in capsys.readouterr().out
    (woken,) = deployed.execute.bodies()
    assert decode(woken).account == ACCOUNT
    assert decode(woken).follow_up, "a tick out of turn sends no further ones"
    assert deployed.brackets.bodies() == []


def test_a_duplicate_of_a_signal_that_was_acted_on_does_nothing(deployed: Signals) -> None:
    deployed.signals.send(signal())
    deployed.signals.deliver(handler)
    (stored,) = deployed.requests.open()
    deployed.store.transact(deployed.requests.taking(stored.request, SystemClock().now_ms(), "bought"))
    deployed.signals.send(signal())
    deployed.signals.deliver(handler)
    assert deployed.requests.open() == []


def test_an_exit_wakes_the_brackets_job_once_for_all_of_a_batch(deployed: Signals) -> None:
    deployed.signals.send(*(signal(f"s{n}", "exit", f"M-{n}") for n in range(3)))
    while deployed.signals.deliver(handler):
        pass
    stored = [found.request for found in deployed.requests.open()]
    assert [type(request) for request in stored] == [ExitRequest] * 3
    assert 1 <= len(deployed.brackets.bodies()) <= 3
    assert deployed.execute.bodies() == []


def test_a_signal_that_comes_too_late_is_dropped_and_counted(
    deployed: Signals, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed.signals.send(signal(ttl=30))
    assert deployed.signals.deliver(handler, sent_at_ms=SystemClock().now_ms() - 30_001) == 1
    assert deployed.requests.known() == []
    assert deployed.execute.bodies() == []
    assert deployed.signals.bodies() == []
    assert deployed.signals.dead() == [], "nothing is wrong with it"
    assert "SIGNAL_EXPIRED" in [record.message for record in caplog.records]
    assert "SignalsExpired" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("not json", "signal"),
        (signal(action="double"), "action"),
        (signal(ttl=0), "1 to 3600"),
        (signal(surprise=1), "surprise"),
        (signal(account="nobody"), "nobody"),
        (signal(instrument="M-1:YES"), "MARKET:NO"),
    ],
)
def test_a_bad_message_is_named_and_ends_in_the_dead_letter_queue_while_others_pass(
    deployed: Signals, caplog: pytest.LogCaptureFixture, body: str, said: str
) -> None:
    deployed.signals.send(body, signal("good"))
    for _ in range(4):
        deployed.signals.deliver(handler)
    assert deployed.signals.dead() == [body]
    assert [stored.request.request_id for stored in deployed.requests.known()] == ["signal-good"]
    failures = [str(vars(record)["error"]) for record in caplog.records if record.message == "MESSAGE_FAILED"]
    assert failures
    assert said in failures[0]


def test_a_job_that_cannot_be_woken_is_said_and_the_request_waits_for_its_schedule(
    deployed: Signals, caplog: pytest.LogCaptureFixture
) -> None:
    deployed.clients.sqs.delete_queue(QueueUrl=deployed.execute.url)
    deployed.signals.send(signal())
    deployed.signals.deliver(handler)
    assert len(deployed.requests.open()) == 1
    assert deployed.signals.bodies() == []
    assert "WAKE_FAILED" in [record.message for record in caplog.records]


def test_from_a_signal_to_a_position_and_out_of_it_by_another(
    local_aws: LocalAws, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enter and exit, each delivered twice: bought once, sold once, and the trade says that a signal did it."""
    with deployed_job(execute_handler, local_aws, stage, monkeypatch, markets=1) as ready:
        found, made = Signals(local_aws, stage), ready.made
        monkeypatch.setattr(handler, "_intake", found.intake(made.clock))
        allowed = permitted(local_aws, Function.BRACKETS, stage, {Function.BRACKETS: found.brackets.url})
        runtime = Runtime(brackets_handler.handle.job, allowed, stage, found.brackets.url, "stream-2", made.clock)
        monkeypatch.setattr(brackets_handler.handle, "runtime", runtime)
        for action, queue, job in (
            ("enter", found.execute, execute_handler),
            ("exit", found.brackets, brackets_handler),
        ):
            for _ in range(2):
                found.signals.send(signal(action, action))
                found.signals.deliver(handler, sent_at_ms=made.clock.now_ms())
            assert queue.deliver(job) == 1
            made.clock.sleep_ms(5_000)
        brackets = Brackets(ready.store, ACCOUNT)
        (trade,) = brackets.trades()
        assert (trade.source, trade.origin) == (ExitSource.POSITION_MONITOR_SIGNAL, "signal")
        assert brackets.open() == {}
        assert sum(fill.size for fill in made.books.fills) == 2 * trade.size
        assert not any(holding.size for holding in made.books.positions)


def test_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "_intake", None)
    monkeypatch.setenv("HOLDFAST_STAGE", "dev")
    monkeypatch.setenv("HOLDFAST_EXECUTE_QUEUE_URL", "http://127.0.0.1/q")
    monkeypatch.delenv("HOLDFAST_BRACKETS_QUEUE_URL", raising=False)
    with pytest.raises(InvalidInputError, match="HOLDFAST_BRACKETS_QUEUE_URL"):
        handler.handle({"Records": []}, CONTEXT)  # type: ignore[arg-type]
