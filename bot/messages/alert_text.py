"""Text of an alert: basket, state, contrast, members; 900-character budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.alerts.episodes import Alert
from bot.baskets import Basket
from bot.context.model import PLUNGE, AlertContext, Contrast, StateEntry
from bot.messages import wording
from bot.messages.catalogue import Catalogue, load_catalogue
from bot.messages.history_text import further_fall_line, next_state_and_precedents, nth_fall_line, rarity_facts
from bot.messages.message import Message, sanitize, utf16_length, visible_text
from bot.messages.wording import MAX_NAMES, Events
from bot.statistics.measure import whole_months
from bot.statistics.verdict import DrawdownState, Verdict

# UTF-16 units, as Telegram counts: it then fits under a chart, with room for notes and headlines.
MAX_ALERT_LENGTH = 900
STATUS_ICON = "📊"
MAX_DAYS = 5  # in more than a week, two sessions have the same weekday
MAX_SYMBOLS_LISTED = 6


def render_alert(alert: Alert, context: AlertContext, events: Events, language: str) -> Message:
    """The message of an alert in one of `languages()`: a complete first line, then lines by falling importance.

    Over MAX_ALERT_LENGTH, whole lines are dropped from the end; the first line and the footer stay.
    """
    catalogue, rule = load_catalogue(language), alert.rule
    if alert.subject.against:
        lines = contrast_alert_lines(alert, context, events, catalogue)
    elif alert.subject.member or rule.uses_condition("day_low"):
        lines = member_alert_lines(alert, context, events, catalogue)
    elif context.entered is not None and rule.uses_condition("enters"):
        lines = state_alert_lines(alert, context, context.entered, catalogue)
    else:
        icon, verdict = wording.ICONS[alert.severity], wording.verdict_of(alert.decisions[0])
        lines = basket_alert_lines(icon, verdict, context, events, catalogue)
    return _trimmed(lines, wording.footer(context, catalogue, alert.episode), language)


def render_status(verdict: Verdict, context: AlertContext, events: Events, catalogue: Catalogue) -> Message:
    """The message of a session of a basket, in the form of an alert; at most MAX_ALERT_LENGTH long."""
    lines = basket_alert_lines(STATUS_ICON, verdict, context, events, catalogue)
    return _trimmed(lines, wording.footer(context, catalogue), catalogue.language)


def _trimmed(lines: Iterator[str], footer: str, language: str) -> Message:
    return trim_to_budget(Message(language, tuple(map(sanitize, (*lines, footer)))))  # no alert has a link at first


def trim_to_budget(message: Message, tail: int = 1) -> Message:
    """The message within MAX_ALERT_LENGTH: lines above the last `tail` are dropped, the lowest first."""
    lines = list(message.lines)
    while len(lines) > tail + 1 and not fits_budget(lines):
        del lines[-tail - 1]
    return Message(message.language, tuple(lines))


def fits_budget(lines: list[str]) -> bool:
    return utf16_length(visible_text("\n".join(lines))) <= MAX_ALERT_LENGTH


def basket_alert_lines(
    icon: str, verdict: Verdict, context: AlertContext, events: Events, catalogue: Catalogue
) -> Iterator[str]:
    """The lines about a basket's move, in an alert or a status."""
    basket = context.sides[0][0]
    name, notable = basket.name(catalogue.language), wording.is_notable(verdict)
    decimals = wording.decimals_needed(verdict.move, context.reference) if notable else 1
    time = wording.price_time_label(context)
    yield wording.headline_text(icon, name, verdict, decimals, events, catalogue, time)
    facts = [wording.close_label(verdict.session, context, catalogue), *daily_moves(context, catalogue)]
    if notable:
        facts += wording.reference_move_text("as_bad", "worst_before", verdict, context.reference, decimals, catalogue)
        then, listed = context.traded_then, context.listed
        if then is not None and then < listed and not verdict.record:
            facts.append(catalogue.say("then", then=catalogue.number(then), listed=catalogue.number(listed)))
    yield catalogue.join(facts, "dot")
    yield catalogue.join([*wording.rank_facts(verdict, catalogue), *rarity_facts(context.history, catalogue)], "dot")
    yield from further_fall_line(context.further, catalogue)
    yield from nth_fall_line(verdict, decimals, context.history, catalogue)
    if len(basket.members) > 1:
        yield breadth_line(context, catalogue, provisional=bool(time))
        yield from contribution_line(verdict, context, catalogue)
    if not time:
        if context.entered is not None and verdict.entered_state >= DrawdownState.CORRECTION:
            yield wording.state_entry_line(name, context.entered, catalogue)
        yield from state_entry_lines(context.entries, catalogue)
    if context.contrast is not None and context.contrast.gap.move <= verdict.move / 2 < 0:
        yield contrast_line(context.contrast, catalogue)
    yield from next_state_and_precedents(name, verdict, context, catalogue)


def state_alert_lines(alert: Alert, context: AlertContext, entered: StateEntry, catalogue: Catalogue) -> Iterator[str]:
    """The lines of an alert about a basket that entered a drawdown state."""
    basket, verdict = context.sides[0][0], entered.verdict
    entry = wording.state_entry_line(basket.name(catalogue.language), entered, catalogue)
    yield f"{wording.ICONS[alert.severity]} {entry}"
    window = wording.window_text(verdict.window, catalogue)
    moved = catalogue.say("moved", moves=catalogue.percent(verdict.move), window=window)
    close = wording.close_label(alert.session, context, catalogue)
    yield catalogue.join([close, moved, *daily_moves(context, catalogue)], "dot")
    if len(basket.members) > 1:
        yield breadth_line(context, catalogue, provisional=False)
    yield from state_entry_lines(context.entries, catalogue)


def daily_moves(context: AlertContext, catalogue: Catalogue) -> list[str]:
    """One fact: the daily moves that compound to the whole move; none for one day, or for more than MAX_DAYS."""
    if not 1 < len(context.days) <= MAX_DAYS:
        return []
    days = [
        catalogue.say("day", move=catalogue.percent(move), weekday=catalogue.weekday(day)) for day, move in context.days
    ]
    return [catalogue.join(days)]


def breadth_line(context: AlertContext, catalogue: Catalogue, *, provisional: bool) -> str:
    """The number of members that fell, and those that fell beyond PLUNGE by the close or during a session."""
    members, total, live = context.members, len(context.members), "_live" if provisional else ""

    def listed(symbols: Sequence[str]) -> str:
        if len(symbols) == total or len(symbols) > MAX_SYMBOLS_LISTED:
            return ""
        return catalogue.say("listed", names=catalogue.join(sorted(symbols)))

    fact = f"all_fell{live}" if context.fell == total else f"some_fell{live}"
    facts = [catalogue.say(fact, count=total, fell=context.fell)]
    far = [member.symbol for member in members if member.fell_far]
    plunged = [member.symbol for member in members if member.plunged]
    limit = wording.limit_text(PLUNGE, catalogue)
    if far:
        facts.append(catalogue.say(f"fell_far{live}", count=len(far), limit=limit, names=listed(far)))
    if plunged:
        names = catalogue.say("the_same") if set(plunged) == set(far) else listed(plunged)
        facts.append(catalogue.say("plunged", count=len(plunged), limit=limit, names=names))
    unknown: list[str] = sorted(member.symbol for member in members if member.low_gap and not member.plunged)
    if unknown and (far or plunged):
        facts.append(catalogue.say("lows_unknown", symbols=wording.join_names(unknown, catalogue)))
    if context.known < total:
        facts.append(catalogue.say("unpriced", count=total - context.known))
    return catalogue.join(facts, "clause")


def contribution_line(verdict: Verdict, context: AlertContext, catalogue: Catalogue) -> Iterator[str]:
    """The largest negative contributions; they are parts of a whole only if no contribution is positive."""
    negative = [member for member in context.members if member.contribution < 0]
    largest = negative[:MAX_NAMES]
    if not largest:
        return
    of_whole = len(negative) > len(largest) and all(member.contribution <= 0 for member in context.members)
    parts = []
    for member in largest:
        moved = member.symbol if member.move is None else f"{member.symbol} {catalogue.percent(member.move)}"
        points = catalogue.decimal(member.contribution * 100)
        parts.append(catalogue.say("part" if of_whole else "part_points", moved=moved, points=points))
    if not of_whole:
        yield catalogue.say("parts", parts=catalogue.join(parts))
        return
    points = catalogue.decimal(sum(member.contribution for member in largest) * 100)
    figures = {"points": points, "total": catalogue.decimal(verdict.move * 100)}
    yield catalogue.say("points_from", words=catalogue.count_word(len(largest)), parts=catalogue.join(parts), **figures)


def state_entry_lines(entries: tuple[StateEntry, ...], catalogue: Catalogue) -> Iterator[str]:
    """By state, the deepest first: a single member with all figures, several members in one line."""
    for state in sorted({entry.verdict.entered_state for entry in entries}, reverse=True):
        same = [entry for entry in entries if entry.verdict.entered_state == state]
        same.sort(key=lambda entry: (bool(entry.verdict.missing_sessions), entry.verdict.drawdown))
        if len(same) == 1:
            yield wording.state_entry_line(catalogue.say("ticker", name=same[0].symbol), same[0], catalogue)
            continue
        names: list[str] = []
        for entry in same[:MAX_NAMES]:
            phrase, fields = "entry" if names else "first_entry", wording.drawdown_fields(entry.verdict, catalogue)
            in_full = catalogue.say(phrase, name=entry.symbol, **fields)
            names.append(str(entry.symbol) if entry.verdict.missing_sessions else in_full)
        word, joined, more = catalogue.word("state", state.word), catalogue.join(names), len(same) - len(names)
        rest = catalogue.say("more_entered", count=more) if more else ""
        yield catalogue.say("entered_together", state=word, entries=joined, more=rest)


def contrast_line(contrast: Contrast, catalogue: Catalogue) -> str:
    """The contrasted basket, and how rare it is to be so far behind it, not so far apart either way."""
    gap = contrast.gap
    name, move = contrast.counterpart.name(catalogue.language), catalogue.percent(contrast.counterpart_move)
    line = catalogue.say("against", other=name, move=move, points=catalogue.decimal(gap.move * 100))
    if gap.record and wording.has_enough_years(gap):
        return line + catalogue.say("behind_record", date=catalogue.day(gap.since))
    if gap.worst_since is not None and whole_months(gap.worst_since, gap.session) >= 1:
        return line + catalogue.say("behind_since", date=catalogue.day(gap.worst_since))
    return line


def contrast_alert_lines(alert: Alert, context: AlertContext, events: Events, catalogue: Catalogue) -> Iterator[str]:
    """The lines of an alert about the spread of two baskets."""
    verdict, upward = wording.verdict_of(alert.decisions[0]), alert.rule.upward
    names = [basket.name(catalogue.language) for basket, _ in context.sides]
    notable = wording.is_notable(verdict, upward=upward)
    decimals = wording.decimals_needed(verdict.move, context.reference) if notable else 1
    time = wording.price_time_label(context)
    live = "_live" if time else ""
    phrase, icon = f"ahead{live}" if verdict.move > 0 else f"behind{live}", wording.ICONS[alert.severity]
    fields = {"one": names[0], "other": names[1], "points": catalogue.decimal(verdict.move * 100, decimals)}
    claim = wording.rarity_claim("widening" if time else "widest", verdict, events, catalogue) if notable else ""
    window = wording.window_text(verdict.window, catalogue)
    yield catalogue.say(phrase, icon=icon, window=window, claim=claim, time=time, **fields)
    facts = [wording.close_label(alert.session, context, catalogue)]
    moves = zip(names, (move for _, move in context.sides), strict=True)
    facts += [f"{name} {catalogue.percent(move)}" for name, move in moves if move is not None]
    if notable:
        facts += wording.reference_move_text(
            "as_wide", "widest_before", verdict, context.reference, decimals, catalogue
        )
    yield catalogue.join(facts, "dot")
    if verdict.percentile is not None:
        as_wide = verdict.sample - verdict.rank + 1 if upward else wording.count_as_bad(verdict)
        share = wording.share_text(as_wide, verdict.sample, catalogue)
        yield catalogue.say("contrast_rank", share=share, **wording.sample_fields(verdict, catalogue))


def member_alert_lines(alert: Alert, context: AlertContext, events: Events, catalogue: Catalogue) -> Iterator[str]:
    """A headline that names the members, then a line for each."""
    basket, time = context.sides[0][0], wording.price_time_label(context)
    if alert.rule.uses_condition("day_low"):
        lines = plunge_lines(alert, basket, catalogue, "_live" if time else "")
    elif alert.rule.uses_condition("enters") and context.entries:
        lines = member_state_lines(context.entries, catalogue)
    else:
        lines = member_fall_lines(alert, events, catalogue, time)
    icon, name = wording.ICONS[alert.severity], basket.name(catalogue.language)
    yield catalogue.say("members_headline", icon=icon, name=name, said=next(lines))
    yield wording.close_label(alert.session, context, catalogue)
    yield from lines


def plunge_lines(alert: Alert, basket: Basket, catalogue: Catalogue, live: str) -> Iterator[str]:
    """A summary of the intraday lows, then a line for each."""
    symbols = [decision.subject.member or basket.symbols[0] for decision in alert.decisions]
    levels = [decision.level for decision in alert.decisions if decision.level is not None]
    limit = max(level.day_low for level in levels if level.day_low is not None)
    names = wording.join_names(symbols, catalogue)
    yield catalogue.say("plunged_low", symbols=names, limit=wording.limit_text(limit, catalogue))
    for symbol, decision in zip(symbols, alert.decisions, strict=True):
        day_low = decision.evidence.day_low
        assert day_low is not None  # the level has this condition
        low, close = catalogue.percent(day_low), catalogue.percent(wording.verdict_of(decision).daily_return)
        yield catalogue.say(f"low_line{live}", symbol=symbol, low=low, close=close)


def member_state_lines(entries: tuple[StateEntry, ...], catalogue: Catalogue) -> Iterator[str]:
    """A summary of the states entered, if there are several entries, then a line for each."""
    if len(entries) > 1:
        states = {entry.verdict.entered_state for entry in entries}
        phrase = "entered_state" if len(states) == 1 else "entered_or_worse"
        symbols = wording.join_names([str(entry.symbol) for entry in entries], catalogue)
        yield catalogue.say(phrase, symbols=symbols, state=catalogue.word("state", min(states).word))
    for entry in sorted(entries, key=lambda entry: entry.verdict.drawdown):
        yield wording.state_entry_line(catalogue.say("ticker", name=entry.symbol), entry, catalogue)


def member_fall_lines(alert: Alert, events: Events, catalogue: Catalogue, time: str) -> Iterator[str]:
    """A summary of the members' moves, then a line for each, the deepest first."""
    falls = [(decision.subject.member, wording.verdict_of(decision)) for decision in alert.decisions]
    falls.sort(key=lambda fall: fall[1].move)
    moves = [f"{symbol} {catalogue.percent(verdict.move)}" for symbol, verdict in falls]
    text = catalogue.join(moves) if len(moves) <= MAX_NAMES else catalogue.say("many", count=len(moves))
    yield catalogue.say("moved", moves=text, window=wording.window_text(alert.rule.window, catalogue))
    for symbol, verdict in falls:
        name = catalogue.say("ticker", name=symbol)
        yield wording.headline_text("•", name, verdict, 1, events, catalogue, time)
