"""What an exchange's own books say of our account, whichever venue it is, instrument by instrument."""

from collections.abc import Mapping

from msgspec import Struct

from holdfast.core.market import Side


class MarketBooks(Struct, frozen=True):
    """One instrument as one side's books have it. Money and size units; `size` is signed, `cost` that of the open size.

    `cash` is what the instrument changed the balance by, `paid_out` the part of it that the market's result paid.
    """

    fills: int = 0
    volume: int = 0
    cash: int = 0
    fees: int = 0
    realized: int = 0
    paid_out: int = 0
    size: int = 0
    cost: int = 0


class RestingOrder(Struct, frozen=True):
    """An order of ours that rests at the exchange."""

    market: str
    side: Side
    price: int
    remaining: int


class ExchangeBooks(Struct, frozen=True):
    """The exchange's own books of our account, exact and never lagging. Units of the venue's scale.

    `markets` has every instrument that was traded. `profit` is the money beyond the deposits, with `unredeemed`: what
    the winning shares that are still in the wallet are worth. `failed` fills were matched and never settled: no other
    figure has them. `imbalances` say, in words, where the books don't add up.
    """

    markets: Mapping[str, MarketBooks]
    open_orders: tuple[RestingOrder, ...]
    profit: int
    unredeemed: int
    failed: int
    imbalances: tuple[str, ...]
