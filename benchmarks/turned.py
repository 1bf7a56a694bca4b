"""Copy a folder of meshes, each rotated at random, as if no mesh had a known upright axis.

python benchmarks/turned.py MODELS OUT
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import trimesh

SUFFIXES = {".obj", ".off", ".ply", ".stl", ".glb"}


def main() -> None:
    """Rotate every mesh of a folder, with its position in name order as the seed."""
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    files = sorted(path for path in source.rglob("*") if path.suffix.lower() in SUFFIXES)
    for number, path in enumerate(files):
        mesh = trimesh.load(path, force="mesh", process=False, skip_materials=True)
        generator = np.random.default_rng(number)
        mesh.apply_transform(trimesh.transformations.random_rotation_matrix(generator.random(3)))
        target = (out / path.relative_to(source)).with_suffix(".ply")
        target.parent.mkdir(parents=True, exist_ok=True)
        mesh.export(target)


if __name__ == "__main__":
    main()
