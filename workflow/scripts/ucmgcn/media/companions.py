"""Companions of a mesh: the material, texture and buffer files that it refers to."""

from __future__ import annotations

from pathlib import Path

from trimesh.resolvers import FilePathResolver

from ucmgcn.media.mesh_warnings import Heard


class Companions(FilePathResolver):
    """Finds the files that a mesh refers to, only in the mesh's folder and below.

    Names and links that lead out of the folder, devices and pipes are refused. A file that is not
    found gives a warning, because trimesh goes on without it.

    Attributes
    ----------
    found
        The files that were asked for and are there.
    """

    def __init__(self, source: str, heard: Heard) -> None:
        super().__init__(source)
        self.heard = heard
        self.found: set[Path] = set()

    def get(self, name: str) -> bytes:
        """Return the content of a file that the mesh refers to.

        Raises
        ------
        OSError, ValueError
            If the file is missing, lies elsewhere or cannot be read.
        """
        self.heard.asked = name
        try:
            return bytes(super().get(name))
        except OSError as error:
            self.heard.warn_of_file(name, error)
            raise
        except ValueError as error:
            # An absolute path from another machine counts as missing.
            there = Path(self.parent, name.strip()).exists()
            self.heard.warn_of_file(name, error if there else FileNotFoundError(name))
            raise

    def absolute(self, name: str) -> Path:
        """Return the path of a file if it may be read.

        Raises
        ------
        ValueError
            If it lies elsewhere or is not a regular file.
        """
        path = Path(super().absolute(name))
        if path.is_file():
            self.found.add(path)
        elif path.exists():
            raise ValueError(f"{name!r} is not a regular file")
        return path

    def namespaced(self, namespace: str) -> Companions:
        """Return a resolver for a folder below this one."""
        below = Companions(str(Path(self.parent, namespace)), self.heard)
        below.found = self.found
        return below
