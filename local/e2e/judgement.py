"""What must hold at the end of a run, judged by the venues' own books; it decides the exit code."""

from collections import Counter
from collections.abc import Iterator, Sequence

from holdfast.core.bracket import ExitMode, ExitSource
from holdfast.core.trade import Trade
from holdfast.deployed import JOBS
from local.e2e.account import DeployedAccount
from local.e2e.logs import FunctionLogs
from local.e2e.markets import GAIN, HALT, LATE, SIGNAL, STOP, TICKERS, WATCH
from local.e2e.scenario import POISON

EXPECTED = {
    GAIN: (ExitSource.EXCHANGE_BRACKET_TP, ExitMode.LIMIT_ORDERS),
    SIGNAL: (ExitSource.POSITION_MONITOR_SIGNAL, ExitMode.LIMIT_ORDERS),
    STOP: (ExitSource.ARMED_STOP, ExitMode.LIMIT_ORDERS),
    HALT: (ExitSource.ARMED_STOP, ExitMode.LIMIT_ORDERS),
    WATCH: (ExitSource.POSITION_MONITOR_TP, ExitMode.MONITOR),
}
"""Each position's one way out, and the mode that it kept until then."""


def failures_of(account: DeployedAccount, logs: FunctionLogs, seconds: int, *, poisoned: bool) -> list[str]:
    """What is wrong with one account after so many seconds of ticks, in words; empty when all is well.

    `poisoned`: its queues had been given what is no message, which must be in the dead-letter queues now.
    """
    found = [
        *_exits(account, logs),
        *_fills(account),
        *_left(account),
        *_books(account),
        *_dead(account, poisoned=poisoned),
        *_ticks(account, seconds),
    ]
    return [f"{account.name}: {words}" for words in found]


def _exits(account: DeployedAccount, logs: FunctionLogs) -> Iterator[str]:
    """One trade and one EXIT_SOURCE event for each position, of the source that the story wants."""
    trades: dict[str, list[Trade]] = {}
    for trade in account.trades():
        trades.setdefault(account.venue.label(trade.market), []).append(trade)
    said = Counter(
        event.fields["bracket"]
        for event in logs.events
        if event.name == "EXIT_SOURCE" and event.account == account.name
    )
    for ticker, (source, mode) in EXPECTED.items():
        of_market = trades.pop(ticker, [])
        got = [(trade.source, trade.mode) for trade in of_market]
        if got != [(source, mode)]:
            yield f"{ticker}: closed by {_words(of_market)}, not once by {source.value} in mode {mode.value}"
        for trade in of_market:
            if said.pop(trade.bracket_id, 0) != 1:
                yield f"{ticker}: not exactly one EXIT_SOURCE event for its trade"
    if trades or said:
        yield f"exits that nobody asked for: {', '.join(trades) or dict(said)}"


def _words(trades: Sequence[Trade]) -> str:
    return ", ".join(f"{trade.source.value} ({trade.mode.value})" for trade in trades) or "nothing"


def _fills(account: DeployedAccount) -> Iterator[str]:
    """never-oversell by the venue's own fills."""
    for ticker in TICKERS:
        held = 0
        for fill in account.venue.demo.fills(account.venue.market(ticker)):
            held += fill.change
            if held < 0:
                yield f"{ticker}: more was sold than was held"
                break
        bought = sum(fill.change > 0 for fill in account.venue.demo.fills(account.venue.market(ticker)))
        if ticker == LATE and bought:
            yield f"{ticker}: bought under a halt"


def _left(account: DeployedAccount) -> Iterator[str]:
    """Flat: nothing rests, nothing is held, no bracket is open."""
    if resting := account.venue.demo.books().open_orders:
        yield f"orders left at the venue: {[account.venue.label(order.market) for order in resting]}"
    if held := [ticker for ticker in TICKERS if account.held(ticker)]:
        yield f"still held at the venue: {held}"
    if opened := account.brackets():
        yield f"brackets still open: {[account.venue.label(market) for market in opened]}"


def _books(account: DeployedAccount) -> Iterator[str]:
    """Our ledger is the venue's books, to the last unit."""
    comparison = account.comparison()
    yield from comparison.problems
    for pair in comparison.pairs:
        for difference in pair.differences:
            yield f"{account.venue.label(pair.market)}: {difference}"


def _dead(account: DeployedAccount, *, poisoned: bool) -> Iterator[str]:
    """What is no message, and nothing else, is in the dead-letter queues of the jobs."""
    for function, bodies in account.dead_letters().items():
        expected = Counter({POISON: 1}) if poisoned and function in JOBS else Counter[str]()
        if bodies != expected:
            yield f"the dead-letter queue of {function} has {dict(bodies)}, not {dict(expected)}"


def _ticks(account: DeployedAccount, seconds: int) -> Iterator[str]:
    """More than the schedules alone send, on however slow a machine: the others were the minutes' delayed messages."""
    least = seconds // 60 + 2
    for job in JOBS:
        if account.ticks(job) < least:
            yield f"{account.ticks(job)} ticks of {job} in {seconds} s, fewer than {least}"
