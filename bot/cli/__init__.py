"""Command line: entry point, exit codes, and the module of each command."""

from __future__ import annotations

import gc
import os
import sys
import traceback
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

import typer

from bot.errors import BotError, ConfigError

COMMANDS = {
    "demo": "run",
    "run": "run",
    "now": "figures",
    "verdicts": "figures",
    "replay": "replay",
    "tune": "tune",
    "explain": "explain",
    "whatif": "figures",
    "chart": "figures",
    "check": "maintenance",
    "doctor": "doctor",
    "backfill": "maintenance",
    "deliveries": "maintenance",
    "schema": "maintenance",
    "migrate": "maintenance",
    "send-test": "maintenance",
}  # command -> its module in this package
OPTIONS = {"whatif": {"ignore_unknown_options": True}}  # -8 is a move, not an option
OUR_BUG = 70
NO_ROOM = 74  # EX_IOERR of sysexits.h
INTERRUPTED = 130  # as shells have it
# How typer and rich leave when whoever read the output has seen enough; no error of ours has this code.
NOBODY_READS = 1
TYPED = "command line"  # the file that a Problem of what was typed names


def main() -> None:
    """Run the command line; every error becomes one clear text on standard error and an exit code."""
    # A standard stream that is closed swallows what is written; letters that a stream does not know become "?".
    sys.stdout = sys.stdout or null_stream()
    sys.stderr = sys.stderr or null_stream()
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        try:
            command_app()(prog_name="drawdown-bot")
        finally:
            sys.stdout.flush()
    except SystemExit as done:
        sys.exit(0 if done.code == NOBODY_READS else done.code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BotError as error:
        report_error(error)
        sys.exit(error.exit_code)
    except OSError as error:
        sys.stdout = null_stream()  # what is left in the buffer would fail once more at exit
        if isinstance(error, BrokenPipeError):
            sys.exit(0)
        place = error.filename or "standard output"
        sys.stderr.write(f"Error: {place}: {error.strerror}. Make room there, or choose another place.\n")
        sys.exit(NO_ROOM)
    except Exception as error:  # the last line of defence: a person never sees a traceback
        where = traceback.extract_tb(error.__traceback__)[-1]
        sys.stderr.write(
            f"This is our bug: {type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})."
            " Please report this line and the command you typed.\n"
        )
        sys.exit(OUR_BUG)


def command_app() -> typer.Typer:
    """The program with the command that was typed, or with all of them."""
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    names = [words[0]] if words and words[0] in COMMANDS else list(COMMANDS)
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # an error is one sentence on one line, not a box of lines
        help="Watches baskets of stocks and says, truthfully, when they fall as rarely before.",
    )
    app.callback()(lambda: None)
    gc.disable()  # without it a command starts a fifth later: 0.8 s instead of 0.65 s for `check`
    for name in names:
        module = import_module(f"bot.cli.{COMMANDS[name]}")
        app.command(name, context_settings=OPTIONS.get(name))(getattr(module, f"{name.replace('-', '_')}_command"))
    gc.enable()
    return app


def null_stream() -> TextIO:
    """A stream that drops what is written."""
    return Path(os.devnull).open("w", encoding="utf-8")


def report_error(error: BotError) -> None:
    """Write an error to standard error: the problems of a configuration a line each, or one sentence."""
    if isinstance(error, ConfigError) and any(problem.file != TYPED for problem in error.problems):
        count = len(error.problems)
        sys.stderr.write(f"The configuration has {count} problem{'s' * (count != 1)}:\n")
        sys.stderr.writelines(f"  {problem}\n" for problem in error.problems)
    else:
        sys.stderr.write(f"Error: {error}\n")
