"""Wording of single figures, claims and names."""

from __future__ import annotations

import math
from datetime import date

from bot.alerts.conditions import whole_months
from bot.alerts.episodes import Alert
from bot.alerts.rules import NamedEvent, Severity
from bot.context.model import AlertContext, ReferenceMove, StateEntry
from bot.messages.catalogue import Catalogue
from bot.statistics.measure import PERCENTILE_WINDOWS, YEARS_OF_HISTORY
from bot.statistics.verdict import DrawdownState, Verdict

ICONS = {Severity.NOTICE: "🟡", Severity.WARNING: "🟠", Severity.SEVERE: "🔴", Severity.EXTREME: "🚨"}
MAX_NAMES = 3
MAX_DECIMALS = 4
Events = tuple[NamedEvent, ...]


def headline_text(
    icon: str, name: str, verdict: Verdict, decimals: int, events: Events, words: Catalogue, time: str = ""
) -> str:
    """Name, move and rarity; `time` is the price time of an open session ("" = closed)."""
    live = "_live" if time else ""
    plain = words.percent(verdict.move, decimals, sign=False)
    moved = words.say(
        f"moved_down{live}" if verdict.move < 0 else f"moved_up{live}",
        plain=plain,
        signed=words.percent(verdict.move, decimals),
    )
    claim = rarity_claim("course" if time else "claim", verdict, events, words) if is_notable(verdict) else ""
    window = window_text(verdict.window, words)
    return words.say(f"headline{live}", icon=icon, name=name, moved=moved, window=window, claim=claim, time=time)


def verdict_of(alert: Alert) -> Verdict:
    """The verdict that an alert of one decision is about."""
    verdict = alert.decisions[0].evidence.verdict
    assert verdict is not None  # an alert has reached a level
    return verdict


def price_time_label(context: AlertContext) -> str:
    """The time of provisional prices, with its zone; "" for final ones."""
    return f"{context.as_of:%H:%M} {context.as_of.tzname()}" if context.as_of else ""


def close_label(session: date, context: AlertContext, words: Catalogue) -> str:
    """Whether the prices of `session` are its closes or provisional."""
    time = price_time_label(context)
    return words.say("not_closed" if time else "closed", date=words.day(session), time=time)


def window_text(window: int, words: Catalogue) -> str:
    return words.say("window", count=window, words=words.count_word(window))


def is_notable(verdict: Verdict, *, upward: bool = False) -> bool:
    """Whether the rarity is worth a claim: a move of the right sign, and no overlapping window as bad."""
    sided = verdict.move > 0 if upward else verdict.move < 0
    return sided and (verdict.sessions_since_worst is None or verdict.sessions_since_worst >= verdict.window)


def has_enough_years(verdict: Verdict) -> bool:
    """Whether the history is long enough for claims in years."""
    return whole_months(verdict.since, verdict.session) >= 12 * YEARS_OF_HISTORY


def rarity_claim(kind: str, verdict: Verdict, events: Events, words: Catalogue) -> str:
    """The rarity the first line claims: on record, since a named event, in years, in months, or since a date."""
    count = words.count_word(verdict.window)
    if verdict.worst_since is None:
        if not has_enough_years(verdict):
            return ""
        years = whole_months(verdict.since, verdict.session) // 12
        return words.say(f"{kind}_record", count=years, date=words.day(verdict.since), words=count)
    since = words.day(verdict.worst_since)
    if event := next((event for event in events if event.first <= verdict.worst_since <= event.last), None):
        return words.say(f"{kind}_event", event=event.name(words.language), date=since, words=count)
    if verdict.worst_in_years is not None:
        return words.say(f"{kind}_years", count=verdict.worst_in_years, words=count)
    months = whole_months(verdict.worst_since, verdict.session)
    phrase = f"{kind}_months" if 0 < months < 12 else f"{kind}_since"
    return words.say(phrase, count=months, date=since, words=count)


def decimals_needed(move: float, yardstick: ReferenceMove | None) -> int:
    """The decimals, 1 to 4, that show the move to differ from the reference move and its runner-up."""
    others = () if yardstick is None else (yardstick.move, yardstick.runner_up)
    different = [other_move for other_move in others if other_move is not None and other_move != move]
    for decimals in range(1, MAX_DECIMALS):
        shown = round(abs(move) * 100, decimals)
        if all(shown != round(abs(other_move) * 100, decimals) for other_move in different):
            return decimals
    return MAX_DECIMALS


def reference_move_text(
    latest: str, before: str, verdict: Verdict, yardstick: ReferenceMove | None, decimals: int, words: Catalogue
) -> list[str]:
    if yardstick is None:
        return []
    return [
        words.say(
            before if verdict.record else latest,
            date=words.day(yardstick.session),
            move=words.percent(yardstick.move, decimals),
            points=words.decimal(yardstick.move * 100, decimals),
            count=verdict.sessions_since_worst or 0,
        )
    ]


def sample_fields(verdict: Verdict, words: Catalogue) -> dict[str, object]:
    return {
        "sample": words.number(verdict.sample),
        "words": words.count_word(verdict.window),
        "year": verdict.since.year,
        "overlapping": words.say("overlapping") if verdict.window > 1 else "",
    }


def rank_facts(verdict: Verdict, words: Catalogue) -> list[str]:
    """Rank and percentile, or why there is none."""
    facts = [words.say("rank", rank=words.number(verdict.rank), **sample_fields(verdict, words))]
    if verdict.percentile is not None and verdict.move < 0:
        facts.append(words.say("percentile", share=share_text(count_as_bad(verdict), verdict.sample, words)))
    if verdict.percentile is None:
        needed, sample = words.number(PERCENTILE_WINDOWS), words.number(verdict.sample)
        facts.append(words.say("few_windows", needed=needed, sample=sample))
    if not has_enough_years(verdict):
        facts.append(words.say("few_years", needed=YEARS_OF_HISTORY, date=words.day(verdict.since)))
    return facts


def count_as_bad(verdict: Verdict) -> int:
    """The number of moves in the sample as bad as this move, itself included."""
    assert verdict.percentile is not None
    return round(verdict.percentile * verdict.sample / 100)


def share_text(count: int, total: int, words: Catalogue) -> str:
    """`count` of `total` as a percentage, rounded up so that "among the worst" stays true; never 0."""
    percent = 100 * count / total
    decimals = 2 if percent < 1 else 1
    scale = 10**decimals
    return words.percent(math.ceil(percent * scale - 1e-9) / scale / 100, decimals, sign=False)


def limit_text(fraction: float, words: Catalogue) -> str:
    """A configured figure as a percentage with its own decimals."""
    written = f"{abs(fraction) * 100:.6g}"
    return words.percent(fraction, len(written.partition(".")[2]), sign=False)


def further_fall_fields(fraction: float, words: Catalogue) -> dict[str, str]:
    """A further fall, in both forms."""
    return {"further": words.percent(fraction), "plain": words.percent(fraction, sign=False)}


def join_names(names: list[str], words: Catalogue) -> str:
    if len(names) > MAX_NAMES:
        return words.say("many", count=len(names))
    return words.say("ticker", name=words.join(names))


def state_text(state: DrawdownState, words: Catalogue) -> str:
    return words.word("state", state.word)


def state_entry_line(name: str, entry: StateEntry, words: Catalogue) -> str:
    """The state entered, the drawdown, the sessions since the peak, and the last earlier entry."""
    verdict, state = entry.verdict, state_text(entry.verdict.entered_state, words)
    if verdict.missing_sessions:
        return words.say("entered_holes", name=name, state=state, count=verdict.missing_sessions)
    since = ""
    if entry.before is not None:
        since = words.say("first_since", date=words.day(entry.before))
    elif has_enough_years(verdict):
        since = words.say("first_in_data", date=words.day(verdict.since))
    return words.say(
        "entered",
        name=name,
        state=state,
        drawdown=words.percent(verdict.drawdown),
        depth=words.percent(verdict.drawdown, sign=False),
        date=words.day(verdict.peak_session),
        count=entry.after_peak,
        since=since,
    )


def footer(context: AlertContext, words: Catalogue, episode: str = "") -> str:
    """Price kind, members with a price, and the id of the alert (`episode`), if any."""
    basket = context.sides[0][0]
    facts = [words.say(basket.prices)]
    if len(basket.members) > 1 and context.listed:
        present, listed = words.number(context.present), words.number(context.listed)
        abroad = words.say("abroad", count=context.abroad) if context.abroad else ""
        facts.insert(0, words.say("present", present=present, listed=listed) + abroad)
    if episode:
        facts.append(words.say("event", id=episode))
    return words.dotted(facts)
