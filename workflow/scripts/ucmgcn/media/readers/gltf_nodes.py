"""The nodes of a glTF file: which are shown, where they stand, and what skins make of a mesh.

Source: glTF 2.0, sections 3.5 and 3.7.3, and the extensions EXT_mesh_gpu_instancing and
KHR_node_visibility.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import trimesh.transformations

from ucmgcn.core.arrays import Floats
from ucmgcn.core.errors import ItemError
from ucmgcn.media.readers.gltf_file import Entry, GltfFile, as_floats, extensions

INSTANCING, VISIBILITY = "EXT_mesh_gpu_instancing", "KHR_node_visibility"


class Nodes:
    """The node hierarchy of a file.

    Attributes
    ----------
    shown
        The nodes of the default scene in the order of the hierarchy; without scenes, all nodes.
    """

    def __init__(self, file: GltfFile) -> None:
        self._file = file
        self._nodes: list[Entry] = file.json.get("nodes", [])
        self._world: dict[int, Floats] = {}
        for index in self._roots():
            self._place(index)
        shown = self._walk(self._first(), visible=True)
        self.shown = [index for index, _ in shown if "mesh" in self._nodes[index]]

    def transforms(self, index: int) -> list[Floats]:
        """Return the transforms of a node's instances to the world, shape (4, 4) each."""
        world, node = self._world[index], self._nodes[index]
        if "skin" in node:
            return [np.eye(4)]
        if INSTANCING in extensions(node):
            return [world @ each for each in self._instances(node["extensions"][INSTANCING])]
        return [world]

    def joints(self, skin: Entry) -> Floats:
        """Return the matrices of a skin's joints, from the mesh to the world, shape (n, 4, 4)."""
        joints = skin["joints"]
        for joint in joints:
            self._file.entry("nodes", joint)
        world = np.array([self._world.get(j, np.eye(4)) for j in joints]).reshape(-1, 4, 4)
        if "inverseBindMatrices" not in skin:
            return world
        inverse = self._file.array(skin["inverseBindMatrices"])
        if len(inverse) < len(joints):
            raise ItemError(f"its skin has {len(joints)} joints, but {len(inverse)} bind matrices")
        return np.asarray(world @ inverse[: len(joints)].reshape(-1, 4, 4).transpose(0, 2, 1))

    def _roots(self) -> list[int]:
        children = {child for node in self._nodes for child in node.get("children", [])}
        return [i for i in range(len(self._nodes)) if i not in children]

    def _first(self) -> list[int]:
        """Return the top nodes of the default scene; of a file without scenes, all top nodes."""
        if not self._file.json.get("scenes"):
            return self._roots()
        scene = self._file.entry("scenes", self._file.json.get("scene", 0))
        top: list[int] = scene.get("nodes", [])
        for index in top:
            self._place(index)
        return top

    def _place(self, top: int) -> None:
        for index, parent in self._walk([top], visible=False):
            base = np.eye(4) if parent is None else self._world[parent]
            self._world[index] = base @ _local(self._nodes[index])

    def _walk(self, tops: list[int], *, visible: bool) -> Iterator[tuple[int, int | None]]:
        """Yield every node below once, with its parent; circles are cut."""
        waiting: list[tuple[int, int | None]] = [(top, None) for top in reversed(tops)]
        seen: set[int] = set()
        while waiting:
            index, parent = waiting.pop()
            node = self._file.entry("nodes", index)
            if index in seen or (visible and _is_hidden(node)):
                continue
            seen.add(index)
            yield index, parent
            waiting += [(child, index) for child in reversed(node.get("children", []))]

    def _instances(self, extension: Entry) -> Floats:
        """Return the transforms of instances, shape (n, 4, 4)."""
        named = extension.get("attributes", {})
        keys = [k for k in ("TRANSLATION", "ROTATION", "SCALE") if k in named]
        values = {key: as_floats(self._file.array(named[key])) for key in keys}
        count = min(map(len, values.values()), default=1)
        rest = {"TRANSLATION": [0.0] * 3, "ROTATION": [0.0, 0.0, 0.0, 1.0], "SCALE": [1.0] * 3}
        parts = {key: values.get(key, np.tile(value, (count, 1))) for key, value in rest.items()}
        rows = zip(*parts.values(), strict=False)
        return np.array([_compose(*row) for row in rows]).reshape(-1, 4, 4)


def skinned(positions: Floats, attributes: dict[str, Floats], joints: Floats) -> Floats:
    """Move the vertices of a skinned mesh to where its joints hold them.

    Parameters
    ----------
    positions
        Shape (n, 3).
    attributes
        ``JOINTS_0``, ``WEIGHTS_0`` and further sets, shape (n, 4) each.
    joints
        Matrices of the joints, shape (m, 4, 4).
    """
    sets = [key[7:] for key in attributes if key.startswith("JOINTS_")]
    if not sets or any(f"WEIGHTS_{number}" not in attributes for number in sets):
        raise ItemError("its mesh has a skin, but not both JOINTS_0 and WEIGHTS_0")
    of = np.hstack([attributes[f"JOINTS_{number}"] for number in sets]).astype(np.int64)
    weights = np.hstack([as_floats(attributes[f"WEIGHTS_{number}"]) for number in sets])
    if of.size and int(of.max()) >= len(joints):
        raise ItemError(f"its skin refers to joint {of.max()}, but has {len(joints)}")
    total = weights.sum(axis=1, keepdims=True)
    # Without any weight, the first joint holds a vertex.
    weights = np.where(
        total > 0, weights / np.where(total > 0, total, 1), np.eye(weights.shape[1])[0]
    )
    moved = np.zeros((len(positions), 3))
    for joint, weight in zip(of.T, weights.T, strict=True):
        matrices = joints[joint]
        placed = np.einsum("nij,nj->ni", matrices[:, :3, :3], positions) + matrices[:, :3, 3]
        moved += weight[:, None] * placed
    return moved


def _is_hidden(node: Entry) -> bool:
    return extensions(node).get(VISIBILITY, {}).get("visible", True) is False


def _local(node: Entry) -> Floats:
    if "matrix" in node:
        return np.array(node["matrix"], dtype=np.float64).reshape(4, 4).T
    return _compose(
        node.get("translation", (0, 0, 0)),
        node.get("rotation", (0, 0, 0, 1)),
        node.get("scale", (1, 1, 1)),
    )


def _compose(translation: Floats, rotation: Floats, scale: Floats) -> Floats:
    x, y, z, w = np.asarray(rotation, dtype=np.float64)
    matrix: Floats = trimesh.transformations.quaternion_matrix([w, x, y, z])  # type: ignore[no-untyped-call]
    matrix[:3, :3] *= np.asarray(scale, dtype=np.float64)
    matrix[:3, 3] = translation
    return matrix
