from __future__ import annotations

import numpy as np
import pytest

from ucmgcn.core.arrays import Features
from ucmgcn.graph.alignment import PRIOR_PHOTOS, align
from ucmgcn.graph.build import fit_nodes
from ucmgcn.graph.space import mean_of
from ucmgcn.settings import GraphConfig

KINDS, MODELS, VIEWS, SIZE = 8, 80, 6, 32


def scene(shown: int, photos: int = 120) -> tuple[Features, Features, Features]:
    """Photos of the first kinds, views of all, and the shift: photos minus views of those kinds.

    Kinds are orthogonal directions; photos are like views of other models, moved along one more.
    """
    generator = np.random.default_rng(0)
    axes = np.linalg.qr(generator.normal(size=(SIZE, KINDS + 1)))[0].T
    kind_of_model, kind_of_photo = np.arange(MODELS) % KINDS, np.arange(photos) % shown
    noise = 0.12 * generator.normal(size=(MODELS, 1, SIZE))
    noise = noise + 0.06 * generator.normal(size=(MODELS, VIEWS, SIZE))
    views = axes[kind_of_model][:, None] + noise
    unlike = 0.15 * generator.normal(size=(photos, SIZE))
    pictures = axes[kind_of_photo] + 0.4 * axes[-1] + unlike
    same = views[kind_of_model < shown].reshape(-1, SIZE)
    shift = mean_of(pictures.astype(np.float32)) - mean_of(same.astype(np.float32))
    return pictures.astype(np.float32), views.astype(np.float32), shift


def plain(photos: Features, views: Features) -> Features:
    return mean_of(photos) - mean_of(views.reshape(-1, SIZE))


def off(found: Features, shift: Features) -> float:
    return float(np.linalg.norm(found - shift) / np.linalg.norm(shift))


@pytest.mark.parametrize("shown", [1, 2])
def test_the_shift_is_that_of_photos_and_views_of_the_kinds_shown(shown: int) -> None:
    photos, views, shift = scene(shown)
    error, by_means = off(align(photos, views).shift, shift), off(plain(photos, views), shift)
    assert error < by_means / 2, (error, by_means)
    assert by_means > 0.9


def test_photos_of_all_kinds_are_centred_by_all_views() -> None:
    photos, views, shift = scene(KINDS)
    found = align(photos, views)
    known = len(photos) / (len(photos) + PRIOR_PHOTOS)
    assert found.coverage == 1
    np.testing.assert_allclose(found.shift, known * plain(photos, views), atol=1e-6)
    assert off(found.shift, shift) < 0.05


def test_coverage_rises_with_the_kinds_shown() -> None:
    found = [align(*scene(shown)[:2]).coverage for shown in (1, 2, 4, KINDS)]
    assert found == sorted(found) and found[0] < 0.3 and found[1] < 0.7 and found[3] == 1


def test_without_photos_there_is_no_shift() -> None:
    photos, views, _ = scene(1)
    found = align(photos[:0], views)
    np.testing.assert_array_equal(found.shift, np.zeros(SIZE, dtype=np.float32))
    assert found.coverage == 0


def test_one_photo_says_a_part_of_the_shift() -> None:
    photos, views, _ = scene(1, photos=1)
    found = align(photos, views)
    assert found.shift.shape == (SIZE,) and found.shift.dtype == np.float32
    assert np.isfinite(found.shift).all() and 0 < found.coverage < 0.3
    assert np.linalg.norm(found.shift) < np.linalg.norm(plain(photos, views)) / 2


@pytest.mark.filterwarnings("error")
def test_one_model_is_covered_by_any_photo() -> None:
    photos, views, _ = scene(1, photos=3)
    found = align(photos, views[:1])
    assert np.isfinite(found.shift).all() and found.coverage == 1


def test_the_same_input_gives_the_same_bytes() -> None:
    photos, views, _ = scene(2)
    first, second = align(photos, views), align(photos.copy(), views.copy())
    np.testing.assert_array_equal(first.shift, second.shift)
    assert first.coverage == second.coverage


def test_the_length_of_features_plays_no_part() -> None:
    photos, views, _ = scene(2)
    longer = align(7 * photos, 3 * views)
    np.testing.assert_allclose(longer.shift, align(photos, views).shift, atol=1e-5)


@pytest.mark.parametrize("shown", [1, KINDS])
def test_means_are_taken_where_the_config_says_so(shown: int) -> None:
    photos, views, _ = scene(shown)
    ids = [str(i) for i in range(len(photos))], [str(i) for i in range(len(views))]
    config = GraphConfig(dims=8, alignment="means")
    space = fit_nodes(*ids, photos, views, np.empty((0, 3)), config).space
    np.testing.assert_allclose(space.photo_mean, mean_of(photos), atol=1e-6)
    np.testing.assert_allclose(space.view_mean, mean_of(views.reshape(-1, SIZE)), atol=1e-6)
    assert space.coverage == space.trust == 1


def test_matched_photos_are_centred_by_the_shift() -> None:
    photos, views, _ = scene(1)
    ids = [str(i) for i in range(len(photos))], [str(i) for i in range(len(views))]
    space = fit_nodes(*ids, photos, views, np.empty((0, 3)), GraphConfig(dims=8)).space
    found = align(photos, views)
    np.testing.assert_allclose(space.photo_mean - space.view_mean, found.shift, atol=1e-6)
    assert space.coverage == found.coverage
