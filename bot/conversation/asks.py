"""What was asked, by whom and where, and what is the answer?"""

from __future__ import annotations

from dataclasses import dataclass

from bot.delivery.model import ChatKind
from bot.messages.message import Button, Message


@dataclass(frozen=True, slots=True)
class Ask:
    """A command somebody gave in a chat; a button that was pressed is the command it stands for.

    `user` is the number of a person; None = nobody in particular, and `anonymous` then says that it was an
    administrator who speaks as the group. `command` is without its slash, "" = these words are no command. `language`
    is the code that the person's own program told ("" = none).
    """

    chat: str
    kind: ChatKind
    user: int | None
    command: str
    words: tuple[str, ...] = ()
    language: str = ""
    anonymous: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: a message with rows of buttons, or a picture or file that has it as its caption.

    `file_name` names `content`; a name that ends in .png is shown as a picture.
    """

    message: Message
    buttons: tuple[tuple[Button, ...], ...] = ()
    file_name: str = ""
    content: bytes = b""
