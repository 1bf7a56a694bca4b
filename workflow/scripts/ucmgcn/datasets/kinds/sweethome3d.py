"""Furniture libraries of Sweet Home 3D: textured OBJ models, each with a catalogue picture.

A library (`.sh3f`) is a zip file. Its `PluginFurnitureCatalog.properties` gives ``name#n``,
``category#n``, ``model#n``, ``icon#n`` and ``creator#n`` of the n-th piece and, if the model does
not stand upright, ``modelRotation#n`` (a 3 x 3 matrix, row by row). The picture of a piece is its
query. Listing reads the zip files; a separate rule unpacks them.

Debian's package `sweethome3d-furniture` has five libraries with 820 pieces, under CC-BY and CC0.
"""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from ucmgcn.core.errors import ItemError, UserError
from ucmgcn.datasets.kinds.furniture_package import FETCHED, HOW, fetch
from ucmgcn.datasets.manifest import Item
from ucmgcn.datasets.safe_zip import MAX_FILE, extract, is_safe
from ucmgcn.datasets.source import Found, Source, files
from ucmgcn.files.shards import Rejection
from ucmgcn.media.formats import MESH_SUFFIXES, PHOTO_SUFFIXES

logger = logging.getLogger(__name__)

LIST = "PluginFurnitureCatalog.properties"
SUFFIXES = {"model": frozenset(MESH_SUFFIXES), "icon": PHOTO_SUFFIXES}


@dataclass(frozen=True)
class FurnitureLibrary:
    """One `.sh3f` file.

    Attributes
    ----------
    path
        The file.
    out
        Folder to unpack it into.
    """

    path: Path
    out: Path

    @cached_property
    def members(self) -> dict[str, zipfile.ZipInfo]:
        """Its files by name."""
        with _open(self.path) as archive:
            return {info.filename: info for info in archive.infolist() if not info.is_dir()}

    @cached_property
    def properties(self) -> dict[str, str]:
        """Keys and values of its catalogue."""
        if LIST not in self.members or self.members[LIST].file_size > MAX_FILE:
            raise UserError(f"{self.path} is not a furniture library: it has no usable {LIST}")
        return _properties(self.path, self.path.stat().st_mtime_ns)

    def pieces(self) -> Iterator[Piece]:
        """Yield its pieces in the order of their numbers."""
        numbers = (k.removeprefix("model#") for k in self.properties if k.startswith("model#"))
        for number in sorted((n for n in numbers if n.isdigit()), key=int):
            facts = {
                key.partition("#")[0]: value.strip()
                for key, value in self._by_number.get(number, {}).items()
            }
            yield Piece(self, facts)

    @cached_property
    def _by_number(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for key, value in self.properties.items():
            found.setdefault(key.partition("#")[2], {})[key] = value
        return found


@dataclass(frozen=True)
class Piece:
    """One piece of furniture of a library."""

    library: FurnitureLibrary
    facts: dict[str, str] = field(hash=False)

    @property
    def id(self) -> str:
        """Library and path of the model in it, such as ``Scopia/bed1``."""
        inner = PurePosixPath(self.member("model")).with_suffix("")
        # Most paths are like scopia/bed1/bed1.obj.
        inner = inner.parent if inner.parent.name == inner.name else inner
        return "/".join((self.library.path.stem, *(inner.parts[1:] or inner.parts)))

    def member(self, key: str) -> str:
        """File name of its ``"model"`` or ``"icon"`` in the zip file."""
        return self.facts.get(key, "").lstrip("/")

    def unusable(self, key: str) -> str:
        """Why its model or its picture cannot be used; empty if it can."""
        name = self.member(key)
        info = self.library.members.get(name)
        if info is None:
            return f"the library has no such file (the {key} of {self.facts.get('name', '')})"
        if not is_safe(info):
            return "its name leads out of the library, or it is encrypted or far too large"
        suffix = PurePosixPath(name).suffix.lower()
        if suffix not in SUFFIXES[key]:
            return f"its extension {suffix or '(none)'} is not one that is read"
        return "" if info.file_size else "the file is empty"

    def item(self, key: str) -> Item:
        """Its model or its picture, at the path where it will be unpacked."""
        info = self.library.members[self.member(key)]
        extra = {
            "name": self.facts.get("name", ""),
            "creator": self.facts.get("creator", ""),
            "licence": self.library.properties.get("license", ""),
        }
        path = str(self.library.out / info.filename)
        category = self.facts.get("category", "")
        model = self.id if key == "icon" else ""
        # The checksum replaces the mtime, which for an unpacked file is the time of unpacking.
        return Item(
            self.id, path, category, "", info.file_size, info.CRC, model, tuple(extra.items())
        )

    def rotation(self) -> npt.NDArray[np.float64] | None:
        """Rotation that makes it stand upright, shape (3, 3); None if it needs none.

        Raises
        ------
        ItemError
            If the catalogue does not give nine numbers.
        """
        text = self.facts.get("modelRotation")
        if not text:
            return None
        try:
            return np.array([float(word) for word in text.split()]).reshape(3, 3)
        except ValueError as error:
            raise ItemError(f"its modelRotation is not nine numbers: {text!r}") from error


def models(source: Source) -> Found:
    """List the models of all libraries.

    Raises
    ------
    UserError
        If there is no library, or one is damaged.
    """
    return _list(source, "model")


def images(source: Source) -> Found:
    """List the catalogue pictures of all libraries.

    Raises
    ------
    UserError
        If there is no library, or one is damaged.
    """
    return _list(source, "icon")


def libraries(place: Path, out: Path) -> list[FurnitureLibrary]:
    """Find the libraries; those of Debian's package are fetched if need be.

    Parameters
    ----------
    place
        A `.sh3f` file, or a folder of them.
    out
        Folder to unpack them into, each into a subfolder of its name.

    Raises
    ------
    UserError
        If there is none; the message says where it was expected and how to get it.
    """
    if place == FETCHED and not place.is_dir():
        fetch(place)
    found = [place] if place.is_file() else files(place, [".sh3f"]) if place.is_dir() else []
    if not found:
        raise UserError(f"models: there is no .sh3f library in {place}; {HOW}")
    return [FurnitureLibrary(path, out / path.stem) for path in found]


def unpack(place: Path, out: Path) -> None:
    """Unpack the libraries of `place` into `out`, and rotate the models upright.

    Raises
    ------
    UserError
        If a library is missing or damaged.
    """
    for library in libraries(place, out):
        pieces = [piece for piece in library.pieces() if not piece.unusable("model")]
        folders = {str(PurePosixPath(piece.member("model")).parent) for piece in pieces}
        icons = {piece.member("icon") for piece in library.pieces()}
        wanted = [
            info
            for name, info in library.members.items()
            if str(PurePosixPath(name).parent) in folders
            or name in icons
            or name.upper().startswith("LICENSE")
        ]
        extract(library.path, wanted, library.out)
        for piece in pieces:
            _turn(piece)
        logger.info("%s: %d models in %s", library.path, len(pieces), library.out)


def turn_obj(text: str, rotation: npt.NDArray[np.float64]) -> str:
    """Rotate the vertices and normals of an OBJ file.

    Parameters
    ----------
    rotation
        Shape (3, 3), applied to column vectors.
    """
    return "\n".join(_turn_line(line, rotation) for line in text.splitlines()) + "\n"


def _turn_line(line: str, rotation: npt.NDArray[np.float64]) -> str:
    words = line.split()
    if len(words) < 4 or words[0] not in ("v", "vn"):
        return line
    turned = rotation @ np.array([float(word) for word in words[1:4]])
    return " ".join([words[0], *(f"{x:.9g}" for x in turned), *words[4:]])


def _turn(piece: Piece) -> None:
    rotation = piece.rotation()
    if rotation is None:
        return
    path = piece.library.out / piece.member("model")
    path.write_text(turn_obj(path.read_text(encoding="latin-1"), rotation), encoding="latin-1")


def _open(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} is not a furniture library ({error}); {HOW}") from error


@lru_cache
def _properties(path: Path, mtime_ns: int) -> dict[str, str]:
    """Read the catalogue of a library, once for models and pictures."""
    import javaproperties  # imported here: every job reads the configuration, few a library

    try:
        with _open(path) as archive, archive.open(LIST) as file:
            return dict(javaproperties.load(file))
    except (ValueError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: its {LIST} cannot be read ({error})") from error


def _list(source: Source, key: str) -> Found:
    items: list[Item] = []
    rejected: list[Rejection] = []
    for library in libraries(source.models, source.unpacked):
        for piece in library.pieces():
            if reason := piece.unusable(key) or _no_turn(piece):
                name = f"{library.path}/{piece.member(key)}"
                rejected.append(Rejection(name, "manifest", reason))
            else:
                items.append(piece.item(key))
    return items, rejected


def _no_turn(piece: Piece) -> str:
    """Why a piece cannot be rotated upright; empty if it can, or need not be."""
    try:
        rotation = piece.rotation()
    except ItemError as error:
        return str(error)
    if rotation is not None and not piece.member("model").lower().endswith(".obj"):
        return "it has to be turned upright (modelRotation), which is done for OBJ alone"
    return ""
