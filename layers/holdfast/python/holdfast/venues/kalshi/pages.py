"""Lists that come in pages (facts kalshi section 4.4)."""

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeVar
from urllib.parse import urlencode

import msgspec

from holdfast.core.errors import VenueUnavailableError
from holdfast.venues.kalshi.client import Endpoint, KalshiClient
from holdfast.venues.kalshi.wire import decode

PAGE_SIZE = 1_000  # the most the venue gives


class Page(Protocol):
    """One page of a list; an empty cursor is the last page's."""

    @property
    def cursor(self) -> str | None:
        """Where the next page starts."""
        ...


P = TypeVar("P", bound=Page)
R = TypeVar("R")


def rows(
    client: KalshiClient,
    endpoint: Endpoint,
    decoder: "msgspec.json.Decoder[P]",
    rows_of: Callable[[P], list[R] | None],
    query: Mapping[str, str | int],
) -> Iterator[R]:
    """Every row of every page. Each page is paid for before it is asked for.

    Raises VenueUnavailableError where a cursor comes back a second time: the venue answers a cursor that it does
    not know with the first page, so going on would repeat rows without end.
    """
    asked: dict[str, str | int] = {**query, "limit": PAGE_SIZE}
    seen: set[str] = set()
    while True:
        page = decode(decoder, client.read(endpoint, urlencode(asked, safe=",")), endpoint.name)
        yield from rows_of(page) or ()
        if not page.cursor:
            return
        if page.cursor in seen:
            raise VenueUnavailableError(f"{endpoint.name}: the cursor {page.cursor!r} came back a second time")
        seen.add(page.cursor)
        asked["cursor"] = page.cursor
