"""A function that is killed in the middle of an exit: the next tick finishes it under the same intent, once."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from functions.brackets import handler as brackets
from functions.execute import handler as execute
from functions.runtime import Runtime
from holdfast.core.bracket import BracketState, ExitSource
from holdfast.core.market import Side
from holdfast.core.orders import Purpose
from holdfast.core.requests import EntryRequest, Origin
from holdfast.deployed import Function, queue_name, secret_name
from holdfast.jobs.schedule import TickMessage, encode
from holdfast.jobs.writes import LEASE_MS
from holdfast.state.accounts import Account, Accounts
from holdfast.state.brackets import Brackets
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.journal import Journal
from holdfast.state.requests import Requests
from holdfast.state.tables import TableNames
from local.aws.stand_in import LocalAws
from local.venues.kalshi import Fault, FaultKind, KalshiExchange, KalshiServer, MarketSpec
from local.venues.kalshi.records import Order
from tests.functions.deployed import Queue
from tests.functions.killed import AheadClock, Process
from tests.jobs.bracket_life import CANCEL, PLACE
from tests.local.kalshi_member import ed25519_key, private_pem, public_pem

ACCOUNT, MARKET = "a", "M-1"
SILENT_MS = 30_000


class Deployment:
    """An account with a position of 40 contracts, whose take profit rests, and the queue of its brackets job."""

    def __init__(self, aws: LocalAws, stage: str, clock: AheadClock, exchange: KalshiExchange, base_url: str) -> None:
        self._aws, self._stage, self._clients = aws, stage, aws.clients()
        self.clock, self.exchange = clock, exchange
        self.queue = Queue(self._clients, queue_name(stage, Function.BRACKETS))
        self._store = DynamoStore(self._clients.dynamodb, TableNames(stage), clock)
        self.brackets, self.journal = Brackets(self._store, ACCOUNT), Journal(self._store, ACCOUNT)
        self.said = ""
        secret = {"key_id": "key-of-us", "private_key": private_pem(ed25519_key("us"))}
        name = secret_name(stage, ACCOUNT)
        self._clients.secrets.create_secret(Name=name, SecretString=json.dumps(secret))
        Accounts(self._store).save(
            Account(account_id=ACCOUNT, venue="kalshi", environment="local", secret_name=name, base_url=base_url)
        )
        self._enter()

    def _enter(self) -> None:
        now_ms = self.clock.now_ms()
        request = EntryRequest(
            request_id="r1",
            account=ACCOUNT,
            market=MARKET,
            side=Side.BUY,
            origin=Origin.COMMAND,
            requested_at_ms=now_ms,
            expires_at_ms=now_ms + 60_000,
            size="40",
        )
        assert Requests(self._store, ACCOUNT).put(request, now_ms)
        for job in (execute, brackets):
            runtime = Runtime(job.handle.job, self._clients, self._stage, self.queue.url, "stream-0", self.clock)
            runtime.serve(self.message(follow_up=True))
            self.clock.ahead_ms += 5_000
        assert self.brackets.open()[MARKET].state is BracketState.PROTECTED
        assert len(self.exchange.books("us").open_orders) == 1, "its take profit rests"

    def message(self, *, follow_up: bool = False) -> str:
        at = datetime.fromtimestamp(self.clock.now_ms() / 1000, UTC)
        return encode(TickMessage(ACCOUNT, at.isoformat(), follow_up))

    def delivered(self, writer: str) -> Process:
        """The function, with the one message that the queue delivers now."""
        (message,) = self._receive()
        record = {"messageId": message["MessageId"], "body": message["Body"], "eventSource": "aws:sqs"}
        self._handle = message["ReceiptHandle"]
        return Process(
            self._aws,
            Function.BRACKETS,
            {"Records": [record]},
            stage=self._stage,
            queue_url=self.queue.url,
            writer=writer,
            ahead_ms=self.clock.ahead_ms,
        )

    def serve(self, writer: str) -> str:
        """One delivery to its end; what did not fail is deleted. Returns what the function said."""
        failed, said = self.delivered(writer).end()
        assert failed == []
        self._clients.sqs.delete_message(QueueUrl=self.queue.url, ReceiptHandle=self._handle)
        self.said += said
        return said

    def _receive(self) -> Any:
        return self._clients.sqs.receive_message(QueueUrl=self.queue.url, MaxNumberOfMessages=1).get("Messages", [])

    def move(self, bid: int, ask: int) -> None:
        self.exchange.apply_snapshot(MARKET, [(bid * 100, 50_000)], [(ask * 100, 50_000)])

    @property
    def exits(self) -> list[Order]:
        """Every exit that reached the exchange."""
        return [order for order in self.exchange.books("us").orders if "-x-" in order.client_order_id]

    @property
    def held(self) -> int:
        return sum(holding.size for holding in self.exchange.books("us").positions)


@pytest.fixture
def deployment(local_aws: LocalAws, stage: str) -> Iterator[Deployment]:
    clock = AheadClock()
    exchange = KalshiExchange(clock, seed=7)
    exchange.add_market(MarketSpec(MARKET, fee_type="quadratic_with_maker_fees"))
    exchange.add_user("us", "key-of-us", public_pem(ed25519_key("us")), tier="advanced", balances={0: Decimal(1_000)})
    exchange.apply_snapshot(MARKET, [(4_900, 50_000)], [(5_100, 50_000)])
    with KalshiServer(exchange) as server:
        yield Deployment(local_aws, stage, clock, exchange, server.origin)


@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [
        (PLACE, FaultKind.TIMEOUT_BEFORE),
        (PLACE, FaultKind.TIMEOUT_AFTER),
        (CANCEL, FaultKind.TIMEOUT_AFTER),
    ],
    ids=["the exit never came", "the exit was carried out", "the take profit was cancelled"],
)
def test_killed_in_the_middle_of_an_exit_it_is_finished_by_the_next_tick(
    deployment: Deployment, endpoint: str, kind: FaultKind
) -> None:
    deployment.move(43, 45)
    deployment.exchange.faults.add(Fault(kind, endpoint, wait_ms=SILENT_MS))
    deployment.queue.send(deployment.message())
    deployment.said += deployment.delivered("stream-1").kill_once(lambda: not deployment.exchange.faults.are_waiting)
    claimed = deployment.brackets.open()[MARKET]
    assert claimed.state is BracketState.EXITING, "what it was about to do is on record"
    intents = [item for entry in deployment.journal.live() for item in entry.items if entry.purpose is Purpose.EXIT]
    assert len(intents) == (endpoint == PLACE)

    # The same message comes again: that tick was begun, and its lease is still held.
    assert "TICK_SKIPPED" in deployment.serve("stream-2")
    assert deployment.brackets.open()[MARKET] == claimed

    for number in range(3, 6):
        if not deployment.brackets.open():
            break
        deployment.clock.ahead_ms += LEASE_MS + 1_000
        deployment.queue.send(deployment.message())
        deployment.serve(f"stream-{number}")
    assert (deployment.held, deployment.brackets.open()) == (0, {})
    (exit_order,) = deployment.exits
    assert (exit_order.initial, exit_order.filled) == (4_000, 4_000)
    assert [item.client_order_id for item in intents] in ([], [exit_order.client_order_id]), "the same intent"
    (trade,) = deployment.brackets.trades()
    assert (trade.source, trade.size) == (ExitSource.ARMED_STOP, 4_000)
    assert deployment.said.count('"event":"EXIT_SOURCE"') == 1
    assert deployment.exchange.books("us").open_orders == ()
    assert deployment.queue.dead() == []
