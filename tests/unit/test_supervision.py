from __future__ import annotations

import pytest

from ucmgcn.errors import UserError
from ucmgcn.supervision import classes_of, labelled_half

LABELS = {f"{c}/{i:02d}": c for c, n in (("bed", 7), ("car", 4), ("cup", 1)) for i in range(n)}


def test_half_of_each_category_is_chosen_by_the_seed() -> None:
    chosen = labelled_half(LABELS, 0)
    assert [list(chosen.values()).count(c) for c in ("bed", "car", "cup")] == [3, 2, 0]
    assert all(LABELS[id] == category for id, category in chosen.items())
    assert labelled_half(dict(reversed(LABELS.items())), 0) == chosen
    assert labelled_half(LABELS, 1) != chosen


def test_photos_without_a_category_are_never_chosen() -> None:
    assert set(labelled_half({**LABELS, "x": "", "y": "", "z": ""}, 0)) <= set(LABELS)


def test_classes_are_numbered_by_name() -> None:
    assert classes_of(["a", "b", "c", "d"], {"a": "cup", "d": "bed"}).tolist() == [1, -1, -1, 0]


def test_one_category_is_not_enough() -> None:
    with pytest.raises(UserError, match="at least 2 categories"):
        classes_of(["a", "b"], {"a": "cup"})
