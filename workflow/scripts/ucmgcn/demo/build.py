"""Build the demo set: parametric gallery meshes, and photo-like queries of other instances."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from ucmgcn.core.errors import UserError
from ucmgcn.core.worker import die_with
from ucmgcn.demo.catalogue import CATEGORIES, generator, instance
from ucmgcn.demo.solids import rotation, to_trimesh
from ucmgcn.render.gl import select_platform

FORMATS = ("obj", "ply", "glb", "off", "stl")
QUALITY = (60, 92)

TEXT_OPTIONS: dict[str, dict[str, Any]] = {
    "obj": {"header": None, "include_normals": False, "digits": 5},
    "off": {"digits": 5},
}

Job = tuple[str, str, int]


def build_demo(
    out: Path,
    seed: int,
    *,
    models_per_category: int = 10,
    photos_per_category: int = 12,
    categories: Sequence[str] | None = None,
    workers: int = 1,
) -> None:
    """Write ``out/models/<category>/<id>.<ext>`` and ``out/images/<category>/<id>.jpg``.

    An item depends only on the seed, its category, its index and whether it is a model or a photo.
    So a smaller build is part of a larger one. No photo shows a gallery model. The folder appears
    only when it is complete.

    Parameters
    ----------
    out : Path
        Folder to create.
    seed : int
        Seed of all items, >= 0.
    models_per_category, photos_per_category : int
        Number of items, >= 0.
    categories : sequence of str, optional
        A subset of ``catalogue.CATEGORIES``; all by default.
    workers : int
        Number of processes.

    Raises
    ------
    UserError
        If ``out`` exists, a category is unknown, a number is negative, or OpenGL does not work.
    """
    names = list(CATEGORIES) if categories is None else list(categories)
    _check(out, seed, names, min(models_per_category, photos_per_category))
    jobs: list[Job] = [("model", c, i) for c in names for i in range(models_per_category)]
    jobs += [("photo", c, i) for c in names for i in range(photos_per_category)]
    out.parent.mkdir(parents=True, exist_ok=True)
    # The name is fixed, so that the next run removes what a killed run left behind.
    folder = out.with_name(f".partial-{out.name}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        _run(partial(_make, folder, seed), jobs, workers)
        folder.rename(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def demo_files(out: Path, models_per_category: int, photos_per_category: int) -> list[str]:
    """List the files of the demo set, or those it will have once it is built.

    So building the set does not change the list; adding or removing a file does.

    Returns
    -------
    list of str
        Paths below `out`, sorted.
    """
    jobs: list[Job] = [("model", c, i) for c in CATEGORIES for i in range(models_per_category)]
    jobs += [("photo", c, i) for c in CATEGORIES for i in range(photos_per_category)]
    out = Path(out)
    names = {_place(job) for job in jobs}
    if out.exists():
        names = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    return sorted(name for name in names if not name.startswith("."))


def _place(job: Job) -> str:
    role, category, index = job
    if role == "model":
        return f"models/{category}/{_model_name(category, index)}"
    return f"images/{category}/{category}_photo_{index:02d}.jpg"


def _check(out: Path, seed: int, names: list[str], least: int) -> None:
    unknown = sorted(set(names) - set(CATEGORIES))
    if unknown:
        raise UserError(
            f"demo: unknown category {unknown[0]!r}; choose from {', '.join(CATEGORIES)}"
        )
    if seed < 0 or least < 0:
        raise UserError("demo: the seed and the numbers of models and photos must not be negative")
    if out.exists():
        raise UserError(f"demo: {out} exists already; remove it or choose another folder")


def _run(make: partial[None], jobs: list[Job], workers: int) -> None:
    """Run the jobs here or in processes, each with one thread of software OpenGL."""
    if workers <= 1:
        for job in jobs:
            make(job)
        return
    begin = partial(_begin, os.getpid())
    with ProcessPoolExecutor(workers, get_context("spawn"), begin) as pool:
        for _ in pool.map(make, jobs, chunksize=4):
            pass


def _begin(parent: int) -> None:
    die_with(parent)
    select_platform(1)


def _make(folder: Path, seed: int, job: Job) -> None:
    role, category, index = job
    path = folder / _place(job)
    if role == "model":
        data = model_bytes(seed, category, index, path.suffix[1:])
    else:
        data = photo_bytes(seed, category, index)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _model_name(category: str, index: int) -> str:
    """File name; the formats alternate, with another start in each category."""
    turn = list(CATEGORIES).index(category) + index
    return f"{category}_{index:02d}.{FORMATS[turn % len(FORMATS)]}"


def model_bytes(seed: int, category: str, index: int, extension: str) -> bytes:
    """One gallery mesh as the content of a file, y up, in metres."""
    mesh = to_trimesh(instance(seed, category, index, "model"))
    upright = np.round(mesh.vertices @ rotation(-90, 0).T, 5)
    mesh.vertices = upright + 0.0
    options = TEXT_OPTIONS.get(extension, {})
    data = mesh.export(file_type=extension, **options)
    return data.encode() if isinstance(data, str) else bytes(data)


def photo_bytes(seed: int, category: str, index: int) -> bytes:
    """One photo as the content of a JPEG file."""
    from PIL import Image

    from ucmgcn.demo.photos import photograph

    rng = generator(seed, category, index, "scene")
    pixels = photograph(rng, category, instance(seed, category, index, "photo"))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=int(rng.integers(*QUALITY)))
    return buffer.getvalue()
