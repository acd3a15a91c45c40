"""Faults on purpose: what networks and gateways do to requests, before or after their effect."""

from enum import StrEnum
from fnmatch import fnmatchcase
from random import Random

from msgspec import Struct

from holdfast.core.errors import HoldfastError, InvalidInputError

LONGEST_WAIT_MS = 30_000


class FaultKind(StrEnum):
    """What happens to a request."""

    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER = "timeout_after"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    SLOW = "slow"
    MALFORMED = "malformed"
    RATE_LIMITED = "rate_limited"


class ConnectionDropped(HoldfastError):  # noqa: N818 - an event on the wire, not an error of the caller
    """In process: the answer never comes. `processed` says what the client can't know; `wait_ms` how long it waits."""

    def __init__(self, processed: bool, wait_ms: int = 0) -> None:
        self.processed, self.wait_ms = processed, wait_ms
        super().__init__("the connection was dropped without an answer")


class Fault(Struct, forbid_unknown_fields=True):
    """A fault for requests to endpoints that match `endpoint` ("POST /portfolio/events/orders*").

    It lets `skip` of them pass, then strikes `times` of them (0: without end), each with `chance_permille`.
    `wait_ms`: how long a slow answer takes, or how long the line stays silent before a time-out closes it.
    """

    kind: FaultKind
    endpoint: str = "*"
    times: int = 1
    skip: int = 0
    chance_permille: int = 1000
    status: int = 503
    wait_ms: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.wait_ms <= LONGEST_WAIT_MS:
            raise InvalidInputError("wait_ms of a fault", self.wait_ms, f"0 to {LONGEST_WAIT_MS}")
        if not 0 <= self.chance_permille <= 1000:
            raise InvalidInputError("chance_permille of a fault", self.chance_permille, "0 to 1000")
        if not 400 <= self.status <= 599:
            raise InvalidInputError("status of a fault", self.status, "400 to 599")
        if self.times < 0 or self.skip < 0:
            raise InvalidInputError("times and skip of a fault", (self.times, self.skip), "0 or more")


class Faults:
    """The faults that wait for their requests, oldest first. Chances come from a seeded source."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Let a fault wait for its requests."""
        self._waiting.append(Fault(**{name: getattr(fault, name) for name in fault.__struct_fields__}))

    def clear(self) -> None:
        """Forget every fault."""
        self._waiting.clear()

    @property
    def are_waiting(self) -> bool:
        """Whether some have not struck as often as they are to."""
        return bool(self._waiting)

    def draw(self, endpoint: str) -> Fault | None:
        """The fault that strikes this request, if any."""
        for fault in self._waiting:
            if not fnmatchcase(endpoint, fault.endpoint):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            if fault.chance_permille < 1000 and self._chance.randrange(1000) >= fault.chance_permille:
                continue
            if fault.times == 1:
                self._waiting.remove(fault)
            elif fault.times:
                fault.times -= 1
            return fault
        return None
