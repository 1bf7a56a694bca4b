from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import layouts
import numpy as np
import pytest
import trimesh

from ucmgcn.core.errors import UserError
from ucmgcn.datasets.dataset import list_items
from ucmgcn.datasets.kinds import furniture_package
from ucmgcn.datasets.kinds.sweethome3d import turn_obj, unpack
from ucmgcn.datasets.source import Source
from ucmgcn.media.meshes import load_mesh


def source(tmp_path: Path, **more) -> Source:
    library = layouts.sh3f(tmp_path / "libraries" / "Test.sh3f", **more)
    return Source("sweethome3d", library.parent, library.parent, unpacked=tmp_path / "out")


def test_each_piece_is_a_model_and_its_picture_a_query(tmp_path: Path) -> None:
    models, rejected = list_items(source(tmp_path), "models")
    images, _ = list_items(source(tmp_path), "images")
    assert [m.id for m in models] == ["Test/bed", "Test/chair", "Test/table"] and not rejected
    assert [i.model_id for i in images] == [m.id for m in models]
    assert [m.category for m in models] == ["Room 1", "Room 0", "Room 1"]
    assert dict(models[0].extra) == {
        "name": "Bed ä",
        "creator": "Nobody",
        "licence": "CC-BY © nobody",
    }


def test_all_listed_files_are_unpacked(tmp_path: Path) -> None:
    data = source(tmp_path)
    unpack(data.models, data.unpacked)
    models, images = list_items(data, "models")[0], list_items(data, "images")[0]
    assert all(Path(item.path).is_file() for item in [*models, *images])
    assert (tmp_path / "out" / "Test" / "LICENSE.TXT").read_text() == "free"
    mesh = load_mesh(Path(models[0].path), textures=True)
    assert mesh.parts[0].visual.material.image is not None


def test_a_piece_with_a_rotation_is_turned_upright(tmp_path: Path) -> None:
    data = source(tmp_path)
    unpack(data.models, data.unpacked)
    lying = trimesh.load_mesh(tmp_path / "libraries/pieces/table/table.obj", process=False)
    upright = trimesh.load_mesh(tmp_path / "out/Test/lib/table/table.obj", process=False)
    np.testing.assert_allclose(upright.vertices, lying.vertices[:, [0, 2, 1]] * [1, 1, -1])


def test_turning_changes_only_vertices_and_normals() -> None:
    text = "v 1 2 3\nvn 0 0 1\nvt 0.5 0.25\nf 1/1/1 1/1/1 1/1/1\no v 1 2 3\nv 1 0 0 0.1 0.2 0.3"
    turned = turn_obj(text, np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0.0]])).splitlines()
    assert turned[:2] == ["v 1 3 -2", "vn 0 1 0"] and turned[2:5] == text.splitlines()[2:5]
    assert turned[5] == "v 1 0 0 0.1 0.2 0.3"


def test_pieces_that_cannot_be_used_are_rejected(tmp_path: Path) -> None:
    more = [
        ("model#7", "/lib/none.obj"),
        ("icon#7", "/lib/bed.png"),
        ("model#8", "/lib/bed/texture.png"),
        ("model#9", "/lib/bed/bed.obj"),
        ("modelRotation#9", "1 0 0"),
    ]
    models, rejected = list_items(source(tmp_path, more=more), "models")
    assert len(models) == 3
    assert [r.reason.split(" (")[0] for r in rejected] == [
        "its modelRotation is not nine numbers: '1 0 0'",
        "its extension .png is not one that is read",
        "the library has no such file",
    ]


def test_no_member_is_written_outside_the_folder(tmp_path: Path) -> None:
    data = source(tmp_path)
    with zipfile.ZipFile(data.models / "Test.sh3f", "a") as archive:
        archive.writestr("LICENSE/../../../escaped.txt", "x")
        archive.writestr("../lib/bed.obj", "x")
        archive.writestr("/LICENSE-absolute", "x")
    unpack(data.models, data.unpacked)
    written = {p for p in tmp_path.rglob("*") if p.is_file()} - set(data.models.rglob("*"))
    assert all(p.is_relative_to(data.unpacked / "Test") for p in written)
    assert not Path("/LICENSE-absolute").exists()


@pytest.mark.parametrize("content", [b"no zip", b""])
def test_an_error_on_a_file_that_is_not_a_library_names_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.sh3f").write_bytes(content)
    with pytest.raises(UserError, match=r"bad\.sh3f is not a furniture library"):
        list_items(Source("sweethome3d", tmp_path, tmp_path), "models")


def test_a_folder_without_libraries_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"apt-get install sweethome3d-furniture.*models=DIR"):
        list_items(Source("sweethome3d", tmp_path, tmp_path), "models")


def test_without_apt_the_error_says_how_to_get_the_package(tmp_path, monkeypatch) -> None:
    def refuse(command: list[str], folder: Path) -> None:
        raise subprocess.CalledProcessError(100, command, stderr="E: Unable to locate package")

    monkeypatch.setattr(furniture_package, "_run", refuse)
    with pytest.raises(UserError, match=r"Unable to locate package.*apt-get install"):
        furniture_package.fetch(tmp_path / "resources" / "furniture")
    assert not list((tmp_path / "resources").iterdir())
