"""Tables that lose nothing where there is little room."""

from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

BETWEEN: Final = 3
"""From one column to the next: a space on both sides, and the line that is not drawn."""


class Fitted:
    """A table, where no word of it has to be broken; else row by row, each cell beside its name."""

    def __init__(self, table: Table) -> None:
        self.table = table
        for column in table.columns:
            column.no_wrap, column.overflow = False, "fold"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.table.show_header or self.fits(console, options):
            yield self.table
            return
        if self.table.title is not None:
            yield plain(self.table.title)
        names = [plain(column.header) for column in self.table.columns]
        for number, cells in enumerate(zip(*(c.cells for c in self.table.columns), strict=True)):
            yield Text("")
            yield stacked(names, cells, str(self.table.rows[number].style or ""))
        yield Text("")

    def fits(self, console: Console, options: ConsoleOptions) -> bool:
        """Whether every column has room for its longest word, all of them together."""
        words = 0
        for column in self.table.columns:
            cells = [column.header, *column.cells]
            column.min_width = max(Measurement.get(console, options, one).minimum for one in cells)
            words += column.min_width + BETWEEN
        return words + 1 <= options.max_width


def stacked(names: list[Text], cells: tuple[RenderableType, ...], style: str) -> Table:
    """One row: a line, or more, for each cell that is not empty."""
    lines = Table.grid(padding=(0, 1))
    lines.add_column(overflow="fold")
    lines.add_column(overflow="fold")
    for name, cell in zip(names, cells, strict=True):
        if plain(cell).plain:
            lines.add_row(name, cell, style=style)
    return lines


def plain(cell: object) -> Text:
    return cell if isinstance(cell, Text) else Text.from_markup(str(cell))
