"""Must anyone know?"""

from bot.alerts.decide import Alert, Decision, Evidence, conditions, decide, deepest_rung, episode_id, whole_months
from bot.alerts.episodes import Episode, EpisodeId, Memory, Phase, Reason, Subject, Told
from bot.alerts.muting import is_part, muted, tellers
from bot.alerts.questions import Question, agenda, place_of, questions
from bot.alerts.rules import NamedEvent, Rule, Rung, Severity
from bot.alerts.sieve import sieve

__all__ = [
    "Alert",
    "Decision",
    "Episode",
    "EpisodeId",
    "Evidence",
    "Memory",
    "NamedEvent",
    "Phase",
    "Question",
    "Reason",
    "Rule",
    "Rung",
    "Severity",
    "Subject",
    "Told",
    "agenda",
    "conditions",
    "decide",
    "deepest_rung",
    "episode_id",
    "is_part",
    "muted",
    "place_of",
    "questions",
    "sieve",
    "tellers",
    "whole_months",
]
