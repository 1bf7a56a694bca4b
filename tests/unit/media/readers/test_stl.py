"""STL files as programs write them."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from chairs import ELL, ELL_AREA, ELL_POLYGON, QUADS, TRIANGLES, VERTICES, is_chair, relative_area

from ucmgcn.core.errors import ItemError
from ucmgcn.media.meshes import load_mesh


def binary(title: bytes = b"", count: int = len(TRIANGLES)) -> bytes:
    record = np.zeros(len(TRIANGLES), [("n", "<f4", 3), ("c", "<f4", (3, 3)), ("a", "<u2")])
    record["c"] = VERTICES[TRIANGLES]
    return title.ljust(80, b"\0") + struct.pack("<I", count) + record.tobytes()


def text(polygons: np.ndarray = TRIANGLES, name: str = "x", points: np.ndarray = VERTICES) -> str:
    facets = ""
    for corners in points[polygons]:
        body = "".join("   vertex {:g} {:g} {:g}\n".format(*corner) for corner in corners)
        facets += f" facet normal 0 0 0\n  outer loop\n{body}  endloop\n endfacet\n"
    return f"solid {name}\n{facets}endsolid {name}\n"


CASES: dict[str, str | bytes] = {
    "binary": binary(),
    "binary, title begins with solid": binary(b"solid Part1 by a program"),
    "binary, title speaks of facets": binary(b"solid facet normal"),
    "binary, bytes behind": binary() + bytes(37),
    "binary, title begins with solid, bytes behind": binary(b"solid Part1") + b"\0" * 37,
    "binary, title of spaces, bytes behind": binary(b"solid part".ljust(80)) + b"end",
    "binary, number left at 0": binary(count=0),
    "binary, colour in the title": binary(b"COLOR=\xff\0\0\xff,MATERIAL=" + b"\x80" * 12),
    "text": text(),
    "text, several solids": text(TRIANGLES[:20], "a") + text(TRIANGLES[20:], "b"),
    "text, capitals in DOS lines": text().upper().replace("\n", "\r\n"),
    "text, carriage returns": text().replace("\n", "\r"),
    "text, a name with keywords": text(name="facet vertex 1 2 3 椅子"),
    "text, a name in GBK": text(name="椅子").encode("gbk"),
    "text, blank lines first": "\n\n  " + text(name=""),
    "text, byte order mark": "\ufeff" + text(),
    "text, UTF-16": text().encode("utf-16"),
    "text, decimal commas": text().replace(".", ","),
    "text, tabs": text().replace(" ", "\t"),
    "text, exponents": text().replace("1.2 ", "1.2000000e+000 "),
    "text, one line": text().replace("\n", " "),
    "text, quads": text(QUADS),
    "text, no solid": text().partition("\n")[2],
    "text, no endsolid": text().rpartition("endsolid")[0],
}


@pytest.mark.parametrize("name", CASES)
def test_every_way_to_write_it_gives_the_same_triangles(tmp_path: Path, name: str) -> None:
    content = CASES[name]
    path = tmp_path / "chair.stl"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert is_chair(path)


def test_a_concave_loop_covers_its_own_area(tmp_path: Path) -> None:
    (tmp_path / "ell.stl").write_text(text(np.array([ELL_POLYGON]), points=ELL))
    assert np.isclose(relative_area(load_mesh(tmp_path / "ell.stl")), ELL_AREA / 9)


REJECTED = {
    "declares 61 triangles, but holds 60": binary(count=61),
    "neither as text nor binary": b"hello",
    "it has no faces": b"solid empty\nfacet\nendsolid\n",
    "ends within a triangle, after 172 corners": text()
    .replace("vertex", "", 8)
    .encode()
    .replace(b"outer", b""),
    "a vertex holds 'x', which is not a number": text().encode().replace(b"1.2", b"x", 1),
    "by its content it is PLY": b"ply\nformat ascii 1.0\n",
}


@pytest.mark.parametrize("reason", REJECTED)
def test_what_cannot_be_read_is_diagnosed(tmp_path: Path, reason: str) -> None:
    (tmp_path / "bad.stl").write_bytes(REJECTED[reason])
    with pytest.raises(ItemError, match=reason):
        load_mesh(tmp_path / "bad.stl")
