"""Materials of glTF: the colour of each surface, from its factor, its texture and its vertices.

Views have no physically based shading: of a material they show the base colour or, where that is
black, the light that it emits.

Source: glTF 2.0, section 3.9, and the extensions KHR_texture_transform, EXT_texture_webp,
EXT_texture_avif, MSFT_texture_dds, KHR_texture_basisu, KHR_materials_pbrSpecularGlossiness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import trimesh
import trimesh.visual
from PIL import Image
from trimesh.visual.material import PBRMaterial

from ucmgcn.core.arrays import Floats
from ucmgcn.core.errors import ItemError
from ucmgcn.media.mesh_warnings import BAD_MATERIAL, warn_of
from ucmgcn.media.readers.gltf_file import BROKEN, Entry, GltfFile, as_floats, extensions
from ucmgcn.media.readers.surfaces import TINT
from ucmgcn.media.readers.textures import decode_texture

Texels = npt.NDArray[np.float32]

SPECULAR = "KHR_materials_pbrSpecularGlossiness"
TRANSFORM = "KHR_texture_transform"
# Where a texture names the same picture in another format.
SOURCES = ("EXT_texture_webp", "EXT_texture_avif", "MSFT_texture_dds", "KHR_texture_basisu")
BLACK = 0.04


@dataclass(frozen=True)
class _Look:
    """What a material shows: a linear RGBA factor, a texture, and how its alpha counts."""

    factor: Floats
    texture: Entry | None
    mode: str
    cutoff: float


class Materials:
    """The materials of a file; pictures are decoded once."""

    def __init__(self, file: GltfFile) -> None:
        self._file = file
        self._looks: dict[int | None, _Look] = {None: _look({})}
        self._pictures: dict[tuple[int, str, float, float], Image.Image | None] = {}

    def paint(
        self,
        geometry: trimesh.Trimesh,
        attributes: dict[str, npt.NDArray[Any]],
        index: int | None,
    ) -> None:
        """Give a geometry the colours of a material; without any it stays bare.

        What is wrong with a material becomes a warning.

        Parameters
        ----------
        geometry
            What is painted.
        attributes
            Values at its vertices: ``TEXCOORD_n`` (n, 2) and ``COLOR_0`` (n, 3 or 4).
        index
            Number of the material, if it has one.
        """
        try:
            self._paint(geometry, attributes, index)
        except (ItemError, *BROKEN) as error:
            warn_of(BAD_MATERIAL, f"material {index}: {error}")

    def _paint(
        self,
        geometry: trimesh.Trimesh,
        attributes: dict[str, npt.NDArray[Any]],
        index: int | None,
    ) -> None:
        tints = _tints(attributes)
        if index is None and tints is None:
            return
        if index not in self._looks:
            self._looks[index] = _look(self._file.entry("materials", index))
        look = self._looks[index]
        picture, uv = self._picture(look, attributes)
        if picture is not None:
            _paint_texture(geometry, look, picture, uv, tints)
        elif tints is not None:
            geometry.visual = trimesh.visual.ColorVisuals(
                geometry, vertex_colors=_bytes(tints * look.factor)
            )
        else:
            geometry.visual = trimesh.visual.TextureVisuals(material=_material(look, None))  # type: ignore[no-untyped-call]

    def _picture(
        self, look: _Look, attributes: dict[str, npt.NDArray[Any]]
    ) -> tuple[Image.Image | None, Texels]:
        """Return the texture of a material and the coordinates in it, None without."""
        nothing = None, np.empty((0, 2), np.float32)
        if look.texture is None:
            return nothing
        change = extensions(look.texture).get(TRANSFORM, {})
        channel = change.get("texCoord", look.texture.get("texCoord", 0))
        uv = attributes.get(f"TEXCOORD_{channel}")
        if uv is None:
            return nothing
        key = (look.texture["index"], look.mode, look.cutoff, float(look.factor[3]))
        if key not in self._pictures:
            picture = self._texture(look.texture["index"])
            self._pictures[key] = None if picture is None else _with_alpha(picture, look)
        placed = np.array(_transformed(as_floats(uv), change), dtype=np.float32)
        # trimesh's origin is the lower left corner, and glTF's is the upper left.
        np.subtract(1, placed[:, 1], out=placed[:, 1])
        return self._pictures[key], placed

    def _texture(self, index: int) -> Image.Image | None:
        """Decode the first picture of a texture that can be decoded; warn if none can."""
        texture = self._file.entry("textures", index)
        known = extensions(texture)
        numbers = [texture.get("source"), *(known.get(name, {}).get("source") for name in SOURCES)]
        for number in (n for n in numbers if n is not None):
            try:
                content, name = self._content(number)
            except (OSError, ValueError):  # `Companions` has recorded it
                continue
            if picture := decode_texture(content, name):
                return picture
        return None

    def _content(self, number: int) -> tuple[bytes, str]:
        """Return a picture as it is stored, and its name for messages."""
        image = self._file.entry("images", number)
        if "uri" in image:
            named = "embedded" if image["uri"].startswith("data:") else image["uri"]
            return self._file.data(image["uri"]), named
        return bytes(self._file.view(image["bufferView"])), f"embedded picture {number}"


def _look(material: Entry) -> _Look:
    gloss = extensions(material).get(SPECULAR)
    base = material.get("pbrMetallicRoughness", {}) if gloss is None else gloss
    names = ("baseColorFactor", "baseColorTexture")
    if gloss is not None:
        names = ("diffuseFactor", "diffuseTexture")
    factor = np.array(base.get(names[0], (1, 1, 1, 1)), dtype=np.float64).reshape(4)
    texture = base.get(names[1])
    emitted = np.array(material.get("emissiveFactor", (0, 0, 0)), dtype=np.float64).reshape(3)
    if factor[:3].max() <= BLACK and emitted.max() > BLACK:
        factor, texture = np.append(emitted, factor[3]), material.get("emissiveTexture")
    mode = material.get("alphaMode", "OPAQUE")
    return _Look(_encoded(factor), texture, mode, material.get("alphaCutoff", 0.5))


def _encoded(factor: Floats) -> Floats:
    """Encode the colours of a linear factor in sRGB, as textures are (IEC 61966-2-1)."""
    linear = np.clip(factor, 0, 1)
    colours = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.append(colours[:3], linear[3])


def _with_alpha(picture: Image.Image, look: _Look) -> Image.Image:
    """Make a texture opaque where its material is; views show a texel from an alpha of 0.5 on."""
    if picture.mode != "RGBA":
        return picture
    alpha = np.asarray(picture.getchannel("A"), dtype=np.float64) / 255
    shown = alpha * look.factor[3] >= look.cutoff if look.mode == "MASK" else alpha >= 0.5
    # A pane of glass is drawn, and not left out.
    if look.mode not in ("MASK", "BLEND") or not shown.any() or shown.all():
        return picture.convert("RGB")
    picture = picture.copy()
    picture.putalpha(Image.fromarray(shown.astype(np.uint8) * 255))
    return picture


def _transformed(uv: npt.NDArray[Any], change: Entry) -> npt.NDArray[Any]:
    """Scale, rotate and shift texture coordinates, as KHR_texture_transform defines it."""
    if not change:
        return uv
    angle = float(change.get("rotation", 0))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    scaled = uv * np.asarray(change.get("scale", (1, 1)), dtype=np.float64)
    return np.asarray(scaled @ turn.T + np.asarray(change.get("offset", (0, 0)), dtype=np.float64))


def _tints(attributes: dict[str, npt.NDArray[Any]]) -> Floats | None:
    """Return the colours at the vertices as RGBA from 0 to 1, None without.

    They are shown as stored: the format calls them linear, but most exporters write sRGB.
    """
    if "COLOR_0" not in attributes:
        return None
    colours = as_floats(attributes["COLOR_0"])
    if colours.shape[1] not in (3, 4):
        raise ItemError(f"its vertex colours have {colours.shape[1]} values each")
    opaque = np.ones((len(colours), 4))
    opaque[:, :3] = np.clip(colours[:, :3], 0, 1)
    return opaque


def _paint_texture(
    geometry: trimesh.Trimesh,
    look: _Look,
    picture: Image.Image,
    uv: npt.NDArray[np.float32],
    tints: Floats | None,
) -> None:
    material = _material(look, picture)
    geometry.visual = trimesh.visual.TextureVisuals(uv=uv, material=material)  # type: ignore[no-untyped-call]
    if tints is not None and tints.min() < 1:
        geometry.vertex_attributes[TINT] = _bytes(tints)


def _material(look: _Look, picture: Image.Image | None) -> PBRMaterial:
    return PBRMaterial(  # type: ignore[no-untyped-call]
        # Alpha counts in the texture only: views have no transparency.
        baseColorFactor=_bytes(np.append(look.factor[:3], 1.0)),
        baseColorTexture=picture,
        metallicFactor=0.0,
        roughnessFactor=0.75,
        doubleSided=True,
        alphaMode="MASK" if picture is not None and picture.mode == "RGBA" else "OPAQUE",
    )


def _bytes(colours: Floats) -> npt.NDArray[np.uint8]:
    return np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8)
