"""Positions of ours that no bracket protects: adopted into one with the default distances, or flagged, by a switch."""

from collections.abc import Mapping, Sequence

from holdfast.core.book import OrderBook
from holdfast.core.bracket import Bracket
from holdfast.core.errors import ConditionFailedError, InvalidInputError
from holdfast.core.grid import OwnGrid
from holdfast.core.market import Side
from holdfast.core.opening import ModeRule, around, bracket_identity, terms_around
from holdfast.core.positions import Position
from holdfast.jobs.ports import Ports
from holdfast.state.brackets import Brackets
from holdfast.state.ledger import StoredPosition
from holdfast.state.switch_set import Switches
from holdfast.telemetry.port import Level

SAY_AGAIN_MS = 3_600_000


class Adopting:
    """Finds what is unprotected in one account."""

    def __init__(
        self, ports: Ports, brackets: Brackets, account: str, switches: Switches, decision_id: str, now_ms: int
    ) -> None:
        self._ports = ports
        self._brackets = brackets
        self._account = account
        self._switches = switches
        self._decision_id = decision_id
        self._now_ms = now_ms

    def unprotected(
        self, positions: Mapping[str, StoredPosition], known: Mapping[str, Bracket]
    ) -> list[StoredPosition]:
        """Positions without a bracket in markets that nobody quotes: there the inventory stop guards them."""
        quoted = self._ports.cache.quoted
        found = [
            stored
            for market, stored in positions.items()
            if stored.position.size and market not in known and market not in quoted
        ]
        # A position can be younger than the brackets that were read before it.
        protected = self._brackets.open() if found else {}
        return [stored for stored in found if stored.position.market not in protected]

    def adopt(self, found: Sequence[StoredPosition], books: Mapping[str, OrderBook]) -> list[Bracket]:
        """The brackets that were opened around them; the others are said, and counted as naked, until they have one."""
        adopted = []
        for stored in found:
            bracket = self._opened(stored, books.get(stored.position.market))
            if bracket is not None:
                adopted.append(bracket)
        return adopted

    def _opened(self, stored: StoredPosition, book: OrderBook | None) -> Bracket | None:
        position = stored.position
        if self._switches.adopt_unprotected == "flag":
            self._say(position, "adopt_unprotected is flag")
            return None
        rules = self._ports.cache.rules.get(position.market)
        if rules is None or rules.is_over(self._now_ms):
            self._say(position, "the market is over or unknown: its settlement closes it")
            return None
        capabilities = self._ports.venue.capabilities
        side = Side.BUY if position.size > 0 else Side.SELL
        one = capabilities.one
        bracket_id = bracket_identity(self._account, position.market, f"position-{stored.version}")
        mode = ModeRule(self._switches.use_concurrent_orders, self._switches.ab_concurrent_share)
        best = (book.best_bid, book.best_ask) if book is not None else (None, None)
        wanted = self._switches.adopting_distances
        try:
            grid = OwnGrid(rules, side, capabilities.scale, one)
            bracket = around(
                bracket_id,
                position,
                grid,
                wanted,
                terms_around(position, grid, wanted, *best),
                mode.mode_of(bracket_id),
                self._now_ms,
                self._decision_id,
            )
        except InvalidInputError as error:
            self._say(position, str(error))
            return None
        try:
            bracket = self._brackets.save(bracket)
        except ConditionFailedError:
            # Another writer was faster: its bracket is read by the next pass.
            return None
        self._ports.telemetry.event(
            "POSITION_ADOPTED",
            Level.WARNING,
            market=position.market,
            size=position.size,
            bracket=bracket_id,
            default_distances=self._switches.distances.needs_atr,
        )
        return bracket

    def _say(self, position: Position, why: str) -> None:
        said, key = self._ports.cache.said_at_ms, f"unprotected#{position.market}"
        if self._now_ms - said.get(key, self._now_ms - SAY_AGAIN_MS) < SAY_AGAIN_MS:
            return
        said[key] = self._now_ms
        self._ports.telemetry.event(
            "POSITION_UNPROTECTED", Level.ERROR, market=position.market, size=position.size, why=why
        )
