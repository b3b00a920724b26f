"""Installation checks: runner, clock, database, disk, Telegram, price source, calendars."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from bot.adapters.calendars import CachedCalendars
from bot.adapters.database.connection import ephemeral_reason, network_filesystem
from bot.adapters.database.database import Database
from bot.app.monitor import read_database_status
from bot.app.sources import price_source, with_closures_from, yahoo_prices
from bot.app.worker import database_url, open_telegram
from bot.baskets import Basket, calendars_needed, symbols_of
from bot.clock import Clock
from bot.delivery.attempts import ChatGone, ChatMoved, ChatRefused, SendOutcome, TokenRejected
from bot.delivery.model import DeliveryState
from bot.errors import BotError, ConfigError, ConfigProblem, InvalidToken, SourceUnreachable, StoreError
from bot.prices.bars import Bars, Symbol
from bot.prices.calendars import Calendar, CalendarCode, Seconds, UnscheduledClosure, exchange_of
from bot.prices.quality import STALE_AFTER
from bot.settings.load import Settings, unused_values

RECENT = timedelta(days=14)  # the longest holidays of an exchange are shorter
SOUND = "is sound; `python -m bot check` shows every value"


async def run_checks(
    load: Callable[[], Settings],
    prices: Path | None,
    clock: Clock,
    on_build: Callable[[Sequence[CalendarCode]], None],
) -> AsyncIterator[Finding]:
    """Everything that the bot needs, one after the other, whatever fails; without settings there is nothing to ask.

    `prices` is a folder in the place of Yahoo.
    """
    try:
        settings = load()
    except ConfigError as error:
        for problem in error.problems:
            yield _problem(problem, FindingStatus.FAIL)
        return
    cached = CachedCalendars(settings.storage.data_dir / "calendars", clock, on_build)
    calendars, problems = await asyncio.to_thread(_calendars, cached, settings, clock)
    for finding in problems or [Finding("configuration", FindingStatus.OK, SOUND)]:
        yield finding
    baskets, now, yahoo = settings.baskets(), clock.now(), yahoo_prices(settings)

    def ask(symbol: Symbol) -> Bars:
        return price_source(settings, prices).bars(symbol) if prices else yahoo.bars_since(symbol, now.date() - RECENT)

    async with open_telegram(settings) as telegram:
        async for finding in check_telegram(settings, telegram):
            yield finding
    async for finding in check_source(
        baskets, ask, calendars, timedelta(minutes=settings.schedule.settle_minutes), now
    ):
        yield finding
    yahoo.close()
    for finding in check_calendars(baskets, calendars, now):
        yield finding
    yield check_clock({"Telegram": telegram.ahead if telegram else None, "Yahoo": yahoo.ahead}, now)
    for finding in await check_database(settings, "telegram" if telegram else "terminal"):
        yield finding
    yield check_disk(settings.storage.data_dir)


def _calendars(cached: CachedCalendars, settings: Settings, clock: Clock) -> tuple[CachedCalendars, list[Finding]]:
    """The calendars with what was declared, or without it where that is wrong; and all that is wrong."""
    doubtful = [_problem(problem, FindingStatus.WARN) for problem in unused_values(settings)]
    try:
        return with_closures_from(cached, settings, clock, settings.baskets()), doubtful
    except ConfigError as error:
        return cached, [_problem(problem, FindingStatus.FAIL) for problem in error.problems] + doubtful
    except BotError as error:
        return cached, [failure("calendars", error), *doubtful]


def _problem(problem: ConfigProblem, mark: FindingStatus) -> Finding:
    seen = f"{problem.file}: {problem.key}: {problem.message}"
    return Finding(
        "configuration", mark, seen, problem.remedy, ConfigError.exit_code if mark is FindingStatus.FAIL else 0
    )


class FindingStatus(StrEnum):
    """How it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, what was seen, and what to do. `exit_code` is that of a failure."""

    subject: str
    mark: FindingStatus
    seen: str
    remedy: str = ""
    exit_code: int = 0


def failure(subject: str, error: BotError) -> Finding:
    """The failure that an error of ours tells of: its first sentence is what was seen, the others are the remedy."""
    seen, _, remedy = str(error).partition(". ")
    return Finding(subject, FindingStatus.FAIL, seen.removeprefix("database "), remedy, error.exit_code)


MAX_CLOCK_OFFSET = timedelta(seconds=60)
MIN_FREE_BYTES = 200_000_000  # bytes; the caches of five hundred symbols take half of that
NTP = "Let the machine keep time by itself (on Linux: timedatectl set-ntp true); until then sessions are judged too {}."
ANSWER = "See the lines of Telegram and Yahoo above."
UNSURE = (DeliveryState.FAILED, DeliveryState.UNCERTAIN)
LASTING = "Give the bot a volume for [storage] data_dir, or a PostgreSQL by DATABASE_URL."


def check_clock(ahead: Mapping[str, timedelta | None], now: datetime) -> Finding:
    """The clock, held against the first who answered; `ahead` is by how much theirs is."""
    answers = [(name, skew) for name, skew in ahead.items() if skew is not None]
    here = f"{now:%d %b %Y %H:%M:%S} UTC"
    if not answers:
        return Finding(
            "clock", FindingStatus.WARN, f"{here}; nobody answered who could tell whether that is right", ANSWER
        )
    name, theirs = answers[0]
    seconds = round(theirs.total_seconds())
    if abs(theirs) <= MAX_CLOCK_OFFSET:
        return Finding("clock", FindingStatus.OK, f"{here}, within {abs(seconds) + 1} s of {name}")
    word, effect = ("behind", "late") if seconds > 0 else ("ahead of", "early")
    return Finding("clock", FindingStatus.WARN, f"{here}, {abs(seconds)} s {word} {name}", NTP.format(effect))


async def check_database(settings: Settings, transport: str) -> list[Finding]:
    """Whether it opens, has this program's tables and may be written; who works with it, and what waits in it."""
    try:
        url = database_url(settings)
    except StoreError as error:
        return [failure("database", error)]
    file = Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None
    findings = _place(file.absolute().parent) if file else []
    if file and not file.exists():
        seen = f"{file}: there is none yet"
        remedy = "`run` makes it at its first start. If there was one before, restore it: it holds the subscriptions."
        return [Finding("database", FindingStatus.WARN, seen, remedy), *findings]
    try:
        database = await Database.open(url)
        try:
            return [await _stored(database, transport), *findings]
        finally:
            await database.close()
    except StoreError as error:
        return [failure("database", error), *findings]


async def _stored(database: Database, transport: str) -> Finding:
    await database.rehearse()
    status = await read_database_status(database, transport)
    counts = await database.counts(transport)
    waiting, unsure = status.waiting or 0, sum(counts.get(state, 0) for state in UNSURE)
    holder = f"process {status.lease.holder} holds" if status.lease and status.lease.holder else "nobody holds"
    more = f"{waiting} deliveries wait" + (f", {unsure} did not certainly arrive" if unsure else "")
    remedy = "`python -m bot deliveries` lists them." if waiting or unsure else ""
    return Finding(
        "database", FindingStatus.OK, f"{database.place}: opens and may be written; {holder} the lease; {more}", remedy
    )


def _place(folder: Path) -> list[Finding]:
    if why := ephemeral_reason(folder):
        return [Finding("database", FindingStatus.WARN, f"{folder} will not last: {why}", LASTING)]
    if kind := network_filesystem(folder):
        return [
            Finding(
                "database", FindingStatus.WARN, f"{folder} is on {kind}, across a network: SQLite is not safe", LASTING
            )
        ]
    return []


def check_disk(folder: Path) -> Finding:
    """Whether the data folder takes files, and how much room it has."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"room")
        free = shutil.disk_usage(folder).free
    except OSError as error:
        remedy = "Give this user the right to write there, or name another folder with [storage] data_dir."
        return Finding(
            "disk", FindingStatus.FAIL, f"{folder} takes no files ({error.strerror})", remedy, StoreError.exit_code
        )
    seen = f"{folder}: {free // 1_000_000:,} MB free"
    if free < MIN_FREE_BYTES:
        return Finding("disk", FindingStatus.WARN, seen, "Make room: without any, nothing new can be noted or sent.")
    return Finding("disk", FindingStatus.OK, seen)


if TYPE_CHECKING:
    from bot.adapters.telegram.client import TelegramClient

NO_TOKEN = "there is none, so alerts go to the terminal"  # noqa: S105  words, no token
GIVE_ONE = "Give one as BOT_TELEGRAM__TOKEN, or in the file that BOT_TELEGRAM__TOKEN_FILE names."
LET_IT_POST = (
    "Make the bot an administrator of the channel with the right to post messages, or let it write in the group."
)
NAME_IT = "Correct chat in bot.toml, and add the bot there."
WEBHOOK = (
    "Telegram hands what people write to a webhook, so the bot hears nobody",
    "Take it away once: call deleteWebhook of the Bot API with the token.",
)


async def check_telegram(settings: Settings, telegram: TelegramClient | None) -> AsyncIterator[Finding]:
    """The token, the way people's words take, each configured chat, and each operator."""
    if telegram is None:
        yield Finding("token", FindingStatus.WARN, NO_TOKEN, GIVE_ONE)
        return
    from bot.adapters.telegram.client import RequestFailed
    from bot.adapters.telegram.gateway import fetch_bot_name, has_webhook

    try:
        name = await fetch_bot_name(telegram)
        hooked = await has_webhook(telegram)
    except RequestFailed as refused:
        yield _unheard(refused.outcome)
        return
    yield Finding("token", FindingStatus.OK, f"Telegram knows it: @{name}")
    yield (
        Finding("webhook", FindingStatus.FAIL, *WEBHOOK, ConfigError.exit_code)
        if hooked
        else Finding("webhook", FindingStatus.OK, "none, so the bot can ask for what people write")
    )
    if not settings.telegram.channels:
        yield Finding("chats", FindingStatus.OK, "none is configured; people subscribe by /start")
    for destination in settings.destinations():
        yield await _chat(telegram, destination.chat)
    for number in settings.telegram.operators:
        yield await _operator(telegram, number, name)


def _unheard(outcome: SendOutcome) -> Finding:
    if isinstance(outcome, TokenRejected):
        return failure("token", InvalidToken())
    remedy = "CheckSummary at the network, a firewall, and telegram.base_url; a running bot keeps what waits."
    return Finding(
        "token", FindingStatus.FAIL, f"Telegram cannot be asked: {_why(outcome)}", remedy, SourceUnreachable.exit_code
    )


async def _chat(telegram: TelegramClient, chat: str) -> Finding:
    from bot.adapters.telegram.client import RequestFailed
    from bot.adapters.telegram.gateway import fetch_permissions

    subject, code = f"chat {chat}", ConfigError.exit_code
    try:
        permissions = await fetch_permissions(telegram, chat)
    except RequestFailed as refused:
        if isinstance(refused.outcome, ChatMoved):
            seen = f"the group has another number now, {refused.outcome.chat}"
            return Finding(subject, FindingStatus.WARN, seen, "Write that number into bot.toml.")
        if isinstance(refused.outcome, ChatGone | ChatRefused):
            return Finding(subject, FindingStatus.FAIL, _why(refused.outcome), NAME_IT, code)
        return Finding(
            subject, FindingStatus.FAIL, _why(refused.outcome), "Ask again in a minute.", SourceUnreachable.exit_code
        )
    if permissions.hindrance:
        return Finding(
            subject,
            FindingStatus.FAIL,
            f"{permissions.title} ({permissions.kind}): {permissions.hindrance}",
            LET_IT_POST,
            code,
        )
    return Finding(subject, FindingStatus.OK, f"{permissions.title} ({permissions.kind}): the bot may post there")


async def _operator(telegram: TelegramClient, number: int, name: str) -> Finding:
    from bot.adapters.telegram.client import RequestFailed
    from bot.adapters.telegram.gateway import fetch_permissions

    try:
        permissions = await fetch_permissions(telegram, str(number))
    except RequestFailed as refused:
        remedy = f"Open @{name} in Telegram and send /start once: before that, Telegram lets no bot write to anybody."
        return Finding(
            f"operator {number}", FindingStatus.WARN, f"cannot be written to: {_why(refused.outcome)}", remedy
        )
    return Finding(f"operator {number}", FindingStatus.OK, f"{permissions.title} can be written to")


def _why(outcome: SendOutcome) -> str:
    """Telegram's own words, without the library's name for them."""
    reason = str(getattr(outcome, "reason", outcome))
    return reason.partition(": ")[2] or reason


SOON = timedelta(days=30)  # a calendar that ends before is as good as none
ENDS = "Upgrade the bot, and with it exchange_calendars: later sessions would not be seen."
AGAIN = "Install the bot's requirements again; tzdata is one of them."
Question = Callable[[Symbol], Bars]


async def check_source(
    baskets: tuple[Basket, ...], ask: Question, calendars: CachedCalendars, settle: timedelta, now: datetime
) -> AsyncIterator[Finding]:
    """One question for each exchange in use, about the first symbol that trades there."""
    first: dict[CalendarCode, Symbol] = {}
    for symbol in symbols_of(baskets):
        first.setdefault(exchange_of(symbol), symbol)
    for code, symbol in first.items():
        subject = f"source {code}"
        try:
            bars = await asyncio.to_thread(ask, symbol)
            yield _fresh(subject, bars, calendars.get(code), settle, now)
        except BotError as error:
            yield failure(subject, error)


def _fresh(subject: str, bars: Bars, calendar: Calendar, settle: timedelta, now: datetime) -> Finding:
    """How old the newest price is, held against the sessions that are over and the one that is not."""
    last: date = bars.dates[-1].item()
    over = int(np.searchsorted(calendar.closes, (now - settle).timestamp(), side="right"))
    newest = bars.as_of.astimezone(ZoneInfo(calendar.zone)) if bars.as_of else None
    newest_text = f"of {newest:%d %b %Y %H:%M %Z}, {_age(now - newest)} old" if newest else f"of {last:%d %b %Y}"
    seen = f"{bars.where} has {bars.symbol}: newest price {newest_text}"
    if over and last < (due := calendar.sessions[over - 1].item()):
        seen = f"{seen}; nothing of the session of {due:%d %b}, which is over"
        return Finding(
            subject, FindingStatus.WARN, seen, "It may come late: look again, and whether the symbol still trades."
        )
    is_open = over < len(calendar.sessions) and calendar.opens[over] + STALE_AFTER.seconds < now.timestamp()
    if is_open and newest and now < _at(calendar.closes, over) and now - newest > STALE_AFTER:
        return Finding(
            subject, FindingStatus.WARN, f"{seen}, while the exchange is open", "Alerts wait until fresh ones come."
        )
    final = over and last <= calendar.sessions[over - 1].item()
    return Finding(subject, FindingStatus.OK, f"{seen}; its session is {'final' if final else 'not over'}")


def check_calendars(baskets: tuple[Basket, ...], calendars: CachedCalendars, now: datetime) -> Iterator[Finding]:
    """Each calendar that the baskets need: how far it goes, the next session, and what was declared."""
    for code in calendars_needed(baskets):
        subject = f"calendar {code}"
        try:
            yield _sessions(subject, calendars.get(code), calendars.closures, now)
        except BotError as error:
            yield failure(subject, error)
        except ZoneInfoNotFoundError as error:
            yield Finding(subject, FindingStatus.FAIL, f"{error.args[0]}", AGAIN, BotError.exit_code)


def _sessions(subject: str, calendar: Calendar, closures: Sequence[UnscheduledClosure], now: datetime) -> Finding:
    last = calendar.sessions[-1].item()
    if last < (now + SOON).date():
        return Finding(subject, FindingStatus.WARN, f"ends on {last:%d %b %Y}", ENDS)
    zone, at = ZoneInfo(calendar.zone), int(np.searchsorted(calendar.closes, now.timestamp(), side="right"))
    opens, closes = (_at(times, at).astimezone(zone) for times in (calendar.opens, calendar.closes))
    when = f"{opens:%a %d %b %Y, %H:%M} to {closes:%H:%M %Z} ({calendar.zone})"
    declared = [
        f"{closure.day:%d %b %Y} {f'closes {closure.closes:%H:%M}' if closure.closes else 'shut'}"
        for closure in closures
        if closure.calendar == calendar.code and closure.day >= now.date()
    ]
    declared_text = f"; declared: {', '.join(declared)}" if declared else ""
    return Finding(subject, FindingStatus.OK, f"next session {when}; known to {last:%d %b %Y}{declared_text}")


def _at(moments: Seconds, place: int) -> datetime:
    return datetime.fromtimestamp(int(moments[place]), UTC)


def _age(ago: timedelta) -> str:
    minutes = int(ago.total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 72 * 60 else f"{minutes // 1440} d"
