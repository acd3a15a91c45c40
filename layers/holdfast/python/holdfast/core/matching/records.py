"""What the matching engine keeps and answers."""

from msgspec import Struct

from holdfast.core.market import Side
from holdfast.core.outcomes import Refusal


class RestingOrder(Struct):
    """One of our orders in the book. The engine owns and changes it; callers only read.

    `size - remaining` is what has filled: reducing or amending an order changes `size` with `remaining`.
    `queue_ahead` is the tape's size that stood at the price when the order was placed and still stands there;
    `sequence` is the time priority among our orders. `expires_at_ms` 0 means never.
    """

    order_id: str
    owner: str
    side: Side
    price: int
    size: int
    remaining: int
    queue_ahead: int
    sequence: int
    expires_at_ms: int = 0

    @property
    def filled(self) -> int:
        """What has been executed so far."""
        return self.size - self.remaining


class Execution(Struct, frozen=True):
    """One trade of one of our orders. `side` is that order's; a trade between two of ours gives two executions."""

    order_id: str
    owner: str
    side: Side
    price: int
    size: int
    is_taker: bool
    at_ms: int


class Submission(Struct, frozen=True):
    """What became of a submitted or amended order.

    `executions` holds all that it caused, those of other owners' resting orders included, in the order of matching.
    `filled` and `remaining` are the order's own: filled by this call, and resting after it. `refusal` is
    POST_ONLY_CROSS or None; an all-or-nothing order that could not fill has filled 0, remaining 0 and no refusal.
    `self_crossed`: the next order to match was the owner's own, so the rest was cancelled.
    """

    executions: tuple[Execution, ...]
    filled: int
    remaining: int
    refusal: Refusal | None = None
    self_crossed: bool = False
