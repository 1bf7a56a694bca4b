"""Meshes that are added to a finished run, and found at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import trimesh
from command import ucmgcn
from PIL import Image
from project import copy_of

from ucmgcn.core.errors import ItemError, UserError
from ucmgcn.search.add import choose_target
from ucmgcn.search.companions import companions
from ucmgcn.search.contents import GRAPH_METHODS
from ucmgcn.search.library import Library


@pytest.fixture(scope="module")
def spoilt(finished, tmp_path_factory) -> Path:
    """Another copy of the finished run, to which meshes are added."""
    return copy_of(finished.folder, tmp_path_factory.mktemp("added") / "project").folder


@pytest.fixture(scope="module")
def textured(tmp_path_factory) -> Path:
    """A mesh with a material and a texture in files of their own."""
    folder = tmp_path_factory.mktemp("textured")
    box = trimesh.creation.box((1, 2, 3))
    uv = np.random.default_rng(0).random((len(box.vertices), 2))
    box.visual = trimesh.visual.TextureVisuals(uv, image=Image.new("RGB", (4, 4), "red"))
    box.export(folder / "box.obj", mtl_name="box.mtl")
    return folder / "box.obj"


def test_an_added_mesh_is_found_and_adding_it_again_is_harmless(spoilt) -> None:
    mesh = spoilt / "new chair.obj"
    old = min((spoilt / "data" / "models" / "chair").glob("*.obj"))
    shutil.copy(old, mesh)
    words = ("add", mesh, "--dataset", "tiny", "--category", "chair")
    opened = Library.open(spoilt / "results" / "tiny")
    first = ucmgcn(spoilt, *words)
    assert first.returncode == 0 and first.stdout.startswith("chair/new chair: searchable now")
    assert (spoilt / "data" / "models" / "chair" / "new chair.obj").is_file()
    photo = next((spoilt / "data" / "images" / "chair").iterdir())
    position = {}
    for method in (*GRAPH_METHODS, "max-pool", "max-view"):
        library = Library.open(spoilt / "results" / "tiny", method)
        hits = library.search(photo, top=100)
        position = {hit.model: hit for hit in hits}
        twin, added = position[f"chair/{old.stem}"], position["chair/new chair"]
        assert abs(twin.rank - added.rank) <= 3 and twin.view == added.view
        assert abs(twin.score - added.score) < (
            1e-5 if "-" in method and method != "ucm-gcn" else 0.1
        )
        np.testing.assert_array_equal(
            library.view("chair/new chair", 3), library.view(f"chair/{old.stem}", 3)
        )
    assert len(opened.current().models) == len(opened.models) + 1
    again = ucmgcn(spoilt, *words)
    assert again.returncode == 0 and "in the library already" in again.stdout
    assert len(Library.open(spoilt / "results" / "tiny").models) == len(opened.models) + 1


def test_a_bad_mesh_is_one_line_and_the_others_are_added(spoilt) -> None:
    (spoilt / "bad.obj").write_text("v 1 2\n")
    shutil.copy(min((spoilt / "data" / "models").rglob("*.stl")), spoilt / "good.stl")
    done = ucmgcn(spoilt, "add", "bad.obj", "none.ply", "good.stl", "--dataset", "tiny")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("ucmgcn: bad.obj: ") and "no such file" in lines[1]
    assert done.stdout.startswith("good: searchable now") and done.stdout.count("\n") == 1
    assert not (spoilt / "data" / "models" / "bad.obj").exists()


def test_another_mesh_of_the_same_id_is_refused_and_a_removed_one_is_gone(spoilt) -> None:
    library = Library.open(spoilt / "results" / "tiny")
    taken = next(model for model in library.models if model.category)
    mesh = spoilt / f"{taken.path.stem}.obj"
    trimesh.creation.box().export(mesh)
    with pytest.raises(ItemError, match="another model"):
        library.add(mesh, taken.category)
    mesh = mesh.rename(spoilt / "gone.obj")
    library.add(mesh)
    assert "gone" in [model.id for model in library.current().models]
    (spoilt / "data" / "models" / "gone.obj").unlink()
    assert "gone" not in [m.id for m in Library.open(spoilt / "results" / "tiny").models]


def test_what_a_mesh_refers_to_goes_with_it(textured, spoilt, tmp_path) -> None:
    facts = Library.open(spoilt / "results" / "tiny").facts
    found = companions(textured)
    assert {path.suffix for path in found} == {".mtl", ".png"}
    target = choose_target(textured, "chair", facts, tmp_path)
    assert target.model.id == "chair/box/box"
    assert {copy.name for copy in target.files} == {"box.obj", *map(str, found)}
    assert all(copy.parent == tmp_path / "data/models/chair/box" for copy in target.files)


def test_a_mesh_in_the_folder_stays_where_it_is(spoilt) -> None:
    facts = Library.open(spoilt / "results" / "tiny").facts
    inside = next((spoilt / "data" / "models" / "chair").iterdir())
    target = choose_target(inside, None, facts, spoilt)
    assert target.model.id == f"chair/{inside.stem}" and not target.files
    for category in ("../out", ".hidden", "a/b"):
        with pytest.raises(UserError, match="no name of a folder"):
            choose_target(inside, category, facts, spoilt)
