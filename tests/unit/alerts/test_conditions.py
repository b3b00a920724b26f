"""Every field of a level is known to every consumer of levels; a new one fails here until it is."""

from __future__ import annotations

from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bot.alerts.conditions import CONDITIONS, Evidence, highest_level, level_conditions, without_condition
from bot.alerts.episodes import Phase
from bot.alerts.rules import Level
from bot.alerts.targets import RuleTarget
from bot.backtest.replay import explain_session, replayed_alerts
from bot.baskets import BasketId
from bot.cli.explain import decision_lines
from bot.errors import ConfigError
from bot.languages import languages
from bot.messages.catalogue import load_catalogue
from bot.settings.load import Settings, effective_values, load_settings
from bot.statistics.verdict import DrawdownState
from bot.tuning.config_text import level_as_toml
from bot.tuning.fit import GRIDS, fitted_condition
from bot.tuning.history import historical_alerts, subject_series
from bot.tuning.withdrawals import withdrawal_rates
from tests import told
from tests.world import World, falling, verdict, weekdays

FIELDS = [field.name for field in fields(Level) if field.name != "severity"]
# A value as the configuration has it, and what a fall must show for the condition to hold.
EXAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "percentile": ("1.0", {"percentile": 0.4}),
    "worst_in_months": ('"3 months"', {"worst_since": date(2019, 3, 4)}),
    "record": ("true", {"record": True, "worst_since": None}),
    "move": ("-5.0", {}),
    "drawdown": ("-25.0", {"drawdown": -0.25}),
    "state": ('"bear"', {"state": DrawdownState.BEAR}),
    "day_low": ("-10.0", {}),
    "enters": ('"bear"', {"entered_state": DrawdownState.BEAR}),
}
COUNT = 900
MEMORY = BasketId("memory")


def settings_of(folder: Path, key: str, value: str, about: str = 'baskets = ["memory"]') -> Settings:
    """A configuration whose only level has the condition."""
    when = f"{key} = {value}" if key == "day_low" else f"levels = {{ warning = {{ {key} = {value} }} }}"
    about = 'members_of = ["memory"]' if key == "day_low" else about
    (folder / "bot.toml").write_text(f'[[rules]]\nname = "rule"\n{about}\n{when}\n')
    baskets = "".join(
        f'[baskets.{name}]\nname = {{ en = "{name}" }}\nmembers = ["MU"]\n' for name in ("memory", "other")
    )
    (folder / "baskets.toml").write_text(baskets)
    (folder / "events.toml").touch()
    return load_settings(folder, {})


def test_the_table_has_every_field() -> None:
    assert {condition.field for condition in CONDITIONS.values()} == set(FIELDS) == set(EXAMPLES)


@pytest.fixture
def key(field: str) -> str:
    return next(condition.key for condition in CONDITIONS.values() if condition.field == field)


@pytest.fixture
def settings(tmp_path: Path, field: str, key: str) -> Settings:
    return settings_of(tmp_path, key, EXAMPLES[field][0])


@pytest.fixture
def world() -> World:
    """A basket of one symbol that falls by a third within three sessions, after three quiet years."""
    falls = {850: -0.12, 851: -0.15, 852: -0.1}
    return World(weekdays(COUNT + 1)).trade("MU", falling(COUNT, falls), lows={850: -0.2, 851: -0.2})


@pytest.mark.parametrize("field", FIELDS)
class TestEveryField:
    def test_settings_read_it_and_check_and_tune_write_it(self, field: str, key: str, settings: Settings) -> None:
        (level,) = settings.rules()[0].levels
        assert [one.key for one in level_conditions(level)] == [key]
        assert level_as_toml(level) == f"{key} = {EXAMPLES[field][0]}"
        assert any(name.endswith(key) for name, _, _ in effective_values(settings))
        assert level_conditions(without_condition(level, CONDITIONS[key])) == ()

    def test_a_decision_asks_it(self, field: str, settings: Settings) -> None:
        (asked,) = settings.rules()
        fall = verdict(move=-0.08, **EXAMPLES[field][1])
        assert highest_level(asked, Evidence(fall, day_low=-0.12)) == asked.levels[0]
        assert highest_level(asked, Evidence(verdict(), day_low=-0.01)) is None

    def test_columns_say_what_a_replay_says(self, settings: Settings, world: World) -> None:
        rulebook = settings.rulebook()
        board = world.board(rulebook)
        question = RuleTarget(rulebook.rules[0], MEMORY)
        subjects = tuple(subject_series(board, question, {}))
        by_columns = [
            (one.session, one.severity)
            for one in historical_alerts(question.rule, subjects, rulebook.close_after_sessions)
        ]
        assert by_columns == [(one.session, one.severity) for one in replayed_alerts(board, rulebook)]
        assert by_columns

    def test_tune_fits_it_or_leaves_it(self, key: str, settings: Settings, world: World) -> None:
        rulebook = settings.rulebook()
        level, condition = rulebook.rules[0].levels[0], CONDITIONS[key]
        assert fitted_condition(level) == (condition if condition.unit in GRIDS else None)
        question, board = RuleTarget(rulebook.rules[0], MEMORY), world.board(rulebook)
        (doubt,) = withdrawal_rates(
            board, question, tuple(subject_series(board, question, {})), rulebook.close_after_sessions
        )
        assert (doubt is None) == (condition.basis == "drawdown")

    def test_explain_shows_it(self, field: str, key: str, settings: Settings, world: World) -> None:
        rulebook = settings.rulebook()
        opened = told.opened(world.market(rulebook), rulebook)
        first = next(iter(replayed_alerts(opened.board, rulebook)))
        assert first.phase is Phase.FINAL
        (answer,) = explain_session(opened.board, rulebook, MEMORY, first.session)
        lines = list(decision_lines(opened, answer.decision, answer.before))
        assert f"  warning  {key} = {EXAMPLES[field][0]} met" in lines
        assert lines[1].startswith(
            {"move": "  2-session", "drawdown": "  drawdown", "day_low": "  day's low"}[CONDITIONS[key].basis]
        )

    @pytest.mark.parametrize("language", languages())
    def test_the_chat_has_a_phrase_for_it(self, key: str, language: str) -> None:
        assert load_catalogue(language).word("condition", key)


@pytest.mark.parametrize("key", [key for key, condition in CONDITIONS.items() if condition.basis == "drawdown"])
def test_a_contrast_has_no_drawdown(key: str, tmp_path: Path) -> None:
    value, _ = EXAMPLES[CONDITIONS[key].field]
    with pytest.raises(ConfigError, match="means nothing for a contrast"):
        settings_of(tmp_path, key, value, 'contrast = ["memory", "other"]')
