"""Is an account ready to trade? One line a check, each "ok" or what to do. Nothing secret is shown, and nothing changes
but the tokens that the reads cost.

The same checks run on the owner's machine and inside a deployed function, whose place, clock and permissions are those
that count.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal
from typing import TypeVar

from msgspec import Struct

from holdfast.assembly import KMS_KEY, check_account, open_signer, open_venue, system_jitter
from holdfast.clock import Clock
from holdfast.core.errors import (
    BudgetExhaustedError,
    HoldfastError,
    InvalidInputError,
    SigningError,
    StoreError,
    VenueAuthError,
    VenueError,
    VenueRateLimitedError,
)
from holdfast.core.skew import WARN_OVER_MS, SkewVerdict, certain_skew, judge
from holdfast.core.windows import VenueMode
from holdfast.jobs.access import WARN_DAYS, days_left
from holdfast.jobs.throttle import Throttle
from holdfast.state.accounts import Account, Accounts, Secrets
from holdfast.state.port import Store
from holdfast.telemetry.memory import MemoryTelemetry
from holdfast.venues.port import Access, Balance, Venue, VenueStatus

Answer = TypeVar("Answer")

# How long the checks of one account may wait in all for tokens that the account's jobs have used up.
_LONGEST_WAIT_MS = 10_000
_CENT = Decimal("0.01")
_KMS_TODO = "the key must be enabled, and kms:GetPublicKey and kms:Sign on it allowed to whoever signs"
# What is signed to see whether KMS signs: no order, no login and no transaction has this digest.
_NO_ORDER = hashlib.sha256(b"holdfast accounts check").digest()
_RENEW = "renew the location attestation at the venue"
_MODES = {
    VenueMode.TRADING: "trading",
    VenueMode.POST_ONLY: "takes post-only orders alone",
    VenueMode.CANCEL_ONLY: "takes cancels alone",
    VenueMode.RESTARTING: "restarting",
    VenueMode.DISABLED: "trading is paused",
}


class Line(Struct, frozen=True):
    """One check: its name, whether it is ok, and what was found or what to do. `refused`: the venue answered."""

    check: str
    ok: bool
    words: str
    refused: bool = False


def check(account_id: str, store: Store, secrets: Secrets, clock: Clock) -> Iterator[Line]:
    """Every check of one account, in order. A later one needs earlier ones, so one that fails may be the last.

    Raises InvalidInputError where there is no account of that id, StoreError where the tables can't be read.
    """
    account = _record(Accounts(store), account_id)
    if isinstance(account, Line):
        yield account
        return
    throttle = Throttle(store, account_id, clock, MemoryTelemetry(), system_jitter)
    throttle.begin_tick(_LONGEST_WAIT_MS)
    venue = _opened(account, secrets, clock, throttle)
    if not isinstance(venue, Line) or venue.check != "record":
        where = account.base_url or "the venue's own hosts"
        yield Line("record", True, f"{account.venue} {account.environment} at {where}, region {account.region}")
    if isinstance(venue, Line):
        yield venue
        return
    yield Line("secret", True, f"{account.secret_name} can be read, and its keys can be used")
    signing = _signer_line(account, secrets)
    if signing is not None:
        yield signing
    yield from _VenueChecks(account, venue, throttle, clock).lines()


def _record(accounts: Accounts, account_id: str) -> Account | Line:
    if account_id not in accounts.ids():
        accounts.get(account_id)  # says which there are
    try:
        account = accounts.get(account_id)
        check_account(account)
    except InvalidInputError as error:
        return Line("record", False, f"{error}; write it again with holdfast accounts add {account_id} --replace")
    return account


def _opened(account: Account, secrets: Secrets, clock: Clock, throttle: Throttle) -> Venue | Line:
    """The venue's adapter, not yet connected. An error's value is left out: it may be part of the secret."""
    try:
        return open_venue(account, secrets, clock, throttle)
    except StoreError as error:
        where = f"Secrets Manager of {account.region} under that name"
        words = f"{error}; put a JSON object with the venue's keys into {where}"
    except SigningError as error:
        return Line("signer", False, f"{error}; {_KMS_TODO}")
    except InvalidInputError as error:
        words = f"{error.field} can't be used; it must be {error.allowed}"
        if account.account_id in error.field:  # errors about the record name the account
            return Line("record", False, words)
        if error.field == "kms key":
            return Line("signer", False, words)
    return Line("secret", False, words)


def _signer_line(account: Account, secrets: Secrets) -> Line | None:
    """What signs orders, where the venue wants them signed. A key in KMS is tried: it may be read, and yet not used."""
    signer = open_signer(account, secrets)
    if signer is None:
        return None
    key_id = account.options.get(KMS_KEY)
    if key_id is None:
        return Line("signer", True, f"private key in the secret, address {signer.address}")
    try:
        signer.sign_digest(_NO_ORDER)
    except SigningError as error:
        return Line("signer", False, f"{error}; {_KMS_TODO}")
    if secrets.read(account.secret_name).get("private_key"):
        todo = f"take it out of secret {account.secret_name}"
        return Line("signer", False, f"KMS signs, yet the secret holds a private_key that nothing uses: {todo}")
    return Line("signer", True, f"KMS key {key_id}, address {signer.address}")


class _VenueChecks:
    """What only the venue can answer."""

    def __init__(self, account: Account, venue: Venue, throttle: Throttle, clock: Clock) -> None:
        self._account, self._venue, self._throttle, self._clock = account, venue, throttle, clock

    def lines(self) -> Iterator[Line]:
        """Status and clock, credentials, limits, place and key. A venue that gives no answer is not asked again."""
        status = self._tried("status", self._venue.status)
        refused = status if isinstance(status, Line) else None
        if refused is not None and not refused.refused:
            yield refused
            return
        if not isinstance(status, Line):
            yield _status_line(status)
            yield _clock_line(status)
        balance = self._tried("credentials", self._balance)
        if isinstance(balance, Line):
            yield balance  # where the status was refused, too, that is why
            return
        if refused is not None:
            yield refused
        yield Line("credentials", True, f"accepted, {self._dollars(balance)} can be spent")
        if balance.unapproved is not None:
            yield _allowance_line(balance.unapproved)
        yield Line("limits", True, self._limits())
        access = self._tried("access", self._venue.access)
        if isinstance(access, Line):
            yield access
            return
        yield _place_line(access)
        yield _key_line(access, self._clock.now_ms())

    def _balance(self) -> Balance:
        """Connects first: the venue may state its limits to a good key alone."""
        self._venue.connect()
        self._throttle.configure(self._venue.capabilities)
        return self._venue.balance()

    def _dollars(self, balance: Balance) -> str:
        scale = self._venue.capabilities.scale
        return f"${scale.money_decimal(balance.available).quantize(_CENT, ROUND_DOWN):,}"

    def _limits(self) -> str:
        can = self._venue.capabilities
        write, read, costs = can.write_bucket, can.read_bucket, can.costs
        return (
            f"writes {write.refill:,} tokens a second, {write.capacity:,} at most (an order {costs.create}, a cancel"
            f" {costs.cancel}); reads {read.refill:,} a second; batches of {can.batch_create} orders and"
            f" {can.batch_cancel} cancels"
        )

    def _tried(self, name: str, read: Callable[[], Answer]) -> Answer | Line:
        """What the venue answers, or the line that says why not and what to do."""
        try:
            return read()
        except VenueAuthError as error:
            secret = self._account.secret_name
            todo = f"check that secret {secret} holds a valid key of this environment, and this machine's clock"
            return Line(name, False, f"the venue refuses the key: {_one_line(error)}; {todo}", refused=True)
        except VenueRateLimitedError as error:
            self._throttle.refused("read")
            words = f"the venue's rate limit is used up: {_one_line(error)}; try again in a minute"
        except BudgetExhaustedError as error:
            words = f"the account's jobs use the rate limit up: {_one_line(error)}; try again in a minute"
        except VenueError as error:
            words = f"{_one_line(error)}; check base_url, the network, and whether the venue is up"
        except HoldfastError as error:
            words = _one_line(error)
        return Line(name, False, words)


def _status_line(status: VenueStatus) -> Line:
    words = _MODES[status.mode]
    if status.paused_shards:
        words += f", paused on shards {', '.join(map(str, status.paused_shards))}"
    if status.resumes_at_ms:
        words += f" until {_date(status.resumes_at_ms)}"
    ok = status.active and status.mode is VenueMode.TRADING and not status.paused_shards
    return Line("status", ok, words if ok else f"{words}; wait, or look at the venue's status page")


def _clock_line(status: VenueStatus) -> Line:
    if status.clock is None:
        return Line("clock", True, "the venue's answer shows no time")
    skew_ms = certain_skew(status.clock)
    if judge(skew_ms) is SkewVerdict.FINE:
        return Line("clock", True, f"not known to be more than {WARN_OVER_MS:,} ms from the venue's")
    apart = f"the venue's is at least {abs(skew_ms):,} ms {'ahead of' if skew_ms > 0 else 'behind'} this machine's"
    return Line("clock", False, f"{apart}; synchronise this machine's, unless it is the venue's that is wrong")


def _allowance_line(unapproved: tuple[str, ...]) -> Line:
    if not unapproved:
        return Line("allowance", True, "the venue's exchanges may take the money")
    todo = "orders on their markets are refused until you approve them at the venue"
    return Line("allowance", False, f"not approved: {', '.join(unapproved)}; {todo}")


def _place_line(access: Access) -> Line:
    if access.blocked is None:
        return Line("place", True, "the venue does not say where it sees us")
    seen = f"seen from {access.place or 'an unnamed place'}"
    if access.blocked:
        todo = "the venue takes no orders from here: run this account from a region that it serves"
        return Line("place", False, f"{seen}; {todo}")
    return Line("place", True, f"{seen}, not blocked")


def _key_line(access: Access, now_ms: int) -> Line:
    if access.key_may_trade is False:
        return Line("key", False, "it may not place orders on this subaccount; use one that may (write::trade)")
    left = days_left(access, now_ms)
    if left is None:
        return Line("key", True, "the venue states no expiry")
    expires = _date(access.key_expires_at_ms)
    if now_ms >= access.key_expires_at_ms:
        return Line("key", False, f"its leave to trade lapsed at {expires}; {_RENEW}")
    words = f"leave to trade until {expires}, {left} days left"
    return Line("key", True, words) if left >= WARN_DAYS else Line("key", False, f"{words}; {_RENEW}")


def _date(at_ms: int) -> str:
    """UTC, to the minute."""
    try:
        return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{at_ms} ms"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
