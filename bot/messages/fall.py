"""What is said of a basket that fell, what weighs most first?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.alerts import Alert, Phase, whole_months
from bot.context import PLUNGE, Context, Contrast, MemberShare, StateEntry
from bot.messages import wording
from bot.messages.catalogue import Catalogue
from bot.messages.history import beyond, followed, further_line, rarity
from bot.messages.wording import MOST_NAMED, Events
from bot.statistics import State, Verdict

MOST_DAYS = 5  # in more than a week, two sessions have the same weekday
MOST_LISTED = 6  # symbols in one place


def fall_lines(alert: Alert, context: Context, events: Events, words: Catalogue) -> Iterator[str]:
    basket, verdict = context.sides[0][0], wording.seen(alert)
    name, notable = basket.name(words.language), wording.notable(verdict)
    decimals = wording.decimals_of(verdict.move, context.yardstick) if notable else 1
    icon, time = wording.icon(alert), wording.time_of(alert, context)
    yield wording.headline(icon, name, verdict, decimals, events, words, time)
    facts = [wording.closed(alert, context, words), *_days(context, words)]
    if notable:
        facts += wording.held_against("as_bad", "worst_before", verdict, context.yardstick, decimals, words)
        facts += _then(verdict, context, words)
    yield words.dotted(facts)
    yield words.dotted([*wording.rank(verdict, words), *rarity(context.history, words)])
    yield from further_line(context.further, words)
    yield from beyond(verdict, decimals, context.history, words)
    if len(basket.members) > 1:
        yield _breadth(context, words, provisional=bool(time))
        yield from _parts(verdict, context, words)
    final = alert.phase is Phase.FINAL
    if final and context.entered is not None and verdict.entered >= State.CORRECTION:
        yield wording.entry_line(name, context.entered, words)
    if final:
        yield from _entries(context.entries, words)
    if context.contrast is not None and context.contrast.gap.move <= verdict.move / 2 < 0:
        yield _against(context.contrast, words)
    yield from followed(name, verdict, context, words)
    yield wording.foot(alert, context, words)


def state_lines(alert: Alert, context: Context, words: Catalogue) -> Iterator[str]:
    """Of a basket that entered a drawdown state."""
    assert context.entered is not None  # the alert is about it
    basket, verdict = context.sides[0][0], context.entered.verdict
    entry = wording.entry_line(basket.name(words.language), context.entered, words)
    yield f"{wording.ICONS[alert.severity]} {entry}"
    window = wording.window_words(verdict.window, words)
    moved = words.say("moved", moves=words.percent(verdict.move), window=window)
    yield words.dotted([wording.closed(alert, context, words), moved, *_days(context, words)])
    if len(basket.members) > 1:
        yield _breadth(context, words, provisional=False)
    yield from _entries(context.entries, words)
    yield wording.foot(alert, context, words)


def _days(context: Context, words: Catalogue) -> Iterator[str]:
    """The daily moves that compound to the whole one."""
    if 1 < len(context.days) <= MOST_DAYS:
        yield words.join(
            [words.say("day", move=words.percent(move), weekday=words.weekday(day)) for day, move in context.days]
        )


def _then(verdict: Verdict, context: Context, words: Catalogue) -> Iterator[str]:
    """How many of today's members there were when it was last as bad, if not all."""
    then = context.traded_then
    if then is not None and then < context.listed and not verdict.record:
        yield words.say("then", then=words.number(then), listed=words.number(context.listed))


def _breadth(context: Context, words: Catalogue, *, provisional: bool) -> str:
    """How many fell, how many of them far: by the close, and at some moment of a session."""
    total, fell, known = len(context.members), context.fell, context.known
    live = "_live" if provisional else ""
    fact = f"all_fell{live}" if fell == total else f"some_fell{live}"
    facts = [words.say(fact, count=total, fell=fell)]
    far = [one.symbol for one in context.members if one.fell_far]
    plunged = [one.symbol for one in context.members if one.plunged]
    limit = wording.limit(PLUNGE, words)
    if far:
        facts.append(words.say(f"fell_far{live}", count=len(far), limit=limit, names=_listed(far, total, words)))
    if plunged:
        names = words.say("the_same") if set(plunged) == set(far) else _listed(plunged, total, words)
        facts.append(words.say("plunged", count=len(plunged), limit=limit, names=names))
    unknown = sorted(one.symbol for one in context.members if one.low_gap and not one.plunged)
    if unknown and (far or plunged):
        facts.append(words.say("lows_unknown", symbols=wording.named(list(unknown), words)))
    if known < total:
        facts.append(words.say("unpriced", count=total - known))
    return words.join(facts, "clause")


def _listed(symbols: Sequence[str], total: int, words: Catalogue) -> str:
    """Who they are, if they are not all and not too many."""
    if len(symbols) == total or len(symbols) > MOST_LISTED:
        return ""
    return words.say("listed", names=words.join(sorted(symbols)))


def _parts(verdict: Verdict, context: Context, words: Catalogue) -> Iterator[str]:
    """Who weighed most. Parts are of a whole only if nobody's gain stands against them."""
    dragging = [one for one in context.members if one.contribution < 0]
    most = dragging[:MOST_NAMED]
    if not most:
        return
    if len(dragging) > len(most) and all(one.contribution <= 0 for one in context.members):
        yield words.say(
            "points_from",
            points=words.decimal(sum(one.contribution for one in most) * 100),
            total=words.decimal(verdict.move * 100),
            words=words.count_word(len(most)),
            parts=words.join([_part(one, "part", words) for one in most]),
        )
    else:
        yield words.say("parts", parts=words.join([_part(one, "part_points", words) for one in most]))


def _part(member: MemberShare, phrase: str, words: Catalogue) -> str:
    moved = member.symbol if member.move is None else f"{member.symbol} {words.percent(member.move)}"
    return words.say(phrase, moved=moved, points=words.decimal(member.contribution * 100))


def _entries(entries: tuple[StateEntry, ...], words: Catalogue) -> Iterator[str]:
    """A member alone with everything about it; several of one state in one line."""
    for state in sorted({one.verdict.entered for one in entries}, reverse=True):
        same = sorted((one for one in entries if one.verdict.entered == state), key=_known_and_deep)
        if len(same) == 1:
            yield wording.entry_line(words.say("ticker", name=same[0].symbol), same[0], words)
            continue
        names = [_entry(one, "entry" if at else "first_entry", words) for at, one in enumerate(same[:MOST_NAMED])]
        more = len(same) - len(names)
        yield words.say(
            "entered_together",
            state=wording.state_words(state, words),
            entries=words.join(names),
            more=words.say("more_entered", count=more) if more else "",
        )


def _known_and_deep(entry: StateEntry) -> tuple[bool, float]:
    return bool(entry.verdict.holes), entry.verdict.drawdown


def _entry(entry: StateEntry, phrase: str, words: Catalogue) -> str:
    if entry.verdict.holes:
        return str(entry.symbol)
    drawdown, date = words.percent(entry.verdict.drawdown), words.day(entry.verdict.peak_session)
    return words.say(phrase, name=entry.symbol, drawdown=drawdown, date=date)


def _against(contrast: Contrast, words: Catalogue) -> str:
    """The other side, and how rare it is to be so far behind it: not how far the two are apart either way."""
    gap = contrast.gap
    other, move = contrast.other.name(words.language), words.percent(contrast.other_move)
    line = words.say("against", other=other, move=move, points=words.decimal(gap.move * 100))
    if gap.record and wording.years_enough(gap):
        return line + words.say("behind_record", date=words.day(gap.since))
    if gap.worst_since is not None and whole_months(gap.worst_since, gap.session) >= 1:
        return line + words.say("behind_since", date=words.day(gap.worst_since))
    return line
