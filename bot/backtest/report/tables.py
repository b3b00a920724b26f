"""Which tables does the report have, and how do their figures read?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from bot.alerts import Rule, Severity
from bot.backtest.fit import RARER, fitted_condition
from bot.backtest.hearings import Hearing
from bot.backtest.report.chapter import Section, Told
from bot.backtest.tuning import Step, Trial, Tuning
from bot.backtest.wording import in_words, measured
from bot.statistics.precedents import FEWEST_CASES, HORIZONS, Aftermath

MINUS = "−"
SPANS = {5: "a week", 21: "a month", 63: "a quarter", 252: "a year"}


def percent(value: float | None, places: int = 1) -> str:
    if value is None:
        return '<span class="none">not known</span>'
    text = f"{abs(value):.{places}%}"
    sign = MINUS if value < 0 and text.strip("0.%") else "+" if value > 0 else ""
    return f"{sign}{text}"


def table(kind: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table that becomes a stack of cards on a narrow page: each cell knows its head."""
    head = "".join(f'<th scope="col">{one}</th>' for one in heads)
    body = "".join(f"<tr>{_cells(heads, row)}</tr>" for row in rows)
    return f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cells(heads: Sequence[str], row: Sequence[str]) -> str:
    named = zip(heads, row, strict=True)
    return "".join(f'<td data-head="{head}">{cell}</td>' for head, cell in named)


def chip(severity: Severity) -> str:
    return f'<span class="chip {severity.word}">{severity.word}</span>'


def ladder(tuning: Tuning, per_year: float) -> str:
    """The rungs in force with their rates, and the values that would give so many a year."""
    most = max((step.reached.interval[1] for step in tuning.steps), default=1.0) or 1.0
    heads = ("Rung", "In force", "A year", "Sent", "Taken back", "Suggested", "Fitted", "Expected", "Came")
    rows = []
    for place, step in enumerate(tuning.steps):
        trial = next((one for one in tuning.trials if one.rung.severity == step.rung.severity), None)
        rows.append(
            (
                chip(step.rung.severity),
                f"<code>{escape(in_words(step.rung))}</code>",
                _rate(step, most),
                _sent(tuning, step),
                _taken_back(step),
                *_trial(step, trial, per_year * RARER**place),
            )
        )
    return table("ladder", heads, rows)


def _rate(step: Step, most: float) -> str:
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


def _sent(tuning: Tuning, step: Step) -> str:
    sent = tuning.rate_sent(step.rung.severity)
    return f"{sent.per_year:.2f} <small>{sent.count} in {sent.years:.1f} years</small>"


def _taken_back(step: Step) -> str:
    doubt = step.provisional
    if doubt is None or not doubt.sessions:
        return '<span class="none">cannot be told</span>'
    if doubt.share is None:
        return '<span class="none">none</span>'
    at_most = "at most " if doubt.together and doubt.withdrawn else ""
    return f"{at_most}{doubt.share:.0%} <small>{doubt.withdrawn} of {doubt.reached}</small>"


def _trial(step: Step, trial: Trial | None, wanted: float) -> tuple[str, ...]:
    if trial is None:
        why = "nothing to fit" if fitted_condition(step.rung) is None else "history too short"
        return (f'<span class="none">{why}</span>', "", "", "")
    low, high = trial.expected
    verdict = '<span class="yes">as expected</span>' if trial.inside else '<span class="no">outside</span>'
    return (
        f"<code>{escape(in_words(trial.rung))}</code> <small>for {wanted:.2g} a year</small>",
        f"{trial.fitted.per_year:.2f} <small>{trial.fitted.count} in {trial.fitted.years:.1f} years</small>",
        f"{low}–{high}",
        f"{trial.held_out.count} {verdict} <small>in {trial.held_out.years:.1f} years</small>",
    )


def worst(rule: Rule, cases: Sequence[Told]) -> str:
    """The deepest alerts, and what the basket did after each."""
    after = (f"+{sessions} sessions" for sessions in HORIZONS)
    heads = ("Session", "Severity", measured(rule).capitalize(), "Drawdown", *after)
    return table(
        "worst",
        heads,
        (
            (
                f"<time>{case.hearing.session}</time>{_members(case.hearing)}",
                chip(case.hearing.severity),
                f"<b>{percent(case.hearing.size(rule))}</b>",
                percent(case.drawdown),
                *(percent(one) for one in case.later),
            )
            for case in cases
        ),
    )


def _members(hearing: Hearing) -> str:
    names = [word.member for word in hearing.words if word.member]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f" <small>{escape(', '.join(names[:3]))}{more}</small>" if names else ""


def followed(section: Section) -> str:
    """What the basket did after alerts, over all of them."""
    heads = ("After", "Cases", "Rose", "Median", "Not known")
    rows = [
        (
            f"{SPANS[one.sessions]} <small>{one.sessions} sessions</small>",
            str(one.known),
            *_spread(one),
            str(section.cases - one.known),
        )
        for one in section.followed
    ]
    return table("followed", heads, rows)


def _spread(one: Aftermath) -> tuple[str, str]:
    if one.known < FEWEST_CASES:
        return str(one.higher), '<span class="none">too few cases</span>'
    return str(one.higher), percent(one.median)


def heard(rule: Rule, hearings: Sequence[Hearing]) -> str:
    """Every alert, the latest first; there may be thousands, so the cells do without their heads."""
    rows = "".join(
        f"<tr><td><time>{one.session}</time>{_members(one)}</td><td>{chip(one.severity)}</td>"
        f"<td>{percent(one.size(rule))}</td><td>{one.reason.value}</td></tr>"
        for one in reversed(hearings)
    )
    return f'<table class="heard"><tbody>{rows}</tbody></table>'
