"""Does the bot that lives through a crash say what the replay says, which knows the years after it?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pytest

from bot.adapters.price_files import CsvFolder
from bot.backtest.replay import replayed_alerts
from bot.delivery.model import Notification
from bot.languages import languages
from bot.pipeline import compose
from bot.prices.calendars import Calendar, CalendarCode
from bot.settings.load import load_settings
from tests.unit.engine.tape import Notebook, Stage, Tape
from tests.virtual import VirtualClock
from tests.world import World

DEMO = Path(__file__).parents[3] / "config" / "demo"
FIRST, LAST = date(2020, 2, 24), date(2020, 3, 20)


@dataclass
class Recorded(World):
    """The demo's prices on the exchange's real sessions."""

    real: dict[CalendarCode, Calendar] = field(default_factory=dict)

    def get(self, code: CalendarCode) -> Calendar:
        return self.real[code]


@pytest.fixture(scope="module")
def recorded(new_york: Calendar) -> Recorded:
    settings, folder = load_settings(DEMO, {}), CsvFolder(DEMO / "prices")
    rows = {symbol: folder.bars(symbol) for basket in settings.baskets() for symbol in basket.symbols}
    return Recorded(rows=rows, real={CalendarCode("XNYS"): new_york})


def told(event: Notification) -> tuple[object, ...]:
    return (event.key, event.id, event.severity, event.session, event.baskets, event.messages)


async def test_the_live_path_says_what_the_replay_says(recorded: Recorded) -> None:
    book = load_settings(DEMO, {}).rulebook()
    clock, board = VirtualClock(), recorded.board(book)
    replayed = [
        told(compose(board, book, alert, languages(), clock.now(), clock.now()))
        for alert in replayed_alerts(board, book, FIRST, LAST)
    ]

    stage = Stage(Tape(recorded, clock), book, Notebook(clock))
    stage.engine.config = replace(stage.engine.config, languages=languages())
    days = [day for day in board.sessions() if day <= LAST]
    begin = next(at for at, day in enumerate(days) if day >= FIRST)
    for day in days[begin - 1 :]:
        await stage.after(day)
    lived = [told(event) for event in stage.journal.events.values() if event.session >= FIRST]
    assert len(lived) > 25
    assert lived == replayed
