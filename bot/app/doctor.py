"""Installation checks: configuration, Telegram, price source, calendars, clock, database, disk."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from bot.adapters.calendars import CachedCalendars
from bot.adapters.database.connection import ephemeral_reason, network_filesystem
from bot.adapters.database.database import Database
from bot.adapters.telegram.client import RequestFailed, TelegramClient
from bot.adapters.telegram.gateway import fetch_bot_name, fetch_permissions, has_webhook
from bot.adapters.yahoo.source import YahooPrices
from bot.app.sources import price_source, with_closures_from
from bot.app.worker import database_url, open_telegram
from bot.baskets import Basket, calendars_needed, symbols_of
from bot.clock import Clock
from bot.delivery.attempts import ChatGone, ChatMoved, ChatRefused, TokenRejected
from bot.delivery.model import DeliveryState
from bot.errors import BotError, ConfigError, ConfigProblem, InvalidToken, SourceUnreachable, StoreError
from bot.prices.bars import Bars, Symbol
from bot.prices.calendars import Calendar, CalendarCode, UnscheduledClosure, exchange_of
from bot.prices.quality import STALE_AFTER
from bot.settings.load import Settings, unused_values

RECENT = timedelta(days=14)  # the longest holidays of an exchange are shorter
ENDS_SOON = timedelta(days=30)  # a calendar that ends before is as good as none
MAX_CLOCK_OFFSET = timedelta(seconds=60)
MIN_FREE_BYTES = 200_000_000  # bytes; the caches of five hundred symbols take half of that
NO_DATABASE = "`run` makes it at its first start. If there was one before, restore it: it holds the subscriptions."
MAY_NOT_POST = (
    "Make the bot an administrator of the channel with the right to post messages, or let it write in the group."
)


class FindingStatus(StrEnum):
    """The result of a check."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


OK, WARN, FAIL = FindingStatus


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: the subject of a check, its result, what was seen, and the remedy; `exit_code` is that of a failure."""

    subject: str
    mark: FindingStatus
    seen: str
    remedy: str = ""
    exit_code: int = 0


def failure(subject: str, error: BotError) -> Finding:
    """The failure of an error: its first sentence is what was seen, the others are the remedy."""
    seen, _, remedy = str(error).partition(". ")
    return Finding(subject, FAIL, seen.removeprefix("database "), remedy, error.exit_code)


def config_finding(problem: ConfigProblem, status: FindingStatus) -> Finding:
    seen = f"{problem.file}: {problem.key}: {problem.message}"
    return Finding("configuration", status, seen, problem.remedy, ConfigError.exit_code if status is FAIL else 0)


async def run_checks(
    load: Callable[[], Settings], prices: Path | None, clock: Clock, on_build: Callable[[Sequence[CalendarCode]], None]
) -> AsyncIterator[Finding]:
    """All checks in order, whatever fails; without valid settings only the configuration is checked.

    `prices` is a folder in the place of Yahoo.
    """
    try:
        settings = load()
    except ConfigError as error:
        for problem in error.problems:
            yield config_finding(problem, FAIL)
        return
    folder = settings.storage.data_dir
    stored = CachedCalendars(folder / "calendars", clock, on_build)
    calendars, findings = await asyncio.to_thread(add_closures, stored, settings, clock)
    for finding in findings or [Finding("configuration", OK, "is sound; `python -m bot check` shows every value")]:
        yield finding
    now, yahoo = clock.now(), YahooPrices(folder / "yahoo", settings.source.deadline_seconds)

    def fetch(symbol: Symbol) -> Bars:
        return price_source(settings, prices).bars(symbol) if prices else yahoo.bars_since(symbol, now.date() - RECENT)

    async with open_telegram(settings) as telegram:
        async for finding in check_telegram(settings, telegram):
            yield finding
    async for finding in check_source(settings, fetch, calendars, now):
        yield finding
    yahoo.close()
    for finding in check_calendars(settings.baskets(), calendars, now):
        yield finding
    yield check_clock({"Telegram": telegram.ahead if telegram else None, "Yahoo": yahoo.ahead}, now)
    for finding in await check_database(settings, "telegram" if telegram else "terminal"):
        yield finding
    yield check_disk(folder)


def add_closures(stored: CachedCalendars, settings: Settings, clock: Clock) -> tuple[CachedCalendars, list[Finding]]:
    """The calendars with the closures of the settings (without them where one is wrong), and all problems."""
    unused = [config_finding(problem, WARN) for problem in unused_values(settings)]
    try:
        return with_closures_from(stored, settings, clock, settings.baskets()), unused
    except ConfigError as error:
        return stored, [config_finding(problem, FAIL) for problem in error.problems] + unused
    except BotError as error:
        return stored, [failure("calendars", error), *unused]


async def check_telegram(settings: Settings, telegram: TelegramClient | None) -> AsyncIterator[Finding]:
    """The token, the webhook, each configured chat, and each operator."""
    if telegram is None:
        remedy = "Give one as BOT_TELEGRAM__TOKEN, or in the file that BOT_TELEGRAM__TOKEN_FILE names."
        yield Finding("token", WARN, "there is none, so alerts go to the terminal", remedy)
        return
    try:
        name = await fetch_bot_name(telegram)
        webhook = await has_webhook(telegram)
    except RequestFailed as refused:
        if isinstance(refused.outcome, TokenRejected):
            yield failure("token", InvalidToken())
        else:
            seen = f"Telegram cannot be asked: {refusal_reason(refused)}"
            remedy = "Look at the network, a firewall, and telegram.base_url; a running bot keeps what waits."
            yield Finding("token", FAIL, seen, remedy, SourceUnreachable.exit_code)
        return
    yield Finding("token", OK, f"Telegram knows it: @{name}")
    if webhook:
        seen = "Telegram hands what people write to a webhook, so the bot hears nobody"
        remedy = "Take it away once: call deleteWebhook of the Bot API with the token."
        yield Finding("webhook", FAIL, seen, remedy, ConfigError.exit_code)
    else:
        yield Finding("webhook", OK, "none, so the bot can ask for what people write")
    if not settings.telegram.channels:
        yield Finding("chats", OK, "none is configured; people subscribe by /start")
    for destination in settings.destinations():
        yield await check_chat(telegram, destination.chat)
    for number in settings.telegram.operators:
        subject = f"operator {number}"
        try:
            person = await fetch_permissions(telegram, str(number))
            yield Finding(subject, OK, f"{person.title} can be written to")
        except RequestFailed as refused:
            seen = f"cannot be written to: {refusal_reason(refused)}"
            remedy = f"Open @{name} in Telegram and send /start once: before that, Telegram lets no bot write to"
            yield Finding(subject, WARN, seen, f"{remedy} anybody.")


async def check_chat(telegram: TelegramClient, chat: str) -> Finding:
    """Whether the bot may post in a configured chat."""
    subject = f"chat {chat}"
    try:
        permissions = await fetch_permissions(telegram, chat)
    except RequestFailed as refused:
        outcome, seen = refused.outcome, refusal_reason(refused)
        if isinstance(outcome, ChatMoved):
            seen = f"the group has another number now, {outcome.chat}"
            return Finding(subject, WARN, seen, "Write that number into bot.toml.")
        if isinstance(outcome, ChatGone | ChatRefused):
            remedy = "Correct chat in bot.toml, and add the bot there."
            return Finding(subject, FAIL, seen, remedy, ConfigError.exit_code)
        return Finding(subject, FAIL, seen, "Ask again in a minute.", SourceUnreachable.exit_code)
    title = f"{permissions.title} ({permissions.kind})"
    if permissions.hindrance:
        return Finding(subject, FAIL, f"{title}: {permissions.hindrance}", MAY_NOT_POST, ConfigError.exit_code)
    return Finding(subject, OK, f"{title}: the bot may post there")


def refusal_reason(refused: RequestFailed) -> str:
    """The text of Telegram, without the library's name for the error."""
    reason = str(getattr(refused.outcome, "reason", refused.outcome))
    return reason.partition(": ")[2] or reason


async def check_source(
    settings: Settings, fetch: Callable[[Symbol], Bars], calendars: CachedCalendars, now: datetime
) -> AsyncIterator[Finding]:
    """One request for each exchange in use, about the first symbol that trades there."""
    settle = timedelta(minutes=settings.schedule.settle_minutes)
    symbols: dict[CalendarCode, Symbol] = {}
    for symbol in symbols_of(settings.baskets()):
        symbols.setdefault(exchange_of(symbol), symbol)
    for code, symbol in symbols.items():
        subject = f"source {code}"
        try:
            yield check_price(subject, await asyncio.to_thread(fetch, symbol), calendars.get(code), settle, now)
        except BotError as error:
            yield failure(subject, error)


def check_price(subject: str, bars: Bars, calendar: Calendar, settle: timedelta, now: datetime) -> Finding:
    """The age of the newest price, compared with the last final session and the open one."""
    last: date = bars.dates[-1].item()
    final = int(np.searchsorted(calendar.closes, (now - settle).timestamp(), side="right"))  # sessions that are over
    newest = bars.as_of.astimezone(ZoneInfo(calendar.zone)) if bars.as_of else None
    time = f"of {newest:%d %b %Y %H:%M %Z}, {age_text(now - newest)} old" if newest else f"of {last:%d %b %Y}"
    seen = f"{bars.where} has {bars.symbol}: newest price {time}"
    if final and last < (due := calendar.sessions[final - 1].item()):
        remedy = "It may come late: look again, and whether the symbol still trades."
        return Finding(subject, WARN, f"{seen}; nothing of the session of {due:%d %b}, which is over", remedy)
    is_open = final < len(calendar.sessions) and calendar.opens[final] + STALE_AFTER.seconds < now.timestamp()
    if is_open and newest and now.timestamp() < calendar.closes[final] and now - newest > STALE_AFTER:
        return Finding(subject, WARN, f"{seen}, while the exchange is open", "Alerts wait until fresh ones come.")
    is_final = final and last <= calendar.sessions[final - 1].item()
    return Finding(subject, OK, f"{seen}; its session is {'final' if is_final else 'not over'}")


def check_calendars(baskets: tuple[Basket, ...], calendars: CachedCalendars, now: datetime) -> Iterator[Finding]:
    """Each calendar that the baskets need."""
    for code in calendars_needed(baskets):
        subject = f"calendar {code}"
        try:
            yield check_calendar(subject, calendars.get(code), calendars.closures, now)
        except BotError as error:
            yield failure(subject, error)
        except ZoneInfoNotFoundError as error:
            remedy = "Install the bot's requirements again; tzdata is one of them."
            yield Finding(subject, FAIL, f"{error.args[0]}", remedy, BotError.exit_code)


def check_calendar(subject: str, calendar: Calendar, closures: Sequence[UnscheduledClosure], now: datetime) -> Finding:
    """The end of the calendar, its next session, and its declared closures."""
    last = calendar.sessions[-1].item()
    if last < (now + ENDS_SOON).date():
        remedy = "Upgrade the bot, and with it exchange_calendars: later sessions would not be seen."
        return Finding(subject, WARN, f"ends on {last:%d %b %Y}", remedy)
    zone, index = ZoneInfo(calendar.zone), int(np.searchsorted(calendar.closes, now.timestamp(), side="right"))
    opens, closes = (datetime.fromtimestamp(int(times[index]), zone) for times in (calendar.opens, calendar.closes))
    seen = f"next session {opens:%a %d %b %Y, %H:%M} to {closes:%H:%M %Z} ({calendar.zone}); known to {last:%d %b %Y}"
    declared = ", ".join(
        f"{closure.day:%d %b %Y} {f'closes {closure.closes:%H:%M}' if closure.closes else 'shut'}"
        for closure in closures
        if closure.calendar == calendar.code and closure.day >= now.date()
    )
    return Finding(subject, OK, f"{seen}; declared: {declared}" if declared else seen)


def age_text(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h" if minutes < 72 * 60 else f"{minutes // 1440} d"


def check_clock(ahead: Mapping[str, timedelta | None], now: datetime) -> Finding:
    """The clock, compared with the first server that answered; `ahead` is by how much each server's clock is ahead."""
    here = f"{now:%d %b %Y %H:%M:%S} UTC"
    for name, offset in ahead.items():
        if offset is None:
            continue
        seconds = round(offset.total_seconds())
        if abs(offset) <= MAX_CLOCK_OFFSET:
            return Finding("clock", OK, f"{here}, within {abs(seconds) + 1} s of {name}")
        word, effect = ("behind", "late") if seconds > 0 else ("ahead of", "early")
        remedy = "Let the machine keep time by itself (on Linux: timedatectl set-ntp true); until then sessions are"
        return Finding("clock", WARN, f"{here}, {abs(seconds)} s {word} {name}", f"{remedy} judged too {effect}.")
    seen = f"{here}; nobody answered who could tell whether that is right"
    return Finding("clock", WARN, seen, "See the lines of Telegram and Yahoo above.")


async def check_database(settings: Settings, transport: str) -> list[Finding]:
    """Whether the database opens, has this program's tables and may be written; its lease and its deliveries."""
    location: list[Finding] = []
    try:
        url = database_url(settings)
        file = Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None
        location = check_location(file.absolute().parent) if file else []
        if file and not file.exists():
            return [Finding("database", WARN, f"{file}: there is none yet", NO_DATABASE), *location]
        database = await Database.open(url)
        try:
            await database.rehearse()
            lease, counts = await database.read(), await database.counts(transport)
            waiting, _ = await database.waiting(transport)
        finally:
            await database.close()
    except StoreError as error:
        return [failure("database", error), *location]
    unsure = counts.get(DeliveryState.FAILED, 0) + counts.get(DeliveryState.UNCERTAIN, 0)
    holder = f"process {lease.holder} holds" if lease and lease.holder else "nobody holds"
    deliveries = f"{waiting} deliveries wait" + (f", {unsure} did not certainly arrive" if unsure else "")
    seen = f"{database.place}: opens and may be written; {holder} the lease; {deliveries}"
    remedy = "`python -m bot deliveries` lists them." if waiting or unsure else ""
    return [Finding("database", OK, seen, remedy), *location]


def check_location(folder: Path) -> list[Finding]:
    """A warning if SQLite files in this folder do not last, or are not safe."""
    seen, remedy = "", "Give the bot a volume for [storage] data_dir, or a PostgreSQL by DATABASE_URL."
    if reason := ephemeral_reason(folder):
        seen = f"{folder} will not last: {reason}"
    elif kind := network_filesystem(folder):
        seen = f"{folder} is on {kind}, across a network: SQLite is not safe"
    return [Finding("database", WARN, seen, remedy)] if seen else []


def check_disk(folder: Path) -> Finding:
    """Whether the data folder takes files, and its free space."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"room")
        free = shutil.disk_usage(folder).free
    except OSError as error:
        remedy = "Give this user the right to write there, or name another folder with [storage] data_dir."
        return Finding("disk", FAIL, f"{folder} takes no files ({error.strerror})", remedy, StoreError.exit_code)
    seen = f"{folder}: {free // 1_000_000:,} MB free"
    if free < MIN_FREE_BYTES:
        return Finding("disk", WARN, seen, "Make room: without any, nothing new can be noted or sent.")
    return Finding("disk", OK, seen)
