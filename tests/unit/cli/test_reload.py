"""What becomes of the running bot when its configuration is read again?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.adapters.calendars import CachedCalendars
from bot.adapters.database.database import Database
from bot.app.monitor import HealthMonitor
from bot.app.service import RunningBot, engine_config
from bot.clock import SystemClock
from bot.engine.loop import Engine
from bot.errors import ConfigError
from bot.lease import LeaderLease
from bot.settings.load import Settings, load_settings
from tests.world import World


async def test_operators_and_the_fingerprint_are_the_new_ones_and_with_a_mistake_the_old_ones(
    bare: None, config: Path, warm_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, calendars = SystemClock(), CachedCalendars(warm_data / "calendars", SystemClock())
    database = await Database.open("sqlite://", upgrade=True)

    def load() -> Settings:
        return load_settings(config, os.environ)

    watch = Engine(World(), calendars, engine_config(load(), subscribers_of="telegram"), database, clock)
    operators, first = set(load().telegram.operators), watch.config.config
    monitor = HealthMonitor(load(), clock, database, LeaderLease(database, clock))
    bot = RunningBot(watch, database, monitor, calendars, load(), load, lambda _: (), operators)
    seen = [(set(operators), first)]
    for minimum in ("1", "0.9", "nine"):
        monkeypatch.setenv("BOT_BASKETS__DUO__MIN_COVERAGE", minimum)
        monkeypatch.setenv("BOT_TELEGRAM__OPERATORS", f"[{len(seen)}]")
        try:
            await bot.reload()
        except ConfigError:
            assert minimum == "nine"
        seen.append((set(operators), watch.config.config))
    await database.close()
    assert [numbers for numbers, _ in seen] == [set(), {1}, {2}, {2}]
    assert len({config for _, config in seen}) == 3
    assert seen[-1] == seen[-2]
