"""Everything that the demo runs on: one clock, an AWS stand-in, local exchanges over HTTP, one account at each.

The jobs get what they get on AWS: account records, secrets, market configs, switches, DynamoDB tables. Only the
endpoints lead to this machine.
"""

import json
from contextlib import ExitStack
from datetime import UTC, datetime
from random import Random
from types import TracebackType
from typing import Self

from holdfast.assembly import assemble
from holdfast.jobs.ports import Ports
from holdfast.state.accounts import Accounts, SecretsManager
from holdfast.state.aws import AwsClients
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.markets import DEFAULT_STRATEGY, MarketConfig, MarketConfigs, Parameter, load_strategy
from holdfast.state.parameters import SsmParameters
from holdfast.state.requests import Requests
from holdfast.state.switch_set import parameter_path
from holdfast.state.tables import TableNames
from holdfast.telemetry.memory import MemoryTelemetry
from local.aws.stand_in import LocalAws
from local.demo.account import DemoAccount
from local.demo.clock import TapeClock
from local.demo.entries import HIGHEST, LOWEST, EntryRule, entered_tickers
from local.demo.feed import TapeFeed
from local.demo.options import DemoOptions
from local.demo.venues import open_venues
from local.demo.venues.venue import DemoVenue
from local.tapes.tape import Tape

STAGE = "demo"
START_MS = int(datetime(2026, 11, 2, 15, tzinfo=UTC).timestamp() * 1000)
INTERVAL_SECONDS = 5
CHECK_SECONDS = 30

SWITCHES = {
    "execution_interval_seconds": str(INTERVAL_SECONDS),
    "order_check_interval_seconds": str(CHECK_SECONDS),
    "max_wait_seconds": "4",
    "config_refresh_ticks": "12",
    "quote_lifetime_intervals": "6",
    "max_daily_loss": "1000",
    "max_gross_exposure": "4000",
    "max_market_exposure": "150",
    "inventory_stop_loss": "25",
}
# These markets live for five minutes and move by some twelve cents between two checks, as others do in days. The
# defaults' three cents between stop and hard stop would leave nearly every exit to the hard stop, so it is set wider,
# the take profit further away, and the mode is drawn for each position: each layer gets its turn. Stops stay close to
# the defaults. Three stop losses, not two, bar a market: three days are for ever here.
PROTECTION_SWITCHES = {
    "ab_concurrent_share": "0.5",
    "use_trailing_exit": "true",
    "take_profit": "0.15",
    "stop_loss": "0.08",
    "soft_stop": "0.08",
    "hard_stop": "0.13",
    "trailing_activation": "0.06",
    "trailing_distance": "0.05",
    "max_trade_size": "40",
    "blacklist_attempts": "3",
}
# The least that the scanner can be asked for: markets of five minutes have hardly a volume or a time to close.
SCAN_SWITCHES = {
    "scan_entries": "true",
    "scan_min_price": LOWEST,
    "scan_max_price": HIGHEST,
    "scan_min_volume": "1",
    "scan_min_depth": "10",
    "scan_min_minutes_to_close": "0",
    "scan_most_entries": "3",
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
# Every fourth instrument matters most: it gets its tokens first when they are short.
PRIORITIES = (2, 0, 1, 0)


class World:
    """Starts when entered, stops when left. Raises InvalidInputError for options that it can't start with."""

    def __init__(self, options: DemoOptions, tape: Tape) -> None:
        self._options = options
        self._stack = ExitStack()
        self.tape = tape
        self.clock = TapeClock(START_MS)
        self.venues, self.homes = open_venues(options, tape, self.clock, START_MS)
        self.accounts: tuple[DemoAccount, ...] = ()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    def _start(self) -> None:
        aws = self._stack.enter_context(LocalAws())
        aws.create_stage(STAGE)
        self.accounts = tuple(self._open_account(venue, aws.clients()) for venue in self.venues)
        self.clock.follow(TapeFeed(self.tape, self.homes, START_MS))
        if self._options.faults:
            for venue in self.venues:
                venue.add_faults()

    def _open_account(self, venue: DemoVenue, clients: AwsClients) -> DemoAccount:
        account_id = f"demo-{venue.name}"
        base_url = self._stack.enter_context(venue.serve())
        store = DynamoStore(clients.dynamodb, TableNames(STAGE), self.clock)
        parameters = SsmParameters(clients.ssm)
        record = venue.record(account_id, f"holdfast/{account_id}", base_url)
        Accounts(store).save(record)
        clients.secrets.create_secret(Name=record.secret_name, SecretString=json.dumps(venue.secret()))
        self._write_configs(venue, MarketConfigs(store, account_id))
        for name, text in self._switches().items():
            parameters.write(f"{parameter_path(STAGE, account_id)}/{name}", text)
        telemetry = MemoryTelemetry()

        def ports(job: str) -> Ports:
            """As on AWS each job is a writer of its own, which shares nothing with the other but the tables."""
            jitter = Random(self._options.seed)
            return assemble(
                record,
                stage=STAGE,
                store=store,
                parameters=parameters,
                secrets=SecretsManager(clients.secrets, self.clock),
                clock=self.clock,
                telemetry=telemetry,
                writer=f"demo-{job}",
                jitter=lambda: jitter.randrange(1000),
            )

        rule = None if self.scans else self._entry_rule(venue, account_id, Requests(store, account_id))
        return DemoAccount(venue, record, ports("execute"), ports("brackets"), telemetry, parameters, STAGE, rule)

    @property
    def scans(self) -> bool:
        """Whether the market scanner asks for the entries: a market without trades has no volume to be found by."""
        return self.tape.prints_trades

    def _entry_rule(self, venue: DemoVenue, account_id: str, requests: Requests) -> EntryRule:
        entered = entered_tickers(venue)
        closes = {market.ticker: START_MS + market.closes_at_ms for market in self.tape.markets}
        return EntryRule(venue, account_id, {ticker: closes[ticker] for ticker in entered}, requests)

    def _write_configs(self, venue: DemoVenue, configs: MarketConfigs) -> None:
        entered = entered_tickers(venue)
        for index, instrument in enumerate(venue.instruments):
            if instrument.ticker in entered:
                configs.save(MarketConfig(market=instrument.market, mode="protect"))
                continue
            config = MarketConfig(
                market=instrument.market,
                strategy=DEFAULT_STRATEGY,
                parameters=QUOTES,
                priority=PRIORITIES[index % len(PRIORITIES)],
            )
            load_strategy(config)
            configs.save(config)

    def _switches(self) -> dict[str, str]:
        switches = {**SWITCHES, **PROTECTION_SWITCHES, **(SCAN_SWITCHES if self.scans else {})}
        return {**switches, "use_batch_execution": "false" if self._options.one_by_one else "true"}
