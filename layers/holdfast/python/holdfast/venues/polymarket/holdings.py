"""What a wallet holds, as the data API lists it (facts polymarket section 2)."""

from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import urlencode

import msgspec

from holdfast.core.errors import VenueUnavailableError
from holdfast.venues.polymarket import client as api
from holdfast.venues.polymarket.client import PolymarketClient
from holdfast.venues.polymarket.wire import HoldingPage, HoldingRow, decode, price_units, size_units

_HOLDINGS_PER_PAGE = 1_000
# Else holdings below a tenth of a share are left out; 0 may mean that default.
_DUST_TOO = {"filter_type": "TOKENS", "filter_amount": "0.000001"}
_MILLIONTH = Decimal("0.000001")

_HOLDINGS = msgspec.json.Decoder(HoldingPage)


def holding_rows(client: PolymarketClient, wallet: str) -> Iterator[HoldingRow]:
    """Every token's holding once, all pages, dust too. Raises a VenueError or BudgetExhaustedError.

    A cursor that comes back, or is absent where more follows, would cut the list short: what is missing from it counts
    as redeemed, so that is an error. A row that two pages show, because others moved up meanwhile, is the same holding.
    """
    query: dict[str, str | int] = {"user": wallet, "limit": _HOLDINGS_PER_PAGE, **_DUST_TOO}
    cursors: set[str] = set()
    tokens: set[str] = set()
    while True:
        page = decode(_HOLDINGS, client.read(api.POSITIONS, urlencode(query)), api.POSITIONS.name)
        for row in page.data:
            if row.token_id not in tokens:
                tokens.add(row.token_id)
                yield row
        cursor = page.pagination.next_cursor
        if not cursor and not page.pagination.has_more:
            return
        if not cursor or cursor in cursors:
            raise VenueUnavailableError(f"{api.POSITIONS.name}: more follows, but not where: cursor {cursor!r}")
        cursors.add(cursor)
        query["cursor"] = cursor


def is_resolved(row: HoldingRow) -> bool:
    """A lost position reports REDEEMABLE too, and is worth nothing."""
    return row.redeemable or row.status == "REDEEMABLE"


def held_size(row: HoldingRow) -> int:
    """Its shares, size units."""
    return size_units(row.current_size.quantize(_MILLIONTH, "ROUND_FLOOR"), "position.current_size")


def settled_price(row: HoldingRow) -> int:
    """What one share of a resolved holding pays, price units."""
    return price_units(row.current_price, "position.current_price")
