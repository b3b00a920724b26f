from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from bot.alerts.rules import Severity
from bot.clock import SteadyClock, SystemClock
from bot.delivery.attempts import (
    ChatGone,
    ChatMoved,
    MarkupRejected,
    NotSent,
    RateLimited,
    Sent,
    TokenRejected,
    Uncertain,
)
from bot.delivery.model import ChatKind, DeliveryState, Destination
from bot.delivery.rate_limits import RateLimits
from bot.dispatcher import MAX_IN_FLIGHT, Dispatcher, Receiver, send_test_message
from bot.errors import InvalidToken, StoreError
from tests.specimens import CHANNEL, GROUP, PRIVATE
from tests.stored import put
from tests.virtual import NOON, VirtualClock, WrongClock, until

SCREEN = Destination("terminal", "terminal (en)", ChatKind.TERMINAL)


class Chat:
    """A transport that answers as it is told, and Sent when it is told nothing."""

    def __init__(self, clock, name="telegram"):
        self.name = name
        self.clock = clock
        self.answers = defaultdict(deque)
        self.heard = []  # (chat, lines, seconds since the start)
        self.gate = None
        self.waiting = 0

    async def send(self, delivery, message):
        self.heard.append((delivery.chat, message.lines, round(self.clock.seconds, 3)))
        self.waiting += 1
        if self.gate is not None:
            await self.gate.wait()
        self.waiting -= 1
        answers = self.answers[delivery.chat] or self.answers["*"]
        answer = answers.popleft() if answers else Sent(len(self.heard))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def tell(self, chat, *answers):
        self.answers[chat].extend(answers)

    @property
    def chats(self):
        return [chat for chat, _, _ in self.heard]


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def chat(clock):
    return Chat(clock)


@pytest.fixture
def dispatch(store, chat, clock):
    return Dispatcher(store, [Receiver(chat)], clock, sleep=clock.sleep, jitter=lambda: 0.0)


async def undelivered(store):
    return {one.chat: one.state for one in await store.undelivered()}


@asynccontextmanager
async def running(dispatch):
    """The loop at work; it must end by itself after the stop."""
    stop = asyncio.Event()
    task = asyncio.create_task(dispatch.run(stop))
    yield task
    stop.set()
    await asyncio.wait_for(task, 10)


# One by one


async def test_all_that_is_due_is_sent_once(dispatch, store, chat):
    await put(store, CHANNEL, GROUP)
    await dispatch.drain()
    await dispatch.drain()
    assert chat.chats == ["-1001", "-2001"]
    assert await undelivered(store) == {}


async def test_each_receiver_takes_the_deliveries_of_its_destinations(store, chat, clock):
    outlet = Chat(clock, "terminal")
    await put(store, CHANNEL, SCREEN, GROUP)
    await Dispatcher(store, [Receiver(chat), Receiver(outlet)], clock, sleep=clock.sleep).drain()
    assert (chat.chats, outlet.chats) == (["-1001", "-2001"], [SCREEN.chat])
    assert await undelivered(store) == {}


async def test_a_receiver_that_must_wait_holds_up_no_other(store, chat, clock):
    outlet = Chat(clock, "terminal")
    chat.tell("-1001", RateLimited(60.0))
    for key in ("first", "second"):
        await put(store, CHANNEL, SCREEN, key=key)
    await Dispatcher(store, [Receiver(chat), Receiver(outlet)], clock, sleep=clock.sleep).drain()
    assert (chat.chats, len(outlet.chats)) == (["-1001"], 2)
    assert await undelivered(store) == {"-1001": DeliveryState.PENDING}


async def test_what_is_for_none_of_the_receivers_stays_pending(store, chat, clock):
    await put(store, SCREEN)
    await Dispatcher(store, [Receiver(chat)], clock, sleep=clock.sleep).drain()
    assert await undelivered(store) == {SCREEN.chat: DeliveryState.PENDING}


async def test_an_empty_outbox_takes_no_time(dispatch, clock):
    await dispatch.drain()
    assert clock.seconds == 0


async def test_messages_to_one_chat_keep_their_distance(dispatch, store, chat):
    for key in "abc":
        await put(store, CHANNEL, key=key)
    await dispatch.drain()
    times = [seconds for _, _, seconds in chat.heard]
    assert all(later - earlier >= 3 for earlier, later in pairwise(times))


async def test_a_long_drain_keeps_the_overall_rate(dispatch, store, chat):
    await put(store, *(replace(PRIVATE, chat=str(number)) for number in range(100)))
    await dispatch.drain()
    times = [seconds for _, _, seconds in chat.heard]
    assert len(set(chat.chats)) == 100
    assert 28 < 99 / (times[-1] - times[0]) < 28.7


async def test_a_severe_alert_overtakes_a_backlog(dispatch, store, chat):
    await put(store, *(replace(PRIVATE, chat=str(number)) for number in range(50)), severity=Severity.NOTICE)
    async with running(dispatch):
        await until(lambda: len(chat.heard) > 3)
        before = len(chat.heard)
        await put(store, CHANNEL, key="severe")
        await until(lambda: "-1001" in chat.chats)
    assert chat.chats.index("-1001") <= before + 2


async def test_not_sent_is_tried_again_later(dispatch, store, chat, clock):
    await put(store, CHANNEL)
    chat.tell("-1001", NotSent("refused"))
    await dispatch.drain()
    assert await undelivered(store) == {"-1001": DeliveryState.PENDING}
    await clock.sleep(3)
    await dispatch.drain()
    assert [lines[0] for _, lines, _ in chat.heard] == ["fall", "fall"]
    assert await undelivered(store) == {}


async def test_a_severe_alert_is_sent_three_times_at_most_and_marked(dispatch, store, chat, clock):
    await put(store, CHANNEL)
    chat.tell("-1001", *[Uncertain("read timeout")] * 5)
    for _ in range(5):
        await dispatch.drain()
        await clock.sleep(20)
    assert ["repeat" in " ".join(lines) for _, lines, _ in chat.heard] == [False, True, True]
    assert await undelivered(store) == {"-1001": DeliveryState.UNCERTAIN}


async def test_a_minor_alert_is_sent_once_and_recorded_uncertain(dispatch, store, chat, clock):
    await put(store, CHANNEL, severity=Severity.WARNING)
    chat.tell("-1001", Uncertain("read timeout"))
    for _ in range(3):
        await dispatch.drain()
        await clock.sleep(20)
    assert chat.chats == ["-1001"]
    assert await undelivered(store) == {"-1001": DeliveryState.UNCERTAIN}


async def test_a_flooded_chat_is_left_alone_and_the_others_are_not(dispatch, store, chat, clock):
    await put(store, CHANNEL, GROUP)
    chat.tell("-1001", RateLimited(35))
    await dispatch.drain()
    await put(store, CHANNEL, GROUP, key="next", severity=Severity.EXTREME)
    await clock.sleep(5)
    await dispatch.drain()
    assert chat.chats == ["-1001", "-2001", "-2001"]
    await clock.sleep(31)
    await dispatch.drain()
    assert [lines[0] for name, lines, _ in chat.heard if name == "-1001"] == ["fall", "fall", "next"]


async def test_a_chat_that_moved_hears_it_under_its_new_name(dispatch, store, chat):
    await put(store, GROUP)
    chat.tell("-2001", ChatMoved("-1009"))
    await dispatch.drain()
    assert chat.chats == ["-2001", "-1009"]


async def test_a_chat_that_is_gone_is_asked_once(dispatch, store, chat):
    await put(store, GROUP, key="a")
    await put(store, GROUP, key="b")
    chat.tell("-2001", ChatGone("kicked"))
    await dispatch.drain()
    assert chat.chats == ["-2001"]
    assert await undelivered(store) == {"-2001": DeliveryState.FAILED}


async def test_bad_format_is_counted_as_our_bug(dispatch, store, chat):
    await put(store, CHANNEL)
    chat.tell("-1001", MarkupRejected("can't parse entities"))
    await dispatch.drain()
    assert chat.chats == ["-1001", "-1001"]
    assert dispatch.counts["BadFormat"] == 1


async def test_a_late_message_says_so_and_an_old_one_is_not_sent(dispatch, store, chat, clock):
    await put(store, CHANNEL, lives=timedelta(minutes=30))
    await put(store, GROUP, key="old", lives=timedelta(minutes=5))
    await clock.sleep(11 * 60)
    await dispatch.drain()
    ((name, lines, _),) = chat.heard
    assert name == "-1001"
    assert lines[1].startswith("Late")
    assert await undelivered(store) == {"-2001": DeliveryState.EXPIRED}


async def test_nothing_expires_by_a_clock_that_is_ahead_for_a_while(store, chat, clock):
    wrong = WrongClock(clock)
    steady = SteadyClock(wrong, clock.monotonic)
    dispatch = Dispatcher(store, [Receiver(chat)], wrong, steady=steady, sleep=clock.sleep, jitter=lambda: 0.0)
    await put(store, CHANNEL, GROUP, lives=timedelta(hours=12))
    chat.tell("*", NotSent("refused"), NotSent("refused"))
    await dispatch.drain()
    wrong.ahead = timedelta(days=1)
    assert steady.check_jump() == wrong.ahead
    await dispatch.drain()
    assert set((await undelivered(store)).values()) == {DeliveryState.PENDING}
    wrong.ahead = timedelta()
    assert not steady.check_jump()
    await clock.sleep(60)
    await dispatch.drain()
    assert await undelivered(store) == {}
    assert not [lines for _, lines, _ in chat.heard if lines[1].startswith("Late")]


async def test_after_a_sleep_that_nobody_counted_what_is_late_says_so_and_what_is_old_expires(store, chat, clock):
    wrong = WrongClock(clock)
    steady = SteadyClock(wrong, clock.monotonic)
    dispatch = Dispatcher(store, [Receiver(chat)], wrong, steady=steady, sleep=clock.sleep, jitter=lambda: 0.0)
    wrong.ahead = timedelta(hours=6)
    assert steady.check_jump() == wrong.ahead
    await put(store, CHANNEL, lives=timedelta(hours=1))
    await put(store, GROUP, key="old", lives=timedelta(hours=1))
    chat.tell("-2001", NotSent("refused"))
    await dispatch.drain()
    assert chat.chats == ["-1001", "-2001"]
    assert all(lines[1].startswith("Late") for _, lines, _ in chat.heard)
    assert await undelivered(store) == {"-2001": DeliveryState.PENDING}
    await clock.sleep(300)
    assert not steady.check_jump()
    await dispatch.drain()
    assert await undelivered(store) == {"-2001": DeliveryState.EXPIRED}


async def test_an_exception_nobody_foresaw_is_an_uncertain_answer(dispatch, store, chat, caplog):
    await put(store, CHANNEL, GROUP, severity=Severity.NOTICE)
    chat.tell("-1001", RuntimeError("what is this"))
    await dispatch.drain()
    assert await undelivered(store) == {"-1001": DeliveryState.UNCERTAIN}
    assert "what is this" in caplog.text
    assert "Traceback" in caplog.text


# The token


async def test_a_refused_token_ends_a_drain_at_once_and_loses_nothing(dispatch, store, chat):
    await put(store, CHANNEL, GROUP)
    chat.tell("*", TokenRejected("unauthorized"))
    with pytest.raises(InvalidToken, match="token"):
        await dispatch.drain()
    assert set((await undelivered(store)).values()) == {DeliveryState.PENDING}


async def test_a_refused_token_ends_the_loop_after_ten_minutes(dispatch, store, chat, clock):
    await put(store, CHANNEL, lives=timedelta(days=1))
    chat.tell("*", *[TokenRejected("unauthorized")] * 100)
    with pytest.raises(InvalidToken):
        await asyncio.wait_for(dispatch.run(asyncio.Event()), 10)
    assert 600 <= clock.seconds < 640
    assert len(chat.heard) <= 22
    assert await undelivered(store) == {"-1001": DeliveryState.PENDING}


async def test_a_token_that_is_taken_again_in_time_is_forgiven(dispatch, store, chat, clock):
    await put(store, CHANNEL, lives=timedelta(days=1))
    chat.tell("*", *[TokenRejected("unauthorized")] * 10)
    async with running(dispatch):
        await until(lambda: len(chat.heard) == 11)
        chat.tell("*", *[TokenRejected("unauthorized")] * 15)
        await put(store, CHANNEL, key="next", lives=timedelta(days=1))
        await until(lambda: len(chat.heard) == 27)
    assert await undelivered(store) == {}


# Restart and stop


async def test_what_was_under_way_when_we_were_killed_is_repeated_if_severe(store, chat, clock):
    await put(store, CHANNEL)
    await put(store, GROUP, key="minor", severity=Severity.NOTICE)
    assert len(await store.claim("telegram", NOON, 8, ())) == 2
    again = Dispatcher(store, [Receiver(chat)], clock, sleep=clock.sleep)
    await again.drain()
    assert chat.heard == []
    await clock.sleep(20)
    await again.drain()
    ((name, lines, _),) = chat.heard
    assert name == "-1001"
    assert "repeat" in lines[1]
    assert await undelivered(store) == {"-2001": DeliveryState.UNCERTAIN}


async def test_a_restart_repeats_nothing(store, chat, clock):
    await put(store, CHANNEL, GROUP)
    for _ in range(3):
        await Dispatcher(store, [Receiver(chat)], clock, sleep=clock.sleep).drain()
        await clock.sleep(60)
    assert chat.chats == ["-1001", "-2001"]


async def test_a_stop_lets_what_is_under_way_land_and_claims_nothing_more(store, chat):
    chat.gate = asyncio.Event()
    await put(store, CHANNEL, *(replace(PRIVATE, chat=str(number)) for number in range(20)))
    dispatch = Dispatcher(store, [Receiver(chat, Unlimited())], SystemClock())
    stop = asyncio.Event()
    task = asyncio.create_task(dispatch.run(stop))
    await put(store, GROUP, created=SystemClock().now(), key="now")
    await until(lambda: chat.waiting == 1)
    stop.set()
    await asyncio.sleep(0.05)
    assert not task.done()
    chat.gate.set()
    await asyncio.wait_for(task, 5)
    assert chat.chats == ["-2001"]
    assert await store.orphans("telegram") == []


class Unlimited(RateLimits):
    def wait(self, now):
        return 0.0


async def test_no_more_than_eight_are_under_way(store, chat):
    chat.gate = asyncio.Event()
    now = SystemClock().now()
    await put(store, *(replace(PRIVATE, chat=str(number)) for number in range(20)), created=now)
    dispatch = Dispatcher(store, [Receiver(chat, Unlimited())], SystemClock())
    async with running(dispatch):
        await until(lambda: chat.waiting == MAX_IN_FLIGHT)
        await asyncio.sleep(0.05)
        assert chat.waiting == MAX_IN_FLIGHT
        assert len(await store.orphans("telegram")) == MAX_IN_FLIGHT
        chat.gate.set()
        await until(lambda: len(chat.heard) == 20)


# A store that fails


class Failing:
    """The outbox, until it is told to fail."""

    def __init__(self, store):
        self._store = store
        self.fails = set()

    def __getattr__(self, name):
        if name in self.fails:
            raise StoreError("the disk is full")
        return getattr(self._store, name)


async def test_an_answer_that_cannot_be_stored_is_kept_until_it_can(store, chat, clock, caplog):
    await put(store, CHANNEL, GROUP)
    outbox = Failing(store)
    outbox.fails = {"record"}
    dispatch = Dispatcher(outbox, [Receiver(chat)], clock, sleep=clock.sleep)
    async with running(dispatch):
        await until(lambda: dispatch.counts["errors"] > 5)
        assert len(chat.heard) == 1
        assert dispatch.last_error == "the disk is full"
        outbox.fails = set()
        await until(lambda: len(chat.heard) == 2)
        await until(lambda: not dispatch.last_error)
    assert chat.chats == ["-1001", "-2001"]
    assert await undelivered(store) == {}
    assert "the disk is full" in caplog.text


async def test_the_loop_survives_a_store_that_is_gone_for_a_while_and_backs_off(store, chat, clock):
    outbox = Failing(store)
    outbox.fails = {"claim"}
    await put(store, CHANNEL)
    dispatch = Dispatcher(outbox, [Receiver(chat)], clock, sleep=clock.sleep)
    async with running(dispatch):
        await until(lambda: dispatch.counts["errors"] > 1100)
        outbox.fails = set()
        await until(lambda: chat.heard)
    assert clock.slept[:6] == [1, 2, 4, 5, 5, 5]
    assert chat.chats == ["-1001"]


async def test_a_stop_during_a_failure_ends_the_loop(store, chat, clock):
    outbox = Failing(store)
    outbox.fails = {"claim", "record", "orphans"}
    dispatch = Dispatcher(outbox, [Receiver(chat)], clock, sleep=clock.sleep)
    async with running(dispatch):
        await until(lambda: dispatch.counts["errors"])


# What it says


async def test_each_delivery_leaves_one_line_that_names_alert_chat_and_outcome(dispatch, store, chat, caplog):
    await put(store, CHANNEL, GROUP)
    chat.tell("-2001", ChatGone("kicked"))
    with caplog.at_level(logging.INFO, "bot.dispatcher"):
        await dispatch.drain()
    own = [one for one in caplog.records if one.name == "bot.dispatcher"]
    said = [(one.levelname, one.message, one.alert, one.chat, one.outcome) for one in own]
    assert said == [
        ("INFO", "delivery sent", "FALL", "-1001", "Sent"),
        ("WARNING", "delivery failed", "FALL", "-2001", "Gone"),
    ]


async def test_a_test_message_goes_past_the_outbox(chat, clock):
    destination = replace(CHANNEL, min_severity=Severity.EXTREME)
    assert await send_test_message(chat, destination, "hello", clock) == Sent(1)
    assert [(name, lines) for name, lines, _ in chat.heard] == [("-1001", ("hello",))]


async def test_a_test_message_with_a_refused_token_says_so(chat, clock):
    chat.tell("-1001", TokenRejected("unauthorized"))
    with pytest.raises(InvalidToken):
        await send_test_message(chat, CHANNEL, "hello", clock)


def test_a_terminal_needs_no_pause(clock):
    limits = RateLimits()
    limits.began("terminal", ChatKind.TERMINAL, clock.monotonic())
    assert limits.wait(clock.monotonic()) == 0
