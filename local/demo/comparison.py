"""Our ledger against the exchange's own books, instrument by instrument, to the last unit."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, structs

from holdfast.core.positions import LedgerKind, LedgerLine, Position
from local.demo.books import ExchangeBooks, MarketBooks


class Pair(Struct, frozen=True):
    """The two sides of one instrument."""

    market: str
    ledger: MarketBooks
    exchange: MarketBooks

    @property
    def differences(self) -> list[str]:
        """The figures that differ, in words."""
        ours, theirs = structs.asdict(self.ledger), structs.asdict(self.exchange)
        return [f"{name}: ledger {ours[name]}, exchange {theirs[name]}" for name in ours if ours[name] != theirs[name]]


class Comparison(Struct, frozen=True):
    """Both sides of every instrument; `problems` are what else does not add up, in words."""

    pairs: tuple[Pair, ...]
    problems: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs, to the last unit."""
        return not self.problems and not any(pair.differences for pair in self.pairs)

    @property
    def total(self) -> Pair:
        """The sums over all instruments."""
        return Pair("total", _sum(pair.ledger for pair in self.pairs), _sum(pair.exchange for pair in self.pairs))


def compare(
    lines: Sequence[LedgerLine], positions: Mapping[str, Position], books: ExchangeBooks, markets: Iterable[str]
) -> Comparison:
    """Compare what we booked with what the exchange did; `markets` come first and in their order."""
    ours = _of_ledger(lines, positions)
    names = dict.fromkeys([*markets, *ours, *books.markets])
    pairs = tuple(Pair(name, ours.get(name, MarketBooks()), books.markets.get(name, MarketBooks())) for name in names)
    problems = [f"exchange: {words}" for words in books.imbalances]
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
        # A trade that failed is a fill that was taken back: in the end it is none.
        reversals = [line for line in of_market if line.kind is LedgerKind.REVERSAL]
        found[market] = MarketBooks(
            fills=_trades(fills) - _trades(reversals),
            volume=sum(line.size for line in fills) - sum(line.size for line in reversals),
            cash=sum(line.cash for line in of_market),
            fees=sum(line.fee for line in of_market),
            realized=sum(line.realized for line in of_market),
            paid_out=sum(line.cash for line in of_market if line.kind is LedgerKind.SETTLEMENT),
            size=position.size,
            cost=position.cost,
        )
    return found


def _trades(lines: Sequence[LedgerLine]) -> int:
    """How many trades these lines are: one that crossed zero made two."""
    return len({line.key.removesuffix("#open") for line in lines})


def _sum(sides: Iterable[MarketBooks]) -> MarketBooks:
    every = list(sides)
    return MarketBooks(**{name: sum(getattr(side, name) for side in every) for name in MarketBooks.__struct_fields__})
