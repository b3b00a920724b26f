"""What may the operator ask and order from a chat?"""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, time, timedelta

from bot.baskets import Basket
from bot.conversation.asks import Ask, Reply
from bot.conversation.choices import span
from bot.conversation.desk import EVERYTHING, Desk, Mistaken, about_words, id_of, rows, say, tongue
from bot.delivery.model import DeliveryState, Note, Silence
from bot.delivery.subscribers import Subscriber
from bot.errors import ConfigError, NoData
from bot.messages.catalogue import Catalogue
from bot.messages.message import Button
from bot.tuning.config_text import level_as_toml
from bot.tuning.tune import review_basket

MOST_LISTED = 10
MOST_PROBLEMS = 10


async def health(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    """The state of source, baskets and queue."""
    words = tongue(known)
    now = desk.clock.now()
    condition = desk.worker.condition()
    counts = await desk.register.counts(desk.transport)
    looked = _ago(now - condition.looked, words) if condition.looked else words.say("chat_never")
    lines = [words.say("chat_health"), words.say("chat_health_looked", ago=looked)]
    if condition.trouble:
        lines.append(words.say("chat_health_trouble", trouble=condition.trouble))
    lines.append(words.say("chat_health_baskets", count=len(desk.baskets)))
    waiting = counts.get(DeliveryState.PENDING, 0) + counts.get(DeliveryState.SENDING, 0)
    lines.append(words.say("chat_health_queue", waiting=waiting, sent=counts.get(DeliveryState.SENT, 0)))
    short = {
        one.value: counts.get(one, 0) for one in (DeliveryState.UNCERTAIN, DeliveryState.FAILED, DeliveryState.EXPIRED)
    }
    lines.append(" · ".join(f"{name} {number}" for name, number in short.items()))
    lines.append(" · ".join(f"{name} {number}" for name, number in condition.counts.items()))
    lines += [_silence(one, words) for one in await desk.register.silences(now)]
    return say(words, *lines, buttons=rows([Button(words.say("chat_outbox"), "outbox")]))


async def reload(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    """Read the configuration again; on any mistake the old one stays."""
    words = tongue(known)
    try:
        changes = await desk.worker.reload()
    except ConfigError as error:
        shown = [str(one) for one in error.problems[:MOST_PROBLEMS]]
        return say(words, words.say("chat_reload_refused", count=len(error.problems)), *shown)
    return say(words, words.say("chat_reloaded", count=len(changes)), *changes[:MOST_LISTED])


async def silence(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    """`/silence memory 3d the source is wrong`, `/silence all off`: nobody hears of a basket until then."""
    words = tongue(known)
    if not ask.words:
        lines = [_silence(one, words) for one in await desk.register.silences(desk.clock.now())]
        return say(
            words, words.say("chat_silences" if lines else "chat_no_silence"), *lines, words.say("chat_silence_how")
        )
    basket, rest = _order(desk, ask, words)
    if rest[:1] == ("off",):
        await desk.register.lift(id_of(basket))
        return say(words, words.say("chat_silence_over", about=about_words(basket, words)))
    until, reason = _until(desk, rest, words, "chat_silence_how")
    await desk.register.silence(id_of(basket), until, reason)
    return say(words, _silence(Silence(id_of(basket), until, reason), words))


async def note(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    """`/note memory 2d Fire at the Kioxia plant`: a dated line beside the basket's alerts until then, or a date."""
    words = tongue(known)
    if not ask.words:
        kept = await desk.register.notes(desk.clock.now())
        lines = [_note(one, words) for one in kept]
        return say(words, words.say("chat_notes" if lines else "chat_no_note"), *lines, words.say("chat_note_how"))
    basket, rest = _order(desk, ask, words)
    until, text = _until(desk, rest, words, "chat_note_how")
    kept_note = Note(id_of(basket), text, desk.clock.now(), until)
    await desk.register.add_note(kept_note)
    return say(words, words.say("chat_noted", about=about_words(basket, words), until=_utc(until)), text)


async def outbox(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    """What some chat has not certainly got, newest first."""
    words = tongue(known)
    short = list(await desk.register.undelivered())
    lines = [
        f"{one.created:%Y-%m-%d %H:%M} #{one.event_id} {one.chat}: {one.state.value} {one.reason}".strip()
        for one in reversed(short[-MOST_LISTED:])
    ]
    return say(words, words.say("chat_outbox_count", count=len(short)), *lines)


async def tune(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    """How often a year the rungs in force speak of a basket, and what they said last, over all history."""
    words = tongue(known)
    view = await desk.worker.view()
    basket = desk.asked_basket(" ".join(ask.words), words, ask.command)
    if basket.id not in view.board.series:
        raise NoData(f"{basket.id} has no prices yet; the next look fetches them")
    book = view.rulebook
    found = await asyncio.to_thread(review_basket, view.board, book.rules, book.close_after_sessions, basket.id)
    lines = [words.say("chat_tune", name=basket.name(words.language))]
    for rule, rates in found.rates:
        said = [
            f"{words.word('severity', one.rung.severity.word)} {words.decimal(one.reached.per_year)}" for one in rates
        ]
        lines.append(words.say("chat_tune_rates", rule=rule, rates=words.join(said)))
    lines.append(words.say("chat_tune_latest"))
    lines += [
        words.say(
            "chat_tune_said",
            date=words.day(one.session),
            level=words.word("severity", one.severity.word),
            about=f"{words.join(list(one.members))} " if one.members else "",
            size=words.percent(one.size),
            rule=one.rule,
            asked=level_as_toml(one.rung),
            reason=words.word("reason", one.reason.value),
        )
        for one in found.latest
    ]
    return say(words, *lines)


def _order(desk: Desk, ask: Ask, words: Catalogue) -> tuple[Basket | None, tuple[str, ...]]:
    """The basket that an order is about (None = all), and the other words."""
    first, *rest = ask.words
    basket = None if first.lower() == EVERYTHING else desk.basket(first, words, ask.command)
    return basket, tuple(rest)


def _until(desk: Desk, rest: tuple[str, ...], words: Catalogue, how: str) -> tuple[datetime, str]:
    """When an order ends, and its text; raises Mistaken if either is missing."""
    now, first = desk.clock.now(), rest[0] if rest else ""
    length = span(first)
    until = now + length if length is not None else _end_of(first)
    if until is None or until <= now or len(rest) < 2:
        raise Mistaken(words.say(how))
    return until, " ".join(rest[1:])


def _end_of(word: str) -> datetime | None:
    """The end of the day in UTC that is written 2026-07-05."""
    try:
        return datetime.combine(date.fromisoformat(word), time(), UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        return None


def _note(one: Note, words: Catalogue) -> str:
    note = words.say("note", date=words.day(one.written.date()), text=one.text)
    return words.say("chat_note_line", note=note, until=_utc(one.until))


def _silence(one: Silence, words: Catalogue) -> str:
    about = one.basket or words.say("chat_everything")
    return words.say("chat_silenced", about=about, until=_utc(one.until), reason=one.reason)


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _ago(span: timedelta, words: Catalogue) -> str:
    return words.say("chat_minutes_ago", count=max(0, int(span.total_seconds() // 60)))
