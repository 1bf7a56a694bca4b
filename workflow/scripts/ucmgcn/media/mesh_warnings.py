"""Warnings about what is left out of a mesh while it is read."""

from __future__ import annotations

from ucmgcn.core.item_warnings import warn_item

NO_LIBRARY = "material file not found, drawn without its colours"
NO_TEXTURE = "texture not found, drawn without"
BAD_TEXTURE = "texture cannot be read, drawn without"
UNREADABLE = "file that the mesh refers to cannot be read"
OUTSIDE = "file outside the mesh's folder not read"
NO_MATERIAL = "material not defined, drawn in the plain colour"
BAD_MATERIAL = "material damaged, drawn in the plain colour"
NO_TEXELS = "no texture coordinates, drawn without texture"
BAD_TEXELS = "texture coordinates damaged, drawn without texture"
BAD_COLOURS = "colours damaged, drawn without"
BAD_PART = "part of the file damaged, left out"
NO_SCENE = "scene without geometry, all geometries of the file drawn"
NOT_DRAWN = "points or lines not drawn"
ZERO_BASED = "face indices counted from 0 instead of 1, read so"
INVISIBLE = "texture transparent throughout, drawn opaque"
FEW_CORNERS = "faces of fewer than three corners left out"

MEND = {
    NO_LIBRARY: "put the MTL file beside the mesh, under the name that its mtllib line gives",
    NO_TEXTURE: "put the picture beside the mesh, under the name that its material gives",
    BAD_TEXTURE: "open the picture in an image editor and save it as PNG or JPEG",
    UNREADABLE: "make it readable (chmod u+r, if it is yours)",
    OUTSIDE: "copy it into the mesh's folder or below, and name it relative to that",
    NO_MATERIAL: "export the mesh again together with its material file",
    NO_TEXELS: "unwrap it in a 3D program, so that its texture has a place",
    NOT_DRAWN: "give them a surface if they are to be seen",
}
# Irrelevant if only the shape is drawn.
OF_COLOUR = frozenset(
    {
        NO_LIBRARY,
        NO_TEXTURE,
        BAD_TEXTURE,
        UNREADABLE,
        OUTSIDE,
        NO_MATERIAL,
        BAD_MATERIAL,
        NO_TEXELS,
        BAD_TEXELS,
        BAD_COLOURS,
    }
)
ASK_EXPORTER = "export the mesh again, from the program that made it"


def warn_of(what: str, detail: object = "") -> None:
    """Record a warning about the mesh that is being read."""
    warn_item(what, detail, MEND.get(what, ASK_EXPORTER))
