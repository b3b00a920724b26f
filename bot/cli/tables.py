"""How does a table look in a terminal, in a pipe, and as values?

rich is imported when there is a table to show; other forms of output do without it.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bot.cli.options import Format

if TYPE_CHECKING:
    from rich.table import Table

WIDEST = 10_000


def plain_table(*columns: str) -> Table:
    """A table without frames; a column whose name ends in ">" stands to the right, one in "~" may wrap."""
    from rich.table import Table  # noqa: PLC0415 - see above

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        number = name.endswith(">")
        table.add_column(
            name.rstrip(">~"), justify="right" if number else "left", no_wrap=not name.endswith("~"), overflow="fold"
        )
    return table


def show(table: Table) -> None:
    """Print a table to standard output: no cell is ever cut, and in a pipe there is no width to fit into."""
    from rich.console import Console  # noqa: PLC0415 - see above

    console = Console(highlight=False)
    terminal = sys.stdout.isatty()
    if not terminal or all(column.no_wrap for column in table.columns):
        whole = console.options.update(width=WIDEST)
        if terminal and console.measure(table, options=whole).maximum > console.width:
            table.padding = (0, 1, 0, 0)
        console.width = max(terminal * console.width, console.measure(table, options=whole).maximum)
    console.print(table)


def write(output: Format, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Print rows of values: those of `columns` as CSV, or all as JSON lines."""
    if output is Format.CSV:
        writer = csv.writer(_Now(), lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_written(row[name]) for name in columns] for row in rows)
    else:
        encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
        for row in rows:
            sys.stdout.write(encode(row) + "\n")


class _Now:
    """Standard output as it is at each line: a progress bar that is drawn meanwhile stands in for it."""

    @staticmethod
    def write(text: str) -> int:
        return sys.stdout.write(text)


def _written(cell: object) -> str:
    """A cell of a CSV file: floats at full precision, true or false, empty if not defined."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return repr(cell) if isinstance(cell, float) else str(cell)
