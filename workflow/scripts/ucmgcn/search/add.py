"""Add a mesh to the library of a finished run, searchable before the next run.

It is rendered and described just as the run did it, into a folder of its own below
`results/<dataset>/added`. It is also copied to the meshes of the data set, where the next run finds
it; once that has indexed it, what lies in `added` is no longer read.
"""

from __future__ import annotations

import filecmp
import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh

from ucmgcn.core.errors import ItemError, UserError
from ucmgcn.core.item_warnings import ItemWarning
from ucmgcn.core.worker import Arrays, Task, Worker
from ucmgcn.datasets.manifest import Item
from ucmgcn.features.encoders.encoder import Encoder
from ucmgcn.features.stage import extract_view_features
from ucmgcn.files.atomic import atomic_path
from ucmgcn.files.shards import open_shard
from ucmgcn.index.file import Facts, Model
from ucmgcn.media.meshes import Companions
from ucmgcn.media.photos import start_no_programs
from ucmgcn.render.stage import render_shard
from ucmgcn.search.added import digest_of, folder_of, settings_of
from ucmgcn.settings import Limits

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Target:
    """Where a mesh belongs in the data set.

    Attributes
    ----------
    model
        Its id and category, and where its mesh will lie.
    files
        What has to be copied, as copy and original; empty where the mesh already lies there, or
        where the data set is no folder.
    """

    model: Model
    files: Mapping[Path, Path]


def choose_target(mesh: Path, category: str | None, facts: Facts, root: Path) -> Target:
    """Settle the id of a mesh, and where it is kept.

    Parameters
    ----------
    mesh
        The file. If it lies in the data set's folder of meshes, it stays.
    category
        The subfolder that it goes to; none, or empty, if it has no category.
    root
        Folder of the run.

    Raises
    ------
    ItemError
        If there is no such file, or its name is one that a run passes over.
    UserError
        If the category is no name of a folder.
    """
    if not mesh.is_file():
        raise ItemError("there is no such file")
    if mesh.name.startswith("."):
        raise ItemError("its name starts with a dot, which a run passes over; rename it")
    folder = root / facts.models
    category = _checked(category or "")
    if facts.kind != "folder":
        id = "/".join(filter(None, (category, mesh.stem)))
        return Target(Model(id, category, mesh.resolve()), {})
    if mesh.resolve().is_relative_to(folder.resolve()):
        inside = mesh.resolve().relative_to(folder.resolve())
        own = inside.parts[0] if len(inside.parts) > 1 else ""
        model = Model(inside.with_suffix("").as_posix(), own, Path(facts.models) / inside)
        return Target(model, {})
    others = companions(mesh)
    # Two meshes may each have a file of the same name, such as material.mtl.
    home = Path(category, mesh.stem if others and category else "")
    id = (home / mesh.stem).as_posix()
    copies = {folder / home / path: mesh.parent / path for path in (Path(mesh.name), *others)}
    return Target(Model(id, category, Path(facts.models) / home / mesh.name), copies)


def companions(mesh: Path) -> list[Path]:
    """List the materials, textures and buffers of a mesh, relative to its folder.

    The mesh is read in a process of its own, see `ucmgcn.core.worker`.
    """
    with Worker("ucmgcn.search.add:companions_task", {}, Limits()) as find:
        try:
            names = find(str(mesh)).arrays[0]
        # What is wrong with the mesh is said when it is rendered.
        except ItemError as error:
            logger.debug("%s: %s", mesh, error)
            return []
    return [Path(name) for name in json.loads(names.tobytes())]


@contextmanager
def companions_task() -> Iterator[Task]:
    """Give the function that a worker process runs: names of companions, as JSON in an array."""
    start_no_programs()

    def find(path: str) -> Arrays:
        mesh = Path(path)
        found = _asked_for(mesh)
        names = sorted(str(other.relative_to(mesh.parent.resolve())) for other in found)
        return [np.frombuffer(json.dumps(names).encode(), np.uint8)]

    yield find


def _asked_for(mesh: Path) -> set[Path]:
    resolver = _Recorder(str(mesh))
    try:
        with mesh.open("rb") as file:
            trimesh.load_scene(file, file_type=mesh.suffix.lower()[1:], resolver=resolver)
    # As above; what was asked for until then counts.
    except Exception as error:
        logger.debug("%s: %s", mesh, error)
    return resolver.found


def describe_mesh(
    mesh: Path, target: Target, facts: Facts, home: Path, encoder: Encoder
) -> list[ItemWarning]:
    """Render and describe a mesh, and keep both below `home`, the data set's results.

    Returns
    -------
    What is to be said about the mesh, such as that a texture is missing.

    Raises
    ------
    ItemError
        If the mesh cannot be rendered; the message is the reason.
    UserError
        If no OpenGL context can be opened.
    """
    model, folder = target.model, folder_of(home, target.model.id)
    provenance = {
        "model": [model.id, model.category, str(model.path)],
        "digest": digest_of(mesh),
        "like": settings_of(facts),
    }
    views, features = folder / "views.h5", folder / "features.h5"
    for old in (views, features):
        old.unlink(missing_ok=True)
    row = Item(model.id, str(mesh), model.category, "", 0, 0)
    render_shard([row], views, facts.render_config, provenance)
    with open_shard(views, "views") as shard:
        rejected, warnings = shard.rejected, shard.warnings.get(model.id, [])
    if rejected:
        shutil.rmtree(folder)
        raise ItemError(rejected[0].reason)
    extract_view_features(views, features, encoder, facts.features_config, provenance)
    return warnings


def check_place(target: Target) -> None:
    """Raise ItemError if another file lies where the mesh, or a file of it, belongs."""
    for copy, original in target.files.items():
        if copy.exists() and not filecmp.cmp(copy, original, shallow=False):
            raise ItemError(f"there is another file {copy}; rename yours")


def keep(target: Target) -> None:
    """Copy a mesh, and what it refers to, to the meshes of the data set."""
    for copy, original in target.files.items():
        with atomic_path(copy) as partial:
            shutil.copyfile(original, partial)


def _checked(category: str) -> str:
    if category.startswith(".") or "/" in category or "\\" in category:
        raise UserError(f"category {category!r} is no name of a folder; take plain words")
    return category


class _Recorder(Companions):
    """Keeps which files were asked for and are there."""

    def __init__(self, source: str, found: set[Path] | None = None) -> None:
        super().__init__(source)
        self.found: set[Path] = set() if found is None else found

    def absolute(self, name: str) -> Path:
        path = super().absolute(name)
        if path.is_file():
            self.found.add(path)
        return path

    def namespaced(self, namespace: str) -> _Recorder:
        return _Recorder(str(Path(self.parent, namespace)), self.found)
