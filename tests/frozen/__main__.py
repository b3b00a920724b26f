"""SHA-256 hashes of what the command line writes, compared with hashes.json; exit code 1 where one differs.

REAL_DATA names a folder whose folder `prices` has the prices of nine/baskets.toml; without it those rows are left out.
Arguments name single rows, by a part of their names. `--write` writes hashes.json anew. `--keep DIR` keeps the outputs
and `--checkout DIR` runs another checkout's program: `diff -r` of two such folders shows what has changed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
HASHES = HERE / "hashes.json"
DIFFERS = 1
SECONDS = 600.0
# What may be called otherwise without a change of behaviour.
RENAMED = (("rungs", "levels"), ("rung", "level"), ("Rungs", "Levels"), ("Rung", "Level"))
NINE = "--config nine --prices prices"
# Each line is a row: variables of the environment, then the words of a command. The slowest come first.
OUTPUTS = """\
COLUMNS=120 demo --charts charts/en
COLUMNS=80 demo --lang zh --from 2020-03-05 --to 2020-03-10 --charts charts/zh
replay --format jsonl --config nine --prices prices
replay --format csv --config nine --prices prices
replay --config nine --prices prices
replay --lang zh --from 2008-01-02 --to 2008-12-31 --config nine --prices prices
replay --from 2025-01-02 --to 2025-06-30 --config nine --prices prices
replay memory korea_chips --from 2020-01-02 --format csv --config nine --prices prices
verdicts memory --format csv --config nine --prices prices
verdicts korea_chips --window 20 --format jsonl --config nine --prices prices
verdicts chip_weights --from 2020-12-01 --to 2021-03-31 --format csv --config nine --prices prices
verdicts sox --config nine --prices prices
now --config nine --prices prices
now --format jsonl --config nine --prices prices
tune --config nine --prices prices
tune --format jsonl --config nine --prices prices
explain memory --session 2025-04-04 --config nine --prices prices
explain memory --session 2025-05-13 --config nine --prices prices
explain equipment --session 2020-03-16 --config nine --prices prices
explain korea_chips --session 2008-10-24 --config nine --prices prices
explain ai_semiconductors --session 2024-08-05 --config nine --prices prices
explain chip_weights --session 2002-07-10 --window 5 --config nine --prices prices
explain hyperscalers --session 2022-02-03 --config nine --prices prices
whatif memory -8 --config nine --prices prices
whatif korea_chips --lang zh -15 --window 5 --config nine --prices prices
chart memory --session 2025-04-04 -o nine.png --config nine --prices prices
replay --format jsonl --config demo --prices demo/prices
replay --format csv --config demo --prices demo/prices
replay --config demo --prices demo/prices
replay --lang zh --from 2008-09-01 --to 2009-03-31 --config demo --prices demo/prices
replay --from 2019-12-01 --to 2020-06-30 --config demo --prices demo/prices
verdicts energy --format csv --config demo --prices demo/prices
verdicts banks --window 20 --format jsonl --config demo --prices demo/prices
verdicts staples --config demo --prices demo/prices
now --config demo --prices demo/prices
now --format jsonl --config demo --prices demo/prices
tune --config demo --prices demo/prices
tune --format jsonl --config demo --prices demo/prices
tune energy staples --rule 'two-session fall' --per-year 2 --config demo --prices demo/prices
tune --apply --per-year 1 --report report.html --format csv --config applied --prices demo/prices
explain energy --session 2008-10-10 --config demo --prices demo/prices
explain energy --session 2020-03-09 --config demo --prices demo/prices
explain staples --session 2020-03-12 --config demo --prices demo/prices
explain technology --session 2019-06-12 --config demo --prices demo/prices
explain sp500 --config demo --prices demo/prices
whatif energy -8 --config demo --prices demo/prices
whatif staples -15 --window 5 --lang zh --config demo --prices demo/prices
chart energy --lang zh -o demo.png --config demo --prices demo/prices
check --config demo
check --format csv --config demo
check --format jsonl --config nine
BOT_SCHEDULE__POLL_MINUTES=10 check --format jsonl --config demo
schema bot
schema baskets
schema events
"""
# Of these the exit code alone is frozen.
MISTAKES = """\
no-such-command
replay --no-such-option
replay energi
replay energi --config demo --prices demo/prices
replay --from 2020-13-01 --config demo --prices demo/prices
replay --from 2020-03-09 --to 2020-03-01 --config demo --prices demo/prices
replay --from 2031-01-01 --config demo --prices demo/prices
replay --config demo --prices no-folder
replay --config demo --prices empty
replay --format xml --config demo --prices demo/prices
replay --lang fr --config demo --prices demo/prices
verdicts --config demo
verdicts energy --window 0 --config demo --prices demo/prices
explain energy --session 2020-03-08 --config demo --prices demo/prices
whatif energy deep --config demo --prices demo/prices
tune energy --apply --config demo --prices demo/prices
tune --rule nonsense --config demo --prices demo/prices
tune --report no-folder/report.html --config demo --prices demo/prices
check --config no-folder
check --config empty
check --config broken
check --config unknown
BOT_SCHEDULE__POLL_MINUTES=0 check --config demo
schema weather
schema --out no-folder
demo --charts no-folder
demo --from 2031-01-01
chart energy -o no-folder/chart.png --config demo --prices demo/prices
deliveries --config demo
deliveries --config garbage
migrate --config foreign
migrate --config garbage
send-test --config demo
run --config no-folder
"""


def renamed(text: str) -> str:
    """The text with the new names."""
    for old, new in RENAMED:
        text = text.replace(old, new)
    return text


def without_age(text: str) -> str:
    """The output of `now` without the age of the data."""
    return re.sub(r' +(age|[\d,]+ [dh])$|, "age": "[^"]*"', "", text, flags=re.MULTILINE)


def without_widths(text: str) -> str:
    """A table whose columns may have become wider by a renamed word."""
    return re.sub(r" {2,}|-{2,}|─{2,}", "  ", text)


def schema(text: str) -> str:
    """A JSON Schema with its definitions in their places, without titles and descriptions."""
    whole = json.loads(text)

    def plain(node: Any) -> Any:
        if isinstance(node, list):
            return [plain(part) for part in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            node = whole["$defs"][node["$ref"].rsplit("/", 1)[1]] | {k: v for k, v in node.items() if k != "$ref"}
        kept = {key: plain(value) for key, value in node.items() if key not in {"title", "description", "$defs"}}
        if "properties" in node:  # its keys are names of ours
            kept["properties"] = {name: plain(value) for name, value in node["properties"].items()}
        return kept

    return json.dumps(plain(whole), indent=1, sort_keys=True)


TELEGRAM: dict[str, Any] = {
    "getMe": {"id": 1, "is_bot": True, "first_name": "Bot", "username": "a_bot"},
    "getWebhookInfo": {"url": "", "has_custom_certificate": False, "pending_update_count": 0},
    "sendMessage": {"message_id": 2, "date": 0, "chat": {"id": 7, "type": "private"}},
}
COMMAND = {
    "update_id": 1,
    "message": {
        "message_id": 1,
        "date": 0,
        "chat": {"id": 7, "type": "private"},
        "from": {"id": 7, "is_bot": False, "first_name": "A"},
        "text": "/help",
        "entities": [{"type": "bot_command", "offset": 0, "length": 5}],
    },
}
WASHED: dict[str, Callable[[str], str]] = {
    "check --config demo": without_widths,
    "now": without_age,
    "schema": schema,
    "tune --config": without_widths,
    "tune energy": without_widths,
}


def content(file: Path) -> str:
    """The text of a file, or the hash of a picture."""
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.suffix == ".png" else renamed(file.read_text("utf-8"))


def answer_of(url: str) -> str:
    """The text at an address; empty where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - the process that was started
            return str(answer.read().decode())
    except OSError:
        return ""


class Telegram(BaseHTTPRequestHandler):
    """As much of Telegram's Bot API as a process needs to begin, and a person who writes one command."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        method = self.path.rsplit("/", 1)[1]
        result = TELEGRAM.get(method, True)
        if method == "getUpdates":
            result = [] if re.search(rb"offset=2|\"offset\": ?2", body) else [COMMAND]
            time.sleep(0.5)
        answer = json.dumps({"ok": True, "result": result}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        with contextlib.suppress(OSError):  # the process may have ended meanwhile
            self.end_headers()
            self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


class Program:
    """The command line of one checkout, in a folder to which all that the commands name is relative."""

    def __init__(self, checkout: Path, folder: Path, real: Path | None) -> None:
        self.folder = folder
        left_out = ("BOT_", "DATABASE_URL", "COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "LANG", "LC_")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
        self.environ = kept | {"PYTHONPATH": str(checkout), "LC_ALL": "C.UTF-8"}
        for name in ("demo", "applied"):
            shutil.copytree(checkout / "config" / "demo", folder / name)
        shutil.copytree(HERE / "nine", folder / "nine")
        if "[rules.rungs]" in (checkout / "config" / "bot.toml").read_text("utf-8"):
            rules = folder / "nine" / "bot.toml"
            rules.write_text(rules.read_text("utf-8").replace("[rules.levels]", "[rules.rungs]"), "utf-8")
        if real is not None:
            (folder / "prices").symlink_to(real, target_is_directory=True)
        for name in ("empty", "charts/en", "charts/zh"):
            (folder / name).mkdir(parents=True)
        (folder / "garbage.sqlite3").write_text("these are no tables\n" * 100)
        for name, settings in (
            ("broken", "[storage\n"),
            ("unknown", '[storage]\ndata_dyr = "data"\n'),
            ("garbage", '[storage]\ndatabase = "sqlite:///garbage.sqlite3"\n'),
            ("foreign", '[storage]\ndatabase = "mysql://localhost/bot"\n'),
        ):
            shutil.copytree(folder / "nine", folder / name)
            (folder / name / "bot.toml").write_text(settings)

    def start(self, line: str) -> subprocess.Popen[str]:
        words = shlex.split(line)
        variables = [word for word in words if re.match(r"[A-Z_]+=", word)]
        return subprocess.Popen(
            [sys.executable, "-m", "bot", *words[len(variables) :]],
            cwd=self.folder,
            env=self.environ | dict(word.split("=", 1) for word in variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def typed(self, line: str) -> tuple[int, str, str]:
        """The exit code, standard output and standard error."""
        process = self.start(line)
        try:
            out, err = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
        place = f"{self.folder.resolve()}/"
        return process.returncode, out.replace(place, ""), err.replace(place, "")

    def output(self, line: str) -> str:
        """Standard output, standard error and the written files, without what may change."""
        code, out, err = self.typed(line)
        wash = next((wash for begin, wash in WASHED.items() if line.startswith(begin)), str)
        parts = [wash(renamed(out)) if code == 0 else out, renamed(err), f"exit code {code}"]
        names = re.findall(r"(?:--charts|--report|-o) (\S+)", line)
        names += [f"{config}/bot.toml" for config in re.findall(r"--apply .*--config (\S+)", line)]
        for place in (self.folder / name for name in names):
            files = sorted(place.iterdir()) if place.is_dir() else [place]
            parts += [f"{file.relative_to(self.folder)}\n{content(file)}" for file in files]
        return "\n".join(parts)

    def exit_code(self, line: str) -> str:
        return f"exit code {self.typed(line)[0]}"

    def metrics(self) -> str:
        """Names, types and label names of /metrics after the first look and the first command of a process."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        text, awaited = "", ("drawdown_look_seconds", "drawdown_commands_total{")
        with ThreadingHTTPServer(("127.0.0.1", 0), Telegram) as telegram:
            threading.Thread(target=telegram.serve_forever, daemon=True).start()
            variables = {
                "BOT_OPERATION__PORT": port,
                "BOT_STORAGE__DATABASE": "sqlite:///run.sqlite3",
                "BOT_TELEGRAM__TOKEN": "1:" + 35 * "a",
                "BOT_TELEGRAM__BASE_URL": f"http://127.0.0.1:{telegram.server_port}/bot",
                "NO_PROXY": "127.0.0.1",
            }
            words = [f"{name}={value}" for name, value in variables.items()]
            process = self.start(shlex.join([*words, "run", "--config", "demo", "--prices", "demo/prices"]))
            try:
                for _ in range(int(SECONDS / 0.1)):
                    if process.poll() is not None or all(name in text for name in awaited):
                        break
                    time.sleep(0.1)
                    text = answer_of(f"http://127.0.0.1:{port}/metrics")
            finally:
                process.terminate()
                _, err = process.communicate(timeout=SECONDS)
                telegram.shutdown()
        kinds = re.findall(r"^# TYPE (\S+ \S+)$", text, re.MULTILINE)
        labelled = re.findall(r"^(\w+)\{(.*)\} \S+$", text, re.MULTILINE)
        labels = {" ".join([name, *re.findall(r"(\w+)=", inner)]) for name, inner in labelled}
        return "\n".join([*sorted(kinds), *sorted(labels), "" if kinds else err, f"exit code {process.returncode}"])

    def rows(self) -> dict[str, Callable[[], str]]:
        """What produces the text of each row, by the row's name."""
        return {
            **{line: partial(self.output, line) for line in OUTPUTS.splitlines()},
            "/metrics of a process": self.metrics,
            **{f"exit code of {line}": partial(self.exit_code, line) for line in MISTAKES.splitlines()},
        }


def produce(
    rows: Mapping[str, Callable[[], str]], jobs: int, kept: Path, expected: Mapping[str, str]
) -> dict[str, str]:
    """The hash of each row, in the order of the rows; the text is written into a file in `kept`."""
    began = time.monotonic()
    hashes = {}
    with ThreadPoolExecutor(jobs) as pool:
        running = {pool.submit(row): name for name, row in rows.items()}
        for number, done in enumerate(as_completed(running), 1):
            name, text = running[done], done.result()
            (kept / f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', name)}.txt").write_text(text, "utf-8")
            hashes[name] = hashlib.sha256(text.encode()).hexdigest()
            word = "same" if hashes[name] == expected.get(name) else "DIFFERS" if name in expected else "new"
            print(f"{time.monotonic() - began:4.0f} s  {number:>3} of {len(rows)}  {word:<7}  {name}", flush=True)
    return {name: hashes[name] for name in rows}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--keep", type=Path, metavar="DIR")
    parser.add_argument("--checkout", type=Path, default=HERE.parents[1], metavar="DIR")
    parser.add_argument("--jobs", type=int, default=2, metavar="N")
    given = parser.parse_args()
    real = Path(os.environ["REAL_DATA"], "prices").resolve() if os.environ.get("REAL_DATA") else None
    if real is None:
        print(f"REAL_DATA is not set: the rows with {NINE} are left out.")
    expected: dict[str, str] = json.loads(HASHES.read_text("utf-8")) if HASHES.exists() else {}
    kept = given.keep or Path(tempfile.mkdtemp(prefix="frozen-outputs-"))
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="frozen-") as folder:
        program = Program(given.checkout.resolve(), Path(folder), real)
        rows = {
            name: row
            for name, row in program.rows().items()
            if (real or NINE not in name) and any(part in name for part in given.rows or [""])
        }
        for config in ("--config demo --prices demo/prices", NINE)[: 2 if real else 1]:
            program.typed(f"now {config}")  # calendars and prices are read in once, not by each of the rows
        hashes = produce(rows, given.jobs, kept, expected)
    different = [name for name in hashes if hashes[name] != expected.get(name)]
    if given.write:
        merged = {name: (expected | hashes).get(name) for name in program.rows()}
        HASHES.write_text(json.dumps({name: one for name, one in merged.items() if one}, indent=1) + "\n", "utf-8")
    for name in different:
        print(f"{'WRITTEN' if given.write else 'DIFFERS'}: {name}")
    print(f"{len(hashes) - len(different)} of {len(hashes)} outputs are as they were.")
    if (different and not given.write) or given.keep:
        print(f"The outputs are in {kept}.")
    else:
        shutil.rmtree(kept)
    return DIFFERS if different and not given.write else 0


if __name__ == "__main__":
    sys.exit(main())
