"""What can a person type? One file a command; only the one that was typed is imported."""

from __future__ import annotations

import sys
import traceback
from importlib import import_module
from pathlib import Path

import typer

from bot.errors import BotError, ConfigError

COMMANDS = ("demo", "run", "now", "verdicts", "replay", "explain", "check", "schema", "migrate", "send-test")
OUR_BUG = 70


def main() -> None:
    """Run the command line; every error becomes one clear text on standard error and an exit code."""
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    names = [words[0]] if words and words[0] in COMMANDS else COMMANDS
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Watches baskets of stocks and says, truthfully, when they fall as rarely before.",
    )
    app.callback()(lambda: None)
    for name in names:
        app.command(name)(import_module(f"bot.cli.{name.replace('-', '_')}").command)
    try:
        app(prog_name="drawdown-bot")
    except BotError as error:
        _complain(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has seen enough; say nothing about it at exit either
        sys.exit(0)
    except Exception as error:  # the last line of defence: a person never sees a traceback
        where = traceback.extract_tb(error.__traceback__)[-1]
        sys.stderr.write(
            f"This is our bug: {type(error).__name__}: {error} ({Path(where.filename).name}, line {where.lineno})."
            " Please report this line and the command you typed.\n"
        )
        sys.exit(OUR_BUG)


def _complain(error: BotError) -> None:
    if isinstance(error, ConfigError):
        count = len(error.problems)
        sys.stderr.write(f"The configuration has {count} problem{'s' * (count != 1)}:\n")
        sys.stderr.writelines(f"  {problem}\n" for problem in error.problems)
    else:
        sys.stderr.write(f"Error: {error}\n")
