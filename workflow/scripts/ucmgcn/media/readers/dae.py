"""Read COLLADA files: the instances of geometries in the scene, posed by their nodes and skins.

Only what is drawn is read, so broken cameras, lights and animations do no harm. pycollada, which
trimesh uses, drops a whole file for these, cuts concave polygons into fans, and knows no skins.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np
import trimesh

from ucmgcn.core.arrays import Floats
from ucmgcn.core.errors import ItemError
from ucmgcn.media.companions import Companions
from ucmgcn.media.mesh_warnings import BAD_PART, NO_SCENE, warn_of
from ucmgcn.media.readers.dae_document import Document, children
from ucmgcn.media.readers.dae_geometry import Primitive, morphed, read_geometry
from ucmgcn.media.readers.dae_materials import Materials
from ucmgcn.media.readers.dae_nodes import local_matrix, node_matrices, skinned
from ucmgcn.media.readers.paint import Part, as_colours, painted
from ucmgcn.media.readers.surfaces import Surface, only_points

# Rotations from a file's up axis to y (COLLADA 1.5, table of <up_axis>).
TO_Y_UP = {
    "X_UP": np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    "Y_UP": np.eye(3),
    "Z_UP": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
}


class _Instance(NamedTuple):
    """A use of a geometry or controller, with the matrix of its node."""

    element: Element
    matrix: Floats


def read(path: Path, companions: Companions, textures: bool) -> list[Surface]:
    """Read a COLLADA file; see `Reader`."""
    document = Document(path.read_bytes())
    reader = _Reader(document, Materials(document, companions) if textures else None)
    instances = list(_instances(document))
    surfaces = [surface for instance in instances for surface in reader.surfaces(instance)]
    if not surfaces:
        surfaces = _all_geometries(document, reader)
    if not surfaces:
        raise _without_faces(document)
    turn = np.eye(4)
    turn[:3, :3] = TO_Y_UP.get(document.text("asset/up_axis").upper(), TO_Y_UP["Y_UP"])
    return [(shape, turn @ matrix) for shape, matrix in surfaces]


def _without_faces(document: Document) -> ItemError:
    if next(document.root.iter("brep"), None) is not None:
        return ItemError("it has boundary representations (brep) only; export it as polygons")
    points = [document.source(f"#{s.get('id')}") for s in document.root.iter("source")]
    return only_points(max((len(p) for p in points if p is not None), default=0))


def _instances(document: Document) -> Iterator[_Instance]:
    """Yield what the scene shows; without a scene, what the first visual scene shows."""
    shown = next(document.root.iter("instance_visual_scene"), None)
    scene = document.find(None if shown is None else shown.get("url"), "visual_scene")
    if scene is None:
        scene = next(document.root.iter("visual_scene"), None)
    for node in children(scene, "node"):
        yield from _below(document, node, np.eye(4), ())


def _below(
    document: Document, node: Element, parent: Floats, above: tuple[Element, ...]
) -> Iterator[_Instance]:
    if any(node is one for one in above):
        warn_of(BAD_PART, f"node {node.get('id', '')!r} within itself")
        return
    matrix = parent @ local_matrix(node)
    for child in node:
        if child.tag in ("instance_geometry", "instance_controller"):
            yield _Instance(child, matrix)
        elif child.tag == "node":
            yield from _below(document, child, matrix, (*above, node))
        elif child.tag == "instance_node":
            there = document.find(child.get("url"), "node")
            if there is None:
                warn_of(BAD_PART, f"node {child.get('url', '')!r}, which is not there")
            else:
                yield from _below(document, there, matrix, (*above, node))


def _all_geometries(document: Document, reader: _Reader) -> list[Surface]:
    """Draw all geometries as they are, if the scene shows none."""
    found = []
    for geometry in document.root.iter("geometry"):
        instance = Element("instance_geometry", {"url": f"#{geometry.get('id')}"})
        found += reader.surfaces(_Instance(instance, np.eye(4)))
    if found:
        warn_of(NO_SCENE)
    return found


class _Reader:
    """Makes surfaces of instances; each geometry is read once."""

    def __init__(self, document: Document, materials: Materials | None) -> None:
        self._document, self._materials = document, materials
        self._geometries: dict[int, list[Primitive]] = {}
        self._nodes: dict[str, Floats] | None = None

    def surfaces(self, instance: _Instance) -> list[Surface]:
        """Return a surface for each primitive of an instance."""
        there = self._document.find(instance.element.get("url"))
        if there is None or there.tag not in ("geometry", "controller"):
            warn_of(BAD_PART, f"geometry {instance.element.get('url', '')!r}, which is not there")
            return []
        if there.tag == "geometry":
            return [
                (self._shape(primitive, instance), instance.matrix)
                for primitive in self._geometry(there)
            ]
        return self._posed(there, instance)

    def _posed(self, controller: Element, instance: _Instance) -> list[Surface]:
        """Return the surfaces of a skin or morph, as its joints pose it."""
        holder = next(children(controller, "skin", "morph"), None)
        base = None if holder is None else self._document.find(holder.get("source"))
        if base is None or holder is None:
            warn_of(BAD_PART, f"controller {controller.get('id', '')!r} without a geometry")
            return []
        if base.tag == "controller" and base is not controller:
            return self._posed(base, instance)
        if holder.tag == "morph":
            shapes = morphed(self._document, holder, self._geometry)
            return [(self._shape(shape, instance), instance.matrix) for shape in shapes]
        if self._nodes is None:
            self._nodes = node_matrices(self._document)
        found = []
        for primitive in self._geometry(base):
            points, posed = skinned(self._document, holder, primitive.points, self._nodes)
            shape = self._shape(primitive._replace(points=points), instance)
            found.append((shape, np.eye(4) if posed else instance.matrix))
        return found

    def _geometry(self, element: Element) -> list[Primitive]:
        if id(element) not in self._geometries:
            self._geometries[id(element)] = read_geometry(self._document, element)
        return self._geometries[id(element)]

    def _shape(self, primitive: Primitive, instance: _Instance) -> trimesh.Trimesh:
        if self._materials is None:
            return trimesh.Trimesh(primitive.points, primitive.faces, process=False)
        corners = primitive.points[primitive.faces].reshape(-1, 3)
        shape = trimesh.Trimesh(corners, np.arange(len(corners)).reshape(-1, 3), process=False)
        bound = _binding(instance.element, primitive.material)
        # Some programs bind nothing, and name the material itself.
        named = self._document.find(primitive.material, "material") is not None
        target = bound.get("target") if bound is not None else named and primitive.material
        skin = self._materials.get(target) if target else None
        uv = _coordinates(primitive, bound, skin.texcoord if skin else None)
        colours = primitive.colours[:1]
        flat = as_colours(colours[0].reshape(len(corners), -1)) if colours else None
        return painted(Part(shape, uv, flat), skin.material if skin else None)


def _binding(instance: Element, symbol: str | None) -> Element | None:
    """Return the <instance_material> of a symbol; one without a match may be the only one."""
    bound = list(instance.iter("instance_material"))
    found = next((b for b in bound if b.get("symbol") == symbol), None)
    return bound[0] if found is None and len(bound) == 1 else found


def _coordinates(
    primitive: Primitive, bound: Element | None, semantic: str | None
) -> Floats | None:
    """Return the texture coordinates that the texture uses, corner after corner."""
    inputs = list(children(bound, "bind_vertex_input"))
    sets = [int(i.get("input_set") or 0) for i in inputs if i.get("semantic") == semantic]
    wanted = next((number for number in sets if number in primitive.uv), None)
    if wanted is None:
        wanted = next(iter(primitive.uv), None)
    return None if wanted is None else primitive.uv[wanted].reshape(-1, 2)
