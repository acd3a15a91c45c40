"""Redeeming what resolved: one record per condition, journaled before it is sent, and when another attempt may start.

A redemption is a transaction, not an order: nothing rests, and what it pays was decided when the market resolved. Its
record is its identity. Attempt n + 1 exists only once attempt n is over.
"""

from enum import StrEnum
from hashlib import blake2b

from msgspec import Struct, structs

from holdfast.core.market import Side
from holdfast.core.outcomes import Refusal, Refused, Unknown
from holdfast.core.positions import LedgerKind, LedgerLine

# A venue's list of holdings follows the chain late: until then what was redeemed may still be listed.
STILL_LISTED_MS = 600_000
# Two looks that show the holding after a transaction can no longer take effect: then it did not.
CLEAN_READS = 2
MOST_FAILURES = 5
FIRST_BACKOFF_MS = 60_000
LONGEST_BACKOFF_MS = 3_600_000
# Refusals that say nothing of the redemption itself: it is tried again without counting.
_PASSING = frozenset({Refusal.RATE_LIMITED, Refusal.NOT_SENT, Refusal.TRADING_PAUSED})


class Holding(Struct, frozen=True):
    """Shares of one resolved market (size units) and what they pay (money units)."""

    market: str
    size: int
    payout: int


class Redeemable(Struct, frozen=True):
    """What one transaction turns into money: everything held of one condition."""

    condition: str
    holdings: tuple[Holding, ...]

    @property
    def payout(self) -> int:
        """What it pays in all, money units."""
        return sum(holding.payout for holding in self.holdings)


class SignedRedemption(Struct, frozen=True):
    """A signed transaction. After `void_after_ms` it can't take effect any more beside a later attempt."""

    body: str
    void_after_ms: int


class Submitted(Struct, frozen=True, tag="submitted"):
    """The transaction was taken; it is not on the chain yet."""

    transaction_id: str


SubmitOutcome = Submitted | Refused | Unknown


class RedemptionStatus(StrEnum):
    """What a look-up shows. `void`: no trace, and too late to take effect; `unknown`: no trace yet."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    VOID = "void"
    UNKNOWN = "unknown"


class RedemptionRead(Struct, frozen=True):
    """One look-up. `detail` is the venue's words."""

    status: RedemptionStatus
    transaction_id: str = ""
    detail: str = ""


class RedemptionState(StrEnum):
    """Where a redemption is. `sent`: the outcome of the submit is unknown. `failed`: this attempt is over."""

    SENT = "sent"
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    FAILED = "failed"


class Redemption(Struct, frozen=True):
    """The latest attempt to redeem one condition. Times in UTC ms.

    `body` is what was sent, byte for byte; `identity` goes along in it. Nobody resolves it before `resolvable_at_ms`.
    `failures` counts attempts in a row that failed for a reason of their own, `clean_reads` looks that showed the
    holding although the transaction can no longer take effect.
    """

    condition: str
    holdings: tuple[Holding, ...]
    attempt: int
    identity: str
    body: str
    fence: int
    sent_at_ms: int
    resolvable_at_ms: int
    void_after_ms: int
    state: RedemptionState = RedemptionState.SENT
    transaction_id: str = ""
    ended_at_ms: int = 0
    failures: int = 0
    cause: str = ""
    clean_reads: int = 0
    version: int = 1

    @property
    def is_open(self) -> bool:
        """Whether it may still take effect."""
        return self.state in (RedemptionState.SENT, RedemptionState.SUBMITTED)

    @property
    def is_given_up(self) -> bool:
        """Whether it failed so often that only the owner starts it again."""
        return self.state is RedemptionState.FAILED and self.failures >= MOST_FAILURES

    def submitted(self, transaction_id: str) -> "Redemption":
        """The venue has it."""
        return self._changed(state=RedemptionState.SUBMITTED, transaction_id=transaction_id, clean_reads=0)

    def confirmed(self, transaction_id: str, now_ms: int) -> "Redemption":
        """The money is there."""
        known = transaction_id or self.transaction_id
        return self._changed(
            state=RedemptionState.CONFIRMED, transaction_id=known, ended_at_ms=now_ms, failures=0, cause=""
        )

    def failed(self, cause: str, now_ms: int, *, counts: bool) -> "Redemption":
        """This attempt is over without effect."""
        failures = self.failures + counts
        return self._changed(state=RedemptionState.FAILED, cause=cause, ended_at_ms=now_ms, failures=failures)

    def restarted(self) -> "Redemption":
        """Given up, and to be tried again at once. The attempts count on: a name is never used for two transactions."""
        return self._changed(failures=0, ended_at_ms=0)

    def seen_void(self, now_ms: int) -> "Redemption":
        """Once more the holding is there although the transaction is too late: in the end it had no effect."""
        if self.clean_reads + 1 < CLEAN_READS:
            return self._changed(clean_reads=self.clean_reads + 1)
        return self.failed("it never took effect", now_ms, counts=False)

    def after(self, outcome: SubmitOutcome, now_ms: int) -> "Redemption":
        """The record after the answer to the submit; unchanged where that is unknown."""
        if isinstance(outcome, Submitted):
            return self.submitted(outcome.transaction_id)
        if isinstance(outcome, Refused):
            cause = outcome.detail or outcome.code or outcome.reason.value
            return self.failed(cause, now_ms, counts=outcome.reason not in _PASSING)
        return self

    def next_at_ms(self) -> int:
        """From when on another attempt may start; meaningless while this one is open."""
        if self.state is RedemptionState.CONFIRMED:
            return self.ended_at_ms + STILL_LISTED_MS
        return self.ended_at_ms + min(FIRST_BACKOFF_MS << min(self.failures, 10), LONGEST_BACKOFF_MS)

    def _changed(self, **fields: object) -> "Redemption":
        return structs.replace(self, version=self.version + 1, **fields)


def may_start(latest: Redemption | None, now_ms: int) -> bool:
    """Whether a new attempt may start after the latest one."""
    if latest is None:
        return True
    return not latest.is_open and not latest.is_given_up and now_ms >= latest.next_at_ms()


def identity_of(account: str, condition: str, attempt: int) -> str:
    """The name of one attempt, the same wherever it is worked out."""
    return f"hf-redeem-{blake2b(f'{account}#{condition}#{attempt}'.encode(), digest_size=12).hexdigest()}"


def next_attempt(
    latest: Redemption | None,
    account: str,
    wanted: Redeemable,
    signed: SignedRedemption,
    *,
    fence: int,
    now_ms: int,
    resolvable_at_ms: int,
) -> Redemption:
    """The record of a new attempt. Its version follows the latest one's, whose place it takes."""
    attempt = latest.attempt + 1 if latest else 1
    return Redemption(
        condition=wanted.condition,
        holdings=wanted.holdings,
        attempt=attempt,
        identity=identity_of(account, wanted.condition, attempt),
        body=signed.body,
        fence=fence,
        sent_at_ms=now_ms,
        resolvable_at_ms=resolvable_at_ms,
        void_after_ms=max(signed.void_after_ms, resolvable_at_ms),
        failures=latest.failures if latest else 0,
        version=latest.version + 1 if latest else 1,
    )


def ledger_lines(record: Redemption, now_ms: int, decision_id: str) -> list[LedgerLine]:
    """The lines that say that its holdings were redeemed. The settlements booked the profit: these move no cash."""
    return [
        LedgerLine(
            key=f"redemption#{holding.market}#{record.attempt}",
            kind=LedgerKind.REDEMPTION,
            market=holding.market,
            side=Side.SELL,
            price=holding.payout // holding.size,
            size=holding.size,
            fee=0,
            cash=0,
            realized=0,
            position_after=0,
            at_ms=now_ms,
            order_id=record.transaction_id,
            decision_id=decision_id,
        )
        for holding in record.holdings
    ]
