"""The kinds of switches: how each is checked, and how what it may be is said."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from holdfast.core.distances import ALLOWED, parse_distance
from holdfast.core.errors import InvalidInputError

BOOLEANS = {"true": True, "false": False}


class CrossCheckError(ValueError):
    """Two values do not go together. `problems` holds (switch, what is allowed)."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__()


def _only_true_or_false(value: object) -> object:
    """pydantic would also take "on", "y" or "1"; what stops trading should be spelled out."""
    if isinstance(value, bool):
        return value
    if str(value).strip().lower() in BOOLEANS:
        return BOOLEANS[str(value).strip().lower()]
    raise ValueError("not true or false")


def _only_a_distance(text: str) -> str:
    try:
        return str(parse_distance(text))
    except InvalidInputError as error:
        raise ValueError(str(error)) from None


def _number(value: object) -> object:
    """Parameters are text, and a Literal of numbers takes none."""
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else value


YesOrNo = Annotated[bool, BeforeValidator(_only_true_or_false)]
DistanceText = Annotated[str, AfterValidator(_only_a_distance)]
CandleMinutes = Annotated[Literal[1, 60, 1440], BeforeValidator(_number)]


def dollars(default: str, description: str) -> Any:
    """An amount of money."""
    allowed = "more than 0 dollars, at most 2 decimals, e.g. 250.00"
    return _decimal(default, 2, allowed, description, gt=0)


def price(default: str, description: str) -> Any:
    """A price, or a distance between two."""
    return _decimal(default, 4, "a price above 0, at most 4 decimals, e.g. 0.20", description, gt=0)


def share(default: str, description: str) -> Any:
    """A part of one."""
    return _decimal(default, 4, "from 0 to 1, at most 4 decimals, e.g. 0.5", description, ge=0, le=1)


def whole(default: int, least: int, most: int, description: str) -> Any:
    """A whole number within bounds."""
    allowed = f"a whole number from {least} to {most}"
    return Field(default=default, ge=least, le=most, description=description, json_schema_extra={"allowed": allowed})


def yes_or_no(default: bool, description: str) -> Any:
    """true or false, and nothing that could be taken for either."""
    return Field(default=default, description=description, json_schema_extra={"allowed": "true or false"})


def word(default: str, words: tuple[str, ...], description: str) -> Any:
    """One of a few words; the field's type is their Literal."""
    return Field(default=default, description=description, json_schema_extra={"allowed": " or ".join(words)})


def candle_minutes(default: int, description: str) -> Any:
    """A length of candle that every venue has: a minute, an hour or a day."""
    return Field(default=default, description=description, json_schema_extra={"allowed": "1, 60 or 1440"})


def distance(default: str, description: str) -> Any:
    """A distance from the entry price, kept as it is written."""
    return Field(default=default, description=description, json_schema_extra={"allowed": ALLOWED})


def _decimal(default: str, places: int, allowed: str, description: str, **bounds: Any) -> Any:
    return Field(
        default=Decimal(default),
        max_digits=14,
        decimal_places=places,
        description=description,
        json_schema_extra={"allowed": allowed},
        **bounds,
    )
