"""`tune` and its tables."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.adapters.parallel import worker_pool
from bot.cli.levels_file import write_levels
from bot.cli.market import load_market, lookup_name
from bot.cli.output import (
    Baskets,
    Config,
    Output,
    OutputFormat,
    Prices,
    print_note,
    print_rows,
    print_table,
    progress,
)
from bot.errors import NoData
from bot.settings.sources import CONFIG_DIR
from bot.statistics.measure import YEARS_OF_HISTORY
from bot.tuning.config_text import level_as_toml, size_label, toml_lines
from bot.tuning.jobs import TuningResult, tune_all
from bot.tuning.rates import HELD_OUT, LEVEL
from bot.tuning.report_page import render_report
from bot.tuning.tune import HoldOutTest, LevelStats, RuleTuning

MAX_JOBS = 64


def tune_command(
    baskets: Baskets = None,
    per_year: Annotated[
        float, typer.Option(min=0.05, max=50, metavar="N", help="Times a year a rule's first level shall be reached.")
    ] = 4.0,
    rule: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A rule to tune (again for more; default: all).")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, max=MAX_JOBS, metavar="N", help="Processes to use; 0 = one a core.")] = 1,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Scheduler of a Dask cluster that does the work.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page (HTML) to read and to print.")
    ] = None,
    write: Annotated[bool, typer.Option("--apply", help="Write the suggested levels into bot.toml.")] = False,
    config: Config = None,
    prices: Prices = None,
    output: Output = OutputFormat.TABLE,
) -> None:
    """Alerts a year at each level over history, and levels that would give so many, tried on years kept back."""
    if write and baskets:
        raise typer.BadParameter(
            "a ladder counts for all baskets of its rule. Leave the baskets out.", param_hint="--apply"
        )
    if report is not None and not report.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {report.parent}. Make it first.", param_hint="--report")
    if report is not None and report.is_dir():
        raise typer.BadParameter(
            f"{report} is a folder. Name a file in it, such as tuning.html.", param_hint="--report"
        )
    rulebook, market = load_market(config, prices, baskets or [])
    asked = [basket.id for basket in rulebook.baskets if not baskets or basket.id in baskets]
    rules = {candidate.name: candidate for candidate in rulebook.rules}
    chosen = [lookup_name("rule", "--rule", name, rules) for name in rule or rules]
    tuned = replace(rulebook, rules=tuple(candidate for candidate in rulebook.rules if candidate in chosen))
    pool = worker_pool(jobs or min(os.cpu_count() or 1, MAX_JOBS), cluster)
    with progress("Tuning") as report_progress:
        outcome = tune_all(market.tables, tuned, asked, per_year, pool, report_progress)
    for name, basket in outcome.short:
        text = f'Warning: rule "{name}" on {basket}: no rates, for its data have no more than {YEARS_OF_HISTORY} years.'
        print_note(text)
    if not outcome.tunings:
        why = "see the warnings above" if outcome.short else "these rules ask nothing of these baskets"
        raise NoData(f"Nothing can be tuned: {why}. Give longer histories, or other baskets or rules.")
    print_tuning(outcome, per_year, output, with_alerts=bool(baskets))
    if report is not None:
        report.write_text(render_report(market.tables, rulebook, outcome, per_year), encoding="utf-8")
        print_note(f"The report is in {report}.")
    if write and not outcome.ladders:
        print_note("Nothing was written, for nothing is suggested.")
    elif write:
        folder = config or Path(os.environ.get(CONFIG_DIR) or "config")
        file = write_levels(folder, [ladder.rule for ladder in outcome.ladders], os.environ)
        print_note(f"Written into {file}. A running bot reads it on SIGHUP, on /reload, or when it starts again.")


ALERTS_ON_SCREEN = 30
NOTES = """\
a year      times a year that a fall comes to the level, or to a deeper one; one
            fall (an episode) counts once. In brackets what chance alone allows
            ({level}, exact Poisson). Each rule is counted by itself, without the
            first three years of a basket
sent        messages of just this severity a year, those of a deeper move on the
            same level too; what another message about the basket tells is none,
            but makes that one as loud
taken back  of what would have been said at the day's low, the share that did
            not hold at the close; <= where members may have had their lows at
            different moments; empty where daily prices do not tell
"""
SUGGESTION = """\
suggested   the value that gives {wanted:g} a year at the first level, and at each deeper
            one a third of the one before, on the years that {held_out} does not divide;
            fitted: what it gave on them. A record or a state has no value
expected    times it should then be reached on the years kept back ({level}), told
            from the fitted years alone; came: times it was
"""
NO_SUGGESTION = "Nothing is suggested: a record or a state has no value; a value takes more years."
IN_FORCE = ("basket", "level", "in force", "a year>", "sent>", "taken back>")
SUGGESTED = ("basket", "level", "suggested", "fitted>", "expected>", "came>")
COLUMNS = (
    "rule", "basket", "level", "in_force", "from", "to", "years", "reached", "per_year", "per_year_low",
    "per_year_high", "alerts", "sent", "latest", "provisional", "withdrawn", "together", "suggested", "fitted",
    "fitted_years", "spread", "expected_low", "expected_high", "poisson_low", "poisson_high", "held_out",
    "held_out_years",
)  # fmt: skip


def print_tuning(outcome: TuningResult, per_year: float, output: OutputFormat, *, with_alerts: bool) -> None:
    """Print a tuning; `with_alerts` lists the latest ones in tables (as JSON lines all of them stand there)."""
    if output is not OutputFormat.TABLE:
        print_rows(output, COLUMNS, tuning_rows(outcome))
        return
    for name in dict.fromkeys(tuning.rule.name for tuning in outcome.tunings):
        print_rule([tuning for tuning in outcome.tunings if tuning.rule.name == name], with_alerts=with_alerts)
    print_notes(outcome, per_year)
    for ladder in outcome.ladders:
        sys.stdout.write("\n" + "\n".join(toml_lines(ladder, per_year)) + "\n")


def print_rule(tunings: Sequence[RuleTuning], *, with_alerts: bool) -> None:
    """Print the tables of one rule: its levels on each basket, the suggested ones, and the latest alerts."""
    sys.stdout.write(f'Rule "{tunings[0].rule.name}"\n')
    print_table(IN_FORCE, [level_cells(tuning, step) for tuning in tunings for step in tuning.steps])
    trials = [trial_cells(tuning, trial) for tuning in tunings for trial in tuning.trials]
    if trials:
        sys.stdout.write("\n")
        print_table(SUGGESTED, trials)
    if with_alerts:
        for tuning in tunings:
            print_alerts(tuning)
    sys.stdout.write("\n")


def tuning_label(tuning: RuleTuning) -> str:
    return f"{tuning.basket.id}/{tuning.against.id}" if tuning.against else tuning.basket.id


def level_cells(tuning: RuleTuning, step: LevelStats) -> tuple[str, ...]:
    """The rates of a level in the order of IN_FORCE."""
    low, high = step.reached.interval
    withdrawals = step.provisional
    withdrawn = ""
    if withdrawals is not None and withdrawals.share is not None:
        withdrawn = f"{'<= ' if withdrawals.together and withdrawals.share else ''}{withdrawals.share:.0%}"
    return (
        tuning_label(tuning) if step is tuning.steps[0] else "",
        step.rung.severity.word,
        level_as_toml(step.rung),
        f"{step.reached.per_year:.2f} ({low:.1f}-{high:.1f})",
        f"{tuning.rate_sent(step.rung.severity).per_year:.2f}",
        withdrawn,
    )


def trial_cells(tuning: RuleTuning, trial: HoldOutTest) -> tuple[str, ...]:
    """The test of a suggested level in the order of SUGGESTED."""
    label = tuning_label(tuning) if trial is tuning.trials[0] else ""
    expected = "{}-{}".format(*trial.expected)
    came = f"{trial.held_out.count}{'' if trial.inside else ' outside'}"
    level = (trial.rung.severity.word, level_as_toml(trial.rung))
    return label, *level, f"{trial.fitted.per_year:.2f}", expected, came


def print_alerts(tuning: RuleTuning) -> None:
    """The latest sessions and sizes."""
    shown = tuning.hearings[-ALERTS_ON_SCREEN:]
    count = len(tuning.hearings)
    sys.stdout.write(f"\n{tuning_label(tuning)}: the last {len(shown)} of {count:,} alerts of this rule by itself\n")
    print_table(
        ("session", "reason", "severity", f"{size_label(tuning.rule)}>", "members~"),
        (
            (
                str(alert.session),
                alert.reason.value,
                alert.severity.word,
                f"{alert.size(tuning.rule):+.1%}",
                ", ".join(word.member for word in alert.words),
            )
            for alert in shown
        ),
    )


def print_notes(outcome: TuningResult, per_year: float) -> None:
    trials = [trial for tuning in outcome.tunings for trial in tuning.trials]
    sys.stdout.write(NOTES.format(level=f"{LEVEL:.0%}"))
    if trials:
        sys.stdout.write(SUGGESTION.format(level=f"{LEVEL:.0%}", held_out=HELD_OUT, wanted=per_year))
        inside, poisson = sum(tuning.inside for tuning in trials), sum(tuning.inside_poisson for tuning in trials)
        sys.stdout.write(
            f"On the years kept back {inside} of {len(trials)} suggested levels came as often as expected\n"
            f"({poisson} if falls were independent, which they are not).\n"
        )
    else:
        sys.stdout.write(f"{NO_SUGGESTION}\n")


def tuning_rows(outcome: TuningResult) -> Iterator[dict[str, Any]]:
    """One row a rule, basket and rung."""
    for tuning in outcome.tunings:
        for step in tuning.steps:
            low, high = step.reached.interval
            withdrawals = step.provisional
            alerts = [alert for alert in tuning.hearings if alert.severity == step.rung.severity]
            yield {
                "rule": tuning.rule.name,
                "basket": tuning_label(tuning),
                "level": step.rung.severity.word,
                "in_force": level_as_toml(step.rung),
                "from": str(tuning.first),
                "to": str(tuning.last),
                "years": step.reached.years,
                "reached": step.reached.count,
                "per_year": step.reached.per_year,
                "per_year_low": low,
                "per_year_high": high,
                "alerts": step.alerts,
                "sent": tuning.rate_sent(step.rung.severity).count,
                "latest": str(step.latest) if step.latest else None,
                "provisional": withdrawals.reached if withdrawals else None,
                "withdrawn": withdrawals.withdrawn if withdrawals else None,
                "together": withdrawals.together if withdrawals else None,
                **trial_fields(
                    next((trial for trial in tuning.trials if trial.rung.severity == step.rung.severity), None)
                ),
                "sessions": [[str(alert.session), alert.reason.value, alert.size(tuning.rule)] for alert in alerts],
            }


def trial_fields(trial: HoldOutTest | None) -> dict[str, Any]:
    """The test of the basket's suggested level; None = no value to fit."""
    if trial is None:
        return dict.fromkeys(COLUMNS[COLUMNS.index("suggested") :])
    return {
        "suggested": level_as_toml(trial.rung),
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
