"""The venue-neutral matching engine: our orders in price-time priority against the liquidity of a tape.

The local venue servers, paper trading and the simulation share it. Prices and sizes are integers of the venue's Scale.
"""

from holdfast.core.matching.engine import MatchingEngine
from holdfast.core.matching.records import Execution, RestingOrder, Submission

__all__ = ["Execution", "MatchingEngine", "RestingOrder", "Submission"]
