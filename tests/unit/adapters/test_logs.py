from __future__ import annotations

import io
import json
import logging
import sys

import pytest

from bot.adapters.logs import configure_logging, redact
from tests.canary import TOKEN
from tests.log_state import log_state


@pytest.fixture
def out():
    """Where the log goes."""
    with log_state():
        yield io.StringIO()


def fail():
    raise RuntimeError(f"at https://host/bot{TOKEN}/sendMessage")


def test_one_line_names_level_words_and_facts(out):
    configure_logging(stream=out)
    logging.getLogger("bot.dispatcher").warning("delivery %s", "failed", extra={"chat": "-1001"})
    (line,) = out.getvalue().splitlines()
    for part in ("warning", "delivery failed", "bot.dispatcher", "chat=-1001"):
        assert part in line


def test_json_has_one_object_a_line_tracebacks_included(out):
    configure_logging(stream=out, json=True)
    try:
        fail()
    except RuntimeError:
        logging.getLogger("bot").exception("failed")
    (line,) = out.getvalue().splitlines()
    said = json.loads(line)
    assert (said["event"], said["level"]) == ("failed", "error")
    assert "Traceback" in said["exception"]


@pytest.mark.parametrize("json", [False, True])
@pytest.mark.parametrize("secrets", [(), (TOKEN,)])
def test_the_token_is_neither_in_words_nor_in_facts_nor_in_tracebacks(out, json, secrets):
    configure_logging("DEBUG", secrets=secrets, stream=out, json=json)
    log = logging.getLogger("somebody")
    log.info("calling %s", f"https://host/bot{TOKEN}/sendMessage")
    log.info("calling", extra={"address": f"bot{TOKEN}", "parts": {"token": TOKEN}})
    log.info("calling bot%s", TOKEN.replace(":", "%3A"))
    try:
        fail()
    except RuntimeError:
        log.exception("failed with %r", [TOKEN])
    assert out.getvalue().count("[token]") >= 6
    assert "canary" not in out.getvalue()


def test_a_secret_of_another_form_is_hidden_too():
    assert redact("postgres at hunter2, hunter2", ["hunter2"]) == "postgres at [token], [token]"


def test_times_and_addresses_are_not_taken_for_tokens():
    text = "2026-07-02T12:00:00Z http://127.0.0.1:34567/health chat -1001234567890: sent"
    assert redact(text) == text


def test_no_secret_is_no_reason_to_hide_everything():
    assert redact("words", ["", "x:"]) == "words"


def test_libraries_that_log_addresses_are_quiet_even_at_debug(out):
    configure_logging("DEBUG", stream=out)
    for name in ("httpx", "httpcore.http11", "telegram.Bot"):
        logging.getLogger(name).info("HTTP Request: POST https://host")
    assert out.getvalue() == ""


def test_to_set_up_twice_does_not_say_everything_twice(out):
    configure_logging(stream=io.StringIO())
    configure_logging(stream=out)
    logging.getLogger("bot").warning("once")
    assert out.getvalue().count("once") == 1


def test_a_log_that_cannot_be_written_stops_nobody(out, monkeypatch):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError("no space left")

    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    configure_logging(stream=Full())
    logging.getLogger("bot").warning("bot%s", TOKEN)
    assert shown.getvalue() == ""
