"""How does the bot stand, on one page that needs nothing but itself?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from importlib.resources import files

from bot.health import StatusReport

REFRESH = 30  # seconds
UNITS = ((86400, "days"), (3600, "hours"), (60, "min"), (1, "s"))


def render(report: StatusReport) -> str:
    """The page as HTML, for a phone as for a desk; it loads itself anew by itself."""
    style = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    body = "".join((*_head(report), *_troubles(report), *_baskets(report), *_look(report)))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="refresh" content="{REFRESH}"><meta name="robots" content="noindex">'
        f"<title>Drawdown Bot: {'well' if report.health.ready else 'not well'}</title><style>{style}</style></head>"
        f"<body>{body}</body></html>\n"
    )


def _head(report: StatusReport) -> Iterator[str]:
    health, now, database = report.health, report.now, report.database
    yield f"<h1>Drawdown Bot <small>{_utc(now)}, loads itself anew every {REFRESH} s</small></h1>"
    yield f'<div class="state{"" if health.ready else " bad"}">{escape(str(health))}</div>'
    epoch = "" if database.lease is None else f"<small>epoch {database.lease.epoch:,}</small>"
    lease = "held by this process" if health.active else "held by another process, or by nobody"
    queue = "not known" if database.waiting is None else f"{database.waiting:,} messages wait"
    oldest = database.oldest and f"<small>the oldest: {_ago(database.oldest, now)}</small>"
    yield "<dl>"
    yield from _facts(
        ("Last complete look", _ago(report.completed_at, now)),
        ("Last getUpdates", _ago(report.polled_at, now) if report.polls_chat else "nobody listens"),
        ("Queue", f"{queue}{oldest or ''}"),
        ("Lease", f"{lease}{epoch}"),
        ("Works since" if health.active else "Stands by since", _ago(report.since, now)),
    )
    yield "</dl>"


def _look(report: StatusReport) -> Iterator[str]:
    if report.last_check is not None:
        yield "<h2>Last look</h2><dl>"
        yield from _facts(*((name, escape(str(value)) or "–") for name, value in report.last_check.facts().items()))
        yield "</dl>"


def _troubles(report: StatusReport) -> Iterator[str]:
    yield "<h2>Open troubles</h2>"
    rows = "".join(
        f"<li>{escape(str(one))}<small>since {_utc(one.since)}</small></li>" for one in report.database.incidents
    )
    yield f"<ul>{rows}</ul>" if rows else "<p>none that the operators heard of</p>"


def _baskets(report: StatusReport) -> Iterator[str]:
    rows = "".join(
        f"<tr><td>{escape(basket.name)}<small>{escape(basket.basket)}</small></td>"
        f"<td>{basket.last_session or 'not yet'}</td></tr>"
        for basket in report.baskets
    )
    if rows:
        yield f"<h2>Baskets</h2><table><tr><th>basket</th><th>last session judged</th></tr>{rows}</table>"


def _facts(*facts: tuple[str, str]) -> Iterator[str]:
    yield from (f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts)


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "not yet"
    seconds = max(0, round((now - moment).total_seconds()))
    size, unit = next((size, unit) for size, unit in UNITS if seconds >= 2 * size or size == 1)
    return f"{seconds // size} {unit} ago <small>{_utc(moment)}</small>"
