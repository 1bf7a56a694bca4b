"""Add a mesh to the library of a finished run, searchable before the next run.

The mesh is rendered and encoded with the settings of the run, into its own folder below
`results/<dataset>/added`, which `ucmgcn.search.additions` reads. It is also copied to the meshes of
the data set, where the next run finds it. Once that run has indexed it, its folder in `added` is
ignored.
"""

from __future__ import annotations

import filecmp
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ucmgcn.core.errors import ItemError, UserError
from ucmgcn.core.item_warnings import ItemWarning
from ucmgcn.core.printable import escaped, is_plain
from ucmgcn.datasets.manifest import Item
from ucmgcn.features.encoders.encoder import Encoder
from ucmgcn.features.stage import extract_view_features
from ucmgcn.files.atomic import atomic_path
from ucmgcn.files.hashing import file_sha256
from ucmgcn.files.shards import open_shard
from ucmgcn.index.file import Facts, Model
from ucmgcn.render.stage import render_shard
from ucmgcn.search.additions import addition_folder, settings_of
from ucmgcn.search.companions import companions
from ucmgcn.search.contents import Contents

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


def add_mesh(mesh: Path, category: str | None, contents: Contents, encoder: Encoder) -> str:
    """Make a mesh searchable; see `ucmgcn.search.library.Library.add`.

    Parameters
    ----------
    mesh, category
        As of `Library.add`, which says what is returned and raised.
    contents
        The library that it is added to.
    encoder
        That of the run.

    Raises
    ------
    UserError
        Also if no OpenGL context can be opened.
    """
    facts = contents.index.facts
    target = choose_target(mesh, category, facts, contents.root)
    id, path = target.model.id, contents.root / target.model.path
    if _holds(contents, id, mesh):
        return f"{id}: it is in the library already"
    _check_place(target)
    for warning in _describe_mesh(mesh, target, facts, contents.home, encoder):
        logger.warning("%s: %s (%s); %s", mesh, warning.what, warning.detail, warning.mend)
    _keep(target)
    if facts.kind != "folder":
        return f"{id}: searchable until the next run; list it in the {facts.kind} to stay"
    kept = f"copied to {path}" if target.files else f"it lies at {path}"
    return f"{id}: searchable now; {kept}, where the next snakemake run takes it in for good"


def choose_target(mesh: Path, category: str | None, facts: Facts, root: Path) -> Target:
    """Choose the id of a mesh, and where it is kept.

    Parameters
    ----------
    mesh
        The file. If it lies in the data set's folder of meshes, it stays.
    category
        The subfolder that it goes to; none, or empty, if it has no category.
    facts
        What the library was made of.
    root
        Folder of the run.

    Raises
    ------
    ItemError
        If there is no such file, or a run would ignore its name, or it holds control characters.
    UserError
        If the category is no name of a folder.
    """
    if not mesh.is_file():
        raise ItemError("there is no such file")
    if mesh.name.startswith("."):
        raise ItemError("its name starts with a dot, which a run ignores; rename it")
    if not is_plain(mesh.name):
        raise ItemError(f"its name holds control characters: {escaped(mesh.name)}; rename it")
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


def _checked(category: str) -> str:
    if category.startswith(".") or {"/", "\\"} & set(category) or not is_plain(category):
        raise UserError(f"category {category!r} is no name of a folder; take plain words")
    return category


def _holds(contents: Contents, id: str, mesh: Path) -> bool:
    """Whether a mesh is in the library; ItemError if another one has its id."""
    kept = next((contents.root / model.path for model in contents.models if model.id == id), None)
    if kept is None:
        return False
    described = {addition.model.id: addition.digest for addition in contents.additions}
    digest = file_sha256(mesh)
    if kept.is_file() and digest == file_sha256(kept):
        return described.get(id, digest) == digest
    raise ItemError(f"the library has another model {id}; rename the file")


def _check_place(target: Target) -> None:
    """Raise ItemError if another file lies where the mesh, or a file of it, belongs."""
    for copy, original in target.files.items():
        if copy.exists() and not filecmp.cmp(copy, original, shallow=False):
            raise ItemError(f"there is another file {copy}; rename yours")


def _describe_mesh(
    mesh: Path, target: Target, facts: Facts, home: Path, encoder: Encoder
) -> list[ItemWarning]:
    """Render and encode a mesh into its folder below `home`, the data set's results.

    Returns the warnings, such as a missing texture. Raises ItemError if it cannot be rendered.
    """
    model, folder = target.model, addition_folder(home, target.model.id)
    provenance = {
        "model": [model.id, model.category, str(model.path)],
        "digest": file_sha256(mesh),
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


def _keep(target: Target) -> None:
    """Copy a mesh and its companions to the meshes of the data set."""
    for copy, original in target.files.items():
        with atomic_path(copy) as partial:
            shutil.copyfile(original, partial)
