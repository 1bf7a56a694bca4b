"""Fuzz the loaders of meshes and photos with atheris: each input must load or be an ItemError.

    python -m pip install -e ".[fuzz]"
    python benchmarks/fuzz_loaders.py obj -max_total_time=120 [CORPUS]

The first argument is a mesh format, ``mtl`` or ``photo``; the others are libFuzzer's. An input
that makes a loader fail in another way is kept as ``crash-*`` in the working folder. In the
pipeline such a failure costs only the file that causes it (see `ucmgcn.core.worker`), but it is a
defect.
"""

from __future__ import annotations

import io
import logging
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import atheris
import numpy as np

with atheris.instrument_imports(include=["ucmgcn", "trimesh", "xml", "PIL"]):
    import trimesh
    from PIL import Image

    from ucmgcn.core.errors import ItemError
    from ucmgcn.media.formats import MESH_SUFFIXES
    from ucmgcn.media.meshes import load_mesh
    from ucmgcn.media.photos import load_photo


OBJ = (
    "mtllib skin.mtl\nv 0 0 0 1 0 0\nv 3 0 0 1 0 0\nv 3 1 0 0 1 0\nv 1 1 0 0 0 1\nv 1 3 0 0 0 1\n"
    "v 0 3 0 0 0 1\nvt 0 0\nvt 1 1\nusemtl skin\nf 1/1 2/2 3/1 4/2 5/1 6/1\n"
    "f -1//1 -2/1 \\\n -3 # x\n"
)
MTL = "newmtl skin\nKd .1 .2 .3\nmap_Kd -s 1 2 -o .5 skin.png\nnewmtl other\nKe 1 1 1\n"
PLY = (
    "ply\nformat {} 1.0\ncomment TextureFile skin.png\nelement vertex 4\nproperty float x\n"
    "property float y\nproperty float z\nproperty uchar red\nproperty uchar green\n"
    "property uchar blue\nelement face 2\nproperty list uchar int vertex_indices\n"
    "property list uchar float texcoord\nelement tristrips 1\n"
    "property list int int vertex_indices\nend_header\n"
)
PLY_TEXT = (
    "0 0 0 1 2 3\n1 0 0 1 2 3\n1 1 0 1 2 3\n0 1 0 1 2 3\n3 0 1 2 6 0 0 1 0 1 1\n"
    "4 0 1 2 3 8 0 0 1 0 1 1 0 1\n5 0 1 2 -1 3\n"
)
OFF = "COFF # x\n4 2 0\n0 0 0 1 2 3 4\n1 0 0 1 2 3 4\n1 1 0 1 2 3 4\n0 1 0 1 2 3 4\n{}"
STL = "solid x\nfacet normal 0 0 1\nouter loop\n{}endloop\nendfacet\nendsolid x\n"
DAE = (
    '<COLLADA version="1.4.1"><asset><up_axis>Z_UP</up_axis></asset><library_images><image id="i">'
    "<init_from>skin.png</init_from></image></library_images><library_effects><effect id='e'>"
    "<profile_COMMON><technique><phong><diffuse><texture texture='i' texcoord='u'/></diffuse>"
    "</phong></technique></profile_COMMON></effect></library_effects><library_materials>"
    "<material id='m'><instance_effect url='#e'/></material></library_materials>"
    "<library_geometries><geometry id='g'><mesh><source id='p'><float_array id='a'>0 0 0 1 0 0 1 1"
    " 0 0 1 0</float_array><technique_common><accessor source='#a' stride='3'><param name='X'/>"
    "<param name='Y'/><param name='Z'/></accessor></technique_common></source><vertices id='v'>"
    "<input semantic='POSITION' source='#p'/></vertices><polylist material='m'><input offset='0' "
    "semantic='VERTEX' source='#v'/><input semantic='TEXCOORD' source='#p' offset='1' set='0'/>"
    "<vcount>4 3</vcount><p>0 0 1 1 2 2 3 3 0 0 1 1 2 2</p></polylist><tristrips><input offset='0' "
    "semantic='VERTEX' source='#v'/><p>0 1 2 3</p></tristrips><polygons><input semantic='VERTEX' "
    "source='#v' offset='0'/><ph><p>0 1 2 3</p><h>0 1 2</h></ph></polygons></mesh></geometry>"
    "</library_geometries><library_controllers><controller id='c'><skin source='#g'>"
    "<source id='j'><Name_array>n</Name_array></source><source id='w'><float_array>1</float_array>"
    "</source><source id='b'><float_array>1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1</float_array></source>"
    "<joints><input semantic='JOINT' source='#j'/><input semantic='INV_BIND_MATRIX' source='#b'/>"
    "</joints><vertex_weights><input semantic='JOINT' source='#j' offset='0'/><input "
    "semantic='WEIGHT' source='#w' offset='1'/><vcount>1 1 1 1</vcount><v>0 0 0 0 0 0 0 0</v>"
    "</vertex_weights></skin></controller></library_controllers><library_visual_scenes>"
    "<visual_scene id='s'><node id='n' sid='n'><rotate>0 1 0 90</rotate><scale>1 2 3</scale>"
    "<instance_geometry url='#g'/><instance_controller url='#c'/></node></visual_scene>"
    "</library_visual_scenes><scene><instance_visual_scene url='#s'/></scene></COLLADA>"
)
SEEDS = {
    "obj": [OBJ.encode()],
    "mtl": [MTL.encode()],
    "ply": [PLY.format("ascii").encode() + PLY_TEXT.encode()],
    "off": [OFF.format("4 0 1 2 3 9 8 7\n3 0 1 2 9 8 7\n").encode(), OFF.format("4 0\n").encode()],
    "stl": [STL.format("vertex 0 0 0\nvertex 1 0 0\nvertex 1 1 0\nvertex 0 1 0\n").encode()],
    "dae": [DAE.encode()],
}


def seeds(kind: str) -> list[bytes]:
    """Return small intact files to start from."""
    return SEEDS.get(kind, []) + exported(kind)


def exported(kind: str) -> list[bytes]:
    """Return what libraries write."""
    if kind == "mtl":
        return []
    if kind == "photo":
        noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        made = []
        for name in ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000"):
            stream = io.BytesIO()
            Image.fromarray(noise).save(stream, name)
            made.append(stream.getvalue())
        return made
    if kind == "gltf":
        return [
            next(
                iter(
                    trimesh.exchange.gltf.export_gltf(
                        trimesh.Scene(trimesh.creation.box()), embed_buffers=True
                    ).values()
                )
            )
        ]
    content = trimesh.creation.box().export(file_type=kind)
    return [content.encode() if isinstance(content, str) else content]


def target(kind: str, folder: Path) -> Callable[[bytes], None]:
    """Return the function that tries one input."""
    path = folder / f"input.{'jpg' if kind == 'photo' else kind}"
    Image.new("RGB", (4, 4)).save(folder / "skin.png")
    (folder / "skin.mtl").write_text(MTL)
    if kind == "mtl":
        path = folder / "skin.mtl"
        (folder / "mesh.obj").write_text(OBJ)

    def one(data: bytes) -> None:
        path.write_bytes(data)
        try:
            if kind == "photo":
                assert load_photo(path, 16).shape == (16, 16, 3)
            else:
                mesh = load_mesh(folder / "mesh.obj" if kind == "mtl" else path, textures=True)
                assert np.isfinite(mesh.vertices).all()
                assert mesh.faces.min() >= 0 and mesh.faces.max() < len(mesh.vertices)
        # MemoryError: a file declares an enormous size; the worker rejects it.
        except (ItemError, MemoryError):
            pass

    return one


def main() -> None:
    """Run libFuzzer."""
    kinds = [*(suffix[1:] for suffix in MESH_SUFFIXES), "mtl", "photo"]
    if len(sys.argv) < 2 or sys.argv[1] not in kinds:
        sys.exit(f"usage: fuzz_loaders.py FORMAT [libFuzzer's options]; formats: {' '.join(kinds)}")
    kind = sys.argv.pop(1)
    warnings.simplefilter("ignore")
    logging.disable()
    with tempfile.TemporaryDirectory() as scratch:
        corpus = Path(scratch, "corpus")
        corpus.mkdir()
        for number, content in enumerate(seeds(kind)):
            (corpus / f"{number}").write_bytes(content)
        atheris.Setup([*sys.argv, str(corpus)], target(kind, Path(scratch)))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
