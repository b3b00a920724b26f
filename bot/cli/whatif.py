"""What would be posted if a basket moved so far?"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from bot.backtest import supposed_move, whatif
from bot.baskets import BasketId
from bot.cli.market import open_market
from bot.cli.options import Asked, Config, Lang, Prices
from bot.messages import supposed

CONTEXT = {"ignore_unknown_options": True}  # -8 is no option


def move_typed(text: str) -> float:
    """A move as typed, as a fraction."""
    move = supposed_move(text)
    if move is None:
        raise typer.BadParameter(
            f"{text!r} is no move to suppose. Write a percentage above -100 and below 1000, for example -8.5."
        )
    return move


def command(
    basket: Asked,
    move: Annotated[
        float,
        typer.Argument(parser=move_typed, metavar="PERCENT", help="The move up to the next close, such as -8."),
    ],
    window: Annotated[int, typer.Option(min=1, max=250, metavar="N", help="Sessions of the move.")] = 2,
    config: Config = None,
    prices: Prices = None,
    lang: Lang = "en",
) -> None:
    """Where such a move would rank, what each rule about the basket's closes would say, how far the next rung is."""
    opened = open_market(config, prices, [basket], alone=True)
    found = whatif(opened.board, opened.rulebook, BasketId(basket), move, window)
    sys.stdout.write(supposed(found, opened.rulebook.events, lang).plain + "\n")
