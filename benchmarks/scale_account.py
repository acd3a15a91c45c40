"""One account with fifty protected positions at a local exchange of its own, ticked by hand on a clock of its own."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from holdfast.clock import VirtualClock
from holdfast.core.market import Side
from holdfast.core.requests import EntryRequest, ExitRequest, Origin
from holdfast.jobs.brackets import BracketsReport, check_brackets
from holdfast.jobs.execute import execute
from holdfast.jobs.ports import Ports
from holdfast.jobs.throttle import Throttle
from holdfast.jobs.tick import TickReport
from holdfast.state.accounts import Account
from holdfast.state.brackets import Brackets
from holdfast.state.markets import load_strategy
from holdfast.state.parameters import MemoryParameters
from holdfast.state.port import Store
from holdfast.state.requests import Requests
from holdfast.state.switches import SwitchBoard
from holdfast.telemetry.memory import MemoryTelemetry
from holdfast.telemetry.port import Telemetry
from holdfast.venues.kalshi import Environment, KalshiSettings, KalshiVenue, Signer
from holdfast.venues.transport import HttpAnswer
from local.venues.kalshi import InProcessTransport, KalshiExchange, MarketSpec

POSITIONS = 50
CHECK_MS = 30_000
START_MS = 1_795_600_000_000
STAGE = "bench"


class TimedTransport:
    """The exchange's own processor time, which is not ours, in `ns`."""

    def __init__(self, exchange: KalshiExchange) -> None:
        self._inner = InProcessTransport(exchange)
        self.ns = 0

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_ms: int
    ) -> HttpAnswer:
        """See the port."""
        begin = time.thread_time_ns()
        try:
            return self._inner.send(method, url, headers, body, timeout_ms)
        finally:
            self.ns += time.thread_time_ns() - begin


class ProtectedAccount:
    """An account with so many positions, whose both jobs run in a process of their own, as deployed."""

    def __init__(
        self,
        account_id: str,
        store: Store,
        parameters: MemoryParameters,
        clock: VirtualClock,
        positions: int = POSITIONS,
    ) -> None:
        self.positions = positions
        self.account = Account(
            account_id=account_id,
            venue="kalshi",
            environment="local",
            secret_name="-",  # noqa: S106 - a name; nothing reads it
            base_url="http://localhost",
        )
        self.clock = clock
        self.exchange = KalshiExchange(self.clock, seed=7)
        # One more than is held, for another entry.
        self.markets = [f"KXSCALE-{number:02d}" for number in range(positions + 1)]
        for market in self.markets:
            self.exchange.add_market(MarketSpec(market, shard=0, fee_type="quadratic"))
            self.book(market, 50)
        private, public = _keys()
        self._signer = Signer("key-1", private)
        self.exchange.add_user("bench", "key-1", public, tier="premier", balances={0: Decimal(10_000), 2: Decimal(1)})
        self.transport = TimedTransport(self.exchange)
        self._store, self._parameters = store, parameters
        self._executing, self._checking = self._process("execute-1"), self._process("brackets-1")

    @property
    def brackets(self) -> Brackets:
        """What is stored of its brackets."""
        return Brackets(self._store, self.account.account_id)

    @property
    def calls(self) -> Counter[str]:
        """Requests at the venue so far, by endpoint."""
        return self.exchange.calls

    def book(self, market: str, middle: int) -> None:
        """Three levels a side around a price in cents."""
        levels = [
            [((best + step * level) * 100, 50_000) for level in range(3)]
            for best, step in ((middle - 1, -1), (middle + 1, 1))
        ]
        self.exchange.apply_snapshot(market, *levels)

    def enter_all(self) -> None:
        """Open every position, and tick until nothing is in flight."""
        for market in self.markets[: self.positions]:
            self.ask_entry(market)
        while len(self.brackets.open()) < self.positions or self.wants_entries:
            self.execute_tick()
        for _ in range(3):
            self.brackets_tick()
        self.execute_tick()
        self.execute_tick()

    @property
    def wants_entries(self) -> bool:
        """Whether a request is still open."""
        return bool(Requests(self._store, self.account.account_id).open())

    def ask_entry(self, market: str) -> None:
        """Ask for an entry."""
        now_ms = self.clock.now_ms()
        request = EntryRequest(
            request_id=f"enter-{market}",
            account=self.account.account_id,
            market=market,
            side=Side.BUY,
            origin=Origin.COMMAND,
            requested_at_ms=now_ms,
            expires_at_ms=now_ms + 600_000,
            size="20",
        )
        assert Requests(self._store, self.account.account_id).put(request, now_ms)

    def process_anew(self, telemetry: Telemetry | None = None) -> None:
        """Both jobs go on in processes that know nothing of the account."""
        self._executing, self._checking = (self._process(job, telemetry) for job in ("execute-2", "brackets-2"))

    def ask_exit(self, market: str) -> None:
        """Ask for an exit."""
        now_ms = self.clock.now_ms()
        request = ExitRequest(
            request_id=f"exit-{market}",
            account=self.account.account_id,
            market=market,
            origin=Origin.COMMAND,
            requested_at_ms=now_ms,
            expires_at_ms=now_ms + 600_000,
        )
        assert Requests(self._store, self.account.account_id).put(request, now_ms)

    def execute_tick(self, after_ms: int = CHECK_MS) -> int:
        """A while later, one tick of the execute job; our own processor time of it in ns."""
        return self._tick(execute, self._executing, after_ms)

    def brackets_tick(self, after_ms: int = CHECK_MS) -> int:
        """A while later, one tick of the bracket-status job; our own processor time of it in ns."""
        return self._tick(check_brackets, self._checking, after_ms)

    def _tick(self, job: Callable[..., TickReport | BracketsReport], ports: Ports, after_ms: int) -> int:
        self.clock.sleep_ms(after_ms)
        begin, venue = time.thread_time_ns(), self.transport.ns
        report = job(self.account, ports, self.clock)
        took = time.thread_time_ns() - begin - (self.transport.ns - venue)
        assert not report.ended, report.ended
        assert not report.skipped, report.skipped
        return took

    def _process(self, writer: str, telemetry: Telemetry | None = None) -> Ports:
        """Ports as `holdfast.assembly` makes them, on the exchange in this process."""
        account, telemetry = self.account, telemetry or MemoryTelemetry(keep=10)
        throttle = Throttle(self._store, account.account_id, self.clock, telemetry, lambda: 0)
        settings = KalshiSettings(account.account_id, Environment.DEMO, account.base_url)
        return Ports(
            venue=KalshiVenue(settings, self._signer, self.transport, self.clock, throttle),
            store=self._store,
            switches=SwitchBoard(self._parameters, STAGE, account.account_id, self.clock, self._store),
            telemetry=telemetry,
            throttle=throttle,
            writer=writer,
            load_strategy=load_strategy,
        )


def switches() -> MemoryParameters:
    """Everybody's switches: room for fifty positions and one more."""
    parameters = MemoryParameters()
    for name, text in {
        "max_trade_size": "20",
        "capital_total": "5000",
        "max_gross_exposure": "5000",
        "max_market_exposure": "100",
    }.items():
        parameters.write(f"/holdfast/{STAGE}/all/{name}", text)
    return parameters


@cache
def _keys() -> tuple[str, str]:
    """A throw-away private and public key, as PEM texts."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
