"""A strict stand-in for Telegram's Bot API on loopback, and the people who write to the bot there."""

from tests.fake_telegram.answers import HALF, HANG, RESET, Answer, flood, refusal
from tests.fake_telegram.chats import Chat
from tests.fake_telegram.ledger import Accepted
from tests.fake_telegram.people import Person
from tests.fake_telegram.server import FakeTelegram

__all__ = ["HALF", "HANG", "RESET", "Accepted", "Answer", "Chat", "FakeTelegram", "Person", "flood", "refusal"]
