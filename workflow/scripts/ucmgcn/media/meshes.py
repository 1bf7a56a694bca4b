"""Meshes: read a file, check that it can be rendered, and fit it into the unit sphere.

trimesh reads all formats. A scene becomes one geometry, with the transforms of its nodes applied.
The up axis is y: glTF defines it so, and COLLADA names its axis and is rotated accordingly. OBJ,
OFF, PLY and STL do not define one and are read as y-up, like the files of the shape benchmarks.
"""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import trimesh
import trimesh.visual
from PIL import Image
from trimesh.resolvers import FilePathResolver

from ucmgcn.core.arrays import Floats
from ucmgcn.core.errors import ItemError
from ucmgcn.media.formats import MESH_SUFFIXES
from ucmgcn.media.mesh_warnings import (
    BAD_TEXTURE,
    NOT_DRAWN,
    Heard,
    heed_collada,
    heed_trimesh,
    warn_of,
)
from ucmgcn.media.photos import as_texture

Faces = npt.NDArray[np.int64]

PlacedSurface = tuple[trimesh.Trimesh, Floats]

MIN_AREA = 1e-12
# Attributes of trimesh's SimpleMaterial, then PBRMaterial, that hold images.
TEXTURE_SLOTS = (
    "image", "baseColorTexture", "emissiveTexture", "normalTexture", "occlusionTexture",
    "metallicRoughnessTexture",
)  # fmt: skip

# Rotations from a COLLADA file's up axis to y (COLLADA 1.5, table of <up_axis>).
TO_Y_UP = {
    b"X": np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    b"Y": np.eye(3),
    b"Z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
}


class Companions(FilePathResolver):
    """Finds the files that a mesh refers to, only in the mesh's folder and below.

    Names and links that lead out of the folder, devices and pipes are refused. A file that is not
    found gives a warning, because trimesh goes on without it.
    """

    def __init__(self, source: str, heard: Heard | None = None) -> None:
        super().__init__(source)
        self._heard = heard

    def get(self, name: str) -> bytes:
        """Return the content of a file that the mesh refers to.

        Raises
        ------
        OSError, ValueError
            If the file is missing, lies elsewhere or cannot be read.
        """
        if self._heard:
            self._heard.asked = name
        try:
            return bytes(super().get(name))
        except OSError as error:
            self._warn(name, error)
            raise
        except ValueError as error:
            # An absolute path from another machine counts as missing.
            there = Path(self.parent, name.strip()).exists()
            self._warn(name, error if there else FileNotFoundError(name))
            raise

    def _warn(self, name: str, error: OSError | ValueError) -> None:
        if self._heard:
            self._heard.warn_of_file(name, error)

    def absolute(self, name: str) -> Path:
        """Return the path of a file if it may be read.

        Raises
        ------
        ValueError
            If it lies elsewhere or is not a regular file.
        """
        path = Path(super().absolute(name))
        if path.exists() and not path.is_file():
            raise ValueError(f"{name!r} is not a regular file")
        return path

    def namespaced(self, namespace: str) -> Companions:
        """Return a resolver for a folder below this one."""
        return Companions(str(Path(self.parent, namespace)), self._heard)


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh inside the unit sphere at the origin.

    Attributes
    ----------
    vertices
        Shape (n, 3), float64; each belongs to a face.
    faces
        Indices into `vertices`, shape (m, 3), int64.
    parts
        The same triangles as trimesh geometries with materials; empty unless requested.
    """

    vertices: Floats
    faces: Faces
    parts: tuple[trimesh.Trimesh, ...] = ()


def load_mesh(path: Path, *, textures: bool = False) -> Mesh:
    """Read, check and normalise a mesh.

    Materials and textures are read only from the mesh's folder and below. If one is missing or
    damaged, the mesh is drawn without it, and `warn_item` records that.

    Parameters
    ----------
    path
        A file of one of the formats in `MESH_SUFFIXES`.
    textures
        Keep colours, materials and textures.

    Raises
    ------
    ItemError
        If the file has no surface that can be rendered; the message says why.
    """
    surfaces = _read_surfaces(Path(path), textures)
    vertices, faces = _drop_unreferenced(*_merge(surfaces))
    centre, radius = _bounds(vertices)
    vertices = _fit(vertices, centre, radius)
    if not _has_area(vertices, faces):
        raise ItemError("all its triangles are degenerate (no area)")
    parts = (_fit_part(*surface, centre, radius) for surface in surfaces) if textures else ()
    return Mesh(vertices, faces, tuple(parts))


def _read_surfaces(path: Path, textures: bool) -> list[PlacedSurface]:
    suffix = path.suffix.lower()
    if suffix not in MESH_SUFFIXES:
        raise ItemError(
            f"its extension {suffix or '(none)'} is not one of {' '.join(MESH_SUFFIXES)}"
        )
    if not path.is_file():
        raise ItemError("there is no such file")
    if path.stat().st_size == 0:
        raise ItemError("the file is empty")
    scene = _load_scene(path, textures)
    surfaces = _surfaces(scene, _up_turn(path))
    if not surfaces:
        points = sum(len(getattr(g, "vertices", ())) for g in scene.geometry.values())
        raise ItemError(f"it has no faces ({points} points only)" if points else "it has no faces")
    return surfaces


def _load_scene(path: Path, textures: bool) -> trimesh.Scene:
    try:
        collada = heed_collada() if path.suffix.lower() == ".dae" else nullcontext()
        with path.open("rb") as file, heed_trimesh(textures) as heard, collada:
            scene = trimesh.load_scene(
                file,
                file_type=path.suffix.lower()[1:],
                resolver=Companions(str(path), heard),
                process=False,
                skip_materials=not textures,
            )
            if textures:
                _decode_textures(scene)
                _drop_stand_ins(scene, path, heard)
            return scene
    except MemoryError:
        raise
    except Exception as error:
        # Parsers raise any exception on a damaged file: reject this mesh, do not stop the run.
        reason = " ".join(str(error).split())[:200]
        raise ItemError(
            f"it cannot be read as {path.suffix.lower()[1:].upper()}: {type(error).__name__}"
            + (f" ({reason})" if reason else "")
        ) from error


def _decode_textures(scene: trimesh.Scene) -> None:
    """Decode the images of all materials, which trimesh only opens; drop damaged ones."""
    decoded: dict[int, Image.Image | None] = {}
    for geometry in scene.geometry.values():
        material = getattr(getattr(geometry, "visual", None), "material", None)
        for slot in TEXTURE_SLOTS:
            image = getattr(material, slot, None)
            if isinstance(image, Image.Image):
                if id(image) not in decoded:
                    decoded[id(image)] = _decoded(image)
                setattr(material, slot, decoded[id(image)])


def _decoded(image: Image.Image) -> Image.Image | None:
    try:
        return as_texture(image)
    except MemoryError:
        raise
    # Likewise, decoders raise any exception on a damaged file.
    except Exception as error:
        warn_of(BAD_TEXTURE, f"{image.info.get('file_path', image.format)}: {error}")
        return None


def _drop_stand_ins(scene: trimesh.Scene, path: Path, heard: Heard) -> None:
    """Remove the grey placeholder that trimesh uses for an undefined material of an OBJ file."""
    if path.suffix.lower() != ".obj":
        return
    bare = [
        geometry
        for geometry in scene.geometry.values()
        if hasattr(getattr(geometry, "visual", None), "material")
        # Materials from an MTL file have a name; the placeholder does not.
        and not hasattr(geometry.visual.material, "_name")
    ]
    for geometry in bare:
        geometry.visual = trimesh.visual.ColorVisuals(geometry)
    if bare and b"usemtl" in path.read_bytes():
        heard.warn_of_material()


def _surfaces(scene: trimesh.Scene, turn: Floats) -> list[PlacedSurface]:
    """Return every instance of a triangle geometry, with its transform."""
    found: list[PlacedSurface] = []
    others: set[str] = set()
    for node in scene.graph.nodes_geometry:
        transform, name = scene.graph[node]
        geometry = scene.geometry[name]
        if isinstance(geometry, trimesh.Trimesh) and len(geometry.faces):
            _check_indices(geometry)
            found.append((geometry, turn @ transform))
        elif len(getattr(geometry, "vertices", ())):
            others.add(str(name))
    if found and others:
        warn_of(NOT_DRAWN, ", ".join(sorted(others)))
    return found


def _up_turn(path: Path) -> Floats:
    turn = np.eye(4)
    if path.suffix.lower() == ".dae":
        named = re.search(rb"<up_axis>\s*([XYZ])_UP", path.read_bytes())
        turn[:3, :3] = TO_Y_UP[named[1] if named else b"Y"]
    return turn


def _check_indices(geometry: trimesh.Trimesh) -> None:
    count = len(geometry.vertices)
    for what, rows in (("vertices", geometry.vertices), ("faces", geometry.faces)):
        if rows.ndim != 2 or rows.shape[1] != 3:
            raise ItemError(f"its {what} do not have three values each")
    low, high = int(geometry.faces.min()), int(geometry.faces.max())
    if low < 0 or high >= count:
        wrong = low if low < 0 else high
        raise ItemError(f"a face refers to vertex {wrong}, but there are {count}")


def _merge(surfaces: list[PlacedSurface]) -> tuple[Floats, Faces]:
    vertices = [_placed(*surface) for surface in surfaces]
    offsets = np.cumsum([0, *map(len, vertices)])
    faces = [np.asarray(g.faces) + n for (g, _), n in zip(surfaces, offsets, strict=False)]
    return np.concatenate(vertices), np.concatenate(faces)


def _placed(geometry: trimesh.Trimesh, transform: Floats) -> Floats:
    vertices = np.asarray(geometry.vertices, dtype=np.float64)
    if np.array_equal(transform, np.eye(4)):
        return vertices
    return vertices @ transform[:3, :3].T + transform[:3, 3]


def _fit_part(
    geometry: trimesh.Trimesh, transform: Floats, centre: Floats, radius: float
) -> trimesh.Trimesh:
    part = geometry.copy()
    part.vertices = _fit(_placed(geometry, transform), centre, radius)
    return part


def _drop_unreferenced(vertices: Floats, faces: Faces) -> tuple[Floats, Faces]:
    used = np.zeros(len(vertices), dtype=bool)
    used[faces] = True
    if used.all():
        return vertices, faces
    return vertices[used], (np.cumsum(used) - 1)[faces]


def _bounds(vertices: Floats) -> tuple[Floats, float]:
    """Return the centre of the bounding box and the largest distance to it, without overflow."""
    if not np.isfinite(vertices).all():
        raise ItemError("it has coordinates that are not finite numbers")
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    half = high / 2 - low / 2
    extent = float(half.max())
    if extent <= np.finfo(np.float64).tiny:
        raise ItemError("it has no extent: all its vertices coincide")
    centre = low + half
    distances = np.linalg.norm((vertices - centre) / extent, axis=1)
    return centre, float(distances.max()) * extent


def _fit(vertices: Floats, centre: Floats, radius: float) -> Floats:
    return (vertices - centre) / radius


def _has_area(vertices: Floats, faces: Faces) -> bool:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return bool(np.abs(np.cross(b - a, c - a)).max() > MIN_AREA)
