"""Fuzz the loaders of meshes and photos with atheris: each input must load or be an ItemError.

    python -m pip install -e ".[fuzz]"
    python benchmarks/fuzz_loaders.py obj -max_total_time=120 [CORPUS]

The first argument is a mesh format, ``mtl``, ``photo``, ``heic`` or ``jxl``; the others are
libFuzzer's.
FBX, USD, 3MF, STEP, HEIC and JPEG XL are read by libraries that are not instrumented. An input
that makes a loader fail in another way is kept as ``crash-*`` in the working folder. In the
pipeline such a failure costs only the file that causes it (see `ucmgcn.core.worker`), but it is a
defect.
"""

from __future__ import annotations

import logging
import resource
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import atheris
import numpy as np

with atheris.instrument_imports(include=["ucmgcn", "xml", "PIL"]):
    from fuzz_seeds import MTL, OBJ, seeds
    from PIL import Image

    from ucmgcn.core.errors import ItemError
    from ucmgcn.media.formats import MESH_SUFFIXES
    from ucmgcn.media.meshes import load_mesh
    from ucmgcn.media.photos import load_photo

PHOTOS = ("photo", "heic", "jxl")
MEMORY = 6 * 2**30  # bytes


def target(kind: str, folder: Path) -> Callable[[bytes], None]:
    """Return the function that tries one input."""
    path = folder / f"input.{'jpg' if kind == 'photo' else kind}"
    is_photo = kind in PHOTOS
    Image.new("RGB", (4, 4)).save(folder / "skin.png")
    (folder / "skin.mtl").write_text(MTL)
    if kind == "mtl":
        path = folder / "skin.mtl"
        (folder / "mesh.obj").write_text(OBJ)

    def one(data: bytes) -> None:
        path.write_bytes(data)
        try:
            if is_photo:
                assert load_photo(path, 16).shape == (16, 16, 3)
            else:
                mesh = load_mesh(folder / "mesh.obj" if kind == "mtl" else path, textures=True)
                assert np.isfinite(mesh.vertices).all()
                assert mesh.faces.min() >= 0 and mesh.faces.max() < len(mesh.vertices)
        # MemoryError: a file declares an enormous size; the worker rejects it.
        except (ItemError, MemoryError):
            pass

    return one


def main() -> None:
    """Run libFuzzer."""
    kinds = [*(suffix[1:] for suffix in MESH_SUFFIXES), "mtl", *PHOTOS]
    if len(sys.argv) < 2 or sys.argv[1] not in kinds:
        sys.exit(f"usage: fuzz_loaders.py FORMAT [libFuzzer's options]; formats: {' '.join(kinds)}")
    kind = sys.argv.pop(1)
    warnings.simplefilter("ignore")
    logging.disable()
    # As in the worker, where a file that declares an enormous size fails to get the memory.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as scratch:
        corpus = Path(scratch, "corpus")
        corpus.mkdir()
        for number, content in enumerate(seeds(kind)):
            (corpus / f"{number}").write_bytes(content)
        atheris.Setup([*sys.argv, str(corpus)], target(kind, Path(scratch)))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
