import numpy as np
import pytest
import trimesh
from PIL import Image

from ucmgcn.core.errors import ItemError
from ucmgcn.media.formats import EXTRA_SUFFIXES, MESH_SUFFIXES
from ucmgcn.media.meshes import load_mesh, load_shape
from ucmgcn.media.readers.by_suffix import READERS

BOX = np.array([1.0, 2.0, 3.0])


def triangle_obj(*vertices, faces="f 1 2 3"):
    return "".join(f"v {x} {y} {z}\n" for x, y, z in vertices) + faces + "\n"


def write_scene(path, scene):
    """Export a scene with its companion files, as trimesh writes them."""
    if path.suffix == ".gltf":
        for name, data in trimesh.exchange.gltf.export_gltf(scene).items():
            target = path if name == "model.gltf" else path.with_name(name)
            target.write_bytes(data)
    else:
        scene.to_mesh().export(path)
    return path


def corners(mesh):
    return np.unique(mesh.vertices.round(5), axis=0)


def normalised_box(order=(0, 1, 2)):
    half = BOX[list(order)] / 2 / np.linalg.norm(BOX / 2)
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
    return np.unique((signs * half).round(5), axis=0)


def test_every_format_has_a_reader():
    assert READERS.keys() == set(MESH_SUFFIXES)


def test_a_shape_keeps_its_scale(tmp_path):
    (tmp_path / "big.obj").write_text(triangle_obj((5, 5, 5), (9, 5, 5), (5, 9, 5), (0, 0, 0)))
    vertices, faces = load_shape(tmp_path / "big.obj")
    assert vertices.tolist() == [[5, 5, 5], [9, 5, 5], [5, 9, 5]] and faces.tolist() == [[0, 1, 2]]
    (tmp_path / "line.obj").write_text(triangle_obj((0, 0, 0), (1, 1, 1), (2, 2, 2)))
    with pytest.raises(ItemError, match="degenerate"):
        load_shape(tmp_path / "line.obj")


# trimesh writes no FBX and no USD; tests/unit/media/readers has those.
@pytest.mark.parametrize("suffix", sorted({*MESH_SUFFIXES} - {*EXTRA_SUFFIXES}))
def test_every_format_is_read_and_fitted(tmp_path, suffix):
    box = trimesh.creation.box(BOX, transform=trimesh.transformations.translation_matrix([9, 8, 7]))
    mesh = load_mesh(write_scene(tmp_path / f"box{suffix}", trimesh.Scene(box)))
    assert np.array_equal(corners(mesh), normalised_box())
    assert len(mesh.faces) == 12
    assert mesh.vertices.dtype == np.float64
    assert np.isclose(np.linalg.norm(mesh.vertices, axis=1).max(), 1)
    assert mesh.parts == ()


@pytest.mark.parametrize("suffix", [".glb", ".gltf"])
def test_node_transforms_and_instances_are_applied(tmp_path, suffix):
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.creation.box([1, 1, 1]), node_name="one", geom_name="box")
    scene.graph.update(
        "two", geometry="box", matrix=trimesh.transformations.translation_matrix([0, 4, 0])
    )
    path = tmp_path / f"two{suffix}"
    files = {path.name: scene.export(file_type="glb")} if suffix == ".glb" else gltf(scene, path)
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    mesh = load_mesh(path)
    assert len(mesh.faces) == 24
    assert np.allclose(np.ptp(mesh.vertices, axis=0) / np.ptp(mesh.vertices, axis=0)[0], [1, 5, 1])


def gltf(scene, path):
    files = trimesh.exchange.gltf.export_gltf(scene)
    return {path.name if name == "model.gltf" else name: data for name, data in files.items()}


@pytest.mark.parametrize(("up", "order"), [("X", (1, 0, 2)), ("Y", (0, 1, 2)), ("Z", (0, 2, 1))])
def test_collada_is_turned_to_y_up(tmp_path, up, order):
    path = tmp_path / "box.dae"
    trimesh.creation.box(BOX).export(path)
    text = path.read_text()
    assert "<up_axis>Y_UP</up_axis>" in text
    path.write_text(text.replace("Y_UP", f"{up}_UP"))
    assert np.array_equal(corners(load_mesh(path)), normalised_box(order))


def test_polygons_and_relative_indices_of_obj(tmp_path):
    path = tmp_path / "quad.obj"
    path.write_text("v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf -4 -3 -2 -1\n")
    mesh = load_mesh(path)
    assert len(mesh.faces) == 2
    assert np.isclose(trimesh.Trimesh(mesh.vertices, mesh.faces).area, 2)


def test_unreferenced_vertices_do_not_count_for_the_fit(tmp_path):
    path = tmp_path / "far.obj"
    path.write_text(
        "v 1e6 nan 0\n" + triangle_obj((0, 0, 0), (1, 0, 0), (0, 1, 0), faces="f 2 3 4")
    )
    mesh = load_mesh(path)
    assert len(mesh.vertices) == 3
    assert np.isclose(np.linalg.norm(mesh.vertices, axis=1).max(), 1)


@pytest.mark.parametrize("scale", [1e-200, 1e-12, 1e12, 1e200])
def test_the_result_does_not_depend_on_scale(tmp_path, scale):
    small, large = tmp_path / "small.off", tmp_path / "large.off"
    for path, factor in ((small, 1.0), (large, scale)):
        lines = "\n".join(" ".join(repr(float(v * factor)) for v in c) for c in np.eye(3) + 0.25)
        path.write_text(f"OFF\n3 1 0\n{lines}\n3 0 1 2\n")
    assert np.allclose(load_mesh(small).vertices, load_mesh(large).vertices)


PLY = """ply
format ascii 1.0
element vertex 3
property float x
property float y
property float z
element face 1
property list uchar int vertex_indices
end_header
0 0 0
1 0 0
0 1 0
3 0 1 7
"""
UNUSABLE = {
    "empty.obj": ("", "the file is empty"),
    "points.obj": ("v 0 0 0\nv 1 0 0\nv 0 1 0\n", r"no faces \(3 points only\)"),
    "text.off": ("hello", "cannot be read as OFF"),
    "text.glb": ("hello", "cannot be read as GLB"),
    "text.stl": ("hello", "it has no faces|cannot be read as STL"),
    "line.obj": (triangle_obj((0, 0, 0), (1, 1, 1), (2, 2, 2)), "degenerate"),
    "point.obj": (triangle_obj((3, 3, 3), (3, 3, 3), (3, 3, 3)), "no extent"),
    "nan.obj": (triangle_obj((0, 0, "nan"), (1, 0, 0), (0, 1, 0)), "not finite"),
    "inf.obj": (triangle_obj((0, 0, "inf"), (1, 0, 0), (0, 1, 0)), "not finite"),
    "index.off": ("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n", "vertex 7, but there are 3"),
    "index.ply": (PLY, "vertex 7, but there are 3"),
    "index.obj": (
        triangle_obj((0, 0, 0), (1, 0, 0), (0, 1, 0), faces="f 1 2 9"),
        "vertex 8, but there are 3",
    ),
    "mesh.blend": ("x", r"its extension \.blend is not one of \.obj"),
    "noname": ("x", r"its extension \(none\)"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_files_say_why(tmp_path, name):
    text, reason = UNUSABLE[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(ItemError, match=reason):
        load_mesh(tmp_path / name)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(ItemError, match="no such file"):
        load_mesh(tmp_path / "none.obj")


@pytest.mark.parametrize("suffix", [".stl", ".glb", ".ply", ".dae"])
def test_truncated_files_are_rejected(tmp_path, suffix):
    path = tmp_path / f"cut{suffix}"
    trimesh.creation.icosphere().export(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(ItemError):
        load_mesh(path)


@pytest.mark.parametrize(("content", "name"), [(".stl", "box.glb"), (".glb", "box.dae")])
def test_a_wrong_extension_is_rejected(tmp_path, content, name):
    right = tmp_path / f"box{content}"
    trimesh.creation.box().export(right)
    with pytest.raises(ItemError, match=r"cannot be read as|no faces"):
        load_mesh(right.rename(tmp_path / name))


def textured(folder, material):
    """Write a textured triangle with the given material file name; return the OBJ's path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "mesh.obj"
    path.write_text(
        f"mtllib {material}\nusemtl red\nvt 0 0\nvt 1 0\nvt 0 1\n"
        + triangle_obj((0, 0, 0), (1, 0, 0), (0, 1, 0), faces="f 1/1 2/2 3/3")
    )
    return path


def test_textures_are_kept_on_request(tmp_path):
    path = textured(tmp_path, "mesh.mtl")
    (tmp_path / "mesh.mtl").write_text("newmtl red\nKd 1 0 0\nmap_Kd skin/red.png\n")
    (tmp_path / "skin").mkdir()
    Image.new("RGB", (2, 2), "red").save(tmp_path / "skin" / "red.png")
    (part,) = load_mesh(path, textures=True).parts
    assert part.visual.material.image.getpixel((0, 0)) == (255, 0, 0)
    assert np.allclose(part.vertices, load_mesh(path).vertices)


@pytest.mark.parametrize("escape", ["../outside.mtl", "{parent}/outside.mtl"])
def test_nothing_outside_the_meshs_folder_is_read(tmp_path, escape):
    (tmp_path / "outside.mtl").write_text("newmtl red\nKd 1 0 0\n")
    path = textured(tmp_path / "inside", escape.format(parent=tmp_path))
    (part,) = load_mesh(path, textures=True).parts
    assert not part.visual.defined


@pytest.mark.parametrize("uri", ["../outside.bin", "http://localhost/outside.bin"])
def test_a_gltf_buffer_outside_the_folder_is_rejected(tmp_path, uri):
    inside = tmp_path / "inside"
    inside.mkdir()
    files = trimesh.exchange.gltf.export_gltf(trimesh.Scene(trimesh.creation.box()))
    buffer = next(name for name in files if name.endswith(".bin"))
    (tmp_path / "outside.bin").write_bytes(files[buffer])
    text = files["model.gltf"].decode().replace(buffer, uri)
    (inside / "box.gltf").write_text(text)
    with pytest.raises(ItemError):
        load_mesh(inside / "box.gltf")
