"""Do the results have the form that programs rely on, and can the figures be worked out by hand?"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import time_machine

from bot import cli
from bot.cli import market
from bot.cli.output import OutputFormat, print_rows, print_table
from bot.errors import SourceUnreachable
from bot.prices.bars import Bars, Symbol
from bot.prices.calendars import Calendar
from bot.settings.schema import json_schemas
from tests.canary import TOKEN
from tests.unit.cli.folders import FALLS, FIRST, SESSIONS
from tests.unit.cli.typed import Type, said

VERDICTS = (
    "session,basket,window,daily_return,move,rank,sample,percentile,worst_since,gap_sessions,worst_in_years,record,"
    "drawdown,peak_session,state,coverage"
)
REPLAY = [
    "session", "basket", "rule", "phase", "reason", "severity", "window", "move", "rank", "sample", "percentile",
    "worst_since", "worst_in_years", "record", "drawdown", "state", "episode", "members", "text",
]  # fmt: skip
DAY = r"\d{4}-\d\d-\d\d"
FLOAT = r"-?\d+\.\d+(e-\d+)?"


def table(out: str) -> list[dict[str, str]]:
    return list(csv.DictReader(out.splitlines()))


def closes(prices: Path, symbol: str) -> list[float]:
    """As the commands should read them: adjusted where the file has it."""
    rows = list(csv.DictReader((prices / f"{symbol}.csv").read_text().splitlines()))
    return [float(row["adj_close"] or row["close"]) for row in rows]


def daily(prices: Path, *symbols: str) -> list[float]:
    """The mean return of every session but the first."""
    returns = [[late / early - 1 for early, late in pairwise(closes(prices, symbol))] for symbol in symbols]
    return [sum(day) / len(symbols) for day in zip(*returns, strict=True)]


# verdicts


def test_verdicts_as_csv(asked: Type) -> None:
    told = asked("verdicts", "duo", "--format", "csv")
    assert (told.code, told.err) == (0, "")
    assert told.rows[0] == VERDICTS
    assert "\r" not in told.out
    forms = {
        "session": DAY, "basket": "duo", "window": "2", "daily_return": FLOAT, "move": FLOAT, "rank": r"\d+",
        "sample": r"\d+", "percentile": rf"({FLOAT})?", "worst_since": rf"({DAY})?", "gap_sessions": r"\d*",
        "worst_in_years": r"([1-9]\d*)?", "record": "true|false", "drawdown": f"{FLOAT}", "peak_session": DAY,
        "state": "none|pullback|correction|bear|crash", "coverage": FLOAT,
    }  # fmt: skip
    rows = table(told.out)
    assert len(rows) == SESSIONS - 2
    for row in rows:
        for name, form in forms.items():
            assert re.fullmatch(form, row[name]), (name, row[name])
        for name in ("daily_return", "move", "drawdown", "coverage", "percentile"):
            assert row[name] == "" or repr(float(row[name])) == row[name]
        assert (row["worst_since"] == "") == (row["gap_sessions"] == "") == (row["record"] == "true")
        assert (row["percentile"] == "") == (int(row["sample"]) < 250)


def test_the_figures_of_verdicts_can_be_worked_out(asked: Type, prices: Path) -> None:
    rows = table(asked("verdicts", "duo", "--format", "csv").out)
    returns = daily(prices, "AA", "BB")
    moves = [(1 + one) * (1 + other) - 1 for one, other in pairwise(returns)]
    for at, (row, move) in enumerate(zip(rows, moves, strict=True)):
        assert math.isclose(float(row["move"]), move, abs_tol=1e-12)
        assert math.isclose(float(row["daily_return"]), returns[at + 1], abs_tol=1e-12)
        earlier = moves[:at]
        assert int(row["rank"]) == 1 + sum(one < move for one in earlier)
        assert int(row["sample"]) == at + 1
        as_bad = [place for place, one in enumerate(earlier) if one <= move]
        assert row["worst_since"] == (rows[as_bad[-1]]["session"] if as_bad else "")


def test_verdicts_of_a_stretch_are_the_same_rows(asked: Type) -> None:
    whole = asked("verdicts", "five", "--format", "csv").rows
    part = asked("verdicts", "five", "--format", "csv", "--from", "2022-03-05", "--to", "2022-04-03").rows
    assert part[1:] == [row for row in whole if "2022-03-05" <= row[:10] <= "2022-04-03"]
    assert part[1][:10] == "2022-03-07"


def test_verdicts_as_jsonl_hold_the_cells_of_the_csv(asked: Type) -> None:
    lines = [json.loads(row) for row in asked("verdicts", "index", "--format", "jsonl").rows]
    rows = table(asked("verdicts", "index", "--format", "csv").out)
    assert [list(line) for line in lines] == [VERDICTS.split(",")] * len(rows)
    for line, row in zip(lines, rows, strict=True):
        for name, value in line.items():
            assert row[name] == ("" if value is None else value if isinstance(value, str) else json.dumps(value))


def test_verdicts_on_screen_are_the_last_twenty(asked: Type) -> None:
    told = asked("verdicts", "duo")
    assert told.rows[0].split() == [
        "session", "day", "move", "rank", "worst", "%", "worst", "since", "drawdown", "state", "coverage",
    ]  # fmt: skip
    assert len(told.rows) == 21
    assert told.err == f"The last 20 of {SESSIONS - 2} sessions; --from, --to or --format csv show more.\n"


@pytest.mark.parametrize("window", [1, 5, 250])
def test_a_window_may_be_chosen(asked: Type, prices: Path, window: int) -> None:
    rows = table(asked("verdicts", "duo", "--format", "csv", "--window", window).out)
    assert len(rows) == SESSIONS - window
    returns = daily(prices, "AA", "BB")[:window]
    assert math.isclose(float(rows[0]["move"]), math.prod(1 + one for one in returns) - 1, abs_tol=1e-12)


# replay


def alerts(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_replay_as_jsonl(asked: Type, new_york: Calendar) -> None:
    told = asked("replay", "--format", "jsonl")
    assert told.code == 0
    found = alerts(told.out)
    assert found
    for one in found:
        assert list(one) == REPLAY
        assert list(one["text"]) == ["en", "zh"]
        assert one["reason"] in ("first", "escalated", "deepened")
        assert one["severity"] in ("notice", "warning", "severe", "extreme")
        for member in one["members"]:
            assert list(member) == ["symbol", "move", "contribution", "day_low"]
        if "/" not in one["basket"]:
            parts = sum(member["contribution"] for member in one["members"])
            assert math.isclose(parts, one["move"], abs_tol=1e-12)
    first = int(np.searchsorted(new_york.sessions, np.datetime64(FIRST)))
    crash = str(new_york.sessions[first + 1 + max(FALLS)])
    assert {one["basket"] for one in found if one["session"] == crash} == {"duo", "five", "index/duo"}
    assert [one["session"] for one in found] == sorted(one["session"] for one in found)


def test_a_contrast_has_two_baskets_and_neither_drawdown_nor_members(asked: Type) -> None:
    (one, *_) = (one for one in alerts(asked("replay", "duo", "--format", "jsonl").out) if one["rule"] == "gap")
    assert one["basket"] == "index/duo"
    assert (one["drawdown"], one["state"], one["members"]) == (None, None, [])


def test_replay_twice_is_the_same_byte_for_byte(asked: Type) -> None:
    assert asked("replay", "--format", "jsonl") == asked("replay", "--format", "jsonl")


def test_replay_does_not_change_when_later_rows_are_deleted(asked: Type, prices: Path) -> None:
    whole = asked("replay", "--format", "jsonl").rows
    last = (prices / "AA.csv").read_text().split("\n")[420].split(",")[0]
    for file in prices.iterdir():
        lines = file.read_text().split("\n")
        file.write_text("\n".join([line for line in lines if line[:10] <= last or line.startswith("date")]) + "\n")
    told = asked("replay", "--format", "jsonl").rows
    assert told == [row for row in whole if json.loads(row)["session"] <= last]
    assert len(told) > 3


def test_replay_of_one_basket_and_stretch_is_a_part_of_the_whole(asked: Type) -> None:
    whole = asked("replay", "--format", "jsonl").rows
    part = asked("replay", "index", "--from", "2022-01-01", "--to", "2022-12-31", "--format", "jsonl").rows
    assert part == [
        row for row in whole if "index" in json.loads(row)["basket"] and json.loads(row)["session"].startswith("2022")
    ]
    assert 0 < len(part) < len(whole)


def test_replay_as_csv_and_on_screen(asked: Type) -> None:
    found = alerts(asked("replay", "--format", "jsonl").out)
    rows = table(asked("replay", "--format", "csv").out)
    assert [row["episode"] for row in rows] == [one["episode"] for one in found]
    assert [row["move"] for row in rows] == [repr(one["move"]) for one in found]
    screen = asked("replay", "--lang", "zh")
    told = screen.rows[: screen.rows.index("")]  # a line a year follows
    assert found[-1]["text"]["zh"].split("\n")[0][:10] in told[-1]
    assert sum(int(count) for count in re.findall(r" (\d+)", screen.rows[-1])) == len(found)
    for row, one in zip(rows, found, strict=True):
        assert row["record"] == str(one["record"]).lower()
        assert row["worst_since"] == (one["worst_since"] or "")


def test_nothing_to_say_is_said(asked: Type) -> None:
    told = asked("replay", "--from", "2021-01-04", "--to", "2021-01-08")
    assert (told.code, told.rows) == (0, ["No alert from 2021-01-05 to 2021-01-08."])
    assert asked("replay", "--from", "2021-01-04", "--to", "2021-01-08", "--format", "jsonl").out == ""


# explain


def test_explain_gives_what_it_takes(asked: Type) -> None:
    (row,) = table(asked("verdicts", "duo", "--from", "2022-08-05", "--to", "2022-08-05", "--format", "csv").out)
    told = asked("explain", "duo", "--session", "2022-08-05")
    assert told.code == 0
    assert told.rows[0] == "duo on 2022-08-05: adjusted closes, sessions of XNYS"
    assert f"rank         {row['rank']} of {row['sample']} since 2021-01-05 (1 = worst; windows overlap)" in told.rows
    assert f"= {float(row['percentile']):.4f}" in told.out
    assert f"= {float(row['move']) * 100:+.4f} %" in told.out
    assert f"  2022-08-05  weighted mean {float(row['daily_return']) * 100:+.4f} %   coverage 1.0000" in told.rows
    assert 'rule "fall", duo: below threshold' in told.rows
    assert 'rule "gap", index against duo: below threshold' in told.rows


def test_explain_says_how_far_the_next_rung_was(asked: Type) -> None:
    """As what if has it: without that fall the rung is not reached, and with it it is."""
    rows = asked("explain", "duo").rows
    at = rows.index('rule "fall", duo: below threshold')
    (way,) = [row for row in rows[at : at + 5] if " with another -" in row]
    assert re.fullmatch(r"  notice with another -\d+\.\d %", way)


def test_explain_says_where_no_member_belongs(asked: Type, config: Path) -> None:
    baskets = (config / "baskets.toml").read_text()
    file = baskets.replace('"AA"', '{ symbol = "AA", from = 2022-06-01 }').replace(
        '"BB"', '{ symbol = "BB", from = 2022-06-01 }'
    )
    (config / "baskets.toml").write_text(file)
    told = asked("explain", "duo", "--session", "2021-03-08")
    assert "  2021-03-08  no reading: no member belongs on this session" in told.rows
    assert "nan" not in told.out


def test_explain_agrees_with_replay(asked: Type) -> None:
    for alert in alerts(asked("replay", "duo", "--format", "jsonl").out):
        told = asked("explain", "duo", "--session", alert["session"])
        about = "index against duo" if "/" in alert["basket"] else "duo"
        at = told.rows.index(f'rule "{alert["rule"]}", {about}: {alert["reason"]}')
        kind = "gap" if "/" in alert["basket"] else "move"
        seen = f"  2-session {kind} {100 * alert['move']:+.4f} %, rank {alert['rank']:,} of {alert['sample']:,}"
        assert told.rows[at + 1].startswith(seen)
        assert re.fullmatch(r"  [a-z]+ +[a-z_]+ = .* met", told.rows[at + 2])


# chart


def test_a_chart_is_written_and_its_place_said(asked: Type, tmp_path: Path) -> None:
    told = asked("chart", "duo", "--session", "2022-08-05")
    assert (told.code, told.out) == (0, "duo-2022-08-05-en.png\n")
    english = Path("duo-2022-08-05-en.png").read_bytes()
    assert english.startswith(b"\x89PNG\r\n")
    file = tmp_path / "picture.png"
    for words, same in (((), True), (("--lang", "zh"), False), (("--window", "1"), False)):
        assert asked("chart", "duo", "--session", "2022-08-05", *words, "-o", file).out == f"{file}\n"
        assert (file.read_bytes() == english) is same


def test_a_chart_of_the_latest_session_of_a_basket_with_one_member(asked: Type) -> None:
    assert asked("chart", "index", "--lang", "zh").out == "index-2022-12-27-zh.png\n"


# whatif


@pytest.mark.parametrize("typed_as", ["-20", "-20.0", "-20%", "−20"])
def test_whatif(asked: Type, typed_as: str) -> None:
    told = asked("whatif", "duo", typed_as)
    assert told.code == 0
    assert told.rows[0].startswith("If Duo closes −")
    assert "it has moved −20.0 % in two sessions" in told.rows[0]
    assert told.rows[-1] == "Rule “fall”: notice"


def test_whatif_of_a_small_fall_tells_how_far_the_next_rung_is(asked: Type) -> None:
    told = asked("whatif", "duo", "-0.1", "--window", "1", "--lang", "zh")
    assert told.code == 0
    assert told.rows[0].startswith("若双子20")
    assert "无提醒；再跌 " in told.rows[-1]
    assert told.rows[-1].endswith("即为提示")


# now


def test_now_is_one_row_a_basket(asked: Type) -> None:
    rows = table(asked("now", "--format", "csv").out)
    assert [row["basket"] for row in rows] == ["duo", "five", "index"]
    lines = [json.loads(line) for line in asked("now", "--format", "jsonl").rows]
    assert [line["basket"] for line in lines] == ["duo", "five", "index"]
    last = table(asked("verdicts", "duo", "--format", "csv").out)[-1]
    for name in ("session", "move", "rank", "sample", "percentile", "record", "drawdown", "state", "coverage"):
        assert rows[0][name] == last[name]
    assert rows[0]["phase"] == "final"
    assert [row["basket"] for row in table(asked("now", "five", "duo", "--format", "csv").out)] == ["five", "duo"]
    assert len(asked("now").rows) == 4


class Live:
    """A source with the rows of a folder, as Yahoo would have them in the middle of the last session."""

    def __init__(self, rows: dict[str, Bars]) -> None:
        self.rows = rows

    def bars(self, symbol: Symbol) -> Bars:
        if symbol not in self.rows:
            raise SourceUnreachable(f"{symbol} cannot be asked")
        return self.rows[symbol]


@pytest.fixture
def at_noon(prices: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Yahoo, at noon of the last session in the folder."""
    folder = market.price_source(None, prices)  # type: ignore[arg-type]
    rows = {symbol: folder.bars(Symbol(symbol)) for symbol in ("AA", "BB", "CC", "DD", "EE", "^IX")}
    source = Live(rows)
    monkeypatch.setattr(market, "price_source", lambda settings, prices=None: source)
    with time_machine.travel("2022-12-27T17:00:00Z", tick=False):
        yield source


def test_a_session_that_is_open_is_provisional_in_now_and_not_there_in_history(
    at_noon: Live, typed: Type, config: Path
) -> None:
    (row,) = table(typed("now", "duo", "--config", config, "--format", "csv").out)
    assert (row["session"], row["phase"], row["age"]) == ("2022-12-27", "provisional", "live")
    assert "2022-12-27*" in typed("now", "duo", "--config", config).out
    assert table(typed("verdicts", "duo", "--config", config, "--format", "csv").out)[-1]["session"] == "2022-12-23"
    assert typed("explain", "duo", "--config", config).rows[0].startswith("duo on 2022-12-23:")
    assert typed("chart", "duo", "--config", config).out == "duo-2022-12-23-en.png\n"
    told = typed("chart", "duo", "--config", config, "--session", "2022-12-27")
    assert (told.code, told.out) == (3, "")
    assert "2022-12-27 is not final yet. Leave --session out to see the latest that is." in told.err
    told = typed("replay", "--config", config, "--from", "2022-12-27")
    assert (told.code, told.out) == (3, "")


def test_when_no_symbol_can_be_asked_the_source_is_unreachable(at_noon: Live, typed: Type, config: Path) -> None:
    at_noon.rows = {}
    told = typed("now", "--config", config)
    assert (told.code, told.out) == (3, "")
    assert "AA cannot be asked" in told.err
    assert typed("now", "duo", "--config", config).code == 3


# check and schema


def test_check_shows_every_value_with_its_origin(typed: Type, config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_SCHEDULE__POLL_MINUTES", "7")
    monkeypatch.setenv("BOT_TELEGRAM__TOKEN", TOKEN)
    told = typed("check", "--config", config)
    assert told.code == 0
    assert re.fullmatch(r"The configuration is sound. What it judges by: [0-9a-f]{12}", told.rows[-1])
    assert "canary" not in told.out + told.err
    assert any(
        row.split() == ["schedule.poll_minutes", "7", "environment", "BOT_SCHEDULE__POLL_MINUTES"] for row in told.rows
    )
    rows = table(typed("check", "--config", config, "--format", "csv").out)
    lines = [json.loads(line) for line in typed("check", "--config", config, "--format", "jsonl").rows]
    assert rows == lines
    assert {"key": 'rules["fall"].name', "value": "fall", "origin": str(config / "bot.toml")} in rows


def test_check_warns_of_what_has_no_effect(typed: Type, config: Path) -> None:
    file = config / "baskets.toml"
    file.write_text(file.read_text().replace('["AA", "ZZ"]', '[{ symbol = "AA", weight = 2.0 }, "ZZ"]'))
    told = typed("check", "--config", config)
    assert told.code == 0
    assert told.err.startswith("Warning: ")
    assert "has no effect" in told.err


@pytest.mark.parametrize("file", ["bot", "baskets", "events"])
def test_schema(typed: Type, tmp_path: Path, file: str) -> None:
    told = typed("schema", file)
    assert json.loads(told.out) == json_schemas()[f"{file}.schema.json"]
    written = typed("schema", "--out", tmp_path)
    assert (written.code, written.out) == (0, "")
    assert (tmp_path / f"{file}.schema.json").read_text() == told.out


# Everything that can be typed is in the list, and the list is what is there


def test_every_command_has_a_function() -> None:
    folder = Path(cli.__file__).parent
    functions = {
        (name.replace("_", "-"), path.stem)
        for path in folder.glob("*.py")
        for name in re.findall(r"^def (\w+)_command\(", path.read_text(), re.MULTILINE)
    }
    assert functions == set(cli.COMMANDS.items())


def test_replay_counts_its_alerts_by_year(asked: Type) -> None:
    alerts = asked("replay", "five", "--format", "csv").rows[1:]
    *_, head, first, second, both = asked("replay", "five").rows  # from the first session's year on
    assert head.split() == ["year", "notice", "warning", "severe", "extreme"]
    for row, year in ((first, "2021"), (second, "2022"), (both, "")):
        name, *counts = row.split()
        assert name == (year or "all")
        assert sum(map(int, counts)) == sum(alert.startswith(year) for alert in alerts)


def test_years_before_a_basket_are_not_counted_as_years_without_an_alert(
    asked: Type, config: Path, prices: Path
) -> None:
    lines = (prices / "IX.csv").read_text().splitlines()
    (prices / "IX.csv").write_text("\n".join([lines[0], *(line for line in lines if line.startswith("2022"))]))
    rows = asked("replay", "index").rows
    assert not any(row.startswith("2021 ") for row in rows)
    said(asked("replay", "index", "--to", "2021-12-01"), 3, "The data run from 2022-01-04 to 2022-12-27.")


def test_a_year_that_was_asked_about_and_had_no_alert_has_its_row(asked: Type) -> None:
    rows = asked("replay", "five", "--from", "2021-12-20").rows
    assert rows[rows.index("") + 2].split() == ["2021", "0", "0", "0", "0"]
    assert "2021-12" not in "\n".join(rows)


@pytest.mark.parametrize("output", [OutputFormat.CSV, OutputFormat.JSONL])
def test_rows_are_written_above_a_progress_bar_that_is_drawn_meanwhile(
    output: OutputFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is drawn rich stands in for standard output."""
    above = io.StringIO()

    def rows() -> Iterator[dict[str, int]]:
        monkeypatch.setattr("sys.stdout", above)
        yield {"one": 1}

    print_rows(output, ["one"], rows())
    assert above.getvalue() in {"1\n", '{"one": 1}\n'}


def test_no_line_is_folded_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("session", "text~"), [("2020-03-09", "word " * 60)])
    assert capsys.readouterr().out.splitlines()[1].startswith("2020-03-09  " + "word " * 59)
