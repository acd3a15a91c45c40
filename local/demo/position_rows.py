"""What the demo shows of the positions under brackets: one row for each entered market, held or not."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from holdfast.core.bracket import Bracket, ExitMode, ExitSource, held_size, own_price
from holdfast.core.market import Side
from holdfast.core.positions import Position, unrealized
from holdfast.core.trade import Trade
from local.demo.account import DemoAccount
from local.demo.venues.venue import Instrument

SHORT = {
    ExitSource.EXCHANGE_BRACKET_TP: "take profit",
    ExitSource.EXCHANGE_BRACKET_STOP: "venue stop",
    ExitSource.ARMED_STOP: "armed stop",
    ExitSource.POSITION_MONITOR_TP: "monitor TP",
    ExitSource.POSITION_MONITOR_SOFT: "soft stop",
    ExitSource.POSITION_MONITOR_TRAILING: "trailing",
    ExitSource.POSITION_MONITOR_SIGNAL: "signal",
    ExitSource.POSITION_MONITOR_HARD: "hard stop",
    ExitSource.TIME_LIMIT: "time limit",
    ExitSource.RISK_FLATTEN: "risk",
    ExitSource.MANUAL: "manual",
    ExitSource.MARKET_RESOLVED: "resolved",
    ExitSource.UNKNOWN: "unknown",
}


class PositionRow(Struct, frozen=True):
    """One entered market. Own prices, sizes and money in units of the venue's scale; None where there is none.

    `stop` is the one that fires first. `pnl` is the market's so far, the open size marked at its bid. `state` is the
    bracket's, or the source of its exit in words: with "…" the exit goes on, without it was the last. `is_open`:
    something is held, or an entry is under way.
    """

    label: str
    size: int
    entry: int | None
    stop: int | None
    take_profit: int | None
    bid: int | None
    pnl: int
    trades: int
    mode: str
    state: str
    is_open: bool


def position_rows(account: DemoAccount, positions: Mapping[str, Position]) -> tuple[PositionRow, ...]:
    """The rows of an account, in the tape's order."""
    rows = []
    for ticker in account.entered:
        instruments = [each for each in account.venue.instruments if each.ticker == ticker]
        markets = {each.market for each in instruments}
        trades = [trade for trade in account.trades if trade.market in markets]
        held = [account.brackets[market] for market in sorted(markets) if market in account.brackets]
        pnl = sum(_pnl(account, each, positions) for each in instruments)
        rows.append(_held(account, held[0], pnl, len(trades), positions) if held else _flat(ticker, trades, pnl))
    return tuple(rows)


def outcome_label(instruments: Sequence[Instrument], market: str, side: Side) -> str:
    """What is held, e.g. "KXNBAGAME-GEN03 No"."""
    for instrument in instruments:
        if instrument.market == market:
            return (
                instrument.label if instrument.outcome else f"{instrument.label} {'Yes' if side is Side.BUY else 'No'}"
            )
    return market


def _held(
    account: DemoAccount, bracket: Bracket, pnl: int, trades: int, positions: Mapping[str, Position]
) -> PositionRow:
    market, side, levels, venue = bracket.market, bracket.side, bracket.levels, account.venue
    bid, ask = venue.best(market)
    price = bid if side is Side.BUY else ask
    position = positions.get(market, Position(market))
    stops = (levels.stop, levels.soft_stop) if bracket.mode is ExitMode.LIMIT_ORDERS else (levels.soft_stop,)
    begun = f"{SHORT[bracket.exit.source]}…" if bracket.exit else bracket.state.value
    return PositionRow(
        label=outcome_label(venue.instruments, market, side),
        size=held_size(position.size, side),
        entry=bracket.entry.price,
        stop=max(stops) or None,
        take_profit=levels.take_profit or None,
        bid=None if price is None else own_price(price, side, venue.one),
        pnl=pnl,
        trades=trades,
        mode=bracket.mode.value.replace("_", " "),
        state=venue.ending(market) or begun,
        is_open=True,
    )


def _flat(ticker: str, trades: Sequence[Trade], pnl: int) -> PositionRow:
    state = SHORT[trades[-1].source] if trades else "none yet"
    return PositionRow(ticker, 0, None, None, None, None, pnl, len(trades), "", state, is_open=False)


def _pnl(account: DemoAccount, instrument: Instrument, positions: Mapping[str, Position]) -> int:
    position = positions.get(instrument.market)
    if position is None:
        return 0
    bid, ask = account.venue.best(instrument.market)
    open_value = unrealized(position, bid, ask, account.venue.one)
    # A side without a price pays nothing for what is open.
    return position.realized - position.fees + (-position.cost if open_value is None else open_value)
