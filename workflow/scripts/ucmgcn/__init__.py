"""UCM-GCN: find the 3D model that a photo shows.

The parts of the library that are meant for other programs and notebooks are here by name; what
they need is imported when they are asked for, so that `import ucmgcn` costs nothing.
"""

import importlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ucmgcn.core.errors import ItemError, UserError
    from ucmgcn.evaluate.arrays import Evaluation, evaluate_arrays
    from ucmgcn.index.file import Model
    from ucmgcn.search.hits import Hit
    from ucmgcn.search.library import Library

__version__ = "0.1.0"

__all__ = [
    "Evaluation",
    "Hit",
    "ItemError",
    "Library",
    "Model",
    "UserError",
    "__version__",
    "evaluate_arrays",
]

# Where each of them is defined; the names of packages, such as search, are not among them.
_PUBLIC = {
    "Evaluation": "evaluate.arrays",
    "Hit": "search.hits",
    "ItemError": "core.errors",
    "Library": "search.library",
    "Model": "index.file",
    "UserError": "core.errors",
    "evaluate_arrays": "evaluate.arrays",
}

# Libraries that call home, or write into the home folder, unless they are told not to before they
# are imported. Every process of this package inherits it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("DGLBACKEND", "pytorch")


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
