"""What is to be remembered and said after one look at the market?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from bot.alerts.episodes import Alert, Phase, ProvisionalAlert, Subject, SubjectState
from bot.alerts.targets import RuleTarget, rule_targets
from bot.baskets import BasketId
from bot.context.headlines import largest_losers
from bot.delivery.model import Destination, Notification, NotificationKey
from bot.pipeline import (
    Rulebook,
    as_edit,
    chart_for,
    compose,
    compose_discontinuation,
    compose_withdrawal,
    severity_change_notice,
)
from bot.prices.bars import Symbol
from bot.prices.revisions import Closes
from bot.statistics.market_stats import MarketStats
from bot.watch.agreement import Answers, Doubted, Unconfirmed, answer
from bot.watch.due import Due, Timing, as_of
from bot.watch.grounds import Grounds
from bot.watch.live import Outcome, Twice, outcomes
from bot.watch.press import Inquiry
from bot.watch.troubles import Unsure

# A new question looks at this many past sessions in silence, to know of an episode that is already open.
WARM_UP_SESSIONS = 60
FRESH = timedelta(days=1)  # so long after its session an alert is taken back that nobody judges


@dataclass(frozen=True, slots=True)
class Setup:
    """What the operator decided: what to watch, whom to tell in which languages, and when.

    `subscribers_of` is the transport whose subscribers are told too (None = nobody can subscribe). `charts` says
    whether alerts come with a picture. `config` is the fingerprint of the configuration.
    """

    rulebook: Rulebook
    destinations: tuple[Destination, ...]
    languages: tuple[str, ...]
    timing: Timing = Timing()
    subscribers_of: str | None = None
    charts: bool = False
    config: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """What is to be stored at once: what subjects remember from now on, and what is to be said.

    What is `unsure` is for the operators alone, and so is which baskets' session could not be judged (`unread`);
    `alerts` are those that events may be about, and `closes` what was judged on.
    """

    known: Mapping[Subject, SubjectState]
    events: tuple[Notification, ...]
    unsure: tuple[Unsure, ...] = ()
    unread: frozenset[BasketId] = frozenset()
    alerts: tuple[Alert, ...] = ()
    closes: Mapping[Symbol, Closes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """One look: the figures, the hours, when prices are from (`stamps`), and who was known before (`speaking`).

    `board` is without doubtful prices; `doubted` is what they would make of it (None = there are none). `grounds` are
    the closes of it.
    """

    setup: Setup
    due: Due
    board: MarketStats
    stamps: Mapping[Symbol, datetime]
    speaking: AbstractSet[Subject]
    doubted: Doubted | None = None
    grounds: Grounds = field(default_factory=Grounds)

    def open_days(self, memories: Mapping[Subject, SubjectState]) -> list[date]:
        """The final sessions after the earliest one that some question was asked about."""
        days = self.board.sessions()
        begin = days[-WARM_UP_SESSIONS:][0] if days else date.min
        judged = [memories.get(one.subject, SubjectState()).judged for one in self._questions()]
        since = min((one or begin for one in judged), default=begin)
        return [day for day in days if day > since]

    def ready(self, day: date, memories: Mapping[Subject, SubjectState]) -> frozenset[RuleTarget]:
        """The questions to be asked about the final session `day` now."""
        return frozenset(one for one in self._questions() if self.due.ready(self._whole(one), one, day, memories))

    def judged(self, day: date, memories: Mapping[Subject, SubjectState], ready: AbstractSet[RuleTarget]) -> Findings:
        """Ask the questions that are ready about one final session.

        What was told while the session was under way is confirmed or withdrawn. A question that was never asked before
        learns the past in silence: it speaks only of what is still news. One that waits for a doubt is not asked yet;
        of what is unconfirmed in the end, nothing is confirmed or withdrawn.
        """
        answers = self._answers(day, memories, ready)
        ready -= answers.waiting
        known = dict(answers.judgement.memories)
        events: list[Notification] = []
        alerts: list[Alert] = []
        for question in filter(ready.__contains__, self._questions()):
            before, new = outcomes(question, day, answers.judgement.alerts, memories)
            for one in before:
                if one.alert is not None or not self._disputed(one.told, answers, memories):
                    events += self._settled(question, day, one, memories)
            alerts += [one.alert for one in before if one.alert is not None] + new
            news = self.due.now < self._expires(question, day)
            events += [self.final(question, one) for one in new if question.subject in self.speaking or news]
            for subject, memory in memories.items():
                if memory.told is not None and memory.told.session <= day and question.covers(subject):
                    known.setdefault(subject, replace(memory, told=None))
            own = known.get(question.subject) or memories.get(question.subject, SubjectState())
            known[question.subject] = replace(own, judged=day)
        unconfirmed = [one for one in answers.unconfirmed if self.due.now < self._expires(one.question, day)]
        heard = (one for one in ready if one.subject in self.speaking)
        unread = frozenset(basket for one in heard for basket in self.due.lacking(self._whole(one), one, day))
        unsure = self._unsure(unconfirmed, Phase.FINAL)
        return Findings(known, tuple(events), unsure, unread, tuple(alerts), self._judged_on(ready, day))

    def _judged_on(self, asked: Iterable[RuleTarget], day: date) -> dict[Symbol, Closes]:
        until: dict[Symbol, datetime] = {}
        for one in asked:
            close = self.due.close(one, day)
            for symbol in (symbol for name in one.baskets for symbol in self.board.series[name].basket.symbols):
                until[symbol] = max(close, until.get(symbol, close))
        return self.grounds.judged(until, self.due.calendars)

    def abandoned(self, memories: Mapping[Subject, SubjectState]) -> Findings:
        """What was told of a session under way by a question that is asked no more is taken back while it is news."""
        left = {one: was for one, was in memories.items() if was.told is not None and not self.due.asks(one)}
        told = {was.told: one for one, was in left.items() if was.told is not None}
        created, expires = self.due.now, self.due.now + self.setup.timing.expiry
        events: list[Notification] = []
        for was, subject in told.items():
            if created.date() - was.session <= FRESH:
                events += self._instead(
                    compose_discontinuation(subject, was, self.setup.languages, created, expires), was
                )
        return Findings({one: replace(was, told=None) for one, was in left.items()}, tuple(events))

    def under_way(self, memories: Mapping[Subject, SubjectState], twice: Twice) -> Findings:
        """Ask about the sessions that are not over; nobody remembers more of it than what was told.

        A drawdown state is entered by a close, so that nothing can be said of it before.
        """
        days: dict[date, set[RuleTarget]] = {}
        for question in self._questions():
            day = self.due.under_way(self._whole(question), question, memories)
            if day is not None and not question.rule.uses_condition("enters"):
                days.setdefault(day, set()).add(question)
        answers = [self._answers(day, memories, asked) for day, asked in days.items()]
        alerts = [alert for one in answers for alert in one.judgement.alerts]
        unconfirmed = [one for each in answers for one in each.unconfirmed]
        known: dict[Subject, SubjectState] = {}
        events: list[Notification] = []
        speaking = twice.speaking(alerts, memories)
        for alert, told in speaking:
            event = self._provisional(alert)
            events += [event] if told is None else self._instead(event, told)
            for one in alert.decisions:
                now = ProvisionalAlert(event.key, alert.session, event.severity)
                known[one.subject] = replace(memories.get(one.subject, SubjectState()), told=now)
        unsure = self._unsure(unconfirmed, Phase.PROVISIONAL)
        return Findings(known, tuple(events), unsure, alerts=tuple(alert for alert, _ in speaking))

    def inquiries(self, found: Findings) -> list[Inquiry]:
        """What the press is to be asked about the events that tell an alert."""
        told = {one.key: one for one in found.events}
        return [
            Inquiry(
                told[NotificationKey(alert.key)],
                largest_losers(self.board, alert),
                self.due.begin(alert.subject.basket, alert.session, alert.rule.window),
            )
            for alert in found.alerts
            if alert.key in told
        ]

    def _answers(self, day: date, memories: Mapping[Subject, SubjectState], asked: AbstractSet[RuleTarget]) -> Answers:
        return answer(self.board, self.doubted, self.setup.rulebook, day, memories, frozenset(asked))

    def _whole(self, question: RuleTarget) -> MarketStats:
        """Where a question's baskets have all the prices there are: a doubt is no reason to wait for its price."""
        return self.board if self.doubted is None or not self.doubted.of(question) else self.doubted.board

    def _unsure(self, unconfirmed: Sequence[Unconfirmed], phase: Phase) -> tuple[Unsure, ...]:
        found = []
        for make in dict.fromkeys(one.on for one in unconfirmed):
            board = make()
            for one in (one for one in unconfirmed if one.on is make):
                oldest = self._as_of(one.question) if phase is Phase.PROVISIONAL else None
                event = self._composed(one.question, replace(one.alert, phase=phase), self.due.now, oldest, board)
                key = NotificationKey(f"{event.key}/unconfirmed")
                found.append(Unsure(replace(event, key=key, config=self.setup.config), one.depends_on))
        return tuple(found)

    def _disputed(self, told: ProvisionalAlert, answers: Answers, memories: Mapping[Subject, SubjectState]) -> bool:
        return any(memory.told == told for subject, memory in memories.items() if subject in answers.undecided)

    def _questions(self) -> tuple[RuleTarget, ...]:
        return rule_targets(self.board, self.setup.rulebook.rules)

    def _expires(self, question: RuleTarget, day: date) -> datetime:
        return self.due.close(question, day) + self.setup.timing.expiry

    def final(self, question: RuleTarget, alert: Alert) -> Notification:
        """An alert about a session that is over, as it is told."""
        created = self.due.close(question, alert.session) + self.setup.timing.settle
        return self._drawn(self._composed(question, alert, created), question, alert.subjects)

    def _provisional(self, alert: Alert) -> Notification:
        question = RuleTarget(alert.rule, alert.subject.basket)
        event = self._composed(question, alert, self.due.now, self._as_of(question))
        return self._drawn(event, question, alert.subjects)

    def _drawn(self, event: Notification, question: RuleTarget, subjects: Sequence[Subject]) -> Notification:
        """`event` with what there is to draw of it."""
        if not self.setup.charts:
            return event
        return replace(event, chart=chart_for(self.board, subjects, question.rule.window, event.session))

    def _as_of(self, question: RuleTarget) -> datetime:
        """When the oldest of the latest prices that a question looks at is from."""
        baskets = [self.board.series[one].basket for one in question.baskets]
        return min(as_of(one, self.stamps, self.due.calendars, self.due.now) for one in baskets)

    def _composed(
        self,
        question: RuleTarget,
        alert: Alert,
        created: datetime,
        oldest: datetime | None = None,
        board: MarketStats | None = None,
    ) -> Notification:
        expires, setup = self._expires(question, alert.session), self.setup
        on = self.board if board is None else board
        return compose(on, setup.rulebook, alert, setup.languages, created, expires, oldest)

    def _settled(
        self, question: RuleTarget, day: date, one: Outcome, memories: Mapping[Subject, SubjectState]
    ) -> list[Notification]:
        if one.alert is not None:
            return self._instead(self.final(question, one.alert), one.told)
        known = memories.items()
        subjects = [subject for subject, memory in known if memory.told == one.told and question.covers(subject)]
        created, expires = self.due.close(question, day) + self.setup.timing.settle, self._expires(question, day)
        event = compose_withdrawal(self.board, question, subjects, one.told, self.setup.languages, created, expires)
        return self._instead(self._drawn(event, question, subjects), one.told)

    def _instead(self, event: Notification, told: ProvisionalAlert) -> list[Notification]:
        """`event` in the place of what was told; whoever has seen that also hears of a change of its class."""
        edited = as_edit(event, told)
        changed = event.withdraws or event.severity != told.severity
        return [edited, severity_change_notice(edited, told)] if changed else [edited]


def judged_until(memories: Mapping[Subject, SubjectState]) -> dict[BasketId, date]:
    """The latest session that each basket was judged on."""
    days = sorted((one.judged, subject.basket) for subject, one in memories.items() if one.judged is not None)
    return {basket: day for day, basket in days}
