"""Digests of the library's own code, so that a stage reruns when its code has changed.

A digest covers exactly the definitions that can change a stage's output: the functions that its
adapter calls, and every function, class and constant of this package that they refer to, directly
or indirectly. References in annotations and in the names of worker tasks
(``"ucmgcn.media.photos:photo_task"``) count too.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1]
# Modules that transport, report and record results, and do not change them.
CARRIERS = frozenset(
    {
        "core.errors",
        "core.locks",
        "core.processes",
        "core.progress",
        "core.worker",
        "files.digest",
        "pipeline.jobs",
        "pipeline.logs",
        "pipeline.provenance",
    }
)
TASK = re.compile(r"ucmgcn\.([\w.]+):(\w+)")
# Types, which do not affect results, and details of the syntax tree.
SKIPPED = frozenset({"annotation", "returns", "ctx", "kind", "type_comment"})
BODY = ""  # stands for the statements of a module that define no name used elsewhere
MAIN = "__name__ == '__main__'"  # code below it runs in no stage
Place = tuple[str, str]  # module of the package, and a definition in it


def code_digest(*entries: str) -> str:
    """Digest of functions of this package and of all its definitions that they use.

    Comments, docstrings, formatting, descriptions of settings, log messages and the texts of
    UserErrors do not count, so that only a change of the computation reruns a stage.

    Parameters
    ----------
    entries
        Functions as ``module:name``, such as ``"render.stage:render_shard"``.

    Raises
    ------
    LookupError
        If an entry does not exist.
    """
    digest = hashlib.sha256()
    for module, name in sorted(_reached(entries)):
        digest.update(f"{module}:{name}\0{_code(module, name)}\0".encode())
    return digest.hexdigest()[:16]


def data_digest(folder: str) -> str:
    """Digest of all files in a folder of this package, such as templates."""
    digest = hashlib.sha256()
    for path in sorted((PACKAGE / folder).iterdir()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _reached(entries: Iterable[str]) -> set[Place]:
    waiting = []
    for entry in entries:
        module, _, name = entry.partition(":")
        places = list(_resolve(module, name))
        if not places:
            raise LookupError(f"ucmgcn has no {entry}")
        waiting += places
    found: set[Place] = set()
    while waiting:
        place = waiting.pop()
        if place not in found and place[0] not in CARRIERS:
            found.add(place)
            waiting += [(place[0], BODY), *_used_by(*place)]
    return found


@cache
def _used_by(module: str, name: str) -> frozenset[Place]:
    """Return the definitions that a definition refers to."""
    parts = [part for node in _module(module).definitions[name] for part in ast.walk(node)]
    own = _Module()
    _bind_imports(parts, own)  # imports inside a function
    chained: set[ast.expr] = set()
    used: set[Place] = set()
    for part in parts:
        if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            for other in _modules(part.value.id, module, own):
                chained.add(part.value)
                used.update(_resolve(other, part.attr))
    for part in parts:
        if isinstance(part, ast.Name) and part not in chained:
            used.update(_resolve(module, part.id, own))
        elif isinstance(part, ast.Constant) and (task := TASK.fullmatch(str(part.value))):
            used.update(_resolve(task[1], task[2]))
    return frozenset(used)


def _modules(name: str, module: str, own: _Module) -> list[str]:
    """Return the module that a name is bound to, if any."""
    bound = own.imports.get(name) or _module(module).imports.get(name)
    submodule = ".".join(filter(None, bound)) if bound else ""
    return [submodule] if submodule and _file(submodule) else []


def _resolve(module: str, name: str, own: _Module | None = None) -> Iterator[Place]:
    """Yield the definitions of a name used in a module; for a module, all that it holds."""
    if not _file(module):
        return
    known = _module(module)
    if own and name in own.imports:
        yield from _imported(*own.imports[name])
    elif name in known.definitions:
        yield module, name
    elif name in known.imports:
        yield from _imported(*known.imports[name])


def _imported(module: str, name: str) -> Iterator[Place]:
    submodule = ".".join(filter(None, (module, name)))
    if _file(submodule):
        yield from ((submodule, each) for each in _module(submodule).definitions)
    else:
        yield from _resolve(module, name)


@dataclass
class _Module:
    """The definitions of a module, and its imports from this package."""

    definitions: dict[str, list[ast.stmt]] = field(default_factory=lambda: {BODY: []})
    imports: dict[str, Place] = field(default_factory=dict)


@cache
def _module(name: str) -> _Module:
    file = _file(name)
    assert file is not None
    module = _Module()
    _fill(module, ast.parse(file.read_text(encoding="utf-8")).body)
    return module


@cache
def _file(name: str) -> Path | None:
    stem = PACKAGE.joinpath(*name.split("."))
    return next((p for p in (stem.with_suffix(".py"), stem / "__init__.py") if p.is_file()), None)


def _fill(module: _Module, statements: Iterable[ast.stmt]) -> None:
    for node in statements:
        if isinstance(node, ast.Import | ast.ImportFrom):
            _bind_imports([node], module)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            _fill(module, node.body)
        elif not (_is_text(node) or (isinstance(node, ast.If) and ast.unparse(node.test) == MAIN)):
            for name in _names(node) or [BODY]:
                module.definitions.setdefault(name, []).append(node)


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is a string alone, as a module's docstring is."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


@cache
def _words() -> Counter[str]:
    """Number of occurrences of each word in the package; `project` holds adapters, if anything."""
    files = (
        path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] != "project"
    )
    texts = (path.read_text(encoding="utf-8") for path in files)
    return Counter(word for text in texts for word in re.findall(r"\w+", text))


def _names(node: ast.stmt) -> list[str]:
    """Names that a statement defines; empty if it does something else.

    A value whose name occurs nowhere else may be used by other means, so it counts as a statement.
    """
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return [name for name in names if _words()[name] > 1]


def _bind_imports(nodes: Iterable[ast.AST], module: _Module) -> None:
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ucmgcn":
            source = (node.module or "").partition(".")[2]
            module.imports |= {a.asname or a.name: (source, a.name) for a in node.names}


@cache
def _code(module: str, name: str) -> str:
    """A definition as text, without the parts that do not affect results."""
    parts: list[str] = []
    for node in _module(module).definitions[name]:
        _write(node, parts)
    return " ".join(parts)


def _write(value: object, parts: list[str]) -> None:
    if isinstance(value, list):
        parts.append("[")
        for item in value:
            _write(item, parts)
        parts.append("]")
    elif not isinstance(value, ast.AST):
        parts.append(repr(value))
    elif not _is_logged(value):
        node = _without_annotation(value)
        parts.append(type(node).__name__)
        for name in node._fields:
            if name not in SKIPPED:
                _write(_field(node, name), parts)


def _field(node: ast.AST, name: str) -> object:
    value: Any = getattr(node, name, None)
    documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    if name == "body" and isinstance(node, documented):
        return value[ast.get_docstring(node, clean=False) is not None :]
    # The text of a UserError, which the user sees instead of a result.
    said = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and name == "args"
    return [] if said and node.func.id == "UserError" else value  # type: ignore[attr-defined]


def _is_logged(node: ast.AST) -> bool:
    call = node.value.func if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else 0
    return isinstance(call, ast.Attribute) and getattr(call.value, "id", "") == "logger"


def _without_annotation(node: ast.AST) -> ast.AST:
    """Strip the bounds and descriptions of settings."""
    while (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Annotated"
        and isinstance(node.slice, ast.Tuple)
    ):
        node = node.slice.elts[0]
    return node
