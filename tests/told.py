"""What `replay --format jsonl` writes, without a configuration and files around it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

from bot.alerts.episodes import Alert
from bot.baskets import Market
from bot.cli.market import MeasuredMarket
from bot.cli.replay import fields
from bot.pipeline import Rulebook, measure_market


def opened(market: Market, rulebook: Rulebook) -> MeasuredMarket:
    """A market as a command has it."""
    kept = replace(rulebook, baskets=market.baskets)
    return MeasuredMarket(kept, market, measure_market(market.tables, kept))


def lines(of: MeasuredMarket, found: Iterable[Alert]) -> list[str]:
    return [json.dumps(fields(of, one), ensure_ascii=False) for one in found]
