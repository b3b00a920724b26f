"""Loading of the settings, their conversion to domain types, and the effective values with their origins."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import time
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import PrivateAttr, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, SettingsConfigDict

from bot.alerts.conditions import CONDITIONS
from bot.alerts.rules import Level, NamedEvent, Rule, Severity
from bot.baskets import Basket, BasketId, Member
from bot.delivery.model import TOPIC, ChatKind, Destination
from bot.errors import ConfigError, ConfigProblem
from bot.pipeline import Rulebook
from bot.prices.bars import Symbol
from bot.prices.calendars import CalendarCode, UnscheduledClosure
from bot.settings.schema import BasketsFile, BotFile, EventsFile, LevelTable, RuleTable
from bot.settings.sources import (
    CONFIG_DIR,
    FILE_OF,
    ConfigLayer,
    KeyPath,
    dotted_key,
    entries,
    merge_layers,
    read_environment,
    read_files,
    valid_paths,
)
from bot.settings.validation import find_contradictions, from_pydantic, to_problem
from bot.statistics.verdict import DrawdownState, DrawdownThresholds

FINGERPRINTED = {"basket_tables", "rule_tables", "event_tables", "closure_tables", "statistics", "episodes"}


class Settings(BaseSettings, EventsFile, BasketsFile, BotFile):
    """The whole configuration as written; the methods convert to domain types, percent to fractions."""

    model_config = SettingsConfigDict(extra="forbid", strict=True, frozen=True)

    # Origins alone, not the layers: some of their values are secret.
    _origins: dict[KeyPath, str] = PrivateAttr(default_factory=dict)

    def __init__(self, given: dict[str, Any], layer_of: Mapping[KeyPath, ConfigLayer]) -> None:
        super().__init__(_build_sources=((InitSettingsSource(type(self), given),), {}))
        self._origins = {path: layer.origin for path, layer in layer_of.items()}

    def origin(self, path: KeyPath) -> str:
        """The origin of the value at `path`: a file, a variable, a secret file, or "default"."""
        return self._origins.get(path, "default")

    def secrets(self) -> list[str]:
        """Texts that must not appear in any log line or page."""
        values = [self.telegram.token, self.storage.database, self.operation.heartbeat]
        return [value.get_secret_value() for value in values if value.get_secret_value()]

    def baskets(self) -> tuple[Basket, ...]:
        return tuple(
            Basket(
                id=BasketId(name),
                names=tuple(table.name.items()),
                members=tuple(
                    Member(
                        Symbol(member.symbol),
                        (table.weights == "fixed" and member.weight) or 1.0,
                        member.since,
                        member.until,
                    )
                    for member in table.members
                ),
                calendar=CalendarCode(table.calendar),
                prices=table.prices,
                min_coverage=table.min_coverage,
                role=table.role,
            )
            for name, table in self.basket_tables.items()
        )

    def rules(self) -> tuple[Rule, ...]:
        return tuple(
            Rule(
                name=table.name,
                baskets=self._all_if_starred(table.baskets or table.members_of or []),
                levels=_to_levels(table),
                window=table.window,
                step=table.step / 100,
                members=table.members or table.members_of is not None,
                contrast=(BasketId(table.contrast[0]), BasketId(table.contrast[1])) if table.contrast else None,
            )
            for table in self.rule_tables
        )

    def _all_if_starred(self, names: list[str]) -> tuple[BasketId, ...]:
        return tuple(map(BasketId, self.basket_tables if "*" in names else dict.fromkeys(names)))

    def events(self) -> tuple[NamedEvent, ...]:
        tables = self.event_tables.items()
        return tuple(NamedEvent(name, tuple(table.name.items()), table.first, table.last) for name, table in tables)

    def closures(self) -> tuple[UnscheduledClosure, ...]:
        return tuple(
            UnscheduledClosure(
                CalendarCode(table.calendar), table.day, time.fromisoformat(table.closes) if table.closes else None
            )
            for table in self.closure_tables
        )

    def drawdown_thresholds(self) -> DrawdownThresholds:
        table = self.statistics
        return DrawdownThresholds(
            pullback=table.pullback / 100,
            correction=table.correction / 100,
            bear=table.bear / 100,
            crash=table.crash / 100,
            lookback=table.drawdown_lookback_sessions or None,
        )

    def rulebook(self) -> Rulebook:
        thresholds, close_after = self.drawdown_thresholds(), self.episodes.close_after_sessions
        return Rulebook(self.baskets(), self.rules(), self.events(), thresholds, close_after)

    def destinations(self) -> tuple[Destination, ...]:
        """The configured chats with baskets, severity and language."""
        return tuple(
            Destination(
                transport="telegram",
                chat=channel.chat if channel.topic is None else f"{channel.chat}{TOPIC}{channel.topic}",
                kind=chat_kind(channel.chat) if channel.topic is None else ChatKind.GROUP,
                language=channel.language,
                min_severity=Severity[channel.lowest.upper()],
                baskets=None if "*" in channel.baskets else tuple(map(BasketId, channel.baskets)),
            )
            for channel in self.telegram.channels
        )

    def fingerprint(self) -> str:
        """12 hexadecimal digits, which are others when something else is judged, or by other rules."""
        judged = self.model_dump_json(include=FINGERPRINTED, by_alias=True)
        return sha256(json.dumps(json.loads(judged), sort_keys=True).encode()).hexdigest()[:12]


def _to_levels(table: RuleTable) -> tuple[Level, ...]:
    if table.levels is None:
        return (_to_level(Severity[(table.severity or "warning").upper()], table),)
    levels = {severity: getattr(table.levels, severity.word) for severity in Severity}
    return tuple(_to_level(severity, level) for severity, level in levels.items() if level is not None)


def _to_level(severity: Severity, table: LevelTable | RuleTable) -> Level:
    """The level with the conditions in the table: that of a level, or of a rule without levels."""
    values = {condition: getattr(table, condition.key, None) for condition in CONDITIONS.values()}
    converted: dict[str, Any] = {
        condition.field: CONVERSIONS[condition.unit](value) for condition, value in values.items() if value is not None
    }
    return Level(severity, **converted)


def months(text: str) -> int:
    """Months of "3 months" or "5 years"."""
    number, unit = text.split()
    return int(number) * (12 if unit.startswith("year") else 1)


# A value of the files -> a value of a Level, by its condition's unit.
CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "percentile": float,
    "months": months,
    "flag": bool,
    "fraction": lambda percent: percent / 100,
    "state": lambda word: DrawdownState[word.upper()],
}


def chat_kind(chat: str) -> ChatKind:
    """Telegram numbers people from 1 up, groups from -1 down, channels and large groups from -100 and ten digits on."""
    if chat.startswith(("@", "-100")):
        return ChatKind.CHANNEL
    return ChatKind.GROUP if chat.startswith("-") else ChatKind.PRIVATE


def load_settings(config_dir: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings of a folder (`config_dir`, else BOT_CONFIG_DIR, else config/) and the environment.

    Raises ConfigError with every problem there is.
    """
    folder = config_dir or Path(environ.get(CONFIG_DIR) or "config")
    if not folder.is_dir():
        remedy = f"Name the folder of the configuration with --config or {CONFIG_DIR}."
        raise ConfigError((ConfigProblem(str(folder), "whole folder", "is no folder", remedy),))
    files, problems = read_files(folder)
    variables, variable_problems = read_environment(environ, Settings, merge_layers(files)[0])
    given, layer_of = merge_layers([*files, *variables])
    settings, findings = None, []
    try:
        settings = Settings(given, layer_of)
    except ValidationError as error:
        valid = list(valid_paths(Settings, given))
        findings = [from_pydantic(detail, valid, layer_of) for detail in error.errors(include_url=False)]
    read = {layer.file for layer in files}
    for finding in [*findings, *find_contradictions(given)]:
        home = FILE_OF.get(str(finding.path[0]))
        if home is None or str(folder / home) in read:  # not what is missing because its file cannot be read
            problems.append(to_problem(finding, given, layer_of, folder))
    if settings is None or problems or variable_problems:
        raise ConfigError((*sorted(problems, key=lambda problem: problem.file), *variable_problems))
    return settings


def effective_values(settings: Settings) -> list[tuple[str, Any, str]]:
    """(dotted key, value, origin) for every key, in the files' order and units; secrets are asterisks.

    Values are text, numbers, booleans, or lists of values and tables. Absent optional keys are left out.
    """
    whole = settings.model_dump(mode="json", by_alias=True, exclude_none=True)
    return [(dotted_key(path, whole), value, settings.origin(path)) for path, value in _leaves(whole)]


def _leaves(value: Any, at: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """All values that are not tables; a list counts as one value, except rules, closures and channels."""
    expanded = value and at in {("rules",), ("closures",), ("telegram", "channels")}
    if not isinstance(value, dict) and not expanded:
        yield at, value
        return
    for key, item in entries(value):
        yield from _leaves(item, (*at, key))


def unused_values(settings: Settings) -> list[ConfigProblem]:
    """Values without any effect."""
    problems = []
    for basket, table in settings.basket_tables.items():
        for number, member in enumerate(table.members):
            if table.weights == "equal" and member.weight is not None:
                file = settings.origin(("baskets", basket, "members", number))
                key = f'baskets.{basket}.members["{member.symbol}"].weight'
                remedy = 'Write weights = "fixed" for the basket, or take the weight out.'
                problems.append(ConfigProblem(file, key, 'has no effect, because weights = "equal"', remedy))
    watched = {member.symbol for table in settings.basket_tables.values() for member in table.members}
    for symbol in [symbol for symbol in settings.names if symbol not in watched]:
        file = settings.origin(("names", symbol))
        remedy = "Correct the symbol, or take the name out."
        problems.append(
            ConfigProblem(file, f'names["{symbol}"]', "has no effect, because no basket has this symbol", remedy)
        )
    return problems
