from __future__ import annotations

import numpy as np
import pytest

from ucmgcn.graph.space import normalise
from ucmgcn.index import likeness
from ucmgcn.index.likeness import PHOTO_TO_VIEW, QUANTILES, likeness_thresholds

GENERATOR = np.random.default_rng(0)
PHOTOS = normalise(GENERATOR.normal(size=(60, 5)).astype(np.float32))
VIEWS = normalise(GENERATOR.normal(size=(7, 4, 5)).astype(np.float32))


def test_the_thresholds_are_quantiles_of_the_photos_nearest_views() -> None:
    largest = [max(float(photo @ view) for view in VIEWS.reshape(-1, 5)) for photo in PHOTOS]
    expected = np.quantile(largest, QUANTILES)
    np.testing.assert_allclose(likeness_thresholds(PHOTOS, VIEWS), expected, atol=1e-6)


@pytest.mark.parametrize("photos", [0, 1, 19])
def test_without_photos_they_come_from_views_of_other_models(photos: int) -> None:
    largest = [
        max(float(view @ other) for b, others in enumerate(VIEWS) if b != a for other in others)
        for a, views in enumerate(VIEWS)
        for view in views
    ]
    expected = np.quantile(largest, QUANTILES) * PHOTO_TO_VIEW
    actual = likeness_thresholds(PHOTOS[:photos], VIEWS)
    np.testing.assert_allclose(actual, expected, atol=1e-6)


def test_one_model_without_photos_tells_nothing() -> None:
    assert likeness_thresholds(PHOTOS[:0], VIEWS[:1]).shape == (0,)
    assert likeness_thresholds(PHOTOS, VIEWS[:1]).shape == (3,)


def test_of_many_photos_evenly_spaced_ones_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = likeness_thresholds(PHOTOS[[0, 59]].repeat(10, axis=0), VIEWS)
    monkeypatch.setattr(likeness, "MOST", 2)
    np.testing.assert_allclose(likeness_thresholds(PHOTOS, VIEWS)[2], expected[2], atol=1e-6)
