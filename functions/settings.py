"""A function's settings: environment variables, read once at its cold start."""

import os

from holdfast.core.errors import InvalidInputError


def required(name: str) -> str:
    """The variable's value. Raises InvalidInputError where it is missing or empty."""
    value = os.environ.get(name, "")
    if not value:
        raise InvalidInputError(f"environment variable {name}", value, "a non-empty value")
    return value
