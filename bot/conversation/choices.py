"""How loud, in which language, and when may the bot speak in a chat?"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, time, timedelta
from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from bot.alerts.rules import Severity
from bot.baskets import BasketId
from bot.conversation.asks import Ask, Reply
from bot.conversation.desk import Desk, Mistaken, about_words, id_of, rows, say, tongue
from bot.delivery.subscribers import BasketSubscription, QuietHours, Subscriber
from bot.languages import languages
from bot.messages.catalogue import Catalogue, load_catalogue
from bot.messages.message import Button

LONGEST_MUTE = timedelta(days=365)
SPAN = re.compile(r"([1-9]\d{0,3})\s*([mhdw])")
UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
HOURS = re.compile(r"(\d{1,2}):(\d{2})\s*[-\u2013\u2014]\s*(\d{1,2}):(\d{2})")
OFF = ("off", "none", "no")
OFFERED_ZONES = ("UTC", "America/New_York", "Europe/London", "Europe/Berlin", "Asia/Shanghai", "Asia/Seoul")


async def level(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    """From which severity on the chat hears: of all its baskets, or of one."""
    words = tongue(known)
    severities = {word: one for one in Severity for word in (one.word, words.word("severity", one.word))}
    chosen = severities.get(ask.words[-1].lower()) if ask.words else None
    named = " ".join(ask.words if chosen is None else ask.words[:-1])
    basket = desk.basket(named, words, "level") if named else None
    if chosen is None:
        about = f"{basket.id} " if basket else ""
        buttons = rows([Button(words.word("severity", one.word), f"level {about}{one.word}") for one in Severity])
        return say(words, words.say("chat_which_level"), *_ladder(words), buttons=buttons)
    if basket is None:
        then = replace(known, lowest=chosen, wishes={one: replace(w, lowest=chosen) for one, w in known.wishes.items()})
    else:
        then = _wishing(known, basket.id, lowest=chosen, words=words, command=ask.command)
    await desk.register.keep(then)
    about = about_words(basket, words)
    return say(words, words.say("chat_level_set", level=words.word("severity", chosen.word), about=about))


async def mute(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    """Hear nothing for a while: of all baskets, or of one."""
    words = tongue(known)
    length = span(ask.words[-1]) if ask.words else None
    named = " ".join(ask.words if length is None else ask.words[:-1])
    basket = desk.basket(named, words, "mute") if named else None
    if length is None:
        about = f"{basket.id} " if basket else ""
        spans = {one: words.say(f"chat_span_{one[-1]}", count=int(one[:-1])) for one in ("4h", "1d", "3d", "1w")}
        buttons = rows([Button(label, f"mute {about}{one}") for one, label in spans.items()])
        return say(words, words.say("chat_how_long"), words.say("chat_how_long_how"), buttons=buttons)
    until = desk.clock.now() + min(length, LONGEST_MUTE)
    if basket is None:
        then = replace(known, muted_until=until)
    else:
        then = _wishing(known, basket.id, muted_until=until, words=words, command=ask.command)
    await desk.register.keep(then)
    await desk.register.cancel(desk.transport, ask.chat, "muted", id_of(basket))
    undo = rows([Button(words.say("chat_unmute"), f"unmute {basket.id}" if basket else "unmute")])
    about = about_words(basket, words)
    return say(words, words.say("chat_muted", until=_moment(until, known, words), about=about), buttons=undo)


async def unmute(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    words = tongue(known)
    basket = desk.basket(" ".join(ask.words), words, "unmute") if ask.words else None
    if basket is None:
        wishes = {one: replace(wish, muted_until=None) for one, wish in known.wishes.items()}
        then = replace(known, muted_until=None, wishes=wishes)
    else:
        then = _wishing(known, basket.id, muted_until=None, words=words, command=ask.command)
    await desk.register.keep(then)
    return say(words, words.say("chat_unmuted", about=about_words(basket, words)))


async def quiet(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    """Hours in which nothing arrives; it comes when they are over, if it is still news."""
    words = tongue(known)
    said = " ".join(ask.words).lower()
    if not said:
        offers = ["22:00-07:00", "23:00-08:00", "off"]
        buttons = rows([Button(words.say("chat_off") if one == "off" else one, f"quiet {one}") for one in offers])
        return say(words, words.say("chat_which_hours"), words.say("chat_zone", zone=known.zone), buttons=buttons)
    if said in OFF:
        await desk.register.keep(replace(known, quiet=None))
        return say(words, words.say("chat_no_quiet"))
    hours = _hours(said)
    if hours is None:
        raise Mistaken(words.say("chat_bad_hours"))
    await desk.register.keep(replace(known, quiet=hours))
    zone = (Button(words.say("chat_change_zone"), "timezone"),)
    return say(words, words.say("chat_quiet_set", hours=_written(hours), zone=known.zone), buttons=(zone,))


async def timezone(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    words = tongue(known)
    if not ask.words:
        buttons = rows([Button(one, f"timezone {one}") for one in OFFERED_ZONES])
        return say(words, words.say("chat_zone", zone=known.zone), words.say("chat_zone_how"), buttons=buttons)
    meant = "_".join(ask.words).casefold()
    zone = _zones().get(meant) or _cities().get(meant)
    if zone is None:
        near = [_zones()[one] for one in get_close_matches(meant, _zones(), n=4, cutoff=0.6)]
        near += [_cities()[one] for one in get_close_matches(meant, _cities(), n=4, cutoff=0.7)]
        buttons = rows([Button(one, f"timezone {one}") for one in dict.fromkeys(near)])
        raise Mistaken(words.say("chat_bad_zone"), words.say("chat_zone_how"), buttons=buttons)
    await desk.register.keep(replace(known, zone=zone))
    now = desk.clock.now().astimezone(ZoneInfo(zone))
    return say(words, words.say("chat_zone_set", zone=zone, time=f"{now:%H:%M}"))


async def language(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    names = {one: str(load_catalogue(one).phrases["name"]) for one in languages()}
    meant = " ".join(ask.words).casefold()
    chosen = next((one for one, name in names.items() if meant in (one, name.casefold())), None)
    if chosen is None:
        words = tongue(known)
        buttons = rows([Button(name, f"language {one}") for one, name in names.items()])
        return say(words, words.say("chat_which_language"), buttons=buttons)
    await desk.register.keep(replace(known, language=chosen))
    return say(load_catalogue(chosen), load_catalogue(chosen).say("chat_language_set"))


async def settings(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    """One card that says it all, with a button for each choice."""
    words = tongue(known)
    now = desk.clock.now()
    lines = [words.say("chat_settings")]
    for basket in desk.baskets:
        if (wish := known.wishes.get(basket.id)) is not None:
            level = words.word("severity", wish.lowest.word)
            line = words.say("chat_wish", name=basket.name(words.language), level=level)
            lines.append(line + _muted(wish.muted_until, now, known, words))
    if not known.wishes:
        lines.append(words.say("chat_has_none"))
    if muted := _muted(known.muted_until, now, known, words):
        lines.append(words.say("chat_all") + muted)
    hours = _written(known.quiet) if known.quiet else words.say("chat_off")
    lines.append(words.say("chat_settings_quiet", hours=hours, zone=known.zone))
    keys = ("subscribe", "unsubscribe", "level", "mute", "quiet", "timezone", "language")
    buttons = rows([Button(words.say(f"chat_do_{key}"), key) for key in keys])
    return say(words, *lines, buttons=buttons)


def _wishing(known: Subscriber, basket: BasketId, *, words: Catalogue, command: str, **change: object) -> Subscriber:
    """The chat with one wish changed; raises Mistaken if it has none of that basket."""
    wish = known.wishes.get(basket)
    if wish is None:
        button = Button(words.say("chat_do_subscribe"), f"subscribe {basket}")
        raise Mistaken(words.say("chat_not_subscribed", command=command), buttons=((button,),))
    changed: BasketSubscription = replace(wish, **change)  # type: ignore[arg-type]  # the two fields of a wish, by name
    return replace(known, wishes={**known.wishes, basket: changed})


def _ladder(words: Catalogue) -> list[str]:
    return [
        words.say(
            "chat_level_line", level=words.word("severity", one.word), meaning=words.say(f"chat_means_{one.word}")
        )
        for one in Severity
    ]


def _muted(until: datetime | None, now: datetime, known: Subscriber, words: Catalogue) -> str:
    return words.say("chat_muted_until", until=_moment(until, known, words)) if until and until > now else ""


def _moment(moment: datetime, known: Subscriber, words: Catalogue) -> str:
    local = moment.astimezone(ZoneInfo(known.zone))
    return f"{words.day(local.date())} {local:%H:%M} {known.zone}"


def span(word: str) -> timedelta | None:
    found = SPAN.fullmatch(word.lower())
    return int(found[1]) * UNITS[found[2]] if found else None


def _hours(text: str) -> QuietHours | None:
    found = HOURS.fullmatch(text)
    if found is None:
        return None
    begin_hour, begin_minute, end_hour, end_minute = map(int, found.groups())
    try:
        begin, end = time(begin_hour, begin_minute), time(0 if end_hour == 24 else end_hour, end_minute)
    except ValueError:
        return None
    return QuietHours(begin, end) if begin != end else None


def _written(hours: QuietHours) -> str:
    return f"{hours.begin:%H:%M}\u2013{hours.end:%H:%M}"


@cache
def _zones() -> dict[str, str]:
    return {one.casefold(): one for one in available_timezones() if "/" in one or one == "UTC"}


@cache
def _cities() -> dict[str, str]:
    """Zones by their city alone: berlin -> Europe/Berlin."""
    return {one.rpartition("/")[2].casefold(): one for one in sorted(available_timezones()) if "/" in one}
