"""The market scanner: which listed market an account enters next, if any.

The list is minutes old, so it only says which books are worth a read (`candidates`); the choice rests on fresh books
alone (`best`). Own prices are those of what would be bought (core/bracket.py).

Score of a candidate: the smaller of what is offered and what is bid within the widest spread allowed of the best
price (price units x size units: money), for each price unit of the spread. So it is how much can go in and out again
for what going in and out costs. Among equals: the greater volume, then the earlier close, then the id, then the first
outcome.
"""

from collections.abc import Iterable, Mapping, Sequence, Set

from msgspec import Struct

from holdfast.core.book import BookState, OrderBook
from holdfast.core.bracket import own_price
from holdfast.core.discovery import ListedMarket
from holdfast.core.errors import InvalidInputError
from holdfast.core.market import MarketStatus, Side
from holdfast.core.requests import EntryRequest, Origin

_MINUTE_MS = 60_000


class ScanCriteria(Struct, frozen=True, kw_only=True):
    """Which markets may be entered. Prices and money in units of the venue's scale; both ends are included.

    The price is the own ask: `min_price` to `max_price` is the odds range. `min_volume_24h` is money as the venue
    counts it, `min_depth` the money that must be offered as well as bid near the best prices. Closing between
    `min_minutes_to_close` and `max_minutes_to_close` from now; with the latter 0 there is no latest close, and a market
    that states none is taken. `both_outcomes`: the second outcome of a market too, where the venue nets.
    """

    min_price: int
    max_price: int
    max_spread: int
    min_volume_24h: int = 0
    min_depth: int = 0
    min_minutes_to_close: int = 0
    max_minutes_to_close: int = 0
    both_outcomes: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.min_price <= self.max_price:
            raise InvalidInputError("scan prices", (self.min_price, self.max_price), "0 < lowest <= highest")
        if self.max_spread <= 0:
            raise InvalidInputError("scan_max_spread", self.max_spread, "more than 0")
        for name in ("min_volume_24h", "min_depth", "min_minutes_to_close", "max_minutes_to_close"):
            if getattr(self, name) < 0:
                raise InvalidInputError(f"scan_{name}", getattr(self, name), "0 or more")
        if 0 < self.max_minutes_to_close <= self.min_minutes_to_close:
            allowed = f"0, or more than {self.min_minutes_to_close}"
            raise InvalidInputError("scan_max_minutes_to_close", self.max_minutes_to_close, allowed)


class Candidate(Struct, frozen=True):
    """One outcome that could be entered. `ask` and `spread` are own prices, `depth` and `volume_24h` money.

    From a list `score` and `depth` are 0: it does not hold the book.
    """

    market: str
    side: Side
    ask: int
    spread: int
    volume_24h: int = 0
    closes_at_ms: int = 0
    depth: int = 0
    score: int = 0


def candidates(
    listed: Iterable[ListedMarket],
    criteria: ScanCriteria,
    *,
    now_ms: int,
    one: int | None,
    excluded: Set[str] = frozenset(),
) -> list[Candidate]:
    """Listed markets that may be worth a read of their book: the tightest spread first, then the greatest volume.

    `excluded` are markets that are blacklisted, quoted, disabled, held or asked for already. A market that does not
    state what is asked about is none.
    """
    found = []
    for market in listed:
        bid, ask = market.bid, market.ask
        if market.market in excluded or bid is None or ask is None or not _may_be_entered(market, criteria, now_ms):
            continue
        for side in _sides(criteria, one):
            own_ask = own_price(ask if side is Side.BUY else bid, side, one)
            if _fits(own_ask, ask - bid, criteria):
                found.append(
                    Candidate(market.market, side, own_ask, ask - bid, market.volume_24h or 0, market.closes_at_ms)
                )
    return sorted(found, key=lambda each: (each.spread, *_tie(each)))


def best(
    found: Sequence[Candidate],
    books: Mapping[str, OrderBook],
    criteria: ScanCriteria,
    *,
    now_ms: int,
    stale_after_ms: int,
    one: int | None,
) -> Candidate | None:
    """The candidate with the highest score on fresh books, which are net of our own orders; None where none fits."""
    scored = [
        candidate
        for listed in found
        if (book := books.get(listed.market)) is not None
        and book.state(now_ms, stale_after_ms) is BookState.OK
        and (candidate := _scored(listed, book, criteria, one)) is not None
    ]
    return min(scored, key=lambda each: (-each.score, *_tie(each)), default=None)


def scanned(candidate: Candidate, account: str, tick: str, now_ms: int, ttl_ms: int) -> EntryRequest:
    """The request for a chosen candidate, sized by the account's limits. `tick` names the tick: one scan, one request.

    Its limit price is left to the slippage allowed when it is decided, in the same tick.
    """
    return EntryRequest(
        request_id=f"{Origin.SCANNER}-{tick}",
        account=account,
        market=candidate.market,
        side=candidate.side,
        origin=Origin.SCANNER,
        requested_at_ms=now_ms,
        expires_at_ms=now_ms + ttl_ms,
    )


def _may_be_entered(market: ListedMarket, criteria: ScanCriteria, now_ms: int) -> bool:
    """Whether status, volume and time to close allow it."""
    if market.status is not MarketStatus.OPEN:
        return False
    if criteria.min_volume_24h and (market.volume_24h is None or market.volume_24h < criteria.min_volume_24h):
        return False
    if not market.closes_at_ms:
        return not criteria.max_minutes_to_close
    left_ms = market.closes_at_ms - now_ms
    latest_ms = criteria.max_minutes_to_close * _MINUTE_MS
    # Never a market that is over, however near to its close one may enter.
    return left_ms > 0 and left_ms >= criteria.min_minutes_to_close * _MINUTE_MS and not 0 < latest_ms < left_ms


def _sides(criteria: ScanCriteria, one: int | None) -> tuple[Side, ...]:
    return (Side.BUY, Side.SELL) if criteria.both_outcomes and one is not None else (Side.BUY,)


def _fits(ask: int, spread: int, criteria: ScanCriteria) -> bool:
    return criteria.min_price <= ask <= criteria.max_price and 0 < spread <= criteria.max_spread


def _scored(listed: Candidate, book: OrderBook, criteria: ScanCriteria, one: int | None) -> Candidate | None:
    """The candidate as its book shows it; None where it does not fit the criteria any more."""
    bid, ask = book.best_bid, book.best_ask
    if bid is None or ask is None:
        return None
    own_ask, spread = own_price(ask if listed.side is Side.BUY else bid, listed.side, one), ask - bid
    depth = min(
        _money(book.bids, bid - criteria.max_spread, bid, listed.side, one),
        _money(book.asks, ask, ask + criteria.max_spread, listed.side, one),
    )
    if not _fits(own_ask, spread, criteria) or depth < criteria.min_depth:
        return None
    return Candidate(
        market=listed.market,
        side=listed.side,
        ask=own_ask,
        spread=spread,
        volume_24h=listed.volume_24h,
        closes_at_ms=listed.closes_at_ms,
        depth=depth,
        score=depth // spread,
    )


def _money(levels: Mapping[int, int], low: int, high: int, side: Side, one: int | None) -> int:
    """What the levels from `low` to `high` are worth at the own prices of an entry of `side`."""
    return sum(own_price(price, side, one) * size for price, size in levels.items() if low <= price <= high)


def _tie(candidate: Candidate) -> tuple[int, int, str, bool]:
    """Greater volume, earlier close (none stated: last), id, first outcome."""
    no_close = 1 << 62
    return (
        -candidate.volume_24h,
        candidate.closes_at_ms or no_close,
        candidate.market,
        candidate.side is Side.SELL,
    )
