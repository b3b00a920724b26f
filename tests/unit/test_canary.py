from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.canary import SECRET, TOKEN, search


def test_a_token_is_found_wherever_it_is():
    with TemporaryDirectory() as name:  # nothing of it stays for the search itself
        folder = Path(name)
        (folder / "deep").mkdir()
        (folder / "deep" / "a.sqlite3").write_bytes(b"\x00\xff" + SECRET[3:20].encode() + b"\x00")
        (folder / "log").write_text(f"bot{TOKEN}/sendMessage")
        (folder / "clean").write_text("bot[token]/sendMessage and a canary")
        files, size, found = search(folder)
    assert (files, size > 50) == (3, True)
    assert [one.rpartition("/")[2].partition(":")[0] for one in found] == ["a.sqlite3", *["log"] * 3]
