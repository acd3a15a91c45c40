"""How the demo shows itself while it runs: a live table on a terminal, a line now and then elsewhere."""

from collections.abc import Sequence
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from holdfast.core.scale import Scale
from local.demo.frame import AccountFrame, Frame, Quote, Row
from local.demo.position_rows import PositionRow
from local.demo.wording import amount, counted, dollars, duration, price, rough_amount

_LINES_WITHOUT_TERMINAL = 10
# The bar, the headings of the quotes, and the line of the cursor; each account adds its sums, a line for what is cut,
# and where it has positions their headings.
_AROUND_THE_TABLES = 3
_AROUND_A_TABLE = 2
_LEAST_ROWS = 2
# What the columns beside the label take, with all of them shown.
_WIDE_COLUMNS = 86
# What fits beside the columns that a narrow window has.
_NARROW_LABEL = 20
_NARROW_QUOTE, _WIDE_QUOTE = 10, 12
PLAIN_WIDTH = 120


def make_console() -> Console:
    """Where the demo prints: as wide as the terminal, or wide enough for its tables without one."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PLAIN_WIDTH)


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
    """Lines, some ten for each account."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown = 0

    def show(self, frame: Frame) -> None:
        """A line for each account every tenth of the tape."""
        part = min(frame.elapsed_ms * _LINES_WITHOUT_TERMINAL // frame.duration_ms, _LINES_WITHOUT_TERMINAL)
        if part <= self._shown:
            return
        self._shown = part
        start = f"{part * 100 // _LINES_WITHOUT_TERMINAL:3d} %  tick {frame.ticks:<4}"
        for account in frame.accounts:
            self._console.print(Text(start + _sums(account)), soft_wrap=True)
            start = " " * len(start)

    def note(self, words: str) -> None:
        """A line."""
        self._console.print(Text(words), soft_wrap=True)

    def close(self) -> None:
        """Nothing is left to do."""


class LiveScreen:
    """A table for each account that is drawn anew for every frame, with a progress bar above them."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._words = ""
        self._live.start()

    def show(self, frame: Frame) -> None:
        """Draw the frame."""
        self._live.update(self.drawn(frame), refresh=True)

    def note(self, words: str) -> None:
        """Words beside the bar, until others come."""
        self._words = words

    def close(self) -> None:
        """Take the tables away; what comes after them is the summary."""
        self._live.stop()

    def drawn(self, frame: Frame) -> RenderableType:
        """The frame as it is drawn: no higher than the window, but for two rows that each account has at least."""
        labels = [row.label for account in frame.accounts for row in (*account.rows, *account.positions)]
        longest = max(map(len, labels))
        wide = self._console.width >= longest + _WIDE_COLUMNS
        bar = Table.grid(padding=(0, 1))
        done = ProgressBar(total=frame.duration_ms, completed=frame.elapsed_ms, width=40 if wide else 16)
        words = self._words or f"tick {frame.ticks}"
        bar.add_row(done, f"{duration(frame.elapsed_ms)} of {duration(frame.duration_ms)} market time · {words}")
        counts = self._counts(frame)
        label_width = longest if wide else min(longest, _NARROW_LABEL)
        parts: list[RenderableType] = [bar]
        for index, (account, (quotes, positions)) in enumerate(zip(frame.accounts, counts, strict=True)):
            parts.append(Text(_sums(account, wide=wide), style="bold", no_wrap=True, overflow="ellipsis"))
            if account.rows:
                table = _table(label_width, wide, has_headings=index == 0)
                for row in account.rows[:quotes]:
                    table.add_row(*_cells(row, account.scale, wide))
                parts.append(table)
            if account.positions:
                held = sorted(account.positions, key=lambda row: not row.is_open)[:positions]
                shown = [row for row in account.positions if row in held]
                parts.append(_position_table(shown, account.scale, label_width, wide))
            if hidden := len(account.rows) - quotes + len(account.positions) - positions:
                parts.append(Text(f"and {hidden} more: the window is too low for them", style="dim"))
        return Group(*parts)

    def _counts(self, frame: Frame) -> list[tuple[int, int]]:
        """How many quoted instruments and how many positions of each account are shown; positions come first."""
        with_positions = sum(bool(account.positions) for account in frame.accounts)
        room = self._console.height - _AROUND_THE_TABLES - _AROUND_A_TABLE * len(frame.accounts) - with_positions
        positions = rows_shown([len(account.positions) for account in frame.accounts], room // 2)
        quotes = rows_shown([len(account.rows) for account in frame.accounts], room - sum(positions))
        return list(zip(quotes, positions, strict=True))


def rows_shown(counts: Sequence[int], room: int) -> list[int]:
    """How many rows of each table are shown on so many lines: as equal as can be, two of each at least."""
    shown = [0] * len(counts)
    left = max(room, _LEAST_ROWS * len(counts))
    while left and shown != list(counts):
        for index, count in enumerate(counts):
            if left and shown[index] < count:
                shown[index] += 1
                left -= 1
    return shown


def _table(label_width: int, wide: bool, *, has_headings: bool) -> Table:
    """An account's table; its columns stand below those of the others. On a narrow terminal without fills and state."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0), show_header=has_headings)
    table.add_column("market", no_wrap=True, width=label_width)
    quote = _WIDE_QUOTE if wide else _NARROW_QUOTE
    for heading, width in (("bid", 5), ("ask", 5), ("our bids", quote), ("our asks", quote), ("inventory", 9)):
        table.add_column(heading, justify="right", no_wrap=True, min_width=width)
    table.add_column("P&L", justify="right", no_wrap=True, min_width=8)
    if wide:
        table.add_column("fills", justify="right", no_wrap=True, min_width=5)
        table.add_column("state", no_wrap=True, min_width=13)
    return table


def _cells(row: Row, scale: Scale, wide: bool) -> list[Text]:
    cells = [
        Text(_label(row, wide)),
        Text(price(row.bid, scale)),
        Text(price(row.ask, scale)),
        Text(_quote(row.our_bid, scale, wide), style="green"),
        Text(_quote(row.our_ask, scale, wide), style="red"),
        Text(amount(row.inventory, scale) if row.inventory else ""),
        _money(row.pnl, scale, is_shown=row.fills > 0),
    ]
    if wide:
        cells += [Text(str(row.fills or "")), Text(row.state, style="" if row.state == "quoting" else "dim")]
    return cells


def _position_table(rows: Sequence[PositionRow], scale: Scale, label_width: int, wide: bool) -> Table:
    """Positions under brackets: what is held with its levels, or how it was exited last."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("position", no_wrap=True, width=label_width)
    for heading, width in (("size", 6), ("entry", 5), ("stop", 5), ("target", 6), ("bid", 5), ("P&L", 8)):
        table.add_column(heading, justify="right", no_wrap=True, min_width=width)
    if wide:
        table.add_column("exits", justify="right", no_wrap=True, min_width=5)
        table.add_column("mode", no_wrap=True, min_width=12)
    table.add_column("state", no_wrap=True, min_width=12)
    for row in rows:
        prices = [Text(price(each, scale)) for each in (row.entry, row.stop, row.take_profit, row.bid)]
        size = Text(rough_amount(row.size, scale) if row.size else "")
        cells = [Text(_label(row, wide)), size, *prices, _money(row.pnl, scale, is_shown=row.trades > 0 or row.is_open)]
        if wide:
            cells += [Text(str(row.trades or "")), Text(row.mode)]
        table.add_row(*cells, Text(row.state, style="" if row.is_open else "dim"))
    return table


def _money(pnl: int, scale: Scale, *, is_shown: bool) -> Text:
    return Text(dollars(pnl, scale) if is_shown else "", style="green" if pnl > 0 else "red" if pnl else "")


def _label(row: Row | PositionRow, wide: bool) -> str:
    """The end of a long name tells more than its start."""
    if wide or len(row.label) <= _NARROW_LABEL:
        return row.label
    return f"…{row.label[1 - _NARROW_LABEL :]}"


def _quote(quote: Quote | None, scale: Scale, wide: bool) -> str:
    if quote is None:
        return ""
    more = f" +{quote.orders - 1}" if quote.orders > 1 and wide else ""
    return f"{amount(quote.size, scale)} @ {price(quote.price, scale)}{more}"


def _sums(account: AccountFrame, *, wide: bool = True) -> str:
    parts = [
        f"{account.venue} · {account.resting} quotes{' resting' if wide else ''}",
        f"{account.fills} fills",
        f"P&L {dollars(account.pnl, account.scale)}",
        f"{account.operations:,} writes in {account.requests} requests",
    ]
    if wide:
        parts.append(f"{account.api_calls} API calls")
        if account.positions:
            held = sum(row.is_open for row in account.positions)
            parts += [counted(held, "position"), counted(account.exits, "exit")]
    if account.halted:
        parts.append(f"HALTED: {', '.join(account.halted)}")
    return " · ".join(parts)
