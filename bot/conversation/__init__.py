"""What does a person ask, and what does he get to hear?"""

from bot.conversation.answering import answer, sorry
from bot.conversation.asks import Ask, Reply
from bot.conversation.desk import Condition, Desk, Register, View, Worker
from bot.conversation.menu import MENU, Command, does
from bot.conversation.roles import ALLOWED, Audience, Role
