import numpy as np
import pytest

from ucmgcn.core.errors import UserError
from ucmgcn.media import cameras

ALL = {
    "icosahedron": cameras.icosahedron(),
    "dodecahedron": cameras.dodecahedron(),
    "ring": cameras.ring(7, 20.0),
    "sphere": cameras.sphere(33),
    "poles": np.array([[0.0, 1.0, 0.0], [0.0, -1.0, 0.0]]),
}


@pytest.fixture(params=ALL)
def positions(request):
    return ALL[request.param]


def test_positions_are_unit_and_distinct(positions):
    assert np.allclose(np.linalg.norm(positions, axis=1), 1)
    cosine = positions @ positions.T - 2 * np.eye(len(positions))
    assert cosine.max() < 0.999


@pytest.mark.parametrize(
    ("name", "vertices", "degree", "edge"),
    # Edge length at circumradius 1 (textbook values).
    [("icosahedron", 12, 5, 1.0514622242382672), ("dodecahedron", 20, 3, 0.7136441795461797)],
)
def test_polyhedra_are_regular(name, vertices, degree, edge):
    positions = ALL[name]
    pairs = cameras.neighbours(positions)
    assert len(positions) == vertices
    assert len(pairs) == 30
    assert (np.bincount(pairs.ravel(), minlength=vertices) == degree).all()
    assert np.allclose(np.linalg.norm(np.diff(positions[pairs], axis=1), axis=2), edge)
    assert np.allclose(positions.sum(axis=0), 0)


@pytest.mark.parametrize("name", ["icosahedron", "dodecahedron"])
def test_polyhedra_are_ordered_from_the_top_down(name):
    heights = ALL[name][:, 1].round(9)
    assert (np.diff(heights) <= 0).all()


def test_ring_is_at_its_elevation_and_evenly_spaced():
    positions = cameras.ring(8, 30.0)
    assert np.allclose(positions[:, 1], 0.5)
    assert np.allclose(positions[0], [0, 0.5, np.sqrt(0.75)])
    gaps = np.linalg.norm(positions - np.roll(positions, 1, axis=0), axis=1)
    assert np.allclose(gaps, gaps[0])
    assert {tuple(p) for p in cameras.neighbours(positions)} == {
        *((i, i + 1) for i in range(7)),
        (0, 7),
    }


def test_sphere_covers_every_direction():
    positions = cameras.sphere(60)
    directions = np.random.default_rng(0).normal(size=(2000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    # 60 caps that covered the sphere without overlap would have a radius of 15 degrees.
    assert (directions @ positions.T).max(axis=1).min() > np.cos(np.radians(2 * 15))


def test_look_at_gives_rotations_that_face_the_origin(positions):
    rotations = cameras.look_at(positions)
    assert np.allclose(rotations @ rotations.transpose(0, 2, 1), np.eye(3))
    assert np.allclose(np.linalg.det(rotations), 1)
    seen = np.einsum("nij,nj->ni", rotations, positions)
    assert np.allclose(seen, [0, 0, 1])


def test_look_at_keeps_y_up_in_the_image():
    rotations = cameras.look_at(cameras.sphere(50))
    up_in_eye = rotations[:, :, 1]
    assert np.allclose(up_in_eye[:, 0], 0)
    assert (up_in_eye[:, 1] > 0).all()


def test_every_view_has_a_neighbour_and_pairs_are_sorted(positions):
    pairs = cameras.neighbours(positions)
    assert set(pairs.ravel()) == set(range(len(positions)))
    assert (pairs[:, 0] < pairs[:, 1]).all()
    assert (np.lexsort(pairs.T[::-1]) == np.arange(len(pairs))).all()


def test_a_single_view_has_no_neighbours():
    assert cameras.neighbours(cameras.ring(1)).shape == (0, 2)


def test_camera_positions_chooses_by_name():
    assert np.array_equal(cameras.camera_positions("icosahedron", 12), ALL["icosahedron"])
    assert np.array_equal(cameras.camera_positions("dodecahedron", 20), ALL["dodecahedron"])
    assert np.array_equal(cameras.camera_positions("ring", 7, 20.0), ALL["ring"])
    assert np.array_equal(cameras.camera_positions("sphere", 33), ALL["sphere"])


@pytest.mark.parametrize(
    ("placement", "views", "message"),
    [
        ("icosahedron", 20, "icosahedron has 12 vertices, but views: 20"),
        ("dodecahedron", 12, "dodecahedron has 20 vertices"),
        ("cube", 8, "'cube' is not one of icosahedron"),
        ("ring", 0, "views: must be at least 1"),
    ],
)
def test_inconsistent_cameras_are_explained(placement, views, message):
    with pytest.raises(UserError, match=message):
        cameras.camera_positions(placement, views)
