"""How does a tuning read on one page that needs nothing but itself?"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from importlib.resources import files

from bot.alerts import Severity
from bot.backtest.poisson import LEVEL
from bot.backtest.report.chapter import Chapter, Section, chapter
from bot.backtest.report.charts import bars, timeline
from bot.backtest.report.tables import followed, heard, ladder, worst
from bot.backtest.shares import Ladder, Outcome
from bot.backtest.wording import pasted
from bot.backtest.years import HELD_OUT
from bot.pipeline import Rulebook
from bot.prices import CalendarCode, PriceTable
from bot.statistics.precedents import APART, FEWEST_CASES


def render(tables: Mapping[CalendarCode, PriceTable], rulebook: Rulebook, outcome: Outcome, per_year: float) -> str:
    """The report as HTML: styles and drawings inside, no script, nothing from elsewhere."""
    baskets = dict.fromkeys(one.basket.id for one in outcome.tunings)
    chapters = [
        chapter(tables, rulebook, basket, [one for one in outcome.tunings if one.basket.id == basket])
        for basket in baskets
    ]
    body = "".join(
        (
            _head(chapters, outcome, per_year),
            "<main>",
            *(_chapter(one, per_year) for one in chapters),
            _paste(outcome.ladders, per_year),
            "</main>",
            _reading(),
        )
    )
    title = "What the thresholds would have done"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}</title><style>{_file('page.css')}</style></head><body>{body}</body></html>\n"
    )


def _head(chapters: list[Chapter], outcome: Outcome, per_year: float) -> str:
    trials = [trial for one in outcome.tunings for trial in one.trials]
    inside = sum(one.inside for one in trials)
    links = "".join(
        f'<li><a href="#{escape(one.basket.id)}">{escape(one.basket.name("en"))}</a></li>' for one in chapters
    )
    figures = {
        "Baskets": str(len(chapters)),
        "Messages in all history": f"{sum(len(one.sent) for one in outcome.tunings):,}",
        "Wanted": f"{per_year:g} <small>a year at the shallowest rung</small>",
        "Suggestions as expected": f"{inside} <small>of {len(trials)}, on the years kept back</small>",
        "Prices until": str(max(one.last for one in chapters)) if chapters else "none",
    }
    shown = "".join(f"<div><dt>{name}</dt><dd>{figure}</dd></div>" for name, figure in figures.items())
    return (
        f"<header><p>Drawdown Bot</p><h1>What the thresholds would have done</h1><dl>{shown}</dl>{_key()}</header>"
        f'<nav aria-label="Baskets"><ul>{links}</ul></nav>'
    )


def _key() -> str:
    words = "".join(f'<li><i class="{one.word}"></i>{one.word}</li>' for one in Severity)
    return f'<ul class="key">{words}<li><i class="back"></i>year kept back</li></ul>'


def _chapter(one: Chapter, per_year: float) -> str:
    at = int(one.drawdown.argmin())
    members = len(one.basket.members)
    facts = (
        f"{members} member{'s' * (members != 1)} · {len(one.sessions):,} sessions, {one.first} to {one.last}"
        f" · deepest drawdown −{-one.drawdown[at]:.1%} on {one.sessions[at]}"
    )
    sections = "".join(_section(one, section, per_year) for section in one.sections)
    return (
        f'<section class="chapter" id="{escape(one.basket.id)}"><h2>{escape(one.basket.name("en"))}</h2>'
        f'<p class="facts">{facts}</p>{sections}</section>'
    )


def _section(of: Chapter, section: Section, per_year: float) -> str:
    tuning = section.tuning
    sides = f": {of.basket.name('en')} minus {tuning.against.name('en')}" if tuning.against else ""
    count = len(tuning.hearings)
    counted = (
        f"{count:,} alert{'s' * (count != 1)} of this rule by itself, {len(tuning.sent):,} of them sent as"
        f" messages; rates from {tuning.first} to {tuning.last}"
    )
    if not count:
        drawn = '<p class="none">No alert in all of history.</p>'
    else:
        drawn = f"<h4>Alerts under the drawdown</h4>{timeline(of, section)}<h4>Alerts a year</h4>{bars(section)}"
    return (
        f'<article><h3>{escape(tuning.rule.name + sides)}</h3><p class="facts">{counted}</p>{drawn}'
        f"<h4>Ladder</h4>{ladder(tuning, per_year)}{_after(section)}</article>"
    )


def _after(section: Section) -> str:
    if not section.worst:
        return ""
    rule, hearings = section.tuning.rule, section.tuning.hearings
    which = "widest" if rule.upward else "worst"
    return (
        f'<div class="pair"><div><h4>The {which} {len(section.worst)}</h4>{worst(rule, section.worst)}</div>'
        f"<div><h4>What followed</h4>{followed(section)}</div></div>"
        f"<details><summary>All {len(hearings):,} alerts</summary>{heard(rule, hearings)}</details>"
    )


def _paste(ladders: tuple[Ladder, ...], per_year: float) -> str:
    if not ladders:
        return ""
    blocks = "\n\n".join("\n".join(pasted(one, per_year)) for one in ladders)
    return f'<section class="chapter"><h2>Ready to paste</h2><pre>{escape(blocks)}</pre></section>'


def _reading() -> str:
    return _file("reading.html").format(level=f"{LEVEL:.0%}", held_out=HELD_OUT, apart=APART, fewest=FEWEST_CASES)


def _file(name: str) -> str:
    return files("bot.backtest.report").joinpath(name).read_text(encoding="utf-8")
