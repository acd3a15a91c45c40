"""What the worlds of all venues share: one account of the execute job with memory state."""

from holdfast.assembly import assemble
from holdfast.clock import VirtualClock
from holdfast.jobs.execute import execute
from holdfast.jobs.ports import Ports
from holdfast.jobs.tick import TickReport
from holdfast.state.accounts import Account, MemorySecrets
from holdfast.state.journal import Journal
from holdfast.state.ledger import Ledger
from holdfast.state.markets import DEFAULT_STRATEGY, MarketConfig, MarketConfigs, Parameter
from holdfast.state.memory import MemoryStore
from holdfast.state.parameters import MemoryParameters
from holdfast.telemetry.memory import MemoryTelemetry

STAGE = "test"
INTERVAL_MS = 60_000
PARAMETERS: dict[str, Parameter] = {
    "half_spread": "0.02",
    "size": "10",
    "max_position": "50",
    "quiet_before_close_seconds": 60,
    "skew": "0.01",
}


class AccountWorld:
    """One account that quotes `markets`, with its keys in a secret named "keys"."""

    def __init__(self, clock: VirtualClock, account: Account, secret: dict[str, str], markets: list[str]) -> None:
        self.clock, self.account = clock, account
        self.store = MemoryStore(clock)
        self.parameters = MemoryParameters()
        self.telemetry = MemoryTelemetry()
        self.secrets = MemorySecrets({"keys": secret})
        self.configs = MarketConfigs(self.store, account.account_id)
        for market in markets:
            self.configs.save(MarketConfig(market=market, strategy=DEFAULT_STRATEGY, parameters=PARAMETERS))
        self.ports = self.writer("w1")

    def writer(self, name: str) -> Ports:
        """A new process for the account."""
        return assemble(
            self.account,
            stage=STAGE,
            store=self.store,
            parameters=self.parameters,
            secrets=self.secrets,
            clock=self.clock,
            telemetry=self.telemetry,
            writer=name,
            jitter=lambda: 0,
        )

    def switch(self, **values: str) -> None:
        """Flip switches; seen by the next tick that reads them."""
        for name, text in values.items():
            self.parameters.write(f"/holdfast/{STAGE}/{self.account.account_id}/{name}", text)

    def tick(self, ports: Ports | None = None, after_ms: int = INTERVAL_MS) -> TickReport:
        """One interval later, one tick."""
        self.clock.sleep_ms(after_ms)
        return execute(self.account, ports or self.ports, self.clock)

    def events(self, name: str) -> list[dict[str, object]]:
        """The fields of every event of that name."""
        return [event.fields for event in self.telemetry.named(name)]

    @property
    def ledger(self) -> Ledger:
        """The account's ledger."""
        return Ledger(self.store, self.account.account_id)

    @property
    def journal(self) -> Journal:
        """The account's journal."""
        return Journal(self.store, self.account.account_id)
