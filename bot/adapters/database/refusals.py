"""What is wrong with the database, in words that name the remedy?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from bot.errors import StoreError, StoreLost, StoreUnfit

T = TypeVar("T")
# Beginnings of SQLite's names of its errors -> what is wrong, and what to do.
SQLITE = {
    "SQLITE_FULL": "the disk is full. Free some space; nothing is lost, and the bot goes on by itself",
    "SQLITE_BUSY": "another program holds it locked. End that program, or wait; the bot tries again by itself",
    "SQLITE_LOCKED": "another program holds it locked. End that program, or wait; the bot tries again by itself",
    "SQLITE_READONLY": "it may not be written. Give this user the right to write the file and its folder",
    "SQLITE_PERM": "it may not be written. Give this user the right to write the file and its folder",
    "SQLITE_CANTOPEN": "it cannot be opened. Look whether its folder exists and this user may write there",
    "SQLITE_NOTADB": "it is not an SQLite database. Name another file, or move this one away",
    "SQLITE_CORRUPT": "it is damaged. Restore a backup, or move it away and begin anew",
    "SQLITE_IOERR": "the disk fails to read or write it. Look at the system's log; the bot tries again by itself",
}
# Beginnings of the names of those that do not go away by themselves.
LASTING: dict[str, type[StoreError]] = {
    "SQLITE_READONLY": StoreLost,
    "SQLITE_PERM": StoreLost,
    "SQLITE_NOTADB": StoreUnfit,
    "SQLITE_CORRUPT": StoreUnfit,
}
UNREACHABLE = (
    "the server cannot be reached, or has ended the connection. Look whether it runs and whether the address "
    "is right; the bot tries again by itself"
)
WRONG_PASSWORD = "the server refuses this user or password. Correct them in the address"  # noqa: S105  one in words
NO_DATABASE = "there is no such database. Create it, or correct its name in the address"
TOO_MANY = "the server has no connection left. Allow it more, or end other programs; the bot tries again by itself"
# Beginnings of the SQL standard's states.
POSTGRESQL = {
    "53100": SQLITE["SQLITE_FULL"],
    "53300": TOO_MANY,
    "25006": "it may not be written: the server is a copy of another, or was told so. Name the server that is written",
    "42501": "it may not be written. Give this user the right to create and write tables there",
    "55P03": SQLITE["SQLITE_BUSY"],
    "25P03": "the bot was stopped in the middle of its work, and the server did not wait. It tries again by itself",
    "28": WRONG_PASSWORD,
    "3D000": NO_DATABASE,
    "08": UNREACHABLE,
    "57P": UNREACHABLE,
}
# A server that cannot be connected to has no state, only words.
CONNECTING = {
    "authentication failed": WRONG_PASSWORD,
    "no password supplied": WRONG_PASSWORD,
    "pg_hba.conf": WRONG_PASSWORD,
    "does not exist": NO_DATABASE,
    "too many clients": TOO_MANY,
}


def refusal(error: BaseException | None, place: str) -> StoreError:
    """Our error for the driver's; the statement, its figures and a password are not in it."""
    name = getattr(error, "sqlite_errorname", "")
    state = getattr(error, "sqlstate", None) or ""
    known = _first(SQLITE, name) or _first(POSTGRESQL, state)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if not known and hasattr(error, "sqlstate") and not state and kinds & {"OperationalError", "InterfaceError"}:
        known = next((words for part, words in CONNECTING.items() if part in str(error)), UNREACHABLE)
    as_error = _first(LASTING, name) or StoreError
    return as_error(f"database {place}: {known or f'{_words(error)}. See the traceback in the log'}")


def _first(known: Mapping[str, T], name: str) -> T | None:
    return next((meant for start, meant in known.items() if name.startswith(start)), None)


def _words(error: BaseException | None) -> str:
    """What happened, in one line; PostgreSQL's other lines name figures."""
    about = getattr(error, "diag", None)
    return about.message_primary if about and about.message_primary else str(error).partition("\n")[0]
