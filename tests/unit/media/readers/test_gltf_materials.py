"""Materials of glTF: the colours that a surface shows, whatever stores them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gltf_files import UV, Gltf, picture
from PIL import Image

from ucmgcn.core.item_warnings import collect_warnings
from ucmgcn.media.meshes import load_mesh
from ucmgcn.render.renderer import Renderer
from ucmgcn.settings import RenderConfig

RED, GREEN = (220, 40, 40), (40, 180, 60)
ROTATED = {"offset": [1, 0], "rotation": -np.pi / 2, "scale": [1, 1]}


def halves() -> bytes:
    """A picture whose left half is red and whose right half is green."""
    packed = io.BytesIO()
    image = Image.new("RGB", (32, 32), RED)
    image.paste(GREEN, (16, 0, 32, 32))
    image.save(packed, "PNG")
    return packed.getvalue()


def textured(content: bytes | None = None, **material: Any) -> Gltf:
    file = Gltf()
    primitive = file.add_primitive(TEXCOORD_0=file.array(UV))
    primitive["material"] = 0
    base = {"baseColorTexture": {"index": 0}}
    file.json["materials"] = [{"pbrMetallicRoughness": base, **material}]
    file.json["textures"] = [{"source": file.add_picture(content or picture(RED))}]
    return file


def texture_of(file: Gltf) -> dict[str, Any]:
    return file.json["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]


def in_another_format(extension: str, kind: str) -> Callable[[], Gltf]:
    def build() -> Gltf:
        file = textured(picture(RED, kind))
        file.json["textures"] = [{"extensions": {extension: {"source": 0}}}]
        return file

    return build


def with_a_fallback() -> Gltf:
    file = textured()
    ktx2 = file.add_picture(b"\xabKTX 20\xbb\r\n\x1a\n" + b"\0" * 80, "image/ktx2")
    file.json["textures"][0]["extensions"] = {"KHR_texture_basisu": {"source": ktx2}}
    return file


def specular_glossiness() -> Gltf:
    file = textured()
    gloss = {"diffuseTexture": {"index": 0}}
    extension = {"KHR_materials_pbrSpecularGlossiness": gloss}
    file.json["materials"] = [{"extensions": extension}]
    return file


def emissive() -> Gltf:
    black = {"baseColorFactor": [0, 0, 0, 1]}
    light = {"emissiveFactor": [1, 1, 1], "emissiveTexture": {"index": 0}}
    return textured(pbrMetallicRoughness=black, **light)


def second_coordinates() -> Gltf:
    file = textured(halves())
    attributes = file.json["meshes"][0]["primitives"][0]["attributes"]
    attributes["TEXCOORD_1"] = file.array(np.full((4, 2), 0.25, "<f4"))
    texture_of(file)["texCoord"] = 1
    return file


def quantised_coordinates() -> Gltf:
    file = textured(halves())
    attributes = file.json["meshes"][0]["primitives"][0]["attributes"]
    attributes["TEXCOORD_0"] = file.array(np.full((4, 2), 16384, "<u2"), normalized=True)
    return file


def moved_coordinates() -> Gltf:
    """The red half covers the left eighth of the scaled coordinates."""
    file = textured(halves())
    attributes = file.json["meshes"][0]["primitives"][0]["attributes"]
    attributes["TEXCOORD_0"] = file.array((UV * 4 - 4).astype("<f4"))
    change = {"offset": [0.5, 0], "scale": [0.125, 1]}
    texture_of(file)["extensions"] = {"KHR_texture_transform": change}
    return file


def vertex_colours(values: np.ndarray, **entries: Any) -> Callable[[], Gltf]:
    def build() -> Gltf:
        file = Gltf()
        file.add_primitive(COLOR_0=file.array(values, **entries))
        return file

    return build


def tinted_texture() -> Gltf:
    file = textured(picture((255, 255, 255)))
    attributes = file.json["meshes"][0]["primitives"][0]["attributes"]
    attributes["COLOR_0"] = file.array(np.tile(np.array(RED, "<f4") / 255, (4, 1)))
    return file


def factor() -> Gltf:
    file = Gltf()
    file.add_primitive()["material"] = 0
    colour = np.array(RED) / 255
    linear = np.where(colour > 0.04045, ((colour + 0.055) / 1.055) ** 2.4, colour / 12.92)
    base = {"baseColorFactor": [*linear, 0.3]}
    file.json["materials"] = [{"pbrMetallicRoughness": base, "alphaMode": "BLEND"}]
    return file


def alpha(mode: str | None, level: int) -> Callable[[], Gltf]:
    def build() -> Gltf:
        return textured(picture((*RED, level)), **({"alphaMode": mode} if mode else {}))

    return build


BYTES = np.tile(np.array([*RED, 255], "<u1"), (4, 1))
SHORTS = BYTES.astype("<u2") * 257


@pytest.fixture(scope="module")
def draw() -> Any:
    config = RenderConfig(textures=True, size=48, views=2, cameras="ring")
    angles = np.array([[0.5, 0.4, 0.8], [-0.6, 0.5, -0.6]])
    with Renderer(config, gpus=0) as renderer:

        def views(path: Path) -> np.ndarray:
            return renderer.render(load_mesh(path, textures=True), angles).astype(int)

        yield views


@pytest.mark.parametrize(
    "build",
    [
        in_another_format("EXT_texture_webp", "WEBP"),
        in_another_format("EXT_texture_avif", "AVIF"),
        in_another_format("MSFT_texture_dds", "DDS"),
        with_a_fallback, specular_glossiness, emissive, second_coordinates, quantised_coordinates,
        moved_coordinates, tinted_texture, factor,
        vertex_colours(BYTES, normalized=True), vertex_colours(SHORTS, normalized=True),
        vertex_colours((BYTES[:, :3] / 255).astype("<f4")),
        alpha(None, 0), alpha("OPAQUE", 9), alpha("BLEND", 60), alpha("MASK", 200),
    ],
)  # fmt: skip
def test_every_way_to_store_red_shows_red(
    tmp_path: Path, draw: Any, build: Callable[[], Gltf]
) -> None:
    wanted, found = draw(textured().write(tmp_path)), draw(build().write(tmp_path, "y.glb"))
    assert (wanted[..., 0] - wanted[..., 1]).max() > 100
    assert np.abs(wanted - found).mean() < 1.5


def test_a_mask_cuts_holes_and_blending_keeps_a_pane(tmp_path: Path, draw: Any) -> None:
    image = Image.new("RGBA", (32, 32), (*RED, 90))
    image.paste((*RED, 160), (16, 0, 32, 32))
    packed = io.BytesIO()
    image.save(packed, "PNG")
    whole = draw(textured().write(tmp_path))
    cut = draw(textured(packed.getvalue(), alphaMode="MASK").write(tmp_path, "y.glb"))
    low = textured(packed.getvalue(), alphaMode="MASK", alphaCutoff=0.2).write(tmp_path, "z.glb")
    assert np.abs(whole - cut).mean() > 2
    assert np.abs(whole - draw(low)).mean() < 1.5


def test_texture_coordinates_turn_as_the_extension_says(tmp_path: Path, draw: Any) -> None:
    file, other = textured(halves()), textured(halves())
    texture_of(file)["extensions"] = {"KHR_texture_transform": ROTATED}
    # u' = offset + u cos r + v sin r; v' = -u sin r + v cos r
    turned = np.stack([1 - UV[:, 1], UV[:, 0]], axis=1)
    attributes = other.json["meshes"][0]["primitives"][0]["attributes"]
    attributes["TEXCOORD_0"] = other.array(turned.astype("<f4"))
    found, wanted = draw(file.write(tmp_path)), draw(other.write(tmp_path, "y.glb"))
    assert np.abs(found - wanted).mean() < 0.5


def warnings_of(path: Path) -> list[tuple[str, str]]:
    with collect_warnings() as found:
        assert len(load_mesh(path, textures=True).faces) == 4
    return [(warning.what, warning.detail) for warning in found]


def test_a_bad_texture_costs_a_warning_and_not_the_mesh(tmp_path: Path) -> None:
    ktx2 = textured(b"\xabKTX 20\xbb\r\n\x1a\n" + b"\0" * 80).write(tmp_path)
    ((what, detail),) = warnings_of(ktx2)
    assert what == "texture cannot be read, drawn without" and "KTX2" in detail
    ((what, detail),) = warnings_of(textured(b"no picture").write(tmp_path))
    assert what == "texture cannot be read, drawn without" and "no picture of a known" in detail
    file = textured()
    file.json["images"] = [{"uri": "textures/gone%20away.png"}]
    assert [what for what, _ in warnings_of(file.write(tmp_path))] == [
        "texture not found, drawn without"
    ]
    file.json["images"] = [{"uri": "textures/my%20wood.png"}]
    (tmp_path / "textures").mkdir()
    (tmp_path / "textures" / "my wood.png").write_bytes(picture())
    assert warnings_of(file.write(tmp_path)) == []


def damaged(*path: Any, value: Any) -> Gltf:
    file = textured()
    place: Any = file.json
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return file


ATTRIBUTES = ("meshes", 0, "primitives", 0, "attributes")


@pytest.mark.parametrize(
    ("file", "what"),
    [
        (damaged("meshes", 0, "primitives", 0, "material", value=7), "material damaged"),
        (damaged("materials", 0, "pbrMetallicRoughness", value=[]), "material damaged"),
        (damaged("textures", 0, "source", value=9), "material damaged"),
        (damaged("images", 0, "bufferView", value=99), "material damaged"),
        (damaged(*ATTRIBUTES, "TEXCOORD_0", value=99), "texture coordinates damaged"),
        (damaged("accessors", 0, "count", value=2), "texture coordinates damaged"),
        (damaged(*ATTRIBUTES, "COLOR_0", value=99), "colours damaged"),
        (damaged(*ATTRIBUTES, "NORMAL", value=99), None),
    ],
)
def test_a_damaged_look_costs_a_warning_and_not_the_mesh(
    tmp_path: Path, file: Gltf, what: str | None
) -> None:
    found = [said for said, _ in warnings_of(file.write(tmp_path))]
    assert found == [] if what is None else (len(found) == 1 and found[0].startswith(what))
