"""Tables of the demo's summary."""

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

# Columns of texts wherever they stand.
_TEXTS = ("exit source", "why")


def table_of(*headings: str, texts: int = 1) -> Table:
    """A table whose first columns are texts; the others are numbers, but for the ones without a heading."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for index, heading in enumerate(headings):
        is_number = index >= texts and heading and heading not in _TEXTS
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=True)
    return table


def filled(names: Sequence[str], rows: Sequence[Mapping[str, str | Text]]) -> Table:
    """A table of these columns of the rows."""
    table = table_of(*names)
    for row in rows:
        table.add_row(*(row[name] for name in names))
    return table


def equality(equal: bool) -> Text:
    """The word for whether two figures are equal."""
    return Text("equal", style="green") if equal else Text("DIFFERENT", style="bold red")
