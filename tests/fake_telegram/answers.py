"""What does the server say when it does not do what it is asked?"""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What the server does with one request: takes it or not, and then answers, or hangs up, or hangs."""

    status: int = 200
    body: bytes | None = None  # None = what Telegram would say
    takes: bool = False
    then: str = "answer"  # or "hang", "reset", "half"


class Refused(Exception):
    """The request is wrong, or comes too early."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body)
        self.answer = answer


def refusal(code: int, description: str, **parameters: object) -> Answer:
    """An error in Telegram's own form."""
    body: dict[str, object] = {"ok": False, "error_code": code, "description": description}
    if parameters:
        body["parameters"] = parameters
    return Answer(code, json.dumps(body).encode())


def flood(retry_after: object) -> Answer:
    return refusal(429, "Too Many Requests: retry later", retry_after=retry_after)


def bad(words: str) -> Refused:
    return Refused(refusal(400, f"Bad Request: {words}"))


HANG = Answer(takes=True, then="hang")
RESET = Answer(takes=True, then="reset")
HALF = Answer(takes=True, then="half")
