"""Handlers of the operators: status, reload, silences, notes, the outbox, and how often rules fire."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, time, timedelta

from bot.baskets import Basket
from bot.chat.requests import ALL_BASKETS, HandlerContext, InvalidRequest, Reply, button_rows, id_of
from bot.chat.subscription_handlers import parse_duration
from bot.delivery.model import DeliveryState, Note, Silence
from bot.errors import ConfigError, NoData
from bot.messages.message import Button
from bot.tuning.config_text import level_as_toml
from bot.tuning.tune import review_basket

MAX_LINES = 10


async def health(ctx: HandlerContext) -> Reply:
    """The state of source, baskets and queue."""
    report = await ctx.bot.status()
    counts = await ctx.store.counts(ctx.subscriber.transport)
    ago = ctx.say("chat_never")
    if report.checked_at is not None:
        seconds = (ctx.clock.now() - report.checked_at).total_seconds()
        ago = ctx.say("chat_minutes_ago", count=max(0, int(seconds // 60)))
    lines = [ctx.say("chat_health"), ctx.say("chat_health_looked", ago=ago)]
    if report.last_error:
        lines.append(ctx.say("chat_health_trouble", trouble=report.last_error))
    lines.append(ctx.say("chat_health_baskets", count=len(ctx.baskets)))
    lines.append(
        ctx.say("chat_health_queue", waiting=report.database.waiting or 0, sent=counts.get(DeliveryState.SENT, 0))
    )
    states = (DeliveryState.UNCERTAIN, DeliveryState.FAILED, DeliveryState.EXPIRED)
    lines.append(" · ".join(f"{state.value} {counts.get(state, 0)}" for state in states))
    loops = {**report.counts.get("engine", {}), **report.counts.get("dispatcher", {})}
    lines.append(" · ".join(f"{name} {count}" for name, count in loops.items()))
    lines += [_silence_line(ctx, active) for active in await ctx.store.silences(ctx.clock.now())]
    return ctx.reply(*lines, buttons=button_rows([Button(ctx.say("chat_outbox"), "outbox")]))


async def reload(ctx: HandlerContext) -> Reply:
    """Read the configuration again; after any mistake the previous configuration stays."""
    try:
        changes = await ctx.bot.reload()
    except ConfigError as error:
        problems = [str(problem) for problem in error.problems[:MAX_LINES]]
        return ctx.reply(ctx.say("chat_reload_refused", count=len(error.problems)), *problems)
    return ctx.reply(ctx.say("chat_reloaded", count=len(changes)), *changes[:MAX_LINES])


async def silence(ctx: HandlerContext) -> Reply:
    """`/silence memory 3d the source is wrong`, `/silence all off`: no chat gets alerts of a basket until then."""
    if not ctx.words:
        lines = [_silence_line(ctx, active) for active in await ctx.store.silences(ctx.clock.now())]
        title = ctx.say("chat_silences" if lines else "chat_no_silence")
        return ctx.reply(title, *lines, ctx.say("chat_silence_how"))
    basket, rest = _ordered_basket(ctx)
    if rest[:1] == ("off",):
        await ctx.store.lift(id_of(basket))
        return ctx.reply(ctx.say("chat_silence_over", about=ctx.basket_or_all(basket)))
    until, reason = _end_and_text(ctx, rest, "chat_silence_how")
    await ctx.store.silence(id_of(basket), until, reason)
    return ctx.reply(_silence_line(ctx, Silence(id_of(basket), until, reason)))


async def note(ctx: HandlerContext) -> Reply:
    """`/note memory 2d Fire at the Kioxia plant`: a dated line beside the basket's alerts until then, or a date."""
    if not ctx.words:
        lines = [_note_line(ctx, active) for active in await ctx.store.notes(ctx.clock.now())]
        return ctx.reply(ctx.say("chat_notes" if lines else "chat_no_note"), *lines, ctx.say("chat_note_how"))
    basket, rest = _ordered_basket(ctx)
    until, text = _end_and_text(ctx, rest, "chat_note_how")
    await ctx.store.add_note(Note(id_of(basket), text, ctx.clock.now(), until))
    return ctx.reply(ctx.say("chat_noted", about=ctx.basket_or_all(basket), until=_utc(until)), text)


async def outbox(ctx: HandlerContext) -> Reply:
    """Reply with the undelivered and unconfirmed deliveries, newest first."""
    deliveries = list(await ctx.store.undelivered())
    lines = [
        f"{delivery.created:%Y-%m-%d %H:%M} #{delivery.event_id} {delivery.chat}: "
        f"{delivery.state.value} {delivery.reason}".strip()
        for delivery in reversed(deliveries[-MAX_LINES:])
    ]
    return ctx.reply(ctx.say("chat_outbox_count", count=len(deliveries)), *lines)


async def tune(ctx: HandlerContext) -> Reply:
    """How often a year the current levels of a basket's rules fire over all history, and their latest alerts."""
    view = await ctx.bot.view()
    phrases, book = ctx.catalogue, view.rulebook
    basket = ctx.basket_or_only(" ".join(ctx.words))
    if basket.id not in view.board.series:
        raise NoData(f"{basket.id} has no prices yet; the next look fetches them")
    result = await asyncio.to_thread(review_basket, view.board, book.rules, book.close_after_sessions, basket.id)
    lines = [ctx.say("chat_tune", name=basket.name(ctx.language))]
    for rule, rates in result.rates:
        per_level = [
            f"{phrases.word('severity', rate.rung.severity.word)} {phrases.decimal(rate.reached.per_year)}"
            for rate in rates
        ]
        lines.append(ctx.say("chat_tune_rates", rule=rule, rates=phrases.join(per_level)))
    lines.append(ctx.say("chat_tune_latest"))
    lines += [
        ctx.say(
            "chat_tune_said",
            date=phrases.day(alert.session),
            level=phrases.word("severity", alert.severity.word),
            about=f"{phrases.join(list(alert.members))} " if alert.members else "",
            size=phrases.percent(alert.size),
            rule=alert.rule,
            asked=level_as_toml(alert.rung),
            reason=phrases.word("reason", alert.reason.value),
        )
        for alert in result.latest
    ]
    return ctx.reply(*lines)


def _ordered_basket(ctx: HandlerContext) -> tuple[Basket | None, tuple[str, ...]]:
    """The basket of an operator's command (None = all), and the remaining words."""
    first, *rest = ctx.words
    return None if first.lower() == ALL_BASKETS else ctx.basket(first), tuple(rest)


def _end_and_text(ctx: HandlerContext, rest: tuple[str, ...], usage: str) -> tuple[datetime, str]:
    """The end and the text of an operator's command; raises InvalidRequest if either is missing."""
    now, word = ctx.clock.now(), rest[0] if rest else ""
    duration = parse_duration(word)
    until = now + duration if duration is not None else _end_of_day(word)
    if until is None or until <= now or len(rest) < 2:
        raise InvalidRequest(ctx.say(usage))
    return until, " ".join(rest[1:])


def _end_of_day(word: str) -> datetime | None:
    """The end in UTC of the day that is written 2026-07-05; None = the word is no day."""
    try:
        return datetime.combine(date.fromisoformat(word), time(), UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        return None


def _note_line(ctx: HandlerContext, note: Note) -> str:
    text = ctx.say("note", date=ctx.catalogue.day(note.written.date()), text=note.text)
    return ctx.say("chat_note_line", note=text, until=_utc(note.until))


def _silence_line(ctx: HandlerContext, silence: Silence) -> str:
    about = silence.basket or ctx.say("chat_everything")
    return ctx.say("chat_silenced", about=about, until=_utc(silence.until), reason=silence.reason)


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
