from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.delivery.formatting import LONGEST_CAPTION, fit_to_limit, message_to_send
from bot.languages import languages
from bot.messages.alert_text import MAX_ALERT_LENGTH as LONGEST_RENDERED
from bot.messages.message import Message
from tests.specimens import CHANNEL, delivery
from tests.virtual import NOON


def units(text):
    return len(text.encode("utf-16-le")) // 2


def test_in_time_and_for_the_first_time_it_leaves_as_it_was_written():
    one = delivery()
    assert message_to_send(one, NOON + timedelta(minutes=10)) == one.message


def test_a_late_message_says_when_it_was_ready_below_its_first_line():
    lines = message_to_send(delivery(), NOON + timedelta(minutes=10, seconds=1)).lines
    assert lines == ("fall", "Late: this was due at 2026-07-02 12:00 UTC", "as of noon")


def test_a_repeat_says_so_in_the_language_of_the_chat():
    english = replace(delivery(), unconfirmed=1)
    chinese = replace(delivery(destination=replace(CHANNEL, language="zh")), unconfirmed=1)
    assert "repeat" in message_to_send(english, NOON).lines[1]
    assert "重复" in message_to_send(chinese, NOON).lines[1]


def test_a_long_message_loses_its_last_lines_and_keeps_its_marks():
    long = replace(delivery(), unconfirmed=1, message=Message("en", ("first", *["x" * 400] * 12)))
    lines = message_to_send(long, NOON).lines
    assert lines[0] == "first"
    assert "repeat" in lines[1]
    assert lines[2:] == ("x" * 400,) * 10


def test_a_caption_keeps_to_its_limit_and_has_room_for_all_that_is_rendered_with_both_marks():
    lines = ("x" * 100, *["y" * 99] * 8)
    one = replace(delivery(), unconfirmed=0, picture="a", message=Message("en", (*lines, "z" * 300)))
    assert message_to_send(one, NOON).lines == lines
    rendered = Message("en", ("x" * LONGEST_RENDERED,))
    for language in languages():
        marked = replace(delivery(), unconfirmed=1, message=replace(rendered, language=language))
        assert units(message_to_send(marked, NOON + timedelta(hours=1)).plain) <= LONGEST_CAPTION


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]), max_size=30), min_size=1),
    st.integers(1, 200),
)
def test_fit_keeps_as_many_whole_lines_as_there_is_room_for(lines, limit):
    message = Message("en", tuple(lines))
    kept = fit_to_limit(message, limit)
    assert kept.lines == message.lines[: len(kept.lines)]
    assert len(kept.lines) >= 1
    if len(kept.lines) > 1:
        assert units(kept.plain) <= limit
    if len(kept.lines) < len(lines):
        assert units("\n".join(lines[: len(kept.lines) + 1])) > limit


def test_a_first_line_of_any_length_is_one_that_is_taken():
    first, rest = fit_to_limit(Message("en", ("🔴" * 3000, "rest")), 4096).lines
    assert first == "🔴" * 199 + "…"
    assert rest == "rest"
