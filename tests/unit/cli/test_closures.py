"""What does a person see of the closures that they declared?"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.calendars import CachedCalendars
from bot.app.sources import with_closures_from
from bot.clock import SystemClock
from bot.errors import ConfigError
from bot.prices.calendars import Calendar, CalendarCode
from bot.settings.load import load_settings
from tests.unit.cli.typed import Type, said

TOMORROW = SystemClock().now().date() + timedelta(days=1)
SATURDAY = TOMORROW + timedelta(days=(5 - TOMORROW.weekday()) % 7)


def declare(config: Path, day: object, closes: str = "") -> None:
    with (config / "bot.toml").open("a") as file:
        file.write(f'[[closures]]\ncalendar = "XNYS"\nday = {day}\n{closes}\n')


def test_check_shows_them(typed: Type, config: Path, new_york: Calendar) -> None:
    coming = new_york.sessions[new_york.sessions > TOMORROW][0]
    declare(config, coming, 'closes = "13:00"')
    told = typed("check", "--config", config)
    assert told.code == 0
    rows = [row.split()[:2] for row in told.rows if row.startswith("closures")]
    assert rows == [
        ["closures[#1].calendar", "XNYS"],
        ["closures[#1].day", str(coming)],
        ["closures[#1].closes", "13:00"],
    ]


@pytest.mark.parametrize("command", [("check",), ("verdicts", "duo"), ("run",), ("doctor",)])
def test_one_to_come_that_cannot_be_right_is_a_mistake(
    typed: Type, config: Path, prices: Path, command: tuple[str, ...]
) -> None:
    declare(config, SATURDAY)
    words = () if command == ("check",) else ("--prices", prices)
    told = typed(*command, "--config", config, *words)
    assert told.code == 2
    sentence = f"bot.toml: closures[#1]: {SATURDAY} is no session of XNYS anyway"
    assert sentence in (told.out if command == ("doctor",) else told.err)


def test_a_time_outside_the_session_is_a_mistake(typed: Type, config: Path, new_york: Calendar) -> None:
    declare(config, new_york.sessions[new_york.sessions > TOMORROW][0], 'closes = "17:00"')
    said(typed("check", "--config", config), 2, "closures[#1]: 17:00 is outside the session, 09:30 to")


def test_history_is_judged_as_if_the_day_had_never_been_a_session(asked: Type, config: Path) -> None:
    whole = asked("verdicts", "duo", "--format", "csv")
    declare(config, "2022-03-03")
    declare(config, "2022-03-05")  # a Saturday that is over hinders nobody: the library may have learnt of the day
    told = asked("verdicts", "duo", "--format", "csv")
    assert told.code == 0
    assert "AA.csv 2022-03-03: no session of XNYS on that date; the row is left out" in told.err
    assert {row[:10] for row in whole.rows} - {row[:10] for row in told.rows} == {"2022-03-03"}


def test_a_reload_brings_others_and_a_mistake_keeps_the_old_ones(
    bare: None, config: Path, warm_data: Path, new_york: Calendar
) -> None:
    known, clock = CachedCalendars(warm_data / "calendars", SystemClock()), SystemClock()
    one, other = new_york.sessions[new_york.sessions > TOMORROW][:2]

    def reloaded(calendars: CachedCalendars) -> CachedCalendars:
        settings = load_settings(config, os.environ)
        return with_closures_from(calendars, settings, clock, settings.baskets())

    text = (config / "bot.toml").read_text()
    declare(config, one)
    first = reloaded(known)
    (config / "bot.toml").write_text(text)
    declare(config, other)
    second = reloaded(first)
    declare(config, SATURDAY)
    with pytest.raises(ConfigError, match="no session of XNYS"):
        reloaded(second)
    xnys = CalendarCode("XNYS")
    shut = [set(new_york.sessions.tolist()) - set(each.get(xnys).sessions.tolist()) for each in (known, first, second)]
    assert shut == [set(), {one.item()}, {other.item()}]
