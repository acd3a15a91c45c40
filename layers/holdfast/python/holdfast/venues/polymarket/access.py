"""Whether Polymarket takes orders from where this code runs (facts polymarket section 2)."""

import msgspec
from msgspec import Struct

from holdfast.core.errors import VenueUnavailableError
from holdfast.venues.polymarket import client as api
from holdfast.venues.polymarket.client import PolymarketClient
from holdfast.venues.polymarket.errors import parse_body
from holdfast.venues.polymarket.wire import decode
from holdfast.venues.port import Access


class GeoblockAnswer(Struct, frozen=True):
    """{blocked, ip, country, region}: of the address that asks; the address itself is nobody else's business."""

    blocked: bool
    country: str | None = None
    region: str | None = None


_ANSWER = msgspec.json.Decoder(GeoblockAnswer)


def read_access(client: PolymarketClient) -> Access:
    """GET /api/geoblock of the site. Orders from a blocked address are rejected.

    Raises VenueUnavailableError for every answer but a good one, 429 included: the site is no part of the trading API,
    so what it refuses says nothing of the account's key or budget. The API key has no expiry that the venue states.
    """
    answer = client.ask(api.GEOBLOCK)
    if not 200 <= answer.status < 300:
        words = parse_body(answer.body).words.partition("\n")[0][:80]
        raise VenueUnavailableError(f"{api.GEOBLOCK.name}: HTTP {answer.status} {words}".rstrip())
    found = decode(_ANSWER, answer.body, api.GEOBLOCK.name)
    return Access(blocked=found.blocked, place="-".join(part for part in (found.country, found.region) if part))
