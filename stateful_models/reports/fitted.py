"""Tables that lose nothing where there is little room."""

from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

PADDING: Final = 2
"""Spaces on both sides of a column, where there is room for them."""


class Fitted:
    """A table, where no word of it has to be broken; else row by row, each cell beside its name."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table, count = self.table, len(self.table.columns)
        sizes = [
            [Measurement.get(console, options, cell) for cell in (column.header, *column.cells)]
            for column in table.columns
        ]
        least = [max(size.minimum for size in cells) for cells in sizes]
        spare = options.max_width - sum(least) - count - 1
        if spare < 0 and table.show_header:
            yield from self.row_by_row()
            return
        if spare < PADDING * count:
            table.padding = 0
        else:
            spare -= PADDING * count
        if spare >= 0:
            most = [max(size.maximum for size in cells) for cells in sizes]
            for column, width in zip(table.columns, shared_out(least, most, spare), strict=True):
                column.width = width
        for column in table.columns:
            column.no_wrap, column.overflow = False, "fold"
        yield table

    def row_by_row(self) -> RenderResult:
        if self.table.title is not None:
            yield plain(self.table.title)
        names = [plain(column.header) for column in self.table.columns]
        for number, cells in enumerate(zip(*(c.cells for c in self.table.columns), strict=True)):
            yield Text("")
            yield stacked(names, cells, str(self.table.rows[number].style or ""))
        yield Text("")


def shared_out(least: list[int], most: list[int], spare: int) -> list[int]:
    """Widths between least and most; who needs little more gets it, the others share the rest."""
    widths = list(least)
    waiting = sorted(range(len(least)), key=lambda place: most[place] - least[place])
    for done, place in enumerate(waiting):
        given = min(most[place] - least[place], spare // (len(waiting) - done))
        widths[place] += given
        spare -= given
    return widths


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
