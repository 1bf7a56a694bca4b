"""COLLADA files as programs write them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from chairs import ELL, ELL_AREA, ELL_POLYGON, QUADS, TRIANGLES, VERTICES, is_chair, relative_area
from PIL import Image

from ucmgcn.core.errors import ItemError
from ucmgcn.core.item_warnings import collect_warnings
from ucmgcn.media.meshes import load_mesh

ZUP = VERTICES @ np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])
XUP = VERTICES @ np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
INSTANCE = '<instance_geometry url="#g"/>'
NAMESPACE = "http://www.collada.org/2005/11/COLLADASchema"


def numbers(values: object) -> str:
    return " ".join(f"{v:g}" for v in np.asarray(values, float).ravel())


def source(name: str, values: np.ndarray, params: str = "XYZ") -> str:
    described = "".join(f'<param name="{p}" type="float"/>' for p in params)
    return (
        f'<source id="{name}"><float_array id="{name}-a" count="{values.size}">{numbers(values)}'
        f'</float_array><technique_common><accessor source="#{name}-a" count="{len(values)}" '
        f'stride="{values.shape[1]}">{described}</accessor></technique_common></source>'
    )


def polygons(tag: str, body: str, inputs: str = "", count: int = len(QUADS)) -> str:
    vertex = '<input semantic="VERTEX" source="#v" offset="0"/>'
    return f'<{tag} material="M" count="{count}">{vertex}{inputs}{body}</{tag}>'


def each(rows: np.ndarray, tag: str = "p") -> str:
    return "".join(f"<{tag}>{numbers(row)}</{tag}>" for row in rows)


TRIS = polygons("triangles", f"<p>{numbers(TRIANGLES)}</p>")
POLYLIST = polygons(
    "polylist", f"<vcount>{numbers([4] * len(QUADS))}</vcount><p>{numbers(QUADS)}</p>"
)


def geometry(
    primitives: str = TRIS, points: np.ndarray = VERTICES, name: str = "g", more: str = ""
) -> str:
    p, placed = f"p-{name}", primitives.replace('"#v"', f'"#v-{name}"')
    return (
        f'<geometry id="{name}"><mesh>{source(p, points)}{more}<vertices id="v-{name}">'
        f'<input semantic="POSITION" source="#{p}"/></vertices>{placed}</mesh></geometry>'
    )


def node(body: str = INSTANCE, name: str = "n") -> str:
    return f'<node id="{name}">{body}</node>'


def dae(
    geometries: str = geometry(),
    nodes: str = node(),
    *,
    up: str = "Y_UP",
    libraries: str = "",
    namespace: str = NAMESPACE,
    scene: str = '<scene><instance_visual_scene url="#s"/></scene>',
    head: str = '<?xml version="1.0" encoding="utf-8"?>',
) -> str:
    return (
        f'{head}<COLLADA xmlns="{namespace}" version="1.4.1"><asset><unit meter="0.0254"/>'
        f"<up_axis>{up}</up_axis></asset>{libraries}<library_geometries>{geometries}"
        f"</library_geometries><library_visual_scenes><visual_scene id='s'>{nodes}</visual_scene>"
        f"</library_visual_scenes>{scene}</COLLADA>"
    )


BROKEN = (
    '<library_cameras><camera id="c"><optics/></camera></library_cameras><library_lights>'
    '<light id="l"/></library_lights><library_animations><animation id="a"><animation>'
    '<source id="as"/><channel source="#none" target="n/x"/></animation></animation>'
    "</library_animations><library_images><image id='i'/></library_images>"
)
INTERLEAVED = (
    f'<source id="p-g"><float_array id="fa">{numbers(np.insert(VERTICES, 0, 7, axis=1))}'
    '</float_array><technique_common><accessor source="#fa" stride="4"><param type="float"/>'
    '<param name="X"/><param name="Y"/><param name="Z"/></accessor></technique_common></source>'
)
MATRIX = np.array([[0, 0, 2, 5], [2, 0, 0, 1], [0, 2, 0, 0], [0, 0, 0, 1]], float)
MOVED = (np.c_[VERTICES, np.ones(len(VERTICES))] @ np.linalg.inv(MATRIX).T)[:, :3]
STEPS = "<translate>1 2 3</translate><rotate>0 1 0 90</rotate><scale>2 2 2</scale>"
TURNED = ((VERTICES - [1, 2, 3]) @ np.array([[0, 0, 1], [0, 1, 0], [-1, 0, 0]])) / 2

CASES: dict[str, str | bytes] = {
    "triangles": dae(),
    "polylist": dae(geometry(POLYLIST)),
    "polygons": dae(geometry(polygons("polygons", each(QUADS)))),
    "fans": dae(geometry(polygons("trifans", each(QUADS)))),
    "strips": dae(geometry(polygons("tristrips", each(QUADS[:, [1, 2, 0, 3]])))),
    "two primitives": dae(
        geometry(
            polygons("triangles", f"<p>{numbers(TRIANGLES[:30])}</p>")
            + polygons("polygons", each(QUADS[15:]))
        )
    ),
    "z up": dae(geometry(points=ZUP), up="Z_UP"),
    "x up": dae(geometry(points=XUP), up="X_UP"),
    "up axis in a comment": dae(geometry(points=ZUP), up="Z_UP").replace(
        "<asset>", "<!-- <up_axis>Y_UP</up_axis> --><asset>"
    ),
    "up axis in small letters and spaces": dae(geometry(points=ZUP), up=" z_up\n"),
    "no up axis": dae().replace("<up_axis>Y_UP</up_axis>", ""),
    "version 1.5": dae(namespace="http://www.collada.org/2008/03/COLLADASchema"),
    "no namespace": dae().replace(f' xmlns="{NAMESPACE}"', ""),
    "prefixed namespace": re.sub(r"<(/?)(?=[a-zA-Z])", r"<\1c:", dae(head="")).replace(
        "xmlns=", "xmlns:c="
    ),
    "byte order mark": "\ufeff" + dae(),
    "UTF-16": dae(head='<?xml version="1.0" encoding="utf-16"?>').encode("utf-16"),
    "latin-1 declared as UTF-8": dae(nodes=node(name="stühl"))
    .encode("latin-1"),
    "GBK": dae(nodes=node(name="椅子"), head='<?xml version="1.0" encoding="gbk"?>').encode("gbk"),
    "bare ampersand": dae(nodes=node(name="A&B;")).replace("A&B;", "A & B"),
    "control character": dae(nodes=node(name="a\x01b")),
    "numbers in lines": dae().replace(" 0", "\n0"),
    "decimal commas": dae(geometry(points=VERTICES)).replace("0.7", "0,7")
    .replace("1.2", "1,2").replace("0.8", "0,8").replace("1.9", "1,9").replace("0.9", "0,9"),
    "odd numbers": dae().replace("-0.7", "-7.e-1").replace(" 1.2", " +1.2E+000"),
    "matrix": dae(geometry(points=MOVED), node(f"<matrix>{numbers(MATRIX)}</matrix>{INSTANCE}")),
    "steps": dae(geometry(points=TURNED), node(STEPS + INSTANCE)),
    "nested nodes": dae(
        geometry(points=TURNED),
        node("<translate>1 2 3</translate>" + node("<rotate>0 1 0 90</rotate>" + node(
            "<scale>2 2 2</scale>" + INSTANCE))),
    ),
    "node of a library": dae(
        nodes=node('<instance_node url="#far"/>'),
        libraries=f"<library_nodes>{node(name='far')}</library_nodes>",
    ),
    "broken cameras, lights and animations": dae(
        nodes=node('<instance_camera url="#none"/><instance_light url="#none"/>' + INSTANCE),
        libraries=BROKEN,
    ),
    "broken material": dae(
        nodes=node(
            '<instance_geometry url="#g"><bind_material><technique_common><instance_material '
            'symbol="M" target="#none"/></technique_common></bind_material></instance_geometry>'
        )
    ),
    "parameter without a name": dae(
        geometry().replace(source("p-g", VERTICES), INTERLEAVED)
    ),
    "vertices that name the source": dae(geometry().replace('source="#v-g"', 'source="#p-g"')),
    "normals and lines": dae(
        geometry(
            polygons(
                "triangles",
                f"<p>{numbers(np.c_[TRIANGLES.ravel(), np.zeros(TRIANGLES.size)])}</p>",
                '<input semantic="NORMAL" source="#none" offset="1"/>',
            )
            + polygons("lines", "<p>0 1</p>")
        )
    ),
    "count attribute wrong": dae().replace(f'count="{VERTICES.size}"', 'count="1"'),
    "empty primitives": dae(
        geometry(polygons("triangles", "") + polygons("polylist", "<p/>") + TRIS)
    ),
    "scene missing": dae(scene=""),
    "scene of another name": dae(scene='<scene><instance_visual_scene url="#none"/></scene>'),
    "hull": dae(
        '<geometry id="g"><convex_mesh convex_hull_of="#h"/></geometry>' + geometry(name="h")
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_every_way_to_write_it_gives_the_same_triangles(tmp_path: Path, name: str) -> None:
    content = CASES[name]
    path = tmp_path / "chair.dae"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert is_chair(path)


@pytest.mark.parametrize("tag", ["polylist", "polygons"])
def test_a_concave_polygon_covers_its_own_area(tmp_path: Path, tag: str) -> None:
    vcount = "<vcount>6</vcount>" if tag == "polylist" else ""
    body = f"{vcount}<p>{numbers(ELL_POLYGON)}</p>"
    (tmp_path / "ell.dae").write_text(dae(geometry(polygons(tag, body), ELL)))
    assert np.isclose(relative_area(load_mesh(tmp_path / "ell.dae")), ELL_AREA / 9)


def test_a_hole_stays_open(tmp_path: Path) -> None:
    square = np.array([(0, 0), (4, 0), (4, 4), (0, 4), (1, 1), (1, 3), (3, 3), (3, 1)], float)
    flat = np.c_[square, np.zeros(8)]
    body = "<ph><p>0 1 2 3</p><h>4 5 6 7</h></ph>"
    (tmp_path / "frame.dae").write_text(dae(geometry(polygons("polygons", body), flat)))
    assert np.isclose(relative_area(load_mesh(tmp_path / "frame.dae")), (16 - 4) / 16)


# A chair bent by two joints: the mesh lies on its back, the joints stand it up; a box is moved.
BIND = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], float)
BACK = (np.c_[VERTICES, np.ones(len(VERTICES))] @ np.linalg.inv(BIND).T)[:, :3]
ARM = np.arange(len(VERTICES)) >= 32
SHIFTED = BACK - ARM[:, None] * [0, 0, 2.0]  # 2 down in bind pose, once BIND has turned it


def skin() -> str:
    joints = source("w", np.ones((1, 1)), "W") + source(
        "ib", np.tile(np.eye(4).ravel(), (2, 1)), ["M"]
    )
    weights = "".join(f"{int(arm)} 0 " for arm in ARM)
    return (
        f'<library_controllers><controller id="c"><skin source="#g"><bind_shape_matrix>'
        f'{numbers(BIND)}</bind_shape_matrix><source id="j"><Name_array id="ja">rest arm'
        f'</Name_array></source>{joints}<joints><input semantic="JOINT" source="#j"/><input '
        f'semantic="INV_BIND_MATRIX" source="#ib"/></joints><vertex_weights count="{len(ARM)}">'
        '<input semantic="JOINT" source="#j" offset="0"/><input semantic="WEIGHT" source="#w" '
        f'offset="1"/><vcount>{"1 " * len(ARM)}</vcount><v>{weights}</v></vertex_weights></skin>'
        "</controller></library_controllers>"
    )


def test_a_skin_is_posed_by_its_joints_not_by_its_node(tmp_path: Path) -> None:
    raised = (np.c_[SHIFTED, np.ones(len(ARM))] @ BIND.T)[:, :3]
    lift = (VERTICES - raised)[ARM][0]
    bones = f'<node sid="rest" type="JOINT"><node sid="arm" type="JOINT"><translate>{numbers(lift)}'
    nodes = (
        f"{bones}</translate></node></node>"
        '<node><scale>9 1 1</scale><instance_controller url="#c"/></node>'
    )
    (tmp_path / "skin.dae").write_text(dae(geometry(points=SHIFTED), nodes, libraries=skin()))
    assert is_chair(tmp_path / "skin.dae")


def test_a_skin_without_joints_stands_in_its_bind_shape(tmp_path: Path) -> None:
    nodes = '<node><instance_controller url="#c"/></node>'
    (tmp_path / "skin.dae").write_text(dae(geometry(points=BACK), nodes, libraries=skin()))
    with collect_warnings() as found:
        assert is_chair(tmp_path / "skin.dae")
    assert {w.detail for w in found} == {"joints or weights of a skin"}


@pytest.mark.parametrize("method", ["NORMALIZED", "RELATIVE"])
def test_a_morph_has_its_default_weights(tmp_path: Path, method: str) -> None:
    aims = '<source id="t"><IDREF_array id="ta">h</IDREF_array></source>'
    morph = (
        f'<library_controllers><controller id="c"><morph source="#g" method="{method}">{aims}'
        f'{source("mw", np.array([[0.5]]), "W")}<targets><input semantic="MORPH_TARGET" '
        'source="#t"/><input semantic="MORPH_WEIGHT" source="#mw"/></targets></morph></controller>'
        "</library_controllers>"
    )
    nodes = '<node><instance_controller url="#c"/></node>'
    arm = ARM[:, None] * [0, 3.0, 0]
    base, target = VERTICES - 0.5 * arm, VERTICES + 0.5 * arm
    if method == "RELATIVE":
        target = arm
    (tmp_path / "morph.dae").write_text(
        dae(geometry(points=base) + geometry(points=target, name="h"), nodes, libraries=morph)
    )
    assert is_chair(tmp_path / "morph.dae")


UV = '<input semantic="TEXCOORD" source="#t0" offset="0" set="0"/>' + (
    '<input semantic="TEXCOORD" source="#t1" offset="0" set="1"/>'
)
BOUND = (
    '<instance_geometry url="#g"><bind_material><technique_common><instance_material symbol="M" '
    'target="#mat"><bind_vertex_input semantic="UVMap" input_semantic="TEXCOORD" input_set="1"/>'
    "</instance_material></technique_common></bind_material></instance_geometry>"
)
SAMPLED = (
    '<newparam sid="sur"><surface type="2D"><init_from>im</init_from></surface></newparam>'
    '<newparam sid="sam"><sampler2D><source>sur</source></sampler2D></newparam>'
)


def material(colour: str, image: str = "", params: str = "", shader: str = "lambert") -> str:
    images = f'<library_images><image id="im">{image}</image></library_images>' if image else ""
    return (
        f'{images}<library_effects><effect id="e"><profile_COMMON>{params}<technique><{shader}>'
        f"{colour}</{shader}></technique></profile_COMMON></effect></library_effects>"
        '<library_materials><material id="mat"><instance_effect url="#e"/></material>'
        "</library_materials>"
    )


def part_of(folder: Path, libraries: str, more: str = ""):
    """The only part of a chair with two sets of texture coordinates."""
    first = np.full((len(VERTICES), 2), 0.25)
    shared = source("t0", first, "ST") + source("t1", first + 0.5, "ST") + more
    inputs = UV + ('<input semantic="COLOR" source="#col" offset="0"/>' if more else "")
    primitives = polygons("triangles", f"<p>{numbers(TRIANGLES)}</p>", inputs)
    text = dae(geometry(primitives, more=shared), node(BOUND), libraries=libraries)
    (folder / "chair.dae").write_text(text)
    assert is_chair(folder / "chair.dae")
    (part,) = load_mesh(folder / "chair.dae", textures=True).parts
    return part


DIFFUSE = '<diffuse><texture texture="{}" texcoord="UVMap"/></diffuse>'
TEXTURED = {
    "sampler": material(DIFFUSE.format("sam"), "<init_from>./my%20skin.png</init_from>", SAMPLED),
    "image at once": material(DIFFUSE.format("im"), "<init_from>my skin.png</init_from>"),
    "address": material(DIFFUSE.format("im"), "<init_from>file:///C:/x/My%20Skin.PNG</init_from>"),
    "backslashes": material(DIFFUSE.format("im"), "<init_from>..\\x\\my skin.png</init_from>"),
    "version 1.5": material(DIFFUSE.format("sam"), "<init_from><ref>my skin.png</ref></init_from>",
        '<newparam sid="sam"><sampler2D><instance_image url="#im"/></sampler2D></newparam>'),
    "constant": material(DIFFUSE.replace("diffuse", "emission").format("im"),
        "<init_from>my skin.png</init_from>", shader="constant"),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTURED)
def test_the_texture_is_found_and_laid_on_its_set(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (2, 2), "red").save(tmp_path / "my skin.png")
    with collect_warnings() as found:
        part = part_of(tmp_path, TEXTURED[name])
    assert part.visual.material.image.getpixel((0, 0)) == (255, 0, 0)
    assert np.allclose(part.visual.uv, 0.75) and not found


@pytest.mark.parametrize("image", ["<init_from>gone.png</init_from>", "<init_from/>", ""])
def test_a_missing_picture_costs_only_itself(tmp_path: Path, image: str) -> None:
    with collect_warnings() as found:
        part_of(tmp_path, material(DIFFUSE.format("im"), image))
    assert {w.what for w in found} == {"texture not found, drawn without"}


def test_colours_of_materials_and_vertices(tmp_path: Path) -> None:
    red = (
        "<diffuse><color>1 0 0 1</color></diffuse><transparent><color>0 0 0 0</color></transparent>"
    )
    part = part_of(tmp_path, material(red))
    assert part.visual.material.diffuse.tolist() == [255, 0, 0, 255]
    mixed = np.tile([[1.0, 0, 0], [0, 0, 1]], (len(VERTICES) // 2, 1))
    part = part_of(tmp_path, material(red), source("col", mixed, "RGB"))
    assert np.unique(part.visual.vertex_colors, axis=0).tolist() == [
        [0, 0, 255, 255],
        [255, 0, 0, 255],
    ]


WARNED = {
    "geometry '#none', which is not there": dae(
        nodes=node('<instance_geometry url="#none"/>') + node()
    ),
    "node '#none', which is not there": dae(nodes=node('<instance_node url="#none"/>') + node()),
    "node 'n' within itself": dae(nodes=node(INSTANCE + '<instance_node url="#n"/>')),
    "skew of node 'n'": dae(nodes=node("<skew>0 1 0 0 0 1 0</skew>" + INSTANCE)),
    "without positions": dae(
        geometry(polygons("triangles", "<p>0 1 2</p>").replace("#v", "#x") + TRIS)
    ),
    "fewer corners than it declares": dae(
        geometry(POLYLIST.replace("</vcount>", " 4</vcount>"))
    ),
}  # fmt: skip


@pytest.mark.parametrize("detail", WARNED)
def test_what_is_left_out_is_a_warning(tmp_path: Path, detail: str) -> None:
    (tmp_path / "chair.dae").write_text(WARNED[detail])
    with collect_warnings() as found:
        assert is_chair(tmp_path / "chair.dae")
    assert any(detail in w.detail for w in found), found


def test_lines_of_a_geometry_without_instances_do_not_count(tmp_path: Path) -> None:
    unused = geometry(polygons("lines", "<p>0 1</p>"), name="unused")
    (tmp_path / "chair.dae").write_text(dae(geometry() + unused))
    with collect_warnings() as found:
        assert is_chair(tmp_path / "chair.dae")
    assert not found


REJECTED = {
    "it is not well-formed XML": dae()[:900],
    "its root element is 'html'": "<?xml version='1.0'?><html/>",
    "it declares XML entities": '<!DOCTYPE a [<!ENTITY b "c">]><COLLADA/>',
    rf"it has no faces \({len(VERTICES)} points only\)": dae(
        geometry(polygons("lines", "<p>0 1</p>"))
    ),
    "boundary representations": dae('<geometry id="g"><brep/></geometry>'),
    "a face refers to vertex 99, but there are 40": dae().replace("<p>0 ", "<p>99 "),
    "an array holds 'x', which is not a number": dae().replace("-0.7", "x"),
}  # fmt: skip


@pytest.mark.parametrize("reason", REJECTED)
def test_what_cannot_be_read_is_diagnosed(tmp_path: Path, reason: str) -> None:
    (tmp_path / "bad.dae").write_text(REJECTED[reason])
    with pytest.raises(ItemError, match=reason):
        load_mesh(tmp_path / "bad.dae")
