"""Token buckets per user and tier (facts kalshi section 8)."""

from msgspec import Struct

from holdfast.core.errors import InvalidInputError
from local.venues.kalshi.wire import ApiError, Shape

MILLI = 1_000
DEFAULT_COST = 10


class Budget(Struct, frozen=True):
    """One bucket's size: `refill_rate` tokens a second up to `bucket_capacity`."""

    refill_rate: int
    bucket_capacity: int


class Tier(Struct, frozen=True):
    """An API usage level."""

    name: str
    read: Budget
    write: Budget


def _tier(name: str, read: int, read_seconds: int, write: int, write_capacity: int) -> Tier:
    return Tier(name, Budget(read, read * read_seconds), Budget(write, write_capacity))


TIERS = {
    tier.name: tier
    for tier in (
        _tier("basic", 200, 3, 100, 100),
        _tier("advanced", 300, 3, 300, 900),
        _tier("expert", 600, 1, 600, 1_800),
        _tier("premier", 1_200, 1, 1_200, 3_600),
        _tier("paragon", 2_400, 1, 2_400, 7_200),
        _tier("prime", 4_800, 1, 4_800, 14_400),
        _tier("prestige", 12_000, 1, 9_600, 28_800),
    )
}


def tier_named(name: str) -> Tier:
    """A tier by name. Raises InvalidInputError."""
    tier = TIERS.get(name.lower())
    if tier is None:
        raise InvalidInputError("tier", name, ", ".join(TIERS))
    return tier


class TokenBucket:
    """One bucket, full at first. Levels are thousandths of a token, so refilling never rounds."""

    __slots__ = ("_at_ms", "_budget", "_milli")

    def __init__(self, budget: Budget, now_ms: int) -> None:
        self._budget, self._at_ms = budget, now_ms
        self._milli = budget.bucket_capacity * MILLI

    def holds(self, tokens: int, now_ms: int) -> bool:
        """Whether that many tokens are in it now."""
        elapsed = max(now_ms - self._at_ms, 0)
        self._at_ms += elapsed
        self._milli = min(self._milli + elapsed * self._budget.refill_rate, self._budget.bucket_capacity * MILLI)
        return self._milli >= tokens * MILLI

    def take(self, tokens: int) -> None:
        """Remove tokens that it holds."""
        self._milli -= tokens * MILLI


class Allowance:
    """One user's buckets. The write budget exists once unscoped and once for each shard from 1 up."""

    def __init__(self, tier: Tier, shards: tuple[int, ...], now_ms: int) -> None:
        self.tier = tier
        self._read = TokenBucket(tier.read, now_ms)
        self._write = TokenBucket(tier.write, now_ms)
        self._by_shard = {shard: TokenBucket(tier.write, now_ms) for shard in shards if shard > 0}

    def read(self, tokens: int, now_ms: int) -> None:
        """Pay for a read. Raises the 429."""
        _pay([self._read], tokens, now_ms)

    def write_unscoped(self, tokens: int, now_ms: int) -> None:
        """Pay for a batch, or for a write to shard 0. Raises the 429; then nothing is taken."""
        _pay([self._write], tokens, now_ms)

    def write_routed(self, tokens: int, exchange_index: int | None, now_ms: int) -> None:
        """Pay for a single write. One that the venue routes itself is billed to every bucket. Raises the 429."""
        if exchange_index is None or exchange_index < 0:
            _pay([self._write, *self._by_shard.values()], tokens, now_ms)
        else:
            _pay([self._by_shard.get(exchange_index, self._write)], tokens, now_ms)


def _pay(buckets: list[TokenBucket], tokens: int, now_ms: int) -> None:
    if not all(bucket.holds(tokens, now_ms) for bucket in buckets):
        raise ApiError(429, "too many requests", shape=Shape.STRING)
    for bucket in buckets:
        bucket.take(tokens)
