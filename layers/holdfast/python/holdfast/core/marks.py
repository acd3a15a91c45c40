"""What one market's prices are worth for what is held: own prices, and whether they may be acted on.

Only the executable bid counts: what somebody pays for the held outcome now. A bid alone proves little, though. The
rules, each from an incident of a peer (an abandoned bid of 0.01 sold winners at 0.99; a missing side skipped positions
at -96 %; a stop fired on a stale middle while the bid was healthy; another slept on one):

| the book, net of our own orders                  | what it is good for                                         |
|--------------------------------------------------|-------------------------------------------------------------|
| older than `stale_after_ms`                      | nothing: stale                                              |
| no bid (with or without an ask)                  | nothing: nobody buys                                        |
| bid at or above the ask                          | nothing: crossed, two reads that do not fit                 |
| bid, and an ask at most `max_spread` above it    | everything: trusted                                         |
| bid, and an ask further above it: too wide       | a level that the bid has reached is confirmed by the ask at |
|                                                  | or below it too, or by the last trade; nothing else         |
| bid, no ask: one-sided                           | nothing is confirmed; the last trade alone is no market     |

So a position bought at 0.99 does not fire on 0.01 bid, 0.99 asked (the ask is above every stop), and does on 0.05 bid,
0.30 asked with a stop at 0.50. A bid that has reached no level needs no witness: it can be sold to, so no stop is due.

The last trade is a witness where all of this holds, else nobody is (0.30 bid, 0.55 asked, a stop at 0.44):

- it was made no longer than `stale_after_ms` ago: a venue's last price may be hours old, from before the market rose;
- it is at or below the level, and at most `max_spread` above the bid: one at 0.43 says nothing of a bid of 0.01;
- where the venue has a second book, of the other outcome, that one agrees: its best ask is our bid the other way round,
  within two ticks. A read that lost levels shows as two books that say different things. The second book confirms
  nothing by itself: it is the same market, and an abandoned bid stands in both.

In a one-sided book nobody else is asked: a market that falls is full of sellers, and here there is none. What is sold
on a trade's word starts from the trade's price, or from where the ask puts a market's bid if that is less.
"""

from msgspec import Struct

from holdfast.core.book import OrderBook
from holdfast.core.bracket import own_price
from holdfast.core.market import Side


class Mark(Struct, frozen=True, gc=False):
    """One instrument's prices at one time, in own price units; None where there is none.

    `bid_size` is what the best bid takes. `at_ms` is when the book was last true (our clock, UTC ms).
    `last_trade_at_ms`: the earliest time that it can have been made, 0 where nobody says. `mirrors`: the other outcome
    has a book of its own; `mirrored_bid` is our bid as that one has it, None where it was not read or has none.
    """

    bid: int | None
    ask: int | None
    bid_size: int
    at_ms: int
    last_trade: int | None = None
    last_trade_at_ms: int = 0
    mirrors: bool = False
    mirrored_bid: int | None = None


NO_MARK = Mark(bid=None, ask=None, bid_size=0, at_ms=0)
"""No book at all."""


def mark_of(book: OrderBook | None, side: Side, one: int | None, mirror: OrderBook | None = None) -> Mark:
    """The mark of what is held, from its market's book net of our own orders (None: there is none).

    `side` is the entry's; `mirror` is the other outcome's book, net of our orders too, of the same read. Raises
    InvalidInputError where a second outcome is said to be held at a venue that has none in the same book.
    """
    if book is None:
        return NO_MARK
    bid, ask, trade = book.best_bid, book.best_ask, book.last_trade
    mirrors = bool(book.mirror)
    offered, wanted = (mirror.best_ask, mirror.best_bid) if mirror is not None else (None, None)
    traded, traded_at_ms = (trade.price, trade.at_ms) if trade is not None else (None, 0)
    if side is Side.BUY:
        size = 0 if bid is None else book.bids[bid]
        mirrored = None if offered is None else book.one - offered
        return Mark(bid, ask, size, book.at_ms, traded, traded_at_ms, mirrors, mirrored)
    whole = own_price(0, side, one)
    return Mark(
        None if ask is None else whole - ask,
        None if bid is None else whole - bid,
        0 if ask is None else book.asks[ask],
        book.at_ms,
        None if traded is None else whole - traded,
        traded_at_ms,
        mirrors,
        wanted,
    )


def sellable_depth(book: OrderBook, side: Side, one: int | None, floor: int) -> int:
    """How much of what is held the book takes at the own price `floor` or better; `side` is the entry's."""
    return book.depth(side, own_price(floor, side, one))


def untrusted(mark: Mark, now_ms: int, stale_after_ms: int, max_spread: int) -> str:
    """Why the bid may not be acted on as it stands, in one word; "" where it is trusted (see the table above)."""
    if now_ms - mark.at_ms > stale_after_ms:
        return "stale"
    bid, ask = mark.bid, mark.ask
    if bid is None or bid <= 0:
        return "no_bid"
    if ask is None:
        return "one_sided"
    if bid >= ask:
        return "crossed"
    return "wide" if ask - bid > max_spread else ""


def witness(mark: Mark, level: int, now_ms: int, stale_after_ms: int, max_spread: int, tolerance: int) -> str:
    """What else says that a level is reached which the bid of a too wide book has reached, in words; "" for nothing.

    `tolerance` is how far two books of one market may differ at one time.
    """
    bid, ask, trade = mark.bid, mark.ask, mark.last_trade
    if bid is None or ask is None or bid > level:
        return ""
    if ask <= level:
        return "ask"
    if trade is None or now_ms - mark.last_trade_at_ms > stale_after_ms:
        return ""
    is_near = trade <= level and trade - bid <= max_spread
    return "last trade" if is_near and _agrees(mark, bid, tolerance) else ""


def _agrees(mark: Mark, bid: int, tolerance: int) -> bool:
    """Whether the other outcome's book, where there is one, has our bid too."""
    if not mark.mirrors:
        return True
    return mark.mirrored_bid is not None and abs(bid - mark.mirrored_bid) <= tolerance


def least_worth(mark: Mark, max_spread: int, otherwise: int) -> int:
    """What a unit is worth at least by what is known, for a floor to be measured from where the bid is not trusted.

    An ask says that nobody sells for less: `max_spread` below it is where a bid of a market would be. Without one the
    last trade counts, however old, and without that `otherwise`. Never below the bid.
    """
    bid = mark.bid or 0
    if mark.ask is not None:
        return max(bid, mark.ask - max_spread)
    return max(bid, otherwise if mark.last_trade is None else mark.last_trade)
