"""FBX, USD, 3MF and STEP, each by the package that reads it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh
from gltf_files import picture

from ucmgcn.core.errors import ItemError
from ucmgcn.core.item_warnings import collect_warnings
from ucmgcn.media.extras import import_extra
from ucmgcn.media.meshes import load_mesh, load_shape

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


PART = (
    '<basematerials id="{group}"><base name="m" displaycolor="#FF8000"/></basematerials>'
    '<object id="{number}" pid="{group}" pindex="0"><mesh><vertices><vertex x="0" y="0" z="0"/>'
    '<vertex x="1" y="0" z="0"/><vertex x="0" y="1" z="0"/><vertex x="{x}" y="{y}" z="{z}"/>'
    '</vertices><triangles><triangle v1="0" v2="2" v3="1"/><triangle v1="0" v2="1" v3="3"/>'
    '<triangle v1="1" v2="2" v3="3"/><triangle v1="2" v2="0" v3="3"/></triangles></mesh></object>'
)
STEP = """ISO-10303-21;
HEADER;
FILE_DESCRIPTION((''),'2;1');
FILE_NAME('','',(''),(''),'','','');
FILE_SCHEMA(('AUTOMOTIVE_DESIGN'));
ENDSEC;
DATA;
#1=APPLICATION_CONTEXT('');
#2=PRODUCT_CONTEXT('',#1,'');
#3=PRODUCT('plate','plate','',(#2));
#4=PRODUCT_DEFINITION_FORMATION('','',#3);
#5=PRODUCT_DEFINITION_CONTEXT('',#1,'');
#6=PRODUCT_DEFINITION('','',#4,#5);
#7=PRODUCT_DEFINITION_SHAPE('','',#6);
#8=(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.MILLI.,.METRE.));
#9=(NAMED_UNIT(*)PLANE_ANGLE_UNIT()SI_UNIT($,.RADIAN.));
#10=(NAMED_UNIT(*)SI_UNIT($,.STERADIAN.)SOLID_ANGLE_UNIT());
#11=(GEOMETRIC_REPRESENTATION_CONTEXT(3)GLOBAL_UNIT_ASSIGNED_CONTEXT((#8,#9,#10))
REPRESENTATION_CONTEXT('',''));
#12=CARTESIAN_POINT('',(0.,0.,5.));
#13=CARTESIAN_POINT('',({x}.,0.,5.));
#14=CARTESIAN_POINT('',({x}.,{y}.,5.));
#15=CARTESIAN_POINT('',(0.,{y}.,5.));
#16=DIRECTION('',(0.,0.,1.));
#17=DIRECTION('',(1.,0.,0.));
#18=AXIS2_PLACEMENT_3D('',#12,#16,#17);
#19=PLANE('',#18);
#20=POLY_LOOP('',(#12,#13,#14,#15));
#21=FACE_OUTER_BOUND('',#20,.T.);
#22=FACE_SURFACE('',(#21),#19,.T.);
#23=CLOSED_SHELL('',(#22));
#24=FACETED_BREP('',#23);
#25=FACETED_BREP_SHAPE_REPRESENTATION('',(#24),#11);
#26=SHAPE_DEFINITION_REPRESENTATION(#7,#25);
ENDSEC;
END-ISO-10303-21;
"""


USD_TEXTURED = """#usda 1.0
def Mesh "quads" (prepend apiSchemas = ["MaterialBindingAPI"])
{
    int[] faceVertexCounts = [4, 4]
    int[] faceVertexIndices = [0, 1, 2, 3, 1, 4, 5, 2]
    point3f[] points = [(0,0,0), (1,0,0), (1,1,0), (0,1,0), (2,0,0), (2,1,0)]
    texCoord2f[] primvars:UVMap = [(0,0), (1,0), (1,1), (0,1), (0,0), (1,0), (1,1), (0,1)] (
        interpolation = "faceVarying"
    )
    rel material:binding = </textured>
    def GeomSubset "second" (prepend apiSchemas = ["MaterialBindingAPI"])
    {
        uniform token elementType = "face"
        uniform token familyName = "materialBind"
        int[] indices = [1]
        rel material:binding = </plain>
    }
}
def Material "textured"
{
    token outputs:surface.connect = </textured/look.outputs:surface>
    def Shader "look"
    {
        uniform token info:id = "UsdPreviewSurface"
        color3f inputs:diffuseColor.connect = </textured/texture.outputs:rgb>
        token outputs:surface
    }
    def Shader "texture"
    {
        uniform token info:id = "UsdUVTexture"
        asset inputs:file = @./textures/skin.png@
        float2 inputs:st.connect = </textured/reader.outputs:result>
        float3 outputs:rgb
    }
    def Shader "reader"
    {
        uniform token info:id = "UsdPrimvarReader_float2"
        string inputs:varname = "UVMap"
        float2 outputs:result
    }
}
def Material "plain"
{
    token outputs:surface.connect = </plain/look.outputs:surface>
    def Shader "look"
    {
        uniform token info:id = "UsdPreviewSurface"
        color3f inputs:diffuseColor = (0.8, 0.1, 0.2)
        token outputs:surface
    }
}
"""


def write_usdz(path: Path, files: dict[str, bytes]) -> None:
    """Write a package, in which the content of each file starts at a multiple of 64 bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            start = archive.start_dir + 30 + len(name) + 4
            padding = -start % 64
            info.extra = b"\0\0" + padding.to_bytes(2, "little") + bytes(padding)
            archive.writestr(info, content)


def part(number: int, top: str) -> str:
    """A tetrahedron of this number, above the corner of a square, in one colour."""
    x, y, z = top.split()
    return PART.format(number=number, group=100 + number, x=x, y=y, z=z)


def write_3mf(path: Path, resources: str, items: str, others: dict[str, str] | None = None) -> None:
    core = "http://schemas.microsoft.com/3dmanufacturing"
    relations = "http://schemas.openxmlformats.org/package/2006"

    def model(resources: str, items: str) -> str:
        return (
            f'<model unit="millimeter" xmlns="{core}/core/2015/02" '
            f'xmlns:p="{core}/production/2015/06"><resources>{resources}</resources>'
            f"<build>{items}</build></model>"
        )

    def relation(*targets: str) -> str:
        rows = "".join(
            f'<Relationship Target="/3D/{name}.model" Id="{name}" Type="{core}/2013/01/3dmodel"/>'
            for name in targets
        )
        return f'<Relationships xmlns="{relations}/relationships">{rows}</Relationships>'

    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{relations}/content-types"><Default Extension="rels" ContentType='
            '"application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="model"'
            ' ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>',
        )
        archive.writestr("_rels/.rels", relation("main"))
        archive.writestr("3D/main.model", model(resources, items))
        archive.writestr("3D/_rels/main.model.rels", relation(*(others or {})))
        for name, content in (others or {}).items():
            archive.writestr(f"3D/{name}.model", model(content, ""))


def step_plate(x: int, y: int) -> str:
    """A rectangle, 5 mm above the ground."""
    return STEP.format(x=x, y=y)


def read_all(paths: list[Path]) -> None:
    """Read files in a process, which fails if it is ended by a library."""
    code = (
        "import gc, sys; from pathlib import Path; from ucmgcn.core.errors import ItemError\n"
        "from ucmgcn.media.meshes import load_mesh\n"
        "for name in sys.argv[1:]:\n"
        "    try: load_mesh(Path(name), textures=True)\n"
        "    except ItemError: pass\n"
        "    gc.collect()"
    )
    subprocess.run([sys.executable, "-c", code, *map(str, paths)], check=True)


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
    write_usdz(tmp_path / "x.usdz", {"x.usda": USD.format(up=up).encode()})
    assert area_and_bounds(tmp_path / "x.usdz") == (pytest.approx(5), bounds)


@pytest.mark.parametrize("suffix", [".usda", ".usdz"])
def test_usd_has_the_material_of_each_face(tmp_path: Path, suffix: str) -> None:
    path, skin = tmp_path / f"x{suffix}", picture((10, 200, 30))
    if suffix == ".usdz":
        write_usdz(path, {"x.usda": USD_TEXTURED.encode(), "textures/skin.png": skin})
    else:
        path.write_text(USD_TEXTURED)
        (tmp_path / "textures").mkdir()
        (tmp_path / "textures" / "skin.png").write_bytes(skin)
    plain, textured = load_mesh(path, textures=True).parts
    assert plain.visual.material.diffuse[:3].tolist() == [204, 26, 51]
    assert textured.visual.material.image.getpixel((0, 0))[:3] == (10, 200, 30)
    assert sorted(map(tuple, textured.visual.uv.tolist())) == [
        (0, 0), (0, 0), (0, 1), (1, 0), (1, 1), (1, 1),
    ]  # fmt: skip
    assert plain.triangles[..., 0].min() == textured.triangles[..., 0].max()


def test_a_damaged_usd_file_does_not_end_the_process(tmp_path: Path) -> None:
    from pxr import Sdf

    (tmp_path / "x.usda").write_text(USD_TEXTURED)
    Sdf.Layer.FindOrOpen(str(tmp_path / "x.usda")).Export(str(tmp_path / "x.usdc"))
    whole = (tmp_path / "x.usdc").read_bytes()
    for place in range(88, 144, 7):  # the first table behind the header
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        (tmp_path / f"{place}.usdc").write_bytes(damaged)
    read_all(sorted(tmp_path.glob("*.usdc")))


def test_usd_is_drawn_without_a_texture_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "x.usda").write_text(USD_TEXTURED)
    with collect_warnings() as found:
        assert len(load_mesh(tmp_path / "x.usda", textures=True).parts) == 2
    assert [(w.what, w.detail) for w in found] == [
        ("texture not found, drawn without", "./textures/skin.png")
    ]


def test_usd_reads_the_layers_beside_it_and_none_outside(tmp_path: Path) -> None:
    inside = tmp_path / "models"
    inside.mkdir()
    refer = '#usda 1.0\ndef "a" (references = @{}@</group>) {{}}\n'
    for place in (tmp_path, inside):
        (place / "part.usda").write_text(USD.format(up="Y"))
    (inside / "x.usda").write_text(refer.format("./part.usda"))
    assert area_and_bounds(inside / "x.usda")[0] == pytest.approx(5)
    clips = "(clips = {dictionary default = {asset[] assetPaths = [@../part.usda@]}})"
    (inside / "clips.usda").write_text(f'#usda 1.0\ndef "a" {clips} {{}}\n')
    with pytest.raises(ItemError, match="value clips"):
        load_shape(inside / "clips.usda")
    (inside / "link.usda").symlink_to(tmp_path / "part.usda")
    for name in ("../part.usda", f"{tmp_path}/part.usda", "./link.usda"):
        (inside / "x.usda").write_text(refer.format(name))
        with pytest.raises(ItemError, match="outside its folder"):
            load_shape(inside / "x.usda")


def test_3mf_is_turned_and_coloured(tmp_path: Path) -> None:
    write_3mf(tmp_path / "x.3mf", part(1, "0 0 3"), '<item objectid="1"/>')
    assert area_and_bounds(tmp_path / "x.3mf")[1] == [[0, 0, -1], [1, 3, 0]]
    (drawn,) = load_mesh(tmp_path / "x.3mf", textures=True).parts
    assert np.unique(drawn.visual.vertex_colors, axis=0).tolist() == [[255, 128, 0, 255]]


def test_3mf_places_the_parts_of_other_files_in_it(tmp_path: Path) -> None:
    """As slicers write it: each part in a file of its own, numbered from 1 in each."""
    components = "".join(
        f'<component p:path="/3D/{name}.model" objectid="1" transform="{place}"/>'
        for name, place in (("a", "1 0 0 0 1 0 0 0 1 0 0 0"), ("b", "2 0 0 0 1 0 0 0 1 9 0 0"))
    )
    others = {"a": part(1, "0 0 1"), "b": part(1, "0 0 5")}
    whole = f'<object id="2"><components>{components}</components></object>'
    support = part(3, "99 99 99").replace("<object", '<object type="support"')
    items = '<item objectid="2"/><item objectid="3"/>'
    write_3mf(tmp_path / "x.3mf", whole + support, items, others)
    assert area_and_bounds(tmp_path / "x.3mf")[1] == [[0, 0, -1], [11, 5, 0]]


def test_step_is_turned(tmp_path: Path) -> None:
    for name in ("x.step", "x.STP"):
        (tmp_path / name).write_text(step_plate(2, 3))
        area, bounds = area_and_bounds(tmp_path / name)
        assert area == pytest.approx(6e-6)  # square metres: the file is in millimetres
        np.testing.assert_allclose(bounds, [[0, 0.005, -0.003], [0.002, 0.005, 0]], atol=1e-9)


def test_all_are_read_in_one_process(tmp_path: Path) -> None:
    """What ufbx frees too early ends the process, if not at once then at a later import."""
    write_3mf(tmp_path / "x.3mf", part(1, "0 0 3"), '<item objectid="1"/>')
    (tmp_path / "x.step").write_text(step_plate(2, 3))
    (tmp_path / "x.fbx").write_text(FBX.format(height=5))
    (tmp_path / "x.usda").write_text(USD.format(up="Z"))
    for times in range(1, 5):
        names = ["x.fbx"] * times + ["x.usda", "x.3mf", "x.step"]
        read_all([tmp_path / name for name in names])


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.fbx", b"no such thing", "FBX"),
        ("x.usda", b"#usda 1.0\nfoo(", "damaged or no USD file"),
        ("x.usdc", b"PXR-USDC" + bytes(40), "damaged or no USD file"),
        ("x.usdz", b"PK nothing", "no USDZ file"),
        ("x.fbx", b"Kaydara FBX Binary  no more", "its FBX is damaged"),
        ("x.3mf", b"PK nothing", "no 3MF file"),
        ("x.step", b"ISO-10303-21;\nHEADER;", "its STEP is damaged"),
        ("x.stp", b"no such thing", "its STEP is damaged"),
        ("y.stp", STEP.replace("#13=", "#99=").encode(), "refers to #13, which it lacks"),
        ("w.stp", STEP.replace("5.)", "5.#)").encode(), "a reference without a number"),
        ("z.stp", STEP.replace("#14=CART", "#14=CA\0\0").encode(), "refers to #14, which"),
        ("x.obj", b"ISO-10303-21;\nHEADER;", "by its content it is STEP"),
    ],
)
def test_a_damaged_file_is_diagnosed(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ItemError, match=reason):
        load_shape(tmp_path / name)


def test_step_may_hold_numbers_in_text_and_comments(tmp_path: Path) -> None:
    text = step_plate(2, 3).replace("PRODUCT('plate'", "/* it's #98 */PRODUCT('Mike''s #99'")
    (tmp_path / "x.step").write_text(text)
    assert area_and_bounds(tmp_path / "x.step")[0] == pytest.approx(6e-6)


def test_many_fbx_files_are_read_in_one_process(tmp_path: Path) -> None:
    """The scenes that ufbx leaves behind end the process when the garbage is collected."""
    (tmp_path / "good.fbx").write_text(FBX.format(height=5))
    (tmp_path / "bad.fbx").write_text(FBX.format(height=5).replace('C: "OO",1,2', ""))
    read_all(5 * [tmp_path / "bad.fbx", tmp_path / "good.fbx"])


def test_a_damaged_3mf_archive_is_diagnosed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.3mf", "w") as archive:
        archive.writestr("readme.txt", "nothing to see")
    with pytest.raises(ItemError, match="its 3MF is damaged"):
        load_shape(tmp_path / "x.3mf")


def test_a_missing_package_is_named() -> None:
    with pytest.raises(ItemError, match=r"XYZ files need the package xyz.*ucmgcn\[formats\]"):
        import_extra("no_such_module", "xyz", "XYZ")
    assert import_extra("numpy", "numpy", "any") is np
