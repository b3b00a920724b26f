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

# All but the first are raised by the library for an answer of an unexpected shape.
FAILURES = (TelegramError, LookupError, TypeError, AttributeError, ValueError, ArithmeticError, OSError)
NEVER_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
# Parts of Telegram's refusals: no error code tells them apart.
GONE = ("bot was blocked", "user is deactivated", "bot was kicked", "group chat was deleted", "chat not found")
BAD_FORMAT = ("can't parse entities", "too long", "too_long")
NO_TARGET = (
    *("message to edit not found", "message can't be edited", "message_id_invalid"),
    *("there is no text in the message", "there is no caption in the message", "there is no media in the message"),
)
NO_PICTURE = ("photo", "image_process_failed", "media_", "wrong file identifier", "wrong remote file", "file must be")
UNCHANGED = "message is not modified"


def outcome_of(error: Exception, status: int | None, reason: str, *, has_photo: bool = False) -> SendOutcome | None:
    """The outcome of a request that failed with `error`; None for an error of neither Telegram nor the network.

    `status` is the HTTP status of the answer (None = no answer), `reason` the error as text without secrets,
    `has_photo` whether the request carried a photo.
    """
    if status is None:
        outcome = NotSent(reason) if isinstance(error.__cause__, NEVER_LEFT) else Uncertain(reason)
        return outcome if isinstance(error, TelegramError) else None
    if has_photo and _is_photo_error(error, status):
        return PhotoRejected(reason)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _rate_limit(error)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
        return TokenRejected(reason)
    if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN):
        return _refusal(error, reason)
    unable = status in (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)
    elsewhere = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return NotSent(reason, overloaded=True) if unable or elsewhere else Uncertain(reason)


def _is_photo_error(error: Exception, status: int) -> bool:
    """Whether the photo was refused: its size, content or file id, or the rights in the chat."""
    too_large = status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return too_large or (isinstance(error, BadRequest) and any(phrase in str(error).lower() for phrase in NO_PICTURE))


def _refusal(error: Exception, reason: str) -> SendOutcome:
    """The outcome of status 400 and 403: about the chat, the text, or from a proxy on the way."""
    if isinstance(error, ChatMigrated):
        return ChatMoved(str(error.new_chat_id))
    text = str(error).lower()
    if isinstance(error.__cause__, TelegramError) or not isinstance(error, BadRequest | Forbidden):
        return NotSent(reason, overloaded=True)
    by_phrases: list[tuple[tuple[str, ...], SendOutcome]] = [(GONE, ChatGone(reason))]
    if isinstance(error, BadRequest):
        by_phrases += [(BAD_FORMAT, MarkupRejected(reason)), (NO_TARGET, TargetMissing(reason)), ((UNCHANGED,), Sent())]
    matches = (outcome for phrases, outcome in by_phrases if any(phrase in text for phrase in phrases))
    return next(matches, ChatRefused(reason))


def _rate_limit(error: Exception) -> RateLimited:
    """The wait that Telegram asks for; the default if it is missing or not positive."""
    wait = error.retry_after if isinstance(error, RetryAfter) else None
    try:
        seconds = wait.total_seconds() if isinstance(wait, timedelta) else float(wait or 0)
    except (TypeError, ValueError):
        return RateLimited()
    return RateLimited(seconds) if seconds > 0 else RateLimited()
