from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from bot.adapters.terminal import TerminalTransport
from bot.alerts.rules import Severity
from bot.context.headlines import Headline
from bot.delivery.attempts import NotSent, Sent
from bot.delivery.model import ChatKind, Destination
from bot.messages.change_text import with_headlines
from bot.messages.message import Message
from tests.specimens import delivery
from tests.virtual import VirtualClock

HERE = Destination("terminal", "markets", ChatKind.TERMINAL)
MESSAGE = Message("en", ("🔴 Memory −18.2 % in two sessions", "All 9 members fell; [b]SNDK[/b] −24.1 % :smile:"))


async def show(out, message=MESSAGE, severity=Severity.SEVERE):
    return await TerminalTransport(out, VirtualClock()).send(delivery(severity, HERE), message)


def screen(width=60):
    return Console(file=io.StringIO(), force_terminal=True, width=width, color_system="standard")


async def test_elsewhere_than_on_a_terminal_it_is_plain_text():
    out = io.StringIO()
    assert await show(out) == Sent()
    assert out.getvalue().splitlines() == [
        "2026-07-02 12:00 UTC · markets · severe",
        "🔴 Memory −18.2 % in two sessions",
        "All 9 members fell; [b]SNDK[/b] −24.1 % :smile:",
        "",
    ]


async def test_what_cannot_be_tapped_has_its_address_behind_it():
    out = io.StringIO()
    at = datetime(2026, 7, 2, 14, 5, tzinfo=UTC)
    await show(out, with_headlines(MESSAGE, [Headline("Memory falls", "The Wire", "https://wire.example.com/a", at)]))
    line = "Headlines: “Memory falls” <https://wire.example.com/a> (The Wire, 2 Jul 14:05 UTC)"
    assert out.getvalue().splitlines()[2] == line


async def test_long_lines_are_not_broken_in_plain_text():
    out = io.StringIO()
    await show(out, Message("en", ("x" * 400,)))
    assert "x" * 400 in out.getvalue()


@pytest.mark.parametrize(("width", "used"), [(30, 30), (60, 60), (200, 100)])
async def test_on_a_terminal_it_is_framed_and_wraps_where_the_room_ends(width, used):
    console = screen(width)
    await show(console)
    lines = Text.from_ansi(console.file.getvalue()).plain.splitlines()
    assert {cell_len(line) for line in lines} == {used}
    assert "2026-07-02 12:00" in lines[0]
    assert "[b]SNDK[/b]" in "".join(lines)


async def test_severities_differ_in_colour_and_without_colour_in_words():
    seen = set()
    for severity in Severity:
        console = screen()
        await show(console, severity=severity)
        seen.add(console.file.getvalue().replace(severity.word, ""))
        assert severity.word in console.file.getvalue()
    assert len(seen) == len(Severity)


async def test_no_color_is_minded(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(file=io.StringIO(), force_terminal=True, width=60)
    await show(console)
    assert "\x1b[31m" not in console.file.getvalue()


async def test_what_the_terminal_cannot_write_becomes_a_question_mark():
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii")
    assert await show(out) == Sent()
    assert b"? Memory ?18.2 % in two sessions" in raw.getvalue()


async def test_a_closed_pipe_means_not_sent():
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError("nobody reads")

    assert isinstance(await show(Closed()), NotSent)
