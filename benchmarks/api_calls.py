"""API calls of one account with five open positions: what every writer asks in an hour, counted by the exchange.

Five positions are entered at once, stay open for an hour of quiet trading (prices move by a cent or two, nothing is
due), and are closed by hand. Nothing is quoted. The execute job ticks every minute, the bracket-status job every 30
seconds, each in a process of its own, as deployed: neither knows what the other has read.
"""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from benchmarks.measure import verdict
from holdfast.assembly import assemble
from holdfast.clock import VirtualClock
from holdfast.core.market import Side
from holdfast.core.requests import EntryRequest, ExitRequest, Origin
from holdfast.jobs.brackets import check_brackets
from holdfast.jobs.execute import execute
from holdfast.jobs.ports import Ports
from holdfast.state.accounts import Account, MemorySecrets
from holdfast.state.brackets import Brackets
from holdfast.state.memory import MemoryStore
from holdfast.state.parameters import MemoryParameters
from holdfast.state.requests import Requests
from holdfast.telemetry.memory import MemoryTelemetry
from holdfast.venues.polymarket.signer import LocalSigner
from local.venues.kalshi import KalshiExchange, KalshiServer
from local.venues.kalshi import MarketSpec as KalshiMarket
from local.venues.polymarket import SCALE, PolymarketExchange, PolymarketServer
from local.venues.polymarket import MarketSpec as PolymarketMarket

POSITIONS = 5
OPEN_MS = 3_600_000
CHECK_MS = 30_000
EXECUTE_EVERY = 2  # checks
NAIVE_EVERY_MS = 10_000
NAIVE = POSITIONS * OPEN_MS // NAIVE_EVERY_MS
MOST_CALLS = {"false": 400, "true": 280}
MONITOR, CONCURRENT = "false", "true"
# Cents that the market is away from where it was entered, tick after tick: nothing comes near a level.
WALK = (0, 1, 2, 1, 0, -1, -2, -1, 1, -1)
START_MS = 1_795_600_000_000
STAGE = "bench"


class Exchange(Protocol):
    """A local exchange."""

    @property
    def calls(self) -> Counter[str]:
        """Requests so far, by endpoint."""
        ...


class Venue(NamedTuple):
    """One venue with five markets, where an account is about to trade. `book` sets a market's book, in cents."""

    exchange: Exchange
    account: Account
    secret: dict[str, str]
    markets: list[str]
    book: Callable[[str, int, int], None]


class Hour:
    """One account's hour in one exit mode."""

    def __init__(self, venue: Venue, clock: VirtualClock, concurrent: str) -> None:
        self._venue, self._clock = venue, clock
        self._account_id = venue.account.account_id
        self._store, self._parameters = MemoryStore(clock), MemoryParameters()
        for name, text in {"use_concurrent_orders": concurrent, "max_trade_size": "100"}.items():
            self._parameters.write(f"/holdfast/{STAGE}/{self._account_id}/{name}", text)
        self._executing, self._checking = self._process("execute-1"), self._process("brackets-1")
        self._ticks = 0

    @property
    def brackets(self) -> Brackets:
        return Brackets(self._store, self._account_id)

    def live(self) -> dict[str, Counter[str]]:
        """Enter, hold for an hour, close; the exchange's calls in each of the three."""
        calls = {}
        for phase, lived in (("enter", self._enter), ("hold", self._hold), ("close", self._close)):
            before = Counter(self._venue.exchange.calls)
            lived()
            calls[phase] = self._venue.exchange.calls - before
        return calls

    def naive(self) -> int:
        """Calls of a bot that asks for the book of every position every ten seconds."""
        before = self._venue.exchange.calls.total()
        adapter = self._process("naive").venue
        for _ in range(OPEN_MS // NAIVE_EVERY_MS):
            for market in self._venue.markets:
                assert adapter.books([market])
            self._clock.sleep_ms(NAIVE_EVERY_MS)
        return self._venue.exchange.calls.total() - before

    def _process(self, writer: str) -> Ports:
        return assemble(
            self._venue.account,
            stage=STAGE,
            store=self._store,
            parameters=self._parameters,
            secrets=MemorySecrets({"keys": self._venue.secret}),
            clock=self._clock,
            telemetry=MemoryTelemetry(),
            writer=writer,
        )

    def _enter(self) -> None:
        now_ms = self._clock.now_ms()
        requests = Requests(self._store, self._account_id)
        for number, market in enumerate(self._venue.markets):
            request = EntryRequest(
                request_id=f"enter-{number}",
                account=self._account_id,
                market=market,
                side=Side.BUY,
                origin=Origin.COMMAND,
                requested_at_ms=now_ms,
                expires_at_ms=now_ms + 600_000,
                size="100",
            )
            assert requests.put(request, now_ms)
        self._tick()
        assert len(self.brackets.open()) == POSITIONS

    def _hold(self) -> None:
        for _ in range(OPEN_MS // CHECK_MS):
            self._tick()
        assert len(self.brackets.open()) == POSITIONS, "nothing is due"

    def _close(self) -> None:
        now_ms = self._clock.now_ms()
        for number, market in enumerate(self._venue.markets):
            request = ExitRequest(
                request_id=f"exit-{number}",
                account=self._account_id,
                market=market,
                origin=Origin.COMMAND,
                requested_at_ms=now_ms,
                expires_at_ms=now_ms + 600_000,
            )
            assert Requests(self._store, self._account_id).put(request, now_ms)
        while self.brackets.open():
            self._tick()
        assert len(self.brackets.trades()) == POSITIONS

    def _tick(self) -> None:
        """Both jobs, and then half a minute in which the market moves."""
        if self._ticks % EXECUTE_EVERY == 0:
            report = execute(self._venue.account, self._executing, self._clock)
            assert not report.ended, report.ended
        checked = check_brackets(self._venue.account, self._checking, self._clock)
        assert not checked.ended, checked.ended
        self._ticks += 1
        self._clock.sleep_ms(CHECK_MS)
        moved = WALK[self._ticks % len(WALK)]
        for market in self._venue.markets:
            self._venue.book(market, 49 + moved, 51 + moved)


def on_kalshi(use: Callable[[Venue, VirtualClock], None]) -> None:
    """Use a fresh local Kalshi, Advanced tier, markets on both shards."""
    clock = VirtualClock(START_MS)
    exchange = KalshiExchange(clock, seed=7)
    tickers = [f"KXBENCH-{number}" for number in range(POSITIONS)]
    for number, ticker in enumerate(tickers):
        exchange.add_market(KalshiMarket(ticker, shard=2 if number % 2 else 0, fee_type="quadratic"))
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    dollars = dict.fromkeys((0, 2), Decimal(1_000))
    exchange.add_user("bench", "key-1", public, tier="advanced", balances=dollars)

    def book(ticker: str, bid: int, ask: int) -> None:
        levels = [[((best + step * level) * 100, 50_000) for level in range(3)] for best, step in ((bid, -1), (ask, 1))]
        exchange.apply_snapshot(ticker, *levels)

    with KalshiServer(exchange) as server:
        account = _account("kalshi", server.origin)
        secret = {"key_id": "key-1", "private_key": private}
        for ticker in tickers:
            book(ticker, 49, 51)
        use(Venue(exchange, account, secret, tickers, book), clock)


def on_polymarket(use: Callable[[Venue, VirtualClock], None]) -> None:
    """Use a fresh local Polymarket; the first token of each market is held."""
    clock = VirtualClock(START_MS)
    exchange = PolymarketExchange(clock, seed=7)
    names = {exchange.add_market(PolymarketMarket(f"m-{n}")).tokens[0]: f"m-{n}" for n in range(POSITIONS)}
    private_key = Ed25519PrivateKey.generate().private_bytes_raw().hex()
    exchange.add_user("bench", LocalSigner(private_key).address, dollars=Decimal(1_000))
    keys = exchange.add_api_key("bench")

    def book(token: str, bid: int, ask: int) -> None:
        levels = [
            [(SCALE.price("0.01") * (best + step * level), SCALE.size(500)) for level in range(3)]
            for best, step in ((bid, -1), (ask, 1))
        ]
        exchange.apply_snapshot(names[token], *levels)

    with PolymarketServer(exchange) as server:
        account = _account("polymarket", server.origin, tier="standard")
        secret = {
            "private_key": private_key,
            "api_key": keys.api_key,
            "api_secret": keys.secret,
            "api_passphrase": keys.passphrase,
        }
        for token in names:
            book(token, 49, 51)
        use(Venue(exchange, account, secret, list(names), book), clock)


def _account(venue: str, origin: str, **options: str) -> Account:
    return Account(
        account_id="bench",
        venue=venue,
        environment="local",
        secret_name="keys",  # noqa: S106 - a name
        base_url=origin,
        options=options,
    )


def main() -> bool:
    """Print each venue's and mode's calls with what they were, and say whether the targets were met."""
    met: list[bool] = []

    def naive(venue: Venue, clock: VirtualClock) -> None:
        calls = Hour(venue, clock, MONITOR).naive()
        print(f"\n{venue.account.venue}, naive: one book call per position every 10 s: {NAIVE} by count, {calls} made")
        assert calls == NAIVE

    def live(concurrent: str) -> Callable[[Venue, VirtualClock], None]:
        def measure(venue: Venue, clock: VirtualClock) -> None:
            calls = Hour(venue, clock, concurrent).live()
            total = sum((phase.total() for phase in calls.values()), 0)
            mode = "polling with concurrent orders" if concurrent == CONCURRENT else "polling monitor"
            print(f"{venue.account.venue}, {mode}: {total} calls, {NAIVE / total:.1f} times fewer than naive")
            for phase, counted in calls.items():
                asked = ", ".join(f"{count} {endpoint}" for endpoint, count in counted.most_common())
                print(f"  {phase:<6}{counted.total():>4}: {asked}")
            most = MOST_CALLS[concurrent]
            met.append(verdict(total <= most, f"{venue.account.venue}, {mode}: {total} calls, at most {most}"))

        return measure

    print(f"{POSITIONS} positions of one account: entered, open for {OPEN_MS // 60_000} minutes, closed")
    for venue in (on_kalshi, on_polymarket):
        for use in (naive, live(MONITOR), live(CONCURRENT)):
            venue(use)
    return all(met)
