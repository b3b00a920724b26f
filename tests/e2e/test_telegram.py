"""Every answer of Telegram, through the real library over HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import textwrap
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.adapters.database.database import Database
from bot.adapters.logs import configure_logging
from bot.adapters.telegram.client import TelegramClient
from bot.alerts.rules import Severity
from bot.clock import SystemClock
from bot.delivery.model import DeliveryState, route
from bot.delivery.rate_limits import RateLimits
from bot.dispatcher import Dispatcher, Receiver, send_test_message
from bot.errors import InvalidToken
from bot.messages.message import Message
from tests.canary import TOKEN
from tests.fake_telegram.answers import HALF, HANG, RESET, Answer, flood, refusal
from tests.fake_telegram.server import FakeTelegram
from tests.log_state import NAMES, log_state
from tests.specimens import CHANNEL, GROUP, PRIVATE, event
from tests.stored import put
from tests.virtual import VirtualClock, until

CHAT = CHANNEL.chat


pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.fixture
def read():
    """How long the transport waits for an answer; tests in which none comes are less patient."""
    return 10.0


@pytest.fixture
async def transport(fake, read):
    async with TelegramClient(TOKEN, base_url=fake.base_url, connect=10, read=read) as telegram:
        yield telegram


@pytest.fixture
def dispatch(store, transport, clock):
    return Dispatcher(store, [Receiver(transport)], clock, sleep=clock.sleep, jitter=lambda: 0.0)


async def outcome(store):
    """(state, seconds until the next try) of the only delivery that is not done; None = it was sent."""
    found = await store.undelivered()
    if not found:
        return None
    (only,) = found
    return only.state, only.not_before


# The message


async def test_a_message_arrives_as_html_without_preview(dispatch, store, fake):
    await put(store, CHANNEL, text="Memory & <others> −18.2 %")
    await dispatch.drain()
    (one,) = fake.accepted
    assert one.text == "Memory & <others> −18.2 %\nas of noon"
    assert one.form["parse_mode"] == "HTML"
    assert json.loads(one.form["link_preview_options"]) == {"is_disabled": True}


async def test_the_number_of_the_message_is_kept(dispatch, store, fake):
    await put(store, CHANNEL)
    await dispatch.drain()
    async with store._transaction() as connection:
        rows = (await connection.exec_driver_sql("SELECT state, message_id FROM outbox")).all()
    assert rows == [("sent", fake.accepted[0].id)]


async def test_ten_thousand_characters_lose_lines_and_arrive(dispatch, store, fake):
    happened = replace(event(), messages=(Message("en", ("🔴 first", *["<&>🔴" * 100] * 25)),))
    await store.commit({}, [happened], route(happened, [CHANNEL]))
    await dispatch.drain()
    (text,) = fake.texts(CHAT)
    assert text.startswith("🔴 first\n<&>🔴")
    assert 3500 < len(text.encode("utf-16-le")) // 2 <= 4096


async def test_a_channel_can_be_named(dispatch, store, fake):
    await put(store, replace(CHANNEL, chat="@drawdowns"))
    await dispatch.drain()
    assert fake.texts("@drawdowns") == ["fall\nas of noon"]


# The table of answers: what Telegram does, how often the chat reads it, how the delivery stands after the first try


@pytest.fixture
def first_try(dispatch, store, fake, clock):
    """State and seconds to the next try after one try with these answers, and how it stands an hour later."""

    async def run(*answers, severity=Severity.SEVERE):
        await put(store, CHANNEL, severity=severity)
        fake.script(CHAT, *answers)
        before = clock.now()
        await dispatch.drain()
        stands = await outcome(store)
        first = stands and (stands[0], stands[1] and (stands[1] - before).total_seconds())
        for seconds in (30, 30, 40, 3600):
            await clock.sleep(seconds)
            await dispatch.drain()
        last = await outcome(store)
        return first, last and last[0]

    return run


@pytest.mark.parametrize("status", [502, 504, 520])
async def test_a_gateway_that_fails_leaves_it_uncertain(first_try, fake, status):
    first, last = await first_try(Answer(status, b"bad gateway"))
    assert (first, last) == ((DeliveryState.UNCERTAIN, 20), None)
    assert ["repeat" in text for text in fake.texts(CHAT)] == [True]


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        (HANG, 0.5),
        (RESET, 10),
        (HALF, 10),
        (Answer(200, b"<html>", takes=True), 10),
        (Answer(200, b"[]", takes=True), 10),
        (Answer(200, b'{"ok": true}', takes=True), 10),
        (Answer(200, b'{"ok": true, "result": {}}', takes=True), 10),
        (Answer(200, b'{"ok": true, "result": {"message_id": 1, "date": 1e300, "chat": {"id": 1}}}', takes=True), 10),
    ],
    ids=["hang", "reset", "half", "html", "list", "no result", "no message", "odd date"],
)
async def test_a_lost_answer_is_repeated_with_a_mark_if_severe(first_try, fake, answer):
    first, last = await first_try(answer)
    assert (first, last) == ((DeliveryState.UNCERTAIN, 20), None)
    assert ["repeat" in text for text in fake.texts(CHAT)] == [False, True]


@pytest.mark.parametrize(("answer", "read"), [(HANG, 0.5), (RESET, 10), (HALF, 10)], ids=["hang", "reset", "half"])
async def test_a_lost_answer_is_not_repeated_if_minor(first_try, fake, answer):
    first, last = await first_try(answer, severity=Severity.WARNING)
    assert (first, last) == ((DeliveryState.UNCERTAIN, None), DeliveryState.UNCERTAIN)
    assert len(fake.accepted) == 1


async def test_answers_that_are_always_lost_cost_three_copies(first_try, fake):
    _, last = await first_try(*[RESET] * 9)
    assert last is DeliveryState.UNCERTAIN
    assert len(fake.accepted) == 3


@pytest.mark.parametrize("status", [500, 503, 302, 413])
async def test_a_server_that_cannot_is_asked_again(first_try, fake, status):
    first, last = await first_try(*[Answer(status, b"{}")] * 2)
    assert (first, last) == ((DeliveryState.PENDING, 2), None)
    assert ["repeat" in text for text in fake.texts(CHAT)] == [False]


async def test_nobody_there_is_tried_again(store, clock):
    async with FakeTelegram() as gone:
        address_of_nobody = gone.base_url
    async with TelegramClient(TOKEN, base_url=address_of_nobody) as transport:
        dispatch = Dispatcher(store, [Receiver(transport)], clock, sleep=clock.sleep, jitter=lambda: 0.0)
        await put(store, CHANNEL)
        begin = clock.now()
        for wait in (1, 2, 4, 8):
            before = clock.now()
            await dispatch.drain()
            assert await outcome(store) == (DeliveryState.PENDING, before + timedelta(seconds=wait))
            await clock.sleep(wait + 3)
        assert clock.now() > begin
        await clock.sleep(6 * 3600)
        await dispatch.drain()
        assert await outcome(store) == (DeliveryState.EXPIRED, None)


@pytest.mark.parametrize("base_url", ["http://no-such-host.invalid/bot", "ftp://127.0.0.1/bot", "http://[/bot"])
async def test_an_address_that_leads_nowhere_is_tried_again(store, clock, base_url):
    async with TelegramClient(TOKEN, base_url=base_url) as transport:
        await put(store, CHANNEL)
        await Dispatcher(store, [Receiver(transport)], clock, sleep=clock.sleep).drain()
    assert (await outcome(store))[0] is DeliveryState.PENDING


async def test_a_pool_without_room_means_not_sent(store, fake, clock):
    fake.script("*", *[HANG] * 20)
    async with TelegramClient(TOKEN, base_url=fake.base_url, connect=0.2, read=10) as transport:
        (one,) = route(event(), [CHANNEL])
        tasks = [asyncio.create_task(transport.send(one, one.message)) for _ in range(17)]
        done, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
    assert {type(task.result()).__name__ for task in done} == {"NotSent"}


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (1, 1),
        (35, 35),
        (3600, 3600),
        (1.5, 1.5),
        ("7", 7),
        ("soon", 30),
        (0, 30),
        (-5, 30),
        (None, 30),
        ([1], 30),
        (1e300, 30),
    ],
)
async def test_a_flood_waits_as_long_as_it_is_told(first_try, fake, told, seconds):
    first, _ = await first_try(flood(told))
    assert first == (DeliveryState.PENDING, seconds)
    assert len(fake.accepted) == 1


async def test_a_flood_without_a_word_waits_thirty_seconds(first_try):
    first, last = await first_try(refusal(429, "Too Many Requests"), Answer(429, b"slow"))
    assert (first, last) == ((DeliveryState.PENDING, 30), None)


async def test_a_group_that_became_a_supergroup_gets_it_there(dispatch, store, fake):
    moved = refusal(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-1009)
    fake.script(GROUP.chat, moved)
    await put(store, GROUP, key="a")
    await put(store, GROUP, key="b")
    await dispatch.drain()
    await put(store, GROUP, key="c")
    await dispatch.drain()
    assert [text[0] for text in fake.texts("-1009")] == ["a", "b", "c"]
    assert fake.requests.count(GROUP.chat) == 1


async def test_a_group_that_moved_to_one_we_know_reads_it_once(dispatch, store, fake):
    fake.script(GROUP.chat, refusal(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-1009))
    await put(store, replace(GROUP, chat="-1009"), GROUP)
    await dispatch.drain()
    assert fake.texts("-1009") == ["fall\nas of noon"]
    assert await outcome(store) is None


@pytest.mark.parametrize(
    "answer",
    [
        refusal(403, "Forbidden: bot was blocked by the user"),
        refusal(403, "Forbidden: user is deactivated"),
        refusal(403, "Forbidden: bot was kicked from the channel chat"),
        refusal(403, "Forbidden: the group chat was deleted"),
        refusal(400, "Bad Request: chat not found"),
    ],
    ids=lambda answer: json.loads(answer.body)["description"].partition(": ")[2],
)
async def test_a_chat_that_is_gone_is_asked_once_and_never_again(dispatch, store, fake, clock, answer):
    fake.script(CHAT, answer)
    await put(store, CHANNEL, key="a")
    await put(store, CHANNEL, key="b")
    await dispatch.drain()
    await put(store, CHANNEL, key="c")
    await clock.sleep(100)
    await dispatch.drain()
    assert fake.requests == [CHAT]
    assert {one.state for one in await store.undelivered()} == {DeliveryState.FAILED}


@pytest.mark.parametrize(
    "answer",
    [
        refusal(403, "Forbidden: bot is not a member of the channel chat"),
        refusal(400, "Bad Request: not enough rights to send text messages to the chat"),
        refusal(400, "Bad Request: something new"),
    ],
    ids=lambda answer: json.loads(answer.body)["description"].partition(": ")[2],
)
async def test_any_other_refusal_fails_the_message_and_not_the_chat(dispatch, store, fake, answer):
    fake.script(CHAT, answer)
    await put(store, CHANNEL)
    await put(store, CHANNEL, key="next")
    await dispatch.drain()
    assert await outcome(store) == (DeliveryState.FAILED, None)
    assert fake.texts(CHAT) == ["next\nas of noon"]


async def test_a_refusal_that_is_not_telegrams_is_not_the_chats(first_try):
    first, last = await first_try(Answer(403, b"<html>blocked by the firewall</html>"))
    assert (first, last) == ((DeliveryState.PENDING, 2), None)


@pytest.mark.parametrize("words", ["can't parse entities: unexpected end tag", "message is too long"])
async def test_a_text_that_is_not_understood_goes_out_plain_at_once(dispatch, store, fake, clock, words):
    fake.script(CHAT, refusal(400, f"Bad Request: {words}"))
    await put(store, CHANNEL, text="a < b & c")
    await dispatch.drain()
    (one,) = fake.accepted
    assert one.text == "a < b & c\nas of noon"
    assert "parse_mode" not in one.form
    assert one.at - 1000 < 0.1
    assert dispatch.counts["BadFormat"] == 1


@pytest.mark.parametrize("answer", [refusal(401, "Unauthorized"), refusal(404, "Not Found"), Answer(404, b"<html>")])
async def test_a_refused_token_stops_everything_and_loses_nothing(dispatch, store, fake, clock, answer):
    fake.script("*", *[answer] * 11)
    await put(store, CHANNEL, GROUP)
    stop = asyncio.Event()
    task = asyncio.create_task(dispatch.run(stop))
    await until(lambda: len(fake.accepted) == 2)
    stop.set()
    await task
    assert len(fake.requests) == 13
    assert 300 <= clock.seconds < 600
    assert await outcome(store) is None


async def test_a_token_that_stays_refused_ends_with_its_own_error(dispatch, store, fake, clock):
    fake.script("*", *[refusal(401, "Unauthorized")] * 100)
    await put(store, CHANNEL)
    with pytest.raises(InvalidToken) as caught:
        await asyncio.wait_for(dispatch.run(asyncio.Event()), 10)
    assert caught.value.exit_code == 4
    assert clock.seconds >= 600
    assert (await outcome(store))[0] is DeliveryState.PENDING


# Limits


async def test_the_strict_server_never_has_to_say_stop(dispatch, store, fake):
    people = [replace(PRIVATE, chat=str(number)) for number in range(31)]
    for key in "ab":
        await put(store, CHANNEL, GROUP, *people, key=key)
    for number in range(22):
        await put(store, CHANNEL, key=str(number), severity=Severity.NOTICE)
    await dispatch.drain()
    assert fake.violations == 0
    assert len(fake.accepted) == 2 * 33 + 22


async def test_on_the_real_clock_no_more_than_eight_wait_for_an_answer(store, fake):
    fake.clock = SystemClock().monotonic
    fake.script("*", *[HANG] * 30)
    now = SystemClock().now()
    people = [replace(PRIVATE, chat=str(number)) for number in range(20)]
    await put(store, *people, created=now, severity=Severity.NOTICE)
    async with TelegramClient(TOKEN, base_url=fake.base_url, connect=10, read=10) as transport:
        dispatch = Dispatcher(store, [Receiver(transport)], SystemClock())
        stop = asyncio.Event()
        task = asyncio.create_task(dispatch.run(stop))
        await until(lambda: len(fake.requests) == 8)
        await asyncio.sleep(0.1)
        assert len(fake.requests) == 8
        stop.set()
        fake.hang_up()
        await task


# Stop, kill, restart


async def test_a_stop_finishes_what_is_under_way_and_a_restart_repeats_nothing(tmp_path, fake):
    url = f"sqlite:///{tmp_path}/bot.sqlite3"
    fake.clock = SystemClock().monotonic
    store = await Database.open(url, upgrade=True)
    people = [replace(PRIVATE, chat=str(number)) for number in range(12)]
    await put(store, *people, created=SystemClock().now())
    async with TelegramClient(TOKEN, base_url=fake.base_url) as transport:
        for enough in (3, 6, 9, 12):
            stop = asyncio.Event()
            task = asyncio.create_task(Dispatcher(store, [Receiver(transport)], SystemClock()).run(stop))
            await until(lambda enough=enough: len(fake.accepted) >= enough)
            stop.set()
            await asyncio.wait_for(task, 5)
            assert await store.orphans("telegram") == []
    await store.close()
    assert sorted(fake.requests, key=int) == [one.chat for one in people]


VICTIM = """
    import asyncio, sys
    from bot.adapters.database.database import Database
    from bot.adapters.telegram.client import TelegramClient
    from bot.clock import SystemClock
    from bot.dispatcher import Dispatcher, Receiver

    async def main(url, base_url, token):
        store = await Database.open(url)
        receivers = [Receiver(TelegramClient(token, base_url=base_url))]
        await Dispatcher(store, receivers, SystemClock()).run(asyncio.Event())

    asyncio.run(main(*sys.argv[1:]))
"""


async def test_after_a_kill_what_may_have_arrived_is_repeated_with_a_mark_and_the_rest_is_sent(tmp_path, fake):
    url = f"sqlite:///{tmp_path}/bot.sqlite3"
    store = await Database.open(url, upgrade=True)
    now = SystemClock().now()
    await put(store, CHANNEL, created=now, key="severe")
    await put(store, GROUP, created=now, key="minor", severity=Severity.NOTICE)
    await store.close()
    fake.script(CHAT, HANG)
    fake.script(GROUP.chat, HANG)
    victim = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", textwrap.dedent(VICTIM), url, fake.base_url, TOKEN)
    )
    await until(lambda: len(fake.accepted) == 2)
    victim.send_signal(signal.SIGKILL)
    await victim.wait()

    clock = VirtualClock(SystemClock().now())
    store = await Database.open(url)
    await put(store, CHANNEL, created=now, key="next")
    async with TelegramClient(TOKEN, base_url=fake.base_url) as transport:
        dispatch = Dispatcher(store, [Receiver(transport)], clock, sleep=clock.sleep)
        await dispatch.drain()
        await clock.sleep(25)
        await dispatch.drain()
    listed = [(one.chat, one.event, one.state) for one in await store.undelivered()]
    await store.close()
    assert ["repeat" in text for text in fake.texts(CHAT)] == [False, True, False]
    assert [text.partition("\n")[0] for text in fake.texts(CHAT)] == ["severe", "severe", "next"]
    assert len(fake.texts(GROUP.chat)) == 1
    assert listed == [(GROUP.chat, "minor", DeliveryState.UNCERTAIN)]


# For the person at the keyboard


async def test_a_test_message_arrives(transport, fake, clock):
    await send_test_message(transport, CHANNEL, "hello", clock)
    assert fake.texts(CHAT) == ["hello"]


async def test_a_test_message_with_a_wrong_token_says_so(transport, fake, clock):
    fake.script(CHAT, refusal(401, "Unauthorized"))
    with pytest.raises(InvalidToken, match="token"):
        await send_test_message(transport, CHANNEL, "hello", clock)


# The token


async def test_the_token_is_nowhere_but_in_the_request(store, fake, clock, capfd):
    """Everything that can be said is said, at the loudest level, and the token is not in it."""
    with log_state():
        configure_logging("DEBUG", secrets=[TOKEN])
        for name in NAMES:
            logging.getLogger(name).setLevel(logging.DEBUG)
        said = await _misfortunes(store, fake, clock)
    out, err = capfd.readouterr()
    assert "HTTP Request" in err
    assert "Traceback" in err
    for text in (out, err, *said):
        assert TOKEN not in text
        assert "canary" not in text


async def _misfortunes(store, fake, clock):
    """Whatever goes wrong with one transport; returns every text that comes out of it."""
    echo = f"no bot{TOKEN} here".encode()
    everything = [
        HANG,
        RESET,
        HALF,
        *(Answer(code, echo) for code in (200, 302, 400, 401, 403, 404, 409, 429, 500, 502)),
    ]
    said = []
    async with TelegramClient(TOKEN, base_url=fake.base_url, connect=10, read=0.5) as transport:
        said.append(repr(transport) + str(transport))
        (one,) = route(event(), [CHANNEL])
        for answer in (*everything, refusal(400, f"Bad Request: {TOKEN}"), None):
            if answer is not None:
                fake.script(CHAT, answer)
            said.append(repr(await transport.send(one, one.message)))
        await put(store, CHANNEL)
        fake.script(CHAT, Answer(401, echo))
        with pytest.raises(InvalidToken) as caught:
            await Dispatcher(store, [Receiver(transport)], clock, sleep=clock.sleep).drain()
        said.append(repr(caught.value))
        logging.getLogger("bot").error("failed", exc_info=RuntimeError(f"at {transport.bot!r}"))
    said.extend(repr(one) for one in await store.undelivered())
    return said


def test_a_refused_address_does_not_show_the_token():
    with pytest.raises(Exception) as caught:  # noqa: PT011  whatever the library raises
        TelegramClient("", base_url="http://127.0.0.1/bot")
    assert TOKEN not in repr(caught.value)


async def test_limits_are_kept_across_dispatches_that_share_them(store, transport, fake, clock):
    limits = RateLimits()
    for key in "ab":
        await put(store, CHANNEL, key=key)
        await Dispatcher(store, [Receiver(transport, limits)], clock, sleep=clock.sleep).drain()
    assert fake.accepted[1].at - fake.accepted[0].at >= 3


async def test_a_topic_of_a_group_gets_its_messages_there(dispatch, store, fake):
    fake.chat("-1007", "supergroup", bot="administrator", topics=(12,))
    topic = replace(GROUP, chat="-1007/12")
    await put(store, topic)
    await dispatch.drain()
    (one,) = fake.accepted
    assert (one.chat, one.form["message_thread_id"]) == ("-1007", "12")
