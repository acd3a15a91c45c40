"""What a tick of brackets looks at once more, and for how long: exits that are not over."""

from dataclasses import dataclass, field

# How long one tick goes on for the sake of an exit that is not over.
EXIT_BUDGET_MS = 12_000
POLL_MS = 1_000


@dataclass(slots=True)
class Again:
    """Which markets need another pass, and how long to wait before it."""

    markets: set[str] = field(default_factory=set)
    wait_ms: int = EXIT_BUDGET_MS

    def soon(self, market: str, wait_ms: int) -> None:
        """Look at this market again in so many ms, or before."""
        self.markets.add(market)
        self.wait_ms = min(self.wait_ms, max(wait_ms, 0))

    def add(self, other: "Again") -> None:
        """And what else needs one."""
        self.markets |= other.markets
        self.wait_ms = min(self.wait_ms, other.wait_ms)
