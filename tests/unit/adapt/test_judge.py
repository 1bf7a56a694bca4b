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
    assert (found.means["views"], found.means["looks"]) == (1.0, 1.0)
    same = apart(20, 1, 0.0)
    assert signs(same, same).means["cycles"] == 1.0


def test_signs_are_areas_under_the_roc_curve() -> None:
    looks, views = apart(12, 2, 1.5), apart(9, 3, 1.5)
    one, other = (looks[:, i] / np.linalg.norm(looks[:, i], axis=1)[:, None] for i in (0, 1))
    scores, right = one @ other.T, np.eye(12)
    curves = [roc_auc(right[i], scores[i]) for i in range(12)]
    np.testing.assert_allclose(signs(looks, views).looks, curves)
    flat = views.reshape(27, -1) / np.linalg.norm(views.reshape(27, -1), axis=1)[:, None]
    model = np.arange(27) // 3
    curves = [
        roc_auc(model[kept] == model[i], flat[kept] @ flat[i])
        for i in range(27)
        for kept in [np.arange(27) != i]
    ]
    assert signs(looks, views).means["views"] == pytest.approx(np.mean(curves))


def roc_auc(right: np.ndarray, scores: np.ndarray) -> float:
    """By the definition: pairs of a right and a wrong one in the right order."""
    pairs = [(a, b) for a in scores[right > 0] for b in scores[right == 0]]
    return float(np.mean([(a > b) + 0.5 * (a == b) for a, b in pairs]))


def test_kinds_that_draw_together_leave_the_signs_and_mixed_items_lower_them() -> None:
    generator = np.random.default_rng(1)
    kinds = np.repeat(generator.normal(size=(4, 1, 32)), 10, axis=0)
    looks, views = apart(40, 2, 1.0), apart(40, 4, 1.0)
    before = signs(looks + kinds, views + kinds)
    assert reasons_against(before, signs(looks + 2 * kinds, views + 2 * kinds)) == []
    noise = generator.normal(size=(40, 4, 32))
    mixed = reasons_against(before, signs(looks * 0.2 + noise[:, :2], views * 0.2 + noise))
    assert [reason.split()[0] for reason in mixed] == ["views", "looks"]


@pytest.mark.parametrize(("n", "looks", "m", "v"), [(0, 1, 1, 1), (1, 2, 1, 3), (0, 1, 4, 2)])
def test_what_cannot_be_asked_is_no_sign(n, looks, m, v) -> None:
    found = signs(apart(n, looks, 1) if n else np.zeros((0, 1, 1), np.float32), apart(m, v, 1))
    assert found.looks is None and found.cycles is None
    assert (found.views is None) == (m < 2 or v < 2)


def test_a_sign_that_fell_by_more_than_chance_is_a_reason_against() -> None:
    def of(views: list[float], cycles: list[float]) -> Signs:
        return Signs(np.array(views), None, np.array(cycles))

    before = of([0.5, 0.6, 0.7, 0.6], [0.5] * 4)
    assert reasons_against(before, of([0.5, 0.6, 0.7, 0.6], [0.491] * 4)) == []
    assert reasons_against(before, of([0.2, 0.3, 0.4, 0.3], [0.5] * 4)) == [
        "views fell from 0.600 to 0.300"
    ]
    assert reasons_against(before, of([0.9, 0.6, 0.1, 0.6], [0.5] * 4)) == []  # by one of four
