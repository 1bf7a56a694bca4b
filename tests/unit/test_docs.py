"""The docs: the README's length, links and anchors, paths that pages name, generated settings."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import ROOT
from scripts import load

from ucmgcn.pipeline.config import keys

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PACKAGE = ROOT / "workflow" / "scripts" / "ucmgcn"
MOST_WORDS = 900
CODE = re.compile(r"```.*?```", re.DOTALL)
BENCHMARKS = ROOT / "benchmarks"
HOMES = (ROOT, PACKAGE, PACKAGE.parent)
NAMED = re.compile(r"[\w./-]*\w\.(?:py|sh|smk)\b")
# What a reader writes, what every stage has, and a package of that name.
NO_PLACE = {"mine.py", "stage.py", "boolean.py"}

settings = load("docs/settings.py")
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def without_code(page: Path) -> str:
    return CODE.sub("", page.read_text())


def links(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the file and the anchor of each relative link of a page."""
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page)):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield path, anchor


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as code forges make them: no punctuation, spaces to hyphens."""
    headings = re.findall(r"^#+ (.*)$", without_code(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_short() -> None:
    """As `wc -w` counts: code and tables too."""
    assert len(PAGES[0].read_text().split()) <= MOST_WORDS


def test_the_readme_has_one_table_of_results() -> None:
    assert PAGES[0].read_text().count("<!-- result: ") == 1


@each_page
def test_every_link_and_anchor_resolves(page: Path) -> None:
    for path, anchor in links(page):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


@each_page
def test_every_file_of_code_that_a_page_names_exists(page: Path) -> None:
    for name in set(NAMED.findall(page.read_text())) - NO_PLACE:
        # `core/worker.py`, `ucmgcn/core/worker.py`; without a folder `soak.py`, a benchmark.
        homes = (page.parent, *HOMES) if "/" in name else (BENCHMARKS, PACKAGE)
        assert any((home / name).is_file() for home in homes), name


def test_the_index_lists_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    listed = {(index.parent / path).resolve() for path, _ in links(index)}
    assert set(PAGES) - {index} <= listed


def test_the_map_of_the_library_names_every_package() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (layout,) = re.findall(r"```\n(settings\.py.*?)```", text, re.DOTALL)
    named = {name for line in layout.splitlines() for name in re.findall(r"(\w+)/", line)}
    packages = {path.parent for path in PACKAGE.glob("*/__init__.py")}
    inner = {PACKAGE / "datasets" / "kinds", PACKAGE / "features" / "encoders"}
    assert named == {path.name for path in packages | inner}
    assert all((ROOT / "tests" / "unit" / path.name).is_dir() for path in packages)


def test_the_order_of_imports_is_the_one_that_is_checked() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (order,) = re.findall(r"```\n(cli > .*)\n```", text)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contract = project["tool"]["importlinter"]["contracts"][0]
    assert order.replace(", ", " | ").split(" > ") == contract["layers"]


def test_the_settings_are_those_of_the_code() -> None:
    assert settings.PAGE.read_text() == settings.page(), "make settings"


def test_the_settings_hold_every_key_and_default() -> None:
    text = settings.PAGE.read_text()
    for name, default, description in keys():
        meaning = description.replace("<", "&lt;")
        assert f"| `{name}` | `{shown(default)}` | {meaning} |" in text, name


def shown(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, list | tuple):
        return "[" + ", ".join(map(str, default)) + "]"
    return '""' if default == "" else str(default)
