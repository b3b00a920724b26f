"""Which alerts come with a picture, and that none waits for it in vain."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from bot.baskets import BasketId
from bot.chart.data import ChartData
from bot.delivery.model import SendMode
from bot.engine import enrichment
from bot.engine.schedule import EvaluationTiming
from bot.errors import BotError
from tests.unit.engine.small_world import DAYS, RUNGS, TECH, WARNED, rulebook
from tests.unit.engine.tape import Stage
from tests.unit.engine.test_live import noon, priced
from tests.unit.engine.test_revised import revise
from tests.world import rule

DAY = DAYS[WARNED]


@dataclass
class Sketcher:
    """Draws in words; `fails` at what is in it, `hangs` for ever at the next."""

    drawn: list[str] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)
    hangs: set[str] = field(default_factory=set)
    opened: int = 0

    def warm_up(self) -> None:
        self.opened += 1

    async def render(self, facts: ChartData, language: str) -> bytes:
        end = "closed" if facts.final else "open"
        about = f"{facts.basket.id} {facts.verdict.session} {end} {facts.verdict.move:.4f} {language}"
        if facts.basket.id in self.hangs:
            await asyncio.Event().wait()
        if facts.basket.id in self.fails:
            raise BotError("out of paint")
        self.drawn.append(about)
        return about.encode()


@pytest.fixture
def sketcher() -> Sketcher:
    return Sketcher()


@pytest.fixture
async def shown(stage: Stage, sketcher: Sketcher) -> Stage:
    """The stage on the evening before, with somebody who draws."""
    return await hung(stage, sketcher)


async def hung(stage: Stage, sketcher: Sketcher, **changed: object) -> Stage:
    stage.restart(**changed)
    stage.engine.config = replace(stage.engine.config, charts=True, languages=("en", "zh"))
    await stage.after(DAYS[WARNED - 1])
    stage.journal.events.clear()
    stage.engine.renderer = sketcher
    return stage


def pictures(stage: Stage) -> dict[str, list[str]]:
    """By baskets, what is seen of each event."""
    found: dict[str, list[str]] = {}
    for one in stage.journal.events.values():
        found.setdefault("/".join(one.baskets), []).extend(one.decode() for one in one.pictures.values())
    return found


async def test_a_fall_is_shown_in_every_language_and_a_contrast_is_not(shown: Stage, sketcher: Sketcher) -> None:
    await shown.after(DAY)
    assert shown.engine.stats is not None
    verdict = shown.engine.stats.of_basket(BasketId("tech"), 2).at(WARNED)
    assert verdict is not None
    move = f"{verdict.move:.4f}"
    assert pictures(shown) == {
        "tech": [f"tech {DAY} closed {move} en", f"tech {DAY} closed {move} zh"],
        "tech/oil": [],
    }
    assert sketcher.opened == 1


async def test_without_charts_nobody_draws(shown: Stage, sketcher: Sketcher) -> None:
    shown.engine.config = replace(shown.engine.config, charts=False)
    await shown.after(DAY)
    assert pictures(shown) == {"tech": [], "tech/oil": []}
    assert (sketcher.drawn, sketcher.opened) == ([], 0)


@pytest.mark.parametrize("how", ["fails", "hangs"])
async def test_what_is_not_drawn_costs_nobody_his_alert(
    shown: Stage, sketcher: Sketcher, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrichment, "CHART_TIMEOUT_SECONDS", 0.05)
    getattr(sketcher, how).add("tech")
    await shown.after(DAY)
    assert pictures(shown) == {"tech": [], "tech/oil": []}
    assert len(shown.journal.deliveries) > 0


async def test_the_loudest_is_drawn_first_and_what_looks_the_same_once(sketcher: Sketcher, shown: Stage) -> None:
    await shown.after(DAY)
    (one, *_) = shown.journal.events.values()
    assert one.chart is not None
    sketcher.drawn.clear()
    other = replace(one.chart, basket=replace(one.chart.basket, id="oil"))  # type: ignore[arg-type]
    louder = replace(one, chart=other, severity=type(one.severity).EXTREME)
    both = await enrichment.with_charts([one, louder, one], sketcher)
    assert [about.split()[0] for about in sketcher.drawn] == ["oil", "oil", "tech", "tech"]
    assert [event.pictures["en"].split()[0] for event in both] == [b"tech", b"oil", b"tech"]


async def test_one_member_is_shown_by_itself_and_several_by_their_basket(stage: Stage, sketcher: Sketcher) -> None:
    alone = replace(rulebook(), rules=(rule("plunge", "tech", members=True, levels=RUNGS),))
    await hung(stage, sketcher, book=alone)
    await stage.after(DAY)
    assert [one.split()[0] for one in sketcher.drawn] == ["tech", "tech"]
    stage.journal.events.clear()
    stage.journal.known.clear()
    sketcher.drawn.clear()
    for symbol in TECH[1:]:
        revise(stage, symbol, 1.08)
    await hung(stage, sketcher)
    await stage.after(DAY)
    assert [one.split()[0] for one in sketcher.drawn] == ["AA", "AA"]
    assert stage.journal.said() == [(DAY, "tech", "warning")]


@pytest.mark.parametrize(("stands", "said"), [(1.01, "confirmed"), (0.99, "withdrawn")])
async def test_what_was_told_in_the_session_is_shown_as_it_closed(
    stage: Stage, sketcher: Sketcher, stands: float, said: str
) -> None:
    await hung(stage, sketcher, timing=EvaluationTiming())
    if said == "withdrawn":
        for symbol in TECH:
            revise(stage, symbol, 1.08)
        stands = 0.92
    priced(stage, stands)
    await noon(stage, 2)
    (first,) = [one for one in stage.journal.events.values() if one.baskets == ("tech",)]
    assert first.pictures["en"].split()[2] == b"open"
    opened = sketcher.opened
    await stage.after(DAY)
    assert sketcher.opened > opened
    later = [one for one in stage.journal.events.values() if one.baskets == ("tech",) and one is not first]
    edits = [one for one in later if one.mode is SendMode.EDIT]
    assert [one.pictures["zh"].split()[2] for one in edits] == [b"closed"]
    assert [one.is_withdrawal for one in edits] == [said == "withdrawn"]
    assert all(not one.pictures for one in later if one.mode is SendMode.REPLY)


async def test_a_corrected_close_is_shown_as_it_is_now(shown: Stage, sketcher: Sketcher) -> None:
    await shown.after(DAY)
    revise(shown, "AA", 0.97)
    await shown.after(DAYS[WARNED + 1])
    before, now = (one.split() for one in pictures(shown)["tech"][::2])
    assert now[1:3] == before[1:3] == [str(DAY), "closed"]
    assert float(before[3]) - 0.01 < float(now[3]) < float(before[3]) - 0.003


async def test_the_room_is_opened_only_when_something_may_be_told(stage: Stage, sketcher: Sketcher) -> None:
    await hung(stage, sketcher, timing=EvaluationTiming())
    priced(stage, 1.09)
    await noon(stage)  # Seoul has closed
    assert sketcher.opened == 1
    await noon(stage, 2, start=timedelta(hours=-2, minutes=-30))
    assert sketcher.opened == 1
    priced(stage, 1.01)
    await noon(stage, 2, start=timedelta(hours=-2))
    assert sketcher.opened == 2
