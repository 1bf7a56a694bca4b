"""Nodes and skins of COLLADA: where a geometry stands and how joints bend it."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from ucmgcn.core.arrays import Floats
from ucmgcn.media.mesh_warnings import BAD_PART, warn_of
from ucmgcn.media.readers.dae_document import Document, children, indices, numbers

SIZES = {"matrix": 16, "translate": 3, "rotate": 4, "scale": 3, "lookat": 9}


def local_matrix(node: Element) -> Floats:
    """Return the product of a node's transforms in their order, shape (4, 4)."""
    matrix = np.eye(4)
    for step in children(node, *SIZES, "skew"):
        values = numbers(step.text)
        if step.tag == "skew" or len(values) != SIZES[step.tag]:
            warn_of(BAD_PART, f"{step.tag} of node {node.get('id', '')!r}")
        else:
            matrix = matrix @ _transform(step.tag, values)
    return matrix


def _transform(kind: str, values: Floats) -> Floats:
    matrix = np.eye(4)
    match kind:
        case "matrix":
            return values.reshape(4, 4)
        case "translate":
            matrix[:3, 3] = values
        case "scale":
            matrix[:3, :3] = np.diag(values)
        case "rotate":
            matrix[:3, :3] = _rotation(values[:3], np.radians(values[3]))
        case "lookat":
            eye, target, up = values.reshape(3, 3)
            back = _unit(eye - target)
            right = _unit(np.cross(up, back))
            matrix[:3, :3] = np.stack([right, np.cross(back, right), back], axis=1)
            matrix[:3, 3] = eye
    return matrix


def _rotation(axis: Floats, angle: float) -> Floats:
    """Return the rotation about an axis (Rodrigues' formula)."""
    x, y, z = _unit(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    rotation: Floats = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return rotation


def _unit(vector: Floats) -> Floats:
    length = float(np.linalg.norm(vector))
    return vector / length if length else vector


def node_matrices(document: Document) -> dict[str, Floats]:
    """Return the world matrix of each node by its sid and id; joints are named so."""
    found: dict[str, Floats] = {}
    left = [(scene, np.eye(4)) for scene in document.root.iter("visual_scene")]
    while left:
        holder, parent = left.pop()
        for node in children(holder, "node"):
            matrix = parent @ local_matrix(node)
            for name in (node.get("sid"), node.get("id"), node.get("name")):
                if name:
                    found.setdefault(name, matrix)
            left.append((node, matrix))
    return found


def skinned(
    document: Document, skin: Element, points: Floats, nodes: dict[str, Floats]
) -> tuple[Floats, bool]:
    """Bend points with the joints of a skin (COLLADA 1.4.1, "Skin Deformation (or Skinning)").

    Parameters
    ----------
    points
        Shape (n, 3), in bind pose.
    nodes
        As from `node_matrices`.

    Returns
    -------
    The points in the world, and True; or in the place of the geometry, and False, if joints or
    weights are missing.
    """
    shape = next(children(skin, "bind_shape_matrix"), None)
    values = numbers(None if shape is None else shape.text)
    bind = values.reshape(4, 4) if len(values) == 16 else np.eye(4)
    placed = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ bind.T
    joints = _joint_matrices(document, skin, nodes)
    weights = None if joints is None else _weights(document, skin, len(points), len(joints))
    if joints is None or weights is None:
        warn_of(BAD_PART, "joints or weights of a skin")
        return placed[:, :3], False
    posed = np.einsum("nj,jab,nb->na", weights, joints, placed, optimize=True)
    return posed[:, :3], True


def _joint_matrices(document: Document, skin: Element, nodes: dict[str, Floats]) -> Floats | None:
    """Return the matrix from the bind pose to the pose of each joint, shape (j, 4, 4)."""
    sources = {
        i.get("semantic"): i.get("source")
        for holder in children(skin, "joints")
        for i in children(holder, "input")
    }
    names = document.names(sources.get("JOINT"))
    inverse = document.source(sources.get("INV_BIND_MATRIX"))
    if not names or inverse is None or inverse.size != 16 * len(names):
        return None
    if not all(name in nodes for name in names):
        return None
    return np.stack([nodes[name] for name in names]) @ inverse.reshape(-1, 4, 4)


def _weights(document: Document, skin: Element, points: int, joints: int) -> Floats | None:
    """Return the weight of each joint for each point, shape (n, j); rows add up to 1."""
    holder = next(children(skin, "vertex_weights"), None)
    inputs = {
        i.get("semantic"): (int(i.get("offset") or 0), i.get("source"))
        for i in children(holder, "input")
    }
    if holder is None or not {"JOINT", "WEIGHT"} <= inputs.keys():
        return None
    source = document.source(inputs["WEIGHT"][1])
    vcount, v = (next(children(holder, name), None) for name in ("vcount", "v"))
    counts = indices(None if vcount is None else vcount.text)
    stride = 1 + max(offset for offset, _ in inputs.values())
    rows = indices(None if v is None else v.text)
    if source is None or len(counts) < points or len(rows) < stride * counts.sum():
        return None
    rows = rows[: stride * counts.sum()].reshape(-1, stride)
    joint, weight = (rows[:, inputs[kind][0]] for kind in ("JOINT", "WEIGHT"))
    point = np.repeat(np.arange(len(counts)), counts)
    # Joint -1 is the bind shape itself, which no exporter uses.
    used = (joint >= 0) & (joint < joints) & (point < points)
    used &= (weight >= 0) & (weight < len(source))
    table = np.zeros((points, joints))
    np.add.at(table, (point[used], joint[used]), source[weight[used], 0])
    sums = table.sum(axis=1, keepdims=True)
    return table / sums if (sums > 0).all() else None
