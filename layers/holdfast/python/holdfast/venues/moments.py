"""Times as the venues write them."""

from datetime import UTC, datetime, timedelta

from holdfast.core.errors import VenueUnavailableError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def time_ms(text: str | None, field: str) -> int:
    """RFC 3339 text to UTC ms; 0 where there is none (null, empty, or year 1). Raises VenueUnavailableError."""
    if not text:
        return 0
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise VenueUnavailableError(f"{field}: {text!r} is not a time") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - _EPOCH) // _MILLISECOND, 0)


def time_text(at_ms: int) -> str:
    """UTC ms as RFC 3339, whole seconds."""
    return (_EPOCH + at_ms * _MILLISECOND).strftime("%Y-%m-%dT%H:%M:%SZ")
