"""The account's rate budget: one shared state, one conditional write for a whole batch's tokens.

Non-exit takes wait through the clock while the tick's allowance lasts and leave the exit reserve alone; exits debit
without waiting. A 429 stores a back-off that every writer of the account sees.
"""

from collections import Counter
from collections.abc import Callable

from holdfast.clock import Clock
from holdfast.core.capabilities import Bucket, Capabilities, Costs
from holdfast.core.errors import BudgetExhaustedError, ConditionFailedError, StoreError
from holdfast.core.limits import (
    BucketState,
    after_refusal,
    after_success,
    available,
    exit_reserve,
    full,
    largest_batch,
    take,
)
from holdfast.state.port import Store
from holdfast.state.rates import Rates, StoredBucket
from holdfast.telemetry.port import Level, Telemetry, Unit

_MAX_CONFLICTS = 16


class Throttle:
    """One writer's access to the account's token buckets. It is also the venue adapter's Meter.

    `jitter` gives 0 to 999 for back-offs. `calls` counts finished requests by endpoint and HTTP status.
    """

    def __init__(
        self, store: Store, account: str, clock: Clock, telemetry: Telemetry, jitter: Callable[[], int]
    ) -> None:
        self._rates = Rates(store, account)
        self._account = account
        self._clock = clock
        self._telemetry = telemetry
        self._jitter = jitter
        self._buckets: dict[str, Bucket] = {}
        self._read_bucket = ""
        self._costs: Costs | None = None
        self._owed: Counter[str] = Counter()
        self._known: dict[str, StoredBucket] = {}
        self._prepaid: Counter[str] = Counter()
        self._reads_for_exits = False
        self._allowance_ms = 0
        self._decision_id = ""
        self.waited_ms = 0
        self.calls: Counter[tuple[str, int]] = Counter()

    def configure(self, capabilities: Capabilities) -> None:
        """Use what the venue says of the account's tier, and pay for the reads that asked it."""
        self._buckets = {bucket.name: bucket for bucket in (capabilities.read_bucket, capabilities.write_bucket)}
        self._costs, self._read_bucket = capabilities.costs, capabilities.read_bucket.name
        owed, self._owed = self._owed, Counter()
        for bucket, tokens in owed.items():
            self.take(bucket, tokens, exit=True)

    def add(self, bucket: Bucket) -> None:
        """Know another bucket of the account, beside those of orders. After `configure`, which forgets it."""
        self._buckets[bucket.name] = bucket

    def begin_tick(self, allowance_ms: int, decision_id: str = "") -> None:
        """Start a tick that may wait this long in all for tokens. What an earlier tick prepaid is forfeit."""
        self._decision_id = decision_id
        self._allowance_ms = allowance_ms
        self._prepaid.clear()
        self._reads_for_exits = False
        self.waited_ms = 0
        self.calls.clear()

    def largest_batch(self, bucket: str, cost: int, per_call: int, *, exit: bool = False) -> int:
        """How many items of that cost one call may have at most."""
        return largest_batch(self._buckets[bucket], 0 if exit else self._reserve(bucket), cost, per_call)

    def next_batch(self, bucket: str, cost: int, per_call: int, *, exit: bool = False) -> int:
        """How many items the next call should have: what the bucket grants now.

        Where it grants nothing, the most that it ever grants, to be waited for; an exit, which does not wait, goes
        alone then. A batch beyond what the venue's own bucket holds is refused as a whole.
        """
        most = self.largest_batch(bucket, cost, per_call, exit=exit)
        now_ms = self._clock.now_ms()
        stored = self._read(bucket)
        state = stored.state if stored else full(self._buckets[bucket], now_ms)
        now = available(state, self._buckets[bucket], now_ms, 0 if exit else self._reserve(bucket)) // cost
        return max(min(now, most) or (1 if exit else most), 1)

    def covers(self, bucket: str, tokens: int) -> bool:
        """Whether a read is paid at once, without a wait and without what is reserved for exits."""
        if self._reads_for_exits:
            return False
        if self._prepaid[bucket] >= tokens:
            return True
        now_ms = self._clock.now_ms()
        stored = self._read(bucket)
        state = stored.state if stored else full(self._buckets[bucket], now_ms)
        return available(state, self._buckets[bucket], now_ms, self._reserve(bucket)) >= tokens

    def take(self, bucket: str, tokens: int, *, exit: bool = False) -> None:
        """Take tokens in one conditional write, waiting for a non-exit while the tick's allowance lasts.

        An exit waits for nothing but its reads, after a 429. Raises BudgetExhaustedError when the wait would be longer;
        nothing is taken then.
        """
        for _ in range(_MAX_CONFLICTS):
            stored = self._read(bucket)
            now_ms = self._clock.now_ms()
            state = stored.state if stored else full(self._buckets[bucket], now_ms)
            grant = take(state, self._buckets[bucket], tokens, now_ms, reserve=self._reserve(bucket), exit=exit)
            if grant.state is None and exit and bucket == self._read_bucket:
                self._wait_for_exits(bucket, tokens, grant.wait_ms)
                self._known.pop(bucket, None)
            elif grant.state is None:
                self._wait(bucket, tokens, grant.wait_ms, backing_off=state.backoff_until_ms > now_ms)
                self._known.pop(bucket, None)
            elif self._store_state(bucket, grant.state, stored):
                self._telemetry.metric("RateLimitTokens", tokens, bucket=bucket)
                return
        raise StoreError(f"rate bucket {bucket} of {self._account} was contended {_MAX_CONFLICTS} times")

    def prepay(self, bucket: str, tokens: int, *, exit: bool = False) -> None:
        """Take the tokens of several reads to come in one conditional write.

        `exit`: like an exit, and so are further reads of this tick.
        """
        self.take(bucket, tokens, exit=exit)
        self._prepaid[bucket] += tokens
        self._reads_for_exits = exit

    def spend(self, bucket: str, tokens: int, endpoint: str) -> None:
        """Meter: pay for one read from what is prepaid, else take. Before `configure` it is owed."""
        if not self._buckets:
            self._owed[bucket] += tokens
        elif self._prepaid[bucket] >= tokens:
            self._prepaid[bucket] -= tokens
        else:
            self.take(bucket, tokens, exit=self._reads_for_exits)

    def record(self, endpoint: str, status: int, duration_us: int) -> None:
        """Meter: count one finished request."""
        self.calls[endpoint, status] += 1
        self._telemetry.metric("ApiCalls", 1, endpoint=endpoint)
        self._telemetry.metric("ApiLatency", duration_us // 1000, Unit.MILLISECONDS, endpoint=endpoint)

    def refused(self, bucket: str) -> int:
        """The venue answered 429: store the back-off for every writer; returns until when (UTC ms).

        Before `configure` nothing is known that could be stored: the tick ends, and the next one asks again.
        """
        if bucket not in self._buckets:
            self._event("RATE_LIMIT_BACKOFF", Level.WARNING, bucket=bucket, until=0)
            return self._clock.now_ms()
        until_ms = self._update(
            bucket, lambda state, now_ms: after_refusal(state, self._buckets[bucket], now_ms, self._jitter())
        ).backoff_until_ms
        self._event("RATE_LIMIT_BACKOFF", Level.WARNING, bucket=bucket, until=until_ms)
        self._telemetry.metric("RateLimitRefusals", 1, bucket=bucket)
        return until_ms

    def succeeded(self, bucket: str) -> None:
        """A request of this bucket got through: forget earlier refusals. Writes only where there were any."""
        known = self._known.get(bucket)
        if known is not None and after_success(known.state) is not known.state:
            self._update(bucket, lambda state, _now_ms: after_success(state))

    def _reserve(self, bucket: str) -> int:
        if self._costs is None:
            raise StoreError(f"bucket {bucket} of {self._account} is used before configure()")
        return exit_reserve(self._buckets[bucket], self._costs, reads=bucket == "read")

    def _wait(self, bucket: str, tokens: int, wait_ms: int, *, backing_off: bool) -> None:
        """Sleep until the tokens are there; raise where the allowance does not last or the venue has refused us.

        Nobody sleeps through a back-off: it is stored, and the tick ends.
        """
        waits = wait_ms <= self._allowance_ms and not backing_off
        self._event("RATE_LIMIT", bucket=bucket, tokens=tokens, wait_ms=wait_ms, waited=waits)
        if not waits:
            raise BudgetExhaustedError(bucket, tokens, wait_ms)
        self._telemetry.metric("RateLimitWait", wait_ms, Unit.MILLISECONDS, bucket=bucket)
        self._allowance_ms -= wait_ms
        self.waited_ms += wait_ms
        self._clock.sleep_ms(wait_ms)

    def _wait_for_exits(self, bucket: str, tokens: int, wait_ms: int) -> None:
        """Sleep until the venue may be read again for the exits' sake: half a second after a 429 at most.

        Whoever gave up here would look at nobody's stop before the next tick, half a minute later.
        """
        self._event("RATE_LIMIT", bucket=bucket, tokens=tokens, wait_ms=wait_ms, waited=True)
        self._telemetry.metric("RateLimitWait", wait_ms, Unit.MILLISECONDS, bucket=bucket)
        self.waited_ms += wait_ms
        self._clock.sleep_ms(wait_ms)

    def _read(self, bucket: str) -> StoredBucket | None:
        """The bucket's state as this writer last saw it; a write that names an old version loses."""
        stored = self._known.get(bucket) or self._rates.read(bucket)
        if stored is not None:
            self._known[bucket] = stored
        return stored

    def _update(self, bucket: str, change: Callable[[BucketState, int], BucketState]) -> BucketState:
        for _ in range(_MAX_CONFLICTS):
            stored = self._read(bucket)
            now_ms = self._clock.now_ms()
            state = change(stored.state if stored else full(self._buckets[bucket], now_ms), now_ms)
            if self._store_state(bucket, state, stored):
                return state
        raise StoreError(f"rate bucket {bucket} of {self._account} was contended {_MAX_CONFLICTS} times")

    def _store_state(self, bucket: str, state: BucketState, stored: StoredBucket | None) -> bool:
        try:
            self._known[bucket] = self._rates.write(bucket, state, stored.version if stored else 0)
        except ConditionFailedError:
            self._known.pop(bucket, None)
            return False
        return True

    def _event(self, name: str, level: Level = Level.INFO, **fields: object) -> None:
        self._telemetry.event(name, level, account=self._account, decision_id=self._decision_id, **fields)
