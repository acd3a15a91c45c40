"""The part of the demo's summary that is about positions under brackets: every trade, and what protecting them took."""

from collections.abc import Callable, Sequence

from rich.text import Text

from holdfast.core.bracket import ExitSource
from holdfast.core.trade import Trade
from local.demo.account import DemoAccount
from local.demo.comparison import Comparison
from local.demo.position_rows import outcome_label
from local.demo.protection import entered_markets
from local.demo.wording import amount, counted, dollars, price, rough_amount

Row = dict[str, str | Text]
"""One row of a table, by column."""


def trade_rows(account: DemoAccount) -> list[Row]:
    """Every closed position, oldest first. Own prices; slippage in cents, how much worse than intended (less than 0:
    better)."""
    scale, instruments = account.venue.scale, account.venue.instruments
    return [
        {
            "market": outcome_label(instruments, trade.market, trade.side),
            "size": rough_amount(trade.size, scale),
            "entry": price(trade.entry_price, scale),
            "exit": price(trade.exit_value // trade.size, scale),
            "P&L": dollars(trade.realized - trade.fees, scale),
            "exit source": trade.source.value,
            "why": _why(trade),
            "slip ¢": _cents(trade, account) if trade.intended else "",
            "naked s": f"{trade.naked_ms / 1000:g}",
        }
        for trade in account.trades
    ]


def source_rows(accounts: Sequence[DemoAccount]) -> list[tuple[str, list[str]]]:
    """How many positions each layer exited, by account; layers that exited none are left out."""
    return [
        (source.value, [str(count) for count in counts])
        for source in ExitSource
        if any(counts := [sum(trade.source is source for trade in account.trades) for account in accounts])
    ]


def cost_rows() -> tuple[tuple[str, Callable[[DemoAccount], str]], ...]:
    """What was entered, and what protecting it took."""
    return (
        ("entry orders sent", lambda a: f"{a.tally.entered:,}"),
        ("positions closed", lambda a: f"{len(a.trades):,}"),
        ("positions still open, under a bracket each", lambda a: f"{len(a.brackets):,}"),
        ("their P&L after fees, closed ones", lambda a: dollars(_pnl(a.trades), a.venue.scale)),
        ("naked seconds in all", lambda a: f"{sum(trade.naked_ms for trade in a.trades) / 1000:g}"),
        ("ticks of the brackets job", lambda a: f"{a.tally.checks:,}"),
        ("its API calls, reads and writes", lambda a: f"{a.tally.check_calls:,}"),
        ("of these orders placed, reduced or cancelled", lambda a: f"{a.tally.protective_requests:,}"),
    )


def cash_rows(account: DemoAccount, comparison: Comparison) -> list[tuple[str, int, int]]:
    """What quoting and the positions under brackets changed the balance by: ledger, exchange."""
    entered = set(entered_markets(account))
    rows = []
    for words, is_entered in (("of this by quoting", False), ("of this by positions", True)):
        pairs = [pair for pair in comparison.pairs if (pair.market in entered) is is_entered]
        rows.append((words, sum(pair.ledger.cash for pair in pairs), sum(pair.exchange.cash for pair in pairs)))
    return rows


def dust_words(account: DemoAccount) -> str:
    """What was written off because no order can sell so little, and what the results paid for it; empty for nothing."""
    venue, dust = account.venue, account.tally.dust
    if not dust:
        return ""
    size = amount(sum(abs(each) for each in dust.values()), venue.scale)
    worth = dollars(account.books().dust, venue.scale, 6)
    return (
        f"{venue.title}: {size} {venue.noun} left over from exits were too little for an order. Our ledger wrote them "
        f"off by name; the exchange's side is shown without them and the {worth} that results paid for them."
    )


def checked_words(account: DemoAccount) -> str:
    """What the exchange's books were found to say of the positions, where nothing is wrong."""
    closed, still = counted(len(account.trades), "position"), len(account.brackets)
    is_open = f"{still} open, each under a bracket" if still else "none open"
    return (
        f"{account.venue.title}: {closed} closed by one named source each, nothing sold that was not held, {is_open}, "
        "no order left behind."
    )


def _why(trade: Trade) -> str:
    """The numbers of the reason; its words are the source's."""
    known = {ExitSource.EXCHANGE_BRACKET_TP: "it rested and filled", ExitSource.MARKET_RESOLVED: "held to the result"}
    numbers = trade.reason.partition(": ")[2].partition(";")[0]
    shorter = numbers.replace(" at or below ", " <= ").replace(" at or above ", " >= ")
    return known.get(trade.source) or shorter or trade.reason


def _cents(trade: Trade, account: DemoAccount) -> str:
    units = 10 ** (account.venue.scale.price_decimals - 2)
    return f"{trade.slippage / units:g}"


def _pnl(trades: Sequence[Trade]) -> int:
    return sum(trade.realized - trade.fees for trade in trades)
