"""Digests of the library's own code, so that a stage whose code changed is run again."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
# Settings reach a stage as parameters; that a key was added or described anew changes nothing.
NOT_CODE = frozenset({"config", "errors", "logs", "progress"})


def code_digest(module: str) -> str:
    """Digest of a module of this package and of every module of it that it imports.

    Comments, docstrings and layout do not count: only a change of the code itself reruns a stage.

    Parameters
    ----------
    module
        Name below the package, such as ``"render"``.
    """
    digest = hashlib.sha256()
    for name in sorted(_closure(module)):
        digest.update(f"{name}\0{_module(name)[0]}\0".encode())
    return digest.hexdigest()[:16]


def data_digest(folder: str) -> str:
    """Digest of the files of a folder of this package that are no code, such as templates."""
    digest = hashlib.sha256()
    for path in sorted((PACKAGE / folder).iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _closure(module: str) -> set[str]:
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found | NOT_CODE:
            found.add(name)
            waiting += _module(name)[1]
    return found


def _file(name: str) -> Path | None:
    stem = PACKAGE.joinpath(*name.split("."))
    return next((p for p in (stem.with_suffix(".py"), stem / "__init__.py") if p.is_file()), None)


@cache
def _module(name: str) -> tuple[str, list[str]]:
    """Return a module's code, and what it imports of this package."""
    tree = _tree(name)
    return ast.dump(tree), _imports(tree)


def _tree(name: str) -> ast.Module:
    file = _file(name)
    if file is None:
        raise ModuleNotFoundError(f"ucmgcn has no module {name}")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return tree


def _imports(tree: ast.Module) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ucmgcn":
            base = (node.module or "").split(".")[1:]
            names += [".".join([*base, alias.name]) for alias in node.names] + [".".join(base)]
        elif isinstance(node, ast.Import):
            names += [a.name[len("ucmgcn.") :] for a in node.names if a.name.startswith("ucmgcn.")]
    return [name for name in names if name and _file(name)]
