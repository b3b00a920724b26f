"""Is every sentence of an English message true? It reads the words and recomputes the figures from the closes alone.

A line it does not know is an error: nothing is said that nobody has checked.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
import numpy.typing as npt

from bot.baskets import Basket

Floats = npt.NDArray[np.float64]
WORDS = {"one": 1, "two": 2, "three": 3}
LINES = {"a correction": -0.10, "a bear market": -0.20, "a crash": -0.35}
POINTS = r"([\d.,]+)(?: of ([\d.,]+))? points"
DAY = r"\d{1,2} [A-Z][a-z]{2} \d{4}"


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", "").replace(" %", ""))


def day(text: str) -> date:
    return datetime.strptime(text, "%d %b %Y").date()  # noqa: DTZ007 - a date has no zone


def rounds_to(shown: str, value: float, *, magnitude: bool = False) -> bool:
    """Whether a fraction, written in percent or points with as many decimals as `shown` has, is `shown`."""
    decimals = len(shown.replace(" %", "").partition(".")[2])
    value = abs(value) if magnitude else value
    return abs(number(shown) - 100 * value) <= 0.5 * 10**-decimals + 1e-9


def months_between(early: date, late: date) -> int:
    return (late.year - early.year) * 12 + late.month - early.month - (late.day < early.day)


@dataclass
class Ledger:
    """A basket's returns from its members' closes; `lows` are day's lows against the previous close."""

    basket: Basket
    sessions: list[date]
    closes: Mapping[str, Floats]
    lows: Mapping[str, Floats]
    returns: dict[str, Floats] = field(init=False)
    daily: Floats = field(init=False)
    _moves: dict[int, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.returns = {}
        for member in self.basket.members:
            close = self.closes[member.symbol]
            own = np.append(np.nan, close[1:] / close[:-1] - 1)
            if member.since is not None:
                own[: self.at(member.since)] = np.nan
            self.returns[member.symbol] = own
        table = np.array(list(self.returns.values()))
        present = ~np.isnan(table)
        count = present.sum(axis=0)
        self.daily = np.where(present, table, 0).sum(axis=0) / np.where(count, count, np.nan)

    def at(self, session: date) -> int:
        return bisect_left(self.sessions, session)

    def moves(self, window: int) -> Floats:
        if window not in self._moves:
            moves = np.full(len(self.daily), np.nan)
            grown = np.lib.stride_tricks.sliding_window_view(1 + self.daily, window)
            moves[window - 1 :] = grown.prod(axis=1) - 1
            self._moves[window] = moves
        return self._moves[window]

    @property
    def first(self) -> int:
        return int(np.argmax(~np.isnan(self.daily)))


@dataclass
class Rarity:
    """Everything that may be claimed of the lowest moves of a series; `moves` of gaps that open upwards are turned."""

    sessions: list[date]
    moves: Floats
    first: int
    at: int
    window: int

    @property
    def move(self) -> float:
        return float(self.moves[self.at])

    @property
    def earlier(self) -> Floats:
        return self.moves[: self.at]

    @property
    def since(self) -> int | None:
        found = np.flatnonzero(self.earlier <= self.move)
        return int(found[-1]) if len(found) else None

    def check_claim(self, claim: str, shown: str, events: Mapping[str, tuple[date, date]]) -> None:
        """`claim` holds of the figures, and of the figures rounded like `shown`."""
        begin, today = self.sessions[self.first], self.sessions[self.at]
        years_of_data = months_between(begin, today) // 12
        claim = claim.replace("widest such gap", "worst")
        if match := re.fullmatch(rf"worst on record, (\d+) years of data, since ({DAY})", claim):
            assert self.since is None
            assert (int(match[1]), day(match[2])) == (years_of_data, begin)
            assert years_of_data >= 3
            since = -1
        else:
            assert self.since is not None
            since = self.since
            assert self.at - since >= self.window
            months = months_between(self.sessions[since], today)
            if match := re.fullmatch(r"worst in (\d+) years?", claim):
                assert 1 <= int(match[1]) == months // 12 <= years_of_data
                assert years_of_data >= 3
            elif match := re.fullmatch(r"worst in (\d+) months?", claim):
                assert 1 <= int(match[1]) == months < 12
            elif match := re.fullmatch(rf"worst since ({DAY})", claim):
                assert day(match[1]) == self.sessions[since]
            else:
                match = re.fullmatch(rf"worst since the (.+) \(({DAY})\)", claim)
                assert match is not None, claim
                assert day(match[2]) == self.sessions[since]
                assert events[match[1]][0] <= day(match[2]) <= events[match[1]][1]
        between = self.earlier[since + 1 :]
        between = between[~np.isnan(between)]
        assert (between > self.move).all()
        decimals = len(shown.replace(" %", "").partition(".")[2])
        assert (np.round(100 * between, decimals) > round(100 * self.move, decimals)).all()

    def check_yardstick(self, fact: str) -> None:
        match = re.fullmatch(
            rf"(last as bad|last as wide|worst before|widest before): ({DAY}), ([−+\d.,]+)(?: %| points)"
            r"(?: \(([\d,]+) sessions? before\))?",
            fact,
        )
        assert match is not None, fact
        at = self.sessions.index(day(match[2]))
        assert rounds_to(match[3], float(self.moves[at]), magnitude="wide" in match[1])
        if "before" in match[1]:
            assert self.since is None
            assert self.moves[at] == np.nanmin(self.earlier)
        else:
            assert at == self.since
            assert number(match[4]) == self.at - at

    def check_rank(self, rank: str, sample: str, window: str, year: str, overlapping: str) -> None:
        assert number(rank) == 1 + (self.earlier < self.move).sum()
        assert number(sample) == (~np.isnan(self.moves[: self.at + 1])).sum()
        assert WORDS[window] == self.window
        assert bool(overlapping) == (self.window > 1)
        assert int(year) == self.sessions[self.first].year

    def check_share(self, share: str) -> None:
        sample = (~np.isnan(self.moves[: self.at + 1])).sum()
        true = 100 * (self.moves[: self.at + 1] <= self.move).sum() / sample
        assert true - 1e-9 <= number(share) < true + (0.1 if true >= 1 else 0.01) + 1e-9


@dataclass
class Sceptic:
    """Reads the message of one alert about a basket on `session`."""

    ledgers: Mapping[str, Ledger]
    events: Mapping[str, tuple[date, date]]
    ledger: Ledger
    session: date
    window: int = 2
    shown: str = ""

    def rarity(self, basket: Ledger | None = None) -> Rarity:
        one = basket or self.ledger
        return Rarity(one.sessions, one.moves(self.window), one.first, one.at(self.session), self.window)

    def gap(self, one: Ledger, other: Ledger, sign: int = 1) -> Rarity:
        moves = sign * (one.moves(self.window) - other.moves(self.window))
        return Rarity(one.sessions, moves, max(one.first, other.first), one.at(self.session), self.window)

    def named(self, name: str) -> Ledger:
        return next(one for one in self.ledgers.values() if one.basket.name("en") == name)

    def own(self, name: str) -> tuple[list[date], Floats, int]:
        """Returns of a member by itself or of the basket; and where they begin."""
        if name in self.ledger.closes:
            close = self.ledger.closes[name]
            daily = np.append(np.nan, close[1:] / close[:-1] - 1)
        else:
            daily = self.named(name).daily
        return self.ledger.sessions, daily, int(np.argmax(~np.isnan(daily)))

    # Each line, by what it looks like.

    def headline(self, match: re.Match[str]) -> None:
        assert match["name"] == self.ledger.basket.name("en")
        assert WORDS[match["window"]] == self.window
        self.shown = match["move"]
        assert rounds_to(self.shown, self.rarity().move)
        if match["claim"]:
            self.rarity().check_claim(match["claim"], self.shown, self.events)

    def gap_headline(self, match: re.Match[str]) -> None:
        self.ledger = self.named(match["one"])
        sign = -1 if match["side"] == "ahead of" else 1
        gap = self.gap(self.ledger, self.named(match["other"]), sign)
        self.shown = match["points"]
        assert gap.move < 0
        assert rounds_to(self.shown, -gap.move)
        if match["claim"]:
            gap.check_claim(match["claim"], self.shown, self.events)
        self.of_gap = gap

    def facts(self, match: re.Match[str]) -> None:
        facts = match.string.split(" · ")
        assert facts.pop(0) == f"closed {self.session.day} {self.session:%b %Y}"
        if facts and re.match(r"[−+0]", facts[0]):
            self.days(facts.pop(0))
        while facts and (side := re.fullmatch(r"(.+) ([−+]?[\d.]+ %)", facts[0])) and ":" not in facts[0]:
            assert rounds_to(side[2], self.rarity(self.named(side[1])).move)
            facts.pop(0)
        if facts:
            (self.of_gap if hasattr(self, "of_gap") else self.rarity()).check_yardstick(facts.pop())
        assert not facts

    def days(self, fact: str) -> None:
        shown = re.findall(r"([−+]?[\d.]+ %) ([A-Z][a-z]{2})", fact)
        at = self.ledger.at(self.session)
        rows = range(at - self.window + 1, at + 1)
        assert len(shown) == self.window
        for (move, weekday), row in zip(shown, rows, strict=True):
            assert rounds_to(move, float(self.ledger.daily[row]))
            assert weekday == f"{self.ledger.sessions[row]:%a}"

    def rank(self, match: re.Match[str]) -> None:
        self.rarity().check_rank(*match.group("rank", "sample", "window", "year", "overlapping"))
        if match["share"]:
            self.rarity().check_share(match["share"])
        if match["few"]:
            assert number(match["sample"]) < 250
        if match["begin"]:
            assert day(match["begin"]) == self.ledger.sessions[self.ledger.first]

    def gap_rank(self, match: re.Match[str]) -> None:
        self.of_gap.check_share(match["share"])
        assert number(match["sample"]) == (~np.isnan(self.of_gap.moves[: self.of_gap.at + 1])).sum()

    def member_moves(self) -> dict[str, float]:
        """Of the members that have a return on a session of the window; NaN = not on all."""
        at = self.ledger.at(self.session)
        rows = slice(at - self.window + 1, at + 1)
        part = {symbol: own[rows] for symbol, own in self.ledger.returns.items()}
        return {symbol: float(np.prod(1 + own) - 1) for symbol, own in part.items() if not np.isnan(own).all()}

    def breadth(self, match: re.Match[str]) -> None:
        moves = self.member_moves()
        fell = sum(move < 0 for move in moves.values())
        total = len(moves)
        if match["all"]:
            said = match["all"].split()
            assert fell == total == int({"Its": "1", "Both": "2"}.get(said[0], said[1]))
        else:
            assert (int(match["fell"]), int(match["total"])) == (fell, total)
        assert bool(match["lacked"]) == any(np.isnan(move) for move in moves.values())
        at = self.ledger.at(self.session)
        rows = slice(at - self.window + 1, at + 1)
        plunged = sum((self.ledger.lows[symbol][rows] < -0.10).any() for symbol in moves)
        assert int(match["plunged"] or 0) == plunged

    def parts(self, match: re.Match[str]) -> None:
        moves, whole = self.member_moves(), self.rarity().move
        at = self.ledger.at(self.session)
        weighted = dict.fromkeys(moves, 0.0)
        for row in range(at - self.window + 1, at + 1):
            later = np.prod(1 + self.ledger.daily[row + 1 : at + 1])
            present = [symbol for symbol in moves if not np.isnan(self.ledger.returns[symbol][row])]
            for symbol in present:
                weighted[symbol] += self.ledger.returns[symbol][row] / len(present) * later
        named = re.findall(rf"(\S+)(?: ([−+][\d.]+ %))? \({POINTS}\)", match["parts"])
        assert [symbol for symbol, *_ in named] == sorted(weighted, key=lambda one: weighted[one])[: len(named)]
        for symbol, move, points, total in named:
            assert rounds_to(points, -weighted[symbol])
            assert not total or rounds_to(total, -whole)
            assert bool(total) == all(one <= 0 for one in weighted.values())
            assert rounds_to(move, moves[symbol]) if move else np.isnan(moves[symbol])

    def entered(self, match: re.Match[str]) -> None:
        sessions, daily, first = self.own(match["name"])
        at = self.ledger.at(self.session)
        level = np.cumprod(np.append(1.0, 1 + daily[first : at + 1]))
        peak = int(np.argmax(level))
        drawdown = level[-1] / level[peak] - 1
        assert rounds_to(match["drawdown"], drawdown)
        assert drawdown <= LINES[match["state"]] + 1e-12
        assert day(match["peak"]) == sessions[max(first - 1, 0) + peak]

    def entered_many(self, match: re.Match[str]) -> None:
        assert match["name"] == self.ledger.basket.name("en")

    def more_entered(self, match: re.Match[str]) -> None:
        assert 3 + int(match["more"]) <= len(self.member_moves())

    low_many = entered_many

    def low(self, match: re.Match[str]) -> None:
        at = self.ledger.at(self.session)
        assert rounds_to(match["low"], float(self.ledger.lows[match["symbol"]][at]))
        assert self.ledger.lows[match["symbol"]][at] <= -0.10
        assert rounds_to(match["close"], float(self.ledger.returns[match["symbol"]][at]))

    def against(self, match: re.Match[str]) -> None:
        other = self.named(match["other"])
        assert rounds_to(match["move"], self.rarity(other).move)
        if match["behind"]:
            gap = self.gap(self.ledger, other)
            assert gap.move < 0
            assert match["behind"] == self.ledger.basket.name("en")
            assert day(match["since"]) == gap.sessions[gap.first if gap.since is None else gap.since]
            assert bool(match["record"]) == (gap.since is None)

    def counted(self, match: re.Match[str]) -> None:
        then, now = self.ledger.at(day(match["date"])), self.ledger.at(self.session)
        today = [own for own in self.ledger.returns.values() if not np.isnan(own[now])]
        assert int(match["listed"]) == len(today)
        assert int(match["then"]) == sum(not np.isnan(own[then]) for own in today)

    def foot(self, match: re.Match[str]) -> None:
        if match["present"]:
            at = self.ledger.at(self.session)
            priced = sum(not np.isnan(own[at]) for own in self.ledger.returns.values())
            assert int(match["present"]) == priced

    def read(self, text: str) -> list[str]:
        """The kinds of lines there were; AssertionError = one of them is not true."""
        kinds = []
        for line in text.split("\n"):
            for kind, form in FORMS.items():
                if match := form.fullmatch(line):
                    check: Callable[[re.Match[str]], None] = getattr(self, kind)
                    check(match)
                    kinds.append(kind)
                    break
            else:
                raise AssertionError(f"nobody checks this: {line}")
        return kinds


SHOWN = r"[−+]?[\d.,]+ %"
ICON = "[🟡🟠🔴🚨]"
FORMS = {
    kind: re.compile(form)
    for kind, form in {
        "headline": rf"{ICON} (?P<name>.+?) (?P<move>{SHOWN}) in (?P<window>\w+) sessions?(: (?P<claim>.+))?",
        "gap_headline": rf"{ICON} (?P<one>.+) (?P<points>[\d.]+) points (?P<side>ahead of|behind) (?P<other>.+)"
        r" in two sessions(: (?P<claim>.+))?",
        "facts": rf"closed {DAY}( · .+)?",
        "rank": r"Rank (?P<rank>[\d,]+) of (?P<sample>[\d,]+) (?P<window>\w+)-session moves since (?P<year>\d+)"
        rf"(?P<overlapping> \(overlapping\))?( · among the worst (?P<share>{SHOWN}))?"
        r"(?P<few> · no percentile yet: it takes 250 moves, there are \d+)?"
        rf"( · no comparison by years yet: it takes 3 years of data, they begin (?P<begin>{DAY}))?",
        "gap_rank": rf"Among the widest (?P<share>{SHOWN}) in this direction, of (?P<sample>[\d,]+) two-session gaps"
        r" since \d+ \(overlapping\)",
        "breadth": r"(?:(?P<all>Its only member|Both members|All \d+ members) fell"
        r"|(?P<fell>\d+) of (?P<total>\d+) members fell)"
        r"(?P<lacked>, \d+ lacked a price)?"
        r"(, (?P<plunged>\d+) w(as|ere) more than 10 % below the previous close during trading)?",
        "parts": r"Largest parts: (?P<parts>.+)",
        "entered": rf"({ICON} )?([^:]+: )?(?P<name>[^:]+) entered (?P<state>a \w+( market)?): (?P<drawdown>{SHOWN})"
        rf" from its high of (?P<peak>{DAY})",
        "low_many": rf"{ICON} (?P<name>.+): .+ fell 10 % or more during trading",
        "low": rf"(?P<symbol>\S+): (?P<low>{SHOWN}) at the day's low against the previous close, (?P<close>{SHOWN})"
        " at the close",
        "entered_many": rf"{ICON} (?P<name>.+): .+ entered a \w+( market)?( or worse)?",
        "more_entered": r"(?P<more>\d+) more members? entered a bear market or a crash",
        "against": rf"Against it: (?P<other>.+) (?P<move>{SHOWN})"
        rf"(\. (?P<behind>.+) furthest behind it (?P<record>on record, )?since (?P<since>{DAY}))?",
        "counted": rf"(?P<then>\d+) of today's (?P<listed>\d+) members counted on (?P<date>{DAY})",
        "foot": r"((?P<present>\d+) of \d+ prices · )?closes adjusted for splits( and dividends)? · event #[A-Z0-9]{5}",
    }.items()
}
