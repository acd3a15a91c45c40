"""Rate limits: token buckets per signer and sliding windows per IP address (facts polymarket section 3)."""

from collections import deque
from enum import StrEnum

from msgspec import Struct

from holdfast.core.errors import InvalidInputError
from local.venues.polymarket.wire import ApiError

_MILLI = 1_000
_WINDOW_MS = 10_000


class Budget(Struct, frozen=True):
    """One bucket's size: `refill` tokens a second up to `capacity`."""

    refill: int
    capacity: int


class Tier(Struct, frozen=True):
    """A signer's tier. `overdraft`: cancels may take the cancel bucket below zero."""

    name: str
    orders: Budget
    cancels: Budget
    overdraft: bool = True


TIERS = {
    tier.name: tier
    for tier in (
        Tier("standard", Budget(40, 60), Budget(80, 120)),
        Tier("copper", Budget(60, 90), Budget(120, 180)),
        Tier("bronze", Budget(80, 120), Budget(160, 240)),
        Tier("silver", Budget(200, 300), Budget(400, 600)),
        Tier("gold", Budget(400, 600), Budget(800, 1_200)),
        Tier("platinum", Budget(450, 675), Budget(900, 1_350), overdraft=False),
        Tier("diamond", Budget(525, 787), Budget(1_050, 1_575), overdraft=False),
        Tier("elite", Budget(600, 900), Budget(1_200, 1_800), overdraft=False),
    )
}


class LimiterMode(StrEnum):
    """Whether the signer limits refuse, only warn, or are off."""

    ENFORCE = "enforce"
    WARN = "warn"
    OFF = "off"


def tier_named(name: str) -> Tier:
    """A tier by name. Raises InvalidInputError."""
    tier = TIERS.get(name.lower())
    if tier is None:
        raise InvalidInputError("tier", name, ", ".join(TIERS))
    return tier


class Bucket:
    """One bucket, full at first. Levels are thousandths of a token, so refilling never rounds."""

    __slots__ = ("_at_ms", "_budget", "_milli")

    def __init__(self, budget: Budget, now_ms: int) -> None:
        self._budget, self._at_ms = budget, now_ms
        self._milli = budget.capacity * _MILLI

    def level(self, now_ms: int) -> int:
        """Thousandths of a token in it now."""
        elapsed = max(now_ms - self._at_ms, 0)
        self._at_ms += elapsed
        self._milli = min(self._milli + elapsed * self._budget.refill, self._budget.capacity * _MILLI)
        return self._milli

    def take(self, tokens: int, *, floor: bool = False) -> None:
        """Remove tokens; with `floor` never below zero."""
        self._milli -= tokens * _MILLI
        if floor:
            self._milli = max(self._milli, 0)

    def wait_ms(self, tokens: int, now_ms: int) -> int:
        """How long until that many tokens are in it."""
        lacking = tokens * _MILLI - self.level(now_ms)
        return max(-(-lacking // self._budget.refill), 0)


class SignerBuckets:
    """The two buckets of one signer. A request that does not fit takes nothing."""

    def __init__(self, tier: Tier, now_ms: int) -> None:
        self.tier = tier
        self.mode = LimiterMode.ENFORCE
        self._orders, self._cancels = Bucket(tier.orders, now_ms), Bucket(tier.cancels, now_ms)

    def place(self, count: int, now_ms: int) -> tuple[tuple[str, str], ...]:
        """Pay for placing that many orders; returns the headers that say so. Raises the 429."""
        return self._pay(self._orders, count, now_ms)

    def cancel(self, count: int, now_ms: int) -> tuple[tuple[str, str], ...]:
        """Pay for cancelling that many orders. Raises the 429."""
        return self._pay(self._cancels, count, now_ms)

    def cancelled(self, count: int, now_ms: int) -> tuple[tuple[str, str], ...]:
        """Pay afterwards for orders that a cancel of many turned out to hit."""
        if self.mode is LimiterMode.OFF:
            return ()
        self._cancels.take(count, floor=not self.tier.overdraft)
        return self._headers(self._cancels, 1, now_ms)

    def _pay(self, bucket: Bucket, count: int, now_ms: int) -> tuple[tuple[str, str], ...]:
        fits = bucket.level(now_ms) >= count * _MILLI
        if self.mode is LimiterMode.OFF:
            return ()
        if fits:
            bucket.take(count)
            return self._headers(bucket, count, now_ms)
        if self.mode is LimiterMode.WARN:
            return (*self._headers(bucket, count, now_ms), ("Poly-RateLimit-Warning", "true"))
        wait_s = -(-bucket.wait_ms(count, now_ms) // 1_000)
        headers = self._headers(bucket, count, now_ms)
        raise ApiError(429, "Too Many Requests", retry_after_s=max(wait_s, 1), headers=headers)

    def _headers(self, bucket: Bucket, count: int, now_ms: int) -> tuple[tuple[str, str], ...]:
        reset_s = -(-(now_ms + bucket.wait_ms(count, now_ms)) // 1_000)
        return (
            ("Poly-RateLimit-Remaining", str(bucket.level(now_ms) // _MILLI)),
            ("Poly-RateLimit-Reset", str(reset_s)),
            ("Poly-RateLimit-Tier", self.tier.name.capitalize()),
        )


IP_LIMITS = {
    "POST /order": 5_000,
    "DELETE /order": 5_000,
    "POST /orders": 2_000,
    "DELETE /orders": 2_000,
    "DELETE /cancel-all": 250,
    "DELETE /cancel-market-orders": 1_500,
    "GET /book": 1_500,
    "GET /price": 1_500,
    "GET /midpoint": 1_500,
    "POST /books": 500,
    "GET /tick-size": 200,
    "GET /prices-history": 1_000,
    "GET /ok": 100,
    "GET /data/order/{order_id}": 900,
    "GET /data/orders": 500,
    "GET /data/trades": 500,
    "GET /balance-allowance": 200,
    "GET /balance-allowance/update": 50,
    "POST /auth/api-key": 100,
    "GET /auth/derive-api-key": 100,
    "GET /auth/api-keys": 100,
    "GET /gamma/markets": 300,
    "GET /gamma/markets/keyset": 300,
    "GET /gamma/events/keyset": 500,
    "GET /data-api/v2/positions": 150,
}
_LONG_MS = 600_000
# Endpoints with a longer window beside the short one: requests in 10 minutes.
LONG_IP_LIMITS = {
    "POST /order": 120_000,
    "DELETE /order": 120_000,
    "POST /orders": 21_000,
    "DELETE /orders": 15_000,
    "DELETE /cancel-all": 6_000,
    "DELETE /cancel-market-orders": 21_000,
}
_ALL, _CLOB, _READS, _AUTH, _GAMMA, _DATA = "all hosts", "the CLOB", "reads", "auth", "Gamma", "the Data API"
# What endpoints share, in 10 seconds. Whether the lists below /data count among the reads is not known: here they do.
SHARED_IP_LIMITS = {_ALL: 15_000, _CLOB: 9_000, _READS: 900, _AUTH: 100, _GAMMA: 4_000, _DATA: 1_000}
_HOSTS = {"gamma": _GAMMA, "data-api": _DATA, "relayer": "", "site": ""}


def _shared_by(endpoint: str) -> tuple[str, ...]:
    """The windows that an endpoint shares with others, by its path's first part."""
    method, _, path = endpoint.partition(" ")
    first = path.strip("/").partition("/")[0]
    host = _HOSTS.get(first, _CLOB)
    found = [_ALL, host] if host else [_ALL]
    if first == "auth":
        found.append(_AUTH)
    if first == "data" and method == "GET":
        found.append(_READS)
    return tuple(found)


class IpWindows:
    """How many requests came in the last 10 seconds, and of orders and cancels in the last 10 minutes: by endpoint, and
    by what endpoints share. Everyone on one machine is one address. What is refused counts nowhere."""

    def __init__(self) -> None:
        self.limits = dict(IP_LIMITS)
        self._seen: dict[tuple[str, int], deque[int]] = {}

    def admit(self, endpoint: str, now_ms: int) -> bool:
        """Count a request; False where there were too many."""
        shared = _shared_by(endpoint)
        windows = [
            (endpoint, _WINDOW_MS, self.limits.get(endpoint)),
            (endpoint, _LONG_MS, LONG_IP_LIMITS.get(endpoint)),
        ]
        windows += [(name, _WINDOW_MS, SHARED_IP_LIMITS[name]) for name in shared]
        counted = [
            (self._lately(name, span_ms, now_ms), limit) for name, span_ms, limit in windows if limit is not None
        ]
        if any(len(seen) >= limit for seen, limit in counted):
            return False
        for seen, _ in counted:
            seen.append(now_ms)
        return True

    def _lately(self, name: str, span_ms: int, now_ms: int) -> deque[int]:
        seen = self._seen.setdefault((name, span_ms), deque())
        while seen and seen[0] <= now_ms - span_ms:
            seen.popleft()
        return seen
