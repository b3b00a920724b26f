"""`replay`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from bot.alerts.episodes import Alert
from bot.alerts.rules import Severity
from bot.backtest.replay import replayed_alerts
from bot.cli.figures import session_range
from bot.cli.market import MeasuredMarket, measure_loaded_market
from bot.cli.output import (
    Baskets,
    Config,
    From,
    Lang,
    Output,
    OutputFormat,
    Prices,
    To,
    print_note,
    print_rows,
    print_table,
    progress,
)
from bot.context.build import build_context
from bot.languages import languages
from bot.messages.alert_text import render_alert
from bot.prices.bars import Dates

ALERTS_ON_SCREEN = 30
COLUMNS = (
    "session", "basket", "rule", "phase", "reason", "severity", "episode", "move", "rank", "sample", "percentile",
    "worst_since", "worst_in_years", "record", "drawdown", "state",
)  # fmt: skip


def replay_command(
    baskets: Baskets = None,
    config: Config = None,
    prices: Prices = None,
    start: From = None,
    stop: To = None,
    output: Output = OutputFormat.TABLE,
    lang: Lang = "en",
) -> None:
    """All alerts that would have been sent, by the live engine, one session at a time."""
    wanted = baskets or []
    opened = measure_loaded_market(config, prices, wanted)
    sessions = sessions_with_reading(opened, wanted)
    first, end = session_range(sessions, start, stop)
    with progress("Replay") as report:
        alerts = (
            alert
            for alert in replayed_alerts(opened.board, opened.rulebook, start, stop, report)
            if not wanted or {alert.subject.basket, alert.subject.against} & set(wanted)
        )
        if output is not OutputFormat.TABLE:
            print_rows(output, COLUMNS, (fields(opened, alert) for alert in alerts))
            return
        shown = list(alerts)
    print_alerts(opened, shown, sessions[first].item(), sessions[end - 1].item(), lang)


def sessions_with_reading(opened: MeasuredMarket, wanted: Sequence[str]) -> Dates:
    """The sessions on which any of the baskets has a reading."""
    asked = [series for series in opened.board.series.values() if not wanted or series.basket.id in wanted]
    final = [
        (series.sessions[: series.final_sessions], series.daily_return[: series.final_sessions]) for series in asked
    ]
    return np.unique(np.concatenate([sessions[~np.isnan(returns)] for sessions, returns in final]))


def fields(opened: MeasuredMarket, alert: Alert) -> dict[str, Any]:
    """One alert as the contract of `replay --format jsonl` has it."""
    context = build_context(opened.board, opened.rulebook.rules, alert)
    verdict = alert.decisions[0].evidence.verdict
    assert verdict is not None  # only a verdict can reach a rung
    spread = bool(alert.subject.against)
    subjects = {decision.subject.member for decision in alert.decisions}  # "" = the basket: all its members
    return {
        "session": str(alert.session),
        "basket": f"{alert.subject.basket}/{alert.subject.against}" if spread else alert.subject.basket,
        "rule": alert.rule.name,
        "phase": alert.phase.value,
        "reason": alert.reason.value,
        "severity": alert.severity.word,
        "window": verdict.window,
        "move": verdict.move,
        "rank": verdict.rank,
        "sample": verdict.sample,
        "percentile": verdict.percentile,
        "worst_since": str(verdict.worst_since) if verdict.worst_since else None,
        "worst_in_years": verdict.worst_in_years,
        "record": verdict.record,
        "drawdown": None if spread else verdict.drawdown,
        "state": None if spread else verdict.state.word,
        "episode": alert.episode,
        "members": [
            {name: getattr(member, name) for name in ("symbol", "move", "contribution", "day_low")}
            for member in context.members
            if subjects == {""} or member.symbol in subjects
        ],
        "text": {
            language: render_alert(alert, context, opened.rulebook.events, language).plain for language in languages()
        },
    }


def print_alerts(opened: MeasuredMarket, alerts: list[Alert], first: date, last: date, language: str) -> None:
    if not alerts:
        sys.stdout.write(f"No alert from {first} to {last}.\n")
        return
    shown = alerts[-ALERTS_ON_SCREEN:]
    if len(shown) < len(alerts):
        print_note(f"The last {len(shown)} of {len(alerts):,} alerts; --from, --to or --format jsonl show more.")
    rows = []
    for alert in shown:
        context = build_context(opened.board, opened.rulebook.rules, alert)
        line = render_alert(alert, context, opened.rulebook.events, language).lines[0]
        rows.append((str(alert.session), alert.reason.value, alert.severity.word, line))
    print_table(("session", "reason", "severity", "first line~"), rows)
    years = {str(year): Counter[Severity]() for year in range(first.year, last.year + 1)}
    for alert in alerts:
        years[str(alert.session.year)][alert.severity] += 1
    if len(years) > 1:
        years["all"] = sum(years.values(), Counter())
    sys.stdout.write("\n")
    print_table(
        ("year", *(f"{severity.word}>" for severity in Severity)),
        ((year, *(f"{counts[severity]:,}" for severity in Severity)) for year, counts in years.items()),
    )
