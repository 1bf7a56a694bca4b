"""The meshes of the demo set: closed, finite, varied and reproducible."""

import io
import itertools

import numpy as np
import pytest
import trimesh

from ucmgcn.demo.build import FORMATS, model_bytes
from ucmgcn.demo.catalogue import CATEGORIES, instance
from ucmgcn.demo.solids import bounds, circle, lathe, loft, pillow, slab, to_trimesh, tube
from ucmgcn.demo.textures import FINISHES, noise, surface


def descriptor(mesh: trimesh.Trimesh) -> np.ndarray:
    """Descriptor that is invariant to scale, translation and quarter turns about z."""
    size = [*np.sort(mesh.extents[:2]), mesh.extents[2]]
    scale = np.linalg.norm(size)
    return np.array([*(np.array(size) / scale), mesh.area / scale**2, 10 * mesh.volume / scale**3])


@pytest.fixture(scope="module")
def meshes() -> dict[tuple[str, str], list[trimesh.Trimesh]]:
    return {
        (category, role): [to_trimesh(instance(3, category, i, role)) for i in range(count)]
        for category in CATEGORIES
        for role, count in (("model", 10), ("photo", 4))
    }


def test_there_are_at_least_eight_categories() -> None:
    assert len(CATEGORIES) >= 8


@pytest.mark.parametrize("category", CATEGORIES)
def test_meshes_are_closed_finite_and_of_everyday_size(meshes, category) -> None:
    for mesh in meshes[category, "model"] + meshes[category, "photo"]:
        assert mesh.is_watertight
        assert mesh.is_winding_consistent
        assert mesh.volume > 0
        assert np.isfinite(mesh.vertices).all()
        assert 50 < len(mesh.faces) < 40_000
        assert 0.03 < mesh.extents.max() < 70


@pytest.mark.parametrize("category", CATEGORIES)
def test_no_object_of_a_category_is_a_rescaled_copy_of_another(meshes, category) -> None:
    found = [descriptor(m) for role in ("model", "photo") for m in meshes[category, role]]
    distances = [np.abs(a - b).max() for a, b in itertools.combinations(found, 2)]
    assert min(distances) > 1e-3
    assert np.ptp(found, axis=0).max() > 0.1


@pytest.mark.parametrize("category", CATEGORIES)
def test_structure_varies_within_a_category(meshes, category) -> None:
    counts = {len(m.faces) for m in meshes[category, "model"]}
    assert len(counts) >= 5


def test_every_finish_has_a_surface() -> None:
    used = {p.finish for c in CATEGORIES for i in range(10) for p in instance(1, c, i, "model")}
    assert used <= set(FINISHES)


@pytest.mark.parametrize("category", CATEGORIES)
def test_files_are_reproducible_and_depend_on_the_seed(category) -> None:
    for extension in FORMATS:
        first = model_bytes(5, category, 2, extension)
        assert first == model_bytes(5, category, 2, extension)
        assert first != model_bytes(6, category, 2, extension)


@pytest.mark.parametrize("extension", FORMATS)
def test_every_format_holds_the_same_y_up_object(extension) -> None:
    parts = instance(5, "mug", 1, "model")
    data = io.BytesIO(model_bytes(5, "mug", 1, extension))
    mesh = trimesh.load(data, file_type=extension, force="mesh")
    size = np.ptp(bounds(parts), axis=0)
    np.testing.assert_allclose(mesh.extents, size[[0, 2, 1]], atol=3e-5)
    assert mesh.volume == pytest.approx(to_trimesh(parts).volume, rel=2e-3)


def test_solids_have_their_textbook_volumes() -> None:
    n = 200
    cylinder = to_trimesh([slab(circle(n, 2.0), 0.0, 3.0, "wood")])
    cone = to_trimesh([lathe([(0, 0), (1, 0), (0, 3)], "wood", n)])
    ball = to_trimesh([pillow((2, 2, 2), (5, 6, 7), "wood", 2.0)])
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    path = np.column_stack([3 * np.cos(angle), 3 * np.sin(angle), 0 * angle])
    torus = to_trimesh([tube(path, 0.5, "wood", sides=n, closed=True)])
    assert cylinder.volume == pytest.approx(12 * np.pi, rel=1e-3)
    assert cone.volume == pytest.approx(np.pi, rel=1e-3)
    assert ball.volume == pytest.approx(4 / 3 * np.pi, rel=0.06)
    np.testing.assert_allclose(ball.bounds.mean(axis=0), [5, 6, 7], atol=1e-9)
    assert torus.volume == pytest.approx(2 * np.pi**2 * 3 * 0.25, rel=2e-3)


def test_a_mirror_image_is_still_oriented_outwards() -> None:
    part = pillow((1, 2, 3), (1, 0, 0), "wood").map(np.diag([-1.0, 1, 1]))
    assert to_trimesh([part]).volume > 0


def test_a_loft_of_two_points_and_a_ring_is_closed() -> None:
    ring = np.column_stack([circle(5), np.zeros(5)])
    tips = [np.tile([0.0, 0.0, z], (5, 1)) for z in (-1, 1)]
    assert to_trimesh([loft(np.stack([tips[0], ring, tips[1]]), "wood")]).is_volume


def test_noise_tiles_and_stays_in_range() -> None:
    field = noise(np.random.default_rng(0), 2.0)
    inner = np.abs(np.diff(field, axis=1)).mean()
    seam = np.abs(field[:, 0] - field[:, -1]).mean()
    assert 0 <= field.min() < field.max() <= 1
    assert seam < 3 * inner


@pytest.mark.parametrize("finish", FINISHES)
def test_a_texture_is_not_uniform(finish) -> None:
    look = surface(np.random.default_rng(4), finish)
    assert look.texture.shape == (256, 256, 3)
    assert look.texture.dtype == np.uint8
    assert look.texture.std() > 0.3
    assert look.tile > 0
    assert 0 < look.roughness <= 1
