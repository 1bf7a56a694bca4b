from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ucmgcn.core.errors import UserError
from ucmgcn.index.file import Model
from ucmgcn.search.hits import Gallery
from ucmgcn.search.likeness import WORDS, is_familiar, likeness, shows_nothing

THRESHOLDS = np.array([0.1, 0.2, 0.5], dtype=np.float32)


@pytest.mark.parametrize(
    ("cosine", "word"),
    [(-1, 0), (0.09, 0), (0.1, 1), (0.19, 1), (0.21, 2), (0.49, 2), (0.5, 3), (1, 3)],
)
def test_a_cosine_at_a_threshold_or_above_has_its_word(cosine: float, word: int) -> None:
    assert likeness(np.float32(cosine), THRESHOLDS) == WORDS[word]


def test_without_thresholds_there_is_no_word() -> None:
    assert likeness(0.5, THRESHOLDS[:0]) == ""


def test_a_photo_is_unfamiliar_if_none_of_its_hits_is_like_it() -> None:
    assert not is_familiar([WORDS[0], WORDS[0]])
    assert is_familiar([WORDS[0], WORDS[1]])
    assert is_familiar([]) and is_familiar(["", ""])  # no hits, and no words: nothing is known


def test_a_hit_is_as_like_as_its_most_similar_view() -> None:
    models = [Model(name, "", Path(name)) for name in "ab"]
    views = np.array([[[1, 0], [0, 1]], [[0.6, 0.8], [-1, 0]]], dtype=np.float32)
    query = np.array([[0.28, 0.96]], dtype=np.float32)
    wanted, scores = np.ones(2, dtype=bool), np.array([0.3, 0.7], dtype=np.float32)
    thresholds = np.array([0.5, 0.95, 0.99], dtype=np.float32)
    hits = Gallery(models, views).hits(scores, wanted, query, 2, thresholds)
    assert [(hit.model, hit.view, hit.likeness) for hit in hits] == [
        ("b", 0, WORDS[1]),
        ("a", 1, WORDS[2]),
    ]


def test_a_photo_shows_nothing_if_it_is_more_like_nothing_than_like_any_model() -> None:
    nothing, models = np.eye(3, dtype=np.float32)[:1], 5 * np.eye(3, dtype=np.float32)[1:]
    assert shows_nothing(np.array([3, 2, 1], dtype=np.float32), nothing, models)
    assert not shows_nothing(np.array([2, 3, 1], dtype=np.float32), nothing, models)
    assert shows_nothing(models[0], nothing, models[:0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_name_no_model(bad: float) -> None:
    gallery = Gallery([Model(name, "", Path(name)) for name in "ab"], np.ones((2, 1, 1), "f4"))
    scores = np.array([0.3, bad], dtype=np.float32)
    with pytest.raises(UserError, match="not finite"):
        gallery.hits(scores, np.ones(2, dtype=bool), np.ones((1, 1), "f4"), 2)
