"""The render stage: views of each mesh, from cameras around it, into a shard.

The views of a mesh are drawn in one pass (see `ucmgcn.offscreen`). Lights are fixed to the camera,
and both sides of a face are lit, for many meshes have flipped normals.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from ucmgcn import cameras, gl
from ucmgcn.errors import ItemError, UserError
from ucmgcn.meshes import Mesh, load_mesh
from ucmgcn.progress import track
from ucmgcn.store import ShardWriter

if TYPE_CHECKING:
    import pyrender

    from ucmgcn.offscreen import TileContext

Array = npt.NDArray[np.float64]
Images = npt.NDArray[np.uint8]

logger = logging.getLogger(__name__)

FITS = ("tight", "sphere")
# Directions towards the lights in eye coordinates, with their intensities, and the ambient light.
LIGHTS: dict[str, tuple[float, list[tuple[tuple[float, float, float], float]]]] = {
    "headlight": (0.15, [((0.0, 0.0, 1.0), 0.85)]),
    "key": (0.2, [((-0.5, 0.7, 0.5), 0.6), ((0.0, 0.0, 1.0), 0.3)]),
}
FILL = 0.94
MIN_GAP = 0.05
MAX_FRAME_HEIGHT = 16384
MAX_FLOAT32_INDEX = 2**24


@dataclass(frozen=True)
class RenderConfig:
    """How views are rendered.

    Attributes
    ----------
    cameras
        Placement: ``"icosahedron"``, ``"dodecahedron"``, ``"ring"`` or ``"sphere"``.
    views
        Number of views; 12 and 20 for the two polyhedra.
    elevation
        Of the ring, degrees.
    size
        Width and height of a view, pixels.
    fit
        ``"tight"`` fills every view with what is seen from there; ``"sphere"`` keeps the scale of
        the bounding sphere, the same in all views.
    fov
        Vertical field of view, degrees.
    light
        ``"headlight"``: one light at the camera; ``"key"``: one from the upper left, one weaker at
        the camera.
    background, colour
        Grey or RGB in 0..1, of the ground and of a surface without material.
    textures
        Whether colours and textures of the mesh are used; else shape only.
    antialias
        Draw at twice the size and average.
    """

    cameras: str = "icosahedron"
    views: int = 12
    elevation: float = 30.0
    size: int = 224
    fit: str = "tight"
    fov: float = 45.0
    light: str = "headlight"
    background: float | Sequence[float] = 1.0
    colour: float | Sequence[float] = 1.0
    textures: bool = False
    antialias: bool = True

    def __post_init__(self) -> None:
        self.positions()
        _one_of("fit", self.fit, FITS)
        _one_of("light", self.light, tuple(LIGHTS))
        _in_range("size", self.size, 16, 2048)
        _in_range("fov", self.fov, 1, 120)
        _in_range("elevation", self.elevation, -90, 90)
        for name in ("background", "colour"):
            _rgb(name, getattr(self, name))

    def positions(self) -> Array:
        """Return the unit camera positions, shape (views, 3)."""
        return cameras.camera_positions(self.cameras, self.views, self.elevation)


class Renderer:
    """Renders meshes; a context manager, of which one at a time may be open in a process.

    Parameters
    ----------
    config
        How to render.
    threads
        Threads of Mesa's software rasteriser.

    Raises
    ------
    UserError
        On entering, if no OpenGL context can be opened.
    """

    def __init__(self, config: RenderConfig, threads: int = 1) -> None:
        self._config, self._threads = config, threads
        highest = MAX_FRAME_HEIGHT // (config.size * self._scale)
        self._tiles = min(config.views, highest)

    def __enter__(self) -> Renderer:
        platform = gl.select_platform(self._threads)
        from ucmgcn.offscreen import TileContext

        try:
            self._context: TileContext = TileContext(self._tiles, self._config.size, self._scale)
        except Exception as error:
            raise UserError(gl.advice(platform, error)) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._context.delete()

    def render(self, mesh: Mesh, positions: Array) -> Images:
        """Render views of a mesh.

        Parameters
        ----------
        mesh
            As loaded: within the unit sphere.
        positions
            Directions from the origin to the cameras, shape (views, 3).

        Returns
        -------
        Shape (views, size, size, 3).

        Raises
        ------
        ItemError
            If a view shows nothing.
        """
        starts = range(0, len(positions), self._tiles)
        parts = [positions[i : i + self._tiles] for i in starts]
        return np.concatenate([self._render_frame(mesh, part) for part in parts])

    def _render_frame(self, mesh: Mesh, positions: Array) -> Images:
        scene = _scene(mesh, positions, self._config)
        views = self._context.render_tiles(scene)[: len(positions)]
        blank = _blank(views)
        if blank.any():
            # A flat mesh seen exactly edge-on covers no pixel; its outline does.
            outlines = self._context.render_tiles(scene, wireframe=True)[: len(positions)]
            views = np.where(blank[:, None, None, None], outlines, views)
            blank = _blank(views)
        if blank.any():
            raise ItemError(f"nothing of it can be seen in {blank.sum()} of {len(blank)} views")
        return np.ascontiguousarray(views[..., :3])

    @property
    def _scale(self) -> int:
        return 2 if self._config.antialias else 1


class Row(Protocol):
    """The part of a manifest row that rendering needs."""

    @property
    def id(self) -> str:
        """The item's id."""

    @property
    def path(self) -> str:
        """Where the mesh file lies."""


def render_shard(
    rows: Sequence[Row],
    out: Path,
    config: RenderConfig,
    provenance: Mapping[str, Any],
    threads: int = 1,
) -> None:
    """Render the models of one shard into `out`; what can't be rendered is recorded as rejected.

    Parameters
    ----------
    rows
        The models, in the order in which they are written.
    out
        A shard of kind ``"views"``: ``images`` u8 (n, views, size, size, 3) and ``cameras``
        (views, 3).
    config
        How to render.
    provenance
        Kept in the shard.
    threads
        Threads of Mesa's software rasteriser.

    Raises
    ------
    UserError
        If no OpenGL context can be opened.
    """
    positions = config.positions()
    shape = (config.views, config.size, config.size, 3)
    with (
        Renderer(config, threads) as renderer,
        ShardWriter(
            out,
            "views",
            provenance,
            "images",
            shape,
            np.uint8,
            compression="lzf",
            extra={"cameras": positions},
        ) as writer,
    ):
        for row in track(rows, "render", len(rows), "model"):
            try:
                mesh = load_mesh(Path(row.path), textures=config.textures)
                writer.add(row.id, renderer.render(mesh, positions))
            except ItemError as error:
                logger.warning("%s is left out: %s", row.path, error)
                writer.reject(str(row.path), str(error))


def _blank(views: Images) -> npt.NDArray[np.bool_]:
    return np.array([not view[..., 3].any() for view in views])


def _scene(mesh: Mesh, positions: Array, config: RenderConfig) -> pyrender.Scene:
    """Build a scene in eye coordinates: one instance of the mesh per view, lights fixed."""
    import pyrender

    poses, near, far = _poses(mesh.vertices, cameras.look_at(positions), config)
    ambient, lights = LIGHTS[config.light]
    scene = pyrender.Scene(
        bg_color=[*_rgb("background", config.background), 0.0], ambient_light=[ambient] * 3
    )
    scene.add(pyrender.Mesh(list(_primitives(mesh, poses, config))))
    scene.add(
        pyrender.PerspectiveCamera(math.radians(config.fov), near, far, aspectRatio=1.0),
        pose=np.eye(4),
    )
    for direction, intensity in lights:
        pose = np.eye(4)
        pose[:3, :3] = cameras.look_at(np.array([direction]))[0].T
        scene.add(pyrender.DirectionalLight(intensity=intensity), pose=pose)
    return scene


def _primitives(mesh: Mesh, poses: Array, config: RenderConfig) -> Iterator[pyrender.Primitive]:
    import pyrender

    if mesh.parts:
        yield from pyrender.Mesh.from_trimesh(
            list(mesh.parts), smooth=False, poses=poses
        ).primitives
        return
    # pyrender keeps indices as float32, which is exact up to 2^24 only.
    shared = len(mesh.vertices) <= MAX_FLOAT32_INDEX
    yield pyrender.Primitive(
        positions=mesh.vertices if shared else mesh.vertices[mesh.faces].reshape(-1, 3),
        indices=mesh.faces if shared else None,
        poses=poses,
        material=pyrender.MetallicRoughnessMaterial(
            baseColorFactor=[*_rgb("colour", config.colour), 1.0], doubleSided=True
        ),
    )


def _poses(vertices: Array, rotations: Array, config: RenderConfig) -> tuple[Array, float, float]:
    """Return world-to-eye matrices (views, 4, 4), and a near and a far distance for all of them."""
    slope = math.tan(math.radians(config.fov) / 2) * FILL
    fit = _tight if config.fit == "tight" else _around_sphere
    eyes, near, far = fit(vertices, rotations, slope)
    poses = np.tile(np.eye(4), (len(rotations), 1, 1))
    poses[:, :3, :3] = rotations
    poses[:, :3, 3] = -eyes
    return poses, 0.9 * near, 1.1 * far


def _around_sphere(vertices: Array, rotations: Array, slope: float) -> tuple[Array, float, float]:
    distance = math.sqrt(1 + slope**2) / slope
    eyes = np.zeros((len(rotations), 3))
    eyes[:, 2] = distance
    return eyes, max(distance - 1, MIN_GAP), distance + 1


def _tight(vertices: Array, rotations: Array, slope: float) -> tuple[Array, float, float]:
    """Find the nearest eye from which everything is inside the frame, for each rotation.

    A point q (in rotated axes) is inside the four sides of the frustum of an eye e if
    +-(q_x - e_x) <= slope (e_z - q_z), and the same in y. So only the four extremes of
    +-q_x + slope q_z and +-q_y + slope q_z count.
    """
    right, up, back = rotations[:, 0], rotations[:, 1], slope * rotations[:, 2]
    sides = np.stack([right + back, -right + back, up + back, -up + back])
    east, west, north, south = _extremes(vertices, sides)
    farthest, nearest = _extremes(vertices, np.stack([-rotations[:, 2], rotations[:, 2]]))
    z = np.maximum(np.maximum(east + west, north + south) / (2 * slope), nearest + MIN_GAP)
    eyes = np.stack([(east - west) / 2, (north - south) / 2, z], axis=1)
    return eyes, float((z - nearest).min()), float((z + farthest).max())


def _extremes(vertices: Array, directions: Array) -> Array:
    """Return the greatest dot product with each direction, shape of `directions` less its last."""
    flat = directions.reshape(-1, 3).astype(np.float32)
    extremes: Array = (flat @ vertices.T.astype(np.float32)).max(axis=1).astype(np.float64)
    return extremes.reshape(directions.shape[:-1])


def _rgb(name: str, value: float | Iterable[float]) -> list[float]:
    rgb = [float(value)] * 3 if isinstance(value, int | float) else [float(v) for v in value]
    if len(rgb) != 3 or not all(0 <= v <= 1 for v in rgb):
        raise UserError(f"{name}: a grey or three colours in 0..1 are needed, not {value!r}")
    return rgb


def _one_of(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise UserError(f"{name}: {value!r} is not one of {', '.join(known)}")


def _in_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise UserError(f"{name}: must be within {low}..{high}, not {value}")
