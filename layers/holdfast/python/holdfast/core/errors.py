"""The one exception tree. Each class says who must react."""


class HoldfastError(Exception):
    """Root of every error that Holdfast raises on purpose."""


class InvalidInputError(HoldfastError):
    """A person or a file gave a value that can't be used. The person must correct it.

    The message names the field, the value and what is allowed.
    """

    def __init__(self, field: str, value: object, allowed: str) -> None:
        self.field, self.value, self.allowed = field, value, allowed
        super().__init__(f"{field}: {value!r} is not allowed; allowed: {allowed}")


class VenueError(HoldfastError):
    """A read from a venue failed. An error is never an empty list: the caller must not act as if it were."""


class VenueUnavailableError(VenueError):
    """Time-out, broken connection, 5xx or an answer that could not be read. The next tick tries again."""


class VenueRateLimitedError(VenueError):
    """The venue answered 429. The caller stores the back-off and ends the tick."""


class VenueAuthError(VenueError):
    """The venue refused the credentials, their scopes or the clock. The owner must act."""


class VenueRefusedError(VenueError):
    """The venue refused a read for a reason of the request itself (4xx)."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code = status, code
        super().__init__(f"{status} {code}: {message}")


class SigningError(HoldfastError):
    """A signature could not be had of the key's keeper, so nothing was sent. The next tick tries again.

    Where it goes on, the owner must see to the key and to who may use it.
    """


class BudgetExhaustedError(HoldfastError):
    """The shared token bucket does not cover a call. The caller leaves the work to a later tick."""

    def __init__(self, bucket: str, tokens: int, wait_ms: int) -> None:
        self.bucket, self.tokens, self.wait_ms = bucket, tokens, wait_ms
        super().__init__(f"bucket {bucket!r} lacks {tokens} tokens for another {wait_ms} ms")


class StoreError(HoldfastError):
    """The state store could not be read or written; whether a write took effect is unknown."""


class ConditionFailedError(HoldfastError):
    """A conditional write lost. Whoever loses re-reads. `failed` holds the indices of the writes that lost."""

    def __init__(self, failed: tuple[int, ...] = (0,)) -> None:
        self.failed = failed
        super().__init__(f"condition failed on write {', '.join(map(str, failed))}")


class LeaseLostError(HoldfastError):
    """Another writer holds the lease now. This tick must stop before its next write."""


class ClaimLostError(HoldfastError):
    """Another writer changed brackets that a write was for. Nothing was sent; whoever loses re-reads them.

    `markets` are those of the lost claims.
    """

    def __init__(self, markets: tuple[str, ...]) -> None:
        self.markets = markets
        super().__init__(f"another writer changed the bracket of {', '.join(markets)}")


class SwitchesInvalidError(HoldfastError):
    """The switches can't be used. The last valid set stays in force, entries and quotes stop, exits go on."""


class PositionMismatchError(HoldfastError):
    """The venue settled another size than the ledger holds. Nothing is booked; fills must be read again."""

    def __init__(self, market: str, held: int, settled: int) -> None:
        self.market, self.held, self.settled = market, held, settled
        super().__init__(f"{market}: the venue settled {settled} where the ledger holds {held}")
