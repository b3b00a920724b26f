"""What does a person read who typed something wrong, or whose files are not right?"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bot import cli
from tests.unit.cli.folders import SESSIONS, put
from tests.unit.cli.typed import Type, said

HISTORY = ("verdicts", "replay", "explain", "chart", "now")


# What was typed


@pytest.mark.parametrize("command", [*cli.COMMANDS, ""])
def test_help(typed: Type, command: str) -> None:
    told = typed(*filter(None, (command, "--help")))
    assert told.code == 0
    assert told.rows[0].startswith(f"Usage: drawdown-bot {command}".rstrip())
    assert told.err == ""


def test_no_command_is_answered_with_help(typed: Type) -> None:
    told = typed()
    assert told.code == 2
    assert all(name in told.out + told.err for name in cli.COMMANDS)


def test_a_command_with_a_slip(typed: Type) -> None:
    said(typed("verdict"), 2, "No such command 'verdict'. Did you mean 'verdicts'?")


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        (("verdicts",), "Missing argument 'BASKET'"),
        (("verdicts", "duo", "--form", "csv"), "No such option: --form"),
        (("verdicts", "duo", "--format", "xml"), "'table', 'csv', 'jsonl'"),
        (("verdicts", "duo", "--window", "0"), "--window"),
        (("verdicts", "duo", "--window", "251"), "--window"),
        (("verdicts", "duo", "--window", "two"), "--window"),
        (("explain", "duo", "--window", "0"), "--window"),
        (("chart", "duo", "--window", "251"), "--window"),
        (("chart", "duo", "--lang", "fr"), "--lang"),
        (("chart", "duo", "-o", "nowhere/duo.png"), "nowhere is no folder. Make it first, or name another one."),
        (("chart", "duo", "-o", "."), "is a directory"),
        (("demo", "--charts", "nowhere"), "nowhere is no folder. Make it first, or name another one."),
        (("replay", "--lang", "fr"), "--lang"),
        (("schema", "rules"), "'bot', 'baskets', 'events'"),
        (("schema", "--out", "nowhere"), "nowhere is no folder"),
        (("run", "--log-level", "loud"), "'loud' is none. Choose DEBUG, INFO, WARNING, ERROR."),
        (("demo", "--pause", "-1"), "--pause"),
        *(
            ((command, *more, option, day), f"'{day}' is no date. Write it as YYYY-MM-DD, for example 2025-04-04.")
            for command, *more in (("verdicts", "duo"), ("replay",), ("demo",))
            for option in ("--from", "--to")
            for day in ("2020-13-01", "yesterday", "01/02/2020", "2020-02-30")
        ),
        *(((command, "duo", "--session", "9 March"), "'9 March' is no date") for command in ("explain", "chart")),
        (("whatif", "duo"), "Missing argument 'PERCENT'"),
        (("whatif", "duo", "much"), "'much' is no move to suppose. Write a percentage above -100 and below 1000, for"),
        (("whatif", "duo", "nan"), "'nan' is no move to suppose."),
        (("whatif", "duo", "-100"), "'-100' is no move to suppose."),
        (("whatif", "duo", "-8", "--form", "csv"), "unexpected extra argument(s) (--form csv)"),
    ],
)
def test_words_that_make_no_sense(typed: Type, words: tuple[str, ...], phrase: str) -> None:
    said(typed(*words), 2, phrase)


@pytest.mark.parametrize("command", HISTORY)
def test_a_basket_that_does_not_exist(asked: Type, command: str) -> None:
    said(asked(command, "dou"), 2, 'there is no basket "dou". Did you mean "duo"?')
    said(asked(command, "zzz"), 2, 'there is no basket "zzz". There are: duo, five, index, gone.')


def test_a_basket_that_does_not_exist_and_what_if(asked: Type) -> None:
    told = asked("whatif", "dou", "-8")
    said(told, 2, 'there is no basket "dou". Did you mean "duo"?')
    assert told.err.startswith("Error: ")  # what was typed is no problem of the configuration


@pytest.mark.parametrize("command", [("verdicts", "duo"), ("replay",)])
def test_a_stretch_that_is_turned_round(asked: Type, command: tuple[str, ...]) -> None:
    said(asked(*command, "--from", "2021-03-02", "--to", "2021-03-01"), 2, "2021-03-02 is after --to 2021-03-01")


@pytest.mark.parametrize(
    ("command", "first"),
    [(("verdicts", "duo"), "2021-01-04"), (("replay",), "2021-01-05")],  # a replay begins with a reading
)
@pytest.mark.parametrize(
    "stretch",
    [("--from", "2031-01-01"), ("--to", "1999-01-01"), ("--from", "2021-03-06", "--to", "2021-03-07")],
    ids=["later", "earlier", "weekend"],
)
def test_a_stretch_without_a_session(
    asked: Type, command: tuple[str, ...], first: str, stretch: tuple[str, ...]
) -> None:
    said(asked(*command, *stretch), 3, f"{stretch[1]}", f"The data run from {first} to 2022-12-27.")


@pytest.mark.parametrize("command", ["explain", "chart"])
@pytest.mark.parametrize(
    ("day", "near"),
    [
        ("2021-03-06", "2021-03-05 and 2021-03-08"),
        ("2020-12-31", "2021-01-04"),
        ("2031-01-02", "2022-12-27"),
        ("2021-07-05", "2021-07-02 and 2021-07-06"),
    ],
)
def test_a_day_without_a_session(asked: Type, command: str, day: str, near: str) -> None:
    said(
        asked(command, "duo", "--session", day),
        3,
        f"{day} is no session of XNYS that duo has data for. The data run from 2021-01-04 to 2022-12-27; next to it: "
        f"{near}.",
    )


def test_the_first_session_has_no_verdict(asked: Type) -> None:
    told = asked("explain", "duo", "--session", "2021-01-04")
    assert told.code == 0
    assert "No 2-session move: one of its sessions has no reading." in told.out
    wanted = "duo has no 2-session move on 2021-01-04: one of its sessions has no reading. Choose another --session."
    said(asked("chart", "duo", "--session", "2021-01-04"), 3, wanted)
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("command", [("verdicts", "duo"), ("replay",), ("explain", "duo"), ("chart", "duo")])
def test_prices_on_no_session_at_all(asked: Type, prices: Path, command: tuple[str, ...]) -> None:
    for file in prices.iterdir():
        file.write_text("date,close\n2021-03-06,100\n2021-03-07,101\n")
    told = asked(*command)
    said(told, 3, "AA.csv 2021-03-06: no session of XNYS on that date; the row is left out")
    assert told.err.splitlines()[-1].startswith("Error: ")


# The folder of prices


@pytest.mark.parametrize(
    "command", [("now",), ("replay",), ("verdicts", "duo"), ("explain", "duo"), ("chart", "duo"), ("run",)]
)
def test_a_price_folder_that_is_not_there(typed: Type, config: Path, command: tuple[str, ...]) -> None:
    told = typed(*command, "--config", config, "--prices", "nowhere")
    said(told, 3, "nowhere: there is no such folder. Name a folder of SYMBOL.csv files")
    assert told.err.count("nowhere") == 1


@pytest.mark.parametrize("command", ["now", "replay"])
def test_an_empty_price_folder(typed: Type, config: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "empty").mkdir()
    told = typed(command, "--config", config, "--prices", tmp_path / "empty")
    said(told, 3, "There are prices for none of the baskets")
    assert "there is no file AA.csv" in told.err


@pytest.mark.parametrize("command", ["now", "replay"])
def test_a_basket_that_lacks_too_much_is_left_out(asked: Type, command: str) -> None:
    told = asked(command)
    assert told.code == 0
    assert "Warning: basket gone has prices for too few of its members" in told.err
    assert "there is no file ZZ.csv" in told.err
    assert "gone" not in told.out
    assert "Duo" in told.out or "duo" in told.out


@pytest.mark.parametrize("command", HISTORY)
def test_a_basket_that_lacks_too_much_and_was_asked_for(asked: Type, command: str) -> None:
    said(
        asked(command, "gone"), 3, "Error: basket gone has prices for too few of its members", "there is no file ZZ.csv"
    )


def test_a_basket_that_lacks_little_is_shown_with_a_warning(asked: Type, prices: Path) -> None:
    (prices / "CC.csv").unlink()
    told = asked("verdicts", "five", "--format", "csv")
    assert told.code == 0
    assert len(told.rows) == SESSIONS - 1
    assert "Warning: basket five is shown without CC" in told.err


def test_a_symbol_with_a_slip_is_suggested(asked: Type, prices: Path) -> None:
    (prices / "AA.csv").rename(prices / "AAA.csv")
    said(asked("verdicts", "duo"), 3, "there is no file AA.csv. There is AAA")


def test_an_index_may_be_written_with_or_without_its_sign(asked: Type, prices: Path) -> None:
    plain = asked("verdicts", "index", "--format", "csv")
    (prices / "IX.csv").rename(prices / "^IX.csv")
    assert asked("verdicts", "index", "--format", "csv") == plain
    assert plain.code == 0


# Files that cannot be used


def _emptied(file: Path) -> None:
    file.write_text("")


def _without_rows(file: Path) -> None:
    file.write_text("date,close\n")


def _without_a_date(file: Path) -> None:
    file.write_text(file.read_text().replace("date,", "day,", 1))


def _without_a_close(file: Path) -> None:
    file.write_text(file.read_text().replace("close,adj_close", "shut,adj_shut", 1))


def _of_bytes(file: Path) -> None:
    file.write_bytes(b"\xff" * 100)


def _a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _all_words(file: Path) -> None:
    file.write_text("date,close\n2021-01-04,cheap\n2021-01-05,dear\n")


@pytest.mark.parametrize(
    ("mangle", "phrase"),
    [
        (_emptied, "AA.csv: the file is empty"),
        (_without_rows, "AA.csv: no row has a date and a close"),
        (_without_a_date, "AA.csv: the first line is 'day,open,high,low,close,adj_close,volume', but must name"),
        (_without_a_close, "date and close or adj_close"),
        (_of_bytes, "AA.csv: line 1 is not UTF-8 text"),
        (_a_folder, "AA.csv: cannot be read (Is a directory)"),
        (_all_words, "AA.csv line 2: close 'cheap' is no number"),
    ],
)
def test_a_file_that_cannot_be_used(asked: Type, prices: Path, mangle: Callable[[Path], None], phrase: str) -> None:
    mangle(prices / "AA.csv")
    said(asked("verdicts", "duo"), 3, phrase)
    told = asked("replay")
    assert told.code == 0
    assert phrase in told.err
    assert "Five" in told.out
    assert "Duo" not in told.out


# Files with a bad line


@pytest.mark.parametrize(
    ("column", "cell", "phrase"),
    [
        ("close", "NaN", "close 'NaN' is no number; it is left out"),
        ("close", "n/a", "close 'n/a' is no number; it is left out"),
        ("close", "-5", "close -5.0 is no price; it is left out"),
        ("close", "0", "close 0.0 is no price; it is left out"),
        ("close", "inf", "close inf is no price; it is left out"),
        ("close", "1e400", "close inf is no price; it is left out"),
        ("close", "1,5", "7 cells expected, as in the header; the row is left out"),
        ("date", "31.03.2021", "'31.03.2021' is no date (YYYY-MM-DD); the row is left out"),
        ("date", "", "'' is no date (YYYY-MM-DD); the row is left out"),
    ],
)
def test_a_bad_line_is_named_and_left_out_and_the_others_count(
    asked: Type, prices: Path, column: str, cell: str, phrase: str
) -> None:
    clean = asked("verdicts", "duo", "--format", "csv").rows
    put(prices / "BB.csv", 100, column, cell)
    told = asked("verdicts", "duo", "--format", "csv")
    assert told.code == 0
    assert f"Warning: {prices / 'BB.csv'} line 100: {phrase}" in told.err
    # The returns of line 100 and the next are missing, and with them three moves of two sessions.
    assert told.rows[:97] == clean[:97]
    assert [row[:10] for row in told.rows] == [row[:10] for at, row in enumerate(clean) if at not in (97, 98, 99)]
    tail = [row.split(",")[:5] for row in told.rows[97:]]
    assert tail == [row.split(",")[:5] for row in clean[100:]]


def test_a_row_that_stands_twice_counts_once(asked: Type, prices: Path) -> None:
    clean = asked("verdicts", "duo", "--format", "csv")
    lines = (prices / "BB.csv").read_text().split("\n")
    (prices / "BB.csv").write_text("\n".join([*lines[:100], *lines[99:]]))
    told = asked("verdicts", "duo", "--format", "csv")
    assert (told.code, told.out) == (0, clean.out)
    assert "line 101: the row stands twice; it counts once" in told.err


def test_rows_in_any_order_mean_the_same(asked: Type, prices: Path) -> None:
    clean = asked("verdicts", "duo", "--format", "csv")
    header, *lines = (prices / "BB.csv").read_text().rstrip("\n").split("\n")
    (prices / "BB.csv").write_text("\n".join([header, *reversed(lines), ""]))
    told = asked("verdicts", "duo", "--format", "csv")
    assert (told.code, told.out) == (0, clean.out)
    assert "the dates are not in ascending order; the rows are sorted" in told.err


def test_rows_of_one_day_that_disagree_are_both_left_out(asked: Type, prices: Path) -> None:
    file = prices / "BB.csv"
    file.write_text(f"{file.read_text()}2021-06-01,,,,1,,\n")
    told = asked("verdicts", "duo", "--format", "csv")
    assert told.code == 0
    assert "two rows of one date disagree; both are left out" in told.err
    assert not any(row.startswith("2021-06-01") for row in told.rows)


def test_a_row_on_a_day_without_a_session_is_left_out(asked: Type, prices: Path) -> None:
    clean = asked("verdicts", "duo", "--format", "csv")
    file = prices / "BB.csv"
    file.write_text(f"{file.read_text()}2021-07-05,,,,1,,\n")
    told = asked("verdicts", "duo", "--format", "csv")
    assert (told.code, told.out) == (0, clean.out)
    assert "BB.csv 2021-07-05: no session of XNYS on that date; the row is left out" in told.err


def test_many_bad_lines_are_summed_up(asked: Type, prices: Path) -> None:
    for line in range(100, 140):
        put(prices / "BB.csv", line, "close", "?")
    told = asked("verdicts", "duo", "--format", "csv")
    assert told.code == 0
    assert len(told.err.splitlines()) == 6
    assert "Warning: 35 more rows or prices were left out." in told.err


# The configuration


@pytest.mark.parametrize(
    ("before", "after", "phrase"),
    [
        (
            'members = ["^IX"]',
            'members = ["^IX"]\ncalendar = "XNYZ"',
            'baskets.index.calendar: must be a known word, but is "XNYZ"',
        ),
        ('members = ["^IX"]', "members = []", "baskets.index.members: must name at least 1"),
        ('members = ["^IX"]', 'member = ["^IX"]', "baskets.index.member: unknown key. Did you mean members?"),
        ('members = ["^IX"]', "members = [", "is not TOML"),
    ],
)
@pytest.mark.parametrize("command", [("now",), ("verdicts", "duo"), ("check",)])
def test_a_mistake_in_the_configuration(
    typed: Type, config: Path, prices: Path, command: tuple[str, ...], before: str, after: str, phrase: str
) -> None:
    file = config / "baskets.toml"
    file.write_text(file.read_text().replace(before, after))
    words = (
        (*command, "--config", config) if command == ("check",) else (*command, "--config", config, "--prices", prices)
    )
    said(typed(*words), 2, phrase, str(file))


@pytest.mark.parametrize("command", [("check",), ("now",), ("run",), ("migrate",), ("send-test",), ("verdicts", "duo")])
def test_a_configuration_that_is_not_there(typed: Type, command: tuple[str, ...]) -> None:
    said(typed(*command, "--config", "nowhere"), 2, "nowhere: whole folder: is no folder", "BOT_CONFIG_DIR")


def test_files_of_the_configuration_that_cannot_be_read(typed: Type, config: Path) -> None:
    (config / "bot.toml").unlink()
    (config / "baskets.toml").unlink()
    (config / "baskets.toml").mkdir()
    (config / "events.toml").write_bytes(b"\xff")
    told = typed("check", "--config", config)
    said(
        told, 2, "bot.toml: whole file: cannot be read", "baskets.toml: whole file: cannot be read", "is not UTF-8 text"
    )
    assert told.err.startswith("The configuration has 3 problems:\n")


def test_the_configuration_may_be_named_by_the_environment(
    typed: Type, config: Path, prices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOT_CONFIG_DIR", str(config))
    assert typed("verdicts", "duo", "--prices", prices).code == 0
    said(typed("verdicts", "duo", "--prices", prices, "--config", "nowhere"), 2, "nowhere: whole folder")


# The data folder


@pytest.mark.parametrize("command", [("run",), ("migrate",)])
def test_a_data_folder_that_cannot_be_made(
    typed: Type, config: Path, prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BOT_STORAGE__DATA_DIR", str(tmp_path / "file"))
    words = (
        (*command, "--config", config)
        if command == ("migrate",)
        else (*command, "--config", config, "--prices", prices)
    )
    said(typed(*words), 74, "the folder cannot be made", "BOT_STORAGE__DATA_DIR")


def test_history_needs_no_data_folder(asked: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = asked("verdicts", "duo", "--format", "csv")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BOT_STORAGE__DATA_DIR", str(tmp_path / "file"))
    told = asked("verdicts", "duo", "--format", "csv")
    assert (told.code, told.out) == (0, whole.out)
    assert "Working out the sessions of XNYS" in told.err


def test_a_demo_of_days_without_sessions(typed: Type, warm_data: Path) -> None:
    shutil.copytree(warm_data, Path("data") / "demo")
    said(typed("demo", "--from", "2020-03-07", "--to", "2020-03-08"), 3, "no session from 2020-03-07 to 2020-03-08")
