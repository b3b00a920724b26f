"""Who hears it, once?"""

from bot.delivery.addresses import address
from bot.delivery.answers import (
    TOKEN_PATIENCE,
    BadFormat,
    BadToken,
    Flood,
    Gone,
    Moved,
    NoPicture,
    NoTarget,
    NotSent,
    Outcome,
    Sent,
    Soft,
    Transport,
    Uncertain,
)
from bot.delivery.deliveries import (
    CHANGES,
    TOPIC,
    Delivery,
    Destination,
    Event,
    EventKey,
    Kind,
    Manner,
    State,
)
from bot.delivery.limits import Limits
from bot.delivery.orders import Note, NoteId, Silence
from bot.delivery.outbox import Outbox
from bot.delivery.steps import Chat, News, Step, after_refusal, next_step
from bot.delivery.subscribers import Quiet, Subscriber, Wish
from bot.delivery.wording import LONGEST, LONGEST_CAPTION, dress, fit, keys

__all__ = [
    "CHANGES",
    "LONGEST",
    "LONGEST_CAPTION",
    "TOKEN_PATIENCE",
    "TOPIC",
    "BadFormat",
    "BadToken",
    "Chat",
    "Delivery",
    "Destination",
    "Event",
    "EventKey",
    "Flood",
    "Gone",
    "Kind",
    "Limits",
    "Manner",
    "Moved",
    "News",
    "NoPicture",
    "NoTarget",
    "NotSent",
    "Note",
    "NoteId",
    "Outbox",
    "Outcome",
    "Quiet",
    "Sent",
    "Silence",
    "Soft",
    "State",
    "Step",
    "Subscriber",
    "Transport",
    "Uncertain",
    "Wish",
    "address",
    "after_refusal",
    "dress",
    "fit",
    "keys",
    "next_step",
]
