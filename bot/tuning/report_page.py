"""HTML report: page and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files

from bot.alerts.rules import Rule, Severity
from bot.pipeline import Rulebook
from bot.prices.calendars import CalendarCode
from bot.prices.table import PriceTable
from bot.statistics.precedents import APART, HORIZONS, MIN_CASES
from bot.tuning.config_text import level_as_toml, size_label, toml_lines
from bot.tuning.fit import BACKOFF_FACTOR, fitted_condition
from bot.tuning.history import HistoricalAlert
from bot.tuning.jobs import TuningResult
from bot.tuning.rates import HELD_OUT, LEVEL
from bot.tuning.report_charts import (
    BasketChapter,
    ReportedAlert,
    RuleSection,
    alert_timeline,
    basket_chapter,
    yearly_bars,
)
from bot.tuning.tune import HoldOutTest, LevelStats, RuleTuning


def render_report(
    tables: Mapping[CalendarCode, PriceTable], rulebook: Rulebook, outcome: TuningResult, per_year: float
) -> str:
    """The report as HTML: styles and drawings inside, no script, nothing from elsewhere."""
    baskets = dict.fromkeys(tuning.basket.id for tuning in outcome.tunings)
    chapters = [
        basket_chapter(tables, rulebook, basket, [tuning for tuning in outcome.tunings if tuning.basket.id == basket])
        for basket in baskets
    ]
    blocks = "\n\n".join("\n".join(toml_lines(ladder, per_year)) for ladder in outcome.ladders)
    body = "".join(
        (
            _head(chapters, outcome, per_year),
            "<main>",
            *(_chapter(chapter, per_year) for chapter in chapters),
            f'<section class="chapter"><h2>Ready to paste</h2><pre>{escape(blocks)}</pre></section>' if blocks else "",
            "</main>",
            _file("report_help.html").format(level=f"{LEVEL:.0%}", held_out=HELD_OUT, apart=APART, fewest=MIN_CASES),
        )
    )
    title = "What the thresholds would have done"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}</title><style>{_file('report.css')}</style></head><body>{body}</body></html>\n"
    )


def _head(chapters: list[BasketChapter], outcome: TuningResult, per_year: float) -> str:
    trials = [trial for tuning in outcome.tunings for trial in tuning.trials]
    inside = sum(tuning.inside for tuning in trials)
    links = "".join(
        f'<li><a href="#{escape(chapter.basket.id)}">{escape(chapter.basket.name("en"))}</a></li>'
        for chapter in chapters
    )
    figures = {
        "Baskets": str(len(chapters)),
        "Messages in all history": f"{sum(len(tuning.sent) for tuning in outcome.tunings):,}",
        "Wanted": f"{per_year:g} <small>a year at the shallowest level</small>",
        "Suggestions as expected": f"{inside} <small>of {len(trials)}, on the years kept back</small>",
        "Prices until": str(max(chapter.last for chapter in chapters)) if chapters else "none",
    }
    shown = "".join(f"<div><dt>{name}</dt><dd>{figure}</dd></div>" for name, figure in figures.items())
    key = "".join(f'<li><i class="{severity.word}"></i>{severity.word}</li>' for severity in Severity)
    return (
        f"<header><p>Drawdown Bot</p><h1>What the thresholds would have done</h1><dl>{shown}</dl>"
        f'<ul class="key">{key}<li><i class="back"></i>year kept back</li></ul></header>'
        f'<nav aria-label="Baskets"><ul>{links}</ul></nav>'
    )


def _chapter(chapter: BasketChapter, per_year: float) -> str:
    at = int(chapter.drawdown.argmin())
    members = len(chapter.basket.members)
    facts = (
        f"{members} member{'s' * (members != 1)} · {len(chapter.sessions):,} sessions,"
        f" {chapter.first} to {chapter.last}"
        f" · deepest drawdown −{-chapter.drawdown[at]:.1%} on {chapter.sessions[at]}"
    )
    sections = "".join(_section(chapter, section, per_year) for section in chapter.sections)
    return (
        f'<section class="chapter" id="{escape(chapter.basket.id)}"><h2>{escape(chapter.basket.name("en"))}</h2>'
        f'<p class="facts">{facts}</p>{sections}</section>'
    )


def _section(of: BasketChapter, section: RuleSection, per_year: float) -> str:
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
        drawn = (
            f"<h4>Alerts under the drawdown</h4>{alert_timeline(of, section)}"
            f"<h4>Alerts a year</h4>{yearly_bars(section)}"
        )
    return (
        f'<article><h3>{escape(tuning.rule.name + sides)}</h3><p class="facts">{counted}</p>{drawn}'
        f"<h4>Ladder</h4>{levels_table(tuning, per_year)}{_after(section)}</article>"
    )


def _after(section: RuleSection) -> str:
    if not section.worst:
        return ""
    rule, hearings = section.tuning.rule, section.tuning.hearings
    which = "widest" if rule.upward else "worst"
    return (
        f'<div class="pair"><div><h4>The {which} {len(section.worst)}</h4>'
        f"{deepest_alerts_table(rule, section.worst)}</div>"
        f"<div><h4>What followed</h4>{forward_returns_table(section)}</div></div>"
        f"<details><summary>All {len(hearings):,} alerts</summary>{all_alerts_table(rule, hearings)}</details>"
    )


def _file(name: str) -> str:
    return files("bot.tuning").joinpath(name).read_text(encoding="utf-8")


MINUS = "−"
SPANS = {5: "a week", 21: "a month", 63: "a quarter", 252: "a year"}


def percent(value: float | None, places: int = 1) -> str:
    if value is None:
        return '<span class="none">not known</span>'
    text = f"{abs(value):.{places}%}"
    sign = MINUS if value < 0 and text.strip("0.%") else "+" if value > 0 else ""
    return f"{sign}{text}"


def table(kind: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table that becomes a stack of cards on a narrow page: each cell carries its heading."""
    head = "".join(f'<th scope="col">{head}</th>' for head in heads)
    cells = (
        "".join(f'<td data-head="{head}">{cell}</td>' for head, cell in zip(heads, row, strict=True)) for row in rows
    )
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def chip(severity: Severity) -> str:
    return f'<span class="chip {severity.word}">{severity.word}</span>'


def levels_table(tuning: RuleTuning, per_year: float) -> str:
    """The levels in force with their rates, and the values that would give so many a year."""
    most = max((step.reached.interval[1] for step in tuning.steps), default=1.0) or 1.0
    heads = ("Level", "In force", "A year", "Sent", "Taken back", "Suggested", "Fitted", "Expected", "Came")
    rows = []
    for place, step in enumerate(tuning.steps):
        sent = tuning.rate_sent(step.rung.severity)
        trial = next((trial for trial in tuning.trials if trial.rung.severity == step.rung.severity), None)
        rows.append(
            (
                chip(step.rung.severity),
                f"<code>{escape(level_as_toml(step.rung))}</code>",
                _rate(step, most),
                f"{sent.per_year:.2f} <small>{sent.count} in {sent.years:.1f} years</small>",
                _taken_back(step),
                *_trial(step, trial, per_year * BACKOFF_FACTOR**place),
            )
        )
    return table("ladder", heads, rows)


def _rate(step: LevelStats, most: float) -> str:
    """The rate, and its interval as a line on a common scale."""
    low, high = step.reached.interval
    left, right, at = (100 * value / most for value in (low, high, step.reached.per_year))
    return (
        f'<span class="rate"><b>{step.reached.per_year:.2f}</b> <small>{low:.1f}–{high:.1f}</small>'
        '<svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<line class="rail" x1="0" x2="100" y1="4" y2="4"/>'
        f'<line class="{step.rung.severity.word}" x1="{left:.1f}" x2="{right:.1f}" y1="4" y2="4"/>'
        f'<line class="at" x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="8"/></svg></span>'
    )


def _taken_back(step: LevelStats) -> str:
    rate = step.provisional
    if rate is None or not rate.sessions:
        return '<span class="none">cannot be told</span>'
    if rate.share is None:
        return '<span class="none">none</span>'
    at_most = "at most " if rate.together and rate.withdrawn else ""
    return f"{at_most}{rate.share:.0%} <small>{rate.withdrawn} of {rate.reached}</small>"


def _trial(step: LevelStats, trial: HoldOutTest | None, wanted: float) -> tuple[str, ...]:
    if trial is None:
        why = "nothing to fit" if fitted_condition(step.rung) is None else "history too short"
        return (f'<span class="none">{why}</span>', "", "", "")
    low, high = trial.expected
    verdict = '<span class="yes">as expected</span>' if trial.inside else '<span class="no">outside</span>'
    return (
        f"<code>{escape(level_as_toml(trial.rung))}</code> <small>for {wanted:.2g} a year</small>",
        f"{trial.fitted.per_year:.2f} <small>{trial.fitted.count} in {trial.fitted.years:.1f} years</small>",
        f"{low}–{high}",
        f"{trial.held_out.count} {verdict} <small>in {trial.held_out.years:.1f} years</small>",
    )


def deepest_alerts_table(rule: Rule, cases: Sequence[ReportedAlert]) -> str:
    """The deepest alerts, and what the basket did after each."""
    after = (f"+{sessions} sessions" for sessions in HORIZONS)
    heads = ("Session", "Severity", size_label(rule).capitalize(), "Drawdown", *after)
    return table(
        "worst",
        heads,
        (
            (
                f"<time>{case.hearing.session}</time>{_members(case.hearing)}",
                chip(case.hearing.severity),
                f"<b>{percent(case.hearing.size(rule))}</b>",
                percent(case.drawdown),
                *(percent(value) for value in case.later),
            )
            for case in cases
        ),
    )


def _members(hearing: HistoricalAlert) -> str:
    names = [word.member for word in hearing.words if word.member]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f" <small>{escape(', '.join(names[:3]))}{more}</small>" if names else ""


def forward_returns_table(section: RuleSection) -> str:
    """What the basket did after alerts, over all of them."""
    heads = ("After", "Cases", "Rose", "Median", "Not known")
    rows = [
        (
            f"{SPANS[returns.sessions]} <small>{returns.sessions} sessions</small>",
            str(returns.known),
            str(returns.higher),
            percent(returns.median) if returns.known >= MIN_CASES else '<span class="none">too few cases</span>',
            str(section.cases - returns.known),
        )
        for returns in section.followed
    ]
    return table("followed", heads, rows)


def all_alerts_table(rule: Rule, hearings: Sequence[HistoricalAlert]) -> str:
    """Every alert, the latest first; there may be thousands, so the cells do without their heads."""
    rows = "".join(
        f"<tr><td><time>{alert.session}</time>{_members(alert)}</td><td>{chip(alert.severity)}</td>"
        f"<td>{percent(alert.size(rule))}</td><td>{alert.reason.value}</td></tr>"
        for alert in reversed(hearings)
    )
    return f'<table class="heard"><tbody>{rows}</tbody></table>'
