"""An account with a deposit wallet on a local Polymarket server that runs on the real clock, for the command line."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from holdfast.clock import SystemClock
from holdfast.core.market import Side
from holdfast.core.positions import LedgerKind, LedgerLine, settlement_key
from holdfast.state.accounts import Account, Accounts
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.ledger import Ledger
from holdfast.state.tables import TableNames
from local.aws.stand_in import LocalAws
from local.venues.polymarket import MarketSpec, PolymarketExchange, PolymarketServer
from tests.local.polymarket_trader import address_of, key_of

ACCOUNT, SECRET, KEY = "poly-1", "holdfast/poly-1", key_of("cli")


@dataclass(frozen=True)
class Redeemer:
    exchange: PolymarketExchange
    store: DynamoStore
    secrets: Any
    secret_name: str

    @property
    def token(self) -> str:
        return self.exchange.market("fed-cut").tokens[0]

    def secret(self) -> dict[str, str]:
        return json.loads(self.secrets.get_secret_value(SecretId=self.secret_name)["SecretString"])

    def change_secret(self, **fields: str) -> None:
        """Fields of the secret, changed by somebody else."""
        whole = json.dumps({**self.secret(), **fields})
        self.secrets.put_secret_value(SecretId=self.secret_name, SecretString=whole)

    def win(self) -> None:
        """25 shares that pay a dollar each, their settlement booked."""
        self.exchange.deposit_shares("us", self.token, Decimal(25))
        self.exchange.resolve("fed-cut", 0)
        key, size = settlement_key(self.token), 25_000_000
        line = LedgerLine(key, LedgerKind.SETTLEMENT, self.token, Side.SELL, 0, size, 0, 25 * 10**10, 0, 0, at_ms=1)
        Ledger(self.store, ACCOUNT).note(line)


@contextmanager
def redeemer(aws: LocalAws, stage: str, *, with_keys: bool = True) -> Iterator[Redeemer]:
    exchange = PolymarketExchange(SystemClock(), seed=5)
    exchange.add_market(MarketSpec("fed-cut"))
    wallet = address_of(key_of("wallet of the command line"))
    exchange.add_user("us", address_of(KEY), wallet=wallet, signature_type=3, dollars=Decimal(100))
    fields = {"private_key": "0x" + KEY.secret.hex()}
    if with_keys:
        keys = exchange.add_api_key("us")
        fields |= {"api_key": keys.api_key, "api_secret": keys.secret, "api_passphrase": keys.passphrase}
        fields["relayer_api_key"] = exchange.add_relayer_key("us")
    clients = aws.clients()
    name = f"{SECRET}-{stage}"
    clients.secrets.create_secret(Name=name, SecretString=json.dumps(fields))
    store = DynamoStore(clients.dynamodb, TableNames(stage), SystemClock())
    with PolymarketServer(exchange) as server:
        options = {"wallet": wallet, "signature_type": "3"}
        account = Account(
            account_id=ACCOUNT,
            venue="polymarket",
            environment="local",
            secret_name=name,
            base_url=server.origin,
            options=options,
        )
        Accounts(store).save(account)
        yield Redeemer(exchange, store, clients.secrets, name)
