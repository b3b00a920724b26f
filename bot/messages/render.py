"""Which lines does an alert have, in order of weight?"""

from __future__ import annotations

import math
from collections.abc import Iterator

from bot.alerts import Alert, Decision, NamedEvent, Severity, whole_months
from bot.baskets import Basket
from bot.context import PLUNGE, Context, Contrast, MemberShare, StateEntry, Yardstick
from bot.messages.catalogue import Catalogue, catalogue
from bot.messages.message import Message, printable
from bot.statistics import PERCENTILE_WINDOWS, YEARS_OF_HISTORY, State, Verdict

ICONS = {Severity.NOTICE: "🟡", Severity.WARNING: "🟠", Severity.SEVERE: "🔴", Severity.EXTREME: "🚨"}
MOST_NAMED = 3
MOST_DAYS = 5  # in more than a week, two sessions have the same weekday
MOST_DECIMALS = 4
Events = tuple[NamedEvent, ...]


def render(alert: Alert, context: Context, events: Events, language: str) -> Message:
    """The message of an alert in one of `languages()`. The first line says it all; later lines weigh less and less."""
    words = catalogue(language)
    if alert.subject.against:
        lines = _contrast(alert, context, events, words)
    elif alert.subject.member or _asks("day_low", alert):
        lines = _members(alert, context, events, words)
    elif _asks("enters", alert):
        lines = _basket_state(alert, context, words)
    else:
        lines = _fall(alert, context, events, words)
    return Message(language, tuple(map(printable, lines)))


def _asks(condition: str, alert: Alert) -> bool:
    return any(getattr(rung, condition) is not None for rung in alert.rule.rungs)


def _fall(alert: Alert, context: Context, events: Events, words: Catalogue) -> Iterator[str]:
    basket, verdict = context.sides[0][0], _verdict(alert)
    name, notable = basket.name(words.language), _notable(verdict)
    decimals = _decimals(verdict.move, context.yardstick) if notable else 1
    yield _headline(ICONS[alert.severity], name, verdict, decimals, events, words)
    facts = [words.say("closed", date=words.day(verdict.session)), *_days(context, words)]
    if notable:
        facts += _held_against("as_bad", "worst_before", verdict, context.yardstick, decimals, words)
    yield words.dotted(facts)
    yield words.dotted(list(_rank(verdict, words)))
    if len(basket.members) > 1:
        yield _breadth(context, words)
        yield from _parts(verdict, context, words)
    if verdict.entered >= State.CORRECTION:
        yield _entered(name, verdict, words)
    yield from _entries(context.entries, words)
    if context.contrast is not None:
        yield _against(name, context.contrast, words)
    then = context.traded_then
    if then is not None and then < context.listed and notable and not verdict.record:
        assert context.yardstick is not None  # it is the yardstick's session
        date = words.day(context.yardstick.session)
        yield words.say("then", then=words.number(then), listed=words.number(context.listed), date=date)
    yield _foot(alert, context, words)


def _contrast(alert: Alert, context: Context, events: Events, words: Catalogue) -> Iterator[str]:
    verdict, upward = _verdict(alert), alert.rule.upward
    (one, _), (other, _) = context.sides
    notable = _notable(verdict, upward=upward)
    decimals = _decimals(verdict.move, context.yardstick) if notable else 1
    yield words.say(
        "ahead" if verdict.move > 0 else "behind",
        icon=ICONS[alert.severity],
        one=one.name(words.language),
        other=other.name(words.language),
        points=words.decimal(verdict.move * 100, decimals),
        window=_window(verdict.window, words),
        claim=_claim("widest", verdict, events, words) if notable else "",
    )
    facts = [words.say("closed", date=words.day(verdict.session))]
    facts += [f"{side.name(words.language)} {words.percent(move)}" for side, move in context.sides if move is not None]
    if notable:
        facts += _held_against("as_wide", "widest_before", verdict, context.yardstick, decimals, words)
    yield words.dotted(facts)
    if verdict.percentile is not None:
        as_wide = verdict.sample - verdict.rank + 1 if upward else _as_bad(verdict)
        yield words.say("contrast_rank", share=_share(as_wide, verdict.sample, words), **_sample(verdict, words))
    yield words.say("short_foot", prices=words.say(one.prices), id=alert.episode)


def _members(alert: Alert, context: Context, events: Events, words: Catalogue) -> Iterator[str]:
    """A rule about members: a headline that names them, then a line for each."""
    basket = context.sides[0][0]
    if _asks("day_low", alert):
        said = _plunges(alert, basket, words)
    elif _asks("enters", alert):
        said = _states(alert, words)
    else:
        said = _falls(alert, events, words)
    icon, name = ICONS[alert.severity], basket.name(words.language)
    yield words.say("members_headline", icon=icon, name=name, said=next(said))
    yield words.say("closed", date=words.day(alert.session))
    yield from said
    yield words.say("short_foot", prices=words.say(basket.prices), id=alert.episode)


def _plunges(alert: Alert, basket: Basket, words: Catalogue) -> Iterator[str]:
    limits = [one.rung.day_low for one in alert.decisions if one.rung is not None and one.rung.day_low is not None]
    lows = [(one.subject.member or basket.symbols[0], one.evidence) for one in alert.decisions]
    symbols = _named([symbol for symbol, _ in lows], words)
    yield words.say("plunged_low", symbols=symbols, limit=_limit(max(limits), words))
    for symbol, seen in lows:
        assert seen.verdict is not None  # the rung asked for it,
        assert seen.day_low is not None  # and for this
        low, close = words.percent(seen.day_low), words.percent(seen.verdict.daily_return)
        yield words.say("low_line", symbol=symbol, low=low, close=close)


def _states(alert: Alert, words: Catalogue) -> Iterator[str]:
    entered = {one.subject.member: _seen(one) for one in alert.decisions}
    states = {verdict.entered for verdict in entered.values()}
    lines = [
        _entered(words.say("ticker", name=symbol), verdict, words)
        for symbol, verdict in sorted(entered.items(), key=lambda item: item[1].drawdown)
    ]
    if len(lines) > 1:
        phrase = "entered_state" if len(states) == 1 else "entered_or_worse"
        yield words.say(phrase, symbols=_named(list(entered), words), state=_state(min(states), words))
    yield from lines


def _falls(alert: Alert, events: Events, words: Catalogue) -> Iterator[str]:
    fallen = sorted(((one.subject.member, _seen(one)) for one in alert.decisions), key=lambda item: item[1].move)
    moves = [f"{symbol} {words.percent(verdict.move)}" for symbol, verdict in fallen]
    said = words.join(moves) if len(moves) <= MOST_NAMED else words.say("many", count=len(moves))
    yield words.say("members_moved", moves=said, window=_window(alert.rule.window, words))
    for symbol, verdict in fallen:
        yield _headline("•", words.say("ticker", name=symbol), verdict, 1, events, words)


def _named(names: list[str], words: Catalogue) -> str:
    if len(names) > MOST_NAMED:
        return words.say("many", count=len(names))
    return words.say("ticker", name=words.join(names))


def _limit(fraction: float, words: Catalogue) -> str:
    """A configured figure, as it was written."""
    written = f"{abs(fraction) * 100:.6g}"
    return words.percent(fraction, len(written.partition(".")[2]), sign=False)


def _basket_state(alert: Alert, context: Context, words: Catalogue) -> Iterator[str]:
    verdict = _verdict(alert)
    yield f"{ICONS[alert.severity]} {_entered(context.sides[0][0].name(words.language), verdict, words)}"
    yield words.say("closed", date=words.day(verdict.session))
    yield _foot(alert, context, words)


def _verdict(alert: Alert) -> Verdict:
    return _seen(alert.decisions[0])


def _seen(decision: Decision) -> Verdict:
    assert decision.evidence.verdict is not None  # only a verdict can reach a rung
    return decision.evidence.verdict


def _window(window: int, words: Catalogue) -> str:
    return words.say("window", count=window, words=words.count_word(window))


def _headline(icon: str, name: str, verdict: Verdict, decimals: int, events: Events, words: Catalogue) -> str:
    plain = words.percent(verdict.move, decimals, sign=False)
    moved = words.say(
        "moved_down" if verdict.move < 0 else "moved_up", plain=plain, signed=words.percent(verdict.move, decimals)
    )
    claim = _claim("claim", verdict, events, words) if _notable(verdict) else ""
    return words.say("headline", icon=icon, name=name, moved=moved, window=_window(verdict.window, words), claim=claim)


def _decimals(move: float, yardstick: Yardstick | None) -> int:
    """One decimal, or as many as it takes to show that moves differ from the one they are held against."""
    others = () if yardstick is None else (yardstick.move, yardstick.runner_up)
    different = [one for one in others if one is not None and one != move]
    for decimals in range(1, MOST_DECIMALS):
        if all(round(abs(move) * 100, decimals) != round(abs(one) * 100, decimals) for one in different):
            return decimals
    return MOST_DECIMALS


def _notable(verdict: Verdict, *, upward: bool = False) -> bool:
    """Whether its rarity says anything: a gain is no bad move, and an overlapping window as bad said it already."""
    sided = verdict.move > 0 if upward else verdict.move < 0
    return sided and (verdict.gap_sessions is None or verdict.gap_sessions >= verdict.window)


def _claim(kind: str, verdict: Verdict, events: Events, words: Catalogue) -> str:
    """The rarity the first line claims: on record, since a named event, in years, in months, or since a date."""
    count = words.count_word(verdict.window)
    if verdict.worst_since is None:
        months = whole_months(verdict.since, verdict.session)
        if months < 12 * YEARS_OF_HISTORY:
            return ""
        return words.say(f"{kind}_record", count=months // 12, date=words.day(verdict.since), words=count)
    since = words.day(verdict.worst_since)
    if event := next((one for one in events if one.first <= verdict.worst_since <= one.last), None):
        return words.say(f"{kind}_event", event=event.name(words.language), date=since, words=count)
    if verdict.worst_in_years is not None:
        return words.say(f"{kind}_years", count=verdict.worst_in_years, words=count)
    months = whole_months(verdict.worst_since, verdict.session)
    phrase = f"{kind}_months" if 0 < months < 12 else f"{kind}_since"
    return words.say(phrase, count=months, date=since, words=count)


def _days(context: Context, words: Catalogue) -> Iterator[str]:
    """The daily moves that compound to the whole one."""
    if 1 < len(context.days) <= MOST_DAYS:
        yield words.join(
            [words.say("day", move=words.percent(move), weekday=words.weekday(day)) for day, move in context.days]
        )


def _held_against(
    latest: str, before: str, verdict: Verdict, yardstick: Yardstick | None, decimals: int, words: Catalogue
) -> Iterator[str]:
    if yardstick is not None:
        yield words.say(
            before if verdict.record else latest,
            date=words.day(yardstick.session),
            move=words.percent(yardstick.move, decimals),
            points=words.decimal(yardstick.move * 100, decimals),
            count=verdict.gap_sessions or 0,
        )


def _rank(verdict: Verdict, words: Catalogue) -> Iterator[str]:
    yield words.say("rank", rank=words.number(verdict.rank), **_sample(verdict, words))
    if verdict.percentile is not None and verdict.move < 0:
        yield words.say("percentile", share=_share(_as_bad(verdict), verdict.sample, words))
    if verdict.percentile is None:
        yield words.say("few_windows", needed=words.number(PERCENTILE_WINDOWS), sample=words.number(verdict.sample))
    if whole_months(verdict.since, verdict.session) < 12 * YEARS_OF_HISTORY:
        yield words.say("few_years", needed=YEARS_OF_HISTORY, date=words.day(verdict.since))


def _sample(verdict: Verdict, words: Catalogue) -> dict[str, object]:
    return {
        "sample": words.number(verdict.sample),
        "words": words.count_word(verdict.window),
        "year": verdict.since.year,
        "overlapping": words.say("overlapping") if verdict.window > 1 else "",
    }


def _as_bad(verdict: Verdict) -> int:
    """How many moves of the sample, this one included, were as bad."""
    assert verdict.percentile is not None
    return round(verdict.percentile * verdict.sample / 100)


def _share(count: int, sample: int, words: Catalogue) -> str:
    """`count` of `sample` as a percentage, rounded up so that "among the worst" stays true; never 0."""
    share = 100 * count / sample
    decimals = 2 if share < 1 else 1
    scale = 10**decimals
    return words.percent(math.ceil(share * scale - 1e-9) / scale / 100, decimals, sign=False)


def _breadth(context: Context, words: Catalogue) -> str:
    total, fell, known = len(context.members), context.fell, context.known
    facts = [words.say("all_fell", count=total) if fell == total else words.say("some_fell", count=total, fell=fell)]
    if known < total:
        facts.append(words.say("unpriced", count=total - known))
    if context.plunged:
        facts.append(words.say("plunged", count=context.plunged, limit=_limit(PLUNGE, words)))
    return words.join(facts, "clause")


def _parts(verdict: Verdict, context: Context, words: Catalogue) -> Iterator[str]:
    """Who weighed most. Parts are of a whole only if nobody's gain stands against them."""
    dragging = [share for share in context.members if share.contribution < 0]
    whole = all(share.contribution <= 0 for share in context.members)
    total = words.decimal(verdict.move * 100)

    def say(share: MemberShare) -> str:
        points = words.decimal(share.contribution * 100)
        part = words.say("points_of" if whole else "points", points=points, total=total)
        moved = share.symbol if share.move is None else f"{share.symbol} {words.percent(share.move)}"
        return words.say("part", moved=moved, points=part)

    if dragging:
        yield words.say("parts", parts=words.join([say(share) for share in dragging[:MOST_NAMED]]))


def _entered(name: str, verdict: Verdict, words: Catalogue) -> str:
    state = _state(verdict.entered, words)
    if verdict.holes:
        return words.say("entered_holes", name=name, state=state, count=verdict.holes)
    drawdown, depth = words.percent(verdict.drawdown), words.percent(verdict.drawdown, sign=False)
    date = words.day(verdict.peak_session)
    return words.say("entered", name=name, state=state, drawdown=drawdown, depth=depth, date=date)


def _entries(entries: tuple[StateEntry, ...], words: Catalogue) -> Iterator[str]:
    by_depth = sorted(entries, key=lambda entry: entry.verdict.drawdown)
    for entry in by_depth[:MOST_NAMED]:
        yield _entered(words.say("ticker", name=entry.symbol), entry.verdict, words)
    if more := len(by_depth[MOST_NAMED:]):
        yield words.say("more_entered", count=more)


def _state(state: State, words: Catalogue) -> str:
    names = words.phrases["state"]
    assert isinstance(names, dict)
    return names[state.word]


def _against(name: str, contrast: Contrast, words: Catalogue) -> str:
    """The other side; how rare it is to be so far behind it, not how far the two are apart either way."""
    gap = contrast.gap
    line = words.say("against", other=contrast.other.name(words.language), move=words.percent(contrast.other_move))
    if gap.move < 0 and gap.record and whole_months(gap.since, gap.session) >= 12 * YEARS_OF_HISTORY:
        return line + words.say("behind_record", name=name, date=words.day(gap.since))
    if gap.move < 0 and gap.worst_since is not None and whole_months(gap.worst_since, gap.session) >= 1:
        return line + words.say("behind_since", name=name, date=words.day(gap.worst_since))
    return line


def _foot(alert: Alert, context: Context, words: Catalogue) -> str:
    basket = context.sides[0][0]
    kind = words.say(basket.prices)
    if len(basket.members) == 1:
        return words.say("short_foot", prices=kind, id=alert.episode)
    present, listed = words.number(context.present), words.number(context.listed)
    return words.say("foot", present=present, listed=listed, prices=kind, id=alert.episode)
