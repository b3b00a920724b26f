from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.price_files import CsvFolder, parse_csv
from bot.errors import NoData
from bot.prices.bars import Bars, Symbol

REAL_PRICES = Path(os.environ.get("REAL_DATA", "absent")) / "prices"
HEADER = "date,open,high,low,close,adj_close,volume\n"
CLEAN = "2024-01-02,1,11,9,10,9.5,100\n2024-01-03,1,12,10,11,10.5,100\n"


def written(folder: Path, text: str | bytes, name: str = "MU.csv") -> CsvFolder:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return CsvFolder(folder)


def bars(folder: Path, text: str | bytes) -> Bars:
    return written(folder, text).bars(Symbol("MU"))


def refused(folder: Path, text: str) -> list[str]:
    return [str(one).removeprefix(f"{folder}/") for one in bars(folder, text).refused]


def failure(source: CsvFolder, symbol: str = "MU") -> str:
    with pytest.raises(NoData) as caught:
        source.bars(Symbol(symbol))
    return str(caught.value)


def test_all_columns_are_read(tmp_path: Path) -> None:
    found = bars(tmp_path, HEADER + CLEAN)
    assert found.dates.astype(str).tolist() == ["2024-01-02", "2024-01-03"]
    assert [found.high.tolist(), found.low.tolist()] == [[11, 12], [9, 10]]
    assert [found.close.tolist(), found.adjusted.tolist()] == [[10, 11], [9.5, 10.5]]
    assert (found.symbol, found.where, found.refused, found.as_of) == ("MU", str(tmp_path / "MU.csv"), (), None)


@pytest.mark.parametrize(
    "text",
    [
        "close,date,low,adj_close,high\n10,2024-01-02,9,9.5,11\n11,2024-01-03,10,10.5,12\n",
        '"Date","Open","High","Low","Close","Adj Close","Volume"\n' + CLEAN,
        "\ufeff" + HEADER + CLEAN,
        (HEADER + CLEAN).replace("\n", "\r\n"),
        (HEADER + CLEAN).replace("\n", "\r"),
        (HEADER + CLEAN).rstrip(),
        HEADER + CLEAN + "\n\n",
        HEADER + CLEAN.replace("\n", "\n\n"),
        HEADER + CLEAN.replace(",", ", "),
        HEADER + CLEAN.replace("2024-01-02", '"2024-01-02"'),
        HEADER + CLEAN.replace(",100", ",1e2"),
        HEADER + CLEAN.replace(",100", ",many"),
        (HEADER + CLEAN).replace(",", ";").replace(".", ","),
        (HEADER + CLEAN).replace(",", "\t"),
        "Price,Open,High,Low,Close,Adj Close,Volume\nTicker,MU,MU,MU,MU,MU,MU\nDate,,,,,,\n" + CLEAN,
    ],
)
def test_the_same_rows_in_another_spelling_read_the_same(tmp_path: Path, text: str) -> None:
    found, plain = bars(tmp_path, text), bars(tmp_path, HEADER + CLEAN)
    assert found.refused == ()
    for name in ("dates", "close", "adjusted", "high", "low"):
        np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))


def test_lines_are_counted_below_three_lines_of_header_too(tmp_path: Path) -> None:
    heads = "Price,Close\nTicker,MU\nDate,\n"
    assert refused(tmp_path, heads + "2024-01-02,10\nx,11\n") == [
        "MU.csv line 5: 'x' is no date (YYYY-MM-DD); the row is left out"
    ]


def test_several_symbols_in_one_file_are_refused(tmp_path: Path) -> None:
    heads = "Price,Close,Close\nTicker,MU,STX\nDate,,\n"
    assert "each once" in failure(written(tmp_path, heads + "2024-01-02,10,20\n"))


def test_an_empty_cell_is_a_missing_figure(tmp_path: Path) -> None:
    found = bars(tmp_path, HEADER + "2024-01-02,,,,,9.5,\n2024-01-03,1,12,10,11,10.5,100\n")
    assert np.isnan([found.close[0], found.high[0], found.low[0]]).all()
    assert found.adjusted.tolist() == [9.5, 10.5]
    assert found.close[1] == 11


@pytest.mark.parametrize("text", ["date,close\n2024-01-02,10\n", HEADER + "2024-01-02,1,11,9,10,,100\n"])
def test_without_any_adjusted_close_the_close_stands_for_it(tmp_path: Path, text: str) -> None:
    found = bars(tmp_path, text)
    assert found.adjusted.tolist() == found.close.tolist() == [10]


@pytest.mark.parametrize("text", ["date,adj_close\n2024-01-02,10\n", HEADER + "2024-01-02,1,11,9,,10,100\n"])
def test_without_any_close_the_adjusted_close_stands_for_it_and_lows_are_unknown(tmp_path: Path, text: str) -> None:
    found = bars(tmp_path, text)
    assert found.close.tolist() == found.adjusted.tolist() == [10]
    assert np.isnan(found.low[0])
    assert np.isnan(found.high[0])


@pytest.mark.parametrize("name", ["^SOX.csv", "SOX.csv"])
def test_an_index_may_be_written_without_its_roof(tmp_path: Path, name: str) -> None:
    found = written(tmp_path, HEADER + CLEAN, name).bars(Symbol("^SOX"))
    assert found.symbol == "^SOX"
    assert found.where.endswith(name)


def test_symbols_are_the_names_of_the_files(tmp_path: Path) -> None:
    for name in ("MU.csv", "000660.KS.csv", "^SOX.csv", "README.md", "dividends"):
        (tmp_path / name).touch()
    assert CsvFolder(tmp_path).symbols() == ("000660.KS", "MU", "^SOX")


LAST = "2024-01-05,1,11,9,10,9.5,100\n"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("02/01/2024,1,11,9,10,9.5,100", "'02/01/2024' is no date"),
        ("2024-02-30,1,11,9,10,9.5,100", "'2024-02-30' is no date"),
        ("20240104,1,11,9,10,9.5,100", "'20240104' is no date"),
        (",1,11,9,10,9.5,100", "'' is no date"),
        ("2024-01-04,1,11,9,10,9.5", "7 cells expected"),
        ("2024-01-04,1,11,9,10,9.5,100,", "7 cells expected"),
        ("2024-01-04,1,11,9,ten,9.5,100", "close 'ten' is no number"),
        ("2024-01-04,1,11,9,NaN,9.5,100", "close 'NaN' is no number"),
        ("2024-01-04,1,11,9,1_0,9.5,100", "close '1_0' is no number"),
        ("2024-01-04,1,11,9,10,null,100", "adj_close 'null' is no number"),
        ("2024-01-04,1,11,9,inf,9.5,100", "close inf is no price"),
        ("2024-01-04,1,11,9,-10,9.5,100", "close -10.0 is no price"),
        ("2024-01-04,1,11,9,0,9.5,100", "close 0.0 is no price"),
        ("2024-01-04,1,9,11,10,9.5,100", "high is below low"),
        ("2024-01-03,1,12,10,11,10.5,100", "stands twice"),
        ("2024-01-03,1,12,10,12,10.5,100", "disagree"),
        ("2024-01-01,1,11,9,10,9.5,100", "not in ascending order"),
    ],
)
def test_a_faulty_line_is_named_and_the_others_stay(tmp_path: Path, line: str, why: str) -> None:
    found = refused(tmp_path, HEADER + CLEAN + line + "\n" + LAST)
    assert len(found) == 1
    assert found[0].startswith("MU.csv line 4: ")
    assert why in found[0]
    days = bars(tmp_path, HEADER + CLEAN + line + "\n" + LAST).dates.astype(str).tolist()
    assert {"2024-01-02", "2024-01-05"} <= set(days)


@pytest.mark.parametrize("midnight", [" 00:00:00-05:00", "T00:00:00Z", " 00:00", " 00:00:00.000"])
def test_a_midnight_behind_the_date_changes_nothing(tmp_path: Path, midnight: str) -> None:
    """As pandas and others write the dates of daily prices."""
    lines = HEADER + re.sub(r"(?m)^([0-9-]{10}),", rf"\g<1>{midnight},", CLEAN)
    assert lines != HEADER + CLEAN
    assert refused(tmp_path, lines) == []
    with_time = bars(tmp_path, lines)
    assert with_time.dates.tolist() == bars(tmp_path, HEADER + CLEAN).dates.tolist()


def test_another_time_of_day_is_no_date(tmp_path: Path) -> None:
    """Five in the morning of London may be another day in New York."""
    assert "is no date" in refused(tmp_path, HEADER + CLEAN + "2024-01-04 05:00:00+00:00,1,11,9,10,9.5,100\n")[0]


def test_semicolons_part_cells_where_the_header_has_no_comma(tmp_path: Path) -> None:
    whole = HEADER + CLEAN
    found = bars(tmp_path, whole.replace(",", ";"))
    assert found.close.tolist() == bars(tmp_path, whole).close.tolist()


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    assert refused(tmp_path, HEADER + "\n" + CLEAN.replace("\n", "\n\n") + "x,1,11,9,10,9.5,100\n") == [
        "MU.csv line 7: 'x' is no date (YYYY-MM-DD); the row is left out"
    ]


def test_an_unknown_symbol_names_the_folder_and_what_is_like_it(tmp_path: Path) -> None:
    for name in ("MU", "MUX", "AAPL", "mrvl"):
        written(tmp_path, HEADER + CLEAN, f"{name}.csv")
    source = CsvFolder(tmp_path)
    assert failure(source, "MUU").startswith(f"{tmp_path}: there is no file MUU.csv. There is MU, MUX")
    assert "There is mrvl" in failure(source, "MRVL")
    assert "out of the basket" in failure(source, "000660.KS")


@pytest.mark.parametrize("symbol", ["../secret", "/etc/passwd", "", "..", "MU.csv"])
def test_no_file_outside_the_folder_is_read(tmp_path: Path, symbol: str) -> None:
    (tmp_path / "in").mkdir()
    written(tmp_path, HEADER + CLEAN, "secret.csv")
    assert "there is no file" in failure(CsvFolder(tmp_path / "in"), symbol)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the file is empty"),
        (" \n\n", "the file is empty"),
        ("\n" + HEADER + CLEAN, "the first line is empty"),
        (CLEAN, "must name the columns"),
        ("day,close\n2024-01-02,10\n", "must name the columns"),
        ("date,price\n2024-01-02,10\n", "must name the columns"),
        ("date,close,close\n2024-01-02,10,11\n", "each once"),
        (HEADER, "no row has a date and a close"),
        (HEADER + "2024-01-02,1,11,9,,,100\n", "no row has a date and a close"),
        (HEADER + "x,1,11,9,10,9.5,100\n", "First problem: "),
        (HEADER.encode() + b"2024-01-02,1,11,9,10,9.5,\xff\n", "line 2 is not UTF-8"),
        ((HEADER + CLEAN).encode("utf-16"), "line 1 is not UTF-8"),
        (b"\x00" * 100, "must name the columns"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path, text: str | bytes, why: str) -> None:
    message = failure(written(tmp_path, text))
    assert message.startswith(f"{tmp_path / 'MU.csv'}: ")
    assert why in message


def test_a_folder_in_the_place_of_a_file_or_no_folder_at_all(tmp_path: Path) -> None:
    (tmp_path / "MU.csv").mkdir()
    assert failure(CsvFolder(tmp_path)).startswith(f"{tmp_path / 'MU.csv'}: cannot be read (Is a directory)")
    assert failure(CsvFolder(tmp_path / "no")).startswith(f"{tmp_path / 'no'}: the folder cannot be read (No such file")
    with pytest.raises(NoData):
        CsvFolder(tmp_path / "no").symbols()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    source = written(tmp_path, HEADER + CLEAN)
    (tmp_path / "MU.csv").chmod(0)
    assert "Permission denied" in failure(source)


@given(
    st.binary(max_size=200) | st.text("0123456789-.,\nexx\"' ", max_size=200).map(lambda text: (HEADER + text).encode())
)
def test_garbage_is_refused_and_never_breaks_it(data: bytes) -> None:
    try:
        found = parse_csv(data, Symbol("MU"), "MU.csv")
    except NoData:
        return
    assert not (np.isnan(found.close).all() and np.isnan(found.adjusted).all())


@pytest.mark.skipif(not REAL_PRICES.is_dir(), reason="REAL_DATA names no folder with prices")
def test_real_prices_are_read_without_a_refusal() -> None:
    source = CsvFolder(REAL_PRICES)
    for symbol in source.symbols():
        found = source.bars(symbol)
        rows = (REAL_PRICES / f"{symbol}.csv").read_text().splitlines()[1:]
        assert found.refused == ()
        assert found.dates.astype(str).tolist() == [row[:10] for row in rows]
        assert found.adjusted[-1] == float(rows[-1].split(",")[5])


def agree(table: str) -> None:
    """The table reads the same with a faulty line below it, for which every cell is looked at."""
    at_once = parse_csv(table.encode(), Symbol("MU"), "MU.csv")
    by_cells = parse_csv(f"{table}odd".encode(), Symbol("MU"), "MU.csv")
    odd = table.count("\n") + 1
    assert at_once.refused == tuple(row for row in by_cells.refused if not row.where.endswith(f"line {odd}"))
    for name in ("dates", "close", "adjusted", "high", "low"):
        np.testing.assert_array_equal(getattr(at_once, name), getattr(by_cells, name))


spelled = st.one_of(
    st.floats(min_value=1e-4, max_value=1e15).map(repr),
    st.floats(min_value=0.25, max_value=2**20, width=32).map(repr),
    st.integers(0, 10**30).map(str),
    st.decimals(min_value=0, max_value=10**9, places=4).map(str),
    st.integers(2**52, 2**64).map(lambda whole: f"{whole:.0f}"[:3] + "." + str(whole)[3:]),
    st.from_regex(r"[0-9]{0,25}\.?[0-9]{0,30}", fullmatch=True),
    st.just(""),
)


@given(st.lists(st.tuples(spelled, spelled), max_size=8))
def test_every_number_is_the_one_that_float_gives(cells: list[tuple[str, str]]) -> None:
    days = np.arange("2015-01-01", "2016-01-01", dtype="M8[D]").astype(str)
    rows = [f"{day},{','.join(pair)}\n" for day, pair in zip(days, cells, strict=False)]
    agree("date,close,low\n" + "".join(rows) + "2016-01-01,12.5,\n")


@given(
    st.lists(st.dates().map(str) | st.text("0123456789-.", max_size=11), max_size=6),
    st.text("0123456789.,-\n", max_size=60),
)
def test_dates_and_whatever_looks_like_numbers_read_the_same_both_ways(days: list[str], rest: str) -> None:
    agree("date,close,low\n2016-01-01,12.5,\n" + "".join(f"{day},1,\n" for day in days) + f"{rest}\n")


def test_a_plain_file_is_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.adapters.price_files._parse_rows", None)
    assert len(bars(tmp_path, HEADER + CLEAN).close) == 2
    assert len(bars(tmp_path, (HEADER + CLEAN).replace("\n", "\r\n").replace(",", ";")).close) == 2


def test_a_cell_of_any_length_is_refused_with_its_line(tmp_path: Path) -> None:
    (why,) = refused(tmp_path, f"{HEADER}{CLEAN}2024-01-04,1,11,9,10,9.5,{'x' * 200_000},\n{LAST}")
    assert why.startswith("MU.csv line 4: 7 cells expected")


def test_an_unpaired_quote_costs_its_own_line_alone(tmp_path: Path) -> None:
    text = HEADER + CLEAN + '2024-01-04,1,11,9,"ten,9.5,100\n' + LAST
    assert refused(tmp_path, text) == ["MU.csv line 4: close 'ten' is no number; it is left out"]
    assert len(bars(tmp_path, text).dates) == 4
