"""OFF files as programs write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from chairs import ELL, ELL_AREA, ELL_POLYGON, QUADS, VERTICES, is_chair, relative_area

from ucmgcn.core.errors import ItemError
from ucmgcn.media.meshes import load_mesh

N, M = len(VERTICES), len(QUADS)
COUNTS = f"{N} {M} 0\n"


def rows(table: np.ndarray, after: str = "") -> str:
    return "".join(f"{' '.join(f'{v:g}' for v in row)}{after}\n" for row in table)


POINTS, FACES = rows(VERTICES), rows(np.column_stack([np.full(M, 4), QUADS]))
BODY = POINTS + FACES
COLOURED = {
    "coff": "COFF\n" + COUNTS + rows(VERTICES, " 200 100 0 255") + FACES,
    "coff, fractions": "COFF\n" + COUNTS + rows(VERTICES, " 0.7843 0.3922 0 1") + FACES,
    "coff without opacity": "COFF\n" + COUNTS + rows(VERTICES, " 200 100 0") + FACES,
    "cnoff": "CNOFF\n" + COUNTS + rows(VERTICES, " 0 1 0 200 100 0 255") + FACES,
    "stcoff": "STCOFF\n" + COUNTS + rows(VERTICES, " 200 100 0 255 0.5 0.5") + FACES,
    "faces": "OFF\n" + COUNTS + POINTS + FACES.replace("\n", " 200 100 0\n"),
    "faces, fractions": "OFF\n" + COUNTS + POINTS + FACES.replace("\n", " 0.7843 0.3922 0 1\n"),
}
CASES: dict[str, str | bytes] = {
    "plain": "OFF\n" + COUNTS + BODY,
    "glued": "OFF" + COUNTS + BODY,
    "same line": "OFF " + COUNTS + BODY,
    "small letters": "off\n" + COUNTS + BODY,
    "no keyword": COUNTS + BODY,
    "no number of edges": f"OFF\n{N} {M}\n" + BODY,
    "numbers in two lines": f"OFF\n{N}\n{M} 0\n" + BODY,
    "comments": f"# made\nOFF # x\n\n# counts\n{N} {M} 0 # n\n"
    + POINTS.replace("\n", " # p\n")
    + "\n# faces\n"
    + FACES,
    "one line": f"OFF {N} {M} 0 " + BODY.replace("\n", " "),
    "one line with normals": f"NOFF {N} {M} 0 "
    + (rows(VERTICES, " 0 1 0") + FACES).replace("\n", " "),
    "lines broken elsewhere": f"OFF\n{N} {M} 0\n" + BODY.replace(" ", "\n"),
    "normals": "NOFF\n" + COUNTS + rows(VERTICES, " 0 1 0") + FACES,
    "texture coordinates": "STOFF\n" + COUNTS + rows(VERTICES, " 0.5 0.5") + FACES,
    "place in a colour map": "OFF\n" + COUNTS + POINTS + FACES.replace("\n", " 7\n"),
    "colours of some faces": "OFF\n" + COUNTS + POINTS + FACES.replace("\n", " 1 0 0\n", 5),
    "byte order mark": b"\xef\xbb\xbfOFF\n" + (COUNTS + BODY).encode(),
    "carriage returns": ("OFF\n" + COUNTS + BODY).replace("\n", "\r"),
    "tabs and blank lines": ("OFF\n" + COUNTS + BODY).replace(" ", "\t").replace("\n", "\n\n"),
    "decimal commas": "OFF\n" + COUNTS + BODY.replace(".", ","),
    "text behind the last face": "OFF\n" + COUNTS + BODY + "0 0\n",
    "edges and points among the faces": f"OFF\n{N} {M + 2} 0\n{POINTS}2 0 1\n1 5\n{FACES}",
    **COLOURED,
}


@pytest.mark.parametrize("name", CASES)
def test_every_way_to_write_it_gives_the_same_triangles(tmp_path: Path, name: str) -> None:
    content = CASES[name]
    path = tmp_path / "chair.off"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert is_chair(path)


@pytest.mark.parametrize("name", COLOURED)
def test_colours_of_vertices_and_faces(tmp_path: Path, name: str) -> None:
    (tmp_path / "chair.off").write_text(COLOURED[name])
    (part,) = load_mesh(tmp_path / "chair.off", textures=True).parts
    visual = part.visual
    colours = visual.face_colors if name.startswith("faces") else visual.vertex_colors
    assert np.unique(colours, axis=0).tolist() == [[200, 100, 0, 255]]


def test_a_concave_polygon_covers_its_own_area(tmp_path: Path) -> None:
    polygon = f"6 {' '.join(map(str, ELL_POLYGON))}\n"
    (tmp_path / "ell.off").write_text("OFF\n6 1 0\n" + rows(ELL) + polygon)
    assert np.isclose(relative_area(load_mesh(tmp_path / "ell.off")), ELL_AREA / 9)


REJECTED = {
    "it is binary OFF; save it as text": "OFF BINARY\n\0\0",
    "four or more dimensions": "4OFF\n" + COUNTS + BODY,
    "it holds 'hello', which is not a number": "hello\n",
    "declares 40 vertices and 99 faces, but": f"OFF\n{N} 99 0\n" + POINTS,
    "but ends within face 29": "OFF\n" + COUNTS + BODY[:-4],
    f"a face refers to vertex {N}, but there are": "OFF\n" + COUNTS + BODY.replace("39", "40"),
    r"it has no faces \(40 points only\)": f"OFF\n{N} 0 0\n" + POINTS,
    "does not give its numbers": "OFF\n",
    "declares -1 vertices or faces": "OFF\n3 -1 0\n",
}


@pytest.mark.parametrize("reason", REJECTED)
def test_what_cannot_be_read_is_diagnosed(tmp_path: Path, reason: str) -> None:
    (tmp_path / "bad.off").write_text(REJECTED[reason])
    with pytest.raises(ItemError, match=reason):
        load_mesh(tmp_path / "bad.off")
