"""What `replay --format jsonl` writes, without a configuration and files around it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import cast

from bot.alerts.episodes import Alert
from bot.baskets import Market
from bot.cli.market import MeasuredMarket
from bot.cli.replay import fields
from bot.pipeline import Rulebook, measure_market
from bot.settings.load import Settings


def opened(market: Market, rulebook: Rulebook) -> MeasuredMarket:
    """A market as a command has it; it has no settings."""
    kept = replace(rulebook, baskets=market.baskets)
    return MeasuredMarket(cast("Settings", None), kept, market, measure_market(market.tables, kept))


def lines(of: MeasuredMarket, found: Iterable[Alert]) -> list[str]:
    return [json.dumps(fields(of, one), ensure_ascii=False) for one in found]
