"""What does one session of a basket look like?"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from bot.baskets import BasketId
from bot.cli.market import open_market, position_of
from bot.cli.options import Asked, Config, Lang, Prices, iso_date
from bot.errors import NoData


def command(
    basket: Asked,
    session: Annotated[
        date | None, typer.Option(parser=iso_date, metavar="DATE", help="The session (default: the latest).")
    ] = None,
    window: Annotated[int, typer.Option(min=1, max=250, metavar="N", help="Sessions of a move.")] = 2,
    lang: Lang = "en",
    file: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE", dir_okay=False, help="Written there (default: BASKET-SESSION-LANG.png)."
        ),
    ] = None,
    config: Config = None,
    prices: Prices = None,
) -> None:
    """Draw a basket's last year and all its moves as a PNG, from data up to that session."""
    from bot.chart import chart_facts, draw  # noqa: PLC0415 - commands import what they need and no more

    if file is not None and not file.parent.is_dir():
        raise typer.BadParameter(f"{file.parent} is no folder. Make it first, or name another one.", param_hint="--out")
    opened = open_market(config, prices, [basket], alone=True)
    series = opened.board.series[BasketId(basket)]
    position = position_of(opened, BasketId(basket), session)
    day = series.sessions[position].item()
    if position >= series.final_sessions:
        raise NoData(f"{day} is not final yet. Leave --session out to see the latest that is.")
    facts = chart_facts(opened.board, BasketId(basket), window, day)
    if facts is None:
        lacking = f"{basket} has no {window}-session move on {day}: one of its sessions has no reading."
        raise NoData(f"{lacking} Choose another --session.")
    file = file or Path(f"{basket}-{day}-{lang}.png")
    file.write_bytes(draw(facts, lang))
    print(file)
