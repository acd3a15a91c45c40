"""The four error bodies, and exact numbers and times as Kalshi writes them (facts kalshi 4.4, 6)."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

from holdfast.core.scale import Scale, format_units
from local.venues.http import Response, answer

SCALE = Scale(price_decimals=4, size_decimals=2)
ONE = SCALE.one
PREFIX = "/trade-api/v2"

_CENT = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Shape(StrEnum):
    """How an error body looks: {"error": {...}}, {"code": ...}, {"msg": ...}, {"error": "text"} or plain text."""

    NESTED = "nested"
    FLAT = "flat"
    MSG = "msg"
    STRING = "string"
    TEXT = "text"


class ApiError(Exception):
    """A refusal on the wire. In a batch it becomes the `error` of its item, whatever its shape."""

    def __init__(
        self, status: int, code: str, message: str = "", details: str = "", shape: Shape = Shape.NESTED
    ) -> None:
        self.status, self.code, self.message, self.details = status, code, message or code, details
        self.shape = shape
        super().__init__(f"{status} {code} {details}".rstrip())

    def fields(self) -> dict[str, str]:
        """ErrorResponse."""
        found = {"code": self.code, "message": self.message}
        return {**found, "details": self.details} if self.details else found

    def response(self) -> Response:
        """The answer to the whole request."""
        if self.shape is Shape.TEXT:
            return Response(self.status, self.message.encode(), "text/plain; charset=utf-8")
        bodies: dict[Shape, Any] = {
            Shape.NESTED: {"error": self.fields()},
            Shape.FLAT: self.fields(),
            Shape.MSG: {"msg": self.message},
            Shape.STRING: {"error": self.message},
        }
        return answer(bodies[self.shape], self.status)


def not_found() -> ApiError:
    """The one body for canceled, executed, unknown and wrong shard alike (facts kalshi section 6)."""
    return ApiError(404, "not_found", "not found")


def invalid_parameters(details: str) -> ApiError:
    """A request that has the right types but can't be meant."""
    return ApiError(400, "invalid_parameters", "invalid parameters", details)


def bad_query(details: str) -> ApiError:
    """A query parameter outside its range: the body is {"msg": ...}."""
    return ApiError(400, "bad_request", f"Parameter validation failed: {details}", shape=Shape.MSG)


@lru_cache(1 << 14)
def dollars(price: int) -> str:
    """Price units as dollars, 4 decimals."""
    return SCALE.price_text(price)


@lru_cache(1 << 14)
def count(size: int) -> str:
    """Size units as contracts, 2 decimals."""
    return SCALE.size_text(size)


def money(amount: int) -> str:
    """Money units as dollars, 6 decimals."""
    return SCALE.money_text(amount)


def balance(amount: int) -> str:
    """Money units as dollars: 4 decimals where that is exact, else 6."""
    return format_units(amount // 100, 4) if amount % 100 == 0 else money(amount)


def cents(amount: int) -> int:
    """Money units as whole cents, rounded down."""
    return amount // _CENT


def average_price(value: int, size: int) -> str:
    """`value` money units over `size` size units as dollars, 4 decimals, half up."""
    return dollars((2 * value + size) // (2 * size))


@lru_cache(1 << 12)
def iso(at_ms: int) -> str:
    """UTC ms as RFC 3339 with microseconds."""
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
