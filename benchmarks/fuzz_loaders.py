"""Fuzz the loaders of meshes and photos with atheris: each input must load or be an ItemError.

    python -m pip install -e ".[fuzz]"
    python benchmarks/fuzz_loaders.py obj -max_total_time=120 [CORPUS]

The first argument is a mesh format or ``photo``; the others are libFuzzer's. An input that makes a
loader fail in another way is kept as ``crash-*`` in the working folder. In the pipeline such a
failure costs only the file that causes it (see `ucmgcn.core.worker`), but it is a defect.
"""

from __future__ import annotations

import io
import logging
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import atheris
import numpy as np

with atheris.instrument_imports(include=["ucmgcn", "trimesh", "collada", "PIL"]):
    import trimesh
    from PIL import Image

    from ucmgcn.core.errors import ItemError
    from ucmgcn.media.formats import MESH_SUFFIXES
    from ucmgcn.media.meshes import load_mesh
    from ucmgcn.media.photos import load_photo


def seeds(kind: str) -> list[bytes]:
    """Return small intact files to start from."""
    if kind == "photo":
        noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        made = []
        for name in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000"):
            stream = io.BytesIO()
            Image.fromarray(noise).save(stream, name)
            made.append(stream.getvalue())
        return made
    if kind == "gltf":
        return [
            next(
                iter(
                    trimesh.exchange.gltf.export_gltf(
                        trimesh.Scene(trimesh.creation.box()), embed_buffers=True
                    ).values()
                )
            )
        ]
    content = trimesh.creation.box().export(file_type=kind)
    return [content.encode() if isinstance(content, str) else content]


def target(kind: str, folder: Path) -> Callable[[bytes], None]:
    """Return the function that tries one input."""
    path = folder / f"input.{'jpg' if kind == 'photo' else kind}"

    def one(data: bytes) -> None:
        path.write_bytes(data)
        try:
            if kind == "photo":
                assert load_photo(path, 16).shape == (16, 16, 3)
            else:
                mesh = load_mesh(path, textures=True)
                assert np.isfinite(mesh.vertices).all()
                assert mesh.faces.min() >= 0 and mesh.faces.max() < len(mesh.vertices)
        # MemoryError: a file declares an enormous size; the worker rejects it.
        except (ItemError, MemoryError):
            pass

    return one


def main() -> None:
    """Run libFuzzer."""
    kinds = [*(suffix[1:] for suffix in MESH_SUFFIXES), "photo"]
    if len(sys.argv) < 2 or sys.argv[1] not in kinds:
        sys.exit(f"usage: fuzz_loaders.py FORMAT [libFuzzer's options]; formats: {' '.join(kinds)}")
    kind = sys.argv.pop(1)
    warnings.simplefilter("ignore")
    logging.disable()
    with tempfile.TemporaryDirectory() as scratch:
        corpus = Path(scratch, "corpus")
        corpus.mkdir()
        for number, content in enumerate(seeds(kind)):
            (corpus / f"{number}").write_bytes(content)
        atheris.Setup([*sys.argv, str(corpus)], target(kind, Path(scratch)))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
