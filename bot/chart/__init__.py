"""What does a fall look like?"""

from bot.chart.facts import ChartFacts, chart_facts

__all__ = ["ChartFacts", "chart_facts", "draw"]


def draw(facts: ChartFacts, language: str) -> bytes:
    """The chart as a PNG, 1,080 pixels wide; the same bytes for the same facts and language (one of `languages()`)."""
    from bot.chart.drawing import picture  # noqa: PLC0415 - matplotlib takes 50 MB: only who draws pays for it

    return picture(facts, language)
