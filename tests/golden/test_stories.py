"""What would have been posted on days that people remember, from the demo's prices: read by eye, and by the sceptic."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.alerts.episodes import Alert, Phase
from bot.cli.market import MeasuredMarket
from bot.context.build import build_context
from bot.languages import languages
from bot.messages.alert_text import render_alert
from tests.history import real
from tests.history.forms import same_figures
from tests.history.sceptic import Sceptic
from tests.history.test_sentences import ledgers

FOLDER = Path(__file__).parent / "stories"
STORIES = {
    "russian_default_staples": ("staples", date(1998, 8, 31)),
    "lehman_banks": ("banks", date(2008, 9, 15)),
    "crash_week_energy": ("energy", date(2008, 10, 10)),
    "china_sell_off_sp500": ("sp500", date(2015, 8, 24)),
    "covid_energy": ("energy", date(2020, 3, 9)),
    "covid_banks": ("banks", date(2020, 3, 9)),
    "covid_sp500": ("sp500", date(2020, 3, 9)),
    "covid_staples": ("staples", date(2020, 3, 12)),
    "covid_technology": ("technology", date(2020, 3, 12)),
    "covid_gap": ("staples", date(2020, 3, 9)),
    "covid_energy_before_the_close": ("energy", date(2020, 3, 9)),
    "covid_sp500_before_the_close": ("sp500", date(2020, 3, 9)),
    "covid_aftershock_banks": ("banks", date(2020, 4, 1)),
    "inflation_technology_before_the_close": ("technology", date(2022, 6, 13)),
    "inflation_technology_state": ("technology", date(2022, 9, 22)),
    "rate_rise_member_of_technology": ("technology", date(2022, 11, 2)),
}
BEFORE_THE_CLOSE = time(13, 15, tzinfo=ZoneInfo("America/New_York"))
# The forms of sentence that a message can have: where they are to be found, and what they look like.
FORMS = {
    "worst in years": ": worst in ",
    "worst on record": ": worst on record",
    "worst since a date, not long ago": ": worst since 23 Mar 2020",
    "worst since a named event": ": worst since the ",
    "the daily moves": " % Fri, −",
    "provisional": ", on course for its worst ",
    "what another fall would make of it": "would make it the worst on record",
    "what another fall would make of it, in years": "would make it the worst in 13 years",
    "only the n-th time": "Only the ",
    "the first time": "The first ",
    "below its high, and the line": "a close at or below",
    "the line of a basket": "; another −",
    "entered a state, first since": "; first since ",
    "breadth": " members fell",
    "far by the close": "by over 10 % at the close",
    "a low that is not known": "not known",
    "the other side, and how rare": ", the most since ",
    "what followed": "sessions later median",
    "the list of cases": "Earlier falls at least 80 % as deep: ",
    "no case at all": "No earlier ",
    "contributions": " points from ",
    "how often": "about once in ",
    "against the usual swing": "× its usual swing",
}


@cache
def market() -> tuple[MeasuredMarket, dict[str, object]]:
    opened = real.demo().opened()
    return opened, ledgers(opened)


@cache
def alerts() -> list[Alert]:
    return real.posted(market()[0], None, date(2022, 11, 2))


def told(name: str) -> list[str]:
    """The story in every language."""
    opened, _ = market()
    basket, session = STORIES[name]
    gap, early = name.endswith("gap"), name.endswith("before_the_close")
    (alert,) = (
        one
        for one in alerts()
        if one.subject.basket == basket and one.session == session and bool(one.subject.against) is gap
    )
    moment = datetime.combine(session, BEFORE_THE_CLOSE)
    if early:
        alert = replace(alert, phase=Phase.PROVISIONAL)
    context = build_context(opened.board, opened.rulebook.rules, alert, moment if early else None)
    return [render_alert(alert, context, opened.rulebook.events, language).plain for language in languages()]


@pytest.mark.parametrize("name", STORIES)
def test_story(name: str, request: pytest.FixtureRequest) -> None:
    texts = told(name)
    whole = "\n\n".join(texts) + "\n"
    path = FOLDER / f"{name}.txt"
    if request.config.getoption("--update-golden"):
        path.write_text(whole, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == whole
    for text in texts:
        assert len(text.encode("utf-16-le")) // 2 <= 900


@pytest.mark.parametrize("name", STORIES)
def test_every_claim_of_it_is_true(name: str) -> None:
    opened, books = market()
    basket, session = STORIES[name]
    events = {event.name("en"): (event.first, event.last) for event in opened.rulebook.events}
    english, chinese = told(name)
    Sceptic(books, events, books[basket], session).read(english)
    same_figures(english, chinese, [one.name(language) for one in opened.rulebook.events for language in languages()])


def test_every_form_of_sentence_is_told() -> None:
    everything = "\n".join(told(name)[0] for name in STORIES)
    assert [form for form, phrase in FORMS.items() if phrase not in everything] == []


def test_every_file_is_of_a_story() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(STORIES)
