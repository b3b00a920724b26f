from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from bot.alerts.rules import Level, NamedEvent, Rule, Severity
from bot.baskets import Basket, BasketId, Member
from bot.prices.bars import Symbol
from bot.prices.calendars import CalendarCode
from bot.settings.load import load_settings, unused_values
from bot.statistics.verdict import DrawdownState, DrawdownThresholds

MEMORY, HYPERSCALERS = BasketId("memory"), BasketId("hyperscalers")


def with_rule(folder: Path, text: str) -> Rule:
    (folder / "bot.toml").write_text(f'[[rules]]\nname = "rule"\n{text}')
    (rule,) = load_settings(folder, {}).rules()
    return rule


def test_baskets(folder: Path) -> None:
    assert load_settings(folder, {}).baskets() == (
        Basket(
            id=MEMORY,
            names=(("en", "Memory"), ("zh", "存储板块")),
            members=(
                Member(Symbol("MU")),
                Member(Symbol("SNDK"), since=date(2025, 2, 24)),
                Member(Symbol("000660.KS")),
            ),
        ),
        Basket(
            id=HYPERSCALERS,
            names=(("en", "Hyperscalers"),),
            members=(Member(Symbol("MSFT"), 3.0), Member(Symbol("ORCL"), 0.5, until=date(2025, 6, 30))),
            role="payer",
        ),
    )


def test_calendar_prices_and_coverage_of_a_basket(folder: Path) -> None:
    environ = {
        "BOT_BASKETS__MEMORY__CALENDAR": "XKRX",
        "BOT_BASKETS__MEMORY__PRICES": "split-adjusted",
        "BOT_BASKETS__MEMORY__MIN_COVERAGE": "1",
    }
    memory, _ = load_settings(folder, environ).baskets()
    assert (memory.calendar, memory.prices, memory.min_coverage) == (CalendarCode("XKRX"), "split-adjusted", 1.0)


def test_a_weight_beside_equal_weights_is_a_warning(folder: Path) -> None:
    (warning,) = unused_values(load_settings(folder, {}))
    assert str(warning) == (
        f'{folder}/baskets.toml: baskets.memory.members["000660.KS"].weight: has no effect, because weights = "equal". '
        'Write weights = "fixed" for the basket, or take the weight out.'
    )


def test_a_name_of_a_symbol_that_nobody_watches_is_a_warning(folder: Path) -> None:
    with (folder / "baskets.toml").open("a") as file:
        file.write('\n[names]\nMU = "Micron"\nMUU = "Micron"\n')
    settings = load_settings(folder, {})
    assert settings.names == {"MU": "Micron", "MUU": "Micron"}
    assert [one.key for one in unused_values(settings) if "names" in one.key] == ['names["MUU"]']


def test_a_ladder_for_all_baskets(folder: Path) -> None:
    text = """
        baskets = ["*"]
        window = 5
        step = 2.5
        [rules.levels]
        notice = { worst_in = "3 months" }
        warning = { percentile = 1.0, move = -8.0 }
        severe = { worst_in = "1 year", state = "correction" }
        extreme = { record = true }
    """
    assert with_rule(folder, text) == Rule(
        name="rule",
        baskets=(MEMORY, HYPERSCALERS),
        window=5,
        step=0.025,
        levels=(
            Level(Severity.NOTICE, worst_in_months=3),
            Level(Severity.WARNING, percentile=1.0, move=-0.08),
            Level(Severity.SEVERE, worst_in_months=12, state=DrawdownState.CORRECTION),
            Level(Severity.EXTREME, record=True),
        ),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('members_of = ["memory"]\nday_low = -10.0',
         Rule("rule", (MEMORY,), (Level(Severity.WARNING, day_low=-0.1),), members=True)),
        ('baskets = ["memory"]\nmembers = true\nday_low = -12.5\nseverity = "severe"',
         Rule("rule", (MEMORY,), (Level(Severity.SEVERE, day_low=-0.125),), members=True)),
        ('members_of = ["*"]\nlevels = { notice = { move = -10 } }',
         Rule("rule", (MEMORY, HYPERSCALERS), (Level(Severity.NOTICE, move=-0.1),), members=True)),
        ('baskets = ["*"]\nmembers = true\nenters = "bear"',
         Rule("rule", (MEMORY, HYPERSCALERS), (Level(Severity.WARNING, enters=DrawdownState.BEAR),), members=True)),
        ('baskets = ["hyperscalers", "memory", "hyperscalers"]\nenters = "crash"\nseverity = "extreme"',
         Rule("rule", (HYPERSCALERS, MEMORY), (Level(Severity.EXTREME, enters=DrawdownState.CRASH),))),
        ('contrast = ["hyperscalers", "memory"]\nwindow = 3\nlevels = { warning = { percentile = 99.5 } }',
         Rule("rule", (), (Level(Severity.WARNING, percentile=99.5),), window=3, contrast=(HYPERSCALERS, MEMORY))),
    ],
)  # fmt: skip
def test_the_other_kinds_of_rules(folder: Path, text: str, expected: Rule) -> None:
    assert with_rule(folder, text) == expected


def test_events(folder: Path) -> None:
    assert load_settings(folder, {}).events() == (
        NamedEvent("tariff_shock", (("en", "tariff shock"), ("zh", "关税冲击")), date(2025, 4, 3), date(2025, 4, 8)),
    )


def test_lines(folder: Path) -> None:
    assert load_settings(folder, {}).drawdown_thresholds() == DrawdownThresholds()
    environ = {"BOT_STATISTICS__BEAR": "-22.5", "BOT_STATISTICS__DRAWDOWN_LOOKBACK_SESSIONS": "252"}
    assert load_settings(folder, environ).drawdown_thresholds() == DrawdownThresholds(bear=-0.225, lookback=252)


def test_the_fingerprint_is_another_when_something_else_is_judged_and_only_then(folder: Path) -> None:
    def taken(**environ: str) -> str:
        return load_settings(folder, environ).fingerprint()

    first = taken()
    assert re.fullmatch("[0-9a-f]{12}", first)
    assert taken(BOT_SCHEDULE__POLL_MINUTES="7", BOT_TELEGRAM__TOKEN="1:a") == first
    for changed in (
        {"BOT_BASKETS__MEMORY__MIN_COVERAGE": "1"},
        {"BOT_EPISODES__CLOSE_AFTER_SESSIONS": "9"},
        {"BOT_STATISTICS__BEAR": "-21"},
    ):
        assert taken(**changed) != first
    baskets = folder / "baskets.toml"
    baskets.write_text(f"# nobody reads this\n{baskets.read_text()}")
    assert taken() == first
    (folder / "bot.toml").write_text('[[rules]]\nname = "rule"\nmembers_of = ["memory"]\nday_low = -10\n')
    assert taken() != first
