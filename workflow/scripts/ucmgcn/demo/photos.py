"""Photo-like images of demo objects: textured, lit, placed in a scene, with camera defects."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ucmgcn.core.arrays import Floats
from ucmgcn.demo import scenes
from ucmgcn.demo.scenes import Setting
from ucmgcn.demo.solids import Part, Parts, bounds, box, turn
from ucmgcn.demo.textures import Surface, hsv, surface
from ucmgcn.render.gl import select_platform

if TYPE_CHECKING:
    import pyrender

Rng = np.random.Generator
Dressed = tuple[tuple[Floats, Floats, Floats], Surface]
SIZES = ((360, 270), (380, 285), (270, 360), (320, 320), (390, 260), (320, 240))
KEY_LIGHTS = 2
CONTACT = 0.15
OFFSETS = [
    (round(r * np.sin(a)), round(r * np.cos(a))) for r in (2, 4, 7) for a in (0, 0.8, 1.6, 2.4)
]
CREASE = np.cos(np.radians(42))


@dataclass(frozen=True)
class Habit:
    """How a category is usually photographed; angles in degrees.

    ``yaw`` is the largest rotation away from the camera; with ``both_sides`` the object may also
    face backwards.
    """

    places: tuple[Callable[[Rng], Setting], ...]
    elevation: tuple[float, float]
    yaw: float = 180.0
    both_sides: bool = False


_ROOM = scenes.room
HABITS: dict[str, Habit] = {
    "airplane": Habit((scenes.sky, scenes.sky, scenes.airfield), (2, 24)),
    "bicycle": Habit((scenes.street, scenes.street, _ROOM), (1, 28), 60.0, True),
    "bottle": Habit((scenes.tabletop,), (0, 38)),
    "car": Habit((scenes.street,), (3, 32)),
    "chair": Habit((_ROOM, _ROOM, _ROOM, scenes.street), (3, 45)),
    "guitar": Habit((_ROOM, _ROOM, scenes.street), (-2, 35), 75.0),
    "lamp": Habit((_ROOM,), (-8, 28)),
    "mug": Habit((scenes.tabletop,), (6, 55), 65.0, True),
    "sofa": Habit((_ROOM, _ROOM, scenes.street), (3, 38), 75.0),
    "table": Habit((_ROOM, _ROOM, scenes.street), (6, 34)),
}


@dataclass(frozen=True)
class Camera:
    """Camera-to-world pose (4, 4), vertical field of view (radians) and size (width, height)."""

    pose: Floats
    fov: float
    size: tuple[int, int]

    @property
    def horizon(self) -> float:
        """Row of the horizon, as a fraction of the image height."""
        forward = -self.pose[:3, 2]
        pitch = np.arcsin(np.clip(forward[2], -1, 1))
        return float(0.5 + 0.5 * np.tan(pitch) / np.tan(self.fov / 2))


def photograph(rng: Rng, category: str, parts: Parts) -> npt.NDArray[np.uint8]:
    """Render one photo-like image of an object.

    Parameters
    ----------
    rng : numpy.random.Generator
        Determines everything except the object.
    category : str
        Determines the scene and the camera's position.
    parts : list of Part
        The object in metres, z up.

    Returns
    -------
    (h, w, 3) uint8
        sRGB, a few hundred pixels per side.
    """
    select_platform()  # before pyrender is imported
    subject, setting, elevation = _place(rng, category, parts)
    camera = _aim(rng, subject, elevation, setting.corner)
    scene = _scene(rng, subject, setting, camera)
    colour, depth = _render(scene, camera)
    photo = _develop(rng, _over(rng.spawn(1)[0], setting, colour, camera), depth, camera)
    return np.ascontiguousarray(photo[:, ::-1]) if rng.random() < 0.5 else photo


def _place(rng: Rng, category: str, parts: Parts) -> tuple[Parts, Setting, float]:
    """Scale the object to unit size, pose it, and choose its scene and the camera elevation."""
    habit = HABITS[category]
    low, high = bounds(parts)
    size = float((high - low).max())
    elevation = rng.uniform(*habit.elevation)
    make = habit.places[int(rng.integers(len(habit.places)))]
    back_to_front = 180.0 * (habit.both_sides and rng.random() < 0.5)
    posed = turn(parts, rng.uniform(-habit.yaw, habit.yaw) + back_to_front)
    if category == "guitar":
        posed = scenes.leaning(rng, posed)
    if make is scenes.sky:
        posed, elevation = _flying(rng, parts), rng.uniform(-35, 35)
    subject = _standing(posed, size)
    if category == "lamp" and size < 0.9 and low[2] < 0.5:
        return subject, scenes.tabletop(rng), elevation
    if low[2] > 0.5:
        return subject, scenes.room(rng, -rng.uniform(1.2, 2.2)), rng.uniform(-30, 12)
    setting = make(rng)
    if category == "table":
        laid = scenes.laid(rng, bounds(subject))
        setting = replace(setting, parts=setting.parts + laid)
    return subject, setting, elevation


def _flying(rng: Rng, parts: Parts) -> Parts:
    """Random bank and pitch, then any heading."""
    banked = turn(turn(parts, rng.normal(0, 18), 0), rng.normal(0, 12), 1)
    return turn(banked, rng.uniform(0, 360))


def _standing(parts: Parts, size: float) -> Parts:
    """Scale by 1 / size, centre in x and y, and put the lowest point at z = 0."""
    low, high = bounds(parts)
    foot = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    return [p.map(np.eye(3) / size, -foot / size) for p in parts]


def _aim(rng: Rng, subject: Parts, elevation: float, corner: bool) -> Camera:
    """Random lens, distance that fits, off-centre framing, slightly tilted horizon."""
    low, high = bounds(subject)
    width, height = SIZES[int(rng.integers(len(SIZES)))]
    fov = 2 * np.arctan(12 / np.exp(rng.uniform(np.log(26), np.log(95))))
    e, a = np.radians(elevation), np.radians(rng.uniform(-28, -4 if corner else 28))
    direction = np.array([np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)])
    roll, fill, room = (
        np.radians(rng.normal(0, 2.5)),
        rng.uniform(0.55, 0.98),
        rng.uniform(-1, 1, 3),
    )
    frame = np.array([np.tan(fov / 2) * width / height, np.tan(fov / 2)])
    points = np.concatenate([part.vertices for part in subject])
    target, distance = (low + high) / 2, 3.0
    for _ in range(4):
        pose = _look(target + distance * direction, target, roll)
        seen = (points - pose[:3, 3]) @ pose[:3, :3]
        spread = np.abs(seen[:, :2] / -np.minimum(seen[:, 2:], -0.05)).max(axis=0) / frame
        distance = max(0.6, distance * float(spread.max()) / fill)
    drift = (1 - fill) * 0.75 * distance * frame.min() * room
    return Camera(
        _look(target + drift + distance * direction, target + drift, roll),
        float(fov),
        (width, height),
    )


def _look(eye: Floats, target: Floats, roll: float = 0.0) -> Floats:
    """Camera-to-world pose (4, 4) with z up, then rolled."""
    back = (eye - target) / np.linalg.norm(eye - target)
    right = np.cross([0.0, 0.0, 1.0], back)
    right /= np.linalg.norm(right)
    up = np.cross(back, right)
    pose = np.eye(4)
    pose[:3, 0] = right * np.cos(roll) + up * np.sin(roll)
    pose[:3, 1] = up * np.cos(roll) - right * np.sin(roll)
    pose[:3, 2], pose[:3, 3] = back, eye
    return pose


def _scene(rng: Rng, subject: Parts, setting: Setting, camera: Camera) -> pyrender.Scene:
    import pyrender

    from ucmgcn.render.offscreen import OrderedScene

    tint = hsv(rng.uniform(0.05, 0.65), rng.uniform(0, 0.25), rng.uniform(0.18, 0.42))
    scene = OrderedScene(ambient_light=tint, bg_color=[0.0, 0.0, 0.0, 0.0])
    key, azimuth, height = _key_light(rng)
    surroundings = setting.seen_past(camera.pose[:3, 3], bounds(subject).mean(axis=0))
    if setting.backdrop == "indoors" and 25 < abs(azimuth) < 80 and rng.random() < 0.5:
        surroundings += _blinds(rng, key)
    dressed = [primitive for group in (subject, surroundings) for primitive in _dress(rng, group)]
    _add_in_order(scene, dressed, camera.pose[:3, 3])
    _light(rng, scene, key, height)
    scene.add(pyrender.PerspectiveCamera(camera.fov, znear=0.05, zfar=60), pose=camera.pose)
    return scene


def _key_light(rng: Rng) -> tuple[Floats, float, float]:
    """Direction to the key light, its azimuth off the camera's side and its elevation."""
    azimuth, elevation = rng.uniform(-115, 115), rng.uniform(22, 78)
    a, e = np.radians([azimuth, elevation])
    return np.array([np.sin(a) * np.cos(e), -np.cos(a) * np.cos(e), np.sin(e)]), azimuth, elevation


def _light(rng: Rng, scene: pyrender.Scene, key: Floats, height: float) -> None:
    """Soft key light from a few shadow casters, and up to two fill lights without shadow."""
    import pyrender

    colour = hsv(rng.choice([0.08, 0.1, 0.58]), rng.uniform(0, 0.35), 1.0)
    strength, spread = rng.uniform(2.4, 5.0), rng.uniform(0.01, 0.05)
    for number in range(KEY_LIGHTS):
        toward = key + rng.normal(0, spread, 3)
        lamp = pyrender.DirectionalLight(colour, strength / KEY_LIGHTS)
        scene.add(lamp, f"key {number}", _look(toward, np.zeros(3)))
    for number in range(int(rng.integers(0, 3))):
        pose = np.eye(4)
        pose[:3, 3] = rng.uniform([-4, -5, 1], [4, 0, 4])
        tint = hsv(rng.random(), rng.uniform(0, 0.4), 1.0)
        scene.add(pyrender.PointLight(tint, rng.uniform(4, 22)), f"fill {number}", pose)


def _blinds(rng: Rng, key: Floats) -> Parts:
    """Slats or window bars outside the image that cast shadows into it."""
    gap = rng.uniform(0.25, 0.7)
    slats = [
        box((6, gap * rng.uniform(0.3, 0.6), 0.02), (0, k * gap, 0), "dark") for k in range(-6, 7)
    ]
    pose = _look(key, np.zeros(3), rng.uniform(-0.5, 0.5))
    return [p.map(pose[:3, :3], key * 5.5) for p in slats]


def _add_in_order(scene: pyrender.Scene, dressed: list[Dressed], eye: Floats) -> None:
    """Add meshes so that they are drawn in the given order.

    pyrender keeps nodes in a set and draws first those whose origins are farthest from the camera.
    So the origins, which have no other meaning here, are placed at decreasing distances. Otherwise
    memory addresses would break ties, and two runs would differ in a few pixels.
    """
    import pyrender

    for number, (corners, look) in enumerate(dressed):
        pose = np.eye(4)
        pose[:3, 3] = eye[0], eye[1], eye[2] + 20 - 0.05 * number
        primitive = pyrender.Primitive(
            positions=corners[0] - pose[:3, 3],
            normals=corners[1],
            texcoord_0=corners[2],
            material=_material(look),
        )
        scene.add(pyrender.Mesh([primitive]), pose=pose)


def _dress(rng: Rng, parts: Parts) -> list[Dressed]:
    """Assign one surface to each finish; clutter varies by part."""
    groups: dict[tuple[str, int], list[Part]] = {}
    for number, part in enumerate(parts):
        variant = number % 5 if part.finish in ("clutter", "picture") else 0
        groups.setdefault((part.finish, variant), []).append(part)
    dressed = []
    for (finish, _), group in groups.items():
        look = surface(rng, finish)
        points, normals, uv = (np.concatenate(c) for c in zip(*map(shade, group), strict=True))
        dressed.append(((points, normals, uv / look.tile + rng.random(2)), look))
    return dressed


def _material(look: Surface) -> pyrender.MetallicRoughnessMaterial:
    import pyrender

    texture = pyrender.Texture(source=look.texture, source_channels="RGB")
    return pyrender.MetallicRoughnessMaterial(
        baseColorTexture=texture,
        metallicFactor=look.metallic,
        roughnessFactor=look.roughness,
        emissiveFactor=[look.glow, look.glow * 0.95, look.glow * 0.85],
        doubleSided=True,
    )


def shade(part: Part) -> tuple[Floats, Floats, Floats]:
    """Corners of a part: positions (3m, 3), normals (3m, 3) and texture coordinates (3m, 2).

    A corner's normal is the area-weighted mean over those faces at its vertex whose angle with its
    own face is below 42 degrees. Texture coordinates are projected along the face's main axis, with
    the rows of the texture along the longer side of the part.
    """
    corners = part.vertices[part.faces]
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    unit = area / np.maximum(np.linalg.norm(area, axis=1, keepdims=True), 1e-15)
    vertex = part.faces.reshape(-1)
    face = np.repeat(np.arange(len(unit)), 3)
    order = np.argsort(vertex, kind="stable")
    count = np.bincount(vertex)
    start = np.cumsum(count) - count
    repeats = count[vertex]
    i = np.repeat(np.arange(len(vertex)), repeats)
    offset = np.arange(len(i)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    j = face[order[np.repeat(start[vertex], repeats) + offset]]
    near = np.einsum("ij,ij->i", unit[face[i]], unit[j]) > CREASE
    weighted = area[j] * near[:, None]
    normals = np.stack(
        [np.bincount(i, weighted[:, k], len(vertex)) for k in range(3)], -1, dtype=float
    )
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-15)
    return corners.reshape(-1, 3), normals, _project(corners, unit)


def _project(corners: Floats, unit: Floats) -> Floats:
    """Box-projected texture coordinates (3m, 2) of triangles (m, 3, 3)."""
    extent = np.ptp(corners.reshape(-1, 3), axis=0)
    uv = np.empty((*corners.shape[:2], 2))
    main = np.abs(unit).argmax(axis=1)
    for axis in range(3):
        u, v = sorted({0, 1, 2} - {axis}, key=lambda k: extent[k])
        uv[main == axis] = corners[main == axis][..., [u, v]]
    return uv.reshape(-1, 2)


@cache
def _renderer(process: int) -> Any:
    """OpenGL context of a process."""
    import pyrender

    renderer = pyrender.OffscreenRenderer(64, 64)
    atexit.register(renderer.delete)
    return renderer


def _render(scene: pyrender.Scene, camera: Camera) -> tuple[Floats, Floats]:
    """Colour with alpha (h, w, 4) in [0, 1] and depth (h, w)."""
    renderer = _renderer(os.getpid())
    from pyrender.constants import RenderFlags

    renderer.viewport_width, renderer.viewport_height = camera.size
    colour, depth = renderer.render(scene, RenderFlags.SHADOWS_DIRECTIONAL | RenderFlags.RGBA)
    return colour / 255.0, depth.astype(float)


def _over(rng: Rng, setting: Setting, colour: Floats, camera: Camera) -> Floats:
    """Composite a render (h, w, 4) over its backdrop, which is painted only if visible."""
    alpha = colour[..., 3:]
    if alpha.min() == 1.0:
        return colour[..., :3]
    h, w, _ = colour.shape
    far = scenes.backdrop(rng, setting.backdrop, h, w, camera.horizon * h)
    return colour[..., :3] * alpha + far * (1 - alpha)


def _develop(rng: Rng, image: Floats, depth: Floats, camera: Camera) -> npt.NDArray[np.uint8]:
    """Turn a render into the photo of a cheap camera."""
    image = image * _occlusion(depth)[..., None]
    return _expose(rng, _defocus(rng, image, depth, float(np.linalg.norm(camera.pose[:3, 3]))))


def _occlusion(depth: Floats) -> Floats:
    """Darken creases and contacts, found in the depth buffer.

    A pixel is in a crease if it lies behind the midpoint of two opposite neighbours. Neighbours
    farther than ``CONTACT`` from it belong to another object and do not count.
    """
    h, w = depth.shape
    dark, padded = np.zeros_like(depth), np.pad(depth, 7, "reflect", reflect_type="odd")
    for dy, dx in OFFSETS:
        pair = [padded[7 + s * dy : 7 + s * dy + h, 7 + s * dx : 7 + s * dx + w] for s in (1, -1)]
        hollow = depth - (pair[0] + pair[1]) / 2
        close = np.maximum(np.abs(depth - pair[0]), np.abs(depth - pair[1])) < CONTACT
        dark += np.clip(hollow, 0, 0.03) * close
    light: Floats = np.clip(1 - 32 * ndimage.gaussian_filter(dark, 0.8) / len(OFFSETS), 0.6, 1.0)
    return light


def _defocus(rng: Rng, image: Floats, depth: Floats, focus: float) -> Floats:
    """Blur what lies well behind or in front of the subject."""
    sigma = rng.choice([0.0, 1.0, 2.5, 4.0])
    if sigma == 0:
        return image
    distance = np.where(depth == 0, np.inf, depth)
    amount = np.clip((np.abs(distance - focus) - 0.75) / 1.2, 0, 1)
    amount = ndimage.gaussian_filter(amount, 1.5)[..., None]
    blurred = ndimage.gaussian_filter(image, (sigma, sigma, 0))
    sharp: Floats = image * (1 - amount) + blurred * amount
    return sharp


def _expose(rng: Rng, image: Floats) -> npt.NDArray[np.uint8]:
    """White balance, exposure, contrast, saturation, vignette, blur and sensor noise."""
    h, w, _ = image.shape
    metered = np.clip(rng.uniform(0.38, 0.6) / max(float(image.mean()), 0.05), 0.6, 2.2)
    gains = rng.normal(1, 0.035, 3) * metered
    image = ndimage.gaussian_filter(image, (rng.uniform(0.2, 0.75),) * 2 + (0,)) * gains
    grey = image.mean(axis=2, keepdims=True)
    image = grey + (image - grey) * rng.uniform(0.75, 1.12)
    image = 0.5 + (image - 0.5) * rng.uniform(0.8, 1.15) + rng.uniform(-0.03, 0.06)
    y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
    image = image * (1 - rng.uniform(0, 0.3) * (x**2 + y**2) / 2)[..., None]
    image += rng.normal(0, rng.uniform(0.003, 0.022), (h, w, 1))
    image += rng.normal(0, rng.uniform(0.002, 0.016), image.shape)
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
