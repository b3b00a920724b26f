"""`tune` as a person types it: its figures, its report, and what it writes into the configuration."""

from __future__ import annotations

import csv
import functools
import http.server
import io
import json
import os
import re
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bot.prices.calendars import Calendar
from tests.unit.cli.typed import Type, Typed

YEARS_12 = 3000
RULES = """\
# Ours.
[schedule]
poll_minutes = 7 # seldom

[[rules]]
name = "fall"
baskets = ["*"]
step = 2.0
[rules.levels]
# the first one
notice = { worst_in = "3 months" } # short
warning = { percentile = 1.0 }
extreme = { record = true } # nothing to fit

[[rules]]
name = "plunge" # of members
members_of = ["duo"]
day_low = -10.0 # percent

[[rules]]
name = "bear"
baskets = ["*"]
enters = "bear"

[[rules]]
name = "gap"
contrast = ["index", "duo"]
[rules.levels]
warning = { percentile = 99.0 }
"""
BASKETS = """\
[baskets.duo]
name = { en = "Duo & <Co>", zh = "双子" }
members = ["AA", "BB"]

[baskets.index]
name = { en = "Index", zh = "指数" }
members = ["IX"]

[baskets.young]
name = { en = "Young", zh = "新" }
members = ["YY"]
"""


@pytest.fixture(scope="session")
def long_prices(tmp_path_factory: pytest.TempPathFactory, new_york: Calendar) -> Path:
    """Twelve years of four symbols, with lows; one of them is two years young."""
    folder = tmp_path_factory.mktemp("long") / "prices"
    folder.mkdir()
    begin = int(np.searchsorted(new_york.sessions, np.datetime64("2010-01-04")))
    days = new_york.sessions[begin : begin + YEARS_12].astype(str).tolist()
    for seed, symbol in enumerate(("AA", "BB", "IX", "YY")):
        rng = np.random.default_rng(seed)
        closes = 100 * np.cumprod(1 + np.clip(0.0003 + 0.012 * rng.standard_t(3, YEARS_12), -0.3, 0.3))
        lows = closes * (1 - np.abs(rng.normal(0, 0.02, YEARS_12)))
        first = YEARS_12 - 500 if symbol == "YY" else 0
        rows = zip(days[first:], lows[first:].tolist(), closes[first:].tolist(), strict=True)
        lines = [f"{day},,{close:.4f},{low:.4f},{close:.4f},{close:.4f},1" for day, low, close in rows]
        (folder / f"{symbol}.csv").write_text("\n".join(["date,open,high,low,close,adj_close,volume", *lines, ""]))
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The folder of a configuration, to be changed."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "bot.toml").write_text(RULES)
    (folder / "baskets.toml").write_text(BASKETS)
    (folder / "events.toml").write_text("")
    return folder


@pytest.fixture
def tune(typed: Type, own: Path, long_prices: Path) -> Type:
    def run(*words: object) -> Typed:
        return typed("tune", *words, "--config", own, "--prices", long_prices)

    return run


def test_every_rung_of_every_rule_and_basket_has_its_row(tune: Type) -> None:
    done = tune("--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert done.code == 0
    assert [(row["rule"], row["basket"], row["level"]) for row in rows] == [
        *(("fall", "duo", rung) for rung in ("notice", "warning", "extreme")),
        ("plunge", "duo", "warning"),
        ("bear", "duo", "warning"),
        *(("fall", "index", rung) for rung in ("notice", "warning", "extreme")),
        ("bear", "index", "warning"),
        ("gap", "index/duo", "warning"),
    ]
    assert 'rule "fall" on young: no rates' in done.err
    for row in rows:
        assert float(row["per_year"]) == pytest.approx(int(row["reached"]) / float(row["years"]))
        assert float(row["per_year_low"]) <= float(row["per_year"]) <= float(row["per_year_high"])
        assert (row["suggested"] == "") == (row["level"] == "extreme" or row["rule"] == "bear")


def test_rates_are_those_of_a_replay(tune: Type, typed: Type, own: Path, long_prices: Path) -> None:
    """Episodes that come to a rung or to a deeper one, from the fourth year on, counted from what replay prints."""
    rows = [json.loads(line) for line in tune("--format", "jsonl").rows]
    first, *rules = (own / "bot.toml").read_text().split("[[rules]]\n")
    alone = [one for one in rules if one.startswith(('name = "fall"', 'name = "gap"'))]
    (own / "bot.toml").write_text("[[rules]]\n".join([first, *alone]))  # no other rule's news makes theirs louder
    told = typed("replay", "--format", "jsonl", "--config", own, "--prices", long_prices)
    alerts = [json.loads(line) for line in told.rows]
    rungs = ("notice", "warning", "severe", "extreme")
    for row in [row for row in rows if row["rule"] in {"fall", "gap"}]:
        mine = [one for one in alerts if (one["rule"], one["basket"]) == (row["rule"], row["basket"])]
        spoken = [one for one in mine if one["severity"] == row["level"]]
        assert [session for session, *_ in row["sessions"]] == [one["session"] for one in spoken]
        assert [size for *_, size in row["sessions"]] == [one["move"] for one in spoken]
        reached: dict[str, str] = {}
        for one in mine:
            if rungs.index(one["severity"]) >= rungs.index(row["level"]):
                reached.setdefault(one["episode"], one["session"])
        assert row["reached"] == sum(row["from"] <= day <= row["to"] for day in reached.values())


def test_what_is_sent_is_what_replay_prints(tune: Type, typed: Type, own: Path, long_prices: Path) -> None:
    """Of every rule, those that a fall mutes too."""
    rows = [json.loads(line) for line in tune("--format", "jsonl").rows]
    told = typed("replay", "--format", "jsonl", "--config", own, "--prices", long_prices)
    alerts = Counter(
        (one["rule"], one["basket"], one["severity"], row["from"] <= one["session"] <= row["to"])
        for one in map(json.loads, told.rows)
        for row in rows
        if (row["rule"], row["basket"], row["level"]) == (one["rule"], one["basket"], one["severity"])
    )
    assert [row["sent"] for row in rows] == [alerts[row["rule"], row["basket"], row["level"], True] for row in rows]
    assert any(row["sent"] < row["alerts"] for row in rows)


def test_the_tables_fit_a_terminal(tune: Type) -> None:
    done = tune()
    assert max(len(line.rstrip()) for line in done.rows) <= 80
    for row in map(json.loads, tune("--format", "jsonl").rows):
        of_rung = rf"{row['level']} +{re.escape(row['in_force'])} +{row['per_year']:.2f} "
        of_rung += rf"\({row['per_year_low']:.1f}-{row['per_year_high']:.1f}\) +{row['sent'] / row['years']:.2f}"
        assert re.search(of_rung, done.out), of_rung


@pytest.mark.parametrize("name", ["plunge", "gap"])
def test_the_suggestion_put_into_the_configuration_does_what_was_said(
    tune: Type, typed: Type, own: Path, long_prices: Path, name: str
) -> None:
    """Replayed with the rungs that --apply wrote, the rule speaks as often as printed in the years kept back."""
    (row,) = (json.loads(line) for line in tune("--format", "jsonl", "--rule", name).rows)
    assert tune("--apply", "--rule", name).code == 0
    first, *rules = (own / "bot.toml").read_text().split("[[rules]]\n")
    (mine,) = (one for one in rules if one.startswith(f'name = "{name}"'))
    assert row["suggested"] in mine
    (own / "bot.toml").write_text(f"{first}[[rules]]\n{mine}")  # what other rules tell is not counted among it
    told = typed("replay", "--format", "jsonl", "--config", own, "--prices", long_prices)
    begun = [one["session"] for one in map(json.loads, told.rows) if one["reason"] == "first"]
    kept_back = [int(day[:4]) % 3 == 0 for day in begun if row["from"] <= day <= row["to"]]
    assert (kept_back.count(True), kept_back.count(False)) == (row["held_out"], row["fitted"])


def test_apply_changes_the_values_and_nothing_else(tune: Type, own: Path) -> None:
    done = tune("--apply", "--per-year", "8")
    assert done.code == 0, done.err
    after = (own / "bot.toml").read_text()
    before, lines = RULES.splitlines(), after.splitlines()
    assert len(lines) == len(before)
    values = re.compile(r'worst_in = "[^"]+"|percentile = [0-9.]+|day_low = [-0-9.]+')
    assert [values.sub("", line) for line in lines] == [values.sub("", line) for line in before]
    assert lines != before
    pasted = [line.split(" #")[0] for line in done.rows if line.startswith(("notice =", "warning =", "day_low ="))]
    assert all(any(line.startswith(one) for line in lines) for one in pasted)
    assert len(pasted) == 4
    assert sorted(path.name for path in own.iterdir()) == ["baskets.toml", "bot.toml", "events.toml"]


def test_a_rule_that_does_not_stand_in_the_file_is_not_written(
    tune: Type, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules from the environment replace those of the file, one of the same name too."""
    for name, said in (("other", "does not stand in the file"), ("plunge", "would not count from the file")):
        rules = [{"name": name, "members_of": ["duo"], "day_low": -5.0}]
        monkeypatch.setenv("BOT_RULES", json.dumps(rules))
        done = tune("--apply")
        assert done.code == 2
        assert f'rules["{name}"]: {said}' in done.err
        assert (own / "bot.toml").read_text() == RULES


def test_where_no_rung_has_a_value_nothing_is_written_and_that_is_said(tune: Type, own: Path) -> None:
    done = tune("--apply", "--rule", "bear")
    assert (done.code, done.err.splitlines()[-1][:19]) == (0, "Nothing was written")
    assert (own / "bot.toml").read_text() == RULES


def test_a_file_that_is_not_to_be_written_is_not_replaced(
    tune: Type, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: (Path(path).name, mode) != ("bot.toml", os.W_OK))
    done = tune("--apply")
    assert done.code == 2
    assert "bot.toml: whole file: is not to be written." in done.err
    assert (own / "bot.toml").read_text() == RULES


def test_several_processes_print_the_same(tune: Type) -> None:
    assert tune("--jobs", "2").out == tune().out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--rule", "fal"], 2, 'Did you mean "fall"?'),
        (["duo", "--apply"], 2, "Leave the baskets out"),
        (["young"], 3, "Nothing can be tuned: see the warnings above"),
        (["young", "--rule", "gap"], 3, "Nothing can be tuned: these rules ask nothing of these baskets"),
        (["--per-year", "0"], 2, "0.05"),
        (["--cluster", "tcp://127.0.0.1:9"], 2, "cannot be reached"),
        (["--report", "no/such/folder/x.html"], 2, "there is no folder no/such/folder"),
        (["--report", "."], 2, "is a folder"),
    ],
)
def test_mistakes_are_told_with_what_to_do(tune: Type, words: list[str], code: int, said: str) -> None:
    done = tune(*words)
    assert done.code == code
    assert said in done.err


# The report


@pytest.fixture
def page(tune: Type, tmp_path: Path) -> Path:
    file = tmp_path / "site" / "out.html"
    file.parent.mkdir()
    assert tune("--report", file).code == 0
    return file


def test_the_report_needs_nothing_but_itself(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"https?:|<script|<link|<img|@import|url\(|\bon\w+=", text)
    assert text.startswith('<!doctype html>\n<html lang="en">')
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    for query in ("prefers-color-scheme: dark", "@media print", "max-width"):
        assert query in text
    assert "Duo &amp; &lt;Co&gt;" in text
    assert "<Co>" not in text


def test_the_report_shows_what_was_heard(page: Path, tune: Type) -> None:
    text = page.read_text(encoding="utf-8")
    rows = [json.loads(line) for line in tune("--format", "jsonl").rows]
    marks = re.findall(r'<line class="(?:notice|warning|severe|extreme)"[^>]*><title>', text)
    assert len(marks) == sum(len(row["sessions"]) for row in rows)
    for row in rows:
        assert f"<b>{row['per_year']:.2f}</b>" in text
        assert f"{row['sent'] / row['years']:.2f} <small>{row['sent']} in {row['years']:.1f} years<" in text
    sizes = [size for row in rows if (row["rule"], row["basket"]) == ("fall", "duo") for *_, size in row["sessions"]]
    worst = re.findall(r"<b>−([0-9.]+)%</b>", text.split('class="worst"')[1].split("</table>")[0])
    assert worst == [f"{-100 * size:.1f}" for size in sorted(sizes)[:10]]


def test_a_report_without_lows_claims_nothing_of_them_and_counts_what_replay_sends(
    typed: Type, own: Path, long_prices: Path, tmp_path: Path
) -> None:
    lows = re.compile(r"^([^,]+,,[^,]+),[\d.]+", re.MULTILINE)
    (tmp_path / "IX.csv").write_text(lows.sub(r"\1,", (long_prices / "IX.csv").read_text()))
    where = ("index", "--config", own, "--prices", tmp_path)
    assert typed("tune", *where, "--report", tmp_path / "out.html").code == 0
    text = (tmp_path / "out.html").read_text()
    rungs = text.count('<td data-head="Level">')
    assert len(re.findall(r'data-head="Taken back"><span class="none">cannot be told', text)) == rungs == 4
    sent = len(typed("replay", *where, "--format", "jsonl").rows)
    assert f"<dt>Messages in all history</dt><dd>{sent}</dd>" in text


def test_years_without_a_known_low_do_not_count_for_a_rule_about_lows(
    typed: Type, own: Path, long_prices: Path, tmp_path: Path
) -> None:
    """Nothing can have been said in them; the other rules' years stay."""
    early = re.compile(r"^(201[0-4]-[^,]+,,[^,]+),[\d.]+", re.MULTILINE)
    for file in long_prices.iterdir():
        (tmp_path / file.name).write_text(early.sub(r"\1,", file.read_text()))
    done = typed("tune", "duo", "--config", own, "--prices", tmp_path, "--format", "jsonl")
    rows = {row["rule"]: row for row in map(json.loads, done.rows)}
    assert (rows["plunge"]["from"][:7], rows["fall"]["from"][:7]) == ("2018-01", "2013-01")
    assert rows["plunge"]["per_year"] == rows["plunge"]["reached"] / rows["plunge"]["years"]


CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
FRAME = """<!doctype html><title>wait</title>
<iframe src="out.html" style="width:{width}px;height:800px;border:0"></iframe>
<script>
onload = () => {{
  const of = document.querySelector("iframe").contentDocument, root = of.documentElement;
  const drawn = [...of.querySelectorAll("svg path, .bars i")].map((one) => one.getBoundingClientRect());
  document.title = JSON.stringify({{
    wide: root.scrollWidth, charts: of.querySelectorAll("figure svg").length,
    drawn: drawn.filter((one) => one.width * one.height > 0).length,
    head: getComputedStyle(of.querySelector("thead")).position, paper: getComputedStyle(of.body).backgroundColor,
  }});
}};
</script>"""


@pytest.fixture
def site(page: Path) -> Iterator[str]:
    handler = functools.partial(_Silent, directory=str(page.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium on this machine")
@pytest.mark.parametrize(
    ("width", "dark", "head"), [(1280, False, "static"), (390, False, "absolute"), (390, True, "absolute")]
)
def test_a_browser_lays_the_report_out(
    page: Path, site: str, tmp_path: Path, width: int, dark: bool, head: str
) -> None:
    """Nothing sticks out sideways, tables are cards on a phone, and the night is dark."""
    (page.parent / "frame.html").write_text(FRAME.format(width=width))
    words = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'chromium'}"]
    words += [f"--blink-settings=preferredColorScheme={0 if dark else 1}", "--window-size=1400,900"]
    words += ["--virtual-time-budget=10000", "--dump-dom", f"{site}/frame.html"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title is not None
    seen = json.loads(title[1])
    assert seen["wide"] <= width
    assert seen["charts"] == 2 * 6
    assert seen["drawn"] > 30
    assert seen["head"] == head
    assert (seen["paper"] == "rgb(16, 21, 27)") == dark
