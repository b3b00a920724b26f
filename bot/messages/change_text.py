"""Confirmations, withdrawals, corrections, notes, headlines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from bot.alerts.rules import Severity
from bot.context.headlines import Headline
from bot.messages.alert_text import fits_budget, trim_to_budget
from bot.messages.catalogue import load_catalogue
from bot.messages.message import Message, make_link, sanitize
from bot.messages.wording import window_text
from bot.statistics.verdict import Verdict

ICON = "⚪"
MAX_QUOTED = 2


def withdrawal_text(
    name: str, moves: Sequence[tuple[str, Verdict | None]], session: date, event: str, language: str
) -> Message:
    """An alert that did not hold at the close: each thing it was about with its verdict (None = no reading)."""
    words = load_catalogue(language)
    lines = [words.say("withdrawn", icon=ICON, name=name)]
    for label, verdict in moves:
        if verdict is None:
            lines.append(words.say("withdrawn_missing", name=label, date=words.day(session)))
        else:
            move, window = words.percent(verdict.move), window_text(verdict.window, words)
            lines.append(words.say("withdrawn_move", name=label, move=move, window=window, date=words.day(session)))
    lines.append(words.say("withdrawn_foot", id=event))
    return Message(language, tuple(lines))


def with_notes(message: Message, notes: Iterable[tuple[date, str]]) -> Message:
    """The message with the operator's dated notes before its last line; for their sake, others go."""
    words = load_catalogue(message.language)
    lines = [words.say("note", date=words.day(day), text=text) for day, text in notes]
    *first, last = message.lines
    return trim_to_budget(Message(message.language, (*first, *lines, last)), len(lines) + 1)


def with_headlines(message: Message, headlines: Iterable[Headline]) -> Message:
    """The message with the first headlines that there is room for, before its last line; nothing goes for them."""
    words = load_catalogue(message.language)
    *first, last = message.lines
    for headline in headlines:
        title = sanitize(f"“{' '.join(headline.title.split())}”")
        publisher = " ".join(headline.publisher.split())
        quote = words.say("quote", title=title, publisher=publisher, moment=words.moment(headline.at))
        more = len(first) - len(message.lines) + 1
        line = quote if more else words.say("headlines", quote=quote)
        if more < MAX_QUOTED and fits_budget([*first, line, last]):
            first.append(line.replace(title, make_link(title, headline.link), 1))
    return Message(message.language, (*first, last))


def correction_text(now: Message, before: Message) -> Message:
    """An alert as it reads on revised closes, with what it said before below its first line."""
    return _below_first(now, load_catalogue(now.language).say("corrected", before=before.lines[0]))


def revised_data_text(message: Message) -> Message:
    """An alert that holds on revised closes alone."""
    return _below_first(message, load_catalogue(message.language).say("belated"))


def _below_first(message: Message, line: str) -> Message:
    first, *rest = message.lines
    return trim_to_budget(Message(message.language, (first, line, *rest)))


def retraction_text(_now: Message, before: Message) -> Message:
    """An alert that does not hold on revised closes."""
    words = load_catalogue(before.language)
    return Message(before.language, (words.say("revoked", icon=ICON), words.say("corrected", before=before.lines[0])))


def discontinued_text(name: str, event: str, language: str) -> Message:
    """An alert of a session under way whose close nobody will judge."""
    words = load_catalogue(language)
    return Message(language, (words.say("abandoned", icon=ICON, name=name), words.say("withdrawn_foot", id=event)))


def severity_change_text(message: Message, before: Severity, now: Severity | None) -> Message:
    """A few words under an alert whose class changed: from `before` to `now` (None = withdrawn)."""
    words = load_catalogue(message.language)
    if now is None:
        return Message(message.language, message.lines[:1])
    classes = {"before": words.word("severity", before.word), "now": words.word("severity", now.word)}
    return Message(message.language, (words.say("changed_class", **classes), message.lines[0]))
