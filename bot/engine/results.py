"""Results of the recent sessions: what was evaluated and posted, to compare with when closes are revised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from bot.alerts.episodes import Alert, Episode, EpisodeId, SubjectState, SubjectStates
from bot.alerts.rules import Severity
from bot.alerts.targets import RuleTarget
from bot.baskets import BasketId
from bot.delivery.model import Notification, NotificationKey
from bot.messages.message import Message

KEPT_RESULTS = 10  # of each target: the sessions that are compared


class ResultKey(NamedTuple):
    """A session of a target, which is named by its rule and basket."""

    rule: str
    basket: BasketId
    session: date

    @classmethod
    def of(cls, target: RuleTarget, session: date) -> ResultKey:
        return cls(target.rule.name, target.basket, session)


@dataclass(frozen=True, slots=True)
class PostedAlert:
    """An alert as it was posted or last corrected, about these members ("" = the basket); no `messages` = retracted.

    `key` is that of the notification that its corrections edit.
    """

    key: NotificationKey
    episode: EpisodeId
    severity: Severity
    members: tuple[str, ...]
    messages: tuple[Message, ...]

    @classmethod
    def of(cls, alert: Alert, notification: Notification) -> PostedAlert:
        members = tuple(subject.member for subject in alert.subjects)
        return cls(notification.key, alert.episode, notification.severity, members, notification.messages)


@dataclass(frozen=True, slots=True)
class SessionResult:
    """What a target was evaluated to on a session, under the configuration with the fingerprint `config`.

    `episodes` are those that were open before the session, by member ("" = the basket): an inhibited alert counts.
    No `alerts` = nothing fired.
    """

    config: str
    episodes: Mapping[str, Episode]
    alerts: tuple[PostedAlert, ...] = ()

    @classmethod
    def of(
        cls, config: str, target: RuleTarget, states: SubjectStates, alerts: tuple[PostedAlert, ...]
    ) -> SessionResult:
        """`states` are those before the session."""
        of_target = ((subject, state) for subject, state in states.items() if target.covers(subject))
        return cls(config, {subject.member: state.episode for subject, state in of_target if state.episode}, alerts)

    def states(self, target: RuleTarget) -> SubjectStates:
        """The states of the target's subjects with an open episode before the session."""
        return {
            target.subject._replace(member=member): SubjectState(episode=episode)
            for member, episode in self.episodes.items()
        }


Results = Mapping[ResultKey, SessionResult]
