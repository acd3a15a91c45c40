"""Kalshi behind the venue port, on the trade API v2 with V2 orders (facts kalshi sections 1 to 9)."""

from holdfast.venues.kalshi.adapter import KalshiVenue
from holdfast.venues.kalshi.auth import Signer
from holdfast.venues.kalshi.hosts import Environment, KalshiSettings
from holdfast.venues.transport import HttpAnswer, NoAnswerError, RequestsTransport, Transport

__all__ = [
    "Environment",
    "HttpAnswer",
    "KalshiSettings",
    "KalshiVenue",
    "NoAnswerError",
    "RequestsTransport",
    "Signer",
    "Transport",
]
