"""The commands as processes of their own: what they import, and what they do when their streams or folders are odd."""

from __future__ import annotations

import os
import pty
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.moment import ROOT, environment

DEMO = ROOT / "config" / "demo"
ABOUT = ("--config", str(DEMO), "--prices", str(DEMO / "prices"))
HEAVY = (
    "matplotlib", "pandas", "yfinance", "telegram", "sqlalchemy", "alembic", "aiosqlite", "httpx",
    "exchange_calendars",
)  # fmt: skip
Shell = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def shell(warm_data: Path, tmp_path: Path) -> Shell:
    """Run a line of shell in an empty folder; `bot` is the program. Nobody ever sees a traceback."""

    def run(line: str, *, cwd: Path = tmp_path, **environ: str) -> subprocess.CompletedProcess[str]:
        given = environment(BOT_STORAGE__DATA_DIR=str(warm_data)) | environ
        script = f'set -o pipefail; bot() {{ "{sys.executable}" -m bot "$@"; }}; {line}'
        done = subprocess.run(
            ["/bin/bash", "-c", script],
            env=given,
            cwd=cwd,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        for sign in ("Traceback", "our bug", "Exception ignored"):
            assert sign not in done.stdout + done.stderr, done.stderr
        return done

    return run


# Libraries


def imported(commands: list[list[str]], data_dir: Path) -> set[str]:
    """The libraries that are there after these commands, typed one after the other."""
    program = f"""
import contextlib, io, sys
from bot.cli import main
for words in {commands!r}:
    sys.argv = ["bot", *words]
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        main()
    assert out.getvalue(), words
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""
    environ = environment(BOT_STORAGE__DATA_DIR=str(data_dir))
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_commands_on_history_import_nothing_heavy(warm_data: Path) -> None:
    history = [["verdicts", "energy"], ["now"], ["replay", "--from", "2022-12-01"], ["explain", "energy"]]
    found = imported([[*words, *ABOUT] for words in history], warm_data)
    assert found.isdisjoint(HEAVY)
    assert "numpy" in found


def test_who_draws_imports_nothing_heavy_but_matplotlib(warm_data: Path, tmp_path: Path) -> None:
    found = imported([["chart", "energy", "-o", str(tmp_path / "energy.png"), *ABOUT]], warm_data)
    assert found & set(HEAVY) == {"matplotlib"}


def test_not_even_when_a_calendar_has_to_be_worked_out(tmp_path: Path) -> None:
    assert imported([["verdicts", "energy", *ABOUT]], tmp_path / "data").isdisjoint(HEAVY)
    assert list((tmp_path / "data" / "calendars").glob("XNYS-*"))


def test_check_and_schema_do_without_what_is_slow_to_import(warm_data: Path) -> None:
    found = imported([["check", "--config", str(DEMO)], ["schema"], ["schema", "baskets"]], warm_data)
    assert found.isdisjoint(HEAVY)


# Streams


@pytest.mark.parametrize(
    "command",
    [f"verdicts energy --format csv {shlex.join(ABOUT)}", f"doctor {shlex.join(ABOUT)}", "--help"],
)
def test_who_reads_only_the_beginning_hears_no_complaint(shell: Shell, command: str) -> None:
    done = shell(f"bot {command} | head -1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1


def test_a_pipe_that_nobody_reads(shell: Shell) -> None:
    done = shell(f"bot check --config {shlex.quote(str(DEMO))} | true")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_closed_standard_output_is_no_error(shell: Shell) -> None:
    done = shell(f"bot check --config {shlex.quote(str(DEMO))} >&-")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_closed_standard_error_does_not_change_the_exit_code(shell: Shell) -> None:
    done = shell("bot check --config nowhere 2>&-")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux alone has a disk that is always full")
def test_a_full_disk_is_named(shell: Shell) -> None:
    done = shell(f"bot check --config {shlex.quote(str(DEMO))} > /dev/full")
    assert done.returncode == 74
    assert done.stderr == "Error: standard output: No space left on device. Make room there, or choose another place.\n"


def test_an_encoding_of_few_letters(shell: Shell) -> None:
    done = shell(f"bot replay energy --from 2020-03-09 --to 2020-03-09 {shlex.join(ABOUT)}", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "? Energy ?13.6 % in two sessions" in done.stdout


def test_ctrl_c_ends_a_command_without_a_word(warm_data: Path, tmp_path: Path) -> None:
    environ = environment(PYTHONUNBUFFERED="1")
    # A job in the background of a shell inherits a SIGINT that is ignored.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from bot.cli import main; main()"
    )
    command = [sys.executable, "-c", program, "demo", "--pause", "10"]
    with subprocess.Popen(command, env=environ, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as demo:
        assert demo.stdout is not None
        assert b"through the live engine" in demo.stdout.readline()
        demo.send_signal(signal.SIGINT)
        _, err = demo.communicate(timeout=60)
    assert (demo.returncode, err) == (130, b"")


# Folders and environment


def test_a_folder_that_cannot_be_written_and_no_home(shell: Shell) -> None:
    """/proc takes no new files, not even from root."""
    nowhere = Path("/proc")
    if not nowhere.is_dir():
        pytest.skip("there is no /proc")
    done = shell(f"bot verdicts energy --format csv {shlex.join(ABOUT)}", cwd=nowhere, BOT_STORAGE__DATA_DIR="data")
    assert done.returncode == 0
    assert done.stderr == "Working out the sessions of XNYS (once; a few seconds) ...\n"
    assert len(done.stdout.splitlines()) == 8312


def test_nothing_is_written_beside_the_data_folder(shell: Shell, tmp_path: Path) -> None:
    shell(f"bot now {shlex.join(ABOUT)}")
    assert list(tmp_path.iterdir()) == []


def test_output_for_a_file_gets_there_though_a_bar_is_drawn_on_the_terminal(warm_data: Path, tmp_path: Path) -> None:
    screen, terminal = pty.openpty()
    command = [sys.executable, "-m", "bot", "replay", "energy", "--from", "2020-03-01", "--format", "jsonl", *ABOUT]
    environ = environment(BOT_STORAGE__DATA_DIR=str(warm_data))
    with (tmp_path / "alerts.jsonl").open("wb") as file:
        done = subprocess.Popen(command, env=environ, cwd=tmp_path, stdout=file, stderr=terminal)
    os.close(terminal)
    drawn = b""
    with os.fdopen(screen, "rb", buffering=0) as seen:
        while done.poll() is None:
            try:
                drawn += seen.read(4096) or b""
            except OSError:  # how Linux says that the other end is closed
                break
    assert done.wait(60) == 0
    assert b"Replay" in drawn
    assert (tmp_path / "alerts.jsonl").read_text(encoding="utf-8").startswith('{"session": "2020-03-')
