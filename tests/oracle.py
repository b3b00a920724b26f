"""What must every figure be? The definitions once more, in the plainest Python, without a look at the program.

Nothing here is fast, shared with the program, or clever: lists, dates and loops. A price, return or figure that is not
there is None. Sessions are counted by their place in the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

Number = float | None
LINES = {"pullback": -0.05, "correction": -0.10, "bear": -0.20, "crash": -0.35}
DEPTH = ["none", "pullback", "correction", "bear", "crash"]


@dataclass
class Exchange:
    """Sessions of an exchange in order, and the moment each closed (any clock, the same for all exchanges)."""

    sessions: list[date]
    closes: list[int]


@dataclass
class Member:
    """Somebody in a basket. `prices` holds the closes there are, by session of the member's own exchange."""

    exchange: Exchange
    prices: dict[date, float]
    weight: float = 1.0
    since: date | None = None
    until: date | None = None


# Prices and baskets


def own_sessions(at_home: Exchange, abroad: Exchange) -> list[date | None]:
    """For each session at home: the latest session abroad that had closed by then."""
    if at_home is abroad:
        return list(at_home.sessions)
    answer: list[date | None] = []
    closed = 0
    for close in at_home.closes:
        while closed < len(abroad.sessions) and abroad.closes[closed] <= close:
            closed += 1
        answer.append(abroad.sessions[closed - 1] if closed > 0 else None)
    return answer


def member_returns(home: Exchange, member: Member) -> list[Number]:
    """Close / close of the session before - 1; 0 where the exchange was shut, None where a close is missing."""
    theirs = own_sessions(home, member.exchange)
    answer: list[Number] = [None] * len(home.sessions)
    for t in range(1, len(home.sessions)):
        now, before = theirs[t], theirs[t - 1]
        if now == before:
            answer[t] = 0.0
        elif now in member.prices and before in member.prices:
            answer[t] = member.prices[now] / member.prices[before] - 1
    return answer


def belongs(home: Exchange, member: Member) -> list[bool]:
    """From the session after the first close on, within `since` and `until`."""
    theirs = own_sessions(home, member.exchange)
    answer = []
    priced = False
    for t, session in enumerate(home.sessions):
        after = member.since is None or session >= member.since
        before = member.until is None or session <= member.until
        answer.append(priced and after and before)
        priced = priced or theirs[t] in member.prices
    return answer


@dataclass
class Basket:
    """By session: the basket's return, its coverage, and each member's weight among those that had a return."""

    returns: list[Number]
    coverage: list[Number]
    shares: list[list[float]]
    member_returns: list[list[Number]]


def basket(home: Exchange, members: list[Member], min_coverage: float) -> Basket:
    theirs = [member_returns(home, member) for member in members]
    belonging = [belongs(home, member) for member in members]
    answer = Basket([], [], [], theirs)
    for t in range(len(home.sessions)):
        total = here = weighted = 0.0
        for member, returns, inside in zip(members, theirs, belonging, strict=True):
            if inside[t]:
                total += member.weight
                if returns[t] is not None:
                    here += member.weight
                    weighted += member.weight * returns[t]
        coverage = here / total if total > 0 else None
        read = coverage is not None and here > 0 and coverage > min_coverage - 1e-9
        answer.coverage.append(coverage)
        answer.returns.append(weighted / here if read else None)
        answer.shares.append(
            [
                member.weight / here if inside[t] and returns[t] is not None else 0.0
                for member, returns, inside in zip(members, theirs, belonging, strict=True)
            ]
        )
    return answer


def contributions(found: Basket, t: int, window: int) -> list[float]:
    """Each day's weighted member return times the growth of the basket on the later days of the window."""
    answer = []
    for member, returns in enumerate(found.member_returns):
        total = 0.0
        for day in range(t - window + 1, t + 1):
            growth = 1.0
            for later in range(day + 1, t + 1):
                growth *= 1 + found.returns[later]
            total += found.shares[day][member] * (returns[day] or 0.0) * growth
        answer.append(total)
    return answer


# Moves, and how rare they are


def moves(returns: list[Number], window: int) -> list[Number]:
    answer: list[Number] = []
    for t in range(len(returns)):
        days = returns[t - window + 1 : t + 1] if t >= window - 1 else [None]
        if any(day is None for day in days):
            answer.append(None)
            continue
        growth = 1.0
        for day in days:
            growth *= 1 + day
        answer.append(growth - 1)
    return answer


def whole_years(early: date, late: date) -> int:
    """Anniversaries of `early` up to `late`; that of a 29 February is 1 March in other years."""
    years = late.year - early.year
    if (late.month, late.day) < (early.month, early.day):
        years -= 1
    return years


def rarity(sessions: list[date], move: list[Number], begin: date, t: int) -> dict[str, object]:
    """Rank, sample, percentile and worst since of session t, whose move is defined. `begin`: first session read."""
    below = at_or_below = sample = 0
    worst_since = None
    for s in range(t + 1):
        if move[s] is not None:
            sample += 1
            below += move[s] < move[t]
            at_or_below += move[s] <= move[t]
            if s < t and move[s] <= move[t]:
                worst_since = s
    years = whole_years(sessions[worst_since], sessions[t]) if worst_since is not None else 0
    enough = whole_years(begin, sessions[t]) >= 3
    return {
        "rank": 1 + below,
        "sample": sample,
        "percentile": 100 * at_or_below / sample if sample >= 250 else None,
        "worst_since": sessions[worst_since] if worst_since is not None else None,
        "sessions_since_worst": t - worst_since if worst_since is not None else None,
        "worst_in_years": years if years >= 1 and enough else None,
        "record": worst_since is None,
    }


# Drawdowns


@dataclass
class Latch:
    """One drawdown state, followed session by session."""

    line: float
    deep: bool
    on: bool = False
    lowest: float | None = None
    highest: float | None = None

    def step(self, level: float, drawdown: float, new_peak: bool) -> None:
        if new_peak:
            self.on = False
            self.lowest = self.highest = None
        elif self.on:
            self.lowest = min(self.lowest, level)
            self.on = level < 1.2 * self.lowest if self.deep else drawdown < self.line / 2
            self.highest = level
        else:
            if self.highest is not None:
                self.highest = max(self.highest, level)
            first = self.lowest is None
            if drawdown <= self.line and (not self.deep or first or level < self.lowest or level <= 0.8 * self.highest):
                self.on = True
                self.lowest = level


def drawdowns(returns: list[Number], lines: dict[str, float], lookback: int | None) -> list[dict[str, object] | None]:
    """By session from the first reading on. The level is 1 on the session before it, and may have its peak there."""
    answer: list[dict[str, object] | None] = [None] * len(returns)
    read = [t for t, one in enumerate(returns) if one is not None]
    if not read:
        return answer
    level = 1.0
    levels = [level] * len(returns)
    missing = [0] * len(returns)
    peak_at = max(read[0] - 1, 0)
    latches = {state: Latch(line, deep=state in {"bear", "crash"}) for state, line in lines.items()}
    for t in range(read[0], len(returns)):
        if returns[t] is not None:
            level *= 1 + returns[t]
        levels[t] = level
        missing[t] = missing[t - 1] + (returns[t] is None) if t > 0 else 0
        if lookback is not None and peak_at <= t - lookback:
            peak_at = t - lookback + 1
            for s in range(peak_at, t):
                if levels[s] > levels[peak_at]:
                    peak_at = s
        if level > levels[peak_at]:
            peak_at = t
        drawdown = level / levels[peak_at] - 1
        before = {state for state, latch in latches.items() if latch.on}
        for latch in latches.values():
            latch.step(level, drawdown, new_peak=peak_at == t)
        now = {state for state, latch in latches.items() if latch.on}
        answer[t] = {
            "drawdown": drawdown,
            "peak_at": peak_at,
            "state": deepest(now),
            "entered_state": deepest(now - before),
            "missing_sessions": missing[t] - missing[peak_at],
        }
    return answer


def deepest(states: set[str]) -> str:
    return max(states | {"none"}, key=DEPTH.index)


# Everything about a series


def verdicts(
    sessions: list[date],
    returns: list[Number],
    coverage: list[Number],
    window: int,
    *,
    lines: dict[str, float] | None = None,
    lookback: int | None = None,
    move: list[Number] | None = None,
    fallen: list[Number] | None = None,
    only: list[int] | None = None,
) -> dict[int, dict[str, object]]:
    """The row of every session whose move is defined, by its place; `only`: these places, to save time.

    `move` and `fallen` take the place of the moves that the returns make and of the returns whose drawdown counts.
    """
    if move is None:
        move = moves(returns, window)
    begin = next((session for session, one in zip(sessions, returns, strict=True) if one is not None), None)
    down = drawdowns(returns if fallen is None else fallen, lines or LINES, lookback)
    answer = {}
    for t in range(len(sessions)) if only is None else only:
        if move[t] is None:
            continue
        row = {"session": sessions[t], "window": window, "daily_return": returns[t], "move": move[t]}
        row |= rarity(sessions, move, begin, t)
        row |= down[t]
        row |= {"peak_session": sessions[row.pop("peak_at")], "coverage": coverage[t], "since": begin}
        answer[t] = row
    return answer


def whole_months(early: date, late: date) -> int:
    months = (late.year - early.year) * 12 + late.month - early.month
    return months - 1 if late.day < early.day else months


def condition_holds(key: str, value: float, shown: dict[str, Any], day_low: Number, upward: bool) -> bool:
    """Whether one condition holds on a session; `shown` is a row of `verdicts`, with the numbers of states."""
    rare = shown["move"] > 0 if upward else shown["move"] < 0
    percentile = shown["percentile"]
    if key in {"percentile", "worst_in", "record"} and not rare:
        return False
    if key == "percentile":
        return percentile is not None and (percentile >= value if value > 50 else percentile <= value)
    if key in {"worst_in", "record"}:
        since = shown["since"] if shown["record"] else shown["worst_since"]
        months = whole_months(since, shown["session"])
        return months >= value if key == "worst_in" else shown["record"] and months >= 36
    if key in {"state", "enters"}:
        return shown["state" if key == "state" else "entered_state"] >= value
    figure = day_low if key == "day_low" else shown[key]
    return figure is not None and figure <= value
