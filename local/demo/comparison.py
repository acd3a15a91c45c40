"""Our ledger against the exchange's own books, market by market, to the last unit."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, structs

from holdfast.core.positions import LedgerKind, LedgerLine, Position
from local.venues.kalshi.audit import Books


class MarketBooks(Struct, frozen=True):
    """One market as one side's books have it. Money and size units; `size` is signed, `cost` that of the open size.

    `cash` is what the market changed the balance by, `paid_out` the part of it that its settlement paid.
    """

    fills: int = 0
    volume: int = 0
    cash: int = 0
    fees: int = 0
    realized: int = 0
    paid_out: int = 0
    size: int = 0
    cost: int = 0


class Pair(Struct, frozen=True):
    """The two sides of one market."""

    market: str
    ledger: MarketBooks
    exchange: MarketBooks

    @property
    def differences(self) -> list[str]:
        """The figures that differ, in words."""
        ours, theirs = structs.asdict(self.ledger), structs.asdict(self.exchange)
        return [f"{name}: ledger {ours[name]}, exchange {theirs[name]}" for name in ours if ours[name] != theirs[name]]


class Comparison(Struct, frozen=True):
    """Both sides of every market; `problems` are what else does not add up, in words."""

    pairs: tuple[Pair, ...]
    problems: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs, to the last unit."""
        return not self.problems and not any(pair.differences for pair in self.pairs)

    @property
    def total(self) -> Pair:
        """The sums over all markets."""
        return Pair("total", _sum(pair.ledger for pair in self.pairs), _sum(pair.exchange for pair in self.pairs))


def compare(
    lines: Sequence[LedgerLine], positions: Mapping[str, Position], books: Books, markets: Iterable[str]
) -> Comparison:
    """Compare what we booked with what the exchange did; `markets` come first and in their order."""
    ours = _of_ledger(lines, positions)
    theirs = _of_exchange(books)
    names = dict.fromkeys([*markets, *ours, *theirs])
    pairs = tuple(Pair(name, ours.get(name, MarketBooks()), theirs.get(name, MarketBooks())) for name in names)
    problems = [f"exchange: {words}" for words in books.imbalances()]
    cash = sum(pair.ledger.cash for pair in pairs)
    if cash != books.profit:
        problems.append(f"the ledger moved {cash} of cash, the exchange's balances {books.profit}")
    for market, position in positions.items():
        booked = ours[market] if market in ours else MarketBooks()
        if (position.cash, position.fees, position.realized) != (booked.cash, booked.fees, booked.realized):
            problems.append(f"{market}: its position is not the sum of its ledger lines")
    return Comparison(pairs, tuple(problems))


def _of_ledger(lines: Sequence[LedgerLine], positions: Mapping[str, Position]) -> dict[str, MarketBooks]:
    by_market: dict[str, list[LedgerLine]] = {}
    for line in lines:
        by_market.setdefault(line.market, []).append(line)
    found = {}
    for market, of_market in by_market.items():
        position = positions.get(market, Position(market))
        fills = [line for line in of_market if line.kind is LedgerKind.FILL]
        found[market] = MarketBooks(
            fills=len({line.key.removesuffix("#open") for line in fills}),
            volume=sum(line.size for line in fills),
            cash=sum(line.cash for line in of_market),
            fees=sum(line.fee for line in of_market),
            realized=sum(line.realized for line in of_market),
            paid_out=sum(line.cash for line in of_market if line.kind is LedgerKind.SETTLEMENT),
            size=position.size,
            cost=position.cost,
        )
    return found


def _of_exchange(books: Books) -> dict[str, MarketBooks]:
    found = {}
    for holding in books.positions:
        market = holding.ticker
        fills = [fill for fill in books.fills if fill.ticker == market]
        paid_out = sum(row.payout for row in books.settlements if row.ticker == market)
        found[market] = MarketBooks(
            fills=len(fills),
            volume=sum(fill.size for fill in fills),
            cash=sum(fill.revenue - fill.fee for fill in fills) + paid_out,
            fees=sum(fill.fee for fill in fills),
            realized=holding.realized,
            paid_out=paid_out,
            size=holding.size,
            cost=holding.cost,
        )
    return found


def _sum(sides: Iterable[MarketBooks]) -> MarketBooks:
    every = list(sides)
    return MarketBooks(**{name: sum(getattr(side, name) for side in every) for name in MarketBooks.__struct_fields__})
