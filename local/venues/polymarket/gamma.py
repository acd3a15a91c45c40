"""Gamma, the market lists, below /gamma: keyset lists of markets and events.

As the venue's documentation and the official SDK 0.14.0 have it: `after_cursor` continues a list, the last page has no
cursor, `offset` is refused, a page has at most 100 rows whatever is asked for; without `closed` only what is open is
listed, without `version` only v1. A filter that this server does not know is refused, never ignored.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from holdfast.core.market import Side
from local.venues.http import Response, answer
from local.venues.polymarket import shapes
from local.venues.polymarket.call import Call
from local.venues.polymarket.markets import Market
from local.venues.polymarket.wire import ONE, SCALE, ApiError, cursor_of, offset_of, plain

_LARGEST_PAGE = 100
_DEFAULT_PAGE = 20
_VERSIONS = frozenset({"v1", "v2"})
_PAGING = frozenset({"limit", "after_cursor", "closed", "version", "include_tag"})
_MARKET_FILTERS = _PAGING | {
    *("slug", "condition_ids", "clob_token_ids", "position_ids", "tag_id"),
    *("end_date_min", "end_date_max", "volume_num_min", "liquidity_num_min"),
}
_EVENT_FILTERS = _PAGING | {"slug", "tag_id", "tag_slug"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

T = TypeVar("T")


class Event:
    """Markets that belong together, under the number of their first. Closed once all of them are."""

    def __init__(self, slug: str, markets: Sequence[Market]) -> None:
        self.slug, self.markets, self.number = slug, markets, markets[0].number
        self.closed = all(market.winner is not None for market in markets)


def list_markets(call: Call) -> Response:
    """GET /gamma/markets/keyset."""
    _check(call, _MARKET_FILTERS)
    closed, versions = _closed(call), _versions(call)
    wanted = {name: set(call.request.query.get(name, [])) for name in ("slug", "condition_ids")}
    tokens = {token for name in ("clob_token_ids", "position_ids") for token in call.request.query.get(name, [])}
    found = [
        market
        for market in call.state.markets.values()
        if (market.winner is not None) == closed
        and market.spec.version in versions
        and (not wanted["slug"] or market.name in wanted["slug"])
        and (not wanted["condition_ids"] or market.condition_id in wanted["condition_ids"])
        and (not tokens or tokens & set(market.tokens))
        and _tagged(call, market)
        and _ends(call, market)
        and market.turnover >= _dollars(call, "volume_num_min")
        and liquidity(market) >= _dollars(call, "liquidity_num_min")
    ]
    rows, more = _page(call, found, lambda market: market.number)
    return answer({"$schema": "MarketsKeysetListResponse.json", "markets": [_market(call, m) for m in rows], **more})


def list_events(call: Call) -> Response:
    """GET /gamma/events/keyset: each with all its markets, closed ones too."""
    _check(call, _EVENT_FILTERS)
    closed, versions, slugs = _closed(call), _versions(call), set(call.request.query.get("slug", []))
    grouped: dict[str, list[Market]] = {}
    for market in call.state.markets.values():
        if market.spec.version in versions:
            grouped.setdefault(market.event, []).append(market)
    found = [
        event
        for event in (Event(slug, markets) for slug, markets in grouped.items())
        if event.closed == closed
        and (not slugs or event.slug in slugs)
        and any(_tagged(call, market) for market in event.markets)
    ]
    rows, more = _page(call, found, lambda event: event.number)
    return answer({"$schema": "EventsKeysetListResponse.json", "events": [_event(call, e) for e in rows], **more})


def liquidity(market: Market) -> int:
    """Money that rests in the book, money units: what buyers bid, and what sellers would have to be paid."""
    bids, asks = market.ladder(0, Side.BUY), market.ladder(0, Side.SELL)
    return sum(price * size for price, size in bids) + sum((ONE - price) * size for price, size in asks)


def _market(call: Call, market: Market) -> dict[str, Any]:
    """A market with its event and what it trades at."""
    bid, ask = market.best(0, Side.BUY), market.best(0, Side.SELL)
    rests = Decimal(plain(liquidity(market), SCALE.money_decimals))
    traded = Decimal(plain(market.turnover, SCALE.money_decimals))
    return {
        **shapes.gamma_market(market, call.state.now_ms),
        "groupItemTitle": "",
        "volume": str(traded),
        "volumeNum": traded,
        "volume24hr": traded,
        "volumeClob": traded,
        "liquidity": str(rests),
        "liquidityNum": rests,
        "liquidityClob": rests,
        "lastTradePrice": Decimal(plain(market.last_price, SCALE.price_decimals)),
        "spread": None if bid is None or ask is None else Decimal(plain(ask - bid, SCALE.price_decimals)),
        "events": [{"id": str(market.number), "slug": market.event, "title": market.event_title}],
    }


def _event(call: Call, event: Event) -> dict[str, Any]:
    """An event; the markets inside it do not repeat it."""
    rows = [_market(call, market) for market in event.markets]
    for row in rows:
        del row["events"]
    return {
        "id": str(event.number),
        "slug": event.slug,
        "ticker": event.slug,
        "title": event.markets[0].event_title,
        "active": True,
        "closed": event.closed,
        "archived": False,
        "markets": rows,
    }


def _page(call: Call, rows: Sequence[T], number: Callable[[T], int]) -> tuple[list[T], dict[str, str]]:
    """The rows behind the cursor's, and the next cursor where there are more."""
    text = call.parameter("limit")
    if text and not text.isdecimal():
        raise _invalid("limit")
    limit = min(int(text or _DEFAULT_PAGE), _LARGEST_PAGE)
    try:
        after = offset_of(call.parameter("after_cursor") or None)
    except ApiError:
        raise _invalid("after_cursor") from None
    behind = [row for row in sorted(rows, key=number) if number(row) > after]
    more = {"next_cursor": cursor_of(number(behind[limit - 1]))} if len(behind) > limit > 0 else {}
    return behind[:limit], more


def _check(call: Call, known: frozenset[str]) -> None:
    unknown = sorted(call.request.query.keys() - known)
    if unknown:
        raise _invalid(unknown[0])


def _closed(call: Call) -> bool:
    flags = {"": False, "false": False, "true": True}
    if call.parameter("closed") not in flags:
        raise _invalid("closed")
    return flags[call.parameter("closed")]


def _versions(call: Call) -> set[str]:
    given = set(call.request.query.get("version", [])) or {"v1"}
    if not given <= _VERSIONS:
        raise _invalid("version")
    return given


def _tagged(call: Call, market: Market) -> bool:
    """A tag's number is its place among all of this exchange's, from 1, since they have no other."""
    names = sorted({tag for known in call.state.markets.values() for tag in known.spec.tags})
    number, slug = call.parameter("tag_id"), call.parameter("tag_slug")
    if number and not number.isdecimal():
        raise _invalid("tag_id")
    numbers = {str(names.index(tag) + 1) for tag in market.spec.tags}
    return (not number or number in numbers) and (not slug or slug in market.spec.tags)


def _ends(call: Call, market: Market) -> bool:
    """Bounds included; a market without an end matches neither."""
    first, last = _time_ms(call, "end_date_min"), _time_ms(call, "end_date_max")
    if first is None and last is None:
        return True
    ends_ms = market.close_at_ms
    return ends_ms > 0 and (first is None or ends_ms >= first) and (last is None or ends_ms <= last)


def _time_ms(call: Call, name: str) -> int | None:
    text = call.parameter(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _invalid(name) from None
    return int((moment.replace(tzinfo=moment.tzinfo or UTC) - _EPOCH).total_seconds() * 1000)


def _dollars(call: Call, name: str) -> int:
    try:
        return int(Decimal(call.parameter(name) or 0).scaleb(SCALE.money_decimals))
    except (InvalidOperation, ValueError):
        raise _invalid(name) from None


def _invalid(name: str) -> ApiError:
    return ApiError(422, f"invalid {name}", extra={"type": "validation error"})
