"""A chat and a terminal that ask the same get the same answer, from the same functions."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from bot.alerts.episodes import DecisionReason
from bot.chart.data import chart_data
from bot.cli import explain, figures
from bot.messages.catalogue import load_catalogue
from tests import told
from tests.desks import Room, board, book
from tests.unit.engine.small_world import AGAIN, EARLIER, world
from tests.world import NEW_YORK

TECH = book().baskets[0].id
EN = load_catalogue("en")


@pytest.fixture
def _at_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The desk's own market is what the commands open."""
    until = datetime.fromtimestamp(int(world().get(NEW_YORK).closes[AGAIN]) + 3600, UTC)
    market = told.opened(world().market(book(), until), book())
    for command in (explain, figures):
        monkeypatch.setattr(command, "measure_loaded_market", lambda *_, **__: market)


@pytest.mark.usefixtures("_at_the_terminal")
@pytest.mark.parametrize("typed", ["-8", "−8.5%", "-0.1", "3", "-35"])
async def test_whatif(room: Room, typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    figures.whatif_command(TECH, figures.move_typed(typed))
    assert await room.say(f"/whatif tech {typed}") == capsys.readouterr().out.rstrip("\n")


@pytest.mark.usefixtures("_at_the_terminal")
async def test_why_and_explain(room: Room, capsys: pytest.CaptureFixture[str]) -> None:
    """Every rule's reason on sessions of all kinds, and every condition that was met."""
    reasons = set()
    for at in (EARLIER - 1, EARLIER, EARLIER + 1, EARLIER + 4, EARLIER + 9, AGAIN):
        day = board().series[TECH].sessions[at].item()
        explain.explain_command(TECH, day)
        printed = capsys.readouterr().out
        said = await room.say(f"/why tech {day}")
        answers = re.findall(r'^rule "(\w+)", .+: (.+)$', printed, re.MULTILINE)
        assert answers
        reasons |= {reason for _, reason in answers}
        words = [f"{rule}: {EN.word('reason', DecisionReason(reason).name.lower())}" for rule, reason in answers]
        assert re.findall(r"^(?:fall|gap): .+$", said, re.MULTILINE) == words
        assert said.count("✓") == len(re.findall(r"\bmet\b(?<!not met)", printed))
        assert said.count("✗") == printed.count("not met")
    assert {"first", "same rung", "below threshold"} <= reasons


async def test_worst_and_the_chart(room: Room) -> None:
    series = board().series[TECH]
    facts = chart_data(board(), TECH, 2, series.sessions[series.final_sessions - 1].item())
    assert facts is not None
    _, *said = (await room.say("/worst tech")).split("\n")
    assert said == [
        f"{place}. {EN.percent(move)} · {EN.day(session)}" for place, (session, move) in enumerate(facts.worst, 1)
    ]
