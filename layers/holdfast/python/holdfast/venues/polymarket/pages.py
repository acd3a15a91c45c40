"""Lists that come in pages: they start at one cursor and end at another (facts polymarket section 2)."""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeVar
from urllib.parse import urlencode

import msgspec

from holdfast.core.errors import VenueUnavailableError
from holdfast.venues.polymarket.client import Endpoint, PolymarketClient
from holdfast.venues.polymarket.wire import decode

START, END = "MA==", "LTE="


class Page(Protocol):
    """One page of a list."""

    @property
    def next_cursor(self) -> str | None:
        """Where the next page starts; END after the last one."""
        ...


P = TypeVar("P", bound=Page)
R = TypeVar("R")


def rows(
    client: PolymarketClient,
    endpoint: Endpoint,
    decoder: "msgspec.json.Decoder[P]",
    rows_of: Callable[[P], list[R] | None],
    query: Mapping[str, str | int],
) -> Iterator[R]:
    """Every row of every page. Each page is paid for before it is asked for.

    Raises VenueUnavailableError where a cursor comes back a second time: going on would repeat rows without end.
    """
    cursor, seen = START, {START}
    while True:
        page = decode(decoder, client.read(endpoint, urlencode({**query, "next_cursor": cursor})), endpoint.name)
        yield from rows_of(page) or ()
        cursor = page.next_cursor or END
        if cursor == END:
            return
        if cursor in seen:
            raise VenueUnavailableError(f"{endpoint.name}: the cursor {cursor!r} came back a second time")
        seen.add(cursor)
