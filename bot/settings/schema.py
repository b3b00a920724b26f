"""Pydantic tables of the three configuration files, with kind and range of each value, and their JSON Schema."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    WithJsonSchema,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, SkipJsonSchema
from pydantic_core import PydanticCustomError, core_schema

from bot.languages import languages

if TYPE_CHECKING:
    Language = str
else:
    Language = Literal[languages()]
SeverityWord = Literal["notice", "warning", "severe", "extreme"]
StateWord = Literal["pullback", "correction", "bear", "crash"]
# The codes of exchange_calendars without its aliases. A test compares; to ask the library itself costs 0.3 s a start.
CalendarName = Literal[
    "24/5", "24/7", "AIXK", "ASEX", "BVMF", "CMES", "IEPA", "XAMS", "XASX", "XBDA", "XBEL", "XBKK", "XBOG", "XBOM",
    "XBRA", "XBRU", "XBSE", "XBUD", "XBUE", "XCBF", "XCSE", "XCYS", "XDUB", "XDUS", "XEEE", "XETR", "XEUR", "XFRA",
    "XHAM", "XHEL", "XHKG", "XICE", "XIDX", "XIST", "XJSE", "XKAR", "XKLS", "XKRX", "XLIM", "XLIS", "XLIT", "XLJU",
    "XLON", "XLUX", "XMAD", "XMEX", "XMIL", "XMOS", "XNYS", "XNZE", "XOSL", "XPAR", "XPHS", "XPRA", "XRIS", "XSAU",
    "XSES", "XSGO", "XSHG", "XSTO", "XSTU", "XSWX", "XTAE", "XTAI", "XTAL", "XTKS", "XTSE", "XWAR", "XWBO", "XZAG",
    "us_futures",
]  # fmt: skip

# Pattern -> what a value of this form looks like, for the error message.
FORMS = {
    (SYMBOL := r"^\^?[A-Z0-9][A-Z0-9.=-]*$"): "Write the symbol as Yahoo does, in capitals: MU, ^SOX, 000660.KS.",
    (ID := r"^[a-z0-9]+(_[a-z0-9]+)*$"): "Use small letters, digits and single underscores: korea_chips.",
    (LINE := r"^[^\n]*\S[^\n]*$"): "Write one line of text.",
    (RULE := r"^[^/\n]*[^/\s][^/\n]*$"): "Write one line of text without a slash.",
    (CLOCK := r"^([01][0-9]|2[0-3]):[0-5][0-9]$"): 'Write hours and minutes in quotes: "13:00".',
    (WORST_IN := r"^[1-9][0-9]{0,2} (months?|years?)$"): 'Write "3 months" or "5 years".',
    (CHAT := r"^(@[A-Za-z][A-Za-z0-9_]{3,31}|-?[1-9][0-9]*)$"): 'Write "@channel_name" or the number of the chat.',
    (API := r"^https?://\S+/bot$"): "It begins with http:// or https:// and ends in /bot.",
    (URL := r"^([a-z][a-z0-9+]*://\S+)?$"): "Write an address, such as sqlite:///path or postgresql://host/name.",
    (WEB := r"^(https?://[^/\s]+\S*)?$"): "Write an address that begins with https:// or http://.",
    (HOST := r"^[A-Za-z0-9.:-]+$"): "Write an address of this machine: 127.0.0.1, or 0.0.0.0 for all of them.",
    (FEED := r"^(https://\S+|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?(/\S*)?)$"): (
        "Write an address that begins with https://; http:// is for this machine alone."
    ),
    (TOKEN := r"^([0-9]+:\S+)?$"): "Copy it from BotFather as it is: digits, a colon, letters.",
}

Percent = Annotated[float, Field(ge=-100, lt=0)]
Line = Annotated[str, Field(pattern=LINE, max_length=60)]
Id = Annotated[str, Field(pattern=ID, max_length=32)]
Names = Annotated[dict[Language, Line], Field(min_length=1)]
# A date in quotes counts too: in JSON, which lists in the environment are written in, there is no other.
Day = Annotated[date, Field(strict=False)]
Chat = Annotated[
    str,
    BeforeValidator(lambda chat: str(chat) if type(chat) is int else chat),
    Field(pattern=CHAT),
    WithJsonSchema({"type": ["string", "integer"], "pattern": CHAT}),
]


def _of_form(pattern: str) -> AfterValidator:
    def check(secret: SecretStr) -> SecretStr:
        if not re.fullmatch(pattern, secret.get_secret_value()):
            raise PydanticCustomError("string_pattern_mismatch", "not of its form", {"pattern": pattern})
        return secret

    return AfterValidator(check)


class ConfigTable(BaseModel):
    """No unknown keys, no silent conversions, no values in pydantic's own messages."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


def conflict(message: str, remedy: str, at: str = "") -> PydanticCustomError:
    """The error raised by validators; `at` is another key of the same table, if the error is about another key."""
    return PydanticCustomError("conflict", "{message}", {"message": message, "remedy": remedy, "at": at})


def _not_before(first: str, key: str) -> AfterValidator:
    """A check that a date is not before the date of the field `first`, written as `key`."""

    def check(last: date | None, info: ValidationInfo) -> date | None:
        begin = info.data.get(first)
        if begin and last and begin > last:
            remedy = "Exchange them, or mend the wrong one."
            raise conflict(f"lies after {info.field_name}: {begin} > {last}", remedy, at=key)
        return last

    return AfterValidator(check)


class ScheduleTable(ConfigTable):
    poll_minutes: int = Field(5, ge=1, le=240, description="minutes between two looks at the prices in a session")
    settle_minutes: int = Field(20, ge=0, le=600, description="minutes after the close until a session is final")
    provisional: bool = Field(True, description="look at sessions that are not over, and tell what holds on two looks")


class StatisticsTable(ConfigTable):
    pullback: Percent = Field(-5.0, description="percent below the peak: a pullback")
    correction: Percent = Field(-10.0, description="percent below the peak: a correction")
    bear: Percent = Field(-20.0, description="percent below the peak: a bear market")
    crash: Percent = Field(-35.0, description="percent below the peak: a crash")
    drawdown_lookback_sessions: int = Field(
        0, ge=0, le=99999, description="sessions searched for the peak; 0 = all history"
    )


class EpisodesTable(ConfigTable):
    close_after_sessions: int = Field(5, ge=1, le=252, description="sessions without any level that end an episode")


class SourceTable(ConfigTable):
    deadline_seconds: float = Field(20.0, gt=0, le=120, description="seconds Yahoo may take for one symbol")


class NewsTable(ConfigTable):
    yahoo: bool = Field(True, description="ask Yahoo for headlines about the largest losers of an alert")
    feeds: list[Annotated[str, Field(pattern=FEED)]] = Field(
        [], max_length=20, description="addresses of RSS or Atom feeds that headlines are taken from"
    )


class StorageTable(ConfigTable):
    data_dir: Path = Field(
        Path("data"), strict=False, description="folder for the database and the caches, from the working directory"
    )
    database: Annotated[SecretStr, _of_form(URL)] = Field(
        SecretStr(""), description='address of the database; "" = DATABASE_URL, else a SQLite file in data_dir'
    )


class ChannelTable(ConfigTable):
    chat: Chat = Field(description='"@name" of a channel or the number of a chat')
    topic: int | None = Field(None, gt=0, description="number of the topic, in a group that has topics")
    language: Language = Field("en", description="language of its messages")
    lowest: SeverityWord = Field("notice", description="severity from which on it gets messages")
    baskets: list[str] = Field(["*"], min_length=1, description='baskets it hears of; "*" = all')


class TelegramTable(ConfigTable):
    token: SkipJsonSchema[Annotated[SecretStr, _of_form(TOKEN)]] = SecretStr("")
    base_url: str = Field(
        "https://api.telegram.org/bot", pattern=API, description="address of the Bot API, to which the token is added"
    )
    connect_timeout_seconds: float = Field(10.0, gt=0, le=300, description="seconds to reach Telegram")
    read_timeout_seconds: float = Field(30.0, gt=0, le=300, description="seconds to wait for Telegram's answer")
    channels: list[ChannelTable] = Field([], description="chats of the operator that get alerts")
    operators: list[Annotated[int, Field(gt=0)]] = Field(
        [], description="numbers of the people who may use the operator's commands"
    )


class DeliveryTable(ConfigTable):
    expiry_hours: float = Field(12.0, gt=0, le=168, description="hours after which an alert is no news and is not sent")
    languages: list[Language] = Field(["en"], min_length=1, description="languages of the terminal")
    charts: bool = Field(True, description="alerts on Telegram are pictures with the text below")


class ClosureTable(ConfigTable):
    calendar: CalendarName = Field(description="exchange_calendars code of the exchange, as of a basket")
    day: Day = Field(description="a day on which it would have a session")
    closes: str | None = Field(
        None, pattern=CLOCK, description="when it closes, in its own zone; without it, it is shut all day"
    )


class OperationTable(ConfigTable):
    port: int = Field(0, ge=0, le=65535, description="port of the status page, health and metrics; 0 = none")
    host: str = Field("127.0.0.1", pattern=HOST, description="address that port is opened on")
    heartbeat: Annotated[SecretStr, _of_form(WEB)] = Field(
        SecretStr(""), description='address that is pinged after each complete look; "" = none'
    )


class LevelTable(ConfigTable):
    percentile: float | None = Field(None, gt=0, lt=100, description="at or below it; over 50: at or above it")
    worst_in: str | None = Field(None, pattern=WORST_IN, description='at least the worst in "3 months", "5 years"')
    record: bool | None = Field(None, description="true: the worst on record")
    move: Percent | None = Field(None, description="percent over the window: this or deeper")
    drawdown: float | None = Field(None, gt=-100, lt=0, description="percent below the high: this or deeper")
    state: StateWord | None = Field(None, description="drawdown state reached, or a deeper one")
    enters: StateWord | None = Field(None, description="drawdown state entered on this session, or a deeper one")

    @model_validator(mode="after")
    def _has_condition(self) -> Self:
        if not any(dict(self).values()):
            *keys, last = type(self).model_fields
            raise conflict("has no condition and would always hold", f"Give it {', '.join(keys)} or {last}.")
        return self


class LevelsTable(ConfigTable):
    notice: LevelTable | None = None
    warning: LevelTable | None = None
    severe: LevelTable | None = None
    extreme: LevelTable | None = None

    @model_validator(mode="after")
    def _has_level(self) -> Self:
        if not any(dict(self).values()):
            raise conflict("is empty", f"Give at least one of {', '.join(type(self).model_fields)}.")
        return self


class RuleTable(ConfigTable):
    name: str = Field(pattern=RULE, max_length=60, description="name of the rule, its own among all rules")
    baskets: list[str] | None = Field(None, min_length=1, description='baskets it looks at; "*" = all')
    members_of: list[str] | None = Field(None, min_length=1, description="baskets whose members it looks at one by one")
    contrast: list[str] | None = Field(
        None, min_length=2, max_length=2, description="two baskets: the first one's move minus the second one's"
    )
    members: bool = Field(False, description="look at each member by itself, not at the basket")
    window: int = Field(2, ge=1, le=252, description="sessions")
    step: float = Field(2.0, gt=0, le=100, description="percentage points deeper for a new alert on the same level")
    levels: LevelsTable | None = Field(None, description="deepest last; all conditions of one level must hold")
    day_low: Percent | None = Field(None, description="percent of the day's low against the previous close")
    enters: StateWord | None = Field(None, description="drawdown state entered on this session, or a deeper one")
    severity: SeverityWord | None = Field(None, description="of a rule without levels; default warning")


def _or_bare_symbol(schema: dict[str, Any]) -> None:
    table = dict(schema)
    schema.clear()
    schema["anyOf"] = [{"type": "string", "pattern": SYMBOL}, table]


class MemberTable(ConfigTable):
    """A member; a bare symbol is short for a table with nothing else."""

    model_config = ConfigDict(json_schema_extra=_or_bare_symbol)

    symbol: str = Field(pattern=SYMBOL, description="as Yahoo writes it")
    weight: float | None = Field(None, gt=0, description='share relative to the others, with weights = "fixed"')
    since: Day | None = Field(None, alias="from", description="first session it belongs")
    until: Annotated[Day | None, _not_before("since", "from")] = Field(None, description="last session it belongs")

    @model_validator(mode="before")
    @classmethod
    def _from_symbol(cls, given: Any) -> Any:
        return {"symbol": given} if isinstance(given, str) else given

    @model_serializer(mode="wrap")
    def _to_symbol(self, serialize: SerializerFunctionWrapHandler) -> Any:
        table = serialize(self)
        return table["symbol"] if len(table) == 1 else table


class BasketTable(ConfigTable):
    name: Names = Field(description="by language, as messages show it")
    members: list[MemberTable] = Field(min_length=1, description="symbols, or tables with symbol, weight, from, until")
    weights: Literal["equal", "fixed"] = Field("equal", description='"fixed" = from the members\' weight')
    calendar: CalendarName = Field("XNYS", description="exchange_calendars code: whose sessions count")
    prices: Literal["adjusted", "split-adjusted"] = Field(
        "adjusted", description="for splits and dividends, or for splits alone"
    )
    min_coverage: float = Field(0.8, gt=0, le=1, description="share of weight that must have a price for a reading")
    role: str = Field("", max_length=60, description="free word, for contrasts")


class EventTable(ConfigTable):
    name: Names = Field(description="by language; in English as it reads after the word the")
    first: Day = Field(description="first session")
    last: Annotated[Day, _not_before("first", "first")] = Field(description="last session")


class BotFile(ConfigTable):
    """bot.toml"""

    schedule: ScheduleTable = Field(default_factory=ScheduleTable)
    statistics: StatisticsTable = Field(default_factory=StatisticsTable)
    episodes: EpisodesTable = Field(default_factory=EpisodesTable)
    source: SourceTable = Field(default_factory=SourceTable)
    news: NewsTable = Field(default_factory=NewsTable)
    storage: StorageTable = Field(default_factory=StorageTable)
    telegram: TelegramTable = Field(default_factory=TelegramTable)
    delivery: DeliveryTable = Field(default_factory=DeliveryTable)
    operation: OperationTable = Field(default_factory=OperationTable)
    rule_tables: list[RuleTable] = Field([], alias="rules")
    closure_tables: list[ClosureTable] = Field(
        [], alias="closures", description="closures and early closes that the library cannot know"
    )


class BasketsFile(ConfigTable):
    """baskets.toml"""

    basket_tables: dict[Id, BasketTable] = Field(alias="baskets", min_length=1)
    names: dict[Annotated[str, Field(pattern=SYMBOL)], Line] = Field(
        {}, description="companies' names by symbol, as headlines have them"
    )


class EventsFile(ConfigTable):
    """events.toml"""

    event_tables: dict[Id, EventTable] = Field({}, alias="events")


FILES: dict[str, type[ConfigTable]] = {"bot.toml": BotFile, "baskets.toml": BasketsFile, "events.toml": EventsFile}


class _TomlSchema(GenerateJsonSchema):
    """TOML has no null, and a key is title enough."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if schema.get("default") is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic calls it so
        return False


def json_schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of each file, by the schema file's name."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {
        file.replace(".toml", ".schema.json"): dialect | table.model_json_schema(schema_generator=_TomlSchema)
        for file, table in FILES.items()
    }
