"""What is wrong with the database, in words that name the remedy?"""

from __future__ import annotations

from bot.errors import StoreError

# Beginnings of SQLite's names of its errors -> what is wrong, and what to do.
REMEDIES = {
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


def refusal(error: BaseException | None, place: str) -> StoreError:
    """Our error for the driver's; the statement and its figures are not in it."""
    name = getattr(error, "sqlite_errorname", "")
    known = next((words for start, words in REMEDIES.items() if name.startswith(start)), None)
    return StoreError(f"database {place}: {known or f'{error}. See the traceback in the log'}")
