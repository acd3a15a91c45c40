"""Reading the switches for a job: cached for a minute, and never without a set in force.

An invalid set, an unknown name or unreadable parameters leave the last valid set in force, which a cold start finds in
the control table; the reading says so, and entries and quotes stop while it does.

Everybody's switches are read once for all accounts of a process: SSM gives ten parameters a call, and by default it
answers 40 calls a second to all of an AWS account together (facts aws section 5).
"""

from msgspec import Struct
from pydantic import ValidationError

from holdfast.clock import Clock
from holdfast.core.errors import StoreError
from holdfast.state.parameters import Parameters
from holdfast.state.port import Key, Put, Store, Table
from holdfast.state.switch_set import EVERYBODY, Switches, SwitchTexts, asks_halt, check, parameter_path

__all__ = ["EverybodysSwitches", "SwitchBoard", "SwitchReading", "Switches"]

FRESH_MS = 60_000
# After a reading that could not be used; soon enough for whoever is repairing it.
RETRY_MS = 10_000


class SwitchReading(Struct, frozen=True):
    """The set in force. Not `valid`: it is the last valid one, or the defaults, and `problems` says why."""

    switches: Switches
    valid: bool = True
    problems: tuple[str, ...] = ()


class EverybodysSwitches:
    """The texts of the switches that hold for every account of a stage, as they were read last."""

    def __init__(self, parameters: Parameters, stage: str, clock: Clock) -> None:
        self._parameters = parameters
        self._path = parameter_path(stage, EVERYBODY)
        self._clock = clock
        self._texts: dict[str, str] = {}
        self.read_at_ms = 0
        """When they were read (UTC ms); 0 before the first time."""

    def read(self, max_age_ms: int) -> dict[str, str]:
        """The texts by name, less than that old. Raises StoreError."""
        now_ms = self._clock.now_ms()
        if not self.read_at_ms or now_ms - self.read_at_ms >= max_age_ms:
            self._texts, self.read_at_ms = self._parameters.read(self._path), now_ms
        return self._texts


class SwitchBoard:
    """The switches of one account. `everybody` is shared by the accounts of a process."""

    def __init__(
        self,
        parameters: Parameters,
        stage: str,
        account: str,
        clock: Clock,
        store: Store,
        everybody: EverybodysSwitches | None = None,
    ) -> None:
        self._parameters = parameters
        self._everybody = everybody or EverybodysSwitches(parameters, stage, clock)
        self._everybody_at_ms = 0
        self._stage = stage
        self._account = account
        self._clock = clock
        self._store = store
        self._key = Key(Table.CONTROL, f"SWITCHES#{account}", "last_valid")
        self._last_valid: Switches | None = None
        self._reading: SwitchReading | None = None
        self._read_again_at_ms = 0

    def read(self) -> SwitchReading:
        """The switches, at most a minute old. Raises StoreError only where the store itself fails."""
        # What another account has just read for everybody is newer than what this one knows.
        is_outdated = self._everybody.read_at_ms > self._everybody_at_ms
        if self._reading is None or is_outdated or self._clock.now_ms() >= self._read_again_at_ms:
            return self._renew(FRESH_MS if self._reading is None or self._reading.valid else RETRY_MS)
        return self._reading

    def refresh(self) -> SwitchReading:
        """The switches as they are now, e.g. before a halt that the store shows is taken back on their strength."""
        return self._renew(0)

    def _renew(self, max_age_ms: int) -> SwitchReading:
        """Read the account's own anew, and everybody's where they are older than that."""
        self._reading = reading = self._read(max_age_ms)
        self._everybody_at_ms = self._everybody.read_at_ms
        now_ms = self._clock.now_ms()
        self._read_again_at_ms = self._everybody_at_ms + FRESH_MS if reading.valid else now_ms + RETRY_MS
        return reading

    def _read(self, max_age_ms: int) -> SwitchReading:
        last = self._last_valid or self._stored()
        try:
            everybody = self._everybody.read(max_age_ms)
            own = self._parameters.read(parameter_path(self._stage, self._account))
        except StoreError as error:
            return SwitchReading(last or Switches(), False, (str(error),))
        texts = SwitchTexts(self._stage, self._account, own, everybody)
        switches, problems = check(texts)
        if switches is None:
            in_force = last or Switches()
            # A halt that was asked for counts, whatever else is wrong.
            halt = in_force.halt or asks_halt(texts)
            return SwitchReading(in_force.model_copy(update={"halt": halt}), False, problems)
        if switches != last:
            self._store.write(
                Put(Table.CONTROL, {"pk": self._key.pk, "sk": self._key.sk, "switches": switches.model_dump_json()})
            )
        self._last_valid = switches
        return SwitchReading(switches)

    def _stored(self) -> Switches | None:
        """The last valid set as an earlier process wrote it; None if there was none, or none of this version's."""
        item = self._store.get(self._key)
        if item is None:
            return None
        try:
            return Switches.model_validate_json(item["switches"])
        except ValidationError:
            return None
