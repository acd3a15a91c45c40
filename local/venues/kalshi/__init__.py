"""A local exchange that speaks Kalshi's trade API v2: in process through `handle`, or over HTTP through `KalshiServer`.

It follows the recorded behaviour of the venue (facts kalshi sections 3 to 9). Where the venue's behaviour is not known
it takes the reading that is harder on a client, and the docstring at that place says so.
"""

from local.venues.faults import ConnectionDropped, Fault, FaultKind
from local.venues.http import Request, Response
from local.venues.in_process import InProcessTransport
from local.venues.kalshi.audit import Books
from local.venues.kalshi.exchange import KalshiExchange, seeded_ids
from local.venues.kalshi.fees import Precision
from local.venues.kalshi.markets import MarketSpec, MarketState
from local.venues.kalshi.records import EndReason, Miss, MissCause
from local.venues.kalshi.server import KalshiServer

__all__ = [
    "Books",
    "ConnectionDropped",
    "EndReason",
    "Fault",
    "FaultKind",
    "InProcessTransport",
    "KalshiExchange",
    "KalshiServer",
    "MarketSpec",
    "MarketState",
    "Miss",
    "MissCause",
    "Precision",
    "Request",
    "Response",
    "seeded_ids",
]
