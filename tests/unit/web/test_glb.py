from __future__ import annotations

import io
import os
import time
from dataclasses import replace

import anyio
import numpy as np
import pytest
import trimesh
from PIL import Image
from textures import panel, with_postscript

from ucmgcn.core.errors import ItemError
from ucmgcn.media.meshes import load_mesh
from ucmgcn.web import glb
from ucmgcn.web.glb import GlbCache, to_glb
from ucmgcn.web.limits import ServerLimits


def read(data: bytes) -> trimesh.Trimesh:
    return trimesh.load_scene(io.BytesIO(data), file_type="glb").to_mesh()


def slow(path):
    time.sleep(60)


def dead(path):
    os._exit(1)


@pytest.mark.parametrize("suffix", [".obj", ".off", ".ply", ".stl", ".glb", ".gltf", ".dae"])
def test_every_format_keeps_its_shape(tmp_path, suffix):
    path = tmp_path / f"mesh{suffix}"
    shape = trimesh.creation.icosphere(subdivisions=1, radius=7).apply_translation((3, 4, 5))
    if suffix == ".gltf":
        for name, data in trimesh.Scene([shape]).export(file_type="gltf").items():
            (tmp_path / name.replace("model.gltf", path.name)).write_bytes(data)
    else:
        shape.export(path)
    mesh, expected = read(to_glb(path)), load_mesh(path)
    assert mesh.area == pytest.approx(
        trimesh.Trimesh(expected.vertices, expected.faces, process=False).area, rel=1e-5
    )
    assert np.abs(mesh.bounds).max() == pytest.approx(1, abs=0.1)


def test_textures_go_into_the_file(tmp_path):
    box = trimesh.creation.box()
    uv = np.random.default_rng(0).random((len(box.vertices), 2))
    image = Image.new("RGB", (8, 8), (250, 10, 20))
    box.visual = trimesh.visual.TextureVisuals(uv, image=image)
    box.export(tmp_path / "box.obj")
    (data,), _ = cached([tmp_path / "box.obj"])
    material = read(data).visual.material
    assert np.asarray(material.baseColorTexture.convert("RGB"))[0, 0] == pytest.approx(
        [250, 10, 20], abs=3
    )


def test_no_program_is_started_for_a_texture(tmp_path, monkeypatch):
    """A PostScript file named as a picture would start Ghostscript, which is not asked for."""
    path = with_postscript(tmp_path, monkeypatch)
    (data,), _ = cached([path])
    assert data.startswith(b"glTF") and not (tmp_path / "started").exists()


def test_a_missing_texture_does_not_fill_the_servers_log(tmp_path, capfd):
    (data,), _ = cached([panel(tmp_path, "none.png")])
    assert data.startswith(b"glTF") and capfd.readouterr().err == ""


def test_colours_of_faces_become_colours_of_vertices(tmp_path):
    box = trimesh.creation.box()
    box.visual.face_colors = [[255, 0, 0, 255]] * 6 + [[0, 0, 255, 255]] * 6
    box.export(tmp_path / "box.ply")
    mesh = read(to_glb(tmp_path / "box.ply"))
    assert len(mesh.faces) == 12
    colours = np.unique(mesh.visual.vertex_colors[:, :3], axis=0)
    assert colours.tolist() == [[0, 0, 255], [255, 0, 0]]


def test_what_is_no_mesh_says_why(tmp_path):
    (tmp_path / "bad.off").write_text("OFF\n3 1 0\n0 0 0\n")
    with pytest.raises(ItemError, match="cannot be read"):
        to_glb(tmp_path / "bad.off")


def cached(paths, **limits) -> tuple[list[bytes | str], GlbCache]:
    async def main():
        cache = GlbCache(replace(ServerLimits(), **limits))
        found = []
        for path in paths:
            try:
                found.append(await cache.get(path))
            except ItemError as error:
                found.append(str(error))
        return found, cache

    return anyio.run(main)


@pytest.fixture
def box(tmp_path):
    path = tmp_path / "box.off"
    trimesh.creation.box().export(path)
    return path


def test_a_mesh_is_converted_once_and_again_when_it_changes(box, monkeypatch):
    async def main():
        cache = GlbCache(ServerLimits())
        first = await cache.get(box)
        monkeypatch.setattr(glb, "_convert", dead)
        assert await cache.get(box) is first
        monkeypatch.undo()
        trimesh.creation.icosphere(subdivisions=1).export(box)
        assert await cache.get(box) != first

    anyio.run(main)


def test_a_late_a_dead_and_a_large_conversion_is_an_answer(box, tmp_path, monkeypatch):
    found, _ = cached([box], mesh_bytes=100)
    assert "too large" in found[0]
    monkeypatch.setattr(glb, "_convert", dead)
    assert "converter ended" in cached([box])[0][0]
    monkeypatch.setattr(glb, "_convert", slow)
    assert "more than 0.5 seconds" in cached([box], mesh_seconds=0.5)[0][0]


def test_a_conversion_ends_with_its_request(box, monkeypatch):
    """Or Ctrl-C would wait for it."""

    async def main():
        with anyio.move_on_after(1):
            await GlbCache(ServerLimits()).get(box)

    monkeypatch.setattr(glb, "_convert", slow)
    start = time.monotonic()
    anyio.run(main)
    assert time.monotonic() - start < 20


def test_memory_is_bounded(tmp_path):
    paths = []
    for i in range(6):
        paths.append(tmp_path / f"{i}.off")
        trimesh.creation.icosphere(subdivisions=2).export(paths[-1])
    size = len(to_glb(paths[0]))
    found, cache = cached(paths, mesh_cache_bytes=3 * (size + 1000))
    assert all(len(data) == size for data in found)
    assert len(cache._kept) == 3


def test_a_mesh_that_is_gone_says_so(tmp_path):
    assert "No such file" in cached([tmp_path / "gone.off"])[0][0]
