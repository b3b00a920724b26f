"""Which lines does an alert have, in order of weight?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from bot.alerts import Alert, Decision, NamedEvent, Severity, whole_months
from bot.context import PLUNGE, Context, Contrast, MemberShare, StateEntry, Yardstick
from bot.messages.catalogue import Catalogue, catalogue
from bot.messages.message import Message
from bot.statistics import PERCENTILE_WINDOWS, YEARS_OF_HISTORY, State, Verdict

ICONS = {Severity.NOTICE: "🟡", Severity.WARNING: "🟠", Severity.SEVERE: "🔴", Severity.EXTREME: "🚨"}
MOST_NAMED = 3
MOST_DECIMALS = 4


def render(alert: Alert, context: Context, events: tuple[NamedEvent, ...], language: str) -> Message:
    """The message of an alert in one of `languages()`. The first line says it all; later lines weigh less and less."""
    words = catalogue(language)
    if alert.subject.against:
        lines = _contrast(alert, context, events, words)
    elif alert.subject.member:
        lines = _members(alert, context, words)
    elif any(rung.enters is not None for rung in alert.rule.rungs):
        lines = _basket_state(alert, context, words)
    else:
        lines = _fall(alert, context, events, words)
    return Message(language, tuple(lines))


def _fall(alert: Alert, context: Context, events: tuple[NamedEvent, ...], words: Catalogue) -> Iterator[str]:
    basket, verdict = context.sides[0][0], _verdict(alert)
    decimals = _decimals(verdict.move, context.yardstick)
    yield words.say(
        "headline",
        icon=ICONS[alert.severity],
        name=basket.name(words.language),
        moved=_moved(verdict.move, decimals, words),
        window=_window(verdict.window, words),
        claim=_claim("claim", verdict, events, words),
    )
    yield words.dotted(_when(verdict, context, decimals, words))
    yield words.dotted(list(_rank(verdict, words)))
    if len(basket.members) > 1:
        yield _breadth(context, words)
        yield _parts(verdict, context, words)
    if verdict.entered >= State.CORRECTION:
        yield _entered(basket.name(words.language), verdict, words)
    for entry in _by_depth(context.entries):
        yield _entered(entry.symbol, entry.verdict, words)
    if context.contrast is not None:
        yield _against(context.contrast, words)
    if context.traded_then is not None and context.traded_then < context.listed and _notable(verdict):
        yield words.say("then", then=words.number(context.traded_then), listed=words.number(context.listed))
    yield _foot(alert, context, words)


def _contrast(alert: Alert, context: Context, events: tuple[NamedEvent, ...], words: Catalogue) -> Iterator[str]:
    verdict, upward = _verdict(alert), alert.rule.upward
    (one, _), (other, _) = context.sides
    decimals = _decimals(verdict.move, context.yardstick)
    yield words.say(
        "contrast_headline",
        icon=ICONS[alert.severity],
        one=one.name(words.language),
        other=other.name(words.language),
        points=words.decimal(verdict.move * 100, decimals),
        window=_window(verdict.window, words),
        claim=_claim("widest", verdict, events, words),
    )
    facts = [words.say("closed", date=words.day(verdict.session))]
    facts += [f"{side.name(words.language)} {words.percent(move)}" for side, move in context.sides if move is not None]
    yield words.dotted(facts + _held_against("as_wide", "widest_before", verdict, context.yardstick, decimals, words))
    if verdict.percentile is not None:
        yield words.say(
            "contrast_rank",
            share=_share(verdict.sample - verdict.rank + 1 if upward else verdict.rank, verdict.sample, words),
            sample=words.number(verdict.sample),
            words=words.count_word(verdict.window),
            year=verdict.since.year,
        )
    yield words.say("contrast_foot", prices=words.say(one.prices), id=alert.episode)


def _members(alert: Alert, context: Context, words: Catalogue) -> Iterator[str]:
    basket = context.sides[0][0]
    shown = [one.subject.member for one in alert.decisions]
    symbols = words.join(shown) if len(shown) <= MOST_NAMED else words.say("many", count=len(shown))
    heading = {"icon": ICONS[alert.severity], "name": basket.name(words.language), "symbols": symbols}
    limits = [one.rung.day_low for one in alert.decisions if one.rung is not None and one.rung.day_low is not None]
    if limits:
        yield words.say("low_headline", limit=words.percent(max(limits), sign=False), **heading)
        yield words.say("closed", date=words.day(alert.session))
        yield from (_low(one, words) for one in alert.decisions)
    else:
        entered = {one.subject.member: verdict for one in alert.decisions if (verdict := one.evidence.verdict)}
        shallowest = min(verdict.entered for verdict in entered.values())
        yield words.say("state_headline", state=_state(shallowest, words), **heading)
        yield words.say("closed", date=words.day(alert.session))
        for symbol, verdict in sorted(entered.items(), key=lambda item: item[1].drawdown):
            yield _entered(symbol, verdict, words)
    yield words.say("contrast_foot", prices=words.say(basket.prices), id=alert.episode)


def _low(decision: Decision, words: Catalogue) -> str:
    verdict, low = decision.evidence.verdict, decision.evidence.day_low
    assert verdict is not None  # the rung asked for it,
    assert low is not None  # and for this
    close = words.percent(verdict.daily_return)
    return words.say("low_line", symbol=decision.subject.member, low=words.percent(low), close=close)


def _basket_state(alert: Alert, context: Context, words: Catalogue) -> Iterator[str]:
    verdict = _verdict(alert)
    yield f"{ICONS[alert.severity]} {_entered(context.sides[0][0].name(words.language), verdict, words)}"
    yield words.say("closed", date=words.day(verdict.session))
    yield _foot(alert, context, words)


def _verdict(alert: Alert) -> Verdict:
    verdict = alert.decisions[0].evidence.verdict
    assert verdict is not None  # only a verdict can reach a rung
    return verdict


def _window(window: int, words: Catalogue) -> str:
    return words.say("window", count=window, words=words.count_word(window))


def _moved(move: float, decimals: int, words: Catalogue) -> str:
    plain, signed = words.percent(move, decimals, sign=False), words.percent(move, decimals)
    return words.say("moved_down" if move < 0 else "moved_up", plain=plain, signed=signed)


def _decimals(move: float, yardstick: Yardstick | None) -> int:
    """One decimal, or as many as it takes to show that two different moves differ."""
    if yardstick is None or yardstick.move == move:
        return 1
    for decimals in range(1, MOST_DECIMALS):
        if round(abs(move) * 100, decimals) != round(abs(yardstick.move) * 100, decimals):
            return decimals
    return MOST_DECIMALS


def _notable(verdict: Verdict) -> bool:
    """Whether "worst since" says anything: an overlapping window as bad means that nothing new happened."""
    return verdict.gap_sessions is not None and verdict.gap_sessions >= verdict.window


def _claim(kind: str, verdict: Verdict, events: tuple[NamedEvent, ...], words: Catalogue) -> str:
    """The rarity the first line claims: on record, since a named event, in years, in months, or since a date."""
    count = words.count_word(verdict.window)
    months = whole_months(verdict.since, verdict.session)
    if verdict.record:
        phrase = f"{kind}_record" if months >= 12 * YEARS_OF_HISTORY else "no_claim"
        return words.say(phrase, count=months // 12, date=words.day(verdict.since), words=count)
    if verdict.worst_since is None or not _notable(verdict):
        return words.say("no_claim")
    since = words.day(verdict.worst_since)
    if event := next((one for one in events if one.first <= verdict.worst_since <= one.last), None):
        return words.say(f"{kind}_event", event=event.name(words.language), date=since, words=count)
    if verdict.worst_in_years is not None:
        return words.say(f"{kind}_years", count=verdict.worst_in_years, words=count)
    months = whole_months(verdict.worst_since, verdict.session)
    phrase = f"{kind}_months" if 0 < months < 12 else f"{kind}_since"
    return words.say(phrase, count=months, date=since, words=count)


def _when(verdict: Verdict, context: Context, decimals: int, words: Catalogue) -> list[str]:
    facts = [words.say("closed", date=words.day(verdict.session))]
    if len(context.days) > 1:
        days = [
            words.say("day", move=words.percent(move), weekday=words.weekday(session)) for session, move in context.days
        ]
        facts.append(words.join(days))
    return facts + _held_against("as_bad", "worst_before", verdict, context.yardstick, decimals, words)


def _held_against(
    latest: str, before: str, verdict: Verdict, yardstick: Yardstick | None, decimals: int, words: Catalogue
) -> list[str]:
    if yardstick is None:
        return []
    date, move = words.day(yardstick.session), words.percent(yardstick.move, decimals)
    points = words.decimal(yardstick.move * 100, decimals)
    if verdict.record:
        return [words.say(before, date=date, move=move, points=points)]
    if not _notable(verdict):
        return []
    return [words.say(latest, date=date, move=move, points=points, count=verdict.gap_sessions)]


def _rank(verdict: Verdict, words: Catalogue) -> Iterator[str]:
    yield words.say(
        "rank",
        rank=words.number(verdict.rank),
        sample=words.number(verdict.sample),
        words=words.count_word(verdict.window),
        year=verdict.since.year,
    )
    if verdict.percentile is not None:
        as_bad = round(verdict.percentile * verdict.sample / 100)
        yield words.say("percentile", share=_share(as_bad, verdict.sample, words))
    else:
        yield words.say("few_windows", needed=words.number(PERCENTILE_WINDOWS), sample=words.number(verdict.sample))
    if whole_months(verdict.since, verdict.session) < 12 * YEARS_OF_HISTORY:
        yield words.say("few_years", needed=YEARS_OF_HISTORY, date=words.day(verdict.since))


def _share(count: int, sample: int, words: Catalogue) -> str:
    """`count` of `sample` as a percentage, rounded up so that "among the worst" stays true; never 0."""
    share = 100 * count / sample
    decimals = 2 if share < 1 else 1
    scale = 10**decimals
    return words.percent(math.ceil(share * scale - 1e-9) / scale / 100, decimals, sign=False)


def _breadth(context: Context, words: Catalogue) -> str:
    total, fell = len(context.members), context.fell
    known = context.known
    facts = [words.say("all_fell", count=total) if fell == total else words.say("some_fell", count=total, fell=fell)]
    if known < total:
        facts.append(words.say("unpriced", count=total - known))
    if context.plunged:
        limit = words.percent(PLUNGE, 0, sign=False)
        facts.append(words.say("plunged", count=context.plunged, limit=limit))
    return words.join(facts)


def _parts(verdict: Verdict, context: Context, words: Catalogue) -> str:
    def say(share: MemberShare) -> str:
        move = words.percent(share.move) if share.move is not None else "?"
        points, total = words.decimal(share.contribution * 100), words.decimal(verdict.move * 100)
        return words.say("part", symbol=share.symbol, move=move, points=points, total=total)

    dragging = [share for share in context.members if share.contribution < 0 and share.move is not None]
    return words.say("parts", parts=words.join([say(share) for share in dragging[:MOST_NAMED]]))


def _entered(name: str, verdict: Verdict, words: Catalogue) -> str:
    state = _state(verdict.entered, words)
    if verdict.holes:
        return words.say("entered_holes", name=name, state=state, count=verdict.holes)
    drawdown, date = words.percent(verdict.drawdown), words.day(verdict.peak_session)
    return words.say("entered", name=name, state=state, drawdown=drawdown, date=date)


def _state(state: State, words: Catalogue) -> str:
    names = words.phrases["state"]
    assert isinstance(names, dict)
    return names[state.word]


def _by_depth(entries: tuple[StateEntry, ...]) -> list[StateEntry]:
    return sorted(entries, key=lambda entry: entry.verdict.drawdown)[:MOST_NAMED]


def _against(contrast: Contrast, words: Catalogue) -> str:
    line = words.say("against", name=contrast.other.name(words.language), move=words.percent(contrast.other_move))
    gap = contrast.gap
    if gap.record and whole_months(gap.since, gap.session) >= 12 * YEARS_OF_HISTORY:
        return line + words.say("gap_record", date=words.day(gap.since))
    if gap.worst_since is not None and whole_months(gap.worst_since, gap.session) >= 1:
        return line + words.say("gap_since", date=words.day(gap.worst_since))
    return line


def _foot(alert: Alert, context: Context, words: Catalogue) -> str:
    return words.say(
        "foot",
        present=words.number(context.present),
        listed=words.number(context.listed),
        prices=words.say(context.sides[0][0].prices),
        id=alert.episode,
    )
