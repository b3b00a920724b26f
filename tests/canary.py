"""Does the bot's token come out anywhere? The whole suite runs with one that is easy to find, and says all it can.

`python -m tests.canary` (`make verify-secrets`) runs the suite with every logger at DEBUG and keeps what the bot
writes: log lines as they leave, standard output and error, that of its child processes, databases and temporary
files. Then every byte is searched. Requests to the stand-ins for Telegram hold the token, and are written nowhere.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.log_state import NAMES

SECRET = "canary" * 6
TOKEN = f"{10**9}:{SECRET}"
NEEDLE = re.compile(b"(?:canary){2}")  # a third of it would be found as well
FOLDER = "CANARY_FOLDER"


def pytest_configure(config: pytest.Config) -> None:
    """Only when loaded by name (-p tests.canary): keep everything that is written from now on."""
    config.pluginmanager.register(_Kept(Path(os.environ[FOLDER])))


class _Kept:
    """What is written in this process, in files of its own."""

    def __init__(self, folder: Path) -> None:
        self.out = (folder / f"out.{os.getpid()}").open("w", errors="surrogateescape", buffering=1)
        self.logs = (folder / f"logs.{os.getpid()}").open("w", errors="surrogateescape", buffering=1)
        self._handler = self._loud()
        self._databases = (f"sqlite:///{folder}/db.{os.getpid()}.{number}.sqlite3" for number in count())
        self._record_readers()
        self._put_databases_into_files()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for title, text in report.sections:
            if "log" not in title:  # pytest's own copy of the records, which the bot does not write
                self.out.write(text)

    def pytest_runtest_setup(self) -> None:
        """Every logger says all it can, to our handler too, whatever an earlier test has set up."""
        root = logging.getLogger()
        if self._handler not in root.handlers:
            root.addHandler(self._handler)
        for name in {*NAMES} - {"asyncio"}:  # it speaks of its own start, also where tests read every line
            logging.getLogger(name).setLevel(logging.DEBUG)

    def _loud(self) -> logging.Handler:
        """The program's own handler, that redacts."""
        from bot.adapters.logs import configure_logging

        before = list(logging.getLogger().handlers)
        logging.getLogger().handlers = []
        configure_logging("DEBUG", secrets=[TOKEN], stream=self.logs)
        (handler,) = logging.getLogger().handlers
        logging.getLogger().handlers = [*before, handler]
        return handler

    def _record_readers(self) -> None:
        """What tests read themselves of the streams and of child processes is written here too."""
        read, feed = pytest.CaptureFixture.readouterr, asyncio.StreamReader.feed_data
        communicate = subprocess.Popen.communicate

        def readouterr(fixture: Any) -> Any:
            self._keep(*(found := read(fixture)))
            return found

        def feed_data(reader: asyncio.StreamReader, data: bytes) -> None:
            self._keep(data)
            feed(reader, data)

        def communicated(process: Any, *args: Any, **kwargs: Any) -> Any:
            self._keep(*(found := communicate(process, *args, **kwargs)))
            return found

        pytest.CaptureFixture.readouterr = readouterr
        asyncio.StreamReader.feed_data = feed_data  # type: ignore[method-assign]
        subprocess.Popen.communicate = communicated  # type: ignore[method-assign]

    def _keep(self, *parts: str | bytes | None) -> None:
        for part in parts:
            if part:
                self.out.write(part if isinstance(part, str) else part.decode(errors="surrogateescape"))

    def _put_databases_into_files(self) -> None:
        from bot.adapters.database.database import Database

        really = Database.open

        async def opened(url: str, **about: Any) -> Database:
            return await really(next(self._databases) if url == "sqlite://" else url, **about)

        Database.open = opened  # type: ignore[method-assign, assignment]


def search(folder: Path) -> tuple[int, int, list[str]]:
    """How many files and bytes there are, and in which files, at which places, the token is."""
    files, size, found = 0, 0, []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            body = path.read_bytes()
            files, size = files + 1, size + len(body)
            found += [f"{path}: byte {one.start()}" for one in NEEDLE.finditer(body)]
    return files, size, found


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="loud-"))
    folder.chmod(0o755)  # another user runs PostgreSQL there
    (folder / "tmp").mkdir(mode=0o777)
    environ = {**os.environ, FOLDER: str(folder), "TMPDIR": str(folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}
    # What pytest shows of a failure are the test's own values, the token among them: the suite by itself shows them.
    options = [
        "--tb=no",
        "-p",
        "tests.canary",
        "--basetemp",
        str(folder / "temp"),
        "--show-capture=no",
        "-p",
        "no:cacheprovider",
    ]
    with (folder / "terminal").open("w") as terminal:
        command = [sys.executable, "-m", "pytest", *options, *(sys.argv[1:] or ["-n", "auto"])]
        code = subprocess.run(command, env=environ, stdout=terminal, stderr=subprocess.STDOUT, check=False).returncode
    files, size, found = search(folder)
    said = sum(path.read_bytes().count(b"[token]") for path in folder.glob("logs.*"))
    print((folder / "terminal").read_text().splitlines()[-1])  # noqa: T201
    print(f"{len(found)} hits in {size:,} bytes of {files:,} files; {said:,} times the token was taken out of a line")  # noqa: T201
    print(*found[:20], f"all of it: {folder}", sep="\n")  # noqa: T201
    return 1 if code or found or not said else 0


if __name__ == "__main__":
    sys.exit(main())
