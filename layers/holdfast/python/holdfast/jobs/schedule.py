"""When a tick runs: messages of the minute's schedule, and the further ones within the minute.

EventBridge Scheduler is no finer than a minute (facts aws section 3). For shorter intervals the minute's handler
sends the minute's further messages with delays, marked so that they send none: never a self-ticker, never a sleep.
"""

from datetime import UTC, datetime

import msgspec

from holdfast.core.errors import InvalidInputError

MINUTE_MS = 60_000
# A message older than this is skipped: the next one is due, and acting on an old schedule helps nobody.
OLDEST_MS = 45_000
# How far ahead a message may be dated: clocks differ, and a delayed message comes a moment early.
AHEAD_MS = 60_000


class TickMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a job's queue carries. `scheduled_at` is ISO 8601 in UTC, as EventBridge Scheduler writes it."""

    account: str
    scheduled_at: str
    follow_up: bool = False

    @property
    def scheduled_at_ms(self) -> int:
        """When this tick was meant to run, UTC ms."""
        try:
            at = datetime.fromisoformat(self.scheduled_at)
        except ValueError:
            raise InvalidInputError("scheduled_at", self.scheduled_at, "an ISO 8601 time in UTC") from None
        return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


class FollowUp(msgspec.Struct, frozen=True):
    """A further message of the minute and how long the queue keeps it back."""

    message: TickMessage
    delay_seconds: int


def decode(body: str | bytes) -> TickMessage:
    """A queue message's body. Raises InvalidInputError for anything else."""
    try:
        return msgspec.json.decode(body, type=TickMessage)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InvalidInputError("tick message", body, f"account, scheduled_at and follow_up ({error})") from None


def encode(message: TickMessage) -> str:
    """The message as a queue body."""
    return msgspec.json.encode(message).decode()


def check_time(message: TickMessage, now_ms: int) -> None:
    """Refuse a message from the future: with it begun, every tick until then would count as a duplicate.

    Raises InvalidInputError.
    """
    if message.scheduled_at_ms > now_ms + AHEAD_MS:
        raise InvalidInputError("scheduled_at", message.scheduled_at, f"at most {AHEAD_MS // 1000} seconds from now")


def as_sent(message: TickMessage, sent_at_ms: int) -> TickMessage:
    """The schedule's message, dated by when the queue took it; `sent_at_ms` is 0 where nobody says.

    EventBridge Scheduler sends a minute's message at any second of that minute, and an account's may be as late each
    time: by the schedule's own time all of its ticks could be stale. Our own messages are sent ahead of their time. One
    that came into the queue more than a minute late, back from the dead-letter queue, say, is as old as it is.
    """
    if message.follow_up or not 0 < sent_at_ms - message.scheduled_at_ms <= MINUTE_MS:
        return message
    return TickMessage(message.account, _iso(sent_at_ms))


def is_stale(message: TickMessage, now_ms: int, interval_seconds: int) -> bool:
    """Whether the next tick is due already."""
    return now_ms - message.scheduled_at_ms >= min(interval_seconds * 1000, OLDEST_MS)


def is_due(message: TickMessage, interval_seconds: int) -> bool:
    """Whether an interval of several minutes has its tick in this minute."""
    if interval_seconds <= 60 or message.follow_up:
        return True
    return (message.scheduled_at_ms // MINUTE_MS) % (interval_seconds // 60) == 0


def follow_ups(message: TickMessage, interval_seconds: int) -> list[FollowUp]:
    """The minute's further messages; none for a message that is one itself."""
    if message.follow_up or interval_seconds >= 60:
        return []
    start_ms = message.scheduled_at_ms
    return [
        FollowUp(TickMessage(message.account, _iso(start_ms + delay * 1000), follow_up=True), delay)
        for delay in range(interval_seconds, 60, interval_seconds)
    ]


def tick_now(account: str, now_ms: int) -> TickMessage:
    """A tick out of turn, for what can't wait for the schedule. It sends no further messages."""
    return TickMessage(account, _iso(now_ms), follow_up=True)


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()
