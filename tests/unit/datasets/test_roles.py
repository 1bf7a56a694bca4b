from __future__ import annotations

import pandas as pd
import pytest

from ucmgcn.core.errors import UserError
from ucmgcn.datasets.roles import classes_of, labelled_half, share_out

LABELS = {f"{c}/{i:02d}": c for c, n in (("bed", 7), ("car", 4), ("cup", 1)) for i in range(n)}


def test_half_of_each_category_is_drawn_by_the_seed() -> None:
    chosen = labelled_half(LABELS, 0)
    assert [list(chosen.values()).count(c) for c in ("bed", "car", "cup")] == [3, 2, 0]
    assert all(LABELS[id] == category for id, category in chosen.items())
    assert labelled_half(dict(reversed(LABELS.items())), 0) == chosen
    assert labelled_half(LABELS, 1) != chosen


def test_photos_without_a_category_are_never_drawn() -> None:
    assert set(labelled_half({**LABELS, "x": "", "y": "", "z": ""}, 0)) <= set(LABELS)


def test_classes_are_numbered_by_name() -> None:
    assert classes_of(["a", "b", "c", "d"], {"a": "cup", "d": "bed"}).tolist() == [1, -1, -1, 0]


def test_a_single_category_is_an_error() -> None:
    with pytest.raises(UserError, match="at least 2 categories"):
        classes_of(["a", "b"], {"a": "cup"})


def manifest(split: list[str], category: list[str]) -> pd.DataFrame:
    ids = [str(i) for i in range(len(split))]
    return pd.DataFrame({"id": ids, "split": split, "category": category})


def test_without_a_train_split_and_labels_all_photos_are_queries() -> None:
    roles = share_out(manifest(["", "", "test"], ["a", "b", "b"]), "none", 0)
    assert not roles.context and not roles.labels


def test_the_train_split_is_context_and_only_source_uses_its_labels() -> None:
    photos = manifest(["train", "test", "train", ""], ["a", "b", "", "b"])
    none, source = (share_out(photos, supervision, 0) for supervision in ("none", "source"))
    assert set(none.context) == set(source.context) == {"0", "2"}
    assert not none.labels and source.labels == {"0": "a"}
    assert source.mask(["3", "2", "1", "0"]).tolist() == [False, True, False, True]


def test_without_a_split_the_labelled_half_is_context() -> None:
    photos = manifest([""] * 12, ["a", "b", "c"] * 4)
    roles = share_out(photos, "source", 3)
    labels = dict(zip(photos["id"], photos["category"], strict=True))
    assert roles.labels == labelled_half(labels, 3)
    assert set(roles.context) == set(roles.labels) and len(roles.labels) == 6
