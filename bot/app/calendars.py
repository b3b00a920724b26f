"""When are the exchanges open, by the library and by what the operator declared?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot.adapters.calendars import ExchangeCalendars
from bot.baskets import Basket, calendars_needed
from bot.clock import Clock
from bot.errors import ConfigError, Problem
from bot.prices import CalendarCode, misfit
from bot.settings import Settings


def open_calendars(
    settings: Settings,
    clock: Clock,
    on_build: Callable[[Sequence[CalendarCode]], None],
    baskets: Sequence[Basket] | None = None,
) -> ExchangeCalendars:
    """The calendars that `baskets` (None = all) need, worked out at once; raises as `declared` does."""
    known = ExchangeCalendars(settings.storage.data_dir / "calendars", clock, on_build)
    return declared(known, settings, clock, settings.baskets() if baskets is None else baskets)


def declared(
    known: ExchangeCalendars, settings: Settings, clock: Clock, baskets: Sequence[Basket]
) -> ExchangeCalendars:
    """`known` with the closures of the settings. Raises ConfigError if one that is still to come cannot be right.

    One that is over is not looked at: the library may have learnt of it since.
    """
    needed, today = calendars_needed(baskets), clock.now().date()
    calendars = known.closed(())
    calendars.prepare(needed)
    closures = settings.closures()
    problems = tuple(
        Problem(settings.origin(("closures", number)), f"closures[#{number + 1}]", why, "Correct it, or take it out.")
        for number, one in enumerate(closures)
        if one.calendar in needed and one.day >= today and (why := misfit(calendars.get(one.calendar), one))
    )
    if problems:
        raise ConfigError(problems)
    return calendars.closed(closures)
