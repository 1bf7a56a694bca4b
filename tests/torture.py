"""Files that nobody would want in a data set, each with what has to become of it.

A case is a function that writes a file (and what it refers to) into a folder of its own, and what
is expected: ``USED``, or a pattern that the reason of its rejection matches. ``EITHER`` marks files
of which a reader may make something or nothing, as long as it does not fail.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import trimesh
from PIL import Image

USED = "used"
EITHER = "either"
UNREADABLE = "cannot be read as"
SECRET = "SECRET-OUTSIDE-THE-FOLDER"
Case = tuple[str, Callable[[Path], None], str]

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"
PLY = (
    "ply\nformat {kind} 1.0\nelement vertex {vertices}\nproperty float x\nproperty float y\n"
    "property float z\nelement face {faces}\nproperty list uchar int vertex_indices\nend_header\n"
)
COLLADA = """<?xml version="1.0"?>
<!DOCTYPE COLLADA [{entities}]>
<COLLADA xmlns="http://www.collada.org/2005/11/COLLADASchema" version="1.4.1">
<asset><contributor><author>&author;</author></contributor></asset></COLLADA>
"""


def _box() -> trimesh.Trimesh:
    return trimesh.creation.box([1, 2, 3])


def text(content: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(content)


def content(data: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(data)


def exported(path: Path) -> bytes:
    """The content of a box in the format of the path."""
    kind = path.suffix[1:]
    if kind == "gltf":
        return json.dumps(_gltf_tree(_data_uri())).encode()
    made = _box().export(file_type=kind)
    return made.encode() if isinstance(made, str) else made


def good(path: Path) -> None:
    path.write_bytes(exported(path))


def cut(share: float) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        whole = exported(path)
        path.write_bytes(whole[: int(len(whole) * share)])

    return write


def garbled(path: Path) -> None:
    """Noise behind an intact head."""
    whole = exported(path)
    noise = np.random.default_rng(0).bytes(len(whole))
    path.write_bytes(whole[:20] + noise[20:])


def obj(vertices: object, faces: str = "f 1 2 3") -> Callable[[Path], None]:
    lines = "".join(f"v {x} {y} {z}\n" for x, y, z in vertices)
    return text(f"{lines}{faces}\n")


def scaled(factor: float) -> Callable[[Path], None]:
    return obj([[float(v * factor) for v in row] for row in np.eye(3) + 0.25])


def many_faces(count: int) -> Callable[[Path], None]:
    """A binary STL of small triangles on a sphere."""

    def write(path: Path) -> None:
        record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
        faces = np.zeros(count, record)
        rng = np.random.default_rng(0)
        centres = rng.normal(size=(count, 1, 3)).astype(np.float32)
        centres /= np.linalg.norm(centres, axis=2, keepdims=True)
        faces["corners"] = centres + rng.uniform(-0.002, 0.002, (count, 3, 3))
        path.write_bytes(bytes(80) + struct.pack("<I", count) + faces.tobytes())

    return write


def _data_uri() -> str:
    corners = np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0]]).tobytes()
    return "data:application/octet-stream;base64," + base64.b64encode(corners).decode()


def _gltf_tree(uri: str | None, **changes: object) -> dict[str, object]:
    buffer = {"byteLength": 36} | ({"uri": uri} if uri is not None else {})
    return {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [
            {
                "bufferView": 0,
                "componentType": 5126,
                "count": 3,
                "type": "VEC3",
                "min": [0, 0, 0],
                "max": [1, 1, 0],
            }
        ],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "buffers": [buffer],
        **changes,
    }


def gltf(uri: str | None, **changes: object) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        outside = path.parent.parent / "outside.bin"
        outside.write_bytes(np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0]]).tobytes())
        path.write_text(json.dumps(_gltf_tree(uri and uri.format(outside=outside), **changes)))

    return write


def collada(entities: str) -> str:
    return COLLADA.format(entities=entities)


def glb(length: int, json_length: int) -> Callable[[Path], None]:
    """A GLB whose header declares other lengths than it has."""
    tree = json.dumps(_gltf_tree(None)).encode()
    head = struct.pack("<4sII", b"glTF", 2, length) + struct.pack("<I4s", json_length, b"JSON")
    return content(head + tree)


def with_material(library: str, texture: str = "") -> Callable[[Path], None]:
    """A textured triangle; {outside} in the names is a file outside its folder."""

    def write(path: Path) -> None:
        outside = path.parent.parent / "outside.mtl"
        outside.write_text(f"newmtl skin\nKd 1 0 0\n# {SECRET}\n")
        (path.parent.parent / "outside.png").write_bytes(_png(8, 8))
        named = library.format(outside=outside)
        path.write_text(
            f"mtllib {named}\nusemtl skin\nvt 0 0\nvt 1 0\nvt 0 1\nv 0 0 0\nv 1 0 0\nv 0 1 0\n"
            "f 1/1 2/2 3/3\n"
        )
        if texture:
            map_kd = texture.format(outside=outside.with_suffix(".png"))
            (path.parent / library).write_text(f"newmtl skin\nmap_Kd {map_kd}\n")

    return write


def with_linked_material(path: Path) -> None:
    with_material("skin.mtl")(path)
    (path.parent / "skin.mtl").symlink_to(path.parent.parent / "outside.mtl")


def with_pipe_as_material(path: Path) -> None:
    with_material("skin.mtl")(path)
    os.mkfifo(path.parent / "skin.mtl")


def with_texture(data: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with_material("skin.mtl", "skin.png")(path)
        (path.parent / "skin.png").write_bytes(data)

    return write


def linked_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def linked_outside(path: Path) -> None:
    outside = path.parents[2] / f"outside{path.suffix}"
    outside.write_bytes(exported(path) if path.suffix == ".obj" else _png(32, 32))
    path.symlink_to(outside)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    # The address of a socket is short; its name in the folder need not be.
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as unix:
            unix.bind(path.name)
    finally:
        os.chdir(here)


def a_folder(path: Path) -> None:
    path.mkdir()


FORMATS = ("obj", "off", "ply", "stl", "glb", "gltf", "dae")
BOMB = (
    '<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    + '<!ENTITY author "&a11;">'
)
FROM_OUTSIDE = '<!ENTITY author SYSTEM "file:///etc/hostname">'
NESTED = "[" * 200_000

MESHES: list[Case] = [
    *((f"good.{kind}", good, USED) for kind in FORMATS),
    *((f"empty.{kind}", content(b""), "the file is empty") for kind in FORMATS),
    *((f"cut-{kind}.{kind}", cut(0.5), EITHER) for kind in FORMATS),
    *((f"head-{kind}.{kind}", cut(0.05), UNREADABLE + "|no faces") for kind in FORMATS),
    *((f"noise-{kind}.{kind}", garbled, EITHER) for kind in FORMATS),
    *((f"text-{kind}.{kind}", text("just a note\n"), UNREADABLE + "|no faces") for kind in FORMATS),
    *((f"zeros-{kind}.{kind}", content(bytes(4096)), ".") for kind in FORMATS),
    ("stl-as.glb", lambda p: p.write_bytes(exported(Path("x.stl"))), UNREADABLE),
    ("glb-as.obj", lambda p: p.write_bytes(exported(Path("x.glb"))), "."),
    ("photo-as.ply", lambda p: p.write_bytes(_png(32, 32)), UNREADABLE),
    ("zip-as.obj", content(b"PK\x03\x04" + bytes(100)), "."),
    ("nan.obj", obj([(0, 0, "nan"), (1, 0, 0), (0, 1, 0)]), "not finite"),
    ("inf.obj", obj([(0, 0, "inf"), (1, 0, 0), (0, 1, 0)]), "not finite"),
    ("over.obj", obj([(0, 0, "1e999"), (1, 0, 0), (0, 1, 0)]), "not finite"),
    ("huge.obj", scaled(1e300), USED),
    ("tiny.obj", scaled(1e-300), USED),
    ("denormal.obj", scaled(5e-324), "no extent"),
    ("two-values.obj", text("v 0 0\nv 1 0\nv 0 1\nf 1 2 3\n"), "three values each|" + UNREADABLE),
    ("uneven.obj", text("v 0 0 0\nv 1\nv 0 1 0\nf 1 2 3\n"), "."),
    ("far.obj", obj([(1e9, 0, 0), (1e9 + 1e-6, 0, 0), (1e9, 1e-6, 0)]), EITHER),
    ("no-faces.off", text("OFF\n3 0 0\n0 0 0\n1 0 0\n0 1 0\n"), "no faces"),
    ("points.obj", text("v 0 0 0\nv 1 0 0\nv 0 1 0\n"), "3 points only"),
    ("points.ply", text(PLY.format(kind="ascii", vertices=1, faces=0) + "0 0 0\n"), "no faces"),
    ("lines.obj", text("v 0 0 0\nv 1 0 0\nl 1 2\n"), "no faces"),
    ("flat.obj", obj([(0, 0, 0), (1, 1, 1), (2, 2, 2)]), "degenerate"),
    ("point.obj", obj([(3, 3, 3)] * 3), "no extent"),
    ("same.obj", obj([(0, 0, 0), (1, 0, 0), (0, 1, 0)], "f 1 1 1"), "."),
    ("triangle.obj", text(TRIANGLE), USED),
    ("beyond.obj", obj([(0, 0, 0), (1, 0, 0), (0, 1, 0)], "f 1 2 9"), "."),
    ("before.obj", obj([(0, 0, 0), (1, 0, 0), (0, 1, 0)], "f -1 -2 -9"), "."),
    ("zero.obj", obj([(0, 0, 0), (1, 0, 0), (0, 1, 0)], "f 0 1 2"), EITHER),
    ("huge-index.obj", obj([(0, 0, 0), (1, 0, 0), (0, 1, 0)], "f 1 2 99999999999999999999"), "."),
    ("beyond.off", text("OFF\n3 1 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 7\n"), "."),
    ("beyond.ply", text(PLY.format(kind="ascii", vertices=1, faces=1) + "0 0 0\n3 0 1 7\n"), "."),
    ("claims.off", text("OFF\n4000000000 4000000000 0\n0 0 0\n"), "."),
    ("claims.stl", content(bytes(80) + struct.pack("<I", 2**32 - 1) + bytes(50)), "."),
    *(
        (f"claims-{kind}.ply", text(PLY.format(kind=kind, vertices=10**15, faces=10**15)), ".")
        for kind in ("ascii", "binary_little_endian", "binary_big_endian")
    ),
    ("minus.ply", text(PLY.format(kind="ascii", vertices=-3, faces=-1)), "."),
    ("length.glb", glb(2**32 - 1, 2**32 - 1), "."),
    ("short.glb", glb(12, 0), UNREADABLE),
    ("nested.gltf", text(NESTED), UNREADABLE),
    ("data.gltf", gltf(_data_uri()), USED),
    ("bad-data.gltf", gltf("data:application/octet-stream;base64,@@@@"), "."),
    ("no-buffer.gltf", gltf("none.bin"), UNREADABLE),
    ("outside.gltf", gltf("../outside.bin"), UNREADABLE),
    ("absolute.gltf", gltf("{outside}"), UNREADABLE),
    ("file.gltf", gltf("file://{outside}"), UNREADABLE),
    ("http.gltf", gltf("http://localhost:9/outside.bin"), UNREADABLE),
    (
        "count.gltf",
        gltf(_data_uri(), accessors=[{"componentType": 5126, "count": 10**12, "type": "VEC3"}]),
        ".",
    ),
    ("circle.gltf", gltf(_data_uri(), nodes=[{"mesh": 0, "children": [0]}]), EITHER),
    ("no-node.gltf", gltf(_data_uri(), nodes=[{"mesh": 7}]), "."),
    ("nan-node.gltf", gltf(_data_uri(), nodes=[{"mesh": 0, "scale": [0, 0, 0]}]), "."),
    ("bomb.dae", text(collada(BOMB)), "."),
    (
        "entity.dae",
        text(collada(FROM_OUTSIDE)),
        ".",
    ),
    ("no-library.obj", with_material("none.mtl"), USED),
    ("relative-library.obj", with_material("../outside.mtl"), USED),
    ("absolute-library.obj", with_material("{outside}"), USED),
    ("linked-library.obj", with_linked_material, USED),
    ("piped-library.obj", with_pipe_as_material, USED),
    ("relative-texture.obj", with_material("skin.mtl", "../outside.png"), USED),
    ("absolute-texture.obj", with_material("skin.mtl", "{outside}"), USED),
    ("http-texture.obj", with_material("skin.mtl", "http://localhost:9/skin.png"), USED),
    ("bad-texture.obj", with_texture(b"no picture"), USED),
    ("linked-to-itself.obj", linked_to_itself, "cannot be read"),
    ("linked-outside.obj", linked_outside, "leads outside"),
    ("pipe.obj", pipe, "not a regular file"),
    ("socket.obj", a_socket, "not a regular file"),
    ("mesh.step", text("ISO-10303-21;"), "its STEP is damaged"),
    ("mesh.blend", text("BLENDER-v300"), "its extension .blend"),
    ("mesh", text(TRIANGLE), r"its extension \(none\)"),
    ("with space.obj", text(TRIANGLE), USED),
    ("new\nline.obj", text(TRIANGLE), USED),
    ("tab\t\"quote\",comma;'apostrophe'.obj", text(TRIANGLE), USED),
    ("stuhl-椅子-🪑-e\u0301.obj", text(TRIANGLE), USED),
    ("-rf.obj", text(TRIANGLE), USED),
    ("{shard}%20$HOME`id`.obj", text(TRIANGLE), USED),
    ("l" * 240 + ".obj", text(TRIANGLE), USED),
    ("UPPER.OBJ", text(TRIANGLE), USED),
    ("two.dots.obj", text(TRIANGLE), USED),
    (os.fsdecode(b"latin-\xe9.obj"), text(TRIANGLE), "not valid text"),
]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, rows: int | None = None) -> bytes:
    """A grey PNG of any size in a few kilobytes; with fewer rows than it declares, if so asked."""
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    packer = zlib.compressobj(9)
    row = bytes(width + 1)
    packed = b"".join(packer.compress(row) for _ in range(height if rows is None else rows))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + _chunk(b"IDAT", packed + packer.flush())
        + _chunk(b"IEND", b"")
    )


def _text_bomb() -> bytes:
    """A small PNG with a compressed remark that unpacks to 200 MB."""
    remark = _chunk(b"zTXt", b"remark\0\0" + zlib.compress(bytes(200_000_000), 9))
    whole = _png(32, 32)
    return whole[:33] + remark + whole[33:]


def saved(mode: str = "RGB", size: tuple[int, int] = (48, 32), **options: object):
    def write(path: Path) -> None:
        kind = {".jpg": "JPEG", ".tif": "TIFF"}.get(path.suffix, path.suffix[1:].upper())
        Image.new("RGB", size, (200, 60, 30)).convert(mode).save(path, kind, **options)

    return write


def as_format(kind: str) -> Callable[[Path], None]:
    return lambda path: Image.new("RGB", (48, 32), (200, 60, 30)).save(path, kind)


def cut_image(share: float) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * share)])

    return write


def rotated(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (48, 32)).save(path, exif=exif)


def bad_exif(path: Path) -> None:
    Image.new("RGB", (48, 32)).save(path, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + bytes(9))


def deep(path: Path) -> None:
    values = np.linspace(0, 65535, 32 * 48).astype(np.uint16).reshape(32, 48)
    Image.fromarray(values).save(path)


def animated(path: Path) -> None:
    frames = [Image.new("RGB", (48, 32), (n, n, n)) for n in range(0, 250, 50)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def circular_tiff(path: Path) -> None:
    """Its list of pages leads back to its first page, which has no pixels."""
    path.write_bytes(b"II*\0" + struct.pack("<IHI", 8, 0, 8))


KINDS = ("jpg", "png", "webp", "bmp", "gif", "tif", "ppm", "jp2")
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/hostname"/></svg>'

PHOTOS: list[Case] = [
    *((f"good.{kind}", cut_image(1), USED) for kind in KINDS),
    *((f"empty.{kind}", content(b""), "the file is empty") for kind in KINDS),
    *((f"cut-{kind}.{kind}", cut_image(0.5), "cannot be decoded|no image") for kind in KINDS),
    *((f"head-{kind}.{kind}", content(b"\xff\xd8\xff"), "no image|decoded") for kind in KINDS),
    ("text.jpg", text("just a note\n"), "no image of a known format"),
    ("page.jpg", text("<!DOCTYPE html><title>404</title>"), "no image of a known format"),
    ("drawing.png", text(SVG), "no image of a known format"),
    ("program.jpg", text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), "no image"),
    ("mesh.jpg", text(TRIANGLE), "no image of a known format"),
    ("png-as.jpg", as_format("PNG"), USED),
    ("webp-as.jpg", as_format("WEBP"), USED),
    ("dot.png", saved(size=(1, 1)), "too small: 1x1"),
    ("line.png", saved(size=(4000, 1)), "too small"),
    ("vast.png", content(_png(30_000, 30_000)), "too large|decompression bomb"),
    ("vast-and-cut.png", content(_png(30_000, 30_000, rows=9)), "too large|decompression bomb"),
    ("bomb.png", content(_png(200_000, 200_000, rows=9)), "too large|decompression bomb"),
    ("remark.png", content(_text_bomb()), EITHER),
    ("bomb.ppm", content(b"P6\n60000 60000\n255\n"), "too large|decompression bomb"),
    (
        "bomb.bmp",
        content(
            b"BM"
            + struct.pack("<IIIIiiHHIIiiII", 0, 0, 54, 40, 2**30, 2**30, 1, 24, 0, 0, 0, 0, 0, 0)
        ),
        "too large|bomb|decoded",
    ),
    (
        "zero-size.bmp",
        content(
            b"BM" + struct.pack("<IIIIiiHHIIiiII", 0, 0, 54, 40, 0, 0, 1, 24, 0, 0, 0, 0, 0, 0)
        ),
        "too small|decoded|no image",
    ),
    ("cmyk.jpg", saved("CMYK"), USED),
    ("cmyk.tif", saved("CMYK"), USED),
    ("grey.jpg", saved("L"), USED),
    ("bits.png", saved("1"), USED),
    ("palette.png", saved("P"), USED),
    ("alpha.png", saved("RGBA"), USED),
    ("lab.tif", saved("LAB"), EITHER),
    ("deep.png", deep, USED),
    ("deep.tif", deep, USED),
    ("animated.gif", animated, USED),
    ("animated.webp", animated, USED),
    ("animated.png", animated, USED),
    ("rotated.jpg", rotated, USED),
    ("bad-exif.jpg", bad_exif, EITHER),
    ("progressive.jpg", saved(progressive=True), USED),
    ("circle.tif", circular_tiff, "."),
    ("slip.jpg", linked_outside, "leads outside"),
    ("linked-to-itself.jpg", linked_to_itself, "cannot be read"),
    ("pipe.jpg", pipe, "not a regular file"),
    ("socket.jpg", a_socket, "not a regular file"),
    ("photo.psd", text("x"), r"its extension .psd"),
    ("text.heic", text("x"), "no image of a known format"),
    ("with space.jpg", saved(), USED),
    ("new\nline.jpg", saved(), USED),
    ("foto-写真-📷.jpg", saved(), USED),
    ("l" * 240 + ".jpg", saved(), USED),
    (os.fsdecode(b"latin-\xe9.jpg"), saved(), "not valid text"),
]


def write_all(root: Path, cases: list[Case]) -> dict[str, str]:
    """Write each case into a folder of its own; return what is expected of each path."""
    expected = {}
    for number, (name, write, outcome) in enumerate(cases):
        folder = root / f"{number:03d}"
        folder.mkdir(parents=True)
        write(folder / name)
        expected[str(folder / name)] = outcome
    return expected


def check(expected: str, became: str) -> None:
    """Compare what became of a file with what was expected."""
    if expected == USED:
        assert became == USED
    elif expected != EITHER:
        assert became != USED and re.search(expected, became), became


if __name__ == "__main__":  # python tests/torture.py FOLDER writes the whole set
    for part, found in (("models", MESHES), ("images", PHOTOS)):
        write_all(Path(sys.argv[1]) / part, found)
