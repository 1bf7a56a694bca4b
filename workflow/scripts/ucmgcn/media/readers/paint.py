"""Colour a part of a mesh: by texture, by vertex or by material, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import trimesh
from PIL import Image
from trimesh.visual import ColorVisuals, TextureVisuals
from trimesh.visual.material import SimpleMaterial

from ucmgcn.core.arrays import Floats, Images
from ucmgcn.media.mesh_warnings import BAD_TEXELS, NO_TEXELS, warn_of


class Part(NamedTuple):
    """Triangles of one material.

    Attributes
    ----------
    shape
        The geometry.
    uv
        Texture coordinates of its vertices, shape (n, 2), v upwards; None if it has none.
    colours
        Colours of its vertices from 0 to 1, shape (n, 3) or (n, 4); None if it has none.
    """

    shape: trimesh.Trimesh
    uv: Floats | None = None
    colours: Floats | None = None


@dataclass(frozen=True)
class Material:
    """How a surface is coloured.

    Attributes
    ----------
    name
        For messages.
    colour
        Diffuse colour, RGB from 0 to 1; None if the file gives none.
    image
        Texture, RGB or RGBA.
    scale, offset
        Transform of the texture coordinates: scaled, then moved.
    """

    name: str
    colour: tuple[float, ...] | None = None
    image: Image.Image | None = None
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)


def painted(part: Part, material: Material | None) -> trimesh.Trimesh:
    """Return the geometry of a part with its colours; without any, its visual is undefined."""
    shape = part.shape
    if material is not None and material.image is not None:
        if part.uv is not None and np.isfinite(part.uv).all():
            shape.visual = _textured(part.uv, material)
            return shape
        warn_of(NO_TEXELS if part.uv is None else BAD_TEXELS, material.name)
    if part.colours is not None and (material is None or _varies(part.colours)):
        coloured(shape, part.colours, None)
    elif material is not None and material.colour is not None:
        plain = SimpleMaterial(diffuse=_rgb(material), name=material.name)  # type: ignore[no-untyped-call]
        shape.visual = TextureVisuals(material=plain)  # type: ignore[no-untyped-call]
    return shape


def _varies(colours: Floats) -> bool:
    """Whether colours say more than that an exporter always writes some."""
    return bool((colours != colours[:1]).any())


def _textured(uv: Floats, material: Material) -> TextureVisuals:
    moved = uv * material.scale + material.offset
    skin = SimpleMaterial(  # type: ignore[no-untyped-call]
        image=material.image, diffuse=_rgb(material), name=material.name
    )
    return TextureVisuals(uv=moved, material=skin)  # type: ignore[no-untyped-call]


def _rgb(material: Material) -> list[float] | None:
    return None if material.colour is None else list(material.colour)


def as_colours(values: Floats) -> Floats:
    """Scale colours to 0 to 1; files hold fractions or bytes."""
    finite = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(finite / 255 if finite.max(initial=0) > 1 else finite, 0, 1)


def coloured(
    shape: trimesh.Trimesh, of_vertices: Floats | None, of_faces: Floats | None
) -> trimesh.Trimesh:
    """Colour a geometry by vertex or else by face; colours are from 0 to 1."""
    if of_vertices is not None:
        shape.visual = ColorVisuals(shape, vertex_colors=_bytes(of_vertices))
    elif of_faces is not None:
        shape.visual = ColorVisuals(shape, face_colors=_bytes(of_faces))
    return shape


def _bytes(colours: Floats) -> Images:
    if colours.shape[1] == 4 and not colours[:, 3].any():  # an alpha that nobody set
        colours = colours[:, :3]
    return np.rint(255 * np.clip(colours, 0, 1)).astype(np.uint8)
