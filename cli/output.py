"""How the command line prints: tables on the terminal, plain and wide elsewhere."""

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

# Without a terminal nothing is cut or wrapped for it.
_PLAIN_WIDTH = 240
_WHOLE_WIDTH = 1_000


def console() -> Console:
    """Where output goes."""
    return Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH)


def say(line: str) -> None:
    """One line of output."""
    console().print(Text(line), soft_wrap=True)


def warn(line: str) -> None:
    """One line on standard error."""
    Console(stderr=True).print(Text(line), soft_wrap=True)


def show(columns: Sequence[str], rows: Iterable[Sequence[str]], *, whole: bool = False) -> None:
    """A table. Cells are text, never markup: they hold what people wrote.

    `whole`: nothing is cut or folded to the terminal's width, so that long ids can be copied.
    """
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell, no_wrap=whole) for cell in row))
    if whole:
        Console(width=_WHOLE_WIDTH).print(table, crop=False)
    else:
        console().print(table)
