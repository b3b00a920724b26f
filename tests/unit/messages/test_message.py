"""Whatever a name holds, the markup is ours alone and nothing is lost or hidden in it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from html.parser import HTMLParser
from unittest.mock import patch

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.alerts.episodes import Alert
from bot.alerts.rules import NamedEvent
from bot.context.build import build_context
from bot.context.headlines import Headline
from bot.context.model import AlertContext
from bot.messages.alert_text import MAX_ALERT_LENGTH, render_alert
from bot.messages.change_text import with_headlines
from bot.messages.message import Message, visible_text
from bot.prices.bars import Symbol
from tests.golden.scenes import SCENES

# Markup, quotes, an entity, a broken one, emoji, right to left, a turn of direction, NUL, line breaks, half a sign.
NASTY = [
    "<b>", "</b>", "<a href='x'>", "<", "&", "&lt;", "&#", '"', "'", "🔴", "👩‍👩‍👧", "שלום", "\u202e", "\x00", "\n",
    "\r", "\u2028", "\u200b", "\ud800", "]]>", "<!--", "{name}", "%s",
]  # fmt: skip
texts = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=6)), max_size=6).map("".join)


class Reader(HTMLParser):
    """What a reader of HTML sees: tags, and text between them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(f"<{tag} {attrs}>" if attrs else f"<{tag}>")

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.tags.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.tags.append("declaration")


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


@given(st.lists(texts, min_size=1, max_size=4))
@example(["<b>a</b>", "&amp;"])
def test_the_only_markup_is_a_bold_first_line(lines: list[str]) -> None:
    message = Message("en", tuple(lines))
    seen = read(message.html)
    assert seen.tags == ["<b>", "</b>"]
    assert seen.text == message.plain
    assert message.html.startswith("<b>")
    assert message.html.count("\n") == len(lines) - 1


@cache
def whole() -> tuple[Alert, AlertContext]:
    """The alert with the most lines, and what stands around it."""
    made = SCENES["fall_with_every_line"]()
    board, found = made.world.alerts(made.rulebook)
    alert = [one for one in found if one.session == made.world.days[-1] and not one.subject.against][-1]
    return alert, build_context(board, made.rulebook.rules, alert)


def named(name: str, symbol: str) -> tuple[Alert, AlertContext, tuple[NamedEvent, ...]]:
    """The same with names from outside in every place that has one."""
    alert, context = whole()
    ((side, move),) = context.sides
    assert context.contrast is not None
    assert context.reference is not None
    side = replace(side, names=(("en", name), ("zh", name)))
    changed = replace(
        context,
        sides=((side, move),),
        members=tuple(replace(one, symbol=Symbol(symbol)) for one in context.members),
        entries=tuple(replace(one, symbol=Symbol(symbol)) for one in context.entries),
        contrast=replace(context.contrast, counterpart=side),
    )
    since = context.reference.session
    return alert, changed, (NamedEvent("event", (("en", name), ("zh", name)), since, since),)


@given(texts, texts, st.sampled_from(["en", "zh"]))
@settings(max_examples=100)
def test_names_from_outside_change_words_and_nothing_else(name: str, symbol: str, language: str) -> None:
    with patch("bot.messages.alert_text.MAX_ALERT_LENGTH", 10**6):  # no line has to go
        message = render_alert(*named(name, symbol), language)
        usual = render_alert(*named("Name", "SYMBOL"), language)
    seen = read(message.html)
    assert seen.tags == ["<b>", "</b>"]
    assert seen.text == message.plain
    assert len(message.lines) == len(usual.lines) == len(message.plain.split("\n"))
    hidden = {sign for sign in message.plain if unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} - {"\n"}
    assert hidden == set()
    assert message.html.encode("utf-8")


addresses = st.one_of(
    st.sampled_from(["https://wire.example.com/a?b=c&d=%22#e", "http://wire.example.com/", "javascript:alert(1)", ""]),
    st.lists(st.sampled_from(["https://", "wire.example.com", "/", "?", "&", "&amp;", *NASTY]), max_size=5).map(
        "".join
    ),
    st.text(max_size=9).map("https://wire.example.com/".__add__),
)
headlines = st.builds(
    Headline,
    texts | st.just("x" * 10_000),
    texts,
    addresses,
    st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=9))])),
)


@given(st.lists(headlines, min_size=1, max_size=2), st.sampled_from(["en", "zh"]))
def test_headlines_are_words_and_links_of_https_and_nothing_else(found: list[Headline], language: str) -> None:
    base = render_alert(*named("Name", "SYMBOL"), language)
    with patch("bot.messages.alert_text.MAX_ALERT_LENGTH", 10**6):
        message = with_headlines(base, found)
    seen = read(message.html)
    links = seen.tags[2:]
    assert seen.tags[:2] == ["<b>", "</b>"]
    assert len(links) % 2 == 0
    assert set(links[1::2]) <= {"</a>"}
    assert all(re.fullmatch(r"<a \[\('href', 'https://[^\s\"<>`]+'\)\]>", one) for one in links[::2])
    assert seen.text == message.plain
    assert len(message.plain.split("\n")) == len(base.lines) + len(found)
    assert {sign for sign in message.plain if unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} <= {"\n"}
    assert message.html.encode("utf-8")
    without = tuple(
        one for at, one in enumerate(message.lines) if not len(base.lines) - 2 < at < len(message.lines) - 1
    )
    assert without == base.lines


@given(st.lists(headlines, min_size=1, max_size=3), st.integers(0, 120).map(MAX_ALERT_LENGTH.__add__))
def test_of_headlines_those_are_quoted_whole_that_there_is_room_for(found: list[Headline], room: int) -> None:
    base = render_alert(*named("Name", "SYMBOL"), "en")
    with patch("bot.messages.alert_text.MAX_ALERT_LENGTH", room):
        message = with_headlines(base, found)
    with patch("bot.messages.alert_text.MAX_ALERT_LENGTH", 10**6):
        alone = [with_headlines(base, [one]).lines[-2] for one in found]
    added = message.lines[len(base.lines) - 1 : -1]
    assert (*message.lines[: len(base.lines) - 1], message.lines[-1]) == base.lines
    assert len(message.plain.encode("utf-16-le")) // 2 <= room or not added
    places = [next(at for at, line in enumerate(alone) if line.endswith(one)) for one in added]
    assert places == sorted(places)
    if not added:
        shortest = min(len(visible_text(line).encode("utf-16-le")) // 2 for line in alone)
        assert len(base.plain.encode("utf-16-le")) // 2 + 1 + shortest > room


def test_a_link_costs_no_room_and_is_spelled_where_nothing_can_be_tapped() -> None:
    base = Message("en", ("It fell", "x" * (MAX_ALERT_LENGTH - 90), "event #K7F3P"))
    at = datetime(2026, 7, 2, 14, 5, tzinfo=UTC)
    address = "https://wire.example.com/" + "a" * 400 + "?b&c"
    message = with_headlines(base, [Headline("R&D  falls", "The <Wire>", address, at)])
    line = "Headlines: “R&D falls” (The <Wire>, 2 Jul 14:05 UTC)"
    assert message.plain.split("\n")[-2] == line
    assert f'<a href="{address.replace("&", "&amp;")}">“R&amp;D falls”</a> (The &lt;Wire&gt;, 2' in message.html
    assert visible_text(message.lines[-2], " <{}>") == line.replace("falls”", f"falls” <{address}>")
    too_long = with_headlines(base, [Headline("R&D falls", "The <Wire>", address + "d" * 400, at)])
    assert too_long.plain == message.plain
    assert "<a" not in too_long.html
    assert with_headlines(base, []) == base


def test_what_can_be_read_is_left_as_it_is() -> None:
    message = render_alert(*named("R&D <“Größe”> 🔴 שלום 板块", "A.B-C=^"), "en")
    assert "R&D <“Größe”> 🔴 שלום 板块 −21.6 % in two sessions" in message.lines[0]
    assert "A.B-C=^ −25.6 %" in message.plain
    assert "R&amp;D &lt;“Größe”&gt; 🔴 שלום 板块" in message.html
