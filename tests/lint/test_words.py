"""The words of the code: nouns for variables, unique class names, statements as docstrings, no re-exports."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
VAGUE = {"one", "found", "known", "told", "said", "own", "each", "other"}
QUESTION = re.compile(r"(What|Who|Whom|Why|How|When|Where|Which|Is|Are|Has|Does|Do|Must)\b")
ENTRANCES = {"bot/cli/__init__.py"}  # packages whose `__init__` holds more than a docstring
MODULES = {str(path.relative_to(CHECKOUT)): path.read_text("utf-8") for path in (CHECKOUT / "bot").rglob("*.py")}


def vague_names(source: str) -> Iterator[str]:
    """Variables and parameters whose name does not say what they are."""
    for node in ast.walk(ast.parse(source)):
        name = ""
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        elif isinstance(node, ast.arg):
            name = node.arg
        if name.strip("_") in VAGUE:
            yield name


def class_names(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            yield node.name


def riddles(source: str) -> Iterator[str]:
    """Docstrings that ask: the module's begins like a question, or the first line of any ends as one."""
    tree = ast.parse(source)
    module = ast.get_docstring(tree)
    if module is None:
        yield "module without docstring"
    elif QUESTION.match(module):
        yield module.splitlines()[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node) or ""
            if text.split("\n")[0].endswith("?"):
                yield text.split("\n")[0]


def contents(source: str) -> Iterator[str]:
    """What an `__init__` holds beside its docstring."""
    for node in ast.parse(source).body[1:]:
        yield ast.unparse(node)


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (vague_names, "for one in rows: pass"),
        (vague_names, "def send(found): pass"),
        (riddles, '"""What does it do?"""'),
        (riddles, '"""Which rows are kept."""'),
        (riddles, "x = 1"),
        (riddles, '"""Rows."""\ndef rows():\n    """Are there any?"""'),
        (contents, '"""Rows."""\nfrom bot.rows import Row'),
    ],
)
def test_each_kind_is_seen(check, source: str) -> None:
    assert list(check(source))


@pytest.mark.parametrize("path", sorted(MODULES))
def test_variables_are_called_after_what_they_are(path: str) -> None:
    assert list(vague_names(MODULES[path])) == []


def test_a_class_name_is_there_once() -> None:
    names = Counter(name for source in MODULES.values() for name in class_names(source))
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("path", sorted(MODULES))
def test_docstrings_are_statements(path: str) -> None:
    assert list(riddles(MODULES[path])) == []


@pytest.mark.parametrize("path", sorted(path for path in MODULES if path.endswith("__init__.py")))
def test_a_package_gives_nothing_on(path: str) -> None:
    assert path in ENTRANCES or list(contents(MODULES[path])) == []
