"""The self-check of a mesh: declared against drawn, and what looks wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from gltf_files import Gltf

from ucmgcn.media.declared import Declared, declared
from ucmgcn.media.meshes import load_mesh
from ucmgcn.media.self_check import check_mesh, guess_up


def checked(path: Path) -> dict:
    return check_mesh(path, load_mesh(path))


def export(mesh: trimesh.Trimesh, path: Path) -> Path:
    mesh.export(path)
    return path


@pytest.mark.parametrize("suffix", ["obj", "off", "ply", "stl", "glb", "gltf"])
def test_what_is_declared_is_drawn(tmp_path: Path, suffix: str) -> None:
    row = checked(export(trimesh.creation.box([1, 2, 3]), tmp_path / f"x.{suffix}"))
    assert row["declared_faces"] == row["drawn_faces"] == 12
    assert row["declared_vertices"] in (None, row["drawn_vertices"])
    assert [row[f"extent_{axis}"] for axis in "xyz"] == [1, 2, 3]
    assert row["watertight"] and row["up_axis"] == "y" and row["suspicious"] == ""


def test_ascii_files_and_extensions_are_counted(tmp_path: Path) -> None:
    box = trimesh.creation.box()
    (tmp_path / "x.stl").write_text(box.export(file_type="stl_ascii"))
    assert declared(tmp_path / "x.stl") == Declared(faces=12)
    file = Gltf(extensionsUsed=["KHR_b", "KHR_a"], materials=[{}, {}], textures=[{}])
    file.add_primitive()
    path = file.write(tmp_path)
    assert declared(path) == Declared(4, 4, 1, 2, 1, "KHR_a KHR_b")
    assert declared(tmp_path / "none.glb") == Declared()


def test_faces_that_are_not_drawn_are_suspicious(tmp_path: Path) -> None:
    file = Gltf()
    file.add_primitive()
    mesh = {"primitives": [dict(file.json["meshes"][0]["primitives"][0])]}
    file.json["meshes"].append(mesh)
    assert checked(file.write(tmp_path))["suspicious"] == "4 of 8 faces are drawn"


def test_an_open_a_flat_and_a_scattered_mesh_are_told(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(3)
    ball.update_faces(np.arange(len(ball.faces)) > 0)
    assert not checked(export(ball, tmp_path / "open.stl"))["watertight"]
    sheet = trimesh.creation.box([1, 1e-6, 1])
    assert "flat" in checked(export(sheet, tmp_path / "flat.stl"))["suspicious"]
    speck = trimesh.creation.icosphere(1, 0.01).apply_translation([500, 0, 0])
    scattered = trimesh.util.concatenate([trimesh.creation.icosphere(3), speck])
    row = checked(export(scattered, tmp_path / "stray.ply"))
    assert row["suspicious"] == "something small lies far from the rest"
    ribbon = trimesh.Trimesh(np.eye(3)[[0, 1, 2, 0]], [[0, 1, 2], [0, 3, 1], [0, 3, 2]])
    assert "have no area" in checked(export(ribbon, tmp_path / "thin.off"))["suspicious"]


@pytest.mark.parametrize(("axis", "turn"), [("y", None), ("z", "x"), ("x", "z")])
def test_the_up_axis_is_that_on_which_it_stands(axis: str, turn: str | None) -> None:
    plate = trimesh.creation.cylinder(1, 0.1)
    cone = trimesh.creation.cone(0.2, 3)
    lamp = trimesh.util.concatenate([plate, cone]).vertices  # stands on z
    order = {"y": [1, 2, 0], "z": [0, 1, 2], "x": [2, 0, 1]}[axis]
    assert guess_up(np.asarray(lamp)[:, order]) == axis
