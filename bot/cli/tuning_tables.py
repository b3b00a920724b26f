"""How does a tuning look in a terminal, in a table of values, and as lines to paste?"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from bot.backtest.fit import RARER, fitted_condition
from bot.backtest.poisson import LEVEL
from bot.backtest.shares import Ladder, Outcome
from bot.backtest.tuning import Step, Trial, Tuning
from bot.backtest.wording import block, in_words
from bot.backtest.years import HELD_OUT
from bot.cli.options import Format
from bot.cli.tables import plain_table, show
from bot.cli.verdicts import written

ALERTS_ON_SCREEN = 30
NOTES = """\
a year      times the rung, or a deeper one, is newly reached in an episode,
            with the exact Poisson interval ({level}); the first three years of a
            basket do not count, and each rule is counted by itself
sent        messages of just this severity a year, those of a deeper move on the
            same rung too; what another message about the basket tells is none,
            but makes that one as loud
taken back  of what would have been said at the day's low, the share that did
            not hold at the close; for several members it takes all their lows
            at one moment, so at most; empty where daily prices do not tell
suggested   fitted for so many a year on the years that {held_out} does not divide;
            each deeper rung a third as often
expected    times it should be reached on the years kept back ({level}), told
            from the fitted years alone; came: times it was
"""
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
    elif output is Format.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([written(row[name]) for name in COLUMNS] for row in _rows(outcome))
    else:
        for row in _rows(outcome):
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")


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
    _notes(outcome)
    for ladder in outcome.ladders:
        sys.stdout.write("\n" + "\n".join(_paste(ladder, per_year)) + "\n")


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
    sys.stdout.write(f"\n{_about(one)}: the last {len(shown)} of {count:,} alerts; --format jsonl has all\n")
    table = plain_table("session", "reason", "severity", "size>", "members~")
    for heard in shown:
        members = ", ".join(word.member for word in heard.words)
        table.add_row(
            str(heard.session), heard.reason.value, heard.severity.word, f"{heard.size(one.rule):+.1%}", members
        )
    show(table)


def _notes(outcome: Outcome) -> None:
    trials = [trial for one in outcome.tunings for trial in one.trials]
    sys.stdout.write(NOTES.format(level=f"{LEVEL:.0%}", held_out=HELD_OUT))
    if trials:
        inside, poisson = sum(one.inside for one in trials), sum(one.inside_poisson for one in trials)
        sys.stdout.write(
            f"On the years kept back {inside} of {len(trials)} suggested rungs came as often as expected\n"
            f"({poisson} if falls were independent, which they are not).\n"
        )


def _paste(ladder: Ladder, per_year: float) -> Iterator[str]:
    """The block for bot.toml, with what came of it where it was tried."""
    rates = [per_year * RARER**place for place in range(len(ladder.rule.rungs))]
    count = len(ladder.trials)
    baskets = f"{count} basket{'s' * (count != 1)}"
    yield f'# Rule "{ladder.rule.name}" of bot.toml, tried on {baskets}'
    comments = []
    for rung, wanted in zip(ladder.rule.rungs, rates, strict=True):
        tries = [one for trials in ladder.trials.values() for one in trials if one.rung.severity == rung.severity]
        comments.append(_comment(tries, wanted) if fitted_condition(rung) else "as it was")
    yield from block(ladder.rule, comments)


def _comment(tries: Sequence[Trial], wanted: float) -> str:
    fitted, came = (
        sum(one.count for one in rates) / sum(one.years for one in rates)
        for rates in ([one.fitted for one in tries], [one.held_out for one in tries])
    )
    inside = sum(one.inside for one in tries)
    return f"for {wanted:.2g} a year; fitted {fitted:.2g}, kept back {came:.2g}, {inside} of {len(tries)} as expected"


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
