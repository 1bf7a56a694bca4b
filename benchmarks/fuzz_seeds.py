"""Small intact files that `fuzz_loaders.py` starts from."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from PIL import Image

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
FBX = (
    "; FBX 7.4.0 project file\nFBXHeaderExtension:  {\n FBXVersion: 7400\n}\nObjects:  {\n"
    ' Geometry: 1, "Geometry::g", "Mesh" {\n  Vertices: *12 {\n   a: 0,0,0,3,0,0,3,1,0,0,1,0\n  }\n'
    "  PolygonVertexIndex: *4 {\n   a: 1,2,3,-1\n  }\n  GeometryVersion: 124\n  LayerElementUV: 0 {"
    '\n   MappingInformationType: "ByPolygonVertex"\n   ReferenceInformationType: "Direct"\n'
    '   UV: *8 {\n    a: 0,0,1,0,1,1,0,1\n   }\n  }\n }\n Model: 2, "Model::m", "Mesh" {\n }\n'
    ' Material: 3, "Material::red", "" {\n ShadingModel: "phong"\n  Properties70:  {\n'
    '   P: "DiffuseColor", "Color", "", "A",0.8,0.1,0.2\n  }\n }\n}\nConnections:  {\n'
    ' C: "OO",2,0\n C: "OO",1,2\n C: "OO",3,2\n}\n'
)
STEP = (
    "ISO-10303-21;\nHEADER;\nFILE_DESCRIPTION((''),'2;1');\nFILE_NAME('','',(''),(''),'','','');\n"
    "FILE_SCHEMA(('AUTOMOTIVE_DESIGN'));\nENDSEC;\nDATA;\n#1=APPLICATION_CONTEXT('');\n"
    "#2=PRODUCT_CONTEXT('',#1,'');\n#3=PRODUCT('a','a','',(#2));\n"
    "#4=PRODUCT_DEFINITION_FORMATION('','',#3);\n#5=PRODUCT_DEFINITION_CONTEXT('',#1,'');\n"
    "#6=PRODUCT_DEFINITION('','',#4,#5);\n#7=PRODUCT_DEFINITION_SHAPE('','',#6);\n"
    "#8=(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.MILLI.,.METRE.));\n"
    "#9=(NAMED_UNIT(*)PLANE_ANGLE_UNIT()SI_UNIT($,.RADIAN.));\n"
    "#10=(NAMED_UNIT(*)SI_UNIT($,.STERADIAN.)SOLID_ANGLE_UNIT());\n"
    "#11=(GEOMETRIC_REPRESENTATION_CONTEXT(3)GLOBAL_UNIT_ASSIGNED_CONTEXT((#8,#9,#10))\n"
    "REPRESENTATION_CONTEXT('',''));\n#12=CARTESIAN_POINT('',(0.,0.,5.));\n"
    "#13=CARTESIAN_POINT('',(2.,0.,5.));\n#14=CARTESIAN_POINT('',(0.,3.,5.));\n"
    "#16=DIRECTION('',(0.,0.,1.));\n#17=DIRECTION('',(1.,0.,0.));\n"
    "#18=AXIS2_PLACEMENT_3D('',#12,#16,#17);\n#19=PLANE('',#18);\n"
    "#20=POLY_LOOP('',(#12,#13,#14));\n#21=FACE_OUTER_BOUND('',#20,.T.);\n"
    "#22=FACE_SURFACE('',(#21),#19,.T.);\n#23=CLOSED_SHELL('',(#22));\n#24=FACETED_BREP('',#23);\n"
    "#25=FACETED_BREP_SHAPE_REPRESENTATION('',(#24),#11);\n"
    "#26=SHAPE_DEFINITION_REPRESENTATION(#7,#25);\nENDSEC;\nEND-ISO-10303-21;\n"
)
SEEDS = {
    "fbx": [FBX.encode()],
    "step": [STEP.encode()],
    "stp": [STEP.encode()],
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
    if kind in EXPORTERS:
        return EXPORTERS[kind]()
    if kind in SEEDS and kind not in TRIMESH:
        return []
    content = trimesh.creation.box().export(file_type=kind)
    return [content.encode() if isinstance(content, str) else content]


def photos(*names: str) -> list[bytes]:
    """Return a small photo in each format."""
    import pillow_heif
    import pillow_jxl  # noqa: F401

    pillow_heif.register_heif_opener()
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    made = []
    for name in names:
        stream = io.BytesIO()
        Image.fromarray(noise).save(stream, name)
        made.append(stream.getvalue())
    return made


def gltf() -> list[bytes]:
    """Return a box with its data inside."""
    scene = trimesh.Scene(trimesh.creation.box())
    return [*trimesh.exchange.gltf.export_gltf(scene, embed_buffers=True).values()][:1]


def usd(suffix: str) -> list[bytes]:
    """Return a square with texture coordinates and a colour."""
    from pxr import Sdf, Usd, UsdGeom, UsdShade, UsdUtils

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, f"x.{'usdc' if suffix in ('usd', 'usdz') else suffix}")
        stage = Usd.Stage.CreateNew(str(path))
        mesh = UsdGeom.Mesh.Define(stage, "/group/square")
        mesh.CreatePointsAttr([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)])
        mesh.CreateFaceVertexCountsAttr([4])
        mesh.CreateFaceVertexIndicesAttr([0, 1, 2, 3])
        coordinates = UsdGeom.PrimvarsAPI(mesh).CreatePrimvar(
            "st", Sdf.ValueTypeNames.TexCoord2fArray, "faceVarying"
        )
        coordinates.Set([(0, 0), (1, 0), (1, 1), (0, 1)])
        material = UsdShade.Material.Define(stage, "/look")
        shader = UsdShade.Shader.Define(stage, "/look/shader")
        shader.CreateIdAttr("UsdPreviewSurface")
        shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).Set((0.8, 0.1, 0.2))
        material.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
        UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(material)
        stage.GetRootLayer().Save()
        if suffix == "usdz":
            path = path.with_suffix(".usdz")
            UsdUtils.CreateNewUsdzPackage(str(path.with_suffix(".usdc")), str(path))
        return [path.read_bytes()]


def threemf() -> list[bytes]:
    """Return a triangle with a colour, as the library writes it."""
    import lib3mf

    model: Any = lib3mf.get_wrapper().CreateModel()
    mesh = model.AddMeshObject()
    for place in ((0, 0, 0), (1, 0, 0), (0, 1, 0)):
        mesh.AddVertex(lib3mf.Position(place))
    mesh.AddTriangle(lib3mf.Triangle((0, 1, 2)))
    colours = model.AddColorGroup()
    one = colours.AddColor(lib3mf.Color(200, 100, 50, 255))
    mesh.SetObjectLevelProperty(colours.GetResourceID(), one)
    model.AddBuildItem(mesh, lib3mf.get_wrapper().GetIdentityTransform())
    with tempfile.TemporaryDirectory() as scratch:
        model.QueryWriter("3mf").WriteToFile(f"{scratch}/x.3mf")
        return [Path(scratch, "x.3mf").read_bytes()]


TRIMESH = ("obj", "ply", "off", "stl", "dae", "glb")
EXPORTERS: dict[str, Callable[[], list[bytes]]] = {
    "photo": lambda: photos("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000"),
    "heic": lambda: photos("HEIF"),
    "jxl": lambda: photos("JXL"),
    "gltf": gltf,
    "3mf": threemf,
    **{suffix: lambda suffix=suffix: usd(suffix) for suffix in ("usd", "usda", "usdc", "usdz")},
}
