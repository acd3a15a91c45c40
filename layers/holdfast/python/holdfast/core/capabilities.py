"""What a venue can do and what its calls cost. Core plans from these values, never from a venue's name."""

from enum import StrEnum

from msgspec import Struct

from holdfast.core.errors import InvalidInputError
from holdfast.core.fees import FeeRates
from holdfast.core.scale import Scale


class CancelAck(StrEnum):
    """How final a positive answer to a cancel is."""

    FINAL_WITH_FILLS = "final_with_fills"
    FINAL = "final"
    QUEUED = "queued"


class Replace(StrEnum):
    """Whether an order can be changed in place."""

    AMEND = "amend"
    EDIT = "edit"
    NONE = "none"


class Identity(StrEnum):
    """What names an order before the venue has answered: an id of ours that goes along, or a hash of the order."""

    CLIENT_ID = "client_id"
    HASH = "hash"


class Bucket(Struct, frozen=True):
    """A token bucket: `refill` tokens a second up to `capacity`."""

    name: str
    refill: int
    capacity: int

    def __post_init__(self) -> None:
        if self.refill <= 0 or self.capacity <= 0:
            raise InvalidInputError(f"bucket {self.name}", (self.refill, self.capacity), "refill and capacity above 0")


class Costs(Struct, frozen=True):
    """Tokens per call or, for batches, per item."""

    create: int
    cancel: int
    amend: int
    decrease: int
    read: int


class Capabilities(Struct, frozen=True):
    """What core needs to know of a venue.

    `batch_create` and `batch_cancel` are the most items in one call (1: no batches); what fits the write bucket
    bounds them further. `states_as_of`: the venue says as of when its reads of user data are; `as_of_slack_ms` is
    taken off that time because it is approximate. `read_lag_ms` serves where the venue states none. `identity` HASH:
    the venue keeps no id of ours, so orders are attributed by the order id that `Venue.prepare` fills in.
    `shortest_expiry_ms`: how far ahead an order's expiry must be at least when it is prepared; 0 means any.
    `least_taking_buy`: the least money, at its limit price, that a buy which takes at once is accepted for.
    `post_only_after_restart_ms`: how long the venue takes post-only orders alone after its engine has restarted.
    `fees`: the most that it charges in any market.
    """

    scale: Scale
    netting: bool
    post_only: bool
    batch_create: int
    batch_cancel: int
    write_bucket: Bucket
    read_bucket: Bucket
    costs: Costs
    cancel_ack: CancelAck
    replace: Replace
    decrease: bool
    reserves_sells: bool
    native_bracket: bool
    states_as_of: bool
    as_of_slack_ms: int
    read_lag_ms: int
    books_per_call: int
    identity: Identity = Identity.CLIENT_ID
    shortest_expiry_ms: int = 0
    least_taking_buy: int = 0
    post_only_after_restart_ms: int = 0
    fees: FeeRates = FeeRates()

    @property
    def one(self) -> int | None:
        """The price 1 where selling beyond what is held opens the market's other outcome; None where it can't."""
        return self.scale.one if self.netting else None
