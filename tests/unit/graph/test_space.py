from __future__ import annotations

import numpy as np
import pytest

from ucmgcn.graph import space
from ucmgcn.graph.space import fit_space, normalise

GENERATOR = np.random.default_rng(0)
PHOTOS = (GENERATOR.normal(size=(40, 6)) * [4, 3, 2, 1, 1, 1] + 1).astype(np.float32)
VIEWS = (GENERATOR.normal(size=(30, 3, 6)) * [4, 3, 2, 1, 1, 1] - 2).astype(np.float32)
FLAT = VIEWS.reshape(-1, 6)


def test_normalise_gives_unit_vectors_and_keeps_zero() -> None:
    rows = normalise(np.array([[3, 4], [0, 0]], dtype=np.float32))
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0, 0]], atol=1e-6)


def test_the_raw_space_keeps_cosines() -> None:
    space = fit_space(PHOTOS, VIEWS, "raw", 3, 0.5)
    np.testing.assert_allclose(
        space.photos(PHOTOS) @ space.views(FLAT).T,
        normalise(PHOTOS) @ normalise(FLAT).T,
        atol=1e-6,
    )


def test_centring_subtracts_the_mean_of_each_modality() -> None:
    space = fit_space(PHOTOS, VIEWS, "centred", 3, 0.5)
    expected = normalise(PHOTOS) - normalise(PHOTOS).mean(axis=0)
    np.testing.assert_allclose(space.photos(PHOTOS), normalise(expected), atol=1e-6)
    assert not np.allclose(space.photo_mean, space.view_mean, atol=0.1)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_the_exponent_scales_the_spread_of_the_components(exponent: float) -> None:
    space = fit_space(PHOTOS, VIEWS, "pca-whitened", 4, exponent)
    parts = [normalise(x) - normalise(x).mean(axis=0) for x in (PHOTOS, FLAT)]
    covariance = sum(np.cov((x @ space.projection).T, bias=True) for x in parts) / 2
    variance = np.linalg.eigvalsh(sum(np.cov(x.T, bias=True) for x in parts) / 2)[::-1][:4]
    np.testing.assert_allclose(covariance, np.diag(variance ** (1 - exponent)), atol=1e-5)


def test_both_modalities_weigh_the_same_however_many_vectors_they_have() -> None:
    once = fit_space(PHOTOS, VIEWS, "pca-whitened", 4, 0.5)
    twice = fit_space(PHOTOS, np.tile(VIEWS, (5, 1, 1)), "pca-whitened", 4, 0.5)
    np.testing.assert_allclose(
        np.abs(once.projection), np.abs(twice.projection), rtol=1e-3, atol=1e-4
    )


def test_components_without_variance_are_left_out() -> None:
    flat = PHOTOS.copy()
    flat[:, 3:] = 0
    views = VIEWS.copy()
    views[..., 3:] = 0
    space = fit_space(flat, views, "pca-whitened", 6, 1.0)
    assert space.projection.shape == (6, 3)
    assert np.isfinite(space.photos(flat)).all()


def test_blocks_change_rounding_only(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    photos = rng.normal(size=(50, 12)).astype(np.float32)
    views = rng.normal(size=(30, 4, 12)).astype(np.float32)
    whole = fit_space(photos, views, "pca-whitened", 6, 0.5)
    monkeypatch.setattr(space, "BLOCK", 7)
    parts = fit_space(photos, views, "pca-whitened", 6, 0.5)
    np.testing.assert_allclose(parts.photos(photos), whole.photos(photos), atol=1e-5)
    np.testing.assert_allclose(parts.views(views), whole.views(views), atol=1e-5)
    np.testing.assert_allclose(parts.photos(photos[3]), whole.photos(photos)[3], atol=1e-5)


@pytest.mark.parametrize("space", ["raw", "centred", "pca-whitened"])
def test_a_model_is_the_mean_of_its_views_in_the_space_or_their_maximum(space: str) -> None:
    mean = fit_space(PHOTOS, VIEWS, space, 4, 0.5)
    expected = np.stack([normalise(mean.views(views).mean(axis=0)) for views in VIEWS])
    np.testing.assert_allclose(mean.models(VIEWS), expected, atol=1e-6)
    largest = fit_space(PHOTOS, VIEWS, space, 4, 0.5, "max")
    pooled = normalise(np.array([np.max(views, axis=0) for views in VIEWS]))
    centred = pooled if space == "raw" else pooled - pooled.mean(axis=0)
    projected = centred @ largest.projection if space == "pca-whitened" else centred
    np.testing.assert_allclose(largest.models(VIEWS), normalise(projected), atol=1e-5)
    np.testing.assert_allclose(largest.models(VIEWS[3]), largest.models(VIEWS)[3], atol=1e-6)
    np.testing.assert_array_equal(largest.views(VIEWS), mean.views(VIEWS))


@pytest.mark.parametrize("photos", [0, 1])
def test_views_stand_in_for_fewer_than_two_photos(photos: int) -> None:
    space = fit_space(PHOTOS[:photos], VIEWS, "pca-whitened", 4, 0.5)
    np.testing.assert_array_equal(space.photo_mean, space.view_mean)
    np.testing.assert_allclose(np.linalg.norm(space.photos(PHOTOS), axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("kind", ["raw", "centred", "pca-whitened"])
def test_the_radius_holds_99_of_100_of_the_photos(kind: str) -> None:
    photos = GENERATOR.normal(size=(400, 6)).astype(np.float32) + 3
    space = fit_space(photos, VIEWS, kind, 4, 0.5)
    inside = np.mean([space.familiar(photo) for photo in photos])
    assert inside == (1 if kind == "raw" else 0.99)  # raw: all photos are as far from the origin
    assert space.familiar(-photos[0]) == (kind == "raw")


def test_too_few_photos_do_not_tell_what_is_familiar() -> None:
    for few in (0, 1, 19):
        assert fit_space(PHOTOS[:few], VIEWS, "centred", 4, 0.5).radius == np.inf
    assert fit_space(PHOTOS[:20], VIEWS, "centred", 4, 0.5).radius < np.inf
