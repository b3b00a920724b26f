"""Text of an alert: basket, state, contrast, members; 900-character budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.alerts.conditions import whole_months
from bot.alerts.episodes import Alert
from bot.baskets import Basket
from bot.context.model import PLUNGE, AlertContext, Contrast, MemberContribution, StateEntry
from bot.messages import wording
from bot.messages.catalogue import Catalogue, load_catalogue
from bot.messages.history_text import further_fall_line, next_state_and_precedents, nth_fall_line, rarity_facts
from bot.messages.message import Message, sanitize, utf16_length, visible_text
from bot.messages.wording import MAX_NAMES, Events
from bot.statistics.verdict import DrawdownState, Verdict

MAX_ALERT_LENGTH = (
    900  # UTF-16 units, as Telegram counts: it then fits under a chart, with room for what is added on the way
)
STATUS_ICON = "📊"


def render_alert(alert: Alert, context: AlertContext, events: Events, language: str) -> Message:
    """The message of an alert in one of `languages()`. The first line says it all; later lines weigh less and less.

    Lines that would make it longer than LONGEST are dropped whole, the lightest first. The first line and the last one,
    which says what the prices are and how to refer to the alert, stay.
    """
    words = load_catalogue(language)
    if alert.subject.against:
        lines = contrast_alert_lines(alert, context, events, words)
    elif alert.subject.member or alert.rule.uses_condition("day_low"):
        lines = member_alert_lines(alert, context, events, words)
    elif context.entered is not None and alert.rule.uses_condition("enters"):
        lines = state_alert_lines(alert, context, words)
    else:
        icon = wording.ICONS[alert.severity]
        lines = basket_alert_lines(icon, wording.verdict_of(alert), context, events, words, alert.episode)
    return trim_to_budget(Message(language, tuple(map(sanitize, lines))))  # no alert is born with a link


def render_status(verdict: Verdict, context: AlertContext, events: Events, words: Catalogue) -> Message:
    """The message of a session of a basket, in the form of an alert; at most LONGEST long."""
    lines = basket_alert_lines(STATUS_ICON, verdict, context, events, words)
    return trim_to_budget(Message(words.language, tuple(map(sanitize, lines))))


def trim_to_budget(message: Message, tail: int = 1) -> Message:
    """The message without as many of the lines above the last `tail` as it takes; the first one stays."""
    kept = list(message.lines)
    while len(kept) > tail + 1 and not fits_budget(kept):
        del kept[-tail - 1]
    return message if len(kept) == len(message.lines) else Message(message.language, tuple(kept))


def fits_budget(lines: list[str]) -> bool:
    return utf16_length(visible_text("\n".join(lines))) <= MAX_ALERT_LENGTH


MAX_DAYS = 5  # in more than a week, two sessions have the same weekday
MAX_SYMBOLS_LISTED = 6  # symbols in one place


def basket_alert_lines(
    icon: str, verdict: Verdict, context: AlertContext, events: Events, words: Catalogue, episode: str = ""
) -> Iterator[str]:
    """The lines of an alert about a basket's move, or without an `episode` of any session of a basket."""
    basket = context.sides[0][0]
    name, notable = basket.name(words.language), wording.is_notable(verdict)
    decimals = wording.decimals_needed(verdict.move, context.yardstick) if notable else 1
    time = wording.price_time_label(context)
    yield wording.headline_text(icon, name, verdict, decimals, events, words, time)
    facts = [wording.close_label(verdict.session, context, words), *_days(context, words)]
    if notable:
        facts += wording.reference_move_text("as_bad", "worst_before", verdict, context.yardstick, decimals, words)
        facts += _then(verdict, context, words)
    yield words.dotted(facts)
    yield words.dotted([*wording.rank_facts(verdict, words), *rarity_facts(context.history, words)])
    yield from further_fall_line(context.further, words)
    yield from nth_fall_line(verdict, decimals, context.history, words)
    if len(basket.members) > 1:
        yield _breadth(context, words, provisional=bool(time))
        yield from _parts(verdict, context, words)
    if not time and context.entered is not None and verdict.entered_state >= DrawdownState.CORRECTION:
        yield wording.state_entry_line(name, context.entered, words)
    if not time:
        yield from _entries(context.entries, words)
    if context.contrast is not None and context.contrast.gap.move <= verdict.move / 2 < 0:
        yield _against(context.contrast, words)
    yield from next_state_and_precedents(name, verdict, context, words)
    yield wording.footer(context, words, episode)


def state_alert_lines(alert: Alert, context: AlertContext, words: Catalogue) -> Iterator[str]:
    """Of a basket that entered a drawdown state."""
    assert context.entered is not None  # the alert is about it
    basket, verdict = context.sides[0][0], context.entered.verdict
    entry = wording.state_entry_line(basket.name(words.language), context.entered, words)
    yield f"{wording.ICONS[alert.severity]} {entry}"
    window = wording.window_text(verdict.window, words)
    moved = words.say("moved", moves=words.percent(verdict.move), window=window)
    yield words.dotted([wording.close_label(alert.session, context, words), moved, *_days(context, words)])
    if len(basket.members) > 1:
        yield _breadth(context, words, provisional=False)
    yield from _entries(context.entries, words)
    yield wording.footer(context, words, alert.episode)


def _days(context: AlertContext, words: Catalogue) -> Iterator[str]:
    """The daily moves that compound to the whole one."""
    if 1 < len(context.days) <= MAX_DAYS:
        yield words.join(
            [words.say("day", move=words.percent(move), weekday=words.weekday(day)) for day, move in context.days]
        )


def _then(verdict: Verdict, context: AlertContext, words: Catalogue) -> Iterator[str]:
    """How many of today's members there were when it was last as bad, if not all."""
    then = context.traded_then
    if then is not None and then < context.listed and not verdict.record:
        yield words.say("then", then=words.number(then), listed=words.number(context.listed))


def _breadth(context: AlertContext, words: Catalogue, *, provisional: bool) -> str:
    """How many fell, how many of them far: by the close, and at some moment of a session."""
    total, fell, priced = len(context.members), context.fell, context.known
    live = "_live" if provisional else ""
    fact = f"all_fell{live}" if fell == total else f"some_fell{live}"
    facts = [words.say(fact, count=total, fell=fell)]
    far = [member.symbol for member in context.members if member.fell_far]
    plunged = [member.symbol for member in context.members if member.plunged]
    limit = wording.limit_text(PLUNGE, words)
    if far:
        facts.append(words.say(f"fell_far{live}", count=len(far), limit=limit, names=_listed(far, total, words)))
    if plunged:
        names = words.say("the_same") if set(plunged) == set(far) else _listed(plunged, total, words)
        facts.append(words.say("plunged", count=len(plunged), limit=limit, names=names))
    unknown = sorted(member.symbol for member in context.members if member.low_gap and not member.plunged)
    if unknown and (far or plunged):
        facts.append(words.say("lows_unknown", symbols=wording.join_names(list(unknown), words)))
    if priced < total:
        facts.append(words.say("unpriced", count=total - priced))
    return words.join(facts, "clause")


def _listed(symbols: Sequence[str], total: int, words: Catalogue) -> str:
    """Who they are, if they are not all and not too many."""
    if len(symbols) == total or len(symbols) > MAX_SYMBOLS_LISTED:
        return ""
    return words.say("listed", names=words.join(sorted(symbols)))


def _parts(verdict: Verdict, context: AlertContext, words: Catalogue) -> Iterator[str]:
    """Who weighed most. Parts are of a whole only if nobody's gain stands against them."""
    dragging = [member for member in context.members if member.contribution < 0]
    most = dragging[:MAX_NAMES]
    if not most:
        return
    if len(dragging) > len(most) and all(member.contribution <= 0 for member in context.members):
        yield words.say(
            "points_from",
            points=words.decimal(sum(member.contribution for member in most) * 100),
            total=words.decimal(verdict.move * 100),
            words=words.count_word(len(most)),
            parts=words.join([_part(member, "part", words) for member in most]),
        )
    else:
        yield words.say("parts", parts=words.join([_part(member, "part_points", words) for member in most]))


def _part(member: MemberContribution, phrase: str, words: Catalogue) -> str:
    moved = member.symbol if member.move is None else f"{member.symbol} {words.percent(member.move)}"
    return words.say(phrase, moved=moved, points=words.decimal(member.contribution * 100))


def _entries(entries: tuple[StateEntry, ...], words: Catalogue) -> Iterator[str]:
    """A member alone with everything about it; several of one state in one line."""
    for state in sorted({entry.verdict.entered_state for entry in entries}, reverse=True):
        same = sorted((entry for entry in entries if entry.verdict.entered_state == state), key=_known_and_deep)
        if len(same) == 1:
            yield wording.state_entry_line(words.say("ticker", name=same[0].symbol), same[0], words)
            continue
        names = [_entry(entry, "entry" if at else "first_entry", words) for at, entry in enumerate(same[:MAX_NAMES])]
        more = len(same) - len(names)
        yield words.say(
            "entered_together",
            state=wording.state_text(state, words),
            entries=words.join(names),
            more=words.say("more_entered", count=more) if more else "",
        )


def _known_and_deep(entry: StateEntry) -> tuple[bool, float]:
    return bool(entry.verdict.missing_sessions), entry.verdict.drawdown


def _entry(entry: StateEntry, phrase: str, words: Catalogue) -> str:
    if entry.verdict.missing_sessions:
        return str(entry.symbol)
    drawdown, date = words.percent(entry.verdict.drawdown), words.day(entry.verdict.peak_session)
    return words.say(phrase, name=entry.symbol, drawdown=drawdown, date=date)


def _against(contrast: Contrast, words: Catalogue) -> str:
    """The other side, and how rare it is to be so far behind it: not how far the two are apart either way."""
    gap = contrast.gap
    name, move = contrast.counterpart.name(words.language), words.percent(contrast.counterpart_move)
    line = words.say("against", other=name, move=move, points=words.decimal(gap.move * 100))
    if gap.record and wording.has_enough_years(gap):
        return line + words.say("behind_record", date=words.day(gap.since))
    if gap.worst_since is not None and whole_months(gap.worst_since, gap.session) >= 1:
        return line + words.say("behind_since", date=words.day(gap.worst_since))
    return line


def contrast_alert_lines(alert: Alert, context: AlertContext, events: Events, words: Catalogue) -> Iterator[str]:
    verdict, upward = wording.verdict_of(alert), alert.rule.upward
    (first, _), (second, _) = context.sides
    notable = wording.is_notable(verdict, upward=upward)
    decimals = wording.decimals_needed(verdict.move, context.yardstick) if notable else 1
    time = wording.price_time_label(context)
    live = "_live" if time else ""
    yield words.say(
        f"ahead{live}" if verdict.move > 0 else f"behind{live}",
        icon=wording.ICONS[alert.severity],
        one=first.name(words.language),
        other=second.name(words.language),
        points=words.decimal(verdict.move * 100, decimals),
        window=wording.window_text(verdict.window, words),
        claim=wording.rarity_claim("widening" if time else "widest", verdict, events, words) if notable else "",
        time=time,
    )
    facts = [wording.close_label(alert.session, context, words)]
    facts += [f"{side.name(words.language)} {words.percent(move)}" for side, move in context.sides if move is not None]
    if notable:
        facts += wording.reference_move_text("as_wide", "widest_before", verdict, context.yardstick, decimals, words)
    yield words.dotted(facts)
    if verdict.percentile is not None:
        as_wide = verdict.sample - verdict.rank + 1 if upward else wording.count_as_bad(verdict)
        widest = wording.share_text(as_wide, verdict.sample, words)
        yield words.say("contrast_rank", share=widest, **wording.sample_fields(verdict, words))
    yield wording.footer(context, words, alert.episode)


def member_alert_lines(alert: Alert, context: AlertContext, events: Events, words: Catalogue) -> Iterator[str]:
    """A headline that names the members, then a line for each."""
    basket = context.sides[0][0]
    time = wording.price_time_label(context)
    if alert.rule.uses_condition("day_low"):
        lines = _plunges(alert, basket, words, time)
    elif alert.rule.uses_condition("enters") and context.entries:
        lines = _states(context, words)
    else:
        lines = _falls(alert, events, words, time)
    icon, name = wording.ICONS[alert.severity], basket.name(words.language)
    yield words.say("members_headline", icon=icon, name=name, said=next(lines))
    yield wording.close_label(alert.session, context, words)
    yield from lines
    yield wording.footer(context, words, alert.episode)


def _plunges(alert: Alert, basket: Basket, words: Catalogue, time: str) -> Iterator[str]:
    live = "_live" if time else ""
    limits = [
        decision.level.day_low
        for decision in alert.decisions
        if decision.level is not None and decision.level.day_low is not None
    ]
    lows = [(decision.subject.member or basket.symbols[0], decision.evidence) for decision in alert.decisions]
    symbols = wording.join_names([symbol for symbol, _ in lows], words)
    yield words.say("plunged_low", symbols=symbols, limit=wording.limit_text(max(limits), words))
    for symbol, seen in lows:
        assert seen.verdict is not None  # the rung asked for it,
        assert seen.day_low is not None  # and for this
        low, close = words.percent(seen.day_low), words.percent(seen.verdict.daily_return)
        yield words.say(f"low_line{live}", symbol=symbol, low=low, close=close)


def _states(context: AlertContext, words: Catalogue) -> Iterator[str]:
    entered = context.entries
    states = {entry.verdict.entered_state for entry in entered}
    lines = [
        wording.state_entry_line(words.say("ticker", name=entry.symbol), entry, words)
        for entry in sorted(entered, key=lambda entry: entry.verdict.drawdown)
    ]
    if len(lines) > 1:
        phrase = "entered_state" if len(states) == 1 else "entered_or_worse"
        symbols = wording.join_names([str(entry.symbol) for entry in entered], words)
        yield words.say(phrase, symbols=symbols, state=wording.state_text(min(states), words))
    yield from lines


def _falls(alert: Alert, events: Events, words: Catalogue, time: str) -> Iterator[str]:
    fallen = sorted(
        ((decision.subject.member, _verdict(decision.evidence.verdict)) for decision in alert.decisions), key=_depth
    )
    moves = [f"{symbol} {words.percent(verdict.move)}" for symbol, verdict in fallen]
    moves_text = words.join(moves) if len(moves) <= MAX_NAMES else words.say("many", count=len(moves))
    yield words.say("moved", moves=moves_text, window=wording.window_text(alert.rule.window, words))
    for symbol, verdict in fallen:
        yield wording.headline_text("•", words.say("ticker", name=symbol), verdict, 1, events, words, time)


def _depth(fallen: tuple[str, Verdict]) -> float:
    return fallen[1].move


def _verdict(verdict: Verdict | None) -> Verdict:
    assert verdict is not None  # only a verdict can reach a rung
    return verdict
