"""Companions of a mesh: the material, texture and buffer files that it refers to."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePath
from urllib.parse import unquote

from ucmgcn.media.mesh_warnings import (
    NO_LIBRARY,
    NO_MATERIAL,
    NO_TEXTURE,
    OF_COLOUR,
    OUTSIDE,
    UNREADABLE,
    warn_of,
)

# Where exporters and web sites put the pictures that a mesh names without a folder.
FOLDERS = ("textures", "texture", "tex", "maps", "images", "materials")


class Companions:
    """Finds the files that a mesh refers to, only in the mesh's folder and below.

    Names are taken as exporters write them: with backslashes, in another case, percent-encoded, or
    with the path of another machine, of which the last folders or the file lie beside the mesh.
    Names and links that lead out of the folder, devices and pipes are refused. A file that is not
    found gives a warning, because the mesh is drawn without it.

    Parameters
    ----------
    mesh
        The file that refers to others.
    colours
        Whether materials and textures are read; otherwise nothing is said about them.

    Attributes
    ----------
    found
        The files that were asked for and are there.
    stem
        The mesh's name without its extension.
    """

    def __init__(self, mesh: Path, colours: bool) -> None:
        self.found: set[Path] = set()
        self.stem = mesh.stem
        self._folder, self._root = mesh.parent, mesh.parent.resolve()
        self._colours, self._no_library = colours, False
        self._listings: dict[Path, dict[str, str]] = {}

    def get(self, name: str) -> bytes:
        """Return the content of a file that the mesh refers to.

        Raises
        ------
        OSError, ValueError
            If the file is missing, lies elsewhere or cannot be read.
        """
        return self.get_any([name])

    def get_any(self, names: Sequence[str]) -> bytes:
        """Return the content of the first file that is there; see `get`.

        Parameters
        ----------
        names
            Spellings of one name, of which the first is reported.
        """
        try:
            return self._located(names).read_bytes()
        except (OSError, ValueError) as error:
            self._warn_of_file(names[0], error)
            raise

    def has_any(self, names: Sequence[str]) -> bool:
        """Whether one of these files is there and may be read."""
        try:
            return bool(self._located(names))
        except (OSError, ValueError):
            return False

    def warn_of_material(self, name: str = "") -> None:
        """Record that a material is undefined, unless its material file is missing anyway."""
        if not self._no_library:
            self._warn(NO_MATERIAL, name)

    def _warn_of_file(self, name: str, error: OSError | ValueError) -> None:
        kind = PurePath(name).suffix.lower()
        self._no_library |= kind == ".mtl"
        if isinstance(error, ValueError):
            self._warn(OUTSIDE, name)
        elif not isinstance(error, FileNotFoundError):
            self._warn(UNREADABLE, f"{name}: {error.strerror}")
        elif kind != ".bin":  # without its buffer the mesh is rejected
            self._warn(NO_LIBRARY if kind == ".mtl" else NO_TEXTURE, name)

    def _warn(self, what: str, detail: str) -> None:
        if self._colours or what not in OF_COLOUR:
            warn_of(what, detail)

    def _located(self, names: Sequence[str]) -> Path:
        refused: ValueError | None = None
        for name in names:
            for candidate in self._candidates(name):
                path = self._spelt(candidate)
                if path is None:
                    continue
                try:
                    self.found.add(_regular(path, self._root))
                    return path
                except ValueError as error:
                    refused = refused or error
        raise refused or self._elsewhere(names[0])

    def _candidates(self, name: str) -> list[str]:
        """Return the relative paths that a name may mean, the most literal first."""
        found, files = [], []
        for text in (name, unquote(name)):
            path = text.strip().strip("\"'").replace("\\", "/")
            parts = [part for part in path.split("/") if part not in ("", ".")]
            # Without the folders that lead up, or that only another machine has.
            tails = [parts[start:] for start in range(len(parts))]
            found += ["/".join(tail) for tail in tails if ".." not in tail]
            files += parts[-1:]
        folders = [*FOLDERS, self.stem, f"{self.stem}.fbm"]
        found += [f"{folder}/{file}" for file in files if file != ".." for folder in folders]
        return list(dict.fromkeys(found))

    def _elsewhere(self, name: str) -> OSError | ValueError:
        """Tell a name that leads to a file outside from one that leads nowhere."""
        if os.path.lexists(self._folder / name.strip()):
            return ValueError(f"{name!r} lies outside the mesh's folder")
        return FileNotFoundError(name)

    def _spelt(self, name: str) -> Path | None:
        """Return a path below the folder as it is spelt there, or None if there is no such."""
        exact = self._root / name
        if os.path.lexists(exact):
            return exact
        path = self._root
        for part in Path(name).parts:
            spelt = self._listing(path).get(_folded(part))
            if spelt is None:
                return None
            path = path / spelt
        return path

    def _listing(self, folder: Path) -> dict[str, str]:
        if folder not in self._listings:
            # Only a folder below the mesh's is listed, never one that a link leads to.
            inside = folder.is_dir() and folder.resolve().is_relative_to(self._root)
            entries = sorted((p.name for p in folder.iterdir()), reverse=True) if inside else []
            self._listings[folder] = {_folded(entry): entry for entry in entries}
        return self._listings[folder]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _regular(path: Path, root: Path) -> Path:
    resolved = path.resolve()
    if not resolved.is_relative_to(root):
        raise ValueError(f"{path.name!r} leads outside the mesh's folder")
    if not resolved.is_file():
        raise ValueError(f"{path.name!r} is not a regular file")
    return resolved
