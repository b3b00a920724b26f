"""Handlers of a chat's choices: baskets, levels, mutes, quiet hours, language, stored data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import datetime, time, timedelta
from difflib import get_close_matches
from enum import Enum
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from bot.alerts.rules import Severity
from bot.baskets import Basket
from bot.chat.requests import (
    ALL_BASKETS,
    ButtonRows,
    HandlerContext,
    InvalidRequest,
    Reply,
    button_rows,
    id_of,
    text_reply,
)
from bot.delivery.subscribers import QuietHours, Subscriber
from bot.languages import languages
from bot.messages.catalogue import load_catalogue
from bot.messages.message import Button, Message

MAX_MUTE = timedelta(days=365)
DURATION = re.compile(r"([1-9]\d{0,3})\s*([mhdw])")
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
OFFERED_MUTES = ("4h", "1d", "3d", "1w")
QUIET_HOURS = re.compile(r"(\d{1,2}):(\d{2})\s*[-\u2013\u2014]\s*(\d{1,2}):(\d{2})")
OFF = ("off", "none", "no")
OFFERED_ZONES = ("UTC", "America/New_York", "Europe/London", "Europe/Berlin", "Asia/Shanghai", "Asia/Seoul")
SETTINGS_COMMANDS = ("subscribe", "unsubscribe", "level", "mute", "quiet", "timezone", "language")
CONFIRMATION = "yes"
MAX_EXPORTED = 1000
EXPORTED_FIELDS = ("event_id", "created", "state", "message_id", "reason")


async def start(ctx: HandlerContext) -> Reply:
    """Introduce the bot and offer the baskets; a returning chat gets the earlier choices back."""
    offers = _offers(ctx)
    lines = [ctx.say("chat_purpose")]
    if ctx.subscriber.subscriptions:
        await ctx.store.keep(ctx.subscriber)
        lines.append(_subscriptions(ctx, ctx.subscriber))
    lines.append(ctx.say("chat_purpose_how" if offers else "chat_has_all"))
    return ctx.reply(*lines, buttons=(*offers, (Button(ctx.say("chat_help"), "help"),)))


async def subscribe(ctx: HandlerContext) -> Reply:
    if not ctx.words:
        offers = _offers(ctx)
        return ctx.reply(ctx.say("chat_choose" if offers else "chat_has_all"), buttons=offers)
    chosen, everything = ctx.named_baskets(), ctx.means_all
    updated = ctx.subscriber.with_baskets(basket.id for basket in chosen)
    await ctx.store.keep(replace(updated, all_baskets=updated.all_baskets or everything))
    names = ctx.say("chat_everything") if everything else _names(ctx, chosen)
    return ctx.reply(
        ctx.say("chat_subscribed", names=names),
        ctx.say("chat_from_level", level=_level_word(ctx, updated.min_severity)),
        buttons=button_rows([Button(ctx.say("chat_settings"), "settings"), Button(ctx.say("chat_more"), "subscribe")]),
    )


async def unsubscribe(ctx: HandlerContext) -> Reply:
    updated = ctx.subscriber
    if not ctx.words:
        subscribed = [basket for basket in ctx.baskets if basket.id in updated.subscriptions]
        if not subscribed:
            return ctx.reply(ctx.say("chat_has_none"))
        buttons = (*ctx.basket_buttons(subscribed, "unsubscribe"), (Button(ctx.say("chat_stop"), "stop"),))
        return ctx.reply(ctx.say("chat_which_not"), buttons=buttons)
    if ctx.means_all:
        return await stop(ctx)
    left = ctx.named_baskets()
    for basket in left:
        updated = updated.without_basket(basket.id)
    await ctx.store.keep(updated)
    for basket in left:
        await ctx.store.cancel(updated.transport, updated.chat, "unsubscribed", basket.id)
    return ctx.reply(ctx.say("chat_unsubscribed", names=_names(ctx, left)), _subscriptions(ctx, updated))


async def stop(ctx: HandlerContext) -> Reply:
    """End all subscriptions, then cancel the pending deliveries."""
    updated = replace(ctx.subscriber, subscriptions={}, all_baskets=False)
    await ctx.store.keep(updated)
    await ctx.store.cancel(updated.transport, updated.chat, "the chat stopped")
    return ctx.reply(ctx.say("chat_stopped"), ctx.say("chat_stopped_how"))


async def level(ctx: HandlerContext) -> Reply:
    """Set the lowest severity of alerts, for all baskets or for a single basket."""
    severities = {name: severity for severity in Severity for name in (severity.word, _level_word(ctx, severity))}
    severity = severities.get(ctx.words[-1].lower()) if ctx.words else None
    basket = _optional_basket(ctx, ctx.words if severity is None else ctx.words[:-1])
    if severity is None:
        of_basket = f"{basket.id} " if basket else ""
        buttons = [Button(_level_word(ctx, choice), f"level {of_basket}{choice.word}") for choice in Severity]
        meanings = [
            ctx.say("chat_level_line", level=_level_word(ctx, choice), meaning=ctx.say(f"chat_means_{choice.word}"))
            for choice in Severity
        ]
        return ctx.reply(ctx.say("chat_which_level"), *meanings, buttons=button_rows(buttons))
    if basket is None:
        wishes = {
            basket_id: replace(wish, min_severity=severity) for basket_id, wish in ctx.subscriber.subscriptions.items()
        }
        await ctx.store.keep(replace(ctx.subscriber, min_severity=severity, subscriptions=wishes))
    else:
        await ctx.store.keep(_with_wish(ctx, basket, min_severity=severity))
    return ctx.reply(ctx.say("chat_level_set", level=_level_word(ctx, severity), about=ctx.basket_or_all(basket)))


async def mute(ctx: HandlerContext) -> Reply:
    """Mute alerts for a while, of all baskets or of a single basket."""
    duration = parse_duration(ctx.words[-1]) if ctx.words else None
    basket = _optional_basket(ctx, ctx.words if duration is None else ctx.words[:-1])
    if duration is None:
        of_basket = f"{basket.id} " if basket else ""
        buttons = [
            Button(ctx.say(f"chat_span_{offer[-1]}", count=int(offer[:-1])), f"mute {of_basket}{offer}")
            for offer in OFFERED_MUTES
        ]
        return ctx.reply(ctx.say("chat_how_long"), ctx.say("chat_how_long_how"), buttons=button_rows(buttons))
    until = ctx.clock.now() + min(duration, MAX_MUTE)
    if basket is None:
        updated = replace(ctx.subscriber, muted_until=until)
    else:
        updated = _with_wish(ctx, basket, muted_until=until)
    await ctx.store.keep(updated)
    await ctx.store.cancel(updated.transport, updated.chat, "muted", id_of(basket))
    undo = Button(ctx.say("chat_unmute"), f"unmute {basket.id}" if basket else "unmute")
    text = ctx.say("chat_muted", until=_local_time(ctx, until), about=ctx.basket_or_all(basket))
    return ctx.reply(text, buttons=((undo,),))


async def unmute(ctx: HandlerContext) -> Reply:
    basket = _optional_basket(ctx, ctx.words)
    if basket is None:
        wishes = {
            basket_id: replace(wish, muted_until=None) for basket_id, wish in ctx.subscriber.subscriptions.items()
        }
        await ctx.store.keep(replace(ctx.subscriber, muted_until=None, subscriptions=wishes))
    else:
        await ctx.store.keep(_with_wish(ctx, basket, muted_until=None))
    return ctx.reply(ctx.say("chat_unmuted", about=ctx.basket_or_all(basket)))


async def quiet(ctx: HandlerContext) -> Reply:
    """Set hours without messages; unexpired messages arrive afterwards."""
    zone = ctx.subscriber.zone
    text = " ".join(ctx.words).lower()
    if not text:
        labels = {"22:00-07:00": "22:00-07:00", "23:00-08:00": "23:00-08:00", "off": ctx.say("chat_off")}
        buttons = button_rows([Button(label, f"quiet {hours}") for hours, label in labels.items()])
        return ctx.reply(ctx.say("chat_which_hours"), ctx.say("chat_zone", zone=zone), buttons=buttons)
    if text in OFF:
        await ctx.store.keep(replace(ctx.subscriber, quiet=None))
        return ctx.reply(ctx.say("chat_no_quiet"))
    hours = _parse_hours(text)
    if hours is None:
        raise InvalidRequest(ctx.say("chat_bad_hours"))
    await ctx.store.keep(replace(ctx.subscriber, quiet=hours))
    change_zone = Button(ctx.say("chat_change_zone"), "timezone")
    return ctx.reply(ctx.say("chat_quiet_set", hours=_hours_text(hours), zone=zone), buttons=((change_zone,),))


async def timezone(ctx: HandlerContext) -> Reply:
    if not ctx.words:
        lines = (ctx.say("chat_zone", zone=ctx.subscriber.zone), ctx.say("chat_zone_how"))
        return ctx.reply(*lines, buttons=_zone_buttons(OFFERED_ZONES))
    name = "_".join(ctx.words).casefold()
    zones, cities = _zones_and_cities()
    zone = zones.get(name) or cities.get(name)
    if zone is None:
        near = [zones[match] for match in get_close_matches(name, zones, n=4, cutoff=0.6)]
        near += [cities[match] for match in get_close_matches(name, cities, n=4, cutoff=0.7)]
        buttons = _zone_buttons(dict.fromkeys(near))
        raise InvalidRequest(ctx.say("chat_bad_zone"), ctx.say("chat_zone_how"), buttons=buttons)
    await ctx.store.keep(replace(ctx.subscriber, zone=zone))
    now = ctx.clock.now().astimezone(ZoneInfo(zone))
    return ctx.reply(ctx.say("chat_zone_set", zone=zone, time=f"{now:%H:%M}"))


async def language(ctx: HandlerContext) -> Reply:
    names = {code: str(load_catalogue(code).phrases["name"]) for code in languages()}
    text = " ".join(ctx.words).casefold()
    chosen = next((code for code, name in names.items() if text in (code, name.casefold())), None)
    if chosen is None:
        buttons = button_rows([Button(name, f"language {code}") for code, name in names.items()])
        return ctx.reply(ctx.say("chat_which_language"), buttons=buttons)
    await ctx.store.keep(replace(ctx.subscriber, language=chosen))
    return text_reply(load_catalogue(chosen), load_catalogue(chosen).say("chat_language_set"))


async def settings(ctx: HandlerContext) -> Reply:
    """Every choice of the chat, with a button for each."""
    subscriber = ctx.subscriber
    lines = [ctx.say("chat_settings")]
    for basket in ctx.baskets:
        if (wish := subscriber.subscriptions.get(basket.id)) is not None:
            line = ctx.say("chat_wish", name=basket.name(ctx.language), level=_level_word(ctx, wish.min_severity))
            lines.append(line + _mute_text(ctx, wish.muted_until))
    if not subscriber.subscriptions:
        lines.append(ctx.say("chat_has_none"))
    if muted := _mute_text(ctx, subscriber.muted_until):
        lines.append(ctx.say("chat_all") + muted)
    hours = _hours_text(subscriber.quiet) if subscriber.quiet else ctx.say("chat_off")
    lines.append(ctx.say("chat_settings_quiet", hours=hours, zone=subscriber.zone))
    buttons = button_rows([Button(ctx.say(f"chat_do_{command}"), command) for command in SETTINGS_COMMANDS])
    return ctx.reply(*lines, buttons=buttons)


async def privacy(ctx: HandlerContext) -> Reply:
    buttons = ((Button(ctx.say("chat_export"), "export"), Button(ctx.say("chat_delete"), "delete")),)
    lines = (ctx.say("chat_privacy"), ctx.say("chat_privacy_what"), ctx.say("chat_privacy_how"))
    return ctx.reply(*lines, buttons=buttons)


async def export(ctx: HandlerContext) -> Reply:
    """Everything that is stored of the chat, as a JSON file."""
    transport, chat = ctx.subscriber.transport, ctx.subscriber.chat
    stored = await ctx.store.subscriber(transport, chat)
    received = await ctx.store.received(transport, chat, MAX_EXPORTED)
    content = {
        "settings": None if stored is None else asdict(stored),
        "messages": [{name: getattr(delivery, name) for name in EXPORTED_FIELDS} for delivery in received],
    }
    text = json.dumps(_json_value(content), ensure_ascii=False, indent=1)
    caption = Message(ctx.language, (ctx.say("chat_exported"),))
    return Reply(caption, file_name="drawdown-bot.json", content=text.encode())


async def delete(ctx: HandlerContext) -> Reply:
    if ctx.words[:1] != (CONFIRMATION,):
        confirm = Button(ctx.say("chat_delete_sure"), f"delete {CONFIRMATION}")
        return ctx.reply(ctx.say("chat_delete_ask"), buttons=((confirm,),))
    await ctx.store.erase(ctx.subscriber.transport, ctx.subscriber.chat)
    return ctx.reply(ctx.say("chat_deleted"))


def parse_duration(word: str) -> timedelta | None:
    """The duration written as 30m, 4h, 3d or 1w; None = not a duration."""
    match = DURATION.fullmatch(word.lower())
    return int(match[1]) * UNITS[match[2]] if match else None


def _optional_basket(ctx: HandlerContext, words: tuple[str, ...]) -> Basket | None:
    return ctx.basket(" ".join(words)) if words else None


def _offers(ctx: HandlerContext) -> ButtonRows:
    """The baskets that the chat does not have yet, as buttons."""
    others = [basket for basket in ctx.baskets if basket.id not in ctx.subscriber.subscriptions]
    if not others:
        return ()
    return (
        *ctx.basket_buttons(others, "subscribe"),
        (Button(ctx.say("chat_all"), f"subscribe {ALL_BASKETS}"),),
    )


def _subscriptions(ctx: HandlerContext, subscriber: Subscriber) -> str:
    subscribed = [basket for basket in ctx.baskets if basket.id in subscriber.subscriptions]
    return ctx.say("chat_hears", names=_names(ctx, subscribed)) if subscribed else ctx.say("chat_has_none")


def _names(ctx: HandlerContext, baskets: list[Basket]) -> str:
    return ctx.catalogue.join([basket.name(ctx.language) for basket in baskets])


def _level_word(ctx: HandlerContext, severity: Severity) -> str:
    return ctx.catalogue.word("severity", severity.word)


def _with_wish(ctx: HandlerContext, basket: Basket, **change: object) -> Subscriber:
    """The subscriber with a changed subscription to `basket`; raises InvalidRequest without a subscription."""
    wishes = ctx.subscriber.subscriptions
    if basket.id not in wishes:
        button = Button(ctx.say("chat_do_subscribe"), f"subscribe {basket.id}")
        text = ctx.say("chat_not_subscribed", command=ctx.request.command)
        raise InvalidRequest(text, buttons=((button,),))
    changed = replace(wishes[basket.id], **change)  # type: ignore[arg-type]  # two fields, by name
    return replace(ctx.subscriber, subscriptions={**wishes, basket.id: changed})


def _mute_text(ctx: HandlerContext, until: datetime | None) -> str:
    return ctx.say("chat_muted_until", until=_local_time(ctx, until)) if until and until > ctx.clock.now() else ""


def _local_time(ctx: HandlerContext, moment: datetime) -> str:
    zone = ctx.subscriber.zone
    local = moment.astimezone(ZoneInfo(zone))
    return f"{ctx.catalogue.day(local.date())} {local:%H:%M} {zone}"


def _parse_hours(text: str) -> QuietHours | None:
    match = QUIET_HOURS.fullmatch(text)
    if match is None:
        return None
    begin_hour, begin_minute, end_hour, end_minute = map(int, match.groups())
    try:
        begin, end = time(begin_hour, begin_minute), time(0 if end_hour == 24 else end_hour, end_minute)
    except ValueError:
        return None
    return QuietHours(begin, end) if begin != end else None


def _hours_text(hours: QuietHours) -> str:
    return f"{hours.begin:%H:%M}\u2013{hours.end:%H:%M}"


def _zone_buttons(zones: Iterable[str]) -> ButtonRows:
    return button_rows([Button(zone, f"timezone {zone}") for zone in zones])


@cache
def _zones_and_cities() -> tuple[dict[str, str], dict[str, str]]:
    """Time zones by name and by city alone, both in lower case: berlin -> Europe/Berlin."""
    places = sorted(zone for zone in available_timezones() if "/" in zone)
    zones = {zone.casefold(): zone for zone in ("UTC", *places)}
    return zones, {zone.rpartition("/")[2].casefold(): zone for zone in places}


def _json_value(value: object) -> object:
    """`value` as JSON: names of enum members, moments as ISO text."""
    match value:
        case dict():
            return {str(key): _json_value(item) for key, item in value.items()}
        case list():
            return [_json_value(item) for item in value]
        case Enum():
            return value.name.lower()
        case datetime() | time():
            return value.isoformat()
    return value
