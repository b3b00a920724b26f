"""`whatif`: the figures of a session that has not been, and what would be posted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.cli.folders import HEADER
from tests.unit.cli.typed import Type


@pytest.mark.parametrize("percent", ["-12.5", "-3", "2"])
def test_the_next_session_has_just_that_move(asked: Type, percent: str) -> None:
    done = asked("whatif", "duo", percent)
    assert done.code == 0, done.err
    assert f"= {float(percent):+.4f} %" in done.out
    assert re.search(r"rank +[0-9]+ of 499 ", done.out)  # 500 sessions make 498 moves, and this is one more


def test_it_is_what_explain_and_replay_say_once_it_has_been(
    asked: Type, prices: Path, config: Path, typed: Type
) -> None:
    """Put the session into the files: the same figures, and the same first line."""
    supposed = asked("whatif", "five", "-14").out
    day = re.search(r"closed so on (\S+),", supposed)
    assert day is not None
    last = re.search(r"x \(1 - ([0-9.]+)\) - 1", supposed)
    assert last is not None
    for file in prices.glob("*.csv"):
        lines = file.read_text().splitlines()
        assert lines[0] == HEADER
        *_, close, adjusted, _ = lines[-1].split(",")
        factor = 1 - float(last[1]) if file.stem in {"AA", "BB", "CC", "DD", "EE"} else 1.0
        other = f"{float(adjusted) * factor:.6f}" if adjusted else ""
        lines.append(f"{day[1]},,,,{float(close) * factor:.6f},{other},1000")
        file.write_text("\n".join([*lines, ""]))
    told = asked("explain", "five", "--session", day[1]).out
    for name in ("rank", "percentile", "worst since"):
        line = next(line for line in supposed.splitlines() if line.startswith(name))
        assert line in told
    sent = asked("replay", "five", "--from", day[1]).out
    head = next(line for line in supposed.splitlines() if "two sessions" in line)
    assert head.split(":")[0] in " ".join(sent.split())


def test_silence_is_said(asked: Type) -> None:
    assert asked("whatif", "duo", "1").rows[-1] == "Nothing would be posted."


def test_another_language(asked: Type) -> None:
    assert "双子" in asked("whatif", "duo", "-20", "--lang", "zh").out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["duo", "-100"], 2, "above -100"),
        (["duo", "much"], 2, "valid number"),
        (["du", "-5"], 2, 'Did you mean "duo"?'),
        (["gone", "-5"], 3, "prices for too few of its members"),
        (["duo", "-99.99", "--window", "200"], 0, "rank"),
    ],
)
def test_mistakes_are_told(asked: Type, words: list[str], code: int, said: str) -> None:
    done = asked("whatif", *words)
    assert done.code == code
    assert said in done.out + done.err
