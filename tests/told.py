"""What `replay --format jsonl` writes, without a configuration and files around it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import cast

from bot.alerts import Alert
from bot.baskets import Market
from bot.cli.market import Opened
from bot.cli.replay import fields
from bot.pipeline import Rulebook, survey
from bot.settings import Settings


def opened(market: Market, rulebook: Rulebook) -> Opened:
    """A market as a command has it; it has no settings."""
    kept = replace(rulebook, baskets=market.baskets)
    return Opened(cast("Settings", None), kept, market, survey(market.tables, kept))


def lines(of: Opened, found: Iterable[Alert]) -> list[str]:
    return [json.dumps(fields(of, one), ensure_ascii=False) for one in found]
