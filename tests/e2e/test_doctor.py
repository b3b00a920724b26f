"""Does doctor see what is right and what is wrong? The command line, with a Telegram and a Yahoo on this machine."""

from __future__ import annotations

import json
import re
import sqlite3
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.database.connection import REVISIONS
from bot.adapters.database.database import Database
from bot.app.doctor import Finding, FindingStatus, check_database, check_disk
from bot.cli import doctor
from bot.cli.output import OutputFormat
from bot.clock import SystemClock
from bot.delivery.attempts import ChatRefused
from bot.settings.load import load_settings
from tests.canary import TOKEN
from tests.e2e.surroundings import BOSS, CHANNEL, TOPICS, Surroundings
from tests.fake_telegram.answers import refusal
from tests.fake_yahoo import FLOOD
from tests.log_state import log_state
from tests.specimens import CHANNEL as TO_CHANNEL
from tests.specimens import GROUP
from tests.stored import answer, claim, put

# Each line, broken before two blanks.
WRONG = f"""\
fail  webhook: Telegram hands what people write to a webhook, so the bot hears nobody.
  Take it away once: call deleteWebhook of the Bot API with the token.
fail  chat {CHANNEL}: Falls (channel): the bot is an administrator there without the right to post messages.
  Make the bot an administrator of the channel with the right to post messages, or let it write in the group.
fail  chat {TOPICS}/12: Chat not found. Correct chat in bot.toml, and add the bot there.
warn  operator {BOSS}: cannot be written to: Forbidden: bot can't initiate conversation with a user.
  Open @fake_bot in Telegram and send /start once: before that, Telegram lets no bot write to anybody.
fail  source XNYS: Yahoo refuses to tell about AA: too many requests.
  It relents by itself, within minutes or a day.
warn  clock: NOW, N s behind Telegram.
  Let the machine keep time by itself (on Linux: timedatectl set-ntp true); until then sessions are judged too late.
fail  database: DATA/bot.sqlite3: its tables (r9999) are newer than this program ({REVISIONS[-1]}).
  Upgrade the bot, or restore a backup made before
"""


def steady(line: str) -> str:
    """A line without what changes from day to day, or from machine to machine."""
    for pattern, word in (
        (r"\w{3} \d\d \w{3} \d{4}, \d\d:\d\d to \d\d:\d\d E[SD]T", "SESSION"),
        (r"\d\d \w{3} \d{4} \d\d:\d\d:\d\d UTC", "NOW"),
        (r"\d\d \w{3} \d{4} \d\d:\d\d E[SD]T, \d+ (min|h|d) old", "TIME"),
        (r"known to \d\d \w{3} \d{4}", "known to DAY"),
        (r"[\d,]+ MB free", "ROOM"),
        (r"(within|,) \d+ s", r"\1 N s"),
    ):
        line = re.sub(pattern, word, line)
    return line


async def test_all_is_well(here: Surroundings) -> None:
    here.yahoo.listings["AA"].asked = SystemClock().now() - timedelta(minutes=2)  # fresh, should New York be open
    left = await here.typed("doctor")
    told = steady(left.out).replace(str(here.data), "DATA").splitlines()
    lasting = [line for line in told if "will not last" not in line]  # a test's folder may lie in memory
    assert lasting == [
        "ok    configuration: is sound; `python -m bot check` shows every value",
        "ok    token: Telegram knows it: @fake_bot",
        "ok    webhook: none, so the bot can ask for what people write",
        f"ok    chat {CHANNEL}: Falls (channel): the bot may post there",
        f"ok    chat {TOPICS}/12: Talk (supergroup): the bot may post there",
        f"ok    operator {BOSS}: Boss can be written to",
        "ok    source XNYS: Yahoo has AA: newest price of TIME; its session is final",
        "ok    calendar XNYS: next session SESSION (America/New_York); known to DAY",
        "ok    clock: NOW, within N s of Telegram",
        "ok    database: DATA/bot.sqlite3: opens and may be written; nobody holds the lease; 0 deliveries wait",
        "ok    disk: DATA: ROOM",
    ]
    assert (left.code, left.err) == (0, "")
    assert len(here.yahoo.charts("AA")) == 1
    assert here.yahoo.charts("BB") == []
    assert here.telegram.accepted == []


async def test_everything_that_is_wrong_is_told_at_once(here: Surroundings) -> None:
    here.telegram.webhook = "https://elsewhere.example/hook"
    here.telegram.chats[CHANNEL].may_post = False
    del here.telegram.chats[TOPICS]
    here.telegram.person(BOSS, "Boss")
    here.telegram.ahead = here.yahoo.ahead = 600
    here.yahoo.answers["AA"] = FLOOD
    with closing(sqlite3.connect(here.data / "bot.sqlite3")) as database:
        database.execute("UPDATE alembic_version SET version_num = 'r9999'")
        database.commit()
    left = await here.typed("doctor")
    told = steady(left.out).replace(str(here.data), "DATA").splitlines()
    wrong = [line for line in told if line[:4] != "ok  " and "will not last" not in line]
    assert wrong == WRONG.replace("\n  ", " ").splitlines()
    assert re.search(r"(59\d|600) s behind", left.out)
    assert (left.code, left.err) == (2, "")


async def test_a_refused_token_has_its_exit_code(
    here: Surroundings, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in here.environ.items():
        monkeypatch.setenv(name, value)
    here.telegram.fail("getMe", refusal(401, "Unauthorized"))
    with log_state():
        assert await doctor.print_findings(here.config, tmp_path, OutputFormat.JSONL) == 4
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    failures = [(one["subject"], one["exit_code"]) for one in told if one["mark"] == "fail"]
    assert failures == [("token", 4), ("source XNYS", 3)]
    assert next(one["seen"] for one in told if one["subject"] == "token") == "Telegram does not know this bot's token"


async def test_a_telegram_that_cannot_be_reached(here: Surroundings) -> None:
    found = await here.found(BOT_TELEGRAM__BASE_URL="http://127.0.0.1:9/bot")
    assert (found["token"].mark, found["token"].exit_code) == (FindingStatus.FAIL, 3)
    assert found["token"].seen.startswith("Telegram cannot be asked: ")
    assert TOKEN not in str(found)
    assert found["clock"].remedy == "See the lines of Telegram and Yahoo above."
    assert found["source XNYS"].mark is found["database"].mark is FindingStatus.OK


@pytest.mark.parametrize(
    ("about", "seen"),
    [
        ({"kind": "channel", "bot": "left"}, "is not a member of the channel chat"),
        ({"kind": "channel", "bot": "member"}, "the bot is no administrator there"),
        ({"kind": "supergroup", "bot": "kicked"}, "is not a member of the supergroup chat"),
        ({"kind": "supergroup"}, ""),
        ({"kind": "group", "refuses": refusal(403, "Forbidden: bot was kicked from the group chat")}, "kicked from"),
    ],
)
async def test_a_chat_in_which_the_bot_may_not_post(here: Surroundings, about: dict[str, Any], seen: str) -> None:
    here.telegram.chat(CHANNEL, about.pop("kind"), "Falls", **about)
    told = (await here.found())[f"chat {CHANNEL}"]
    assert (told.mark, told.exit_code) == ((FindingStatus.FAIL, 2) if seen else (FindingStatus.OK, 0))
    assert seen in told.seen
    assert bool(told.remedy) == bool(seen)


async def test_a_group_that_has_no_topics_or_another_number(here: Surroundings) -> None:
    here.telegram.chat(TOPICS, "supergroup", "Talk")
    here.telegram.chat(CHANNEL, "group", "Falls").migrate(here.telegram.person(5))
    found = await here.found()
    assert found[f"chat {TOPICS}/12"].seen == "Talk (supergroup): the group has no topics"
    moved = found[f"chat {CHANNEL}"]
    assert (moved.mark, moved.seen) == (FindingStatus.WARN, "the group has another number now, -1001001234567890")


async def test_without_a_token_and_a_database_it_warns(here: Surroundings) -> None:
    (here.data / "bot.sqlite3").unlink()
    found = await here.found(BOT_TELEGRAM__TOKEN="")
    assert (found["token"].mark, found["database"].mark) == (
        FindingStatus.WARN,
        FindingStatus.WARN,
    ) or "will not last" in str(found)
    assert "BOT_TELEGRAM__TOKEN_FILE" in found["token"].remedy
    assert {one.mark for one in found.values()} == {FindingStatus.OK, FindingStatus.WARN}
    assert not (here.data / "bot.sqlite3").exists()


async def test_prices_that_are_older_than_the_last_session(here: Surroundings) -> None:
    gone = here.yahoo.listings["AA"].days.pop()
    told = (await here.found())["source XNYS"]
    assert told.mark is FindingStatus.WARN
    assert told.seen.endswith(f"nothing of the session of {gone.date:%d %b}, which is over")


async def test_what_waits_in_the_database_and_who_works_with_it(here: Surroundings) -> None:
    store = await Database.open(here.database)
    await put(store, TO_CHANNEL, GROUP, key="a")
    (one,) = await claim(store)
    await answer(store, one, ChatRefused("no rights"))
    await store.acquire(await store.read(), "abc")
    await store.close()
    (told, *_) = await check_database(load_settings(here.config, here.environ), "telegram")
    assert told.seen.endswith("process abc holds the lease; 1 deliveries wait, 1 did not certainly arrive")
    assert told.remedy == "`python -m bot deliveries` lists them."


@pytest.mark.skipif(not Path("/proc/mounts").exists(), reason="there is no /proc, which takes no files from anybody")
async def test_a_disk_that_takes_nothing(here: Surroundings) -> None:
    told = check_disk(Path("/proc"))
    assert (told.mark, told.exit_code) == (FindingStatus.FAIL, 74)
    (here.config / "file").touch()
    settings = load_settings(here.config, here.environ | {"BOT_STORAGE__DATA_DIR": str(here.config / "file")})
    (told,) = await check_database(settings, "telegram")
    assert (told.mark, told.exit_code) == (FindingStatus.FAIL, 74)
    assert told.seen.endswith("the folder cannot be made (File exists)")


async def test_a_broken_configuration_is_all_that_is_told(here: Surroundings) -> None:
    (here.config / "baskets.toml").write_text("[baskets.two]\nmembers = []\n")
    found = await here.found()
    assert {one.subject for one in found.values()} == {"configuration"}
    assert all((one.mark, one.exit_code) == (FindingStatus.FAIL, 2) for one in found.values())


async def test_on_a_terminal_a_sign_tells(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for mark in FindingStatus:
        doctor.print_finding(Finding("disk", mark, "full", "Empty it."), OutputFormat.TABLE)
    told = capsys.readouterr().out
    assert re.sub(r"\033\[\d+m", "", told) == "".join(f"{sign}  disk: full. Empty it.\n" for sign in "✓!✗")
