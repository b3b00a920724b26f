"""How does a chat begin, change and end what it hears of?"""

from __future__ import annotations

from dataclasses import replace

from bot.conversation.asks import Ask, Reply
from bot.conversation.desk import EVERYTHING, Desk, rows, say, tongue
from bot.delivery.subscribers import Subscriber
from bot.messages.catalogue import Catalogue
from bot.messages.message import Button


async def start(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    """Two lines on what this is, and the baskets as buttons; whoever had left hears again what he had chosen."""
    if known.wishes:
        await desk.register.keep(known)
    words = tongue(known)
    offers = _offers(desk, known, words)
    lines = [words.say("chat_purpose"), *(_hears(desk, known, words) if known.wishes else [])]
    lines.append(words.say("chat_purpose_how" if offers else "chat_has_all"))
    return say(words, *lines, buttons=(*offers, (Button(words.say("chat_help"), "help"),)))


async def subscribe(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    words = tongue(known)
    if not ask.words:
        offers = _offers(desk, known, words)
        return say(words, words.say("chat_choose" if offers else "chat_has_all"), buttons=offers)
    wanted = desk.named_baskets(ask, words)
    everything = EVERYTHING in map(str.lower, ask.words)
    then = replace(known.adding(one.id for one in wanted), everything=known.everything or everything)
    await desk.register.keep(then)
    level = words.word("severity", then.lowest.word)
    settings = rows([Button(words.say("chat_settings"), "settings"), Button(words.say("chat_more"), "subscribe")])
    names = words.join([one.name(words.language) for one in wanted])
    said = words.say("chat_subscribed", names=words.say("chat_everything") if everything else names)
    return say(words, said, words.say("chat_from_level", level=level), buttons=settings)


async def unsubscribe(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    words = tongue(known)
    if not ask.words:
        has = [one for one in desk.baskets if one.id in known.wishes]
        buttons = (*desk.choice(has, words, "unsubscribe"), (Button(words.say("chat_stop"), "stop"),)) if has else ()
        return say(words, words.say("chat_which_not" if has else "chat_has_none"), buttons=buttons)
    if EVERYTHING in map(str.lower, ask.words):
        return await stop(desk, ask, known)
    left = desk.named_baskets(ask, words)
    for one in left:
        known = known.without(one.id)
    await desk.register.keep(known)
    for one in left:
        await desk.register.cancel(desk.transport, ask.chat, "unsubscribed", one.id)
    names = words.join([one.name(words.language) for one in left])
    return say(words, words.say("chat_unsubscribed", names=names), *_hears(desk, known, words))


async def stop(desk: Desk, ask: Ask, known: Subscriber) -> Reply:
    """Everything ends at once. First nothing more is addressed to the chat, then what waits for it is dropped."""
    words = tongue(known)
    await desk.register.keep(replace(known, wishes={}, everything=False))
    await desk.register.cancel(desk.transport, ask.chat, "the chat stopped")
    return say(words, words.say("chat_stopped"), words.say("chat_stopped_how"))


def _offers(desk: Desk, known: Subscriber, words: Catalogue) -> tuple[tuple[Button, ...], ...]:
    """The baskets that the chat does not have yet, as buttons."""
    others = [one for one in desk.baskets if one.id not in known.wishes]
    if not others:
        return ()
    everything = (Button(words.say("chat_all"), f"subscribe {EVERYTHING}"),)
    return (*desk.choice(others, words, "subscribe"), everything)


def _hears(desk: Desk, known: Subscriber, words: Catalogue) -> list[str]:
    names = [one.name(words.language) for one in desk.baskets if one.id in known.wishes]
    return [words.say("chat_hears", names=words.join(names)) if names else words.say("chat_has_none")]
