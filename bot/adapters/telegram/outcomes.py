"""Telegram error -> send outcome."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus

import httpx
from telegram.error import BadRequest, ChatMigrated, Forbidden, RetryAfter, TelegramError

from bot.delivery.attempts import (
    ChatGone,
    ChatMoved,
    ChatRefused,
    MarkupRejected,
    NotSent,
    PhotoRejected,
    RateLimited,
    SendOutcome,
    Sent,
    TargetMissing,
    TokenRejected,
    Uncertain,
)

# All but the first come out of the library when an answer has another shape than it expects.
FAILURES = (TelegramError, LookupError, TypeError, AttributeError, ValueError, ArithmeticError, OSError)
NEVER_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
# What Telegram writes in a refusal, in part -> what it means. It has no other way to tell.
GONE = ("bot was blocked", "user is deactivated", "bot was kicked", "group chat was deleted", "chat not found")
BAD_FORMAT = ("can't parse entities", "too long", "too_long")
NO_TARGET = (
    *("message to edit not found", "message can't be edited", "message_id_invalid"),
    *("there is no text in the message", "there is no caption in the message", "there is no media in the message"),
)
NO_PICTURE = ("photo", "image_process_failed", "media_", "wrong file identifier", "wrong remote file", "file must be")
UNCHANGED = "message is not modified"


def outcome_of(error: Exception, status: int | None, reason: str, *, pictured: bool = False) -> SendOutcome | None:
    """The outcome that belongs to `error`; `status` is that of the HTTP answer (None = there was none).

    `reason` is the error in words that may be shown; `pictured` says that there was a picture in the request. None =
    the error is none of Telegram's or the network's.
    """
    if status is None:
        return _unanswered(error, reason)
    if pictured and _of_picture(error, status):
        return PhotoRejected(reason)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _flood(error)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
        return TokenRejected(reason)
    if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN):
        return _refusal(error, reason)
    unable = status in (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)
    elsewhere = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return NotSent(reason, overloaded=True) if unable or elsewhere else Uncertain(reason)


def _unanswered(error: Exception, reason: str) -> SendOutcome | None:
    if not isinstance(error, TelegramError):
        return None
    return NotSent(reason) if isinstance(error.__cause__, NEVER_LEFT) else Uncertain(reason)


def _of_picture(error: Exception, status: int) -> bool:
    """Whether the picture is what was refused: by its size, its content, its name, or the rights in the chat."""
    too_large = status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return too_large or (isinstance(error, BadRequest) and any(one in str(error).lower() for one in NO_PICTURE))


def _refusal(error: Exception, reason: str) -> SendOutcome:
    """400 and 403: the chat, the text, or something on the way that is not Telegram."""
    if isinstance(error, ChatMigrated):
        return ChatMoved(str(error.new_chat_id))
    words = str(error).lower()
    if isinstance(error.__cause__, TelegramError) or not isinstance(error, BadRequest | Forbidden):
        return NotSent(reason, overloaded=True)
    if any(phrase in words for phrase in GONE):
        return ChatGone(reason)
    return _bad_request(words, reason) if isinstance(error, BadRequest) else ChatRefused(reason)


def _bad_request(words: str, reason: str) -> SendOutcome:
    if any(phrase in words for phrase in BAD_FORMAT):
        return MarkupRejected(reason)
    if any(phrase in words for phrase in NO_TARGET):
        return TargetMissing(reason)
    return Sent() if UNCHANGED in words else ChatRefused(reason)


def _flood(error: Exception) -> RateLimited:
    """As long as we were told, or the default when that is missing or no time at all."""
    told = error.retry_after if isinstance(error, RetryAfter) else None
    try:
        seconds = told.total_seconds() if isinstance(told, timedelta) else float(told or 0)
    except (TypeError, ValueError):
        return RateLimited()
    return RateLimited(seconds) if seconds > 0 else RateLimited()
