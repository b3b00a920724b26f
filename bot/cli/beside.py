"""What does a person see beside the output: what should be known, and how far the work has come?

rich is imported only when there is a terminal to draw on: it takes as long as reading twenty price files.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

Told = Callable[[int, int, str], None]


def say(text: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"{text}\n")


def say_building(codes: Sequence[str]) -> None:
    say(f"Working out the sessions of {', '.join(codes)} (once; a few seconds) ...")


@contextmanager
def progress(what: str) -> Iterator[Told]:
    """A function to be told how much is done, of how much, and what is next; drawn on a terminal, gone at the end."""
    if not sys.stderr.isatty():
        yield _untold
        return
    from rich.console import Console  # noqa: PLC0415 - see above
    from rich.progress import Progress, SpinnerColumn, TextColumn  # noqa: PLC0415 - see above

    columns = (SpinnerColumn(), *Progress.get_default_columns(), TextColumn("{task.fields[name]}"))
    # Output for the screen has to be written above the bar; output for a file or a pipe is none of rich's business.
    shared = sys.stdout.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=shared) as drawn:
        task = drawn.add_task(what, total=None, name="")
        yield lambda done, total, name: drawn.update(task, completed=done, total=total, name=name)


def _untold(_done: int, _total: int, _name: str) -> None:
    """Nobody looks."""
