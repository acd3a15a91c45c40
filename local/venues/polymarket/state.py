"""The exchange's whole state in one place. The other modules act on it; one lock guards it."""

from collections import Counter, deque
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random

from msgspec import Struct

from holdfast.clock import Clock
from holdfast.core.errors import InvalidInputError
from local.venues.history import LONGEST_LAG_MS
from local.venues.polymarket.accounts import User
from local.venues.polymarket.markets import Market
from local.venues.polymarket.records import Miss, Order, RelayerTransaction, Trade

POST_ONLY_MS = 120_000

Action = Callable[[int], None]


class ReadLag(Struct, frozen=True):
    """How far reads of orders and trades lag: `lag_ms`, plus up to `jitter_ms` at random per read."""

    lag_ms: int = 0
    jitter_ms: int = 0

    def __post_init__(self) -> None:
        if self.lag_ms < 0 or self.jitter_ms < 0 or self.lag_ms + self.jitter_ms > LONGEST_LAG_MS:
            raise InvalidInputError("read lag", (self.lag_ms, self.jitter_ms), f"0 to {LONGEST_LAG_MS} ms in all")


class Settlement(Struct, frozen=True):
    """How long a trade takes: from matched to mined, from mined to confirmed, from mined to the CLOB's own copy."""

    mined_after_ms: int = 2_000
    confirmed_after_ms: int = 2_000
    cached_after_ms: int = 0

    def __post_init__(self) -> None:
        if min(self.mined_after_ms, self.confirmed_after_ms, self.cached_after_ms) < 0:
            raise InvalidInputError("settlement delays", self, "0 or more")


class Relaying(Struct):
    """What the relayer does with transactions: how long they take, and how many of the next ones fail.

    `failing` revert on the chain, `invalid` never get there.
    """

    mined_after_ms: int = 0
    confirmed_after_ms: int = 0
    failing: int = 0
    invalid: int = 0

    def __post_init__(self) -> None:
        if min(self.mined_after_ms, self.confirmed_after_ms, self.failing, self.invalid) < 0:
            raise InvalidInputError("relayer's delays and failures", self, "0 or more")

    def takes_failure(self) -> bool:
        """Whether the transaction at hand is one of those that revert."""
        takes = self.failing > 0
        self.failing -= takes
        return takes

    def takes_invalid(self) -> bool:
        """Whether it is one of those that never reach the chain."""
        takes = self.invalid > 0
        self.invalid -= takes
        return takes


class Modes(Struct):
    """What the matching engine accepts. Times are when a state ends."""

    restarting_until_ms: int = 0
    post_only_until_ms: int = 0
    cancel_only: bool = False
    disabled: bool = False

    def matches(self, now_ms: int) -> bool:
        """Whether orders can match."""
        return not (self.disabled or self.cancel_only or now_ms < self.restarting_until_ms)


class Geoblock(Struct, frozen=True, forbid_unknown_fields=True):
    """What the site says about where the caller is. From a blocked place the CLOB takes no buys."""

    blocked: bool = False
    ip: str = "127.0.0.1"
    country: str = "IE"
    region: str = "L"


class ExchangeState:
    """Users, markets, orders, trades, modes, counters."""

    def __init__(self, clock: Clock, new_id: Callable[[], str], chance: Random) -> None:
        self._clock, self.new_id, self._chance = clock, new_id, chance
        self.markets: dict[str, Market] = {}
        self.by_condition: dict[str, Market] = {}
        self.by_token: dict[str, tuple[Market, int]] = {}
        self.users: dict[str, User] = {}
        self.by_wallet: dict[str, User] = {}
        self.orders: dict[str, Order] = {}
        self.trades: dict[str, Trade] = {}
        self.modes = Modes()
        self.read_lag = ReadLag()
        self.settlement = Settlement()
        self.geoblock = Geoblock()
        self.blocks_sells = False
        self.failing_trades = self.ignored_cancels = 0
        self.relayed: dict[str, RelayerTransaction] = {}
        self.relaying = Relaying()
        self.submits: deque[int] = deque()
        self.calls: Counter[str] = Counter()
        self.rate_limited: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.misses: list[Miss] = []
        self.skew_ms = 0
        self.now_ms = clock.now_ms()
        self._due: list[tuple[int, int, Action]] = []
        self._count = 0

    def tick(self) -> int:
        """Read the clock, which is off by `skew_ms`; this exchange's time never goes back."""
        self.now_ms = max(self.now_ms, self._clock.now_ms() + self.skew_ms)
        return self.now_ms

    def next_sequence(self) -> int:
        """The next number; orders, trades and plans share one count."""
        self._count += 1
        return self._count

    def new_hash(self) -> str:
        """A random 32-byte hash."""
        return f"0x{self._chance.getrandbits(256):064x}"

    def read_as_of(self) -> int:
        """The time whose state the read at hand shows."""
        lag = self.read_lag
        jitter = self._chance.randrange(lag.jitter_ms + 1) if lag.jitter_ms else 0
        return self.now_ms - lag.lag_ms - jitter

    def plan(self, at_ms: int, action: Action) -> None:
        """Let something happen at a time, by itself."""
        heappush(self._due, (at_ms, self.next_sequence(), action))

    def advance(self) -> int:
        """Let what is due by the clock happen, in the order of its times. Returns now."""
        now_ms = self.tick()
        while self._due and self._due[0][0] <= now_ms:
            at_ms, _, action = heappop(self._due)
            action(at_ms)
        return now_ms

    def fails_next(self) -> bool:
        """Whether the trade at hand is one of those that were told to fail."""
        fails = self.failing_trades > 0
        self.failing_trades -= fails
        return fails
