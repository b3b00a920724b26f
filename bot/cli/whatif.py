"""Where would such a move rank, and what would be posted?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated

import typer
from rich.console import Console

from bot.alerts import Alert, Phase, Reason
from bot.backtest.inquiry import Answer, concerning, inquire
from bot.backtest.supposed import suppose
from bot.baskets import BasketId
from bot.cli.explain import answered, figures
from bot.cli.market import Opened, fetch_market
from bot.cli.options import Config, Lang, Language, Prices
from bot.context import explain
from bot.messages import render
from bot.pipeline import survey

CONTEXT = {"ignore_unknown_options": True}  # -8 is a number here


def command(
    basket: Annotated[str, typer.Argument(help="The basket's name in baskets.toml.")],
    percent: Annotated[float, typer.Argument(help="The move in percent, such as -8.")],
    window: Annotated[int, typer.Option(min=1, max=250, help="Sessions of the move, the next one the last.")] = 2,
    config: Config = None,
    prices: Prices = None,
    lang: Lang = Language.EN,
) -> None:
    """What the next session would bring if the basket had moved so much by then: its rank, and every rule's answer."""
    if not -100 < percent <= 1000:
        raise typer.BadParameter("a move lies above -100 and not above 1000 percent.", param_hint="PERCENT")
    fetched = fetch_market(config, prices, [basket])
    name = BasketId(basket)
    of = next(one for one in fetched.market.baskets if one.id == name)
    tables, day = suppose(fetched.market.tables, of, percent / 100, window)
    rulebook = concerning(fetched.rulebook, name)
    opened = Opened(fetched.settings, rulebook, fetched.market, survey(tables, rulebook))
    console = Console(highlight=False, soft_wrap=True)
    for line in _lines(opened, name, day, window, lang.value):
        console.print(line, markup=False)


def _lines(opened: Opened, basket: BasketId, day: date, window: int, language: str) -> Iterator[str]:
    position = opened.board.position(basket, day)
    assert position is not None  # it was put there
    yield f"If {basket} closed so on {day}, its next session:"
    yield from figures(opened, basket, position, window)
    found = list(inquire(opened.board, opened.rulebook, basket, day))
    for answer in found:
        if answer.decision.reason is not Reason.BELOW_THRESHOLD:
            yield from answered(opened, answer.decision, answer.before)
    alerts = list(_alerts(opened, found, day))
    for alert in alerts:
        context = explain(opened.board, opened.rulebook.rules, alert)
        yield ""
        yield from render(alert, context, opened.rulebook.events, language).lines
    if not alerts:
        yield "Nothing would be posted."


def _alerts(opened: Opened, found: list[Answer], day: date) -> Iterator[Alert]:
    """What would be said, one alert a rule."""
    for rule in opened.rulebook.rules:
        speaking = [one.decision for one in found if one.decision.subject.rule == rule.name and one.decision.speaks]
        if speaking:
            yield Alert(rule, day, Phase.FINAL, tuple(speaking))
