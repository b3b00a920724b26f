"""Headlines come after the alert or not at all, and never hold anything up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.context.headlines import Headline
from bot.delivery.model import Notification, SendMode
from bot.engine.schedule import EvaluationTiming
from bot.errors import SourceUnreachable, StoreError
from bot.prices.bars import Symbol
from tests.unit.engine.small_world import DAYS, TECH, WARNED, world
from tests.unit.engine.tape import Stage
from tests.virtual import until

DAY, BEFORE = DAYS[WARNED], DAYS[WARNED - 1]


@dataclass
class Paper:
    """A source that answers when it is let; `asked` are the symbols of each question."""

    told: list[Headline] = field(default_factory=list)
    error: Exception | None = None
    asked: list[tuple[Symbol, ...]] = field(default_factory=list)
    let: asyncio.Event = field(default_factory=asyncio.Event)

    def fetch(self, symbols: Sequence[Symbol]) -> list[Coroutine[Any, Any, list[Headline]]]:
        self.asked.append(tuple(symbols))
        return [self._answer()]

    async def _answer(self) -> list[Headline]:
        await self.let.wait()
        if self.error is not None:
            raise self.error
        return self.told


def said(title: str, at: datetime) -> Headline:
    return Headline(title, "The Wire", "https://example.org/a", at)


@pytest.fixture
async def paper(stage: Stage) -> Paper:
    """What is asked once the evening before the fall is over."""
    stage.restart(timing=EvaluationTiming())
    await stage.after(BEFORE)
    stage.journal.events.clear()
    paper = Paper([said("Why AA falls", stage.tape.close(DAY) - timedelta(hours=5))])
    stage.engine.headlines.sources = [paper]
    return paper


def told(stage: Stage) -> list[Notification]:
    return [one for one in stage.journal.events.values() if one.baskets == ("tech",)]


def quoting(event: Notification) -> list[str]:
    return [line for line in event.messages[0].plain.split("\n") if "“" in line]


async def settled(stage: Stage) -> None:
    await until(lambda: not stage.engine.headlines._searches)


async def noon(stage: Stage, hours: float = -3.0) -> None:
    for minutes in (0, 5):
        await stage.look(stage.tape.close(DAY) + timedelta(hours=hours, minutes=minutes))


async def test_the_alert_is_stored_before_anybody_is_asked_and_headlines_follow(stage: Stage, paper: Paper) -> None:
    await stage.after(DAY)
    (alert,) = told(stage)
    assert (alert.mode, quoting(alert)) == (SendMode.SEND, [])
    await until(lambda: paper.asked)
    assert paper.asked == [TECH[:3]]
    paper.let.set()
    await settled(stage)
    _, more = told(stage)
    assert (more.mode, more.original, more.created, more.expires) == (
        SendMode.AMEND,
        alert.key,
        alert.created,
        alert.expires,
    )
    assert quoting(more) == ["Headlines: “Why AA falls” (The Wire, 3 Jul 16:00 UTC)"]
    without = [line for line in more.messages[0].lines if "“" not in line]
    assert without == list(alert.messages[0].lines)
    assert more.messages[0].lines[-1] == alert.messages[0].lines[-1]


async def test_a_source_that_hangs_holds_up_neither_looks_nor_the_others_nor_the_end(
    stage: Stage, paper: Paper, caplog: pytest.LogCaptureFixture
) -> None:
    good = Paper(paper.told)
    good.let.set()
    stage.engine.headlines.sources = [paper, good]
    stage.engine.headlines.timeout = 0.05
    assert await stage.after(DAY) == 1
    assert await stage.after(DAYS[WARNED + 1]) == 1
    await settled(stage)
    assert [one.mode for one in told(stage)] == [SendMode.SEND, SendMode.AMEND]
    assert "no headlines of 1 of 2 places" in caplog.text


async def test_the_end_gives_up_what_is_being_asked(stage: Stage, paper: Paper) -> None:
    stop, bell = asyncio.Event(), asyncio.Event()
    stage.at(stage.tape.close(DAY) + timedelta(minutes=20))
    running = asyncio.create_task(stage.engine.run(stop, bell))
    await until(lambda: stage.engine.headlines._searches)
    stop.set()
    await running
    assert [one.mode for one in told(stage)] == [SendMode.SEND]


@pytest.mark.parametrize("error", [SourceUnreachable("it is shut"), KeyError("our bug")])
async def test_a_source_that_fails_is_in_the_log_and_the_others_are_heard(
    stage: Stage, paper: Paper, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    good = Paper(paper.told)
    paper.error = error
    for one in (paper, good):
        one.let.set()
    stage.engine.headlines.sources = [paper, good]
    await stage.after(DAY)
    await settled(stage)
    assert [one.mode for one in told(stage)] == [SendMode.SEND, SendMode.AMEND]
    assert str(error) in caplog.text


async def test_a_store_that_fails_costs_the_headlines_alone(
    stage: Stage, paper: Paper, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.after(DAY)

    async def full(*_: object) -> int:
        raise StoreError("the disk is full")

    monkeypatch.setattr(stage.journal, "commit", full)
    paper.let.set()
    await settled(stage)
    assert [one.mode for one in told(stage)] == [SendMode.SEND]
    assert "headlines were not added: the disk is full" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        lambda told, _: told.clear(),
        lambda told, close: told.append(said("AA falls", close + timedelta(hours=1))),
        lambda told, close: told.append(said("AA falls", close - timedelta(days=9))),
        lambda told, _: told.append(said("Oil rises", told[0].at)),
    ],
    ids=["nothing", "of the future", "of long ago", "of something else"],
)
async def test_without_headlines_of_the_window_nothing_more_is_said(
    stage: Stage, paper: Paper, change: Callable[[list[Headline], datetime], None]
) -> None:
    change(paper.told, stage.tape.close(DAY))
    paper.told[:1] = []
    paper.let.set()
    await stage.after(DAY)
    await settled(stage)
    assert paper.asked
    assert [one.mode for one in told(stage)] == [SendMode.SEND]


async def test_the_window_begins_at_the_close_before_its_first_session(stage: Stage, paper: Paper) -> None:
    begin = stage.tape.close(DAYS[WARNED - 2])
    paper.told[:] = [said("AA in time", begin + timedelta(seconds=1)), said("AA too early", begin)]
    paper.let.set()
    await stage.after(DAY)
    await settled(stage)
    assert ["AA in time" in line for line in quoting(told(stage)[-1])] == [True]


async def test_what_is_late_is_told_without_asking(stage: Stage, paper: Paper) -> None:
    await stage.after(DAY, wait=timedelta(hours=3))
    assert len(told(stage)) == 1
    assert paper.asked == []


async def test_the_confirmation_keeps_the_headlines_of_what_it_confirms(stage: Stage, paper: Paper) -> None:
    paper.let.set()
    paper.told[0] = said("Why AA falls", stage.tape.close(DAY) - timedelta(hours=5))
    await noon(stage)
    await settled(stage)
    provisional, more = told(stage)
    assert quoting(more)
    paper.told.clear()
    await stage.after(DAY)
    await settled(stage)
    confirmed = told(stage)[-1]
    assert (confirmed.mode, confirmed.original) == (SendMode.EDIT, provisional.key)
    assert quoting(confirmed) == quoting(more)
    assert len(told(stage)) == 3


async def test_newer_headlines_take_the_place_of_those_that_were_kept(stage: Stage, paper: Paper) -> None:
    paper.let.set()
    await noon(stage)
    await settled(stage)
    paper.told[:] = [said("AA closes lower", stage.tape.close(DAY) - timedelta(minutes=1))]
    await stage.after(DAY)
    await settled(stage)
    confirmed, more = told(stage)[-2:]
    assert "Why AA falls" in quoting(confirmed)[0]
    assert (more.mode, more.original) == (SendMode.AMEND, confirmed.key)
    assert ["AA closes lower" in line for line in quoting(more)] == [True]


async def test_a_withdrawal_quotes_nobody(stage: Stage, paper: Paper) -> None:
    day = DAYS[WARNED + 1]
    await stage.after(DAY)
    stage.journal.events.clear()
    for symbol in TECH:
        stage.tape.live[symbol, day] = 0.90
    paper.told[:] = [said("Why AA falls", stage.tape.close(day) - timedelta(hours=5))]
    paper.let.set()
    for minutes in (0, 5):
        await stage.look(stage.tape.close(day) + timedelta(hours=-3, minutes=minutes))
    await settled(stage)
    assert quoting(told(stage)[-1])
    await stage.after(day)
    await settled(stage)
    assert told(stage)[-2].is_withdrawal
    assert [quoting(one) for one in told(stage)[-2:]] == [[], []]


async def test_a_restart_forgets_what_was_asked_and_tells_nothing_twice(stage: Stage, paper: Paper) -> None:
    await stage.after(DAY)
    await stage.engine.headlines.close()
    stage.restart()
    stage.engine.headlines.sources = [paper]
    paper.let.set()
    await stage.after(DAY)
    await settled(stage)
    assert [one.mode for one in told(stage)] == [SendMode.SEND]


async def test_all_that_one_look_tells_is_asked_about_at_once(stage: Stage, paper: Paper) -> None:
    stage.tape.world = world({symbol: {WARNED: -0.08} for symbol in ("XX", "YY")})
    paper.told.append(said("YY tumbles", paper.told[0].at))
    paper.let.set()
    await stage.after(DAY)
    await settled(stage)
    assert len(paper.asked) == 1
    more = {one.baskets: quoting(one) for one in stage.journal.events.values() if one.mode is SendMode.AMEND}
    assert {baskets: len(lines) for baskets, lines in more.items()} == {("tech",): 1, ("oil",): 1}
    assert "YY tumbles" in more[("oil",)][0]  # type: ignore[index]
