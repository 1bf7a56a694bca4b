"""Warnings about what trimesh drops while it reads a mesh; it only logs this at level DEBUG."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath

from PIL import UnidentifiedImageError

from ucmgcn.core.item_warnings import warn_item

NO_LIBRARY = "material file not found, drawn without its colours"
NO_TEXTURE = "texture not found, drawn without"
BAD_TEXTURE = "texture cannot be read, drawn without"
UNREADABLE = "file that the mesh refers to cannot be read"
OUTSIDE = "file outside the mesh's folder not read"
NO_MATERIAL = "material not defined, drawn in the plain colour"
BAD_MATERIAL = "material damaged, drawn in the plain colour"
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
        BAD_TEXELS,
        BAD_COLOURS,
    }
)
ASK_EXPORTER = "export the mesh again, from the program that made it"

# Patterns of the messages that trimesh 5 logs when it drops something, and the warning for each;
# None if another warning covers it.
MESSAGES: tuple[tuple[str, str | None], ...] = (
    (r"^unable to load materials from: (.*)", None),
    (r"^index failed on UV coordinates", BAD_TEXELS),
    (r"^failed to convert UV coordinates", BAD_TEXELS),
    (r"^failed to load vertex_colors|^failed to load colors", BAD_COLOURS),
    (r"^failed to (?:load|convert) (?:vertex_|vertex )normals", None),  # not used here
    (r"^failed to extract face_normals", None),
    (r"^failed to convert color", BAD_COLOURS),
    (r"^`image/ktx2` textures are unsupported", BAD_TEXTURE),
    (r"^unable to store texture", BAD_TEXTURE),
    (r"^Invalid shininess value", None),
    (r"^skipping primitive with mode", NOT_DRAWN),
    (r"^face lines are weird: (.*)", "face lines not understood, left out"),
    (r"^face needs more values", FEW_CORNERS),
    (r"^failed to load mesh", BAD_PART),
    (r"^(.*) GLTF extension didn't decode", "part of the mesh in an unknown compression"),
    (r"^PLY failed to populate: (.*)", "property of the file not understood, left out"),
    (r"^unable to convert colors", BAD_COLOURS),
)
MATERIAL_LACKS = re.compile(r"^specified material \((.*)\)\s+not loaded")
TEXTURE_FAILED = re.compile(
    r"failed to load image|unable to load image|unable to load (?:base|emissive) texture"
    r"|unable to load bumpmap"
)


def warn_of(what: str, detail: object = "") -> None:
    """Record a warning about the mesh that is being read."""
    warn_item(what, detail, MEND.get(what, ASK_EXPORTER))


@contextmanager
def heed_trimesh(colours: bool) -> Iterator[Heard]:
    """Record a warning for each message that trimesh logs when it drops something.

    Parameters
    ----------
    colours
        Whether materials and textures are read.
    """
    heard, log = Heard(colours), logging.getLogger("trimesh")
    level, propagate = log.level, log.propagate
    log.addHandler(heard)
    log.setLevel(logging.DEBUG)
    log.propagate = False
    try:
        yield heard
    finally:
        log.removeHandler(heard)
        log.setLevel(level)
        log.propagate = propagate


class Heard(logging.Handler):
    """Log handler that turns trimesh's messages into warnings of the item.

    Attributes
    ----------
    asked
        Name of the last file that trimesh requested, such as a texture.
    """

    def __init__(self, colours: bool) -> None:
        super().__init__(logging.DEBUG)
        self.asked = ""
        self._colours = colours
        self._refused = ""
        self._said: set[str] = set()
        self._no_library = False

    def warn(self, what: str, detail: object = "") -> None:
        """Record a warning, unless it concerns colours and only the shape is drawn."""
        if self._colours or what not in OF_COLOUR:
            warn_of(what, detail)

    def warn_of_file(self, name: str, error: OSError | ValueError) -> None:
        """Record that a file the mesh refers to is unavailable; trimesh goes on without it."""
        kind = PurePath(name).suffix.lower()
        self._refused = name
        self._no_library |= kind == ".mtl"
        if isinstance(error, ValueError):
            self.warn(OUTSIDE, name)
        elif not isinstance(error, FileNotFoundError):
            self.warn(UNREADABLE, f"{name}: {error.strerror}")
        elif kind != ".bin":  # without its buffer the mesh is rejected
            self.warn(NO_LIBRARY if kind == ".mtl" else NO_TEXTURE, name)

    def warn_of_material(self, name: str = "") -> None:
        """Record that a material is undefined, unless its material file is missing anyway."""
        if not self._no_library:
            self.warn(NO_MATERIAL, name)

    def emit(self, record: logging.LogRecord) -> None:
        """Record a warning if the message is about something that trimesh drops."""
        message = record.getMessage()
        error = record.exc_info[1] if record.exc_info else None
        # The same message may come for each of a million faces.
        if not error and message in self._said:
            return
        self._said.add(message)
        if TEXTURE_FAILED.search(message):
            self._warn_of_texture(error)
            return
        if material := MATERIAL_LACKS.search(message):
            self.warn_of_material(material[1])
            return
        for pattern, what in MESSAGES:
            if found := re.search(pattern, message):
                if what:
                    self.warn(what, next(iter(found.groups()), ""))
                return
        # An unknown message; at level DEBUG without an error it is noise.
        if error or record.levelno >= logging.WARNING:
            why = f": {type(error).__name__}" if error else ""
            self.warn("part of the file not understood, left out", f"{message}{why}")

    def _warn_of_texture(self, error: BaseException | None) -> None:
        if self.asked and self.asked == self._refused:
            return  # `warn_of_file` has recorded it
        # The message of UnidentifiedImageError holds a memory address.
        unknown = error is None or isinstance(error, UnidentifiedImageError)
        why = "it is no picture of a known format" if unknown else str(error)
        embedded = not self.asked or PurePath(self.asked).suffix.lower() == ".bin"
        self.warn(BAD_TEXTURE, f"{'embedded' if embedded else self.asked}: {why}")
