"""Render the views of a mesh.

All views of a mesh are drawn in one pass (see `ucmgcn.render.offscreen`). Lights are fixed to the
camera. Both sides of a face are lit, because many meshes have flipped normals.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ucmgcn.core.arrays import Floats, Images
from ucmgcn.core.errors import ItemError, UserError
from ucmgcn.media import cameras
from ucmgcn.render import gl
from ucmgcn.settings import Colour, RenderConfig

if TYPE_CHECKING:
    import pyrender
    import trimesh

    from ucmgcn.media.meshes import Mesh
    from ucmgcn.render.offscreen import TileContext


logger = logging.getLogger(__name__)


# Directions towards the lights in eye coordinates, with their intensities, and the ambient light.
LIGHTS: dict[str, tuple[float, list[tuple[tuple[float, float, float], float]]]] = {
    "headlight": (0.15, [((0.0, 0.0, 1.0), 0.85)]),
    "key": (0.2, [((-0.5, 0.7, 0.5), 0.6), ((0.0, 0.0, 1.0), 0.3)]),
}
MIN_GAP = 0.05
SUPERSAMPLING = 1.5
MAX_HEIGHT = 16384  # pixels; every OpenGL 4.1 allows it
MAX_FRAME_PIXELS = 2**24
BLOCK = 2**18
MAX_FLOAT32_INDEX = 2**24


class Renderer:
    """Context manager that renders meshes; only one may be open in a process.

    Parameters
    ----------
    config
        How to render.
    threads
        Threads of Mesa's software rasteriser.
    gpus
        Number of GPUs that the scheduler granted; with 0 the CPU renders.

    Raises
    ------
    UserError
        On entering, if no OpenGL context can be opened.
    """

    def __init__(self, config: RenderConfig, threads: int = 1, gpus: int = 1) -> None:
        self._config, self._threads, self._gpus = config, threads, gpus
        scale = SUPERSAMPLING if config.antialias else 1
        self._drawn = side = round(config.size * scale)
        self._tiles = max(1, min(config.views, MAX_HEIGHT // side, MAX_FRAME_PIXELS // side**2))

    def __enter__(self) -> Renderer:
        platform = gl.select_platform(self._threads, self._gpus)
        from ucmgcn.render.offscreen import TileContext

        try:
            self._context: TileContext = TileContext(self._tiles, self._config.size, self._drawn)
        except Exception as error:
            raise UserError(gl.advice(platform, error)) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._context.delete()

    def render(self, mesh: Mesh, positions: Floats) -> Images:
        """Render views of a mesh.

        Parameters
        ----------
        mesh
            As loaded: it lies within the unit sphere.
        positions
            Directions from the origin to the cameras, shape (views, 3).

        Returns
        -------
        Shape (views, size, size, 3).

        Raises
        ------
        ItemError
            If a view is blank.
        """
        starts = range(0, len(positions), self._tiles)
        parts = [positions[i : i + self._tiles] for i in starts]
        return np.concatenate([self._render_frame(mesh, part) for part in parts])

    def _render_frame(self, mesh: Mesh, positions: Floats) -> Images:
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
        return _without_coverage(views)


def _blank(views: Images) -> npt.NDArray[np.bool_]:
    return np.array([not view[..., 3].any() for view in views])


def _without_coverage(views: Images) -> Images:
    """Copy the colours of RGBA images, one channel at a time: six times as fast in numpy."""
    colours = np.empty((*views.shape[:-1], 3), np.uint8)
    for channel in range(3):
        colours[..., channel] = views[..., channel]
    return colours


def _scene(mesh: Mesh, positions: Floats, config: RenderConfig) -> pyrender.Scene:
    """Build a scene in eye coordinates: one instance of the mesh per view, lights fixed."""
    import pyrender

    from ucmgcn.render.offscreen import OrderedScene

    poses, near, far = _poses(mesh.vertices, cameras.look_at(positions), config)
    ambient, lights = LIGHTS[config.light]
    scene = OrderedScene(bg_color=[*_rgb(config.background), 0.0], ambient_light=[ambient] * 3)
    scene.add(pyrender.Mesh(list(_primitives(mesh, poses, config))))
    scene.add(
        pyrender.PerspectiveCamera(math.radians(config.fov), near, far, aspectRatio=1.0),
        pose=np.eye(4),
    )
    for number, (direction, intensity) in enumerate(lights):
        pose = np.eye(4)
        pose[:3, :3] = cameras.look_at(np.array([direction]))[0].T
        scene.add(pyrender.DirectionalLight(intensity=intensity), f"light {number}", pose)
    return scene


def _primitives(mesh: Mesh, poses: Floats, config: RenderConfig) -> Iterator[pyrender.Primitive]:
    import pyrender

    if mesh.parts:
        for part in mesh.parts:
            _trust_texture(part)
            _paint_bare(part, config.colour)
        drawn = pyrender.Mesh.from_trimesh(list(mesh.parts), smooth=False, poses=poses).primitives
        for part, primitive in zip(mesh.parts, drawn, strict=True):
            _tint(part, primitive)
        yield from drawn
        return
    # pyrender keeps indices as float32, which is exact up to 2^24 only.
    shared = len(mesh.vertices) <= MAX_FLOAT32_INDEX
    yield pyrender.Primitive(
        positions=mesh.vertices if shared else mesh.vertices[mesh.faces].reshape(-1, 3),
        indices=mesh.faces if shared else None,
        poses=poses,
        material=pyrender.MetallicRoughnessMaterial(
            baseColorFactor=[*_rgb(config.colour), 1.0], doubleSided=True
        ),
    )


def _trust_texture(part: trimesh.Trimesh) -> None:
    """Let the texture of an MTL file alone colour its surface.

    In the format, the diffuse colour Kd scales the texture. But exporters, Blender's among them,
    write the Kd that was set before the texture was, often nearly black.
    """
    material = getattr(part.visual, "material", None)
    if material is not None and getattr(material, "image", None) is not None:
        material.diffuse = [255, 255, 255, 255]


def _tint(part: trimesh.Trimesh, primitive: pyrender.Primitive) -> None:
    """Give a textured surface the colours of its vertices too, which pyrender leaves out."""
    from ucmgcn.media.readers.surfaces import TINT

    if TINT in part.vertex_attributes:
        primitive.color_0 = np.asarray(part.vertex_attributes[TINT])[part.faces].reshape(-1, 4)


def _paint_bare(part: trimesh.Trimesh, colour: Colour) -> None:
    """Give the plain colour to a surface without any, such as one whose MTL file is missing."""
    import trimesh.visual

    if part.visual is None or not part.visual.defined:
        plain = np.rint(255 * np.array([*_rgb(colour), 1.0])).astype(np.uint8)
        part.visual = trimesh.visual.ColorVisuals(part, face_colors=plain)


def _poses(
    vertices: Floats, rotations: Floats, config: RenderConfig
) -> tuple[Floats, float, float]:
    """Return world-to-eye matrices (views, 4, 4), and one near and one far distance for all."""
    slope = math.tan(math.radians(config.fov) / 2) * config.fill
    fit = _tight if config.fit == "tight" else _around_sphere
    eyes, near, far = fit(vertices, rotations, slope)
    poses = np.tile(np.eye(4), (len(rotations), 1, 1))
    poses[:, :3, :3] = rotations
    poses[:, :3, 3] = -eyes
    return poses, 0.9 * near, 1.1 * far


def _around_sphere(
    vertices: Floats, rotations: Floats, slope: float
) -> tuple[Floats, float, float]:
    distance = math.sqrt(1 + slope**2) / slope
    eyes = np.zeros((len(rotations), 3))
    eyes[:, 2] = distance
    return eyes, max(distance - 1, MIN_GAP), distance + 1


def _tight(vertices: Floats, rotations: Floats, slope: float) -> tuple[Floats, float, float]:
    """Find, for each rotation, the nearest eye that has the whole mesh inside the frame.

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


def _extremes(vertices: Floats, directions: Floats) -> Floats:
    """Return each direction's greatest dot product with a vertex, shape `directions.shape[:-1]`."""
    flat = directions.reshape(-1, 3).astype(np.float32)
    blocks = np.array_split(vertices.astype(np.float32), 1 + len(vertices) // BLOCK)
    extremes = np.max([(flat @ block.T).max(axis=1) for block in blocks], axis=0)
    return np.asarray(extremes.reshape(directions.shape[:-1]), dtype=np.float64)


def _rgb(colour: Colour) -> tuple[float, float, float]:
    return colour if isinstance(colour, tuple) else (colour, colour, colour)
