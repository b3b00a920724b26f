"""What people read, word for word; `make golden` writes the files anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.context.build import build_context
from bot.languages import languages
from bot.messages.alert_text import render_alert
from bot.messages.change_text import revised_data_text, with_headlines
from bot.messages.message import Message, visible_text
from tests.golden.scenes import SCENES, Scene
from tests.world import spoken

FOLDER = Path(__file__).parent


def messages(made: Scene) -> list[Message]:
    """The last alert of the scene, in every language."""
    board, found = made.world.alerts(made.rulebook)
    alert = list(spoken(found, made.speaking))[-1]
    assert alert.session == made.world.days[-1]
    context = build_context(board, made.rulebook.rules, alert)
    said = [render_alert(alert, context, made.rulebook.events, language) for language in languages()]
    return [with_headlines(revised_data_text(one) if made.belated else one, made.headlines) for one in said]


@pytest.mark.parametrize("name", SCENES)
def test_message(name: str, request: pytest.FixtureRequest) -> None:
    made = messages(SCENES[name]())
    text = "\n\n".join("\n".join(visible_text(line, " <{}>") for line in one.lines) for one in made) + "\n"
    path = FOLDER / f"{name}.txt"
    if request.config.getoption("--update-golden"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text
    for one in made:
        assert all(one.lines)
        assert len(one.plain) < 900


def test_every_file_is_of_a_scene() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} <= set(SCENES)
