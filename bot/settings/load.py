"""Which settings count, taken together, and which problems keep us from starting?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, SettingsConfigDict

from bot.errors import ConfigError, ConfigProblem
from bot.settings.contradictions import Finding, contradictions
from bot.settings.layers import FOLDER, Layer, giver, merge, read_environment, read_files
from bot.settings.places import Place, keys_of, known_places, written
from bot.settings.problems import finding, problem
from bot.settings.tables import FILES, BasketsFile, BotFile, EventsFile

if TYPE_CHECKING:
    from bot.alerts.rules import NamedEvent, Rule
    from bot.baskets import Basket
    from bot.delivery.model import Destination
    from bot.pipeline import Rulebook
    from bot.prices.calendars import UnscheduledClosure
    from bot.statistics.verdict import DrawdownThresholds

JUDGED = {"basket_tables", "rule_tables", "event_tables", "closure_tables", "statistics", "episodes"}


class Settings(EventsFile, BasketsFile, BotFile, BaseSettings):
    """Everything that is configured, as written; the methods give it in the program's own terms.

    Imports inside them keep numpy, half of the time that a command like `check` may take, out of commands that
    only look at the settings.
    """

    model_config = SettingsConfigDict(extra="forbid", strict=True, frozen=True)

    _origins: dict[Place, str] = PrivateAttr(default_factory=dict)

    def origin(self, place: Place) -> str:
        """Who gave the value at `place`: a file, a variable, a secret file, or nobody ("default")."""
        return self._origins.get(place, "default")

    def secrets(self) -> list[str]:
        """What must stand in no line and on no page."""
        hidden = (self.telegram.token, self.storage.database, self.operation.heartbeat)
        return [one.get_secret_value() for one in hidden if one.get_secret_value()]

    def remember(self, origins: Mapping[Place, str]) -> None:
        """Who gave what; values themselves are not kept beside the fields, for some are secret."""
        self._origins.update(origins)

    def baskets(self) -> tuple[Basket, ...]:
        from bot.settings import domain  # noqa: PLC0415 - see above

        return domain.baskets(self.basket_tables)

    def rules(self) -> tuple[Rule, ...]:
        from bot.settings import domain  # noqa: PLC0415 - see above

        return domain.rules(self.rule_tables, self.basket_tables)

    def events(self) -> tuple[NamedEvent, ...]:
        from bot.settings import domain  # noqa: PLC0415 - see above

        return domain.events(self.event_tables)

    def closures(self) -> tuple[UnscheduledClosure, ...]:
        from bot.settings import domain  # noqa: PLC0415 - see above

        return domain.closures(self.closure_tables)

    def lines(self) -> DrawdownThresholds:
        from bot.settings import domain  # noqa: PLC0415 - see above

        return domain.lines(self.statistics)

    def rulebook(self) -> Rulebook:
        from bot.pipeline import Rulebook  # noqa: PLC0415 - see above

        return Rulebook(self.baskets(), self.rules(), self.events(), self.lines(), self.episodes.close_after_sessions)

    def fingerprint(self) -> str:
        """12 hexadecimal digits, which are others when something else is judged, or by other rules."""
        judged = self.model_dump_json(include=JUDGED, by_alias=True)
        return sha256(json.dumps(json.loads(judged), sort_keys=True).encode()).hexdigest()[:12]

    def destinations(self) -> tuple[Destination, ...]:
        from bot.settings import domain  # noqa: PLC0415 - see above

        return domain.destinations(self.telegram.channels)


def load_settings(config_dir: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings of a folder (`config_dir`, else BOT_CONFIG_DIR, else config/) and the environment.

    Raises ConfigError with every problem there is.
    """
    folder = config_dir or Path(environ.get(FOLDER) or "config")
    if not folder.is_dir():
        remedy = f"Name the folder of the configuration with --config or {FOLDER}."
        raise ConfigError((ConfigProblem(str(folder), "whole folder", "is no folder", remedy),))
    files, problems = read_files(folder)
    variables, more = read_environment(environ, Settings, merge(files))
    layers = [*files, *variables]
    given = merge(layers)
    settings, found = _validated(given, layers)
    homes = {key: str(folder / name) for name, table in FILES.items() for key in keys_of(table)}
    unread = set(homes.values()) - {layer.file for layer in files}
    problems += [problem(one, given, layers, homes) for one in found if homes.get(str(one.place[0])) not in unread]
    if settings is None or problems or more:
        raise ConfigError((*sorted(problems, key=lambda one: one.file), *more))
    settings.remember({place: layer.origin for place in written(given) if (layer := giver(place, layers))})
    return settings


def _validated(given: dict[str, Any], layers: Sequence[Layer]) -> tuple[Settings | None, list[Finding]]:
    found: list[Finding] = []
    settings = None
    try:
        settings = Settings(_build_sources=((InitSettingsSource(Settings, given),), {}))
    except ValidationError as error:
        known = list(known_places(Settings, given))
        found += [finding(one, known, layers) for one in error.errors(include_url=False)]
    return settings, found + list(contradictions(given))
