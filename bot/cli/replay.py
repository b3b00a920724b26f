"""`replay`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
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
    plain_table,
    print_note,
    print_rows,
    print_table,
    progress,
)
from bot.context.build import build_context
from bot.context.model import AlertContext
from bot.languages import languages
from bot.messages.alert_text import render_alert
from bot.messages.message import Message
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
    sessions = _read(opened, wanted)
    first, end = session_range(sessions, start, stop)
    alerts = (alert for alert in _alerts(opened, start, stop) if not wanted or _about(alert) & set(wanted))
    if output is OutputFormat.TABLE:
        _table(opened, list(alerts), sessions[first].item(), sessions[end - 1].item(), lang)
    else:
        print_rows(output, COLUMNS, (fields(opened, alert) for alert in alerts))


def _read(opened: MeasuredMarket, wanted: Sequence[str]) -> Dates:
    """The sessions on which any of the baskets has a reading."""
    asked = [series for series in opened.board.series.values() if not wanted or series.basket.id in wanted]
    final = [
        (series.sessions[: series.final_sessions], series.daily_return[: series.final_sessions]) for series in asked
    ]
    return np.unique(np.concatenate([sessions[~np.isnan(returns)] for sessions, returns in final]))


def _alerts(opened: MeasuredMarket, start: date | None, stop: date | None) -> Iterator[Alert]:
    with progress("Replay") as report:
        yield from replayed_alerts(
            opened.board, opened.rulebook, start, stop, lambda done, total: report(done, total, "")
        )


def _about(alert: Alert) -> set[str]:
    return {alert.subject.basket, alert.subject.against}


def fields(opened: MeasuredMarket, alert: Alert) -> dict[str, Any]:
    """One alert as the contract of `replay --format jsonl` has it."""
    context = build_context(opened.board, opened.rulebook.rules, alert)
    verdict = alert.decisions[0].evidence.verdict
    assert verdict is not None  # only a verdict can reach a rung
    spread = bool(alert.subject.against)
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
        "members": _members(alert, context),
        "text": {language: _text(opened, alert, context, language).plain for language in languages()},
    }


def _members(alert: Alert, context: AlertContext) -> list[dict[str, Any]]:
    """The basket's members, or those that a rule about members speaks of."""
    spoken = {member.subject.member for member in alert.decisions}
    return [
        {"symbol": member.symbol, "move": member.move, "contribution": member.contribution, "day_low": member.day_low}
        for member in context.members
        if spoken == {""} or member.symbol in spoken
    ]


def _text(opened: MeasuredMarket, alert: Alert, context: AlertContext, language: str) -> Message:
    return render_alert(alert, context, opened.rulebook.events, language)


def _table(opened: MeasuredMarket, alerts: list[Alert], first: date, last: date, language: str) -> None:
    if not alerts:
        sys.stdout.write(f"No alert from {first} to {last}.\n")
        return
    shown = alerts[-ALERTS_ON_SCREEN:]
    if len(shown) < len(alerts):
        print_note(f"The last {len(shown)} of {len(alerts):,} alerts; --from, --to or --format jsonl show more.")
    table = plain_table("session", "reason", "severity", "first line~")
    for alert in shown:
        context = build_context(opened.board, opened.rulebook.rules, alert)
        line = _text(opened, alert, context, language).lines[0]
        table.add_row(str(alert.session), alert.reason.value, alert.severity.word, line)
    print_table(table)
    _years(alerts, first, last)


def _years(alerts: Sequence[Alert], first: date, last: date) -> None:
    """A row for each year that was asked about, also for those without an alert, and one for all of them."""
    years = {str(year): Counter[Severity]() for year in range(first.year, last.year + 1)}
    for alert in alerts:
        years[str(alert.session.year)][alert.severity] += 1
    if len(years) > 1:
        years["all"] = sum(years.values(), Counter())
    table = plain_table("year", *(f"{severity.word}>" for severity in Severity))
    for year, counts in years.items():
        table.add_row(year, *(f"{counts[severity]:,}" for severity in Severity))
    sys.stdout.write("\n")
    print_table(table)
