"""The first thing that anybody runs."""

from __future__ import annotations

import os
import pty
import re
import shutil
import struct
import subprocess
import sys
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

import pytest

from tests.canary import TOKEN
from tests.moment import environment

# Whatever would leave this machine raises; the token and the proxy are traps.
PROGRAM = """
import sys

def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise RuntimeError(f"the demo goes out: {args[1:]}")

sys.addaudithook(refuse)
from bot.cli import main
main()
"""
TRAPS = {
    "BOT_TELEGRAM__TOKEN": TOKEN,
    "BOT_SCHEDULE__POLL_MINUTES": "not a number",
    "BOT_CONFIG_DIR": "nowhere",
    "HTTPS_PROXY": "http://127.0.0.1:1",
}


@pytest.fixture
def somewhere(tmp_path: Path, warm_data: Path) -> Path:
    """A folder that is not the project's, with the demo's calendar worked out."""
    shutil.copytree(warm_data, tmp_path / "data" / "demo")
    return tmp_path


def demo(folder: Path, *words: str) -> str:
    environ = environment(**TRAPS)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "demo", *words],
        cwd=folder, env=environ, capture_output=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def alert(out: str, day: str, *words: str) -> list[str]:
    """The lines of the only message of that day whose first line holds all of these words."""
    parts = [part.splitlines() for part in out.split("\n\n")]
    (found,) = (
        lines
        for lines in parts
        if lines and lines[0].startswith(f"{day} ") and all(word in "".join(lines[1:2]) for word in words)
    )
    return found


def test_the_demo_in_english(somewhere: Path) -> None:
    out = demo(somewhere, "--to", "2020-03-12")
    assert out.startswith("Recorded closes, 2020-02-20 to 2020-03-12, through the live engine. Baskets: Energy, ")
    energy = alert(out, "2020-03-09", "Energy −13.6 %")
    assert energy[:2] == [
        "2020-03-09 20:20 UTC · terminal (en) · severe",
        "🔴 Energy −13.6 % in two sessions: worst since the autumn of 2008 (20 Nov 2008)",
    ]
    assert any(line.startswith("Rank 3 of 7,603 two-session moves since 1990") for line in energy)
    assert "9.1 points" in alert(out, "2020-03-09", "Consumer staples", "Energy")[1]
    record = alert(out, "2020-03-12", "🚨 S&P 500 −13.9 %")
    assert record[0].endswith("extreme")
    assert "worst on record, 30 years of data, since 3 Jan 1990" in record[1]
    told = len(re.findall(r"^2020-\d\d-\d\d 2\d:20 UTC · terminal", out, re.MULTILINE))
    charts = sorted((somewhere / "data" / "demo" / "charts").iterdir())
    assert f"\n16 sessions, {told} alerts, {len(charts)} charts in data/demo/charts." in out
    assert charts[0].name == "2020-02-21-technology-4SFC9.png"
    assert "canary" not in out
    assert sorted(path.name for path in somewhere.iterdir()) == ["data"]


def test_the_demo_in_chinese_writes_a_chart_of_every_alert_but_a_contrast(somewhere: Path) -> None:
    (somewhere / "charts").mkdir()
    out = demo(somewhere, "--lang", "zh", "--from", "2020-03-09", "--to", "2020-03-12", "--charts", "charts")
    energy = alert(out, "2020-03-09", "🔴 能源板块")
    assert energy[0] == "2020-03-09 20:20 UTC · terminal (zh) · severe"
    assert energy[1].startswith("🔴 能源板块两日累计下跌 13.6%")
    assert alert(out, "2020-03-09", "必需消费板块", "能源板块")
    assert "🚨 标普500指数两日累计下跌 13.9%" in out
    events = re.findall(r"事件 #(\w+)\n\[(.*)\]", out)
    paths = [str(path.relative_to(somewhere)) for path in (somewhere / "charts").glob("2020-03-*.png")]
    assert len(events) > 3
    assert sorted(paths) == sorted(path for _, path in events)
    assert all(path.endswith(f"-{event}.png") for event, path in events)
    assert f"\n4 sessions, {out.count('事件 #')} alerts, {len(events)} charts in charts." in out
    assert out.count("事件 #") > len(events)


def test_the_demo_on_a_narrow_terminal(somewhere: Path) -> None:
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", 24, 44, 0, 0))
    environ = environment(TERM="xterm", **TRAPS)
    running = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "demo", "--from", "2020-03-09", "--to", "2020-03-09"],
        cwd=somewhere, env=environ, stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:
        pass  # so a terminal says that nobody writes any more
    finally:
        os.close(ours)
    assert running.wait(60) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    frames = [line for line in text.splitlines() if line[:1] in "╭│╰"]
    assert frames
    assert max(map(len, frames)) <= 44
    assert "Energy −13.6 %" in " ".join(text.split())
