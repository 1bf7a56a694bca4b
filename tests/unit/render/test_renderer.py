from dataclasses import dataclass, replace

import numpy as np
import pytest
import trimesh
from PIL import Image
from pydantic import ValidationError
from textures import panel, with_postscript

from ucmgcn.core.errors import ItemError, UserError
from ucmgcn.files.shards import open_shard
from ucmgcn.media import cameras
from ucmgcn.media.meshes import Mesh, load_mesh
from ucmgcn.pipeline.config import parse_config
from ucmgcn.render import renderer
from ucmgcn.render.renderer import Renderer
from ucmgcn.render.stage import positions_of, render_shard
from ucmgcn.settings import RenderConfig

CONFIG = RenderConfig(size=64)
TURN_Y = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])


def as_mesh(shape, *transforms):
    vertices = np.asarray(shape.vertices)
    for transform in transforms:
        vertices = vertices @ np.asarray(transform).T
    return Mesh(vertices, np.asarray(shape.faces))


@pytest.fixture(scope="module")
def blob():
    """A lump without any symmetry."""
    shape = trimesh.creation.icosphere(subdivisions=3)
    bumps = 1 + 0.5 * np.sin(shape.vertices @ [3.0, 1.0, 0.5]) + 0.3 * shape.vertices[:, 0]
    vertices = shape.vertices * bumps[:, None] * [0.5, 0.9, 0.4]
    return Mesh(vertices / np.linalg.norm(vertices, axis=1).max(), np.asarray(shape.faces))


@pytest.fixture(scope="module")
def draw():
    """Render with any config; contexts are opened one at a time."""

    def draw(mesh, config=CONFIG, positions=None):
        with Renderer(config) as renderer:
            return renderer.render(mesh, positions_of(config) if positions is None else positions)

    return draw


def shown(views):
    return (views != 255).any(axis=-1)


def test_views_show_something_and_differ(draw, blob):
    views = draw(blob)
    assert views.shape == (12, 64, 64, 3)
    assert views.dtype == np.uint8
    assert (shown(views).mean(axis=(1, 2)) > 0.1).all()
    different = np.abs(views[:, None].astype(int) - views[None]).max(axis=(2, 3, 4)) > 20
    assert (different | np.eye(12, dtype=bool)).all()


def test_rendering_is_deterministic(draw, blob):
    assert np.array_equal(draw(blob), draw(blob))


def test_a_renderer_keeps_no_state_between_meshes(draw, blob):
    box = as_mesh(trimesh.creation.box(), 0.5 * np.eye(3))
    with Renderer(CONFIG) as renderer:
        renderer.render(box, positions_of(CONFIG))
        again = renderer.render(blob, positions_of(CONFIG))
    assert np.array_equal(again, draw(blob))


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("fit", ["tight", "sphere"])
@pytest.mark.parametrize("fov", [10.0, 90.0])
def test_the_object_lies_inside_the_frame(draw, blob, fit, fov, antialias):
    config = replace(CONFIG, fit=fit, fov=fov, antialias=antialias, cameras="sphere", views=7)
    seen = shown(draw(blob, config))
    border = seen.copy()
    border[:, 1:-1, 1:-1] = False
    assert seen.any(axis=(1, 2)).all()
    assert not border.any()


def test_the_tight_fit_touches_the_margin_on_both_sides(draw, blob):
    margin = (1 - CONFIG.fill) / 2 * 200
    for view in shown(draw(blob, replace(CONFIG, size=200, fit="tight"))):
        lines = (np.flatnonzero(view.any(axis=axis)) for axis in (0, 1))
        gaps = np.array([(line[0], 199 - line[-1]) for line in lines])
        assert (np.abs(gaps - margin) <= 1.5).all(axis=1).any()


def test_a_sphere_looks_the_same_from_everywhere(draw):
    ball = as_mesh(trimesh.creation.icosphere(subdivisions=5))
    config = replace(CONFIG, fit="sphere", light="headlight")
    views = draw(ball, config).astype(int)
    assert np.abs(views - views[0]).mean() < 1
    radius = CONFIG.fill * 32
    assert shown(views).sum(axis=(1, 2)) == pytest.approx(np.pi * radius**2, rel=0.03)


@pytest.mark.parametrize("fit", ["tight", "sphere"])
def test_turning_the_object_and_the_cameras_changes_nothing(draw, blob, fit):
    config = replace(CONFIG, fit=fit)
    positions = cameras.ring(4, 20.0)
    turned = Mesh(blob.vertices @ TURN_Y.T, blob.faces)
    here = draw(blob, config, positions).astype(int)
    there = draw(turned, config, positions @ TURN_Y.T).astype(int)
    assert np.abs(here - there).mean() < 0.1


def test_the_image_is_upright_and_not_mirrored(draw):
    # From +z, x is to the right and y up: an L with a short foot towards +x.
    bars = [trimesh.creation.box([0.2, 1.6, 0.1]), trimesh.creation.box([0.6, 0.2, 0.1])]
    bars[1].apply_translation([0.4, -0.7, 0])
    (view,) = shown(
        draw(as_mesh(trimesh.util.concatenate(bars)), positions=np.array([[0, 0, 1.0]]))
    )
    assert view[32:].sum() > view[:32].sum()
    assert view[48:, 32:].sum() > view[48:, :32].sum()


def test_the_front_hides_the_back(draw):
    red = trimesh.creation.box([1, 1, 0.1])
    blue = red.copy()
    red.visual.face_colors, blue.visual.face_colors = [255, 0, 0, 255], [0, 0, 255, 255]
    red.apply_translation([0, 0, 0.5])
    mesh = replace(as_mesh(trimesh.util.concatenate([red, blue])), parts=(blue, red))
    front, back = draw(mesh, positions=np.array([[0, 0, 1.0], [0, 0, -1.0]]))[:, 32, 32]
    assert front[0] > 100 > front[2]
    assert back[2] > 100 > back[0]


@pytest.mark.parametrize("light", renderer.LIGHTS)
def test_flipped_faces_look_the_same(draw, blob, light):
    config = replace(CONFIG, light=light)
    flipped = Mesh(blob.vertices, blob.faces[:, ::-1])
    assert np.abs(draw(blob, config).astype(int) - draw(flipped, config)).max() <= 2


def test_light_and_colours_follow_the_config(draw):
    panel = as_mesh(trimesh.creation.box([1, 1, 0.2]))
    config = replace(CONFIG, light="headlight", background=(0.0, 0.2, 1.0), colour=(1.0, 0.5, 0.0))
    (view,) = draw(panel, config, np.array([[0, 0, 1.0]]))
    assert np.abs(view[0, 0].astype(int) - [0, 51, 255]).max() <= 1
    assert np.abs(view[32, 32].astype(int) - [255, 128, 0]).max() <= 2


def test_more_views_than_one_frame_holds(draw, blob, monkeypatch):
    whole = draw(blob)
    monkeypatch.setattr(renderer, "MAX_HEIGHT", 5 * 96)
    assert np.abs(draw(blob).astype(int) - whole).mean() < 0.05


def test_indices_that_float32_cannot_hold(draw, blob, monkeypatch):
    whole = draw(blob)
    monkeypatch.setattr(renderer, "MAX_FLOAT32_INDEX", 10)
    assert np.array_equal(draw(blob), whole)


def test_a_flat_mesh_seen_edge_on_shows_its_outline(draw):
    flat = Mesh(np.array([[-1.0, 0, -1], [1, 0, -1], [1, 0, 1]]), np.array([[0, 1, 2]]))
    views = draw(flat, positions=np.array([[0, 1.0, 0], [0, 0, 1.0], [1.0, 0, 0]]))
    seen = shown(views).sum(axis=(1, 2))
    assert seen[0] > 500
    assert (seen[1:] > 20).all()


def test_a_mesh_that_cannot_be_seen_is_rejected(draw):
    speck = Mesh(np.eye(3), np.array([[0, 0, 0]]))
    with pytest.raises(ItemError, match="nothing of it can be seen"):
        draw(speck)


def test_a_surface_without_colour_is_plain_among_textures_too(tmp_path, draw):
    path = tmp_path / "box.obj"
    trimesh.creation.box().export(path)
    path.write_text(f"mtllib missing.mtl\nusemtl wood\n{path.read_text()}")
    plain = draw(load_mesh(path), CONFIG).astype(int)
    textured = draw(load_mesh(path, textures=True), replace(CONFIG, textures=True)).astype(int)
    assert np.abs(textured - plain).max() <= 2


def test_a_wrong_number_of_views_of_a_polyhedron_is_a_user_error():
    words = "^config: render: icosahedron has 12 vertices, but views: 20. Set views: 12, or cameras"
    with pytest.raises(UserError, match=words):
        parse_config({"render": {"cameras": "icosahedron", "views": 20}})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cameras", "cube"),
        ("fit", "loose"),
        ("light", "sun"),
        ("size", 4),
        ("fov", 180.0),
        ("background", 7.0),
        ("colour", [1.0, 0.0]),
        ("colours", 1.0),
    ],
)
def test_errors_of_invalid_values_name_the_key(key, value):
    with pytest.raises(ValidationError, match=rf"(?m)^{key}"):
        RenderConfig(**{key: value})


@dataclass
class Row:
    id: str
    path: str


def test_a_shard_holds_views_and_rejected_models(tmp_path):
    trimesh.creation.box([1, 2, 3]).export(tmp_path / "box.ply")
    trimesh.creation.cone(1, 2).export(tmp_path / "cone.stl")
    (tmp_path / "bad.obj").write_text("v 0 0 0\n")
    names = ["box.ply", "bad.obj", "cone.stl"]
    rows = [Row(f"c/{name[:-4]}", str(tmp_path / name)) for name in names]
    config = RenderConfig(cameras="ring", views=3, size=32)
    render_shard(rows, tmp_path / "shard.h5", config, {"stage": "render"})
    with open_shard(tmp_path / "shard.h5", "views") as shard:
        assert shard.ids == ["c/box", "c/cone"]
        assert shard.array.shape == (2, 3, 32, 32, 3)
        assert shard.array.dtype == np.uint8
        assert np.array_equal(shard.extra("cameras"), positions_of(config))
        assert shard.provenance == {"stage": "render"}
        (rejection,) = shard.rejected
        assert rejection.path == str(tmp_path / "bad.obj")
        assert "no faces" in rejection.reason
        with Renderer(config) as renderer:
            expected = renderer.render(load_mesh(tmp_path / "cone.stl"), positions_of(config))
        assert np.array_equal(shard.array[1], expected)


# Two cameras: front and back.
TEXTURED = RenderConfig(
    cameras="ring", views=2, elevation=0, size=64, textures=True, light="headlight"
)


def rendered(paths, out, config=TEXTURED):
    """Run the render stage on mesh files; return the views, and the warnings by mesh number."""
    rows = [Row(str(i), str(path)) for i, path in enumerate(paths)]
    render_shard(rows, out, config, {"stage": "render"})
    with open_shard(out, "views") as shard:
        assert not shard.rejected
        return shard.array[:].astype(int), shard.warnings


def has_red_and_green(views):
    """Whether a view shows red, and a view shows green."""
    red = (views[..., 0] > 200) & (views[..., 1:].max(axis=-1) < 60)
    green = (views[..., 1] > 200) & (views[..., [0, 2]].max(axis=-1) < 60)
    return red.any() and green.any()


def test_textures_are_drawn_when_asked(tmp_path):
    path = panel(tmp_path)
    (views,), warnings = rendered([path], tmp_path / "textured.h5")
    assert has_red_and_green(views) and not warnings
    (plain,), _ = rendered([path], tmp_path / "plain.h5", replace(TEXTURED, textures=False))
    assert np.ptp(plain, axis=-1).max() == 0


@pytest.mark.parametrize("mode", ["P", "1", "L", "LA", "RGBA", "CMYK", "I;16"])
def test_textures_of_every_mode_are_drawn_in_their_colours(tmp_path, mode):
    path = panel(tmp_path, "skin.tif")
    whole = Image.new("RGB", (16, 16), "white" if mode in ("1", "L", "LA", "I;16") else "red")
    if mode == "I;16":
        Image.fromarray(np.full((16, 16), 65535, np.uint16)).save(tmp_path / "skin.tif")
    else:
        whole.convert("L").convert("LA").save(tmp_path / "skin.tif") if mode == "LA" else (
            whole.convert(mode).save(tmp_path / "skin.tif")
        )
    (views,), warnings = rendered([path], tmp_path / "shard.h5", replace(TEXTURED, background=0.0))
    assert not warnings
    drawn = views[views.max(axis=-1) > 200]
    expected = [255, 255, 255] if mode in ("1", "L", "LA", "I;16") else [255, 0, 0]
    assert len(drawn) and np.abs(np.median(drawn, axis=0) - expected).max() < 40


def test_a_texture_that_cannot_be_drawn_is_a_warning(tmp_path, monkeypatch):
    missing = panel(tmp_path / "missing", "none.png")
    damaged = panel(tmp_path / "damaged")
    picture = (tmp_path / "damaged" / "skin.png").read_bytes()
    (tmp_path / "damaged" / "skin.png").write_bytes(picture[: len(picture) // 2])
    unknown = panel(tmp_path / "unknown")
    (tmp_path / "unknown" / "skin.png").write_bytes(b"no picture")
    program = with_postscript(tmp_path / "program", monkeypatch)
    library = panel(tmp_path / "library")
    (tmp_path / "library" / "panel.mtl").unlink()
    material = panel(tmp_path / "material")
    (tmp_path / "material" / "panel.mtl").write_text("newmtl other\nKd 1 0 0\n")
    foreign = panel(tmp_path / "foreign", "/Users/nobody/Desktop/wood.jpg")
    outside = panel(tmp_path / "outside", "../good/other.png")
    good = panel(tmp_path / "good")
    (tmp_path / "good" / "other.png").write_bytes(picture)
    paths = [missing, damaged, unknown, program, library, material, foreign, outside, good]
    for _ in range(2):  # rendered, then reused from the earlier shard
        views, warnings = rendered(paths, tmp_path / "shard.h5")
        assert [has_red_and_green(view) for view in views] == [False] * 8 + [True]
        said = {
            int(i): [(w.what, w.detail) for w in found] for i, found in warnings.items() if found
        }
        assert said[0] == [("texture not found, drawn without", "none.png")]
        for number in (1, 2, 3):
            ((what, detail),) = said[number]
            assert what == "texture cannot be read, drawn without" and "skin.png: " in detail
            assert "0x" not in detail
        assert said[4] == [("material file not found, drawn without its colours", "panel.mtl")]
        assert said[5] == [("material not defined, drawn in the plain colour", "skin")]
        assert said[6] == [("texture not found, drawn without", "/Users/nobody/Desktop/wood.jpg")]
        assert said[7] == [("file outside the mesh's folder not read", "../good/other.png")]
        assert 8 not in said
        assert all(w.mend for found in warnings.values() for w in found)
    assert not (tmp_path / "program" / "started").exists()
    # Without textures there is nothing to warn about.
    _, warnings = rendered(paths, tmp_path / "plain.h5", replace(TEXTURED, textures=False))
    assert not any(warnings.values())


def test_broken_parts_of_collada_are_warnings(tmp_path):
    trimesh.creation.box().export(tmp_path / "box.dae")
    text = (tmp_path / "box.dae").read_text()
    part = '<node id="part"><instance_geometry url="#nowhere"/></node>'
    assert "</visual_scene>" in text
    broken = text.replace("</visual_scene>", f"{part}</visual_scene>")
    (tmp_path / "broken.dae").write_text(broken)
    paths = [tmp_path / "box.dae", tmp_path / "broken.dae"]
    (whole, broken), warnings = rendered(paths, tmp_path / "shard.h5")
    assert np.array_equal(whole, broken) and "0" not in warnings
    ((what, detail),) = {(w.what, w.detail) for w in warnings["1"]}
    assert what == "part of the file damaged, left out" and "nowhere" in detail


def test_points_beside_a_surface_are_a_warning(tmp_path):
    scene = trimesh.Scene([trimesh.creation.box(), trimesh.PointCloud(np.eye(3))])
    scene.export(tmp_path / "both.glb")
    _, warnings = rendered([tmp_path / "both.glb"], tmp_path / "shard.h5")
    assert [w.what for w in warnings["0"]] == ["points or lines not drawn"]


@pytest.mark.benchmark_data
def test_real_meshes_render(benchmark_data, draw):
    paths = sorted((benchmark_data / "models").glob("*/*"))[::60]
    with Renderer(CONFIG) as renderer:
        views = [renderer.render(load_mesh(path), positions_of(CONFIG)) for path in paths]
    assert (shown(np.stack(views)).mean(axis=(2, 3)) > 0.003).all()


def test_views_do_not_depend_on_what_was_rendered_before():
    config = RenderConfig(size=64)
    meshes = [as_mesh(trimesh.creation.icosphere(2, radius=r)) for r in (0.5, 1.0)]
    meshes += [as_mesh(trimesh.creation.torus(0.8, 0.2)), as_mesh(trimesh.creation.cone(0.5, 1))]
    with Renderer(config) as renderer:
        first = [renderer.render(mesh, positions_of(config)) for mesh in meshes]
        for _ in range(5):
            ballast = [object() for _ in range(1000)]
            again = [renderer.render(mesh, positions_of(config)) for mesh in meshes[::-1]][::-1]
            del ballast
            for one, other in zip(first, again, strict=True):
                np.testing.assert_array_equal(one, other)
