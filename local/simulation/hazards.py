"""What goes wrong in a run and how often, drawn from one seeded source."""

from enum import StrEnum
from random import Random
from typing import TypeVar

from msgspec import Struct

T = TypeVar("T")

_OUT_OF = 10_000
LONGEST_PAUSE_MS = 100_000


class Network(StrEnum):
    """What happens to one request. "before" and "after" are meant against its effect at the venue.

    `partial_after`: the answer to a batch lacks some of its items. `twice`: a gateway in between sends the request
    again and hands back the second answer.
    """

    NOT_CONNECTED = "not_connected"
    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    GARBLED_AFTER = "garbled_after"
    PARTIAL_AFTER = "partial_after"
    RATE_LIMITED = "rate_limited"
    TWICE = "twice"
    LATE = "late"
    SLOW = "slow"


class Rates(Struct, frozen=True):
    """How often things happen, per 10,000 chances.

    `network` per write to the venue (a quarter of it per read), `store` per call, the rest at every step of a writer.
    """

    network: int = 0
    store: int = 0
    crash: int = 0
    pause: int = 0


NONE = Rates()


class Hazards:
    """Draws what goes wrong. `rates` may be changed while a run goes on; `kinds` limits what the network does."""

    def __init__(self, chance: Random, rates: Rates, kinds: tuple[Network, ...] = tuple(Network)) -> None:
        self._chance = chance
        self._kinds = kinds
        self.rates = rates

    def network(self, *, writes: bool) -> Network | None:
        """What happens to this request; None: it goes well."""
        rate = self.rates.network if writes else self.rates.network // 4
        return self._chance.choice(self._kinds) if self._strikes(rate) else None

    def store_fails(self) -> bool:
        """Whether this store call fails."""
        return self._strikes(self.rates.store)

    def effect_first(self) -> bool:
        """Whether a failing write has taken effect."""
        return self._chance.random() < 0.5

    def crashes(self) -> bool:
        """Whether the writer dies here."""
        return self._strikes(self.rates.crash)

    def pause_ms(self, weight: int) -> int:
        """How long the writer stands still here: mostly not at all, sometimes past its lease."""
        if not self._strikes(self.rates.pause * weight):
            return 0
        return self._chance.randrange(*self._chance.choice(((1_000, 10_000), (55_000, LONGEST_PAUSE_MS))))

    def some_of(self, items: list[T]) -> list[T]:
        """A part of these, in their order."""
        return [item for item in items if self._chance.random() < 0.5]

    def between(self, low: int, high: int) -> int:
        """Some latency, ms."""
        return self._chance.randint(low, high)

    def _strikes(self, rate: int) -> bool:
        return rate > 0 and self._chance.randrange(_OUT_OF) < rate
