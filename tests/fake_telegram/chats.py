"""What kind of chat is it, who is in it, what has the bot written there, and may it?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fake_telegram.answers import Answer, refusal
from tests.fake_telegram.entities import is_for
from tests.fake_telegram.ledger import Accepted

if TYPE_CHECKING:
    from tests.fake_telegram.people import Person
    from tests.fake_telegram.server import FakeTelegram

INSIDE = {"creator", "administrator", "member", "restricted"}
MAY_NOT = (
    *("can_be_edited", "is_anonymous", "can_manage_chat", "can_delete_messages", "can_manage_video_chats"),
    *("can_restrict_members", "can_promote_members", "can_change_info", "can_invite_users", "can_post_stories"),
    *("can_edit_stories", "can_delete_stories"),
)


@dataclass(eq=False)
class Chat:
    """A chat on the server; `bot` is the bot's own standing in it, `members` that of the others by user number."""

    telegram: FakeTelegram
    key: str
    kind: str
    title: str = ""
    username: str = ""
    declared: bool = True  # False = nobody said what it is: all is taken
    bot: str = "member"
    may_post: bool = True  # an administrator's right in a channel
    members: dict[int, str] = field(default_factory=dict)
    topics: set[int] = field(default_factory=set)
    refuses: Answer | None = None
    sent: list[Accepted] = field(default_factory=list)
    edits: list[Accepted] = field(default_factory=list)
    heard: set[int] = field(default_factory=set)  # the messages of people
    _read: int = 0
    _read_edits: int = 0

    @property
    def number(self) -> int:
        return int(self.key) if self.key.lstrip("-").isdigit() else -1

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.sent if not one.deleted]

    def message(self, number: int) -> Accepted | None:
        """A message of the bot that still stands."""
        return next((one for one in reversed(self.sent) if one.id == number and not one.deleted), None)

    def bot_reads(self, text: str | None, name: str) -> bool:
        """Among people it reads what happens to the group (None = no text) and commands; as administrator all."""
        if self.bot not in INSIDE:
            return False
        return self.kind in ("private", "channel") or self.bot == "administrator" or text is None or is_for(name, text)

    async def next_message(self, seconds: float = 10.0) -> Accepted:
        """The first message of the bot that was not asked for yet; TimeoutError when none comes."""
        one = await self._await(self.sent, self._read, seconds)
        self._read += 1
        return one

    async def next_edit(self, seconds: float = 10.0) -> Accepted:
        """The same of messages that are edited."""
        one = await self._await(self.edits, self._read_edits, seconds)
        self._read_edits += 1
        return one

    async def _await(self, written: list[Accepted], place: int, seconds: float) -> Accepted:
        try:
            return await self.telegram.bell.until(lambda: written[place] if len(written) > place else None, seconds)
        except TimeoutError:
            raise TimeoutError(f"nothing new in {seconds} s; chat {self.key} reads {self.texts}") from None

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {"id": self.number, "type": self.kind}
        if self.kind == "private":
            told["first_name"] = self.title
        else:
            told["title"] = self.title
        if self.username:
            told["username"] = self.username
        if self.topics:
            told["is_forum"] = True
        return told

    # What happens to the bot

    def admit(self, by: Person, standing: str = "member") -> None:
        """Somebody takes the bot in, or gives it another standing."""
        is_new = self.bot not in INSIDE
        self._stand(by, standing, None)
        if is_new and self.kind in ("group", "supergroup"):
            self.telegram.hear(self, by, new_chat_members=[self.telegram.me])

    def remove(self, by: Person) -> None:
        self._stand(by, "kicked", refusal(403, f"Forbidden: bot was kicked from the {self.kind} chat"))

    def block(self, by: Person) -> None:
        self._stand(by, "kicked", refusal(403, "Forbidden: bot was blocked by the user"))

    def _stand(self, by: Person, standing: str, refuses: Answer | None) -> None:
        before, self.bot, self.refuses = self.bot, standing, refuses
        me = self.telegram.me
        change = {
            "chat": self.as_json(),
            "from": by.as_json(),
            "date": self.telegram.date(),
            "old_chat_member": member(me, before),
            "new_chat_member": member(me, standing),
        }
        self.telegram.updates.put("my_chat_member", change)

    def migrate(self, by: Person) -> Chat:
        """The group becomes a supergroup with another number, which is the answer to all that is sent here."""
        key = f"-100{abs(self.number)}"
        new = self.telegram.chat(key, "supergroup", self.title, bot=self.bot, members=self.members)
        words = "Bad Request: group chat was upgraded to a supergroup chat"
        self.refuses = refusal(400, words, migrate_to_chat_id=new.number)
        self.telegram.hear(self, by, migrate_to_chat_id=new.number)
        self.telegram.hear(new, by, migrate_from_chat_id=self.number)
        return new

    def post(self, text: str) -> int:
        """A message of a channel's own people."""
        assert self.kind == "channel"
        return self.telegram.hear(self, None, "channel_post", text=text, sender_chat=self.as_json())


def member(user: dict[str, Any], standing: str, **rights: bool) -> dict[str, Any]:
    """A ChatMember as the Bot API writes it; `rights` are those that an administrator has."""
    told: dict[str, Any] = {"user": user, "status": standing}
    if standing == "creator":
        told["is_anonymous"] = False
    if standing == "administrator":
        told |= dict.fromkeys(MAY_NOT, False) | rights
    if standing == "kicked":
        told["until_date"] = 0
    return told
