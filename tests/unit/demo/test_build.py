"""The demo's photos and the build of the whole set."""

import io
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from ucmgcn.core.errors import UserError
from ucmgcn.demo.build import build_demo, demo_files, photo_bytes
from ucmgcn.demo.catalogue import CATEGORIES, generator, instance
from ucmgcn.demo.photos import shade
from ucmgcn.demo.solids import ball, box, to_trimesh


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*.*"))}


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "set"
    build_demo(out, 11, models_per_category=2, photos_per_category=2, categories=["mug", "chair"])
    return out


def test_models_and_images_are_laid_out_by_category(small) -> None:
    assert sorted(files(small)) == [
        "images/chair/chair_photo_00.jpg", "images/chair/chair_photo_01.jpg",
        "images/mug/mug_photo_00.jpg", "images/mug/mug_photo_01.jpg",
        "models/chair/chair_00.stl", "models/chair/chair_01.obj",
        "models/mug/mug_00.glb", "models/mug/mug_01.off",
    ]  # fmt: skip
    assert [p.name for p in small.parent.iterdir()] == ["set"]


def test_every_file_opens(small) -> None:
    for path in (small / "models").rglob("*.*"):
        mesh = trimesh.load(path, force="mesh")
        assert len(mesh.faces) > 50
        assert np.isfinite(mesh.vertices).all()
    for path in (small / "images").rglob("*.jpg"):
        with Image.open(path) as image:
            assert image.mode == "RGB"
            assert min(image.size) >= 200


def test_a_smaller_build_is_part_of_a_larger_one(small, tmp_path) -> None:
    part = tmp_path / "part"
    build_demo(part, 11, models_per_category=1, photos_per_category=1, categories=["chair"])
    whole = files(small)
    assert len(files(part)) == 2
    assert all(whole[name] == data for name, data in files(part).items())


def test_photos_are_reproducible_and_differ_from_each_other() -> None:
    photos = [photo_bytes(2, "bottle", i) for i in range(2)]
    assert photos[0] == photo_bytes(2, "bottle", 0)
    pixels = [
        np.asarray(Image.open(io.BytesIO(p)).convert("L").resize((32, 32)), float) for p in photos
    ]
    assert np.abs(pixels[0] - pixels[1]).mean() > 5
    assert min(p.std() for p in pixels) > 8


@pytest.mark.slow
def test_a_photo_does_not_depend_on_earlier_photos() -> None:
    """Regression test: pyrender ordered the lights by memory address."""
    alone = photo_bytes(0, "bicycle", 6)
    photo_bytes(0, "bicycle", 7)
    between = [photo_bytes(0, "bicycle", 6), photo_bytes(0, "bicycle", 5)]
    assert photo_bytes(0, "bicycle", 6) == between[0] == alone


@pytest.mark.parametrize("category", CATEGORIES)
def test_no_photo_shows_a_gallery_model(category) -> None:
    models = {to_trimesh(instance(0, category, i, "model")).volume for i in range(4)}
    shown = {to_trimesh(instance(0, category, i, "photo")).volume for i in range(4)}
    assert not models & shown


def test_each_of_the_four_values_changes_the_generator() -> None:
    keys = [(0, "mug", 0, "model"), (1, "mug", 0, "model"), (0, "car", 0, "model"),
            (0, "mug", 1, "model"), (0, "mug", 0, "photo")]  # fmt: skip
    assert len({generator(*key).integers(2**62) for key in keys}) == len(keys)


def test_corner_normals_are_sharp_on_a_box_and_smooth_on_a_ball() -> None:
    _, flat, _ = shade(box((1, 2, 3), (0, 0, 0), "wood"))
    np.testing.assert_allclose(np.sort(np.abs(flat), axis=1), [[0, 0, 1]] * len(flat), atol=1e-9)
    points, round_, uv = shade(ball(1.0, (0, 0, 0), "wood"))
    assert np.einsum("ij,ij->i", points, round_).min() > 0.95
    assert uv.shape == (len(points), 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"categories": ["unicorn"]}, "unicorn"),
        ({"photos_per_category": -1}, "negative"),
    ],
)
def test_an_invalid_request_is_refused_and_leaves_nothing(tmp_path, options, message) -> None:
    with pytest.raises(UserError, match=message):
        build_demo(tmp_path / "set", 0, **options)
    assert not list(tmp_path.iterdir())


def test_an_existing_folder_is_left_alone(small) -> None:
    before = files(small)
    with pytest.raises(UserError, match="exists"):
        build_demo(small, 11, models_per_category=1, photos_per_category=0, categories=["mug"])
    assert files(small) == before


def test_a_failed_build_leaves_nothing(tmp_path, monkeypatch) -> None:
    def fail(*_: object) -> bytes:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr("ucmgcn.demo.build.model_bytes", fail)
    with pytest.raises(RuntimeError, match="disk on fire"):
        build_demo(tmp_path / "set", 0, models_per_category=1, photos_per_category=0)
    assert not list(tmp_path.iterdir())


def test_several_processes_build_the_same_files_as_one(small, tmp_path) -> None:
    out = tmp_path / "set"
    build_demo(out, 11, models_per_category=2, photos_per_category=1, categories=["mug"], workers=2)
    whole = files(small)
    assert all(whole[name] == data for name, data in files(out).items())


def test_the_file_names_are_known_before_the_set_is_built(tmp_path):
    out = tmp_path / "demo"
    before = demo_files(out, 1, 1)
    build_demo(out, 3, models_per_category=1, photos_per_category=1)
    assert demo_files(out, 1, 1) == before != demo_files(tmp_path / "other", 2, 1)
    (out / "models" / "chair" / "new.obj").touch()
    assert set(demo_files(out, 1, 1)) - set(before) == {"models/chair/new.obj"}
