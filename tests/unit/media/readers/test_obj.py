"""OBJ files as programs write them; most follow reports of trimesh, assimp, three.js and others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from chairs import ELL, ELL_AREA, ELL_POLYGON, QUADS, VERTICES, is_chair, lines, relative_area

from ucmgcn.core.errors import ItemError
from ucmgcn.core.item_warnings import collect_warnings
from ucmgcn.media.meshes import load_mesh

V, F = lines("v", VERTICES), lines("f", QUADS + 1)
N = len(VERTICES)


def corners(*formats: str) -> str:
    """Faces whose corners are written in turns in these formats."""
    rows = []
    for place, quad in enumerate(QUADS + 1):
        form = formats[place % len(formats)]
        rows.append("f " + " ".join(form.replace("v", str(i)) for i in quad))
    return "\n".join(rows) + "\n"


def relative() -> str:
    """Each box with faces that count back from it."""
    boxes = [lines("v", box) for box in VERTICES.reshape(-1, 8, 3)]
    return "".join(box + lines("f", QUADS[:6] - 8) for box in boxes)


CASES: dict[str, str | bytes] = {
    "plain": V + F,
    "relative": relative(),
    "relative to the end": V + lines("f", QUADS - N),
    "relative with texture and normal": "vt 0 0\nvn 0 0 1\n"
    + V
    + corners("v/-1/-1", "v//-1", "v/-1"),
    "byte order mark": b"\xef\xbb\xbf" + (V + F).encode(),
    "joined files with marks": (V + "\ufeff" + F).encode(),
    "UTF-16": (V + F).encode("utf-16"),
    "carriage returns": (V + F).replace("\n", "\r"),
    "DOS line ends": (V + F).replace("\n", "\r\n"),
    "tabs": (V + F).replace(" ", "\t"),
    "indented": "".join(f"   {line}\n" for line in (V + F).splitlines()),
    "capitals": (V + F).upper(),
    "spaces at line ends": (V + F).replace("\n", "  \n").replace(" ", "  "),
    "no last newline": (V + F).rstrip(),
    "end of DOS text": (V + F).encode() + b"\x1a\0\0",
    "comments in lines": V.replace("\n", " # corner\n") + F.replace("\n", "# quad\n"),
    "continued lines": V + "".join(f"f {a} {b} \\\n  {c} {d}\n" for a, b, c, d in QUADS + 1),
    "continued at a space": V + "".join(f"f {a} {b} {c} \\ \n{d}\n" for a, b, c, d in QUADS + 1),
    "comment that ends in a backslash": "# C:\\models\\\n" + V + F,
    "name that ends in a Shift JIS backslash": "o 表\n".encode("cp932") + (V + F).encode(),
    "GBK names": "o 椅子\ng 靠背\n".encode("gbk") + (V + F).encode(),
    "faces first": F + V,
    "corner formats": "vt 0 0\nvn 0 0 1\n" + V + corners("v", "v//1", "v/1", "v/1/1"),
    "slashes without a number": V + corners("v/", "v//", "v"),
    "two slashes without a number": V + corners("v//"),
    "two slashes with a number here and there": "vn 0 0 1\n" + V + corners("v//", "v//1"),
    "normals that are not numbers": "vn -nan(ind) nan 1.#QNAN\n" + V + corners("v//1"),
    "unused vertex of a wrong number": V + "v 3.1+e2 x 1.2.3\n" + F,
    "unused vertex that is no number": V + "v 1.#QNAN -1.#IND00 nan(0x8)\n" + F,
    "decimal commas": V.replace(".", ",") + F,
    "exponents of Fortran": V.replace("1.2", "0.12D+01") + F,
    "signs and points": V.replace("v 1 ", "v +1.e+0 ") + F,
    "weights": V.replace("\n", " 1.0\n") + F,
    "colours": V.replace("\n", " 0.5 0.5 0.1\n") + F,
    "colours of some": V.replace("\n", " 0.5 0.5 0.1\n", 3) + F,
    "texture coordinates of 1 to 3 values": "vt 0\nvt 0 1\nvt 0 1 0\n" + V + corners("v/1", "v/3"),
    "faces of version 2": V + F.replace("f ", "fo "),
    "groups": "mtllib a.mtl\no x\n" + V + "g a b\ns off\nusemtl m\n" + F,
    "free-form statements": "cstype bezier\n" + V + "vp 0 0\n" + F + "curv 0 1 1 2\nend\n",
}


@pytest.mark.parametrize("name", CASES)
def test_every_way_to_write_it_gives_the_same_triangles(tmp_path: Path, name: str) -> None:
    content = CASES[name]
    path = tmp_path / "chair.obj"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert is_chair(path)


def test_coordinates_of_a_map_keep_their_precision(tmp_path: Path) -> None:
    far = VERTICES * 0.01 + [500_000, 4_649_776, 0]
    (tmp_path / "far.obj").write_text(
        "".join(f"v {x:.3f} {y:.3f} {z:.3f}\n" for x, y, z in far) + F
    )
    assert is_chair(tmp_path / "far.obj")


def test_polygons_among_lines_and_points_are_all_read(tmp_path: Path) -> None:
    mixed = F.replace("f 1", "l 1 2 3\np 4\nf 1").replace("\n", "\nl 3 4\n", 3)
    (tmp_path / "mixed.obj").write_text(V + mixed)
    with collect_warnings() as found:
        assert is_chair(tmp_path / "mixed.obj")
    ((what, detail),) = {(w.what, w.detail) for w in found}
    assert what == "points or lines not drawn" and "lines" in detail and "points" in detail


def test_indices_from_0_are_read_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "zero.obj").write_text(V + lines("f", QUADS))
    with collect_warnings() as found:
        assert is_chair(tmp_path / "zero.obj")
    assert {w.what for w in found} == {"face indices counted from 0 instead of 1, read so"}


@pytest.mark.parametrize("start", range(6))
@pytest.mark.parametrize("turn", [1, -1])
@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
@pytest.mark.parametrize("scale", [1e-150, 1, 1e150])
def test_a_concave_polygon_covers_its_own_area(
    tmp_path: Path, start: int, turn: int, axes: tuple[int, ...], scale: float
) -> None:
    polygon = np.roll(ELL_POLYGON, start)[::turn] + 1
    points = "".join(f"v {' '.join(repr(float(v)) for v in p)}\n" for p in scale * ELL[:, axes])
    (tmp_path / "ell.obj").write_text(points + lines("f", [polygon]))
    assert np.isclose(relative_area(load_mesh(tmp_path / "ell.obj")), ELL_AREA / 9)


def test_a_bent_polygon_keeps_the_part_that_stands_upright(tmp_path: Path) -> None:
    roof = "v -5 0 5\nv 5 0 5\nv 5 0 -5\nv -5 0 -5\nv 0 5 -5\nf 1 2 3 4 5\n"
    (tmp_path / "roof.obj").write_text(roof)
    mesh = load_mesh(tmp_path / "roof.obj")
    assert len(mesh.faces) == 3
    assert len(np.unique(mesh.faces)) == 5


def test_concave_quads_beside_convex_ones(tmp_path: Path) -> None:
    dart = [(0, 0, 0), (4, 0, 0), (1, 1, 0), (0, 4, 0)]
    square = [(0, 0, 1), (4, 0, 1), (4, 4, 1), (0, 4, 1)]
    for start in range(4):
        order = np.roll([1, 2, 3, 4], start)
        (tmp_path / "two.obj").write_text(
            lines("v", np.array(dart + square)) + lines("f", [order, order + 4])
        )
        assert np.isclose(relative_area(load_mesh(tmp_path / "two.obj")), (4 + 16) / 16)


REJECTED = {
    "a face refers to vertex 0, but OBJ counts": V + "f 0 1 2\n" + F,
    f"a face refers to vertex {N}, but there are {N}": V + f"f 1 2 {N + 1}\n",
    "a face refers to vertex -2": "v 0 0 0\nv 1 0 0\nf -1 -2 -4\n",
    "a vertex holds '1.2.3'": "v 0 0 1.2.3\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
    "a face holds 'x'": V + "f 1 2 x\n",
    "vertices do not have three values": "v 0 0\nv 1 0\nv 0 1\nf 1 2 3\n",
    "free-form surfaces or curves only": V + "surf 0 1 0 1 1 2 3 4\n",
    "it is a ZIP archive; unpack it": "PK\x03\x04......",
    "it is a web page": "<!DOCTYPE html><html>Not found</html>",
}


@pytest.mark.parametrize("reason", REJECTED)
def test_what_cannot_be_read_is_diagnosed(tmp_path: Path, reason: str) -> None:
    (tmp_path / "bad.obj").write_text(REJECTED[reason])
    with pytest.raises(ItemError, match=reason.replace("(", r"\(")):
        load_mesh(tmp_path / "bad.obj")
