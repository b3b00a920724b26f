"""Shared options, tables, CSV and JSON lines, progress, warnings."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bot.languages import languages


class OutputFormat(StrEnum):
    """How a result is written."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"


def language(text: str) -> str:
    """A language as typed."""
    if text not in languages():
        raise typer.BadParameter(f"{text!r} is no language of ours. Choose one of {', '.join(languages())}.")
    return text


def iso_date(text: str) -> date:
    """A date as typed."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date. Write it as YYYY-MM-DD, for example 2025-04-04.") from None


Asked = Annotated[str, typer.Argument(metavar="BASKET", help="The basket's name in baskets.toml.")]
Baskets = Annotated[
    list[str] | None, typer.Argument(metavar="BASKET", help="Names of baskets in baskets.toml (default: all).")
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="DIR", help="Folder of the configuration (default: config).")
]
Prices = Annotated[
    Path | None,
    typer.Option("--prices", metavar="DIR", help="A folder of SYMBOL.csv files in the place of Yahoo."),
]
From = Annotated[
    date | None, typer.Option("--from", parser=iso_date, metavar="DATE", help="First session shown, as YYYY-MM-DD.")
]
To = Annotated[
    date | None, typer.Option("--to", parser=iso_date, metavar="DATE", help="Last session shown, as YYYY-MM-DD.")
]
Session = Annotated[
    date | None, typer.Option(parser=iso_date, metavar="DATE", help="The session (default: the latest).")
]
Window = Annotated[int, typer.Option(min=1, max=250, metavar="N", help="Sessions of a move.")]
Output = Annotated[OutputFormat, typer.Option("--format", metavar="table|csv|jsonl", help="How the result is written.")]
Lang = Annotated[
    str, typer.Option("--lang", parser=language, metavar="|".join(languages()), help="Language of the messages.")
]

MAX_WIDTH = 10_000


def print_table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table without frames to standard output; a column name ending in ">" is aligned right, in "~" may wrap.

    No cell is ever cut, and in a pipe there is no width to fit into.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        justify: Literal["left", "right"] = "right" if name.endswith(">") else "left"
        table.add_column(name.rstrip(">~"), justify=justify, no_wrap=not name.endswith("~"), overflow="fold")
    for cells in rows:
        table.add_row(*cells)
    console = Console(highlight=False)
    terminal = sys.stdout.isatty()
    if not terminal or all(column.no_wrap for column in table.columns):
        whole = console.options.update(width=MAX_WIDTH)
        if terminal and console.measure(table, options=whole).maximum > console.width:
            table.padding = (0, 1, 0, 0)
        console.width = max(terminal * console.width, console.measure(table, options=whole).maximum)
    console.print(table)


def print_rows(output: OutputFormat, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Print rows of values: those of `columns` as CSV, or all as JSON lines."""
    if output is OutputFormat.JSONL:
        encode = json.JSONEncoder(ensure_ascii=False, default=str).encode
        for row in rows:
            sys.stdout.write(encode(row) + "\n")
        return
    line = io.StringIO()  # sys.stdout is looked up for each line: a progress bar that is drawn may stand in for it
    writer = csv.writer(line, lineterminator="\n")
    for cells in chain([columns], ([csv_cell(row[name]) for name in columns] for row in rows)):
        writer.writerow(cells)
        sys.stdout.write(line.getvalue())
        line.seek(0)
        line.truncate()


def csv_cell(value: object) -> str:
    """A value in CSV: floats at full precision, true or false, empty if it is not defined."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def print_note(text: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"{text}\n")


def note_calendar_build(codes: Sequence[str]) -> None:
    print_note(f"Working out the sessions of {', '.join(codes)} (once; a few seconds) ...")


@contextmanager
def progress(what: str) -> Iterator[Callable[..., None]]:
    """A function of done, total and the next item that draws a progress bar on a terminal, removed at the end."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), *Progress.get_default_columns(), TextColumn("{task.fields[name]}"))
    # Output for the screen has to be written above the bar; output for a file or a pipe is none of rich's business.
    shared = sys.stdout.isatty()
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=shared, disable=not sys.stderr.isatty()
    ) as drawn:
        task = drawn.add_task(what, total=None, name="")
        yield lambda done, total, name="": drawn.update(task, completed=done, total=total, name=name)
