"""When a token's last trade was: the venue says its price with every book, and never its time.

So a time is worked out from our own looks at it, as the earliest that the trade can have been made:

| what a look shows                                  | the trade was made                                          |
|----------------------------------------------------|-------------------------------------------------------------|
| another price than the look before                 | after that look: its time                                   |
| the same price                                     | as before; a trade at the same price is not noticed         |
| the first look of this process                     | nobody knows: 0                                             |
| a book from before the last one (a copy that lags) | nothing new, and it is no look: a price that goes to and    |
|                                                    | fro between two copies would make an old trade a new one    |
| no price, or none that can be read                 | nothing new, and it is no look                              |

This errs to the old side only: a stop that waits for a witness is counted and alarmed, one that fires on a trade from
before the market rose has sold. Ticks read books all the time, also calm ones, so the look before is one tick old; a
process that has just begun has none, and tells a trade from the next change on.
"""

from decimal import Decimal, InvalidOperation

from msgspec import Raw, Struct

from holdfast.core.book import LastTrade
from holdfast.core.errors import VenueUnavailableError
from holdfast.venues.polymarket.order import SCALE
from holdfast.venues.polymarket.wire import nearest_price


class _Look(Struct, frozen=True, gc=False):
    """What the last look showed. `made_at_ms` is the earliest time of its trade; `stated_at` the book's own time."""

    price: int
    made_at_ms: int
    looked_at_ms: int
    stated_at: int


class LastTrades:
    """The last trades of tokens as looks at their books show them, one process long."""

    def __init__(self) -> None:
        self._looks: dict[str, _Look] = {}

    def seen(self, token: str, price: Raw, timestamp: Raw, at_ms: int) -> LastTrade | None:
        """The last trade as a book says it that was asked for at `at_ms`; None where it says none.

        `price` and `timestamp` are the fields as they came: whatever they hold, the book itself must stay readable.
        """
        units, stated_at = _price(price), _whole(timestamp)
        if units is None:
            return None
        before = self._looks.get(token)
        if before is None:
            self._looks[token] = _Look(units, 0, at_ms, stated_at)
            return LastTrade(units)
        made_at_ms = before.made_at_ms if units == before.price else before.looked_at_ms
        if stated_at < before.stated_at:
            return LastTrade(units, before.made_at_ms if units == before.price else 0)
        self._looks[token] = _Look(units, made_at_ms, at_ms, stated_at)
        return LastTrade(units, made_at_ms)


def _price(field: Raw) -> int | None:
    """A price inside 0 to 1, None for anything else: the local exchange writes "" where nothing was traded yet."""
    try:
        units = nearest_price(Decimal(_text(field)), "last_trade_price")
    except (InvalidOperation, VenueUnavailableError):
        return None
    return units if 0 < units < SCALE.one else None


def _whole(field: Raw) -> int:
    text = _text(field)
    return int(text) if text.isascii() and text.isdigit() else 0


def _text(field: Raw) -> str:
    return bytes(field).decode(errors="replace").strip('" ')
