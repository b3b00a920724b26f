"""What is said of two baskets that drift apart?"""

from __future__ import annotations

from collections.abc import Iterator

from bot.alerts import Alert
from bot.context import Context
from bot.messages import wording
from bot.messages.catalogue import Catalogue
from bot.messages.wording import Events


def gap_lines(alert: Alert, context: Context, events: Events, words: Catalogue) -> Iterator[str]:
    verdict, upward = wording.seen(alert), alert.rule.upward
    (one, _), (other, _) = context.sides
    notable = wording.notable(verdict, upward=upward)
    decimals = wording.decimals_of(verdict.move, context.yardstick) if notable else 1
    time = wording.time_of(alert, context)
    live = "_live" if time else ""
    yield words.say(
        f"ahead{live}" if verdict.move > 0 else f"behind{live}",
        icon=wording.ICONS[alert.severity],
        one=one.name(words.language),
        other=other.name(words.language),
        points=words.decimal(verdict.move * 100, decimals),
        window=wording.window_words(verdict.window, words),
        claim=wording.claim("widening" if time else "widest", verdict, events, words) if notable else "",
        time=time,
    )
    facts = [wording.closed(alert, context, words)]
    facts += [f"{side.name(words.language)} {words.percent(move)}" for side, move in context.sides if move is not None]
    if notable:
        facts += wording.held_against("as_wide", "widest_before", verdict, context.yardstick, decimals, words)
    yield words.dotted(facts)
    if verdict.percentile is not None:
        as_wide = verdict.sample - verdict.rank + 1 if upward else wording.as_bad(verdict)
        widest = wording.share(as_wide, verdict.sample, words)
        yield words.say("contrast_rank", share=widest, **wording.sample(verdict, words))
    yield wording.foot(alert, context, words)
