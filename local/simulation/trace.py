"""What happened in a run, in order, readable and comparable."""

from collections.abc import Iterator
from hashlib import sha256


class Trace:
    """Lines of (time, who, what, how it went). Formatting is left to whoever reads it."""

    def __init__(self, start_ms: int) -> None:
        self._start_ms = start_ms
        self._lines: list[tuple[int, str, str, object]] = []

    def add(self, at_ms: int, who: str, what: str, outcome: object = "") -> None:
        """Record one thing. `outcome` must not change afterwards."""
        self._lines.append((at_ms, who, what, outcome))

    def __len__(self) -> int:
        return len(self._lines)

    def lines(self) -> Iterator[str]:
        """Readable lines, times in seconds since the start."""
        for at_ms, who, what, outcome in self._lines:
            since = at_ms - self._start_ms
            yield f"{since // 1000:5d}.{since % 1000:03d}  {who:<10} {what:<44} {_words(outcome)}".rstrip()

    def digest(self) -> str:
        """Equal for equal runs."""
        whole = sha256()
        for line in self.lines():
            whole.update(line.encode())
        return whole.hexdigest()


def _words(outcome: object) -> str:
    if isinstance(outcome, dict):
        return " ".join(f"{name}={value}" for name, value in outcome.items() if value not in ("", None, [], ()))
    return str(outcome)
