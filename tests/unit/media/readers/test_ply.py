"""PLY files as programs write them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from chairs import ELL, ELL_AREA, ELL_POLYGON, QUADS, TRIANGLES, VERTICES, is_chair, relative_area
from PIL import Image

from ucmgcn.core.errors import ItemError
from ucmgcn.core.item_warnings import collect_warnings
from ucmgcn.media.meshes import load_mesh

XYZ = "property float x\nproperty float y\nproperty float z\n"
LIST = "property list uchar int vertex_indices\n"
N = len(VERTICES)


def header(kind: str, faces: int, vertex: str = XYZ, face: str = LIST, before: str = "") -> str:
    return (
        f"ply\nformat {kind} 1.0\ncomment made by hand\n{before}element vertex {N}\n{vertex}"
        f"element face {faces}\n{face}end_header\n"
    )


def rows(table: np.ndarray, form: str = "{}", after: str = "") -> str:
    return "".join(f"{' '.join(form.format(v) for v in row)}{after}\n" for row in table.tolist())


POINTS, FACES = rows(VERTICES), rows(np.column_stack([np.full(len(QUADS), 4), QUADS]))


def packed(order: str, *, mixed: bool = False, more: bool = False) -> bytes:
    """Vertices and faces in binary; with polygons of two sizes, or properties around the list."""
    content = VERTICES.astype(f"{order}f4").tobytes()
    for place, quad in enumerate(QUADS.tolist()):
        cut = [quad] if not mixed or place % 2 else [quad[:3], [quad[0], *quad[2:]]]
        for polygon in cut:
            content += struct.pack(f"{order}h", 7) * more
            content += struct.pack(f"{order}B{len(polygon)}i", len(polygon), *polygon)
            content += struct.pack(f"{order}B2d", 2, 0.5, 0.25) * more
    return content


def with_head(head: str, content: bytes, end: str = "\n") -> bytes:
    return head.replace("\n", end).encode() + content


MIXED = len(QUADS) * 3 // 2
MORE = f"property short flags\n{LIST}property list uchar double weights\n"
STRIP = [i for a, b, c, d in QUADS.tolist() for i in (b, c, a, d, -1)]
LITTLE, BIG = "binary_little_endian", "binary_big_endian"
DOUBLES = XYZ.replace("float", "float64")

CASES: dict[str, str | bytes] = {
    "text": header("ascii", len(QUADS)) + POINTS + FACES,
    "byte order mark": b"\xef\xbb\xbf" + (header("ascii", len(QUADS)) + POINTS + FACES).encode(),
    "capitals": (header("ascii", len(QUADS)) + POINTS + FACES).replace("ply\n", "PLY\n", 1),
    "text in DOS lines": (header("ascii", len(QUADS)) + POINTS + FACES).replace("\n", "\r\n"),
    "text of old Macs": (header("ascii", len(QUADS)) + POINTS + FACES).replace("\n", "\r"),
    "text in one line": header("ascii", len(QUADS)) + (POINTS + FACES).replace("\n", " "),
    "decimal commas": header("ascii", len(QUADS)) + (POINTS).replace(".", ",") + FACES,
    "text of triangles and quads": header("ascii", MIXED)
    + POINTS
    + "".join(
        f"4 {a} {b} {c} {d}\n" if n % 2 else f"3 {a} {b} {c}\n3 {a} {c} {d}\n"
        for n, (a, b, c, d) in enumerate(QUADS)
    ),
    "more values in a line than the header says": header(
        "ascii", len(QUADS), face=LIST + "property uchar red\n"
    )
    + POINTS
    + FACES.replace("\n", " 9 1 1 1 1 1 1 1 1 1 \n"),
    "little endian": with_head(header(LITTLE, len(QUADS)), packed("<")),
    "big endian": with_head(header(BIG, len(QUADS)), packed(">")),
    "header in DOS lines": with_head(header(LITTLE, len(QUADS)), packed("<"), "\r\n"),
    "header of old Macs": with_head(header(LITTLE, len(QUADS)), packed("<"), "\r"),
    "mixed polygons": with_head(header(LITTLE, MIXED), packed("<", mixed=True)),
    "mixed polygons, big endian": with_head(header(BIG, MIXED), packed(">", mixed=True)),
    "properties around the list": with_head(
        header(BIG, len(QUADS), face=MORE), packed(">", more=True)
    ),
    "properties around mixed lists": with_head(
        header(LITTLE, MIXED, face=MORE), packed("<", mixed=True, more=True)
    ),
    "bytes behind the last face": with_head(header(LITTLE, len(QUADS)), packed("<") + b"\0\n"),
    "other elements first": header(
        "ascii", len(QUADS), before="element camera 1\nproperty float a\nproperty list int int b\n"
    )
    + "0.5 2 1 2\n"
    + POINTS
    + FACES,
    "edges between": (header("ascii", len(QUADS)) + POINTS).replace(
        "element face", "element edge 2\nproperty int a\nproperty int b\nelement face"
    )
    + "0 1\n2 3\n"
    + FACES,
    "doubles, normals": header("ascii", len(QUADS), vertex=DOUBLES + "property float nx\n")
    + POINTS.replace("\n", " nan\n")
    + FACES,
    "another name of the list": (header("ascii", len(QUADS)) + POINTS + FACES).replace(
        "vertex_indices", "vertex_index"
    ),
    "a name of one's own": with_head(
        header(LITTLE, len(QUADS)).replace("vertex_indices", "corners"), packed("<")
    ),
    "strip": header("ascii", 1).replace("element face", "element tristrips").replace("uchar", "int")
    + POINTS
    + f"{len(STRIP)} {' '.join(map(str, STRIP))}\n",
    "strips": with_head(
        header(LITTLE, len(QUADS)).replace("element face", "element tristrips"),
        VERTICES.astype("<f4").tobytes()
        + b"".join(struct.pack("<B4i", 4, b, c, a, d) for a, b, c, d in QUADS.tolist()),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_every_way_to_write_it_gives_the_same_triangles(tmp_path: Path, name: str) -> None:
    content = CASES[name]
    path = tmp_path / "chair.ply"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert is_chair(path)


def test_a_concave_polygon_covers_its_own_area(tmp_path: Path) -> None:
    head = header("ascii", 1).replace(f"vertex {N}", "vertex 6")
    polygon = f"6 {' '.join(map(str, ELL_POLYGON))}\n"
    (tmp_path / "ell.ply").write_text(head + rows(ELL) + polygon)
    assert np.isclose(relative_area(load_mesh(tmp_path / "ell.ply")), ELL_AREA / 9)


RGB = "property uchar red\nproperty uchar green\nproperty uchar blue\n"
COLOUR = {
    "red": RGB,
    "float": RGB.replace("uchar", "float"),
    "alpha": f"{RGB}property uchar alpha\n",
}


@pytest.mark.parametrize(
    ("kind", "values"),
    [("red", "200 100 0"), ("float", "0.7843 0.3922 0"), ("alpha", "200 100 0 0")],
)
@pytest.mark.parametrize("where", ["vertex", "face"])
def test_colours_of_vertices_and_faces(tmp_path: Path, kind: str, values: str, where: str) -> None:
    vertex = XYZ + (COLOUR[kind] if where == "vertex" else "")
    face = LIST + (COLOUR[kind] if where == "face" else "")
    text = header("ascii", len(QUADS), vertex, face)
    text += POINTS.replace("\n", f" {values}\n") if where == "vertex" else POINTS
    text += FACES.replace("\n", f" {values}\n") if where == "face" else FACES
    (tmp_path / "chair.ply").write_text(text)
    assert is_chair(tmp_path / "chair.ply")
    (part,) = load_mesh(tmp_path / "chair.ply", textures=True).parts
    colours = part.visual.vertex_colors if where == "vertex" else part.visual.face_colors
    assert np.unique(colours, axis=0).tolist() == [[200, 100, 0, 255]]


def textured(folder: Path, where: str) -> Path:
    """A chair with two pictures named; which of them colours a face is its texnumber."""
    for name, colour in (("one picture.png", "red"), ("two.png", "blue")):
        Image.new("RGB", (2, 2), colour).save(folder / name)
    before = "comment TextureFile one picture.png\ncomment TextureFile .\\Two.png\n"
    vertex, face = XYZ, LIST
    if where == "vertex":
        vertex += "property float s\nproperty float t\n"
    else:
        face += "property list uchar float texcoord\n"
    text = header("ascii", len(QUADS), vertex, face + "property int texnumber\n", before)
    text += POINTS.replace("\n", " 0.5 0.25\n") if where == "vertex" else POINTS
    for place, line in enumerate(FACES.splitlines()):
        corners = "" if where == "vertex" else " 8" + " 0.5 0.25" * 4
        text += f"{line}{corners} {place % 2}\n"
    (folder / "chair.ply").write_text(text)
    return folder / "chair.ply"


@pytest.mark.parametrize("where", ["vertex", "face"])
def test_textures_by_vertex_or_corner_and_number(tmp_path: Path, where: str) -> None:
    path = textured(tmp_path, where)
    assert is_chair(path)
    parts = load_mesh(path, textures=True).parts
    pixels = [part.visual.material.image.getpixel((0, 0)) for part in parts]
    assert pixels == [(255, 0, 0), (0, 0, 255)]
    assert all(np.allclose(part.visual.uv, (0.5, 0.25)) for part in parts)
    (tmp_path / "two.png").unlink()
    with collect_warnings() as found:
        assert is_chair(path)
    assert {w.what for w in found} == {"texture not found, drawn without"}


SPLAT = header("ascii", 0, XYZ + "property float f_dc_0\n")
REJECTED = {
    "it has no PLY header": "ply\nformat ascii 1.0\n",
    "its format 'binary' is not one of": header("binary", 0),
    "its header has the unknown type 'half'": header("ascii", 0, XYZ.replace("float", "half")),
    "no element 'vertex' with x, y and z": header("ascii", 0, "property float x\n") + "1\n" * N,
    f"it is a Gaussian splat: {N} points": SPLAT + POINTS.replace("\n", " 1\n"),
    rf"it has no faces \({N} points only\)": header("ascii", 0) + POINTS,
    "declares 99 rows of 'face', but holds fewer": header("ascii", 99) + POINTS + FACES,
    f"declares {N} rows of 'vertex', but holds fewer": header("ascii", 1) + POINTS[:50],
    "it holds 'x', which is not a number": header("ascii", 1) + "x y z\n" + POINTS,
    f"a face refers to vertex {N}, but there are": header("ascii", 1) + POINTS + f"3 0 1 {N}\n",
    "by its content it is STL": "solid a\nfacet normal 0 0 1\n",
}


@pytest.mark.parametrize("reason", REJECTED)
def test_what_cannot_be_read_is_diagnosed(tmp_path: Path, reason: str) -> None:
    (tmp_path / "bad.ply").write_text(REJECTED[reason])
    with pytest.raises(ItemError, match=reason):
        load_mesh(tmp_path / "bad.ply")


@pytest.mark.parametrize("mixed", [False, True])
def test_a_cut_off_file_is_rejected(tmp_path: Path, mixed: bool) -> None:
    whole = with_head(header(LITTLE, MIXED if mixed else len(QUADS)), packed("<", mixed=mixed))
    for end in (len(whole) - 1, len(whole) - 9, len(whole) - 200):
        (tmp_path / "cut.ply").write_bytes(whole[:end])
        with pytest.raises(ItemError, match="rows of 'face', but holds fewer"):
            load_mesh(tmp_path / "cut.ply")


def test_triangles_are_counted(tmp_path: Path) -> None:
    (tmp_path / "chair.ply").write_text(header("ascii", len(QUADS)) + POINTS + FACES)
    assert len(load_mesh(tmp_path / "chair.ply").faces) == len(TRIANGLES)
