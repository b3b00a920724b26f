"""A sceptic reads what would have been posted over decades, and recomputes each figure from the closes."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import pytest

from bot.alerts.episodes import Alert
from bot.cli.market import MeasuredMarket
from bot.context.build import build_context
from bot.languages import languages
from bot.messages.alert_text import render_alert
from tests.history import real
from tests.history.forms import same_figures
from tests.history.sceptic import Ledger, Sceptic

IN_NEW_YORK = ("sox", "equipment", "ai_semiconductors", "hyperscalers", "magnificent_seven", "sp500", "nasdaq100")


@cache
def posted() -> tuple[MeasuredMarket, list[Alert]]:
    opened = real.demo().opened()
    return opened, real.posted(opened)


def ledgers(opened: MeasuredMarket) -> dict[str, Ledger]:
    """Books of the baskets, and all of them."""
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
        shut = {name: table.shut[:, at] for name, at in columns.items()}
        lows = {name: np.where(shut[name], np.nan, own) for name, own in lows.items()}
        book = books[str(series.basket.id)] = Ledger(series.basket, table.sessions.tolist(), closes, lows, shut)
        assert np.allclose(series.daily_return, book.daily, rtol=0, atol=1e-12, equal_nan=True)
    return books


def doubt(opened: MeasuredMarket, found: list[Alert]) -> set[str]:
    """Read every alert in every language; the answer is which kinds of lines there were."""
    names = [event.name(language) for event in opened.rulebook.events for language in languages()]
    events = {event.name("en"): (event.first, event.last) for event in opened.rulebook.events}
    books = ledgers(opened)
    seen: set[str] = set()
    for alert in found:
        context = build_context(opened.board, opened.rulebook.rules, alert)
        text, chinese = (render_alert(alert, context, opened.rulebook.events, one).plain for one in languages())
        reader = Sceptic(books, events, books[alert.subject.basket], alert.session)
        try:
            seen |= set(reader.read(text))
            same_figures(text, chinese, names)
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


@pytest.mark.skipif(not real.SHARED.is_dir(), reason="there are no more prices than the demo's")
def test_every_sentence_of_baskets_with_members_from_seoul_is_true() -> None:
    opened = real.shared().of("memory", "korea_chips").opened()
    found = real.posted(opened, date(2003, 1, 1))
    assert doubt(opened, found[::12]) >= {"headline", "facts", "rank", "breadth", "parts", "entered", "entered_holes"}


@pytest.mark.skipif(not real.SHARED.is_dir(), reason="there are no more prices than the demo's")
@pytest.mark.parametrize(
    ("start", "stop"), [(date(2020, 2, 24), date(2020, 3, 20)), (date(2025, 1, 27), date(2025, 4, 9))]
)
def test_every_sentence_of_two_crashes_is_true(start: date, stop: date) -> None:
    """Days' lows are known here, so that what fell during trading and what fell by the close can be told apart."""
    opened = real.shared().of(*IN_NEW_YORK).opened()
    found = real.posted(opened, start, stop)
    assert doubt(opened, found) >= {"headline", "facts", "rank", "breadth", "parts", "entered", "foot"}
    texts = [
        render_alert(one, build_context(opened.board, opened.rulebook.rules, one), (), "en").plain for one in found
    ]
    assert sum("at the close (" in text and "during trading (" in text for text in texts) >= 2


def test_no_message_is_longer_than_a_caption_may_be() -> None:
    opened, found = posted()
    for alert in found[::9]:
        context = build_context(opened.board, opened.rulebook.rules, alert)
        for language in languages():
            assert len(render_alert(alert, context, opened.rulebook.events, language).plain) < 900
