"""A third language is one more file: settings, commands and messages know it without a line of code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import bot

PACKAGE = Path(bot.__file__).parent
DEMO = PACKAGE.parent / "config" / "demo"
CHANNEL = '\n[[telegram.channels]]\nchat = "@kanal"\nlanguage = "de"\n'
PROGRAM = """
from pathlib import Path
from bot.cli.output import language
from bot.settings.load import load_settings
from tests.golden.scenes import SCENES
from tests.golden.test_messages import messages

settings = load_settings(Path("config"), {})
print(language("de"), settings.destinations()[0].language, settings.rulebook().baskets[-1].name("de"))
print(*(one.plain for one in messages(SCENES["fall_with_every_line"]()) if one.language == "de"))
"""


def test_a_catalogue_is_all_it_takes(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "bot", ignore=shutil.ignore_patterns("__pycache__"))
    english = (PACKAGE / "messages" / "en.toml").read_text(encoding="utf-8")
    german = english.replace('locale = "en"', 'locale = "de"').replace('date = "{day} ', 'date = "{day}. ')
    (tmp_path / "bot" / "messages" / "de.toml").write_text(german, encoding="utf-8")
    config = tmp_path / "config"
    config.mkdir()
    (config / "bot.toml").write_text((DEMO / "bot.toml").read_text(encoding="utf-8") + CHANNEL, encoding="utf-8")
    baskets = (DEMO / "baskets.toml").read_text(encoding="utf-8")
    renamed = baskets.replace('en = "S&P 500"', 'en = "S&P 500", de = "Aktienindex"')
    (config / "baskets.toml").write_text(renamed, encoding="utf-8")
    shutil.copy(DEMO / "events.toml", config)
    path = os.pathsep.join(map(str, (tmp_path, PACKAGE.parent)))
    told = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM], cwd=tmp_path, env={"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
        capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert (told.returncode, told.stderr) == (0, "")
    first, headline, facts, *_ = told.stdout.split("\n")
    assert first == "de de Aktienindex"
    assert headline.startswith("🟠 Memory −21,6 % in two sessions: worst in ")
    assert facts.startswith("closed 14. Apr. 2023 · −10,")
    assert "Do" in facts  # Thursday's name, by Babel
