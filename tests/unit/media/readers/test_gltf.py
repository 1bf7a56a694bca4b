"""glTF: every way to store a shape gives the shape; what cannot be read is diagnosed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import DracoPy
import numpy as np
import pytest
from gltf_files import CORNERS, FACES, Gltf

from ucmgcn.core.errors import ItemError
from ucmgcn.core.item_warnings import collect_warnings
from ucmgcn.media.meshes import load_shape

TURN = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float)  # a quarter turn around x
QUARTER = [np.sqrt(0.5), 0, 0, np.sqrt(0.5)]


def triangles(path: Path) -> np.ndarray:
    vertices, faces = load_shape(path)
    found = np.sort(vertices[faces].round(4), axis=1).reshape(len(faces), 9)
    return found[np.lexsort(found.T)]


def expected(*placed: np.ndarray) -> np.ndarray:
    found = np.concatenate([corners[FACES] for corners in placed or (CORNERS,)])
    found = np.sort(found.round(4), axis=1).reshape(-1, 9)
    return found[np.lexsort(found.T)]


def plain() -> Gltf:
    file = Gltf()
    file.add_primitive()
    return file


def sparse() -> Gltf:
    file = Gltf()
    base = CORNERS.copy()
    base[2:] = 7
    place = file.array(base)
    file.json["accessors"][place]["sparse"] = {
        "count": 2,
        "indices": {
            "bufferView": file.view(np.array([2, 3], "<u1").tobytes()),
            "componentType": 5121,
        },
        "values": {"bufferView": file.view(CORNERS[2:].tobytes())},
    }
    file.add_primitive(POSITION=place)
    return file


def sparse_without_base() -> Gltf:
    file = sparse()
    accessor = file.json["accessors"][0]
    del accessor["bufferView"]
    places = np.arange(4, dtype="<u2")
    accessor["sparse"] = {
        "count": 4,
        "indices": {"bufferView": file.view(places.tobytes()), "componentType": 5123},
        "values": {"bufferView": file.view(CORNERS.tobytes())},
    }
    return file


def fan_and_strip() -> Gltf:
    """Three faces around corner 0 as a fan, the fourth as a strip of one."""
    file = plain()
    fan, strip = file.json["meshes"][0]["primitives"][0], file.add_primitive()
    fan |= {"mode": 6, "indices": file.array(np.array([0, 1, 3, 2, 1], "<u1"))}
    strip |= {"mode": 5, "indices": file.array(np.array([1, 2, 3], "<u4"))}
    return file


def long_strip() -> Gltf:
    file = plain()
    strip = file.json["meshes"][0]["primitives"][0]
    strip |= {"mode": 5, "indices": file.array(np.array([0, 1, 2, 3, 0, 1], "<u2"))}
    return file


def without_indices() -> Gltf:
    file = Gltf()
    primitive = file.add_primitive(POSITION=file.array(CORNERS[FACES.ravel()]))
    del primitive["indices"]
    return file


def quantised() -> Gltf:
    file = Gltf(extensionsRequired=["KHR_mesh_quantization"])
    stored = np.rint(CORNERS / [3, 2, 1] * 65535).astype("<u2")
    padded = np.zeros((4, 4), "<u2")
    padded[:, :3] = stored
    place = file.array(padded, type="VEC3", normalized=True)
    file.json["bufferViews"][0]["byteStride"] = 8
    file.add_primitive(POSITION=place)
    file.json["nodes"] = [{"mesh": 0, "scale": [3, 2, 1]}]
    return file


def quantised_whole_numbers() -> Gltf:
    file = Gltf(extensionsRequired=["KHR_mesh_quantization"])
    file.add_primitive(POSITION=file.array((CORNERS * 4).astype("<i2"), type="VEC3"))
    file.json["nodes"] = [{"mesh": 0, "scale": [0.25] * 3}]
    return file


def morphed() -> Gltf:
    file = Gltf()
    primitive = file.add_primitive(POSITION=file.array(CORNERS - 1))
    primitive["targets"] = [
        {"POSITION": file.array(np.full_like(CORNERS, 2))},
        {"POSITION": file.array(np.full_like(CORNERS, 9))},
    ]
    file.json["meshes"][0]["weights"] = [0.5, 0]
    return file


def morphed_by_the_node() -> Gltf:
    file = morphed()
    file.json["meshes"][0]["weights"] = [0, 1]
    file.json["nodes"][0]["weights"] = [0.5, 0]
    return file


def skinned() -> Gltf:
    """A mesh lying on its back, which its joint puts upright; its node's place does not count."""
    file = Gltf()
    file.add_primitive(
        POSITION=file.array((CORNERS @ TURN).astype("<f4")),
        JOINTS_0=file.array(np.tile(np.array([1, 0, 0, 0], "<u1"), (4, 1))),
        WEIGHTS_0=file.array(np.tile(np.array([255, 0, 0, 0], "<u1"), (4, 1)), normalized=True),
    )
    shift = np.eye(4, dtype="<f4")
    shift[3, :3] = [0, 0, -5]  # column-major: a move by -5 in z
    bind = np.stack([np.eye(4, dtype="<f4"), shift]).reshape(2, 16)
    file.json["skins"] = [{"joints": [2, 3], "inverseBindMatrices": file.array(bind)}]
    file.json["nodes"] = [
        {"mesh": 0, "skin": 0, "translation": [9, 9, 9]},
        {"children": [2], "rotation": QUARTER},
        {"children": [3]},
        {"translation": [0, 0, 5]},
    ]
    file.json["scenes"] = [{"nodes": [0, 1]}]
    return file


def without_scenes() -> Gltf:
    file = plain()
    del file.json["scenes"], file.json["scene"]
    file.json["nodes"] = [{"children": [1], "scale": [2, 2, 2]}, {"mesh": 0, "scale": [0.5] * 3}]
    return file


def scene_without_number() -> Gltf:
    file = plain()
    del file.json["scene"]
    file.json["nodes"].append({"mesh": 0, "translation": [50, 0, 0]})
    return file


def draco() -> Gltf:
    file = plain()
    primitive = file.json["meshes"][0]["primitives"][0]
    packed = DracoPy.encode(CORNERS, FACES.astype(np.uint32), quantization_bits=16)
    for accessor in file.json["accessors"]:
        del accessor["bufferView"]
    name = "KHR_draco_mesh_compression"
    primitive["extensions"] = {
        name: {"bufferView": file.view(packed), "attributes": {"POSITION": 0}}
    }
    file.json |= {"extensionsUsed": [name], "extensionsRequired": [name]}
    return file


def points_beside() -> Gltf:
    file = plain()
    file.add_primitive(POSITION=file.array(CORNERS * 50))["mode"] = 0
    return file


def mirrored() -> Gltf:
    file = Gltf()
    file.add_primitive(POSITION=file.array((CORNERS * [-1, 1, 1]).astype("<f4")))
    file.json["nodes"] = [{"mesh": 0, "matrix": np.diag([-1.0, 1, 1, 1]).ravel().tolist()}]
    return file


def hidden_beside() -> Gltf:
    file = plain()
    hide = {"KHR_node_visibility": {"visible": False}}
    file.json["nodes"] += [{"children": [2], "extensions": hide}, {"mesh": 0, "scale": [9, 9, 9]}]
    file.json["scenes"] = [{"nodes": [0, 1]}]
    return file


def shared_vertices() -> Gltf:
    """Two primitives of one vertex array, each with two of the faces."""
    file = Gltf()
    place = file.array(np.concatenate([np.full((9, 3), 99, "<f4"), CORNERS]))
    for part in (FACES[:2], FACES[2:]):
        primitive = file.add_primitive(POSITION=place)
        primitive["indices"] = file.array((part + 9).ravel())
    return file


@pytest.mark.parametrize(
    "build",
    [
        plain, sparse, sparse_without_base, fan_and_strip, long_strip, without_indices, quantised,
        quantised_whole_numbers, morphed, morphed_by_the_node, skinned, without_scenes,
        scene_without_number, draco, points_beside, mirrored, hidden_beside, shared_vertices,
    ],
)  # fmt: skip
def test_every_way_to_store_the_shape_gives_it(tmp_path: Path, build: Callable[[], Gltf]) -> None:
    tolerance = 1e-3 if build in (draco, quantised) else 1e-4
    np.testing.assert_allclose(triangles(build().write(tmp_path)), expected(), atol=tolerance)


def test_instances_and_nodes_are_placed(tmp_path: Path) -> None:
    file = plain()
    name = "EXT_mesh_gpu_instancing"
    attributes = {
        "TRANSLATION": file.array(np.array([[0, 0, 0], [4, 0, 0]], "<f4")),
        "ROTATION": file.array(np.array([[0, 0, 0, 1], QUARTER], "<f4")),
        "SCALE": file.array(np.array([[1, 1, 1], [2, 1, 1]], "<f4")),
    }
    file.json["nodes"] = [{"mesh": 0, "extensions": {name: {"attributes": attributes}}}]
    file.json["extensionsRequired"] = [name]
    second = (CORNERS * [2, 1, 1]) @ TURN.T + [4, 0, 0]
    np.testing.assert_allclose(
        triangles(file.write(tmp_path)), expected(CORNERS, second), atol=1e-4
    )


def test_a_quantised_mesh_beside_a_float_one_keeps_its_place(tmp_path: Path) -> None:
    file = quantised()
    place = file.array(CORNERS + 5)
    mesh = {"attributes": {"POSITION": place}, "indices": file.array(FACES.ravel())}
    file.json["meshes"].append({"primitives": [mesh]})
    file.json["nodes"].append({"mesh": 1})
    file.json["scenes"] = [{"nodes": [0, 1]}]
    np.testing.assert_allclose(
        triangles(file.write(tmp_path)), expected(CORNERS, CORNERS + 5), atol=1e-3
    )


@pytest.mark.parametrize("uri", ["my%20data%231.bin", "my data#1.bin", "./my%20data%231.bin"])
def test_a_buffer_is_found_under_its_name(tmp_path: Path, uri: str) -> None:
    file = plain()
    (tmp_path / "my data#1.bin").write_bytes(file.data)
    (tmp_path / "x.gltf").write_text(file.text(uri))
    np.testing.assert_array_equal(triangles(tmp_path / "x.gltf"), expected())


def test_the_content_decides_and_not_the_suffix(tmp_path: Path) -> None:
    (tmp_path / "x.glb").write_text("\ufeff" + plain().text())
    (tmp_path / "y.gltf").write_bytes(plain().glb())
    np.testing.assert_array_equal(triangles(tmp_path / "x.glb"), expected())
    np.testing.assert_array_equal(triangles(tmp_path / "y.gltf"), expected())


@pytest.mark.parametrize("triangles_of_bytes", [True, False])
def test_meshopt_is_decoded_if_its_package_is_there(
    tmp_path: Path, triangles_of_bytes: bool
) -> None:
    library = pytest.importorskip("meshoptimizer")
    file, corners = plain(), FACES.ravel().astype("<u4")
    indices = library.encode_index_buffer(corners, len(corners), len(CORNERS))
    sequence = library.encode_index_sequence(corners, len(corners), len(CORNERS))
    pack = {
        "ATTRIBUTES": (library.encode_vertex_buffer(CORNERS, len(CORNERS), 12), len(CORNERS), 12),
        "TRIANGLES": (indices, len(corners), 2),
        "INDICES": (sequence, len(corners), 4),
    }
    file.json["bufferViews"], file.data = [], b""
    packed = []
    for mode in ("ATTRIBUTES", "TRIANGLES" if triangles_of_bytes else "INDICES"):
        content, count, stride = pack[mode]
        place = file.json["bufferViews"][file.view(bytes(content))]
        how = {**place, "mode": mode, "count": count, "byteStride": stride}
        view = {"buffer": 1, "byteLength": count * stride}
        packed.append({**view, "extensions": {"EXT_meshopt_compression": how}})
    file.json["bufferViews"] = packed
    file.json["accessors"][1]["componentType"] = 5123 if triangles_of_bytes else 5125
    file.json["extensionsRequired"] = ["EXT_meshopt_compression"]
    np.testing.assert_array_equal(triangles(file.write(tmp_path)), expected())


def test_an_extension_of_looks_alone_may_be_required(tmp_path: Path) -> None:
    file = plain()
    file.json["extensionsRequired"] = ["KHR_techniques_webgl", "KHR_materials_unlit"]
    np.testing.assert_array_equal(triangles(file.write(tmp_path)), expected())


def test_points_beside_faces_are_a_warning(tmp_path: Path) -> None:
    with collect_warnings() as found:
        load_shape(points_beside().write(tmp_path))
    assert [warning.what for warning in found] == ["points or lines not drawn"]


def cut_short(file: Gltf) -> bytes:
    return file.glb()[:-20]


def with_entry(*path: str | int, value: object) -> Callable[[Gltf], bytes]:
    def change(file: Gltf) -> bytes:
        place = file.json
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        return file.glb()

    return change


MESHOPT = {
    "buffer": 1,
    "byteLength": 24,
    "extensions": {
        "EXT_meshopt_compression": {
            **{"buffer": 0, "byteLength": 9, "byteStride": 12, "count": 2, "mode": "ATTRIBUTES"}
        }
    },
}
DAMAGED_DRACO = {"KHR_draco_mesh_compression": {"bufferView": 0, "attributes": {"POSITION": 0}}}
PRIMITIVE = ("meshes", 0, "primitives", 0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (cut_short, "it is cut short"),
        (lambda file: b"glTF\1\0\0\0" + file.glb()[8:], "glTF of binary version 1.*2.0"),
        (lambda file: b"{", "its JSON is damaged"),
        (lambda file: b"[]", "no glTF file"),
        (with_entry("asset", "version", value="1.0"), "glTF of version 1.0.*export it again"),
        (with_entry("extensionsRequired", value=["VND_x"]), "requires the extension VND_x"),
        (with_entry(*PRIMITIVE, "extensions", value=DAMAGED_DRACO), "Draco .*KHR_draco.*damaged"),
        (with_entry("bufferViews", 0, value=MESHOPT), "meshopt compression .EXT_meshopt"),
        (with_entry(*PRIMITIVE, "indices", value=7), "number 7 of its accessors, but has 2"),
        (with_entry(*PRIMITIVE, "mode", value=1), "no faces .points or lines only"),
        (with_entry("accessors", 0, "count", value=99), "its accessor 0 reaches to byte"),
        (with_entry("accessors", 0, "type", value="VEC9"), "type 'VEC9'"),
        (with_entry("accessors", 0, "componentType", value=1), "component type 1"),
        (with_entry("bufferViews", 0, "byteLength", value=10**9), "its buffer 0 ends after"),
        (with_entry("bufferViews", 0, "buffer", value=3), "number 3 of its buffers"),
        (with_entry("meshes", 0, value={}), "entry 'primitives' is missing"),
        (with_entry("nodes", 0, "skin", value=0), "number 0 of its skins"),
        (with_entry("nodes", value=[]), "number 0 of its nodes"),
        (with_entry("scenes", value=[{}]), "shows none of its 1 meshes"),
        (with_entry("meshes", 0, "primitives", value=7), "its JSON is not glTF 2.0"),
    ],
)
def test_a_reason_is_a_diagnosis(
    tmp_path: Path, change: Callable[[Gltf], bytes], reason: str
) -> None:
    path = tmp_path / "x.glb"
    path.write_bytes(change(plain()))
    with pytest.raises(ItemError, match=reason):
        load_shape(path)


def test_a_missing_buffer_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.gltf").write_text(plain().text("gone%20away.bin"))
    with pytest.raises(ItemError, match=r"buffer gone away.bin cannot be read.*put it beside"):
        load_shape(tmp_path / "x.gltf")


def test_nothing_outside_the_folder_is_read(tmp_path: Path) -> None:
    file, folder = plain(), tmp_path / "models"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(file.data)
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    for uri in ("../secret.bin", "%2e%2e/secret.bin", f"{tmp_path}/secret.bin", "link.bin"):
        (folder / "x.gltf").write_text(file.text(uri))
        with pytest.raises(ItemError):
            load_shape(folder / "x.gltf")


def test_meshopt_with_a_plain_buffer_beside_it_is_read(tmp_path: Path) -> None:
    file = plain()
    for view in file.json["bufferViews"]:
        view["extensions"] = {"EXT_meshopt_compression": {"buffer": 1}}
    np.testing.assert_array_equal(triangles(file.write(tmp_path)), expected())


def test_a_circle_of_nodes_ends(tmp_path: Path) -> None:
    file = plain()
    file.json["nodes"] = [{"mesh": 0, "children": [1]}, {"children": [0, 1]}]
    np.testing.assert_array_equal(triangles(file.write(tmp_path)), expected())


def test_deep_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.gltf").write_text('{"asset":' + "[" * 10**6)
    with pytest.raises(ItemError, match="its JSON is damaged"):
        load_shape(tmp_path / "x.gltf")
