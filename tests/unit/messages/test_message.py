"""Whatever a name holds, the markup is ours alone and nothing is lost or hidden in it."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from unittest.mock import patch

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.alerts import Alert, NamedEvent
from bot.context import Context, explain
from bot.messages import Message, render
from bot.prices import Symbol
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
def whole() -> tuple[Alert, Context]:
    """The alert with the most lines, and what stands around it."""
    made = SCENES["fall_with_every_line"]()
    board, found = made.world.alerts(made.rulebook)
    alert = [one for one in found if one.session == made.world.days[-1] and not one.subject.against][-1]
    return alert, explain(board, made.rulebook.rules, alert)


def named(name: str, symbol: str) -> tuple[Alert, Context, tuple[NamedEvent, ...]]:
    """The same with names from outside in every place that has one."""
    alert, context = whole()
    ((side, move),) = context.sides
    assert context.contrast is not None
    assert context.yardstick is not None
    side = replace(side, names=(("en", name), ("zh", name)))
    changed = replace(
        context,
        sides=((side, move),),
        members=tuple(replace(one, symbol=Symbol(symbol)) for one in context.members),
        entries=tuple(replace(one, symbol=Symbol(symbol)) for one in context.entries),
        contrast=replace(context.contrast, other=side),
    )
    since = context.yardstick.session
    return alert, changed, (NamedEvent("event", (("en", name), ("zh", name)), since, since),)


@given(texts, texts, st.sampled_from(["en", "zh"]))
@settings(max_examples=100)
def test_names_from_outside_change_words_and_nothing_else(name: str, symbol: str, language: str) -> None:
    with patch("bot.messages.render.LONGEST", 10**6):  # no line has to go
        message = render(*named(name, symbol), language)
        usual = render(*named("Name", "SYMBOL"), language)
    seen = read(message.html)
    assert seen.tags == ["<b>", "</b>"]
    assert seen.text == message.plain
    assert len(message.lines) == len(usual.lines) == len(message.plain.split("\n"))
    hidden = {sign for sign in message.plain if unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} - {"\n"}
    assert hidden == set()
    assert message.html.encode("utf-8")


def test_what_can_be_read_is_left_as_it_is() -> None:
    message = render(*named("R&D <“Größe”> 🔴 שלום 板块", "A.B-C=^"), "en")
    assert "R&D <“Größe”> 🔴 שלום 板块 −21.6 % in two sessions" in message.lines[0]
    assert "A.B-C=^ −25.6 %" in message.plain
    assert "R&amp;D &lt;“Größe”&gt; 🔴 שלום 板块" in message.html
