"""Reading the switches for a job: cached for a minute, and never without a set in force.

An invalid set, an unknown name or unreadable parameters leave the last valid set in force, which a cold start finds in
the control table; the reading says so, and entries and quotes stop while it does.
"""

from msgspec import Struct
from pydantic import ValidationError

from holdfast.clock import Clock
from holdfast.core.errors import StoreError
from holdfast.state.parameters import Parameters
from holdfast.state.port import Key, Put, Store, Table
from holdfast.state.switch_set import Switches, asks_halt, check, read_texts

__all__ = ["SwitchBoard", "SwitchReading", "Switches"]

FRESH_MS = 60_000
# After a reading that could not be used; soon enough for whoever is repairing it.
RETRY_MS = 10_000


class SwitchReading(Struct, frozen=True):
    """The set in force. Not `valid`: it is the last valid one, or the defaults, and `problems` says why."""

    switches: Switches
    valid: bool = True
    problems: tuple[str, ...] = ()


class SwitchBoard:
    """The switches of one account."""

    def __init__(self, parameters: Parameters, stage: str, account: str, clock: Clock, store: Store) -> None:
        self._parameters = parameters
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
        if self._reading is None or self._clock.now_ms() >= self._read_again_at_ms:
            return self.refresh()
        return self._reading

    def refresh(self) -> SwitchReading:
        """The switches as they are now, e.g. before a halt that the store shows is taken back on their strength."""
        self._reading = self._read()
        self._read_again_at_ms = self._clock.now_ms() + (FRESH_MS if self._reading.valid else RETRY_MS)
        return self._reading

    def _read(self) -> SwitchReading:
        last = self._last_valid or self._stored()
        try:
            texts = read_texts(self._parameters, self._stage, self._account)
        except StoreError as error:
            return SwitchReading(last or Switches(), False, (str(error),))
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
