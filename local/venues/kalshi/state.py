"""The exchange's whole state in one place. The other modules act on it; one lock guards it."""

from collections import Counter
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import TypeVar

from msgspec import Struct

from holdfast.clock import Clock
from holdfast.core.errors import InvalidInputError
from local.venues.history import LONGEST_LAG_MS
from local.venues.kalshi.accounts import Account, User
from local.venues.kalshi.markets import Market, Series
from local.venues.kalshi.records import Miss, MissCause, Order, cause_of
from local.venues.kalshi.wire import ApiError

T = TypeVar("T")


class Shard(Struct):
    """One partition of the exchange: its own pauses, its own collateral."""

    index: int
    description: str
    exchange_active: bool = True
    trading_active: bool = True


class ReadLag(Struct, frozen=True):
    """How far reads of user data lag: `lag_ms`, plus up to `jitter_ms` at random per read.

    The venue's as-of time counts `lag_ms` alone; it is approximate by the jitter, as the real one is.
    """

    lag_ms: int = 0
    jitter_ms: int = 0

    def __post_init__(self) -> None:
        if self.lag_ms < 0 or self.jitter_ms < 0 or self.lag_ms + self.jitter_ms > LONGEST_LAG_MS:
            raise InvalidInputError("read lag", (self.lag_ms, self.jitter_ms), f"0 to {LONGEST_LAG_MS} ms in all")


class ExchangeState:
    """Users, markets, orders, pauses, counters."""

    def __init__(self, clock: Clock, new_id: Callable[[], str], chance: Random, shards: dict[int, str]) -> None:
        self._clock, self.new_id, self._chance = clock, new_id, chance
        self.shards = {index: Shard(index, text) for index, text in sorted(shards.items())}
        self.markets: dict[str, Market] = {}
        self.series: dict[str, Series] = {}
        self.users: dict[str, User] = {}
        self.orders: dict[str, Order] = {}
        self.read_lag = ReadLag()
        self.order_reads_routed = True
        self.batch_order_kept = False
        self._arranging = Random(0)
        self.resumes_at_ms = 0
        self.calls: Counter[str] = Counter()
        self.rate_limited: Counter[str] = Counter()
        self.misses: list[Miss] = []
        self.skew_ms = 0
        self.now_ms = clock.now_ms()
        self._due: list[tuple[int, str]] = []
        self._order_count = 0

    def tick(self) -> int:
        """Read the clock, which is off by `skew_ms`; this exchange's time never goes back."""
        self.now_ms = max(self.now_ms, self._clock.now_ms() + self.skew_ms)
        return self.now_ms

    def next_sequence(self) -> int:
        """The number of the next order."""
        self._order_count += 1
        return self._order_count

    def read_as_of(self) -> int:
        """The time whose state the read at hand shows."""
        lag = self.read_lag
        jitter = self._chance.randrange(lag.jitter_ms + 1) if lag.jitter_ms else 0
        return self.now_ms - lag.lag_ms - jitter

    def arranged(self, entries: list[T]) -> list[T]:
        """The entries of a batch answer in the order in which they go out."""
        return entries if self.batch_order_kept else self._arranging.sample(entries, len(entries))

    def remind(self, at_ms: int, ticker: str) -> None:
        """Look at a market again when an order of it expires or it closes."""
        if at_ms:
            heappush(self._due, (at_ms, ticker))

    def due(self) -> tuple[int, Market] | None:
        """The next market to look at by now, and since when; None where there is none."""
        if self._due and self._due[0][0] <= self.now_ms:
            at_ms, ticker = heappop(self._due)
            return at_ms, self.markets[ticker]
        return None

    def user_of(self, order: Order) -> User:
        """Whose order it is."""
        return self.users[order.user_id]

    def account_of(self, order: Order) -> Account:
        """The account that holds an order."""
        return self.users[order.user_id].accounts[order.subaccount]

    def route(self, ticker: str | None, exchange_index: int | None) -> int:
        """The shard that a request goes to: as asked, by ticker, or 0 (facts kalshi section 4.1). Raises ApiError."""
        if exchange_index is not None and exchange_index >= 0:
            return exchange_index
        market = self.markets.get(ticker or "")
        if market is not None:
            return market.shard
        if exchange_index is not None:
            raise ApiError(400, "invalid_parameters", "invalid parameters", "auto-routing needs a known market ticker")
        return 0

    def resting_order(self, operation: str, user: User, order_id: str, subaccount: int, shard: int) -> Order | None:
        """A resting order as a write finds it. One that is not found is remembered with its cause."""
        order = user.orders.get(order_id)
        cause = self._why_missing(order, subaccount, shard)
        if cause is None:
            return order
        self.misses.append(Miss(operation, user.user_id, order_id, cause, self.now_ms))
        return None

    @staticmethod
    def _why_missing(order: Order | None, subaccount: int, shard: int) -> MissCause | None:
        if order is None:
            return MissCause.NEVER_EXISTED
        if order.shard != shard:
            return MissCause.WRONG_SHARD
        if order.subaccount != subaccount:
            return MissCause.WRONG_SUBACCOUNT
        return None if order.end is None else cause_of(order)
