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
|                                                  | or below it too, or by a trade no older than                |
|                                                  | `stale_after_ms` at or below it and at most `max_spread`    |
|                                                  | above the bid; nothing else                                 |
| bid, no ask: one-sided                           | nothing is confirmed; the last trade alone is no market     |

So a position bought at 0.99 does not fire on 0.01 bid, 0.99 asked (the ask is above every stop), and does on 0.05 bid,
0.30 asked with a stop at 0.50. A bid that has reached no level needs no witness: it can be sold to, so no stop is due.
"""

from msgspec import Struct, structs

from holdfast.core.book import OrderBook
from holdfast.core.bracket import own_price
from holdfast.core.market import MarketRules, PriceBand, Side


class Mark(Struct, frozen=True, gc=False):
    """One instrument's prices at one time, in own price units; None where there is none.

    `bid_size` is what the best bid takes. `at_ms` is when the book was last true (our clock, UTC ms).
    """

    bid: int | None
    ask: int | None
    bid_size: int
    at_ms: int
    last_trade: int | None = None
    last_trade_at_ms: int = 0


NO_MARK = Mark(bid=None, ask=None, bid_size=0, at_ms=0)
"""No book at all."""


def mark_of(
    book: OrderBook | None,
    side: Side,
    one: int | None,
    *,
    last_trade: int | None = None,
    last_trade_at_ms: int = 0,
) -> Mark:
    """The mark of what is held, from its market's book net of our own orders (None: there is none).

    `side` is the entry's; `last_trade` is a price of the market's book, not an own price. Raises InvalidInputError
    where a second outcome is said to be held at a venue that has none in the same book.
    """
    if book is None:
        return NO_MARK
    bid, ask = book.best_bid, book.best_ask
    if side is Side.BUY:
        return Mark(bid, ask, 0 if bid is None else book.bids[bid], book.at_ms, last_trade, last_trade_at_ms)
    whole = own_price(0, side, one)
    return Mark(
        None if ask is None else whole - ask,
        None if bid is None else whole - bid,
        0 if ask is None else book.asks[ask],
        book.at_ms,
        None if last_trade is None else whole - last_trade,
        last_trade_at_ms,
    )


def sellable_depth(book: OrderBook, side: Side, one: int | None, floor: int) -> int:
    """How much of what is held the book takes at the own price `floor` or better; `side` is the entry's."""
    return book.depth(side, own_price(floor, side, one))


def own_rules(rules: MarketRules, side: Side, one: int | None) -> MarketRules:
    """The market's rules with its price bands in own prices, so that ticks and ends are those of what is held."""
    if side is Side.BUY:
        return rules
    bands = tuple(
        PriceBand(own_price(band.high, side, one), own_price(band.low, side, one), band.step)
        for band in reversed(rules.bands)
    )
    return structs.replace(rules, bands=bands)


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


def witness(mark: Mark, level: int, now_ms: int, stale_after_ms: int, max_spread: int) -> str:
    """What else says that a level is reached which the bid of a too wide book has reached, in words; "" for nothing."""
    bid, ask, trade = mark.bid, mark.ask, mark.last_trade
    if bid is None or ask is None or bid > level:
        return ""
    if ask <= level:
        return "ask"
    fresh = now_ms - mark.last_trade_at_ms <= stale_after_ms
    return "last trade" if trade is not None and fresh and trade <= level and trade - bid <= max_spread else ""


def least_worth(mark: Mark, max_spread: int, otherwise: int) -> int:
    """What a unit is worth at least by what is known, for a floor to be measured from where the bid is not trusted.

    An ask says that nobody sells for less: `max_spread` below it is where a bid of a market would be. Without one the
    last trade counts, however old, and without that `otherwise`. Never below the bid.
    """
    bid = mark.bid or 0
    if mark.ask is not None:
        return max(bid, mark.ask - max_spread)
    return max(bid, otherwise if mark.last_trade is None else mark.last_trade)
