"""How does a tuning look in a terminal, in a table of values, and as lines to paste?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from bot.backtest.poisson import LEVEL
from bot.backtest.shares import Outcome
from bot.backtest.tuning import Step, Trial, Tuning
from bot.backtest.wording import in_words, measured, pasted
from bot.backtest.years import HELD_OUT
from bot.cli.options import Format
from bot.cli.tables import plain_table, show, write

ALERTS_ON_SCREEN = 30
NOTES = """\
a year      times a year that a fall comes to the rung, or to a deeper one; one
            fall (an episode) counts once. In brackets what chance alone allows
            ({level}, exact Poisson). Each rule is counted by itself, without the
            first three years of a basket
sent        messages of just this severity a year, those of a deeper move on the
            same rung too; what another message about the basket tells is none,
            but makes that one as loud
taken back  of what would have been said at the day's low, the share that did
            not hold at the close; <= where members may have had their lows at
            different moments; empty where daily prices do not tell
"""
SUGGESTION = """\
suggested   the value that gives {wanted:g} a year at the first rung, and at each deeper
            one a third of the one before, on the years that {held_out} does not divide;
            fitted: what it gave on them. A record or a state has no value
expected    times it should then be reached on the years kept back ({level}), told
            from the fitted years alone; came: times it was
"""
NO_SUGGESTION = "Nothing is suggested: a record or a state has no value; a value takes more years."
IN_FORCE = ("basket", "rung", "in force", "a year>", "sent>", "taken back>")
SUGGESTED = ("basket", "rung", "suggested", "fitted>", "expected>", "came>")
COLUMNS = (
    "rule", "basket", "rung", "in_force", "from", "to", "years", "reached", "per_year", "per_year_low", "per_year_high",
    "alerts", "sent", "latest", "provisional", "withdrawn", "together", "suggested", "fitted", "fitted_years", "spread",
    "expected_low", "expected_high", "poisson_low", "poisson_high", "held_out", "held_out_years",
)  # fmt: skip


def show_outcome(outcome: Outcome, per_year: float, output: Format, *, with_alerts: bool) -> None:
    """Print a tuning; `with_alerts` lists the latest ones in tables (as JSON lines all of them stand there)."""
    if output is Format.TABLE:
        _tables(outcome, per_year, with_alerts=with_alerts)
    else:
        write(output, COLUMNS, _rows(outcome))


def _tables(outcome: Outcome, per_year: float, *, with_alerts: bool) -> None:
    for name in dict.fromkeys(one.rule.name for one in outcome.tunings):
        of_rule = [one for one in outcome.tunings if one.rule.name == name]
        sys.stdout.write(f'Rule "{name}"\n')
        table = plain_table(*IN_FORCE)
        for one in of_rule:
            for place, step in enumerate(one.steps):
                table.add_row("" if place else _about(one), step.rung.severity.word, *_step(one, step))
        show(table)
        if any(one.trials for one in of_rule):
            table = plain_table(*SUGGESTED)
            for one in of_rule:
                for place, trial in enumerate(one.trials):
                    table.add_row("" if place else _about(one), trial.rung.severity.word, *_trial(trial))
            sys.stdout.write("\n")
            show(table)
        if with_alerts:
            for one in of_rule:
                _alerts(one)
        sys.stdout.write("\n")
    _notes(outcome, per_year)
    for ladder in outcome.ladders:
        sys.stdout.write("\n" + "\n".join(pasted(ladder, per_year)) + "\n")


def _about(one: Tuning) -> str:
    return f"{one.basket.id}/{one.against.id}" if one.against else one.basket.id


def _step(one: Tuning, step: Step) -> tuple[str, ...]:
    low, high = step.reached.interval
    doubt = step.provisional
    share = None if doubt is None else doubt.share
    taken = "" if share is None else f"{'<= ' if doubt and doubt.together and share else ''}{share:.0%}"
    return (
        in_words(step.rung),
        f"{step.reached.per_year:.2f} ({low:.1f}-{high:.1f})",
        f"{one.rate_sent(step.rung.severity).per_year:.2f}",
        taken,
    )


def _trial(trial: Trial) -> tuple[str, ...]:
    low, high = trial.expected
    came = f"{trial.held_out.count}{'' if trial.inside else ' outside'}"
    return in_words(trial.rung), f"{trial.fitted.per_year:.2f}", f"{low}-{high}", came


def _alerts(one: Tuning) -> None:
    """The latest sessions and sizes."""
    shown = one.hearings[-ALERTS_ON_SCREEN:]
    count = len(one.hearings)
    sys.stdout.write(f"\n{_about(one)}: the last {len(shown)} of {count:,} alerts of this rule by itself\n")
    table = plain_table("session", "reason", "severity", f"{measured(one.rule)}>", "members~")
    for heard in shown:
        members = ", ".join(word.member for word in heard.words)
        table.add_row(
            str(heard.session), heard.reason.value, heard.severity.word, f"{heard.size(one.rule):+.1%}", members
        )
    show(table)


def _notes(outcome: Outcome, per_year: float) -> None:
    trials = [trial for one in outcome.tunings for trial in one.trials]
    sys.stdout.write(NOTES.format(level=f"{LEVEL:.0%}"))
    if trials:
        sys.stdout.write(SUGGESTION.format(level=f"{LEVEL:.0%}", held_out=HELD_OUT, wanted=per_year))
        inside, poisson = sum(one.inside for one in trials), sum(one.inside_poisson for one in trials)
        sys.stdout.write(
            f"On the years kept back {inside} of {len(trials)} suggested rungs came as often as expected\n"
            f"({poisson} if falls were independent, which they are not).\n"
        )
    else:
        sys.stdout.write(f"{NO_SUGGESTION}\n")


def _rows(outcome: Outcome) -> Iterator[dict[str, Any]]:
    """One row a rule, basket and rung."""
    for one in outcome.tunings:
        for step in one.steps:
            low, high = step.reached.interval
            doubt = step.provisional
            told = [heard for heard in one.hearings if heard.severity == step.rung.severity]
            yield {
                "rule": one.rule.name,
                "basket": _about(one),
                "rung": step.rung.severity.word,
                "in_force": in_words(step.rung),
                "from": str(one.first),
                "to": str(one.last),
                "years": step.reached.years,
                "reached": step.reached.count,
                "per_year": step.reached.per_year,
                "per_year_low": low,
                "per_year_high": high,
                "alerts": step.alerts,
                "sent": one.rate_sent(step.rung.severity).count,
                "latest": str(step.latest) if step.latest else None,
                "provisional": doubt.reached if doubt else None,
                "withdrawn": doubt.withdrawn if doubt else None,
                "together": doubt.together if doubt else None,
                **_trial_fields(
                    next((trial for trial in one.trials if trial.rung.severity == step.rung.severity), None)
                ),
                "sessions": [[str(heard.session), heard.reason.value, heard.size(one.rule)] for heard in told],
            }


def _trial_fields(trial: Trial | None) -> dict[str, Any]:
    """What the basket's own suggested rung did; None = nothing to fit."""
    if trial is None:
        return dict.fromkeys(COLUMNS[COLUMNS.index("suggested") :])
    return {
        "suggested": in_words(trial.rung),
        "fitted": trial.fitted.count,
        "fitted_years": trial.fitted.years,
        "spread": trial.spread,
        "expected_low": trial.expected[0],
        "expected_high": trial.expected[1],
        "poisson_low": trial.poisson[0],
        "poisson_high": trial.poisson[1],
        "held_out": trial.held_out.count,
        "held_out_years": trial.held_out.years,
    }
