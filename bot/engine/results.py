"""Results of the recent sessions: what was evaluated and posted, to compare with when closes are revised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from bot.alerts.episodes import Alert, Episode, EpisodeId
from bot.alerts.rules import Severity
from bot.baskets import BasketId
from bot.delivery.model import Notification, NotificationKey
from bot.messages.message import Message

KEPT_RESULTS = 10  # of each target: the sessions that are compared


class ResultKey(NamedTuple):
    """A session of a target, which is named by its rule and basket."""

    rule: str
    basket: BasketId
    session: date


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


Results = Mapping[ResultKey, SessionResult]
