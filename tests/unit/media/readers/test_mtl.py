"""Materials of OBJ files, and their textures, as exporters name them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from ucmgcn.core.item_warnings import collect_warnings
from ucmgcn.media.meshes import load_mesh

RED = (200, 30, 40)
TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 0 1\n{use}f 1/1 2/2 3/3\n"


@dataclass(frozen=True)
class Case:
    """A textured triangle: the texture's name in the library, and where it lies."""

    named: str | bytes
    lies: str = "tex.png"
    use: str | bytes = "usemtl skin\n"
    libraries: str | bytes = "mtllib model.mtl\n"
    library: str = "model.mtl"
    text: str | bytes = "newmtl skin\nKd 1 1 1\nmap_Kd {named}\n"
    others: dict[str, str] = field(default_factory=dict)


def to_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def written(folder: Path, case: Case) -> Path:
    files = {
        "model.obj": to_bytes(case.libraries)
        + to_bytes(TRIANGLE).replace(b"{use}", to_bytes(case.use)),
        case.library: to_bytes(case.text).replace(b"{named}", to_bytes(case.named)),
        **{name: to_bytes(text) for name, text in case.others.items()},
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    if case.lies:
        (folder / case.lies).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), RED).save(folder / case.lies, "PNG")
    return folder / "model.obj"


FOUND = {
    "plain": Case("tex.png"),
    "spaces": Case("my tex.png", "my tex.png"),
    "folder": Case("skins/tex.png", "skins/tex.png"),
    "backslash": Case("skins\\tex.png", "skins/tex.png"),
    "two backslashes": Case("skins\\\\tex.png", "skins/tex.png"),
    "dot and backslash": Case(".\\tex.png"),
    "dot and slash": Case("./tex.png"),
    "quotes": Case('"my tex.png"', "my tex.png"),
    "path of Windows": Case("C:\\Users\\me\\export\\tex.png"),
    "path of Windows, its last folder here": Case("D:\\a\\skins\\tex.png", "skins/tex.png"),
    "path of a server": Case("\\\\server\\share\\tex.png"),
    "path of Unix": Case("/home/me/export/tex.png"),
    "address": Case("file:///C:/export/my%20tex.png", "my tex.png"),
    "path that leads up": Case("../../textures/tex.png"),
    "case": Case("Tex.PNG", "tEX.png"),
    "case of the folder": Case("Skins/Tex.png", "skins/tex.PNG"),
    "percent": Case("my%20tex.png", "my tex.png"),
    "real percent": Case("100%25.png", "100%25.png"),
    "composed letters": Case("stu\u0308hl.png", "stühl.png"),
    "folder of textures": Case("tex.png", "textures/tex.png"),
    "folder of the model": Case("tex.png", "model/tex.png"),
    "options": Case("-s 1 1 1 -o 0 0 0 -mm 0 1 -clamp on tex.png"),
    "options of fewer values": Case("-s 1 -o 0 -bm .5 -blendu off -imfchan r tex.png"),
    "options of programs": Case("-colorspace sRGB tex.png", "sRGB tex.png"),
    "options before spaces": Case("-o 0.0 0.0 my tex 2.png", "my tex 2.png"),
    "name that begins as an option": Case("-s.png", "-s.png"),
    "latin-1": Case("stühl.png".encode("latin-1"), "stühl.png"),
    "GBK": Case("木头.png".encode("gbk"), "木头.png"),
    "Shift JIS": Case("表面.png".encode("cp932"), "表面.png"),
    "name of the material in latin-1": Case(
        "tex.png",
        use="usemtl hölz\n".encode("latin-1"),
        text="newmtl hölz\nmap_Kd {named}\n".encode("latin-1"),
    ),
    "name of the material in two encodings": Case(
        "tex.png", use="usemtl hölz\n", text="newmtl hölz\nmap_Kd {named}\n".encode("latin-1")
    ),
    "name of the material with spaces": Case(
        "tex.png", use="usemtl my skin 1\n", text="newmtl my skin 1  \nmap_Kd {named}  \n"
    ),
    "name of the material in another case": Case("tex.png", use="usemtl Skin\n"),
    "no usemtl, one material": Case("tex.png", use=""),
    "small letters": Case("tex.png", text="newmtl skin\nmap_kd {named}\n"),
    "tabs": Case("tex.png", text="newmtl\tskin\n\tKd\t1 1 1\n\tmap_Kd\t{named}\n"),
    "byte order mark": Case("tex.png", text="\ufeffnewmtl skin\nmap_Kd {named}\n"),
    "carriage returns": Case("tex.png", text="newmtl skin\rmap_Kd {named}\r"),
    "bump first": Case("tex.png", text="newmtl skin\nmap_Bump -bm 1 none.png\nmap_Kd {named}\n"),
    "black": Case("tex.png", text="newmtl skin\nKd 0 0 0\nd 0\nTr 1\nmap_Kd {named}\n"),
    "of light": Case("tex.png", text="newmtl skin\nKd 0 0 0\nmap_Ke {named}\n"),
    "library with spaces": Case("tex.png", libraries="mtllib a b.mtl\n", library="a b.mtl"),
    "two libraries in a line": Case(
        "tex.png", libraries="mtllib none.mtl model.mtl\n", others={"none.mtl": "newmtl other\n"}
    ),
    "two lines of libraries": Case(
        "tex.png", libraries="mtllib a.mtl\nmtllib model.mtl\n", others={"a.mtl": "newmtl b\n"}
    ),
    "library in another case": Case("tex.png", libraries="mtllib MODEL.MTL\n"),
    "library of Windows": Case("tex.png", libraries="mtllib C:\\x\\model.mtl\n"),
    "library without extension": Case("tex.png", libraries="mtllib model\n"),
    "library of the former name": Case("tex.png", libraries="mtllib untitled.mtl\n"),
    "library in a folder": Case(
        "tex.png", "lib/tex.png", libraries="mtllib lib/a.mtl\n", library="lib/a.mtl"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FOUND)
def test_the_texture_is_found(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, FOUND[name])
    with collect_warnings() as found:
        (part,) = load_mesh(path, textures=True).parts
    assert part.visual.material.image.getpixel((1, 1)) == RED
    assert np.allclose(part.visual.uv[part.faces].reshape(-1, 2), [(0, 0), (1, 0), (0, 1)])
    assert not found


def test_options_move_the_texture(tmp_path: Path) -> None:
    path = written(tmp_path, Case("-s 2 3 1 -o 0.5 0.25 tex.png"))
    (part,) = load_mesh(path, textures=True).parts
    expected = [(0.5, 0.25), (2.5, 0.25), (0.5, 3.25)]
    assert np.allclose(part.visual.uv[part.faces].reshape(-1, 2), expected)


MISSING = {
    "texture not found, drawn without": Case("none.png", ""),
    "texture cannot be read, drawn without": Case("a.png", "", others={"a.png": "no picture"}),
    "material not defined, drawn in the plain colour": Case("tex.png", use="usemtl other\n"),
    "material file not found, drawn without its colours": Case(
        "tex.png", libraries="mtllib none.mtl\n", library="other.mtl"
    ),
}


@pytest.mark.parametrize("what", MISSING)
def test_a_missing_or_bad_texture_costs_only_itself(tmp_path: Path, what: str) -> None:
    path = written(tmp_path, MISSING[what])
    with collect_warnings() as found:
        mesh = load_mesh(path, textures=True)
    assert len(mesh.faces) == 1 and [w.what for w in found] == [what]
    with collect_warnings() as found:
        load_mesh(path)
    assert not found


@pytest.mark.parametrize(
    ("head", "what"),
    [(b"\xabKTX 20\xbb", "KTX2"), (b"#?RADIANCE\n", "Radiance"), (b"\x76\x2f\x31\x01", "EXR")],
)
def test_a_format_that_is_not_read_is_named(tmp_path: Path, head: bytes, what: str) -> None:
    path = written(tmp_path, Case("tex.png", ""))
    (tmp_path / "tex.png").write_bytes(head + bytes(64))
    with collect_warnings() as (found):
        load_mesh(path, textures=True)
    assert what in found[0].detail


def test_a_texture_without_any_opacity_is_drawn(tmp_path: Path) -> None:
    path = written(tmp_path, Case("tex.png"))
    Image.new("RGBA", (4, 4), (*RED, 0)).save(tmp_path / "tex.png")
    (part,) = load_mesh(path, textures=True).parts
    assert part.visual.material.image.getpixel((1, 1)) == RED
    Image.new("RGBA", (4, 4), (*RED, 0)).save(tmp_path / "tex.png")
    half = Image.open(tmp_path / "tex.png")
    half.putpixel((0, 0), (*RED, 255))
    half.save(tmp_path / "tex.png")
    (part,) = load_mesh(path, textures=True).parts
    assert part.visual.material.image.mode == "RGBA"


@pytest.mark.parametrize(
    "named",
    ["../outside.png", "{root}/outside.png", "link.png", "folder/outside.png", "../outside.png\0"],
)
def test_nothing_outside_the_folder_is_read(tmp_path: Path, named: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "outside.png")
    (inside / "link.png").symlink_to(tmp_path / "outside.png")
    (inside / "folder").symlink_to(tmp_path)
    path = written(inside, Case(named.format(root=tmp_path), ""))
    (part,) = load_mesh(path, textures=True).parts
    assert getattr(part.visual.material, "image", None) is None


def colours_of(part: trimesh.Trimesh) -> list[list[int]]:
    visual = part.visual
    if visual.kind == "texture":
        return [visual.material.diffuse[:3].tolist()]
    return np.unique(visual.vertex_colors[:, :3], axis=0).tolist()


COLOURED = "v 0 0 0 1 0 0\nv 1 0 0 0 1 0\nv 0 1 0 0 0 1\n{}f 1 2 3\n"
PRIMARY = [[0, 0, 255], [0, 255, 0], [255, 0, 0]]


def test_colours_of_vertices_are_drawn_beside_a_material_too(tmp_path: Path) -> None:
    (tmp_path / "a.mtl").write_text("newmtl a\nKd .5 .5 .5\n")
    for name, text in {
        "alone": COLOURED.format(""),
        "bytes": COLOURED.replace(" 1 0 0\n", " 255 0 0\n", 1).replace(" 0 1 0\n", " 0 255 0\n", 1)
        .replace("1 0 0 0 1\n", "1 0 0 0 255\n").format(""),
        "beside": "mtllib a.mtl\n" + COLOURED.format("usemtl a\n"),
    }.items():  # fmt: skip
        (tmp_path / f"{name}.obj").write_text(text)
        (part,) = load_mesh(tmp_path / f"{name}.obj", textures=True).parts
        assert colours_of(part) == PRIMARY, name


def test_each_material_colours_its_faces(tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    kd = ["Kd 1 0 0", "Kd 0 255 0", "Kd 0 0 0\nKe 0 0 1"]
    (tmp_path / "m.mtl").write_text(
        "".join(f"newmtl {n}\n{k}\n" for n, k in zip(names, kd, strict=True))
    )
    faces = "".join(f"usemtl {n}\nf 1 2 3\n" for n in [*names, *names])
    (tmp_path / "m.obj").write_text(f"mtllib m.mtl\nv 0 0 0\nv 1 0 0\nv 0 1 0\n{faces}")
    parts = load_mesh(tmp_path / "m.obj", textures=True).parts
    assert [len(part.faces) for part in parts] == [2, 2, 2]
    assert [colours_of(part)[0] for part in parts] == PRIMARY[::-1]


def test_faces_without_coordinates_keep_the_materials_colour(tmp_path: Path) -> None:
    path = written(tmp_path, Case("tex.png", text="newmtl skin\nKd 0 0 1\nmap_Kd {named}\n"))
    path.write_text(path.read_text() + "f 1 2 3\n")
    with collect_warnings() as found:
        textured, bare = load_mesh(path, textures=True).parts
    assert textured.visual.material.image.getpixel((1, 1)) == RED
    assert colours_of(bare) == [[0, 0, 255]]
    assert [w.what for w in found] == ["no texture coordinates, drawn without texture"]
