"""What would each rung have done over history, and which values would give so many alerts a year?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from bot.alerts import Question, Rule, Rung, Severity, questions, tellers
from bot.backtest.fit import fit, fitted_condition
from bot.backtest.hearings import Hearing, hearings
from bot.backtest.poisson import count_interval, dispersion
from bot.backtest.provisional import Provisional, provisionals
from bot.backtest.tracks import Shelf, tracks
from bot.backtest.years import Rate, Years, sessions_of
from bot.baskets import Basket, BasketId
from bot.pipeline import Rulebook, survey
from bot.prices import CalendarCode, Dates, PriceTable
from bot.statistics import Board


@dataclass(frozen=True, slots=True)
class Step:
    """One rung in force: how often it, or a deeper one, was newly reached, and the alerts of its own severity.

    `provisional` is None where daily prices do not tell.
    """

    rung: Rung
    reached: Rate
    alerts: int
    latest: date | None
    provisional: Provisional | None


@dataclass(frozen=True, slots=True)
class Trial:
    """A suggested rung, fitted on two of three years and tried on the others.

    `poisson` are the fewest and the most times it should be reached on the held-out years (90 %), told from the count
    of the fitted years alone, if falls came independently. They do not: from one fitted year to the next the count
    varies `spread` times as much (variance over mean), and `expected` allows for it. `held_out` is what came.
    """

    rung: Rung
    fitted: Rate
    spread: float
    poisson: tuple[int, int]
    expected: tuple[int, int]
    held_out: Rate

    @property
    def inside(self) -> bool:
        return self.expected[0] <= self.held_out.count <= self.expected[1]

    @property
    def inside_poisson(self) -> bool:
        return self.poisson[0] <= self.held_out.count <= self.poisson[1]


@dataclass(frozen=True, slots=True)
class Tuning:
    """One rule and one basket: what was heard, each rung's rate, and the basket's own suggestion.

    `first` and `last` are the sessions between which rates are counted: the first years of a basket have too little
    before them. `hearings` has all alerts, those of the first years too, and `sent` what is left of them where another
    message about the basket, by any of the rules tuned with it, tells some. `suggested` is the rule with other values
    (None = nothing to fit, or too short a history), and `trials` what its fitted rungs did.
    """

    rule: Rule
    basket: Basket
    against: Basket | None
    first: date
    last: date
    hearings: tuple[Hearing, ...]
    sent: tuple[Hearing, ...]
    steps: tuple[Step, ...]
    suggested: Rule | None
    trials: tuple[Trial, ...]

    def rate_sent(self, severity: Severity) -> Rate:
        """The messages of just that severity that people get."""
        days = [one.session for one in self.sent if one.severity == severity]
        return Rate(sum(self.first <= day <= self.last for day in days), self.steps[0].reached.years)


def tune(
    tables: Mapping[CalendarCode, PriceTable], rulebook: Rulebook, basket: BasketId, per_year: float, shelf: Shelf
) -> tuple[Tuning, ...]:
    """Every rule that is asked about `basket`, or about its spread to another one. `shelf` is that of the `tables`.

    `per_year` is how often the shallowest rung shall be reached; each deeper one a third as often as the one above.
    """
    narrow = about(rulebook, basket)
    board = survey(tables, narrow)
    asked = [question for question in questions(board, narrow.rules) if question.basket == basket]
    found = [_tuned(board, narrow, question, per_year, shelf) for question in asked]
    return tuple(_beside_others([one for one in found if one is not None]))


def _beside_others(found: Sequence[Tuning]) -> Iterator[Tuning]:
    """With what is left of each beside the others of the same session, as `muted` has it."""
    sessions: dict[date, list[tuple[Rule, Hearing]]] = {
        heard.session: [] for one in found if _may_tell(one) for heard in one.hearings
    }
    for one in found:
        for heard in one.hearings:
            if heard.session in sessions:
                sessions[heard.session].append((one.rule, heard))
    telling = {
        session: tellers((rule, one.words[0].member) for rule, one in heard) for session, heard in sessions.items()
    }
    loudest = {
        session: max((word.severity for rule, one in heard for word in one.parts(rule)), default=None)
        for session, heard in sessions.items()
    }
    for one in found:
        left = (
            heard.beside(one.rule, telling.get(heard.session, ()), loudest.get(heard.session)) for heard in one.hearings
        )
        yield replace(one, sent=tuple(heard for heard in left if heard is not None))


def _may_tell(one: Tuning) -> bool:
    """Whether it ever tells what others say of the basket; all its alerts are of one kind."""
    return any(tellers([(one.rule, heard.words[0].member)]) for heard in one.hearings[:1])


def about(rulebook: Rulebook, *baskets: BasketId) -> Rulebook:
    """The part of the rulebook that these baskets need."""
    rules = [
        replace(rule, baskets=tuple(one for one in rule.baskets if one in baskets))
        for rule in rulebook.rules
        if (rule.contrast[0] if rule.contrast else None) in baskets or set(rule.baskets) & set(baskets)
    ]
    needed = {*baskets, *(one for rule in rules for one in rule.contrast or ())}
    return replace(
        rulebook, baskets=tuple(one for one in rulebook.baskets if one.id in needed), rules=tuple(rules), events=()
    )


def _tuned(
    board: Board,
    rulebook: Rulebook,
    question: Question,
    per_year: float,
    shelf: Shelf,
) -> Tuning | None:
    rule, close_after = question.rule, rulebook.close_after
    subjects = tuple(tracks(board, question, shelf))
    years = Years.of(sessions_of(rule, subjects))
    if years is None:
        return None
    heard = hearings(rule, subjects, close_after)
    doubts = provisionals(board, question, subjects, close_after)
    suggested: Rule | None = None
    trials: tuple[Trial, ...] = ()
    if years.fitted and years.held_out and any(map(fitted_condition, rule.rungs)):
        suggested = fit(rule, subjects, close_after, years.part(kept_back=False), years.fitted, per_year)
        trials = _trials(suggested, hearings(suggested, subjects, close_after), years)
    return Tuning(
        rule=rule,
        basket=board.series[question.basket].basket,
        against=board.series[rule.contrast[1]].basket if rule.contrast else None,
        first=years.first,
        last=years.last,
        hearings=heard,
        sent=heard,
        steps=tuple(_step(one, heard, years, doubt) for one, doubt in zip(rule.rungs, doubts, strict=True)),
        suggested=suggested,
        trials=trials,
    )


def _step(rung: Rung, heard: Sequence[Hearing], years: Years, doubt: Provisional | None) -> Step:
    reached = days_reached(heard, rung.severity)
    own = [one.session for one in heard if one.severity == rung.severity and years.first <= one.session <= years.last]
    return Step(
        rung=rung,
        reached=Rate(int(years.counts(reached).sum()), years.whole),
        alerts=len(own),
        latest=own[-1] if own else None,
        provisional=doubt,
    )


def days_reached(heard: Sequence[Hearing], severity: Severity) -> Dates:
    """The sessions of the alerts by which an episode comes to that rung, or to a deeper one."""
    return np.array([one.session for one in heard if one.reaches(severity)], dtype="datetime64[D]")


def try_out(
    tables: Mapping[CalendarCode, PriceTable], rulebook: Rulebook, basket: BasketId, shelf: Shelf
) -> Iterator[tuple[str, tuple[Trial, ...]]]:
    """What the rungs of the rulebook's rules do on `basket` in either part of history, by the rule's name."""
    narrow = about(rulebook, basket)
    board = survey(tables, narrow)
    for question in questions(board, narrow.rules):
        if question.basket != basket:
            continue
        subjects = tuple(tracks(board, question, shelf))
        years = Years.of(sessions_of(question.rule, subjects))
        if years is not None:
            heard = hearings(question.rule, subjects, rulebook.close_after)
            yield question.rule.name, _trials(question.rule, heard, years)


def _trials(rule: Rule, heard: Sequence[Hearing], years: Years) -> tuple[Trial, ...]:
    return tuple(_trial(rung, heard, years) for rung in rule.rungs if fitted_condition(rung) is not None)


def _trial(rung: Rung, heard: Sequence[Hearing], years: Years) -> Trial:
    days = days_reached(heard, rung.severity)
    before, after = (days[years.part(kept_back=back)(days)] for back in (False, True))
    spread = dispersion(years.by_year(before))
    poisson, expected = (count_interval(len(before), years.fitted, years.held_out, one) for one in (1.0, spread))
    return Trial(rung, Rate(len(before), years.fitted), spread, poisson, expected, Rate(len(after), years.held_out))
