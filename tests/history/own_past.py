"""Is what a message says of the past true: how often, how rare, what followed, which state, which line?"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from statistics import median

import numpy as np
import numpy.typing as npt
from scipy import stats

from tests import hindsight, oracle

Floats = npt.NDArray[np.float64]
ORDINALS = {"second": 2, "third": 3, "fourth": 4}
LINES = {"a correction": -0.10, "a bear market": -0.20, "crash territory": -0.35}
DEPTH = {"a correction": 2, "a bear market": 3, "crash territory": 4}
DATE = re.compile(r"\d{1,2} [A-Z][a-z]{2} \d{4}")


def day(text: str) -> date:
    return datetime.strptime(text, "%d %b %Y").date()  # noqa: DTZ007 - a date has no zone


def days(text: str) -> list[date]:
    return [day(one) for one in DATE.findall(text)]


def years_between(early: date, late: date) -> int:
    return late.year - early.year - ((late.month, late.day) < (early.month, early.day))


@dataclass
class OwnPast:
    """A series by session: daily returns, with the k-session moves they make, as far as session `at`."""

    sessions: list[date]
    daily: Floats
    window: int
    at: int
    _cache: dict[str, object] = field(default_factory=dict)

    def kept(self, name: str, make: object) -> object:
        if name not in self._cache:
            self._cache[name] = make()
        return self._cache[name]

    @property
    def returns(self) -> list[float | None]:
        return self.kept("returns", lambda: [None if np.isnan(one) else one for one in self.daily.tolist()])

    @property
    def moves(self) -> list[float | None]:
        return self.kept(f"moves {self.window}", lambda: oracle.moves(self.returns, self.window))

    @property
    def states(self) -> list[dict[str, object] | None]:
        return self.kept("states", lambda: oracle.drawdowns(self.returns, oracle.LINES, None))

    def entries(self, depth: int) -> list[int]:
        """Where a state of that depth or a deeper one was entered."""

        def entered() -> list[int]:
            depths = (one and oracle.DEPTH.index(one["entered_state"]) for one in self.states)
            return [at for at, reached in enumerate(depths) if reached and reached >= depth]

        return self.kept(f"entries {depth}", entered)

    @property
    def move(self) -> float:
        return self.moves[self.at]

    @property
    def begin(self) -> date:
        return self.sessions[int(np.argmax(~np.isnan(self.daily)))]

    def check_long(self) -> None:
        """There are years to speak of."""
        assert years_between(self.begin, self.sessions[self.at]) >= 3

    def check_swing(self, times: str) -> None:
        true = hindsight.swing(self.returns[: self.at + 1], self.move, self.at, self.window)
        assert abs(float(times.replace(",", "")) + true) <= 0.05 + 1e-9
        assert float(times.replace(",", "")) >= 2

    def check_period(self, years: str, low: str, high: str) -> None:
        """The point from scipy's L-moments; the interval from draws of scipy's."""
        threshold, excess = hindsight.peaks(self.moves, self.at)
        assert len(excess) >= 30
        first, second = stats.lmoment(np.array(excess), order=[1, 2])
        shape, scale = _fitted(first, second)
        span = (self.sessions[self.at] - self.begin).days / 365.25
        over = -self.move - threshold
        true = span / (len(excess) * stats.genpareto.sf(over, shape, scale=scale))
        assert _rounds(years, true)
        assert true >= 2
        rng = np.random.default_rng(1)
        drawn = stats.genpareto.rvs(shape, scale=scale, size=(2000, len(excess)), random_state=rng)
        shapes, scales = _fitted(*stats.lmoment(drawn, order=[1, 2], axis=1))
        counts = rng.poisson(len(excess), 2000)
        spread = span / (counts * stats.genpareto.sf(over, shapes, scale=scales)).clip(1e-9)
        lowest, highest = np.quantile(spread, [0.05, 0.95])
        assert abs(float(low) - lowest) <= 0.15 * lowest + 0.5
        assert abs(float(high) - highest) <= 0.3 * highest + 0.5
        assert float(low) <= float(years) <= float(high) <= 10 * float(low) + 10

    def check_time(self, limit: str, nth: int, dates: list[date]) -> None:
        """Every earlier window beyond the figure belongs to a fall that is dated, and none to this one."""
        self.check_long()
        line = float(limit) / 100
        assert round(-self.move, 3) > line
        assert nth == len(dates) + 1
        beyond = [at for at in range(self.at) if self.moves[at] is not None and self.moves[at] < -line]
        named = [self.sessions.index(one) for one in dates]
        assert named == hindsight.others_beyond(self.moves, self.at, line)
        assert set(named) <= set(beyond)
        assert all(abs(a - b) >= 20 for a in named for b in named if a != b)
        assert all(any(abs(at - one) < 20 for one in named) and self.at - at >= 20 for at in beyond)

    def cases(self) -> list[int]:
        return hindsight.comparable(self.moves, self.at)

    def later(self, sessions: int) -> list[float]:
        found = [hindsight.afterwards(self.returns, one, sessions, self.at) for one in self.cases()]
        return [one for one in found if one is not None]

    def check_followed(self, sessions: int, shown: str, higher: int, known: int, unknown: int) -> None:
        self.check_long()
        later = self.later(sessions)
        assert (higher, known) == (sum(one > 1e-9 for one in later), len(later))
        assert unknown == len(self.cases()) - known
        if shown:
            assert known >= 8
            percent = float(shown.replace("−", "-").replace(",", "").replace(" %", ""))
            assert abs(percent - 100 * median(later)) <= 0.05 + 1e-9

    def check_cases(self, dates: list[date], sessions: int) -> None:
        assert dates == [self.sessions[one] for one in self.cases()]
        assert len(self.later(sessions)) < 8

    def check_none(self) -> None:
        self.check_long()
        assert not [one for one in self.moves[: self.at] if one is not None and one <= 0.8 * self.move]

    def check_entry(self, state: str, peak: date, before: int, since: str, begin: str) -> None:
        """The state was entered on that very session, so long after the peak, and before that last on `since`."""
        now = self.states[self.at]
        assert oracle.DEPTH.index(now["entered_state"]) == DEPTH[state]
        assert self.sessions[now["peak_at"]] == peak
        assert before == self.at - now["peak_at"]
        earlier = [at for at in self.entries(DEPTH[state]) if at < self.at]
        if since:
            assert day(since) == self.sessions[earlier[-1]]
        elif begin:
            self.check_long()
            assert not earlier
            assert day(begin) == self.begin
        else:
            assert not earlier
            assert years_between(self.begin, self.sessions[self.at]) < 3

    def check_line(self, depth: str, peak: date, state: str, fraction: float, step: float) -> None:
        """A close so much lower is at or below the state's line, and one a step higher is not."""
        now = self.states[self.at]
        assert abs(float(depth) + 100 * now["drawdown"]) <= 0.05 + 1e-9
        assert self.sessions[now["peak_at"]] == peak
        line = LINES[state]
        assert (1 + now["drawdown"]) * (1 + fraction) - 1 <= line + 1e-12
        assert (1 + now["drawdown"]) * (1 + fraction + step) - 1 > line
        assert oracle.DEPTH.index(now["state"]) < DEPTH[state]
        since_peak = [oracle.DEPTH.index(one["state"]) for one in self.states[now["peak_at"] : self.at + 1] if one]
        assert state == "a correction" or max(since_peak) < DEPTH[state]


def _fitted(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Shape and scale of a generalised Pareto distribution with these L-moments (Hosking, 1990)."""
    shape = 2 - first / second
    return shape, first * (1 - shape)


def _rounds(shown: str, true: float) -> bool:
    decimals = len(shown.partition(".")[2])
    return abs(float(shown) - true) <= 0.5 * 10**-decimals + 1e-6
