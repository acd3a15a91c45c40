"""Signal messages become requests: each id once, whoever delivers it how often, and its job is woken at once."""

from botocore.exceptions import BotoCoreError, ClientError

from functions.settings import required
from holdfast.clock import Clock, SystemClock
from holdfast.core.requests import ExitRequest, Request
from holdfast.core.signals import Signal, decode, request_of
from holdfast.deployed import (
    BRACKETS_QUEUE_URL_VARIABLE,
    EXECUTE_QUEUE_URL_VARIABLE,
    STAGE_VARIABLE,
    metrics_namespace,
)
from holdfast.jobs.schedule import encode, tick_now
from holdfast.state.accounts import Accounts
from holdfast.state.aws import AwsClients
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.requests import Requests
from holdfast.state.tables import TableNames
from holdfast.telemetry.port import Level
from holdfast.telemetry.powertools import PowertoolsTelemetry


class Intake:
    """Takes signals. It knows tables and queues, but no venue and no secret."""

    def __init__(self, clients: AwsClients, stage: str, execute_url: str, brackets_url: str, clock: Clock) -> None:
        self.telemetry = PowertoolsTelemetry("signals", metrics_namespace(stage))
        self._clients = clients
        self._execute_url, self._brackets_url = execute_url, brackets_url
        self._clock = clock
        self._store = DynamoStore(clients.dynamodb, TableNames(stage), clock)
        self._to_wake: dict[tuple[str, str], None] = {}

    @classmethod
    def from_environment(cls) -> "Intake":
        """Configured by HOLDFAST_STAGE, HOLDFAST_EXECUTE_QUEUE_URL and HOLDFAST_BRACKETS_QUEUE_URL.

        Raises InvalidInputError where one is missing.
        """
        stage = required(STAGE_VARIABLE)
        urls = required(EXECUTE_QUEUE_URL_VARIABLE), required(BRACKETS_QUEUE_URL_VARIABLE)
        return cls(AwsClients(), stage, *urls, SystemClock())

    def serve(self, body: str, sent_at_ms: int) -> None:
        """Store the request of one message, which the queue took at `sent_at_ms`. One that is too late is counted only.

        Raises InvalidInputError for a message or account that can't be used: it belongs in the dead-letter queue.
        """
        signal = decode(body)
        account = Accounts(self._store).get(signal.account)
        now_ms = self._clock.now_ms()
        request = request_of(signal, sent_at_ms or now_ms, now_ms)
        if now_ms >= request.expires_at_ms:
            self._event("SIGNAL_EXPIRED", Level.WARNING, signal, late_ms=now_ms - request.expires_at_ms)
            self.telemetry.metric("SignalsExpired", 1)
        elif Requests(self._store, account.account_id).put(request, now_ms):
            self._event("SIGNAL_TAKEN", Level.INFO, signal, request=request.request_id)
            self.telemetry.metric("SignalsTaken", 1)
            self._to_wake[self._queue_of(request), account.account_id] = None
        else:
            self._event("SIGNAL_DUPLICATE", Level.INFO, signal, request=request.request_id)
            self.telemetry.metric("SignalsDuplicate", 1)

    def wake(self) -> None:
        """One tick out of turn for each job and account that has new requests; else they would wait for the schedule.

        A queue that does not take it is said: the next scheduled tick finds the requests all the same.
        """
        to_wake, self._to_wake = self._to_wake, {}
        for queue_url, account in to_wake:
            message = encode(tick_now(account, self._clock.now_ms()))
            try:
                self._clients.sqs.send_message(QueueUrl=queue_url, MessageBody=message)
            except (ClientError, BotoCoreError) as error:
                self.telemetry.event("WAKE_FAILED", Level.WARNING, account=account, error=str(error))
                self.telemetry.metric("WakesFailed", 1)

    def _queue_of(self, request: Request) -> str:
        return self._brackets_url if isinstance(request, ExitRequest) else self._execute_url

    def _event(self, name: str, level: Level, signal: Signal, **fields: object) -> None:
        self.telemetry.event(
            name,
            level,
            account=signal.account,
            signal=signal.id,
            instrument=signal.instrument,
            action=signal.action.value,
            **fields,
        )
