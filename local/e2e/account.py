"""One deployed account, seen from both sides: its tables and queues at AWS, and the venue's own books."""

import json
from collections import Counter
from typing import Any

from holdfast.clock import SystemClock
from holdfast.core.bracket import Bracket
from holdfast.core.market import Side
from holdfast.core.positions import LedgerKind, Position
from holdfast.core.trade import Trade
from holdfast.deployed import JOBS, QUEUES, Function, dead_letter_queue_name, queue_name
from holdfast.state.accounts import Account
from holdfast.state.brackets import Brackets
from holdfast.state.dynamodb import DynamoStore
from holdfast.state.leases import lease_key
from holdfast.state.ledger import Ledger
from holdfast.state.requests import Requests, StoredRequest
from holdfast.state.tables import TableNames
from local.demo.books import ExchangeBooks, RestingOrder, without_dust
from local.demo.comparison import Comparison, compare
from local.e2e.deployment import STAGE, LocalDeployment
from local.e2e.markets import TICKERS, LocalVenue


class DeployedAccount:
    """Reads what the functions wrote, and asks for what an owner and his programs ask for."""

    def __init__(self, record: Account, venue: LocalVenue, deployment: LocalDeployment) -> None:
        self.record, self.name, self.region, self.venue = record, record.account_id, record.region, venue
        self._deployment = deployment
        self._clients = deployment.clients(record.region)
        store = DynamoStore(self._clients.dynamodb, TableNames(STAGE), SystemClock())
        self._store = store
        self._brackets = Brackets(store, self.name)
        self._ledger = Ledger(store, self.name)
        self._requests = Requests(store, self.name)

    # What the owner does.

    def put_secret(self) -> None:
        """The venue's keys, made for this run, into the secret that the stack made."""
        value = json.dumps(self.venue.demo.secret())
        self._clients.secrets.put_secret_value(SecretId=self.record.secret_name, SecretString=value)

    def holdfast(self, *arguments: str) -> str:
        """What the operator's command line prints for this account."""
        return self._deployment.holdfast(*arguments, "--account", self.name)

    def signal(self, action: str, *tickers: str) -> None:
        """Another program's messages on the signals queue, in one batch: one invocation takes them all."""
        given = {"account": self.name, "action": action, "ttl": 600}
        bodies = [
            json.dumps({**given, "id": f"{ticker}-{action}", "instrument": self.venue.market(ticker)})
            for ticker in tickers
        ]
        entries: Any = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        url = self._url(queue_name(STAGE, Function.SIGNALS))
        self._clients.sqs.send_message_batch(QueueUrl=url, Entries=entries)

    def send(self, queue: Function, body: str) -> None:
        """A message of any kind into one of the deployed queues."""
        self._clients.sqs.send_message(QueueUrl=self._url(queue_name(STAGE, queue)), MessageBody=body)

    def redeliver_after(self, seconds: int) -> None:
        """How long the jobs' queues keep a failed message back: deployed, longer than this whole run."""
        for job in JOBS:
            url = self._url(queue_name(STAGE, job))
            self._clients.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})

    # What the tables say.

    def bracket(self, ticker: str) -> Bracket | None:
        """A market's open bracket."""
        return self._brackets.get(self.venue.market(ticker))

    def brackets(self) -> dict[str, Bracket]:
        """Every open bracket by market."""
        return self._brackets.open()

    def trades(self) -> list[Trade]:
        """Every position that was closed, oldest first."""
        return self._brackets.trades()

    def trade(self, ticker: str) -> Trade | None:
        """The latest one of a market."""
        market = self.venue.market(ticker)
        return next((trade for trade in reversed(self.trades()) if trade.market == market), None)

    def request(self, ticker: str) -> StoredRequest | None:
        """The latest request for a market."""
        market = self.venue.market(ticker)
        return next((stored for stored in self._requests.known() if stored.request.market == market), None)

    def ticks(self, job: Function) -> int:
        """How many ticks of a job were begun: each took the lease once."""
        item = self._store.get(lease_key(self.name, job.value))
        return int(item["fence"]) if item else 0

    # What the venue says.

    def resting(self, ticker: str) -> list[RestingOrder]:
        """Our orders that rest in a market, by the venue's own book."""
        market = self.venue.market(ticker)
        return [order for order in self.venue.demo.books().open_orders if order.market == market]

    def held(self, ticker: str) -> int:
        """What the venue says is held, size units, without what our ledger wrote off."""
        found = self.books().markets.get(self.venue.market(ticker))
        return found.size if found else 0

    def books(self) -> ExchangeBooks:
        """The venue's own books, without the dust that our ledger wrote off."""
        dust: Counter[str] = Counter()
        for line in self._ledger.lines():
            if line.kind is LedgerKind.DUST:
                dust[line.market] += line.size if line.side is Side.SELL else -line.size
        return without_dust(self.venue.demo.books(), dust, self._positions(), self.venue.demo.worth)

    def comparison(self) -> Comparison:
        """Our ledger against the venue's own books."""
        markets = [self.venue.market(ticker) for ticker in TICKERS]
        return compare(self._ledger.lines(), self._positions(), self.books(), markets)

    def _positions(self) -> dict[str, Position]:
        return {market: stored.position for market, stored in self._ledger.positions().items()}

    # What the queues hold.

    def dead_letters(self) -> dict[Function, Counter[str]]:
        """The bodies in each dead-letter queue; they stay there."""
        return {function: self._bodies(dead_letter_queue_name(STAGE, function)) for function in QUEUES}

    def _bodies(self, name: str) -> Counter[str]:
        found: Counter[str] = Counter()
        answer: Any = self._clients.sqs.receive_message(
            QueueUrl=self._url(name), MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        found.update(message["Body"] for message in answer.get("Messages", ()))
        return found

    def _url(self, name: str) -> str:
        return self._clients.sqs.get_queue_url(QueueName=name)["QueueUrl"]
