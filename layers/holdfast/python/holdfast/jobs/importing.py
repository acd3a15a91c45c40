"""Take over positions that another program opened: each is checked against the venue, then booked with its bracket.

Ledger line, position, bracket and the market's mode are one transaction, so a crash leaves all of it or nothing, and a
position that is in the ledger already is never booked again.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct, structs

from holdfast.clock import Clock
from holdfast.core.book import OrderBook
from holdfast.core.bracket import Bracket, held_size
from holdfast.core.errors import ConditionFailedError, InvalidInputError
from holdfast.core.grid import OwnGrid
from holdfast.core.importing import IMPORTED, ForeignPosition, bring_in, entry_cost, with_stated
from holdfast.core.market import MarketRules
from holdfast.core.opening import ModeRule, around, bracket_identity, terms_around
from holdfast.core.orders import OpenOrder
from holdfast.core.positions import LedgerLine, Position
from holdfast.core.risk import DAY_MS, DayMark
from holdfast.state.brackets import Brackets
from holdfast.state.halts import Halting
from holdfast.state.ledger import Ledger, StoredPosition
from holdfast.state.markets import MarketConfig, MarketConfigs
from holdfast.state.port import Store, Write
from holdfast.state.switch_set import Switches
from holdfast.venues.port import Venue


class Verdict(StrEnum):
    """What becomes of one position of the file."""

    IMPORT = "import"
    KNOWN = "known"
    REFUSED = "refused"


class Takeover(Struct, frozen=True):
    """One position of the file and what becomes of it; `why` for people. Only one to import has the rest."""

    position: ForeignPosition
    verdict: Verdict
    why: str = ""
    before: StoredPosition | None = None
    after: Position | None = None
    line: LedgerLine | None = None
    bracket: Bracket | None = None
    config: MarketConfig | None = None


class _Seen(Struct, frozen=True):
    """The account as venue and store show it."""

    at_venue: Mapping[str, int]
    orders: Sequence[OpenOrder]
    rules: Mapping[str, MarketRules]
    books: Mapping[str, OrderBook]
    ledger: Mapping[str, StoredPosition]
    brackets: Mapping[str, Bracket]
    configs: Mapping[str, MarketConfig]


class Importing:
    """Takes over positions of one account. `venue` is connected."""

    def __init__(self, venue: Venue, store: Store, account: str, clock: Clock, switches: Switches) -> None:
        self._venue, self._store, self._account, self._clock = venue, store, account, clock
        self._switches = switches
        self._scale = venue.capabilities.scale
        self._one = venue.capabilities.one

    def plan(self, wanted: Sequence[ForeignPosition]) -> list[Takeover]:
        """What would become of each, in order; nothing is written. Raises a VenueError where it can't be read."""
        seen = self._look(sorted({position.market for position in wanted}))
        planned: list[Takeover] = []
        named: set[str] = set()
        for position in wanted:
            if position.market in named:
                planned.append(Takeover(position, Verdict.REFUSED, "the file names this market twice"))
                continue
            named.add(position.market)
            try:
                planned.append(self._planned(position, seen))
            except InvalidInputError as error:
                planned.append(Takeover(position, Verdict.REFUSED, str(error)))
        return planned

    def apply(self, planned: Takeover) -> Takeover:
        """Book one position with its bracket. Where somebody changed something since it was planned it is refused."""
        if planned.bracket is None or planned.before is None or planned.after is None or planned.line is None:
            return planned
        market = planned.position.market
        writes: list[Write] = [
            *Ledger(self._store, self._account).booking(planned.before, planned.after, [planned.line]),
            Brackets(self._store, self._account).claim(planned.bracket),
            MarketConfigs(self._store, self._account).protecting(market, planned.config),
            *self._uncounted_today(market),
        ]
        try:
            self._store.transact(writes)
        except ConditionFailedError:
            return structs.replace(
                planned,
                verdict=Verdict.REFUSED,
                why="a job of Holdfast changed something at the same moment: try again",
            )
        return planned

    def _look(self, markets: list[str]) -> _Seen:
        return _Seen(
            at_venue={held.market: held.size for held in self._venue.positions()},
            orders=self._venue.open_orders().orders,
            rules=self._venue.market_rules(markets) if markets else {},
            books=self._venue.books(markets) if markets else {},
            ledger=Ledger(self._store, self._account).positions(),
            brackets=Brackets(self._store, self._account).open(),
            configs={config.market: config for config in MarketConfigs(self._store, self._account).list()},
        )

    def _planned(self, position: ForeignPosition, seen: _Seen) -> Takeover:
        market = position.market
        stored = seen.ledger.get(market) or StoredPosition(Position(market))
        if market in seen.brackets:
            return Takeover(position, Verdict.KNOWN, f"bracket {seen.brackets[market].bracket_id} protects it already")
        if stored.position.size:
            return Takeover(
                position, Verdict.KNOWN, "it is in the ledger; the brackets job adopts it (adopt_unprotected)"
            )
        rules, config = seen.rules.get(market), seen.configs.get(market)
        held = held_size(seen.at_venue.get(market, 0), position.side)
        refusal = self._refusal(position, rules, config, held, seen.orders)
        if refusal or rules is None:
            return Takeover(position, Verdict.REFUSED, refusal)
        now_ms = self._clock.now_ms()
        price, cost = entry_cost(position, held, self._scale)
        key = f"import#{market}#{stored.version}"
        after, line = bring_in(stored.position, position.side, held, price, cost, self._one, key=key, now_ms=now_ms)
        bracket = self._bracket(position, after, rules, seen.books.get(market), f"import-{stored.version}")
        why = "a distance is in ATR: protected with the defaults" if self._switches.distances.needs_atr else ""
        return Takeover(position, Verdict.IMPORT, why, stored, after, line, bracket, config)

    def _refusal(
        self,
        position: ForeignPosition,
        rules: MarketRules | None,
        config: MarketConfig | None,
        held: int,
        orders: Sequence[OpenOrder],
    ) -> str:
        """Why a position that the ledger does not know can't be taken over; "" where it can."""
        market, text = position.market, self._scale.size_text
        if rules is None:
            return "the venue does not know this market"
        if rules.is_over(self._clock.now_ms()):
            return "the market is over: what it pays needs no protection"
        if config is not None and config.mode == "quote":
            return "the market is quoted; a market has one mode"
        if held <= 0:
            return (
                f"the venue shows {text(-held)} of the other outcome" if held else "the venue shows no position in it"
            )
        if position.size and self._scale.size(position.size, "size") != held:
            return f"the file says {position.size}, the venue shows {text(held)}: correct the file, or leave size out"
        if not rules.snap_size(held):
            return f"{text(held)} is too little to be sold here"
        resting = [order.order_id for order in orders if order.market == market]
        if resting:
            return f"orders rest in it that Holdfast did not place; cancel them first: {', '.join(resting[:3])}"
        return ""

    def _bracket(
        self, position: ForeignPosition, held: Position, rules: MarketRules, book: OrderBook | None, occasion: str
    ) -> Bracket:
        bracket_id = bracket_identity(self._account, position.market, occasion)
        grid = OwnGrid(rules, position.side, self._scale, self._one)
        best = (book.best_bid, book.best_ask) if book is not None else (None, None)
        wanted = self._switches.adopting_distances
        terms = terms_around(held, grid, wanted, *best)
        mode = ModeRule(self._switches.use_concurrent_orders, self._switches.ab_concurrent_share)
        decision_id = f"{self._account}-import"
        now_ms = self._clock.now_ms()
        made = around(bracket_id, held, grid, wanted, terms, mode.mode_of(bracket_id), now_ms, decision_id)
        return structs.replace(
            made,
            entry=structs.replace(made.entry, origin=IMPORTED),
            levels=with_stated(made.levels, position, grid, made.entry.price, terms.bid),
            reason="taken over from another program",
        )

    def _uncounted_today(self, market: str) -> tuple[Write, ...]:
        """What it has gained or lost before is none of today's: the day's mark starts it at its first price."""
        halting = Halting(self._store, self._account)
        _, mark = halting.of(self._store.get_many(halting.keys))
        if mark is None or mark.day != self._clock.now_ms() // DAY_MS:
            return ()
        blind = tuple(sorted({*mark.blind, market}))
        return (halting.marking(DayMark(mark.day, mark.pnl_at_start, blind)),)
