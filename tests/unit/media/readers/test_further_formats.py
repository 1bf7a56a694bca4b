"""FBX, USD and 3MF, each by the package that reads it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh

from ucmgcn.core.errors import ItemError
from ucmgcn.media.meshes import load_mesh, load_shape
from ucmgcn.media.readers.extras import import_extra

FBX = """; FBX 7.4.0 project file
FBXHeaderExtension:  {{
    FBXVersion: 7400
}}
GlobalSettings:  {{
    Properties70:  {{
        P: "UpAxis", "int", "Integer", "",2
        P: "UpAxisSign", "int", "Integer", "",1
        P: "FrontAxis", "int", "Integer", "",1
        P: "FrontAxisSign", "int", "Integer", "",-1
        P: "CoordAxis", "int", "Integer", "",0
        P: "CoordAxisSign", "int", "Integer", "",1
    }}
}}
Objects:  {{
    Geometry: 1, "Geometry::g", "Mesh" {{
        Vertices: *18 {{
            a: 0,0,0, 3,0,0, 3,1,0, 1,1,0, 1,3,0, 0,3,0
        }}
        PolygonVertexIndex: *6 {{
            a: 1,2,3,4,5,-1
        }}
        GeometryVersion: 124
    }}
    Model: 2, "Model::m", "Mesh" {{
        Properties70:  {{
            P: "Lcl Translation", "Lcl Translation", "", "A",0,0,{height}
        }}
    }}
    Material: 3, "Material::red", "" {{
        ShadingModel: "phong"
        Properties70:  {{
            P: "DiffuseColor", "Color", "", "A",0.8,0.1,0.2
        }}
    }}
}}
Connections:  {{
    C: "OO",2,0
    C: "OO",1,2
    C: "OO",3,2
}}
"""
USD = """#usda 1.0
(
    upAxis = "{up}"
)
def Xform "group" {{
    double3 xformOp:translate = (0, 0, 5)
    uniform token[] xformOpOrder = ["xformOp:translate"]
    def Mesh "ell" {{
        int[] faceVertexCounts = [6]
        int[] faceVertexIndices = [1, 2, 3, 4, 5, 0]
        point3f[] points = [(0,0,0), (3,0,0), (3,1,0), (1,1,0), (1,3,0), (0,3,0)]
        color3f[] primvars:displayColor = [(0.8, 0.1, 0.2)]
    }}
    def Mesh "hidden" {{
        int[] faceVertexCounts = [3]
        int[] faceVertexIndices = [0, 1, 2]
        point3f[] points = [(0,0,0), (90,0,0), (0,90,0)]
        token visibility = "invisible"
    }}
}}
"""


def colour_of(path: Path) -> list[int]:
    (part,) = load_mesh(path, textures=True).parts
    return part.visual.material.diffuse[:3].tolist()


def area_and_bounds(path: Path) -> tuple[float, list[list[float]]]:
    shape = trimesh.Trimesh(*load_shape(path), process=False)
    return shape.area, shape.bounds.round(4).tolist()


def test_fbx_is_turned_placed_and_concave(tmp_path: Path) -> None:
    (tmp_path / "x.fbx").write_text(FBX.format(height=5))
    area, bounds = area_and_bounds(tmp_path / "x.fbx")
    assert area == pytest.approx(5)
    assert bounds == [[0, 5, -3], [3, 5, 0]]
    assert colour_of(tmp_path / "x.fbx") == [204, 26, 51]


@pytest.mark.parametrize(
    ("up", "bounds"), [("Y", [[0, 0, 5], [3, 3, 5]]), ("Z", [[0, 5, -3], [3, 5, 0]])]
)
def test_usd_is_turned_placed_and_concave(tmp_path: Path, up: str, bounds: list) -> None:
    (tmp_path / "x.usda").write_text(USD.format(up=up))
    assert area_and_bounds(tmp_path / "x.usda") == (pytest.approx(5), bounds)
    assert colour_of(tmp_path / "x.usda") == [204, 26, 51]
    with zipfile.ZipFile(tmp_path / "x.usdz", "w") as archive:
        info = zipfile.ZipInfo("x.usda")
        info.extra = b"\0\0" + (22).to_bytes(2, "little") + bytes(22)  # content at 64 bytes
        archive.writestr(info, USD.format(up=up))
    assert area_and_bounds(tmp_path / "x.usdz") == (pytest.approx(5), bounds)


def test_usd_reads_the_layers_beside_it_and_none_outside(tmp_path: Path) -> None:
    inside = tmp_path / "models"
    inside.mkdir()
    refer = '#usda 1.0\ndef "a" (references = @{}@</group>) {{}}\n'
    for place in (tmp_path, inside):
        (place / "part.usda").write_text(USD.format(up="Y"))
    (inside / "x.usda").write_text(refer.format("./part.usda"))
    assert area_and_bounds(inside / "x.usda")[0] == pytest.approx(5)
    (inside / "link.usda").symlink_to(tmp_path / "part.usda")
    for name in ("../part.usda", f"{tmp_path}/part.usda", "./link.usda"):
        (inside / "x.usda").write_text(refer.format(name))
        with pytest.raises(ItemError, match="outside its folder"):
            load_shape(inside / "x.usda")


def test_3mf_is_turned(tmp_path: Path) -> None:
    (tmp_path / "x.3mf").write_bytes(trimesh.creation.box([1, 2, 3]).export(file_type="3mf"))
    assert area_and_bounds(tmp_path / "x.3mf")[1] == [[-0.5, -1.5, -1], [0.5, 1.5, 1]]


def test_fbx_and_usd_are_read_in_one_process(tmp_path: Path) -> None:
    """What ufbx frees too early ends the process, if not at once then at a later import."""
    (tmp_path / "x.fbx").write_text(FBX.format(height=5))
    (tmp_path / "x.usda").write_text(USD.format(up="Z"))
    command = (
        "import sys; from pathlib import Path; from ucmgcn.media.meshes import load_shape\n"
        "for name in sys.argv[1:]: load_shape(Path(name))"
    )
    for times in range(1, 5):
        names = [str(tmp_path / "x.fbx")] * times + [str(tmp_path / "x.usda")]
        subprocess.run([sys.executable, "-c", command, *names], check=True)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.fbx", b"no such thing", "FBX"),
        ("x.usda", b"#usda 1.0\nfoo(", "damaged or no USD file"),
        ("x.usdc", b"PXR-USDC" + bytes(40), "damaged or no USD file"),
        ("x.usdz", b"PK nothing", "no USDZ file"),
        ("x.3mf", b"PK nothing", "no 3MF file"),
    ],
)
def test_a_damaged_file_is_diagnosed(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ItemError, match=reason):
        load_shape(tmp_path / name)


def test_a_missing_package_is_named() -> None:
    with pytest.raises(ItemError, match=r"XYZ files need the package xyz.*ucmgcn\[formats\]"):
        import_extra("no_such_module", "xyz", "XYZ")
    assert import_extra("numpy", "numpy", "any") is np
