"""A local exchange that speaks Polymarket's APIs: in process through `handle`, or over HTTP through `PolymarketServer`.

It follows the recorded behaviour of the venue (facts polymarket sections 2 to 8). Where the venue's behaviour is not
known it takes the reading that is harder on a client, and the docstring at that place says so.
"""

from local.venues.faults import ConnectionDropped, Fault, FaultKind
from local.venues.http import Request, Response
from local.venues.in_process import InProcessTransport
from local.venues.polymarket.audit import Books, Fill
from local.venues.polymarket.exchange import PolymarketExchange, seeded_ids
from local.venues.polymarket.fees import FeeSchedule
from local.venues.polymarket.limits import LimiterMode
from local.venues.polymarket.markets import SPLIT, MarketSpec
from local.venues.polymarket.records import (
    Credentials,
    EndReason,
    Miss,
    MissCause,
    OrderType,
    Redemption,
    TradeStatus,
)
from local.venues.polymarket.server import PolymarketServer
from local.venues.polymarket.state import Geoblock, Settlement
from local.venues.polymarket.wire import SCALE

__all__ = [
    "SCALE",
    "SPLIT",
    "Books",
    "ConnectionDropped",
    "Credentials",
    "EndReason",
    "Fault",
    "FaultKind",
    "FeeSchedule",
    "Fill",
    "Geoblock",
    "InProcessTransport",
    "LimiterMode",
    "MarketSpec",
    "Miss",
    "MissCause",
    "OrderType",
    "PolymarketExchange",
    "PolymarketServer",
    "Redemption",
    "Request",
    "Response",
    "Settlement",
    "TradeStatus",
    "seeded_ids",
]
