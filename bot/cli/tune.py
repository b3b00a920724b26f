"""What would each threshold have done, and which would give so many alerts a year?"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bot.adapters.workers import workers
from bot.alerts import Rule
from bot.backtest.report import render
from bot.backtest.shares import Outcome, tune_all
from bot.baskets import BasketId
from bot.cli.beside import progress, say
from bot.cli.market import fetch_market, named
from bot.cli.options import Baskets, Config, Format, Output, Prices
from bot.cli.rungs import apply
from bot.cli.tuning_tables import show_outcome
from bot.errors import NoData
from bot.pipeline import Rulebook
from bot.prices import CalendarCode, PriceTable
from bot.settings.layers import FOLDER
from bot.statistics import YEARS_OF_HISTORY

MOST_JOBS = 64


def command(
    baskets: Baskets = None,
    per_year: Annotated[
        float, typer.Option(min=0.05, max=50, metavar="N", help="Times a year a rule's first rung shall be reached.")
    ] = 4.0,
    rule: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A rule to tune (again for more; default: all).")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, max=MOST_JOBS, metavar="N", help="Processes to use; 0 = one a core.")] = 1,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Scheduler of a Dask cluster that does the work.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page (HTML) to read and to print.")
    ] = None,
    write: Annotated[bool, typer.Option("--apply", help="Write the suggested rungs into bot.toml.")] = False,
    config: Config = None,
    prices: Prices = None,
    output: Output = Format.TABLE,
) -> None:
    """Alerts a year at each rung over history, and rungs that would give so many, tried on years kept back."""
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
    fetched = fetch_market(config, prices, baskets or [])
    tables, rulebook = fetched.market.tables, fetched.rulebook
    del fetched  # and with it the settings, of which there are many where baskets have many members
    _give_back()
    asked = [one.id for one in rulebook.baskets if not baskets or one.id in baskets]
    chosen = replace(rulebook, rules=_only(rulebook, rule)) if rule else rulebook
    outcome = _tune(tables, chosen, asked, per_year, jobs, cluster)
    for name, basket in outcome.short:
        text = f'Warning: rule "{name}" on {basket}: no rates, for its data have no more than {YEARS_OF_HISTORY} years.'
        say(text)
    if not outcome.tunings:
        why = "see the warnings above" if outcome.short else "these rules ask nothing of these baskets"
        raise NoData(f"Nothing can be tuned: {why}. Give longer histories, or other baskets or rules.")
    show_outcome(outcome, per_year, output, with_alerts=bool(baskets))
    if report is not None:
        report.write_text(render(tables, rulebook, outcome, per_year), encoding="utf-8")
        say(f"The report is in {report}.")
    if write and not outcome.ladders:
        say("Nothing was written, for nothing is suggested.")
    elif write:
        folder = config or Path(os.environ.get(FOLDER) or "config")
        file = apply(folder, [one.rule for one in outcome.ladders], os.environ)
        say(f"Written into {file}. A running bot reads it on SIGHUP, on /reload, or when it starts again.")


def _give_back() -> None:
    """What the rows of the price files took, where the system's C library is glibc, which would keep it for itself."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        return


def _only(rulebook: Rulebook, names: Sequence[str]) -> tuple[Rule, ...]:
    known = {one.name: one for one in rulebook.rules}
    asked = [named("rule", "--rule", name, known) for name in names]
    return tuple(one for one in known.values() if one in asked)


def _tune(
    tables: Mapping[CalendarCode, PriceTable],
    rulebook: Rulebook,
    asked: Sequence[BasketId],
    per_year: float,
    jobs: int,
    cluster: str | None,
) -> Outcome:
    doing = workers(jobs or min(os.cpu_count() or 1, MOST_JOBS), cluster)
    with progress("Tuning") as told:
        return tune_all(tables, rulebook, asked, per_year, doing, lambda done, total: told(done, total, ""))
