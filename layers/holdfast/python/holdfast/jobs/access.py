"""Whether new orders may be sent from here and with this key: what follows from what the venue said."""

from holdfast.jobs.ports import Ports
from holdfast.telemetry.port import Level
from holdfast.venues.port import Access

# Asked at a process's first tick and then once an hour: a process stays in one place, and an attestation counts in
# days. One answer costs one read's tokens (Kalshi 10 of at least 200 a second), less than a thousandth of a budget.
ASK_MS = 3_600_000
# An answer that stops trading, or that could not be read, is asked again sooner: the owner may have mended it.
ASK_AGAIN_MS = 600_000
DAY_MS = 86_400_000
WARN_DAYS = 14

GEOBLOCKED = "geoblocked"
KEY_EXPIRED = "key_expired"


def access_problems(access: Access, now_ms: int) -> tuple[str, ...]:
    """Why no entries and quotes may be sent. What the venue did not say is no reason.

    A key whose leave lapsed still works in part (Kalshi refuses sports, elections and entertainment), but which markets
    that are is not known here: a quote that fills there could not be exited, so nothing new is quoted anywhere.
    """
    expired = 0 < access.key_expires_at_ms <= now_ms
    return ((GEOBLOCKED,) if access.blocked else ()) + ((KEY_EXPIRED,) if expired else ())


def days_left(access: Access, now_ms: int) -> int | None:
    """Whole days until the key's leave lapses, 0 once it has; None where the venue states no time."""
    if not access.key_expires_at_ms:
        return None
    return max(access.key_expires_at_ms - now_ms, 0) // DAY_MS


def heed_block(ports: Ports, now_ms: int) -> None:
    """An order was refused for where it came from: no entries and quotes for as long as an answer is believed."""
    ports.cache.access.blocked_at_ms = now_ms
    report_access(ports, now_ms)


def report_access(ports: Ports, now_ms: int) -> None:
    """Keep the problems of what the venue said last as reasons to halt, and say what is new about them."""
    seen = ports.cache.access
    problems = access_problems(seen.said, now_ms)
    refused = seen.blocked_at_ms and now_ms - seen.blocked_at_ms < ASK_AGAIN_MS
    if refused and GEOBLOCKED not in problems:
        problems = (GEOBLOCKED, *problems)
    if GEOBLOCKED in problems and GEOBLOCKED not in seen.reasons:
        ports.telemetry.event("ACCESS_BLOCKED", Level.ERROR, place=seen.said.place)
        ports.telemetry.metric("AccessBlocked", 1)
    _warn_of_expiry(ports, problems, now_ms)
    cleared = [reason for reason in seen.reasons if reason not in problems]
    if cleared:
        ports.telemetry.event("ACCESS_CLEARED", reasons=cleared, place=seen.said.place)
    seen.reasons = problems


def _warn_of_expiry(ports: Ports, problems: tuple[str, ...], now_ms: int) -> None:
    """Once when the key has expired, and else at most once a day while it is about to or has."""
    seen = ports.cache.access
    left = days_left(seen.said, now_ms)
    if left is None or left >= WARN_DAYS:
        return
    expired = KEY_EXPIRED in problems
    newly_expired = expired and KEY_EXPIRED not in seen.reasons
    if not newly_expired and seen.warned_at_ms and now_ms - seen.warned_at_ms < DAY_MS:
        return
    seen.warned_at_ms = now_ms
    level = Level.ERROR if expired else Level.WARNING
    ports.telemetry.event("KEY_EXPIRES", level, days_left=left, expired=expired, at=seen.said.key_expires_at_ms)
    ports.telemetry.metric("KeyExpires", 1)
