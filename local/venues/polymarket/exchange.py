"""The local exchange as tests, demo and simulation hold it: set up, feed, fault, pause, resolve, ask, audit."""

from collections import Counter
from collections.abc import Callable, Iterable
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
from local.venues.polymarket.accounts import User
from local.venues.polymarket.app import App
from local.venues.polymarket.audit import Books, books
from local.venues.polymarket.auth import LARGEST_SKEW_MS, KeyRing
from local.venues.polymarket.booking import cover, redeem
from local.venues.polymarket.lifecycle import Tape, close, market_named, resolve
from local.venues.polymarket.limits import SignerBuckets, tier_named
from local.venues.polymarket.markets import Market, MarketSpec
from local.venues.polymarket.operator import Operator
from local.venues.polymarket.records import Credentials, EndReason, Miss, Redemption, Trade
from local.venues.polymarket.state import ExchangeState
from local.venues.polymarket.wire import SCALE


def seeded_ids(seed: int) -> Callable[[], str]:
    """A source of UUIDs that gives the same ones for the same seed."""
    source = Random(seed)
    return lambda: str(UUID(int=source.getrandbits(128), version=4))


class PolymarketExchange:
    """One exchange. Thread-safe; time comes from the clock, ids from `new_id`, chance from `seed`.

    Prices, sizes and money that go in and out here are integers of SCALE (4, 6 and 10 decimals), except where a
    person writes them: deposits are Decimal dollars and shares. Markets are named by their slug, and everything of
    the tape is stated on the market's first token. `operator` holds what the venue's own people and machines do:
    restarts, modes, lags, settlement, limits.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        new_id: Callable[[], str] | None = None,
        seed: int = 0,
        largest_skew_ms: int = LARGEST_SKEW_MS,
    ) -> None:
        ids = new_id or seeded_ids(seed)
        self._state = ExchangeState(clock, ids, Random(seed))
        self._keys = KeyRing(ids, largest_skew_ms)
        self._tape = Tape(self._state)
        self.faults = Faults(Random(seed + 1))
        self._app = App(self._state, self._keys, self.faults, self._tape, clock)
        self._lock = self._app.lock
        self.operator = Operator(self._state, self._tape, self._app.windows, self._lock)
        self.clock = clock

    def handle(self, request: Request) -> Response:
        """Answer a request of any of the venue's hosts. Raises ConnectionDropped where a fault keeps it back."""
        return self._app.handle(request)

    # Set up.

    def add_market(self, spec: MarketSpec) -> Market:
        """List a market. Raises InvalidInputError."""
        with self._lock:
            state = self._state
            market = Market(spec, state.tick(), len(state.markets) + 1)
            taken = market.condition_id in state.by_condition or any(t in state.by_token for t in market.tokens)
            if spec.name in state.markets or taken:
                raise InvalidInputError("market", spec.name, "a new name, condition id and tokens")
            state.markets[spec.name] = state.by_condition[market.condition_id] = market
            for outcome, token in enumerate(market.tokens):
                state.by_token[token] = (market, outcome)
            if market.close_at_ms:
                state.plan(market.close_at_ms, lambda at_ms: close(state, market, EndReason.CLOSE, at_ms))
            return market

    def add_user(
        self,
        name: str,
        address: str,
        *,
        wallet: str = "",
        signature_type: int = 0,
        tier: str = "standard",
        dollars: Decimal = Decimal(0),
    ) -> None:
        """Admit the key with this address, acting for a wallet (the address itself for type 0)."""
        with self._lock:
            state = self._state
            if name in state.users:
                raise InvalidInputError("user name", name, "a new name")
            if (signature_type == 0) != (not wallet or wallet.lower() == address.lower()):
                raise InvalidInputError("wallet", wallet, "the address itself for type 0, else another one")
            buckets = SignerBuckets(tier_named(tier), state.tick())
            user = User(name, address, wallet or address, signature_type, buckets)
            state.users[name] = state.by_wallet[user.wallet] = user
            self._keys.admit(user)
            self.deposit(name, dollars)

    def add_api_key(self, name: str, nonce: int = 0) -> Credentials:
        """A new API key of a user, as POST /auth/api-key makes one. Raises InvalidInputError for a used nonce."""
        with self._lock:
            user = self._user(name)
            if nonce in user.keys:
                raise InvalidInputError("nonce", nonce, "one without a key")
            return self._keys.create(user, nonce)

    def add_relayer_key(self, name: str) -> str:
        """A new relayer API key of a user, as the site's settings make one."""
        with self._lock:
            return self._keys.add_relayer_key(self._user(name))

    def deposit(self, name: str, dollars: Decimal) -> None:
        """Put pUSD into a user's wallet, or take it out; orders that are no longer covered are cancelled."""
        with self._lock:
            user = self._user(name)
            user.cash.deposit(SCALE.money(dollars, "dollars"))
            cover(self._state, user, self._state.advance())

    def deposit_shares(self, name: str, token_id: str, shares: Decimal) -> None:
        """Put outcome tokens into a user's wallet, or take them out."""
        with self._lock:
            if token_id not in self._state.by_token:
                raise InvalidInputError("token_id", token_id, "a token of this exchange")
            user = self._user(name)
            user.balance_of(token_id).deposit(SCALE.size(shares, "shares"))
            cover(self._state, user, self._state.advance())

    # The tape.

    def apply_snapshot(self, name: str, bids: Iterable[Level], asks: Iterable[Level]) -> list[Execution]:
        """The tape's full book of a market."""
        with self._lock:
            return self._tape.snapshot(name, bids, asks)

    def apply_changes(self, name: str, bids: Iterable[Level], asks: Iterable[Level]) -> list[Execution]:
        """Absolute sizes of several levels at once; zero removes one."""
        with self._lock:
            return self._tape.changes(name, bids, asks)

    def apply_level(self, name: str, side: Side, price: int, size: int) -> list[Execution]:
        """The absolute size of one level; zero removes it."""
        with self._lock:
            return self._tape.level(name, side, price, size)

    def apply_trade(self, name: str, price: int, size: int, aggressor: Side) -> list[Execution]:
        """A trade between others."""
        with self._lock:
            return self._tape.trade(name, price, size, aggressor)

    # Time and results.

    def advance(self) -> None:
        """Let what is due by the clock happen: expiries, settlements, heartbeats, held tape. Requests do so first."""
        with self._lock:
            self._state.advance()
            self._tape.resume()

    def resolve(self, name: str, winner: int) -> None:
        """Resolve a market for outcome 0 or 1, or SPLIT: trading ends, what rests is cancelled, winners can redeem."""
        with self._lock:
            resolve(self._state, market_named(self._state, name), winner)

    def redeem(self, name: str, market: str) -> Redemption | None:
        """Redeem a user's tokens of a resolved market, as the venue's auto-redeem operator may; None: nothing."""
        with self._lock:
            now_ms = self._state.advance()
            return redeem(self._state, self._user(name), market_named(self._state, market), now_ms)

    # What can be seen.

    def books(self, name: str) -> Books:
        """The exact books of a user."""
        with self._lock:
            self.advance()
            return books(self._state, self._user(name))

    def market(self, name: str) -> Market:
        """A market, to read."""
        return market_named(self._state, name)

    def best(self, name: str, outcome: int = 0) -> tuple[int | None, int | None]:
        """The public best bid and ask of an outcome."""
        with self._lock:
            market = market_named(self._state, name)
            return market.best(outcome, Side.BUY), market.best(outcome, Side.SELL)

    @property
    def users(self) -> tuple[str, ...]:
        """The names of all users."""
        return tuple(self._state.users)

    @property
    def trades(self) -> tuple[Trade, ...]:
        """Every trade of a user, oldest first."""
        return tuple(self._state.trades.values())

    @property
    def calls(self) -> Counter[str]:
        """Requests by endpoint ("POST /orders"), refused and dropped ones included."""
        return self._state.calls

    @property
    def rate_limited(self) -> Counter[str]:
        """Answers 429 by endpoint."""
        return +self._state.rate_limited

    @property
    def misses(self) -> list[Miss]:
        """Every cancel that was answered not_canceled, with the cause that the wire hides."""
        return self._state.misses

    def _user(self, name: str) -> User:
        user = self._state.users.get(name)
        if user is None:
            raise InvalidInputError("user name", name, ", ".join(self._state.users) or "a user of this exchange")
        return user
