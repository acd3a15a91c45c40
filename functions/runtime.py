"""A job's Lambda function, and what one process of it keeps between events: clients, and the ports of each account."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from functions.messages import serve_each
from functions.settings import required
from holdfast.assembly import assemble, open_transport
from holdfast.clock import Clock, SystemClock
from holdfast.core.errors import InvalidInputError
from holdfast.deployed import CHECK_EVENT, QUEUE_URL_VARIABLE, STAGE_VARIABLE, metrics_namespace
from holdfast.jobs.ports import Ports
from holdfast.jobs.schedule import TickMessage, as_sent, check_time, decode, encode, follow_ups, is_due, is_stale
from holdfast.state.accounts import Account, Accounts, SecretsManager
from holdfast.state.aws import AwsClients
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.parameters import SsmParameters
from holdfast.state.switch_set import Switches
from holdfast.state.switches import EverybodysSwitches
from holdfast.state.tables import TableNames
from holdfast.telemetry.port import Level
from holdfast.telemetry.powertools import PowertoolsTelemetry


class RunTick(Protocol):
    """One tick of one account. It raises nothing that the next tick can repair."""

    def __call__(self, account: Account, ports: Ports, clock: Clock, *, scheduled_at_ms: int) -> object:
        """Run it; `scheduled_at_ms` is the schedule's time of this tick."""
        ...


class Job(NamedTuple):
    """A job as its function runs it: one tick per message of its queue, as often as a switch of the account says."""

    name: str
    run: RunTick
    interval_seconds: Callable[[Switches], int]


class Runtime:
    """Serves a job's tick messages. Accounts, secrets and venue connections are made at their first tick and kept."""

    def __init__(self, job: Job, clients: AwsClients, stage: str, queue_url: str, writer: str, clock: Clock) -> None:
        self.telemetry = PowertoolsTelemetry(job.name, metrics_namespace(stage))
        self._job = job
        self._clients = clients
        self._stage = stage
        self._queue_url = queue_url
        self._writer = writer
        self._clock = clock
        self._store = DynamoStore(clients.dynamodb, TableNames(stage), clock)
        self._parameters = SsmParameters(clients.ssm)
        self._everybody = EverybodysSwitches(self._parameters, stage, clock)
        self._secrets = SecretsManager(clients.secrets, clock)
        # A process has 1,024 file descriptors, and may serve hundreds of accounts with several hosts each.
        self._transport = open_transport()
        self._accounts: dict[str, _Served] = {}

    @classmethod
    def from_environment(cls, job: Job, writer: str) -> "Runtime":
        """Configured by HOLDFAST_STAGE and HOLDFAST_QUEUE_URL. Raises InvalidInputError where one is missing."""
        stage, queue_url = required(STAGE_VARIABLE), required(QUEUE_URL_VARIABLE)
        return cls(job, AwsClients(), stage, queue_url, writer, SystemClock())

    def serve(self, body: str, sent_at_ms: int = 0) -> None:
        """Run the tick of one message, after sending the minute's further ones. A stale message is counted, no more.

        `sent_at_ms`: when the queue took it; 0 where that is not known.

        Raises InvalidInputError for a message or account that can't be used: it belongs in the dead-letter queue.
        """
        message = decode(body)
        check_time(message, self._clock.now_ms())
        account, ports = self._account(message.account)
        interval_seconds = self._job.interval_seconds(ports.switches.read().switches)
        tick = as_sent(message, sent_at_ms)
        self._send_follow_ups(tick, interval_seconds)
        if is_stale(tick, self._clock.now_ms(), interval_seconds):
            self.telemetry.event(
                "TICK_STALE", Level.WARNING, account=message.account, scheduled_at=message.scheduled_at
            )
            self.telemetry.metric("TicksStale", 1)
        elif is_due(message, interval_seconds):
            self._job.run(account, ports, self._clock, scheduled_at_ms=tick.scheduled_at_ms)

    def check(self, account_id: str) -> dict[str, Any]:
        """Whether an account can trade from here, with this function's permissions: {"lines": [...]}, none secret.

        Secrets are read anew: their owner may just have mended one. Raises StoreError where the tables can't be read.
        """
        # For no tick.
        import msgspec

        from holdfast.account_check import Line, check

        secrets = SecretsManager(self._clients.secrets, self._clock)
        try:
            lines = list(check(account_id, self._store, secrets, self._clock))
        except InvalidInputError as error:
            lines = [Line("record", False, str(error))]
        failed = [line.check for line in lines if not line.ok]
        self.telemetry.event("ACCOUNT_CHECKED", account=account_id, failed=failed)
        return {"lines": msgspec.to_builtins(lines)}

    def _account(self, account_id: str) -> tuple[Account, Ports]:
        """The account's ports, made anew where its credentials were rotated."""
        known = self._accounts.get(account_id)
        account = known.account if known else Accounts(self._store).get(account_id)
        credentials = hash(tuple(sorted(self._secrets.read(account.secret_name).items())))
        if known is None or known.credentials != credentials:
            ports = assemble(
                account,
                stage=self._stage,
                store=self._store,
                parameters=self._parameters,
                secrets=self._secrets,
                clock=self._clock,
                telemetry=self.telemetry,
                writer=self._writer,
                everybody=self._everybody,
                transport=self._transport,
            )
            known = self._accounts[account_id] = _Served(account, ports, credentials)
        return known.account, known.ports

    def _send_follow_ups(self, message: TickMessage, interval_seconds: int) -> None:
        """Send the minute's further messages that are of use. Those that the queue does not take are said; the tick
        goes on."""
        now_ms = self._clock.now_ms()
        late_seconds = max(now_ms - message.scheduled_at_ms, 0) // 1000
        further = [
            one for one in follow_ups(message, interval_seconds) if not is_stale(one.message, now_ms, interval_seconds)
        ]
        for start in range(0, len(further), 10):
            entries = [
                {
                    "Id": str(index),
                    "MessageBody": encode(follow_up.message),
                    "DelaySeconds": max(follow_up.delay_seconds - late_seconds, 0),
                }
                for index, follow_up in enumerate(further[start : start + 10])
            ]
            try:
                answer: Any = self._clients.sqs.send_message_batch(
                    QueueUrl=self._queue_url,
                    Entries=entries,  # type: ignore[arg-type]
                )
                failed = [failure.get("Code", "") for failure in answer.get("Failed", ())]
            except (ClientError, BotoCoreError) as error:
                failed = [type(error).__name__] * len(entries)
            if failed:
                self.telemetry.event(
                    "FOLLOW_UPS_FAILED",
                    Level.ERROR,
                    account=message.account,
                    count=len(failed),
                    causes=sorted({*failed}),
                )
                self.telemetry.metric("FollowUpsFailed", len(failed))


class JobFunction:
    """A job as Lambda calls it: one tick per SQS message, partial batch responses.

    `runtime` is made with the first event, from the environment; what made it fails each event until it can be made.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.runtime: Runtime | None = None

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Run one tick for each message. A message that can't be used goes to the dead-letter queue by itself.

        An event with the key "check" is no tick: its account is checked, and the answer says what was found.
        """
        runtime = self.runtime = self.runtime or Runtime.from_environment(self.job, writer=context.log_stream_name)
        try:
            if CHECK_EVENT in event:
                return runtime.check(str(event[CHECK_EVENT]))
            return serve_each(event, runtime.telemetry, lambda message: runtime.serve(message.body, message.sent_at_ms))
        finally:
            runtime.telemetry.flush()


class _Served(NamedTuple):
    """An account as this process serves it; `credentials` is the hash of those that its ports were made with."""

    account: Account
    ports: Ports
    credentials: int
