"""How the demo shows itself while it runs: a live table on a terminal, a line now and then elsewhere."""

from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from holdfast.core.scale import format_units
from holdfast.venues.kalshi.wire import SCALE
from local.demo.frame import Frame, Quote, Row

_LINES_WITHOUT_TERMINAL = 10
_AROUND_THE_TABLE = 9
_WIDE = 96
PLAIN_WIDTH = 120


def make_console() -> Console:
    """Where the demo prints: as wide as the terminal, or wide enough for its tables without one."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


def dollars(money: int, decimals: int = 2) -> str:
    """Money units as signed dollars, cut to that many decimals."""
    cut = abs(money) // 10 ** (SCALE.money_decimals - decimals)
    return f"{'-' if money < 0 and cut else ''}${format_units(cut, decimals)}"


def contracts(size: int) -> str:
    """Size units as contracts, without a fraction that is none."""
    return SCALE.size_text(size).removesuffix(".00")


def price(units: int | None) -> str:
    """Price units as dollars with the decimals that it needs, at least two."""
    if units is None:
        return ""
    cents, finer = divmod(units, 10 ** (SCALE.price_decimals - 2))
    return format_units(cents, 2) if not finer else SCALE.price_text(units).rstrip("0")


def duration(milliseconds: int) -> str:
    """Minutes and seconds."""
    minutes, seconds = divmod(max(milliseconds, 0) // 1000, 60)
    return f"{minutes}:{seconds:02d}"


class Screen(Protocol):
    """What shows the frames."""

    def show(self, frame: Frame) -> None:
        """Show the next moment."""
        ...

    def note(self, words: str) -> None:
        """Say something in between."""
        ...

    def close(self) -> None:
        """Show no more."""
        ...


def make_screen(console: Console) -> Screen:
    """The screen that suits the console."""
    return LiveScreen(console) if console.is_terminal else PlainScreen(console)


class PlainScreen:
    """Lines, some ten in all."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown = 0

    def show(self, frame: Frame) -> None:
        """A line for every tenth of the tape."""
        part = min(frame.elapsed_ms * _LINES_WITHOUT_TERMINAL // frame.duration_ms, _LINES_WITHOUT_TERMINAL)
        if part > self._shown:
            self._shown = part
            self._console.print(Text(f"{part * 100 // _LINES_WITHOUT_TERMINAL:3d} %  {_sums(frame)}"), soft_wrap=True)

    def note(self, words: str) -> None:
        """A line."""
        self._console.print(Text(words), soft_wrap=True)

    def close(self) -> None:
        """Nothing is left to do."""


class LiveScreen:
    """A table that is drawn anew for every frame, with a progress bar above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._words = ""
        self._live.start()

    def show(self, frame: Frame) -> None:
        """Draw the frame."""
        self._live.update(self._drawn(frame), refresh=True)

    def note(self, words: str) -> None:
        """Words under the bar, until others come."""
        self._words = words

    def close(self) -> None:
        """Take the table away; what comes after it is the summary."""
        self._live.stop()

    def _drawn(self, frame: Frame) -> RenderableType:
        bar = Table.grid(padding=(0, 1))
        done = ProgressBar(total=frame.duration_ms, completed=frame.elapsed_ms, width=40)
        bar.add_row(done, f"{duration(frame.elapsed_ms)} of {duration(frame.duration_ms)} market time", self._words)
        room = max(self._console.height - _AROUND_THE_TABLE, 4)
        table = _market_table(frame.rows[:room], wide=self._console.width >= _WIDE)
        hidden = len(frame.rows) - room
        more = [Text(f"and {hidden} more markets: the window is too low for them", style="dim")] if hidden > 0 else []
        return Group(bar, Text(_sums(frame), style="bold"), Text(), table, *more)


def _market_table(rows: tuple[Row, ...], *, wide: bool) -> Table:
    """The rows; on a narrow terminal without fills and state."""
    headings = ("bid", "ask", "our bids", "our asks", "inventory", "P&L")
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("market", no_wrap=True)
    for heading in (*headings, "fills") if wide else headings:
        table.add_column(heading, justify="right", no_wrap=True)
    if wide:
        table.add_column("state", no_wrap=True)
    for row in rows:
        cells = [
            Text(row.market),
            Text(price(row.bid)),
            Text(price(row.ask)),
            Text(_quote(row.our_bid, wide), style="green"),
            Text(_quote(row.our_ask, wide), style="red"),
            Text(contracts(row.inventory) if row.inventory else ""),
            Text(dollars(row.pnl) if row.fills else "", style="green" if row.pnl > 0 else "red" if row.pnl else ""),
        ]
        if wide:
            cells += [Text(str(row.fills or "")), Text(row.state, style="" if row.state == "quoting" else "dim")]
        table.add_row(*cells)
    return table


def _quote(quote: Quote | None, wide: bool) -> str:
    if quote is None:
        return ""
    more = f" +{quote.orders - 1}" if quote.orders > 1 and wide else ""
    return f"{contracts(quote.size)} @ {price(quote.price)}{more}"


def _sums(frame: Frame) -> str:
    halted = f" · HALTED: {', '.join(frame.halted)}" if frame.halted else ""
    return (
        f"tick {frame.ticks} · {frame.resting} quotes resting · {frame.fills} fills · P&L {dollars(frame.pnl)} · "
        f"{frame.api_calls} API calls ({frame.operations} writes in {frame.requests} requests){halted}"
    )
