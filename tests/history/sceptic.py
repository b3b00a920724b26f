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
from bot.prices.table import Flags
from tests import oracle
from tests.history.forms import DAY, FORMS, SHOWN
from tests.history.own_past import DEPTH, ORDINALS, OwnPast, days
from tests.world import SEOUL

Floats = npt.NDArray[np.float64]
WORDS = {"one": 1, "two": 2, "three": 3}


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", "").replace(" %", ""))


def counted(text: str) -> int:
    """How many years or months: "a year" is one."""
    return 1 if text == "a" else int(text)


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
    """A basket's returns from its members' closes; `lows` are day's lows against the previous close.

    `shut` says when a member's own exchange brought no new session.
    """

    basket: Basket
    sessions: list[date]
    closes: Mapping[str, Floats]
    lows: Mapping[str, Floats]
    shut: Mapping[str, Flags]
    returns: dict[str, Floats] = field(init=False)
    begins: dict[str, int] = field(init=False)
    daily: Floats = field(init=False)
    _moves: dict[int, Floats] = field(default_factory=dict)
    _known: dict[str, dict[str, object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.returns, self.begins = {}, {}
        listed = np.zeros(len(self.sessions))
        for member in self.basket.members:
            own = self.returns[member.symbol] = self.alone(member.symbol)
            begin = self.begin(member.symbol) if member.since is None else self.at(member.since)
            begin = self.begins[member.symbol] = max(begin, self.begin(member.symbol))
            own[:begin] = np.nan
            listed[begin:] += 1
        table = np.array(list(self.returns.values()))
        present = ~np.isnan(table)
        count = present.sum(axis=0)
        enough = (count > 0) & (count >= (self.basket.min_coverage - 1e-9) * listed)
        self.daily = np.where(present, table, 0).sum(axis=0) / np.where(enough, count, np.nan)

    def alone(self, symbol: str) -> Floats:
        """A member's returns from the session after its first close on; 0 where its exchange was shut."""
        close = self.closes[symbol]
        own = np.append(np.nan, close[1:] / close[:-1] - 1)
        own[self.shut[symbol]] = 0
        own[: self.begin(symbol)] = np.nan
        return own

    def begin(self, symbol: str) -> int:
        """The session after its first close."""
        known = ~np.isnan(self.closes[symbol])
        return int(known.argmax()) + 1 if known.any() else len(known)

    def at(self, session: date) -> int:
        return bisect_left(self.sessions, session)

    def moves(self, window: int) -> Floats:
        if window not in self._moves:
            moves = np.full(len(self.daily), np.nan)
            grown = np.lib.stride_tricks.sliding_window_view(1 + self.daily, window)
            moves[window - 1 :] = grown.prod(axis=1) - 1
            self._moves[window] = moves
        return self._moves[window]

    def common(self, other: Ledger) -> tuple[list[date], list[int], list[int]]:
        """The sessions that both have, and where they stand in each; worked out once."""
        kept = self._known.setdefault("common", {})
        if other.basket.id not in kept:
            sessions = sorted({*self.sessions} & {*other.sessions})
            kept[other.basket.id] = (sessions, *([book.at(day) for day in sessions] for book in (self, other)))
        return kept[other.basket.id]

    def past(self, name: str, daily: Floats, window: int, at: int) -> OwnPast:
        """Of the basket, or of a member by itself; what was worked out once is kept."""
        return OwnPast(self.sessions, daily, window, at, self._known.setdefault(name, {}))

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
            if match := re.fullmatch(r"worst in (\d+|a) years?", claim):
                assert 1 <= counted(match[1]) == months // 12 <= years_of_data
                assert years_of_data >= 3
            elif match := re.fullmatch(r"worst in (\d+|a) months?", claim):
                assert 1 <= counted(match[1]) == months < 12
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
            r"(?: \(([\d,]+) sessions?\))?",
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
    time: str = ""

    def rarity(self, basket: Ledger | None = None) -> Rarity:
        one = basket or self.ledger
        return Rarity(one.sessions, one.moves(self.window), one.first, one.at(self.session), self.window)

    def gap(self, one: Ledger, other: Ledger, sign: int = 1) -> Rarity:
        sessions, own, others = one.common(other)
        moves = sign * (one.moves(self.window)[own] - other.moves(self.window)[others])
        first = bisect_left(sessions, max(book.sessions[book.first] for book in (one, other)))
        return Rarity(sessions, moves, first, bisect_left(sessions, self.session), self.window)

    def named(self, name: str) -> Ledger:
        return next(one for one in self.ledgers.values() if one.basket.name("en") == name)

    def own(self, name: str) -> tuple[list[date], Floats, int]:
        """Returns of a member by itself or of the basket; and where they begin."""
        daily = self.ledger.alone(name) if name in self.ledger.closes else self.named(name).daily
        return self.ledger.sessions, daily, int(np.argmax(~np.isnan(daily)))

    # Each line, by what it looks like.

    def headline(self, match: re.Match[str]) -> None:
        assert match["name"] == self.ledger.basket.name("en")
        assert WORDS[match["window"]] == self.window
        self.shown = match["move"]
        assert rounds_to(self.shown, self.rarity().move)
        if match["claim"]:
            self.rarity().check_claim(match["claim"], self.shown, self.events)

    def live_headline(self, match: re.Match[str]) -> None:
        assert match["name"] == self.ledger.basket.name("en")
        assert WORDS[match["window"]] == self.window
        self.shown = f"−{match['move']}"
        assert rounds_to(self.shown, self.rarity().move)
        self.rarity().check_claim(match["claim"], self.shown, self.events)
        self.time = match["time"]

    def further(self, match: re.Match[str]) -> None:
        """A close so much lower is the worst in so many years, one a tenth of a percent higher is not."""
        begin = self.ledger.sessions[self.ledger.first]
        now = self.worst_years(0)
        there = self.worst_years(number(match["further"]) / 100)
        assert self.worst_years(number(match["further"]) / 100 + 0.001) == now < there
        if match["years"]:
            assert counted(match["years"]) == there
        else:
            assert there == 1000
            assert day(match["begin"]) == begin

    def worst_years(self, fraction: float) -> int:
        """In how many years the session is the worst if it falls by so much more; 1,000 = on record."""
        rarity = self.rarity()
        move = (1 + rarity.move) * (1 + fraction) - 1
        found = np.flatnonzero(rarity.earlier <= move)
        if not len(found):
            return 1000
        return months_between(rarity.sessions[found[-1]], rarity.sessions[rarity.at]) // 12

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
        when = f"{self.session.day} {self.session:%b %Y}"
        assert facts.pop(0) == (f"not final: prices of {self.time}, {when}" if self.time else f"closed {when}")
        if facts and (moved := re.fullmatch(rf"({SHOWN}) in (\w+) sessions?", facts[0])):
            assert WORDS[moved[2]] == self.window
            assert rounds_to(moved[1], self.rarity().move)
            facts.pop(0)
        if facts and re.match(r"[−+0]", facts[0]):
            self.days(facts.pop(0))
        while facts and (side := re.fullmatch(r"(.+) ([−+]?[\d.]+ %)", facts[0])) and ":" not in facts[0]:
            assert rounds_to(side[2], self.rarity(self.named(side[1])).move)
            facts.pop(0)
        then = facts.pop() if facts and facts[-1].endswith("members then") else ""
        if facts:
            self.then(then, facts[-1])
            (self.of_gap if hasattr(self, "of_gap") else self.rarity()).check_yardstick(facts.pop())
        assert not facts

    def then(self, said: str, yardstick: str) -> None:
        """How many of today's members belonged when it was last as bad; said if not all did."""
        if not yardstick.startswith("last as bad"):
            assert not said
            return
        now, then = self.ledger.at(self.session), self.ledger.at(days(yardstick)[0])
        today = [begin for begin in self.ledger.begins.values() if begin <= now]
        there = sum(begin <= then for begin in today)
        assert said == ("" if there == len(today) else f"{there} of today's {len(today)} members then")

    def past(self, name: str = "") -> OwnPast:
        """The past of the basket itself, or of a member."""
        daily = self.own(name)[1] if name else self.ledger.daily
        own = name if name in self.ledger.closes else ""
        return self.ledger.past(own, daily, self.window, self.ledger.at(self.session))

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
        if match["years"]:
            self.past().check_period(match["years"], match["low"], match["high"])
        if match["times"]:
            self.past().check_swing(match["times"])

    def nth_beyond(self, match: re.Match[str]) -> None:
        assert WORDS[match["window"]] == self.window
        assert int(match["year"]) == self.past().begin.year
        self.past().check_time(match["limit"], ORDINALS[match["nth"]], days(match["dates"]))

    def first_beyond(self, match: re.Match[str]) -> None:
        assert WORDS[match["window"]] == self.window
        assert int(match["year"]) == self.past().begin.year
        self.past().check_time(match["limit"], 1, [])

    def followed(self, match: re.Match[str]) -> None:
        assert match["n"] == match["known"]
        self.past().check_followed(
            int(match["sessions"]), match["median"], int(match["higher"]), int(match["n"]), int(match["unknown"] or 0)
        )

    def cases(self, match: re.Match[str]) -> None:
        self.past().check_cases(days(match["dates"]), 63)
        higher, known, unknown = (int(match[name] or 0) for name in ("higher", "known", "unknown"))
        self.past().check_followed(int(match["sessions"] or 63), "", higher, known, unknown)

    def no_precedent(self, match: re.Match[str]) -> None:
        assert WORDS[match["window"]] == self.window
        assert int(match["year"]) == self.past().begin.year
        self.past().check_none()

    def line_further(self, match: re.Match[str]) -> None:
        assert match["name"] == self.ledger.basket.name("en")
        fraction = number(match["further"]) / 100
        self.past().check_line(match["depth"], day(match["peak"]), match["state"], fraction, 0.001)

    def line_level(self, match: re.Match[str]) -> None:
        assert match["name"] == self.ledger.basket.name("en")
        (symbol,) = self.ledger.basket.symbols
        close = float(self.ledger.closes[symbol][self.ledger.at(self.session)])
        level = number(match["level"])
        self.past().check_line(match["depth"], day(match["peak"]), match["state"], level / close - 1, 0.01 / close)

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
        fell = sum(move < -1e-12 for move in moves.values())
        total = len(moves)
        if match["all"]:
            said = match["all"].split()
            assert fell == total == int({"Its": "1", "Both": "2"}.get(said[0], said[1]))
        else:
            assert (int(match["fell"]), int(match["total"])) == (fell, total)
        assert bool(self.time) == (" down" in match.string)
        assert not match["far"] or bool(self.time) == (" so far" in match.string)
        assert bool(match["lacked"]) == any(np.isnan(move) for move in moves.values())
        at = self.ledger.at(self.session)
        rows = slice(at - self.window + 1, at + 1)
        far = sorted(symbol for symbol, move in moves.items() if move < -0.10)
        plunged = sorted(symbol for symbol in moves if (self.ledger.lows[symbol][rows] < -0.10).any())
        for said, who, names in (("far", far, match["names"]), ("plunged", plunged, match["which"])):
            assert int(match[said] or 0) == len(who)
            if names == "the same":
                assert plunged == far
            else:
                assert names is None or names.split(", ") == who
        unknown = []
        for symbol in moves:
            traded = ~np.isnan(self.ledger.returns[symbol][rows]) & (self.ledger.returns[symbol][rows] != 0)
            if symbol not in plunged and (traded & np.isnan(self.ledger.lows[symbol][rows])).any():
                unknown.append(symbol)
        told = unknown if far or plunged else []
        assert (match["unknown"] or "") == (", ".join(sorted(told)) if len(told) <= 3 else f"{len(told)} members")

    def parts(self, match: re.Match[str]) -> None:
        moves, whole = self.member_moves(), self.rarity().move
        at = self.ledger.at(self.session)
        weighted = dict.fromkeys(moves, 0.0)
        for row in range(at - self.window + 1, at + 1):
            later = np.prod(1 + self.ledger.daily[row + 1 : at + 1])
            present = [symbol for symbol in moves if not np.isnan(self.ledger.returns[symbol][row])]
            for symbol in present:
                weighted[symbol] += self.ledger.returns[symbol][row] / len(present) * later
        named = re.findall(r"(\S+)(?: ([−+]?[\d.]+ %))? \(([\d.,]+)(?: points)?\)", match["parts"])
        assert [symbol for symbol, *_ in named] == sorted(weighted, key=lambda one: weighted[one])[: len(named)]
        for symbol, move, points in named:
            assert rounds_to(points, -weighted[symbol])
            assert rounds_to(move, moves[symbol]) if move else np.isnan(moves[symbol])
        if match["points"]:
            assert all(one <= 0 for one in weighted.values())
            assert rounds_to(match["total"], -whole)
            assert rounds_to(match["points"], -sum(weighted[symbol] for symbol, *_ in named))
            assert WORDS[match["names"]] == len(named)

    def entered(self, match: re.Match[str]) -> None:
        self.fallen(match["name"], match["drawdown"], day(match["peak"]))
        before = int(match["before"].replace(",", ""))
        past = self.past(match["name"])
        past.check_entry(match["state"], day(match["peak"]), before, match["since"] or "", match["begin"] or "")

    def entered_holes(self, match: re.Match[str]) -> None:
        past, at = self.past(match["name"]), self.ledger.at(self.session)
        now = past.states[at]
        assert oracle.DEPTH.index(now["entered_state"]) == DEPTH[match["state"]]
        assert int(match["holes"]) == sum(one is None for one in past.returns[now["peak_at"] + 1 : at + 1])

    def fallen(self, name: str, shown: str, peak_session: date) -> None:
        """So far below the high of that session."""
        sessions, daily, first = self.own(name)
        at = self.ledger.at(self.session)
        level = np.cumprod(np.append(1.0, 1 + np.nan_to_num(daily[first : at + 1])))
        peak = int(np.argmax(level))
        assert rounds_to(shown, level[-1] / level[peak] - 1)
        assert peak_session == sessions[max(first - 1, 0) + peak]

    def entered_together(self, match: re.Match[str]) -> None:
        named = match["entries"].split(", ")
        assert len(named) >= 2
        for symbol, _, claim in (one.partition(" ") for one in named):
            if told := re.fullmatch(rf"({SHOWN}) from (?:its high of )?({DAY})", claim):
                self.fallen(symbol, told[1], day(told[2]))
            else:
                assert claim == ""
            now = self.past(symbol).states[self.ledger.at(self.session)]
            assert oracle.DEPTH.index(now["entered_state"]) == DEPTH[match["state"]]
        assert len(named) + int(match["more"] or 0) <= len(self.member_moves())

    def entered_many(self, match: re.Match[str]) -> None:
        assert match["name"] == self.ledger.basket.name("en")

    low_many = entered_many

    def low(self, match: re.Match[str]) -> None:
        at = self.ledger.at(self.session)
        assert rounds_to(match["low"], float(self.ledger.lows[match["symbol"]][at]))
        assert self.ledger.lows[match["symbol"]][at] <= -0.10
        assert rounds_to(match["close"], float(self.ledger.returns[match["symbol"]][at]))

    def against(self, match: re.Match[str]) -> None:
        other = self.named(match["other"])
        assert rounds_to(match["move"], self.rarity(other).move)
        assert rounds_to(match["points"], -self.gap(self.ledger, other).move)
        assert self.rarity(other).move >= self.rarity().move / 2 - 1e-12
        if match["since"]:
            gap = self.gap(self.ledger, other)
            assert gap.move < 0
            assert day(match["since"]) == gap.sessions[gap.first if gap.since is None else gap.since]
            assert bool(match["record"]) == (gap.since is None)

    def foot(self, match: re.Match[str]) -> None:
        if match["present"]:
            at = self.ledger.at(self.session)
            priced = [symbol for symbol, own in self.ledger.returns.items() if not np.isnan(own[at])]
            abroad = [one for one in priced if one.endswith(".KS") != (self.ledger.basket.calendar == SEOUL)]
            assert int(match["present"]) == len(priced)
            assert int(match["abroad"] or 0) == len(abroad)

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
