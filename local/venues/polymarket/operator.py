"""What the venue's own people and machines do to everybody, or to one user."""

from threading import RLock

from msgspec import structs

from holdfast.core.errors import InvalidInputError
from local.venues.polymarket.accounts import User
from local.venues.polymarket.eip712 import DOMAINS
from local.venues.polymarket.lifecycle import Tape, market_named
from local.venues.polymarket.limits import IP_LIMITS, IpWindows, LimiterMode, SignerBuckets, tier_named
from local.venues.polymarket.markets import AMOUNT_DECIMALS
from local.venues.polymarket.state import POST_ONLY_MS, ExchangeState, Geoblock, Modes, ReadLag, Relaying, Settlement


class Operator:
    """Restarts, modes, lags, settlement, limits."""

    def __init__(self, state: ExchangeState, tape: Tape, windows: IpWindows, lock: RLock) -> None:
        self._state, self._tape, self._windows, self._lock = state, tape, windows, lock

    def restart_engine(self, duration_ms: int = 90_000, post_only_ms: int = POST_ONLY_MS) -> None:
        """Order endpoints answer 425 for a time, then take only post-only orders (facts polymarket section 2.5)."""
        with self._lock:
            back_ms = self._state.advance() + duration_ms
            self._state.modes.restarting_until_ms = back_ms
            self._state.modes.post_only_until_ms = back_ms + post_only_ms

    def set_mode(self, *, cancel_only: bool = False, disabled: bool = False) -> None:
        """Take only cancels, or nothing at all; without either trading is normal, and a restart is over."""
        with self._lock:
            self._state.advance()
            self._state.modes = Modes(cancel_only=cancel_only, disabled=disabled)
            self._tape.resume()

    def set_clock_skew_ms(self, skew_ms: int) -> None:
        """Let the exchange's clock run ahead of (or, negative, behind) the one that it was given.

        Everything that it stamps, expires or checks goes by that clock; set back, it stands still until time has
        caught up.
        """
        with self._lock:
            self._state.skew_ms = skew_ms

    def set_read_lag_ms(self, lag_ms: int, jitter_ms: int = 0) -> None:
        """Let reads of orders and trades show the state of `lag_ms`, plus up to `jitter_ms` at random per read, ago.

        The venue's list of open orders was seen 8 seconds late (facts polymarket section 1.2).
        """
        with self._lock:
            self._state.read_lag = ReadLag(lag_ms, jitter_ms)

    def set_settlement(self, **delays: int) -> None:
        """How long trades take from now on: mined_after_ms, confirmed_after_ms, cached_after_ms (see Settlement)."""
        with self._lock:
            if not delays.keys() <= set(Settlement.__struct_fields__):
                raise InvalidInputError("settlement delays", sorted(delays), ", ".join(Settlement.__struct_fields__))
            self._state.settlement = structs.replace(self._state.settlement, **delays)

    def fail_trades(self, count: int) -> None:
        """Let the next trades go to RETRYING where they would be mined, and then to FAILED."""
        with self._lock:
            self._state.failing_trades = _not_negative("count of failing trades", count)

    def set_relaying(self, **changes: int) -> None:
        """What the relayer does from now on: mined_after_ms, confirmed_after_ms, failing, invalid (see Relaying)."""
        with self._lock:
            if not changes.keys() <= set(Relaying.__struct_fields__):
                raise InvalidInputError("relayer's behaviour", sorted(changes), ", ".join(Relaying.__struct_fields__))
            self._state.relaying = structs.replace(self._state.relaying, **changes)

    def ignore_cancels(self, count: int) -> None:
        """Answer the next cancels of live orders with not_canceled, and leave the orders alone."""
        with self._lock:
            self._state.ignored_cancels = _not_negative("count of ignored cancels", count)

    def set_tick(self, market: str, tick: int) -> None:
        """Change a market's tick (price units). What happens to resting orders off the new grid is not known: they
        stay."""
        with self._lock:
            if tick not in AMOUNT_DECIMALS:
                raise InvalidInputError(f"tick of {market}", tick, f"one of {sorted(AMOUNT_DECIMALS)}")
            market_named(self._state, market).tick = tick

    def set_geoblock(self, geoblock: Geoblock, *, sells_too: bool = False) -> None:
        """Where the caller is. From a blocked place nothing can be bought, and with `sells_too` nothing sold either.

        The venue knows both: most blocked places are close-only, a few are closed (docs.polymarket.com,
        api-reference/geoblock).
        """
        with self._lock:
            self._state.geoblock, self._state.blocks_sells = geoblock, geoblock.blocked and sells_too

    def set_ip_limit(self, endpoint: str, per_window: int) -> None:
        """Requests to an endpoint per 10 seconds. Raises InvalidInputError."""
        with self._lock:
            if endpoint not in IP_LIMITS:
                raise InvalidInputError("endpoint", endpoint, ", ".join(IP_LIMITS))
            self._windows.limits[endpoint] = _not_negative("limit", per_window)

    def set_tier(self, user: str, tier: str) -> None:
        """Put a user on another tier, with full buckets."""
        with self._lock:
            known = self._user(user)
            mode = known.buckets.mode
            known.buckets = SignerBuckets(tier_named(tier), self._state.tick())
            known.buckets.mode = mode

    def set_limiter(self, user: str, mode: LimiterMode) -> None:
        """Whether a user's signer limits refuse, only warn, or are off."""
        with self._lock:
            self._user(user).buckets.mode = mode

    def set_standing(self, user: str, *, banned: bool = False, closed_only: bool = False) -> None:
        """Ban a user, let it only close positions, or neither."""
        with self._lock:
            known = self._user(user)
            known.banned, known.closed_only = banned, closed_only

    def set_approved(self, user: str, exchange: str, approved: bool) -> None:
        """Whether a wallet approved an exchange ("v2", "v2_neg_risk" or "v3") for its pUSD and tokens."""
        with self._lock:
            if exchange not in DOMAINS:
                raise InvalidInputError("exchange", exchange, ", ".join(DOMAINS))
            contract = DOMAINS[exchange].contract.lower()
            revoked = self._user(user).revoked
            (revoked.discard if approved else revoked.add)(contract)

    def _user(self, name: str) -> User:
        user = self._state.users.get(name)
        if user is None:
            raise InvalidInputError("user name", name, ", ".join(self._state.users) or "a user of this exchange")
        return user


def _not_negative(field: str, count: int) -> int:
    if count < 0:
        raise InvalidInputError(field, count, "0 or more")
    return count
