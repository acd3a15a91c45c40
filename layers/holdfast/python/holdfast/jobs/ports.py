"""What a job needs of the world, and what it keeps between ticks of one process."""

from collections.abc import Callable
from dataclasses import dataclass, field

from holdfast.core.market import MarketRules
from holdfast.core.strategy import Strategy
from holdfast.jobs.account_view import LastLook
from holdfast.jobs.throttle import Throttle
from holdfast.state.markets import MarketConfig, quoted_markets
from holdfast.state.port import Store
from holdfast.state.switches import SwitchBoard
from holdfast.telemetry.port import Telemetry
from holdfast.venues.port import Access, Redeems, Venue, VenueStatus


@dataclass(slots=True)
class Ports:
    """The ports of one writer for one account.

    `writer` names this running instance in leases; `load_strategy` turns a market's config into a strategy and its
    validated parameters (InvalidInputError where it can't). `redeemer` None: the venue pays out by itself.
    """

    venue: Venue
    store: Store
    switches: SwitchBoard
    telemetry: Telemetry
    throttle: Throttle
    writer: str
    load_strategy: Callable[[MarketConfig], tuple[Strategy, object]]
    cache: "Cache" = field(default_factory=lambda: Cache())
    redeemer: Redeems | None = None


@dataclass(slots=True)
class Cache:
    """What may be forgotten at any time: read again after `config_refresh_ticks`, or by a cold start.

    `unclear`: markets whose config can't be read; `configs` have what was last known of those, disabled.
    `bookless`: held markets that had no book when it was last asked for. `look`: what the brackets job saw last,
    `idle_at_ms`: when execute last had nothing to do (see jobs.reading).
    """

    configs: tuple[MarketConfig, ...] = ()
    strategies: dict[str, tuple[Strategy, object]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    rules: dict[str, MarketRules] = field(default_factory=dict)
    ticks_until_refresh: int = 0
    connected: bool = False
    positions_compared_at_ms: int = 0
    differences: dict[str, int] = field(default_factory=dict)
    reported_differences: dict[str, int] = field(default_factory=dict)
    unlisted: frozenset[str] = frozenset()
    unclear: frozenset[str] = frozenset()
    bookless: frozenset[str] = frozenset()
    settlements_read_at_ms: int = 0
    scanned_at_ms: int = 0
    foreign_looked_at_ms: int = 0
    foreign: dict[str, int] = field(default_factory=dict)
    said_at_ms: dict[str, int] = field(default_factory=dict)
    sellable: dict[str, int] = field(default_factory=dict)
    disagrees_since_ms: dict[str, int] = field(default_factory=dict)
    look: LastLook | None = None
    idle_at_ms: int = 0
    redeemable_listed_at_ms: int = 0
    access: "AccessSeen" = field(default_factory=lambda: AccessSeen())
    venue: "VenueSeen" = field(default_factory=lambda: VenueSeen())

    @property
    def quoted(self) -> set[str]:
        """Markets in mode quote, and those whose config can't be read: nobody knows that they are not."""
        return quoted_markets(self.configs) | self.unclear


@dataclass(slots=True)
class VenueSeen:
    """The venue's last status, and when it was read.

    `held_until_ms`: markets that were refused for a pause lately; `alarmed_at_ms`: when a delayed exit was last said.
    """

    status: VenueStatus | None = None
    read_at_ms: int = 0
    held_until_ms: dict[str, int] = field(default_factory=dict)
    alarmed_at_ms: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class AccessSeen:
    """What the venue said last of whether we may trade, when it was asked (`answered`: and said it), what follows as
    reasons to halt, when it was last warned of an expiry, and when an order was refused for where it came from."""

    said: Access = field(default_factory=Access)
    asked_at_ms: int = 0
    answered: bool = False
    reasons: tuple[str, ...] = ()
    warned_at_ms: int = 0
    blocked_at_ms: int = 0
