from __future__ import annotations

import numpy as np
import pytest

from ucmgcn.adapt.judge import Signs, reasons_against, signs


def apart(n: int, rows: int, noise: float, seed: int = 0) -> np.ndarray:
    """Features of n items that differ, with rows that differ by noise."""
    generator = np.random.default_rng(seed)
    items = generator.normal(size=(n, 1, 32))
    return (items + noise * generator.normal(size=(n, rows, 32))).astype(np.float32)


def test_features_that_tell_all_items_apart_have_the_best_signs() -> None:
    found = signs(apart(20, 2, 0.01), apart(20, 4, 0.01))
    assert found == Signs(1.0, 1.0, 1.0) or (found.views, found.looks) == (1.0, 1.0)
    assert found.cycles is not None and found.cycles > 0


def test_a_photo_that_its_model_finds_back_closes_a_cycle() -> None:
    same = apart(20, 1, 0.0)
    assert signs(same, same).cycles == 1.0


def test_collapsed_features_have_bad_signs() -> None:
    generator = np.random.default_rng(0)
    noise = generator.normal(size=(40, 4, 32)).astype(np.float32)
    collapsed = 1 + 0.01 * noise
    found = signs(collapsed[:, :2], collapsed)
    assert found.views is not None and found.views < 0.2
    assert found.looks is not None and found.looks < 0.5


@pytest.mark.parametrize(("n", "looks", "m", "v"), [(0, 1, 1, 1), (1, 2, 1, 3), (0, 1, 4, 2)])
def test_what_cannot_be_asked_is_no_sign(n, looks, m, v) -> None:
    found = signs(apart(n, looks, 1) if n else np.zeros((0, 1, 1), np.float32), apart(m, v, 1))
    assert found.looks is None and found.cycles is None
    assert (found.views is None) == (m < 2 or v < 2)


def test_a_sign_that_fell_is_a_reason_against() -> None:
    before = Signs(0.5, None, 0.5)
    assert reasons_against(before, Signs(0.5, None, 0.46)) == []
    assert reasons_against(before, Signs(0.2, None, 0.5)) == ["views fell from 0.500 to 0.200"]
