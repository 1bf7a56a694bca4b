"""The library's structure: imports go down, without a circle; functions and classes are small."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from project import ROOT

LIBRARY = ROOT / "workflow" / "scripts" / "ucmgcn"
LINES = {ast.FunctionDef: 40, ast.AsyncFunctionDef: 40, ast.ClassDef: 200}


def definitions(folder: Path) -> Iterator[tuple[Path, ast.stmt]]:
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, tuple(LINES)):
                yield path, node


def lines_of(node: ast.stmt) -> int:
    """Lines of a definition without its docstring, which may be long."""
    documented = ast.get_docstring(node) is not None
    first = node.body[0].end_lineno - node.body[0].lineno + 1 if documented else 0
    return node.end_lineno - node.lineno + 1 - first


def imports(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_imports_go_down_and_in_no_circle() -> None:
    """The contracts of pyproject.toml; imports inside of functions count too."""
    result = imports("--no-cache")
    assert result.returncode == 0, result.stdout
    assert "2 kept, 0 broken" in result.stdout


def test_an_init_of_a_package_imports_nothing() -> None:
    """A search must not import torch because it imports a neighbour of what does."""
    for path in LIBRARY.rglob("*/__init__.py"):
        (docstring,) = ast.parse(path.read_text()).body
        assert isinstance(docstring, ast.Expr), path


def test_functions_and_classes_are_small() -> None:
    long = [
        f"{path.relative_to(LIBRARY)}: {node.name}: {lines_of(node)} lines"
        for path, node in definitions(LIBRARY)
        if lines_of(node) > LINES[type(node)]
    ]
    assert not long


def test_private_names_stay_in_their_module() -> None:
    for path in sorted(LIBRARY.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ucmgcn"):
                taken = [a.name for a in node.names if a.name[0] == "_" and a.name[:2] != "__"]
                assert not taken, f"{path}: {taken}"


def test_adapters_are_thin() -> None:
    for path in (ROOT / "workflow" / "scripts").glob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= 30, path
        assert "def " not in text, path
