"""Everything that the demo runs on: AWS stand-in, local exchange over HTTP, one account with its configs and switches.

The job gets what it gets on AWS: an account record, a secret, market configs, switches, DynamoDB tables. Only the
endpoints lead to this machine.
"""

import json
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from holdfast.assembly import assemble
from holdfast.jobs.ports import Ports
from holdfast.state.accounts import Account, Accounts, SecretsManager
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.ledger import Ledger
from holdfast.state.markets import DEFAULT_STRATEGY, MarketConfig, MarketConfigs, Parameter, load_strategy
from holdfast.state.parameters import SsmParameters
from holdfast.state.switch_set import parameter_path
from holdfast.state.switches import SwitchBoard
from holdfast.state.tables import TableNames
from holdfast.telemetry.memory import MemoryTelemetry
from local.aws.stand_in import LocalAws
from local.demo.clock import TapeClock
from local.demo.feed import TapeFeed
from local.demo.options import DemoOptions
from local.tapes.tape import Tape
from local.venues.kalshi import Fault, FaultKind, KalshiExchange, KalshiServer
from local.venues.kalshi.audit import Books
from local.venues.kalshi.limits import tier_named
from local.venues.kalshi.markets import MarketSpec

STAGE = "demo"
ACCOUNT = "demo"
SECRET_NAME = "holdfast/demo"  # noqa: S105 - the name under which it is stored
START_MS = int(datetime(2026, 11, 2, 15, tzinfo=UTC).timestamp() * 1000)
INTERVAL_SECONDS = 5
DEPOSIT = Decimal(5_000)
# The dearer of Kalshi's schedules, so that resting orders pay fees too.
FEE_TYPE = "quadratic_with_maker_fees"

SWITCHES = {
    "execution_interval_seconds": str(INTERVAL_SECONDS),
    "max_wait_seconds": "4",
    "config_refresh_ticks": "12",
    "quote_lifetime_intervals": "6",
    "max_daily_loss": "1000",
    "max_gross_exposure": "4000",
    "max_market_exposure": "150",
    "inventory_stop_loss": "25",
}
QUOTES: dict[str, Parameter] = {
    "half_spread": "0.05",
    "size": "25",
    "levels": 2,
    "skew": "0.05",
    "max_position": "100",
    "max_market_spread": "0.10",
    "quiet_before_close_seconds": 20,
}
# With --faults: of 1,000 requests by method, how many fail one way or another.
FAULTS_PERMILLE = {"POST": 120, "DELETE": 120, "GET": 20}
FAULT_KINDS = (FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER, FaultKind.ERROR_BEFORE, FaultKind.ERROR_AFTER)
# Every fourth market matters most: it gets its tokens first when they are short.
PRIORITIES = (2, 0, 1, 0)


class World:
    """Starts when entered, stops when left. Raises InvalidInputError for options that it can't start with."""

    def __init__(self, options: DemoOptions, tape: Tape) -> None:
        self._options = options
        self._stack = ExitStack()
        self.tape = tape
        self.clock = TapeClock(START_MS)
        self.telemetry = MemoryTelemetry()
        self.write_budget = tier_named(options.tier).write
        self.exchange = KalshiExchange(self.clock, seed=options.seed)
        self.exchange.set_read_lag_ms(options.read_lag_ms)
        self.account: Account
        self.ports: Ports
        self.ledger: Ledger

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def books(self) -> Books:
        """The exchange's own books of our account: exact, and never lagging."""
        return self.exchange.books(ACCOUNT)

    def halt(self) -> None:
        """Throw the owner's halt switch. The demo does not wait the minute for which switches are cached."""
        self._parameters.write(f"{parameter_path(STAGE, ACCOUNT)}/halt", "true")
        self.ports.switches = self._switch_board()

    def _start(self) -> None:
        aws = self._stack.enter_context(LocalAws())
        aws.create_stage(STAGE)
        clients = aws.clients()
        private_pem, public_pem = _new_key()
        self._list_markets(public_pem)
        server = self._stack.enter_context(KalshiServer(self.exchange))
        self._store = DynamoStore(clients.dynamodb, TableNames(STAGE), self.clock)
        self._parameters = SsmParameters(clients.ssm)
        self.account = Account(
            account_id=ACCOUNT, venue="kalshi", environment="local", secret_name=SECRET_NAME, base_url=server.url
        )
        Accounts(self._store).save(self.account)
        clients.secrets.create_secret(
            Name=self.account.secret_name,
            SecretString=json.dumps({"key_id": "throw-away", "private_key": private_pem}),
        )
        self._write_configs()
        for name, text in self._switches().items():
            self._parameters.write(f"{parameter_path(STAGE, ACCOUNT)}/{name}", text)
        self.ledger = Ledger(self._store, ACCOUNT)
        jitter = Random(self._options.seed)
        self.ports = assemble(
            self.account,
            stage=STAGE,
            store=self._store,
            parameters=self._parameters,
            secrets=SecretsManager(clients.secrets, self.clock),
            clock=self.clock,
            telemetry=self.telemetry,
            writer="demo",
            jitter=lambda: jitter.randrange(1000),
        )
        self.clock.follow(TapeFeed(self.tape, self.exchange, START_MS))
        if self._options.faults:
            self._add_faults()

    def _list_markets(self, public_pem: str) -> None:
        for market in self.tape.markets:
            self.exchange.add_market(
                MarketSpec(
                    ticker=market.ticker,
                    series=market.series,
                    shard=market.shard,
                    bands=market.bands,
                    open_at_ms=START_MS + market.opens_at_ms,
                    close_at_ms=START_MS + market.closes_at_ms,
                    fee_type=FEE_TYPE,
                    prints_trades=self.tape.prints_trades,
                )
            )
        balances = {shard: DEPOSIT for shard in sorted({market.shard for market in self.tape.markets} | {0})}
        self.exchange.add_user(ACCOUNT, "throw-away", public_pem, tier=self._options.tier, balances=balances)

    def _write_configs(self) -> None:
        configs = MarketConfigs(self._store, ACCOUNT)
        for index, market in enumerate(self.tape.markets):
            priority = PRIORITIES[index % len(PRIORITIES)]
            config = MarketConfig(market=market.ticker, strategy=DEFAULT_STRATEGY, parameters=QUOTES, priority=priority)
            load_strategy(config)
            configs.save(config)

    def _switches(self) -> dict[str, str]:
        return {**SWITCHES, "use_batch_execution": "false" if self._options.one_by_one else "true"}

    def _switch_board(self) -> SwitchBoard:
        return SwitchBoard(self._parameters, STAGE, ACCOUNT, self.clock, self._store)

    def _add_faults(self) -> None:
        """Answers that are lost and server errors, before and after the effect."""
        for method, permille in FAULTS_PERMILLE.items():
            for kind in FAULT_KINDS:
                chance = permille // len(FAULT_KINDS)
                self.exchange.faults.add(Fault(kind, f"{method} *", times=0, chance_permille=chance))


def _new_key() -> tuple[str, str]:
    """A throw-away Ed25519 key pair in PEM."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()
