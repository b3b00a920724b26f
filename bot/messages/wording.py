"""Wording of single figures, claims and names."""

from __future__ import annotations

import math
from datetime import date

from bot.alerts.episodes import Decision
from bot.alerts.rules import NamedEvent, Severity
from bot.context.model import AlertContext, ReferenceMove, StateEntry
from bot.messages.catalogue import Catalogue
from bot.statistics.measure import PERCENTILE_WINDOWS, YEARS_OF_HISTORY, whole_months
from bot.statistics.verdict import Verdict

ICONS = {Severity.NOTICE: "🟡", Severity.WARNING: "🟠", Severity.SEVERE: "🔴", Severity.EXTREME: "🚨"}
MAX_NAMES = 3
MAX_DECIMALS = 4
Events = tuple[NamedEvent, ...]


def headline_text(
    icon: str, name: str, verdict: Verdict, decimals: int, events: Events, catalogue: Catalogue, time: str = ""
) -> str:
    """Name, move and rarity; `time` is the price time of an open session ("" = closed)."""
    live = "_live" if time else ""
    signed, plain = (catalogue.percent(verdict.move, decimals, sign=sign) for sign in (True, False))
    moved = catalogue.say(f"moved_down{live}" if verdict.move < 0 else f"moved_up{live}", plain=plain, signed=signed)
    claim = rarity_claim("course" if time else "claim", verdict, events, catalogue) if is_notable(verdict) else ""
    window = window_text(verdict.window, catalogue)
    return catalogue.say(f"headline{live}", icon=icon, name=name, moved=moved, window=window, claim=claim, time=time)


def verdict_of(decision: Decision) -> Verdict:
    """The verdict of a decision that fires."""
    verdict = decision.evidence.verdict
    assert verdict is not None  # only a verdict reaches a level
    return verdict


def price_time_label(context: AlertContext) -> str:
    """The time of provisional prices, with its zone; "" for final ones."""
    return f"{context.as_of:%H:%M} {context.as_of.tzname()}" if context.as_of else ""


def close_label(session: date, context: AlertContext, catalogue: Catalogue) -> str:
    """Whether the prices of `session` are its closes or provisional."""
    time = price_time_label(context)
    return catalogue.say("not_closed" if time else "closed", date=catalogue.day(session), time=time)


def window_text(window: int, catalogue: Catalogue) -> str:
    return catalogue.say("window", count=window, words=catalogue.count_word(window))


def is_notable(verdict: Verdict, *, upward: bool = False) -> bool:
    """Whether the rarity is worth a claim: a move of the right sign, and no overlapping window as bad."""
    sided = verdict.move > 0 if upward else verdict.move < 0
    return sided and (verdict.sessions_since_worst is None or verdict.sessions_since_worst >= verdict.window)


def has_enough_years(verdict: Verdict) -> bool:
    """Whether the history is long enough for claims in years."""
    return whole_months(verdict.since, verdict.session) >= 12 * YEARS_OF_HISTORY


def rarity_claim(kind: str, verdict: Verdict, events: Events, catalogue: Catalogue) -> str:
    """The rarity the first line claims: on record, since a named event, in years, in months, or since a date."""
    count = catalogue.count_word(verdict.window)
    if verdict.worst_since is None:
        if not has_enough_years(verdict):
            return ""
        years = whole_months(verdict.since, verdict.session) // 12
        return catalogue.say(f"{kind}_record", count=years, date=catalogue.day(verdict.since), words=count)
    since = catalogue.day(verdict.worst_since)
    if event := next((event for event in events if event.first <= verdict.worst_since <= event.last), None):
        return catalogue.say(f"{kind}_event", event=event.name(catalogue.language), date=since, words=count)
    if verdict.worst_in_years is not None:
        return catalogue.say(f"{kind}_years", count=verdict.worst_in_years, words=count)
    months = whole_months(verdict.worst_since, verdict.session)
    phrase = f"{kind}_months" if 0 < months < 12 else f"{kind}_since"
    return catalogue.say(phrase, count=months, date=since, words=count)


def decimals_needed(move: float, reference: ReferenceMove | None) -> int:
    """The decimals, 1 to 4, that show the move to differ from the reference move and its runner-up."""
    rivals = () if reference is None else (reference.move, reference.runner_up)
    different = [rival for rival in rivals if rival is not None and rival != move]
    for decimals in range(1, MAX_DECIMALS):
        if round(abs(move) * 100, decimals) not in [round(abs(rival) * 100, decimals) for rival in different]:
            return decimals
    return MAX_DECIMALS


def reference_move_text(
    latest: str, before: str, verdict: Verdict, reference: ReferenceMove | None, decimals: int, catalogue: Catalogue
) -> list[str]:
    """One fact: the reference move in the phrase `latest`, or for a record in `before`; none without a reference."""
    if reference is None:
        return []
    move, points = catalogue.percent(reference.move, decimals), catalogue.decimal(reference.move * 100, decimals)
    phrase, sessions = before if verdict.record else latest, verdict.sessions_since_worst or 0
    return [catalogue.say(phrase, date=catalogue.day(reference.session), move=move, points=points, count=sessions)]


def sample_fields(verdict: Verdict, catalogue: Catalogue) -> dict[str, object]:
    """Size and begin of the sample of moves, and their window."""
    return {
        "sample": catalogue.number(verdict.sample),
        "words": catalogue.count_word(verdict.window),
        "year": verdict.since.year,
        "overlapping": catalogue.say("overlapping") if verdict.window > 1 else "",
    }


def rank_facts(verdict: Verdict, catalogue: Catalogue) -> list[str]:
    """Rank and percentile, or why there is none."""
    facts = [catalogue.say("rank", rank=catalogue.number(verdict.rank), **sample_fields(verdict, catalogue))]
    if verdict.percentile is not None and verdict.move < 0:
        facts.append(catalogue.say("percentile", share=share_text(count_as_bad(verdict), verdict.sample, catalogue)))
    if verdict.percentile is None:
        needed, sample = catalogue.number(PERCENTILE_WINDOWS), catalogue.number(verdict.sample)
        facts.append(catalogue.say("few_windows", needed=needed, sample=sample))
    if not has_enough_years(verdict):
        facts.append(catalogue.say("few_years", needed=YEARS_OF_HISTORY, date=catalogue.day(verdict.since)))
    return facts


def count_as_bad(verdict: Verdict) -> int:
    """The number of moves in the sample as bad as this move, itself included."""
    assert verdict.percentile is not None
    return round(verdict.percentile * verdict.sample / 100)


def share_text(count: int, total: int, catalogue: Catalogue) -> str:
    """`count` of `total` as a percentage, rounded up so that "among the worst" stays true; never 0."""
    percent = 100 * count / total
    decimals, scale = (2, 100) if percent < 1 else (1, 10)
    return catalogue.percent(math.ceil(percent * scale - 1e-9) / scale / 100, decimals, sign=False)


def limit_text(fraction: float, catalogue: Catalogue) -> str:
    """A configured figure as a percentage with its own decimals."""
    _, _, decimals = f"{abs(fraction) * 100:.6g}".partition(".")
    return catalogue.percent(fraction, len(decimals), sign=False)


def further_fall_fields(fraction: float, catalogue: Catalogue) -> dict[str, str]:
    """A further fall, in both forms."""
    return {"further": catalogue.percent(fraction), "plain": catalogue.percent(fraction, sign=False)}


def join_names(names: list[str], catalogue: Catalogue) -> str:
    if len(names) > MAX_NAMES:
        return catalogue.say("many", count=len(names))
    return catalogue.say("ticker", name=catalogue.join(names))


def drawdown_fields(verdict: Verdict, catalogue: Catalogue) -> dict[str, str]:
    """The drawdown, in both forms, and the date of the peak."""
    drawdown, depth = (catalogue.percent(verdict.drawdown, sign=sign) for sign in (True, False))
    return {"drawdown": drawdown, "depth": depth, "date": catalogue.day(verdict.peak_session)}


def state_entry_line(name: str, entry: StateEntry, catalogue: Catalogue) -> str:
    """The state entered, the drawdown, the sessions since the peak, and the last earlier entry."""
    verdict, state = entry.verdict, catalogue.word("state", entry.verdict.entered_state.word)
    if verdict.missing_sessions:
        return catalogue.say("entered_holes", name=name, state=state, count=verdict.missing_sessions)
    since = ""
    if entry.before is not None:
        since = catalogue.say("first_since", date=catalogue.day(entry.before))
    elif has_enough_years(verdict):
        since = catalogue.say("first_in_data", date=catalogue.day(verdict.since))
    fields = drawdown_fields(verdict, catalogue)
    return catalogue.say("entered", name=name, state=state, count=entry.after_peak, since=since, **fields)


def footer(context: AlertContext, catalogue: Catalogue, episode: str = "") -> str:
    """Price kind, members with a price, and the id of the alert (`episode`), if any."""
    basket = context.sides[0][0]
    facts = [catalogue.say(basket.prices)]
    if len(basket.members) > 1 and context.listed:
        present, listed = catalogue.number(context.present), catalogue.number(context.listed)
        abroad = catalogue.say("abroad", count=context.abroad) if context.abroad else ""
        facts.insert(0, catalogue.say("present", present=present, listed=listed) + abroad)
    if episode:
        facts.append(catalogue.say("event", id=episode))
    return catalogue.join(facts, "dot")
