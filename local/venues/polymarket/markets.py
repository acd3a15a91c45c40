"""Markets: two outcome tokens, one book. Everything inside is stated on the first token.

A bid for the second token at 1 - p is an ask of the first at p: the two match by minting a pair (facts polymarket
section 5). So one matching engine holds both books, and the second token's is its mirror.
"""

from decimal import Decimal

from msgspec import Struct

from holdfast.core.book import Level
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from holdfast.core.matching import MatchingEngine
from local.venues.polymarket.eip712 import DOMAINS, Domain, keccak
from local.venues.polymarket.fees import FeeSchedule
from local.venues.polymarket.wire import ONE, SCALE
from local.venues.prices import MinuteSeries

# Tick (price units) to the decimals that the amounts of an order may have (facts polymarket section 4).
AMOUNT_DECIMALS = {1_000: 3, 100: 4, 50: 5, 25: 6, 10: 5, 1: 6}

# The winner of a market that had none: it pays half a dollar on either outcome.
SPLIT = 2


class MarketSpec(Struct, frozen=True):
    """What defines a market. `name` is its slug. Condition id and tokens are derived from it where they are not given.

    `version` is Gamma's: "v1" trades CTF tokens, "v2" position ids of exchange V3. `tick` is in price units, `min_size`
    in shares. `close_at_ms` 0 means never; closing here only ends trading. `prints_trades`: see MatchingEngine. `event`
    is the slug of the event that it belongs to, its own where it has none.
    """

    name: str
    question: str = ""
    version: str = "v1"
    neg_risk: bool = False
    tick: int = 100
    min_size: Decimal = Decimal(5)
    fees: FeeSchedule = FeeSchedule()
    outcomes: tuple[str, str] = ("Yes", "No")
    condition_id: str = ""
    tokens: tuple[str, str] | None = None
    open_at_ms: int = 0
    close_at_ms: int = 0
    taker_delay_ms: int = 0
    prints_trades: bool = False
    event: str = ""
    event_title: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name:
            raise InvalidInputError("market name", self.name, "a non-empty name")
        if self.version not in ("v1", "v2"):
            raise InvalidInputError(f"version of {self.name}", self.version, "v1 or v2")
        if self.tick not in AMOUNT_DECIMALS:
            raise InvalidInputError(f"tick of {self.name}", self.tick, f"one of {sorted(AMOUNT_DECIMALS)}")


class Market:
    """One market as it is now. Outcomes are 0 and 1, as its tokens are ordered."""

    def __init__(self, spec: MarketSpec, created_at_ms: int, number: int) -> None:
        self.spec, self.name, self.number = spec, spec.name, number
        self.event, self.event_title = spec.event or spec.name, spec.event_title or spec.question or spec.name
        self.condition_id, self.tokens = _identity(spec)
        self.tick, self.fees = spec.tick, spec.fees
        self.min_size = SCALE.size(spec.min_size, "min_size")
        self.close_at_ms = spec.close_at_ms
        self.created_at_ms = self.changed_at_ms = created_at_ms
        self.engine = MatchingEngine(spec.name, prints_trades=spec.prints_trades)
        self.winner: int | None = None
        self.resolved_at_ms = 0
        self.last_price = 0
        self.volume = self.turnover = 0
        self.middle = MinuteSeries()

    @property
    def domain(self) -> Domain:
        """The exchange that its orders are signed for."""
        if self.spec.version == "v2":
            return DOMAINS["v3"]
        return DOMAINS["v2_neg_risk" if self.spec.neg_risk else "v2"]

    @property
    def tick_decimals(self) -> int:
        """Decimals of its prices."""
        return next(decimals for decimals in range(5) if self.tick % 10 ** (4 - decimals) == 0)

    def is_open(self, now_ms: int) -> bool:
        """Whether its orders can match at a time, as far as it is concerned."""
        started = now_ms >= self.spec.open_at_ms
        return started and self.winner is None and not (self.close_at_ms and now_ms >= self.close_at_ms)

    def accepts(self, price: int) -> bool:
        """Whether a price is on the grid, from one tick to one less than $1."""
        return price % self.tick == 0 and self.tick <= price <= ONE - self.tick

    def quoted(self, at_ms: int) -> None:
        """Remember what it is worth now, in halves of a price unit of the first token: the middle of its book, or its
        last trade where a side is empty."""
        bid, ask = self.engine.best_bid, self.engine.best_ask
        if bid is not None and ask is not None:
            self.middle.record(at_ms, bid + ask)
        elif self.last_price:
            self.middle.record(at_ms, 2 * self.last_price)

    def ladder(self, outcome: int, side: Side) -> list[Level]:
        """One side of an outcome's public book, best first."""
        if outcome == 0:
            return self.engine.ladder(side)
        return [(ONE - price, size) for price, size in self.engine.ladder(side.opposite)]

    def best(self, outcome: int, side: Side) -> int | None:
        """The best price of one side of an outcome's book."""
        first = side if outcome == 0 else side.opposite
        found = self.engine.best_bid if first is Side.BUY else self.engine.best_ask
        return found if found is None else stated_on(outcome, found)

    def payout(self, outcome: int) -> int:
        """What one unit of an outcome is worth once resolved, price units."""
        if self.winner == SPLIT:
            return ONE // 2
        return ONE if self.winner == outcome else 0


def stated_on(outcome: int, price: int) -> int:
    """A price of the first token as one of an outcome, and the other way round."""
    return price if outcome == 0 else ONE - price


def _identity(spec: MarketSpec) -> tuple[str, tuple[str, str]]:
    """Condition id and tokens. Position ids of V2 have a module, 64 zero bits and the outcome in them."""
    seed = keccak(spec.name.encode())
    if spec.version == "v2":
        body = b"\x01" + seed[1:19] + bytes(8) + seed[27:31]
        condition = body + b"\0"
        tokens = tuple(str(int.from_bytes(body + bytes([outcome]), "big")) for outcome in (0, 1))
    else:
        condition = seed
        tokens = tuple(str(int.from_bytes(keccak(seed + bytes([outcome])), "big")) for outcome in (0, 1))
    return spec.condition_id or "0x" + condition.hex(), spec.tokens or (tokens[0], tokens[1])
