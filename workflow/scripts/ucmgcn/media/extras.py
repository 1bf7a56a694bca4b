"""Packages that only some formats need; they come with an extra of this one."""

from __future__ import annotations

import importlib
from typing import Any

from ucmgcn.core.errors import ItemError


def import_extra(module: str, package: str, kind: str) -> Any:
    """Import a module of an optional package.

    Raises
    ------
    ItemError
        If it is not installed; says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ItemError(
            f"{kind} files need the package {package}, which is not installed: "
            f"pip install 'ucmgcn[formats]'"
        ) from None
