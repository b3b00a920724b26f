"""A sceptic reads what would have been posted over decades, and recomputes each figure from the closes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from bot.alerts import Alert
from bot.cli.market import Opened
from bot.context import explain
from bot.messages import languages, render
from tests.history import real
from tests.history.sceptic import Ledger, Sceptic


@cache
def posted() -> tuple[Opened, list[Alert]]:
    opened = real.demo().opened()
    return opened, real.posted(opened)


def ledgers(opened: Opened) -> dict[str, Ledger]:
    """Books of the baskets whose members all trade on the basket's own sessions."""
    books = {}
    for series in opened.board.series.values():
        table = opened.market.tables[series.basket.calendar]
        columns = {str(symbol): at for at, symbol in enumerate(table.symbols)}
        closes = {
            name: (table.adjusted if series.basket.prices == "adjusted" else table.close)[:, at]
            for name, at in columns.items()
        }
        lows = {
            name: np.append(np.nan, table.low[1:, at] * closes[name][1:] / table.close[1:, at] / closes[name][:-1] - 1)
            for name, at in columns.items()
        }
        book = Ledger(series.basket, table.sessions.tolist(), closes, lows)
        if np.allclose(series.daily_return, book.daily, rtol=0, atol=1e-12, equal_nan=True):
            books[str(series.basket.id)] = book
    return books


def doubt(opened: Opened, found: list[Alert]) -> set[str]:
    """Read every alert; the answer is which kinds of lines there were."""
    events = {event.name("en"): (event.first, event.last) for event in opened.rulebook.events}
    books = ledgers(opened)
    seen: set[str] = set()
    for alert in found:
        if not {alert.subject.basket, alert.subject.against} - {""} <= set(books):
            continue
        text = render(alert, explain(opened.board, opened.rulebook.rules, alert), opened.rulebook.events, "en").plain
        reader = Sceptic(books, events, books[alert.subject.basket], alert.session)
        try:
            seen |= set(reader.read(text))
        except AssertionError as error:
            raise AssertionError(f"not true: {error}\n{text}") from error
    return seen


def test_every_sentence_of_33_years_is_true() -> None:
    opened, found = posted()
    assert set(ledgers(opened)) == {"energy", "staples", "banks", "technology", "sp500"}
    kinds = doubt(opened, found)
    assert kinds >= {
        "headline",
        "gap_headline",
        "facts",
        "rank",
        "gap_rank",
        "breadth",
        "parts",
        "entered",
        "against",
        "foot",
        "first_beyond",
        "nth_beyond",
        "followed",
        "cases",
        "no_precedent",
        "line_further",
        "line_level",
    }


@pytest.mark.skipif(not real.SHARED.is_dir(), reason="there are no more prices than the demo's")
def test_every_sentence_of_the_shipped_configuration_is_true() -> None:
    opened = real.shared().of("sox", "equipment").opened()
    kinds = doubt(opened, real.posted(opened)[::2])
    assert kinds >= {"headline", "facts", "rank", "breadth", "parts", "entered", "entered_together", "low", "low_many"}


def test_no_message_is_longer_than_a_caption_may_be() -> None:
    opened, found = posted()
    for alert in found[::9]:
        context = explain(opened.board, opened.rulebook.rules, alert)
        for language in languages():
            assert len(render(alert, context, opened.rulebook.events, language).plain) < 900
