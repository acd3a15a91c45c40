"""The local exchange as tests, demo and simulation hold it: set up, feed, fault, pause, settle, ask, audit."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from random import Random
from uuid import UUID

from holdfast.clock import Clock
from holdfast.core.book import Level
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import Side
from holdfast.core.matching import Execution
from local.venues.faults import Faults
from local.venues.http import Request, Response
from local.venues.kalshi.accounts import Account, ApiKey, User
from local.venues.kalshi.app import App
from local.venues.kalshi.audit import Books, books
from local.venues.kalshi.auth import LARGEST_SKEW_MS, KeyRing
from local.venues.kalshi.fees import FeeModel, Precision
from local.venues.kalshi.lifecycle import Tape, advance, cancel_for_pause, empty, market_of, settle
from local.venues.kalshi.limits import Allowance, tier_named
from local.venues.kalshi.markets import Market, MarketSpec, MarketState, Series
from local.venues.kalshi.records import EndReason, Miss
from local.venues.kalshi.state import ExchangeState, ReadLag
from local.venues.kalshi.wire import SCALE

SHARDS = {0: "Default", 1: "Exotics", 2: "Crypto and commodities", 3: "Sports"}


def seeded_ids(seed: int) -> Callable[[], str]:
    """A source of UUIDs that gives the same ones for the same seed."""
    source = Random(seed)
    return lambda: str(UUID(int=source.getrandbits(128), version=4))


class KalshiExchange:
    """One exchange. Thread-safe; time comes from the clock, ids from `new_id`, chance from `seed`.

    Prices, sizes and money that go in and out here are integers of SCALE (4, 2 and 6 decimals), except where a
    person writes them: deposits are Decimal dollars.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        new_id: Callable[[], str] | None = None,
        seed: int = 0,
        shards: Mapping[int, str] | None = None,
        largest_skew_ms: int = LARGEST_SKEW_MS,
    ) -> None:
        self._state = ExchangeState(clock, new_id or seeded_ids(seed), Random(seed), dict(shards or SHARDS))
        self._keys = KeyRing(largest_skew_ms)
        self._tape = Tape(self._state)
        self.faults = Faults(Random(seed + 1))
        self._app = App(self._state, self._keys, self.faults, self._tape, clock)
        self._lock = self._app.lock
        self.clock = clock

    def handle(self, request: Request) -> Response:
        """Answer a request of the trade API. Raises ConnectionDropped where a fault keeps the answer back."""
        return self._app.handle(request)

    # Set up.

    def add_market(self, spec: MarketSpec) -> None:
        """List a market. Markets of one series share its fees. Raises InvalidInputError."""
        with self._lock:
            state = self._state
            if spec.ticker in state.markets:
                raise InvalidInputError("ticker", spec.ticker, "a new ticker")
            if spec.shard not in state.shards:
                raise InvalidInputError(f"shard of {spec.ticker}", spec.shard, f"one of {sorted(state.shards)}")
            ticker = spec.series or (spec.event or spec.ticker).partition("-")[0]
            series = Series(ticker, FeeModel(spec.fee_type, spec.fee_multiplier), spec.shard)
            known = state.series.setdefault(ticker, series)
            if known.fees != series.fees:
                raise InvalidInputError(
                    f"fees of {spec.ticker}", series.fees, f"those of series {ticker}: {known.fees}"
                )
            state.markets[spec.ticker] = Market(spec, known, state.tick())
            state.remind(spec.close_at_ms, spec.ticker)

    def add_user(
        self,
        name: str,
        api_key_id: str,
        public_key_pem: str,
        *,
        tier: str = "basic",
        balances: Mapping[int, Decimal] | None = None,
        precision: Precision = Precision.DIRECT,
    ) -> str:
        """Admit a member with one API key and dollars per shard; returns the user id."""
        with self._lock:
            state = self._state
            if name in self._by_name():
                raise InvalidInputError("user name", name, "a new name")
            allowance = Allowance(tier_named(tier), tuple(state.shards), state.tick())
            user = User(state.new_id(), name, precision, allowance)
            self._keys.add(api_key_id, public_key_pem, user)
            user.api_keys.append(ApiKey(api_key_id))
            state.users[user.user_id] = user
            for shard, amount in (balances or {}).items():
                self.deposit(name, shard, amount)
            return user.user_id

    def deposit(self, name: str, shard: int, dollars: Decimal, *, subaccount: int = 0) -> None:
        """Fund a user's shard; only a funded shard takes its orders."""
        with self._lock:
            if shard not in self._state.shards:
                raise InvalidInputError("shard", shard, f"one of {sorted(self._state.shards)}")
            account = self._user(name).accounts.setdefault(subaccount, Account(subaccount))
            account.deposit(shard, SCALE.money(dollars, "deposit"), self._state.tick())

    def set_tier(self, name: str, tier: str) -> None:
        """Put a user on another tier, with full buckets."""
        with self._lock:
            state = self._state
            self._user(name).allowance = Allowance(tier_named(tier), tuple(state.shards), state.tick())

    def set_attested_until(self, name: str, until_ms: int) -> None:
        """When a user's location attestation lapses, to the second; 0: it never attested."""
        with self._lock:
            self._user(name).attested_until_s = _second(until_ms)

    def set_key_scopes(self, name: str, *scopes: str, subaccount: int | None = None) -> None:
        """What a user's keys are said to allow. They go on working: how the venue refuses them is not recorded."""
        with self._lock:
            user = self._user(name)
            user.api_keys = [ApiKey(key.key_id, scopes, subaccount) for key in user.api_keys]

    def set_clock_skew_ms(self, skew_ms: int) -> None:
        """Let the exchange's clock run ahead of (or, negative, behind) the one that it was given.

        Everything that it stamps, expires or checks goes by that clock; set back, it stands still until time has
        caught up.
        """
        with self._lock:
            self._state.skew_ms = skew_ms

    def set_read_lag_ms(self, lag_ms: int, jitter_ms: int = 0) -> None:
        """Let reads of user data show the state of `lag_ms`, plus up to `jitter_ms` at random per read, ago."""
        with self._lock:
            self._state.read_lag = ReadLag(lag_ms, jitter_ms)

    def set_order_reads_routed(self, routed: bool) -> None:
        """Whether GET order finds an order on shards from 1 up only with its market ticker (facts kalshi section 4)."""
        with self._lock:
            self._state.order_reads_routed = routed

    def set_batch_order_kept(self, kept: bool) -> None:
        """Whether the answer to a batch has its items in the order of the request. Nobody knows whether the venue's has
        (facts kalshi section 4.2): here it has not, unless told otherwise."""
        with self._lock:
            self._state.batch_order_kept = kept

    # The tape.

    def apply_snapshot(self, ticker: str, bids: Iterable[Level], asks: Iterable[Level]) -> list[Execution]:
        """The tape's full book of a market."""
        with self._lock:
            return self._tape.snapshot(ticker, bids, asks)

    def apply_changes(self, ticker: str, bids: Iterable[Level], asks: Iterable[Level]) -> list[Execution]:
        """Absolute sizes of several levels at once; zero removes one."""
        with self._lock:
            return self._tape.changes(ticker, bids, asks)

    def apply_level(self, ticker: str, side: Side, price: int, size: int) -> list[Execution]:
        """The absolute size of one level; zero removes it."""
        with self._lock:
            return self._tape.level(ticker, side, price, size)

    def apply_trade(self, ticker: str, price: int, size: int, aggressor: Side) -> list[Execution]:
        """A trade between others."""
        with self._lock:
            return self._tape.trade(ticker, price, size, aggressor)

    # The operator.

    def advance(self) -> None:
        """Let what is due by the clock happen: expiries, closes, held tape. Every request does so first."""
        with self._lock:
            advance(self._state)
            self._tape.resume()

    def settle(self, ticker: str, result: str) -> None:
        """Close a market, cancel what rests in it and pay $1 a contract to the holders of "yes" or "no"."""
        with self._lock:
            settle(self._state, market_of(self._state, ticker), result)

    def pause_market(self, ticker: str) -> None:
        """Deactivate one market: no places and amends, cancels go through."""
        with self._lock:
            advance(self._state)
            market_of(self._state, ticker).active = False

    def activate_market(self, ticker: str) -> None:
        """Reactivate a paused market; that cancels all its resting orders (facts kalshi section 9)."""
        with self._lock:
            now_ms = advance(self._state)
            market = market_of(self._state, ticker)
            if market.state(now_ms) is MarketState.INACTIVE:
                empty(self._state, market, EndReason.HALT, now_ms)
            market.active = True
            self._tape.resume()

    def pause_trading(self, shard: int | None = None, *, resumes_at_ms: int = 0) -> None:
        """Trading pause of one shard or all: cancels go through, orders that asked for it are cancelled."""
        self._pause(shard, resumes_at_ms, exchange=False)

    def pause_exchange(self, shard: int | None = None, *, resumes_at_ms: int = 0) -> None:
        """Exchange pause of one shard or all: not even cancels go through."""
        self._pause(shard, resumes_at_ms, exchange=True)

    def resume(self, shard: int | None = None) -> None:
        """End the pauses of one shard or all."""
        with self._lock:
            advance(self._state)
            for index in self._shards(shard):
                self._state.shards[index].exchange_active = self._state.shards[index].trading_active = True
            self._state.resumes_at_ms = 0
            self._tape.resume()

    # What can be seen.

    def books(self, name: str) -> Books:
        """The exact books of a user."""
        with self._lock:
            self.advance()
            return books(self._user(name))

    def market_state(self, ticker: str) -> MarketState:
        """Where a market is in its life."""
        with self._lock:
            return market_of(self._state, ticker).state(advance(self._state))

    def best(self, ticker: str) -> tuple[int | None, int | None]:
        """The public best bid and ask."""
        with self._lock:
            engine = market_of(self._state, ticker).engine
            return engine.best_bid, engine.best_ask

    @property
    def users(self) -> tuple[str, ...]:
        """The names of all users."""
        return tuple(self._by_name())

    @property
    def calls(self) -> Counter[str]:
        """Requests by endpoint ("POST /portfolio/events/orders/batched"), refused and dropped ones included."""
        return self._state.calls

    @property
    def rate_limited(self) -> Counter[str]:
        """Answers 429 by endpoint."""
        return self._state.rate_limited

    @property
    def misses(self) -> list[Miss]:
        """Every write that named an order which does not rest, with the cause that the wire hides."""
        return self._state.misses

    def _pause(self, shard: int | None, resumes_at_ms: int, *, exchange: bool) -> None:
        with self._lock:
            paused = self._shards(shard)
            cancel_for_pause(self._state, paused)
            for index in paused:
                self._state.shards[index].trading_active = False
                self._state.shards[index].exchange_active &= not exchange
            self._state.resumes_at_ms = resumes_at_ms

    def _shards(self, shard: int | None) -> list[int]:
        if shard is not None and shard not in self._state.shards:
            raise InvalidInputError("shard", shard, f"one of {sorted(self._state.shards)}")
        return list(self._state.shards) if shard is None else [shard]

    def _by_name(self) -> dict[str, User]:
        return {user.name: user for user in self._state.users.values()}

    def _user(self, name: str) -> User:
        user = self._by_name().get(name)
        if user is None:
            raise InvalidInputError("user name", name, ", ".join(self._by_name()) or "a user of this exchange")
        return user


def _second(at_ms: int) -> int:
    if at_ms < 0:
        raise InvalidInputError("time", at_ms, "UTC ms, 0 for none")
    return at_ms // 1000
