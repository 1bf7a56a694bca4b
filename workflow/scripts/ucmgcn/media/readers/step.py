"""Read STEP with cascadio (OpenCASCADE), which makes triangles of its surfaces, as glTF.

CAD programs take z for up; the format itself names no axis.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ucmgcn.core.errors import ItemError
from ucmgcn.media.companions import Companions
from ucmgcn.media.extras import import_extra
from ucmgcn.media.readers import gltf
from ucmgcn.media.readers.surfaces import Surface

TO_Y_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
# Largest distance between surface and triangles, as a share of an edge; largest angle, radians.
DISTANCE, ANGLE = 0.01, 0.25
DEFINITION = re.compile(rb"#(\d+)\s*=\s*[!&\w]*\s*[(;#]")
SKIPPED = re.compile(rb"/\*.*?\*/|'[^']*'|<[^<>;]*>", re.DOTALL)  # comments, text, addresses


def read(path: Path, companions: Companions, textures: bool) -> list[Surface]:
    """Return the solids and surfaces, each where the assembly places it; see `Reader`."""
    cascadio = import_extra("cascadio", "cascadio", "STEP")
    content = path.read_bytes()
    _check_references(content)
    made = cascadio.load(
        content,
        tol_linear=DISTANCE,
        tol_angular=ANGLE,
        tol_relative=True,
        use_parallel=False,  # there is a worker per core
    )
    if not made:
        raise ItemError("its STEP is damaged, or it holds no solid and no surface")
    return [(shape, TO_Y_UP @ place) for shape, place in gltf.parse(made, companions, textures)]


def _check_references(content: bytes) -> None:
    """Refuse a file with entities missing: it would be drawn in part, or crash OpenCASCADE."""
    body = SKIPPED.sub(b"", content)
    there = set(map(int, DEFINITION.findall(body)))
    named = re.findall(rb"#(\d*)", body)
    missing = set(map(int, filter(None, named))) - there
    if b"" in named:
        raise ItemError("its STEP is damaged: it has a reference without a number")
    if missing:
        raise ItemError(
            f"its STEP is damaged: it refers to #{min(missing)}, which it lacks"
            + (f", and to {len(missing) - 1} more" if len(missing) > 1 else "")
        )
