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
    """An alert that did not hold at the close, with the verdict of each of its subjects (None = no reading)."""
    catalogue = load_catalogue(language)
    day = catalogue.day(session)
    lines = [catalogue.say("withdrawn", icon=ICON, name=name)]
    for label, verdict in moves:
        if verdict is None:
            lines.append(catalogue.say("withdrawn_missing", name=label, date=day))
        else:
            move, window = catalogue.percent(verdict.move), window_text(verdict.window, catalogue)
            lines.append(catalogue.say("withdrawn_move", name=label, move=move, window=window, date=day))
    lines.append(catalogue.say("withdrawn_foot", id=event))
    return Message(language, tuple(lines))


def with_notes(message: Message, notes: Iterable[tuple[date, str]]) -> Message:
    """The message with the operator's dated notes before its footer, in place of other lines if there is no room."""
    catalogue = load_catalogue(message.language)
    lines = [catalogue.say("note", date=catalogue.day(day), text=text) for day, text in notes]
    *first, last = message.lines
    return trim_to_budget(Message(message.language, (*first, *lines, last)), len(lines) + 1)


def with_headlines(message: Message, headlines: Iterable[Headline]) -> Message:
    """The message with the first headlines that there is room for before its footer, at most MAX_QUOTED."""
    catalogue = load_catalogue(message.language)
    *lines, last = message.lines
    for headline in headlines:
        title = sanitize(f"“{' '.join(headline.title.split())}”")
        publisher = " ".join(headline.publisher.split())
        quote = catalogue.say("quote", title=title, publisher=publisher, moment=catalogue.moment(headline.at))
        quoted = len(lines) - len(message.lines) + 1
        line = quote if quoted else catalogue.say("headlines", quote=quote)
        if quoted < MAX_QUOTED and fits_budget([*lines, line, last]):
            lines.append(line.replace(title, make_link(title, headline.link), 1))
    return Message(message.language, (*lines, last))


def correction_text(now: Message, before: Message) -> Message:
    """An alert as evaluated on revised closes, with its former first line below the new one."""
    return _below_first(now, "corrected", before=before.lines[0])


def revised_data_text(message: Message) -> Message:
    """An alert that holds on revised closes alone."""
    return _below_first(message, "belated")


def _below_first(message: Message, phrase: str, **values: str) -> Message:
    first, *rest = message.lines
    line = load_catalogue(message.language).say(phrase, **values)
    return trim_to_budget(Message(message.language, (first, line, *rest)))


def retraction_text(before: Message) -> Message:
    """An alert that does not hold on revised closes."""
    say = load_catalogue(before.language).say
    return Message(before.language, (say("revoked", icon=ICON), say("corrected", before=before.lines[0])))


def discontinued_text(name: str, event: str, language: str) -> Message:
    """A provisional alert of a session whose close will not be evaluated."""
    say = load_catalogue(language).say
    return Message(language, (say("abandoned", icon=ICON, name=name), say("withdrawn_foot", id=event)))


def severity_change_text(message: Message, before: Severity, now: Severity | None) -> Message:
    """The reply to an alert whose severity changed from `before` to `now` (None = withdrawn)."""
    if now is None:
        return Message(message.language, message.lines[:1])
    catalogue = load_catalogue(message.language)
    severities = {"before": catalogue.word("severity", before.word), "now": catalogue.word("severity", now.word)}
    return Message(message.language, (catalogue.say("changed_class", **severities), message.lines[0]))
