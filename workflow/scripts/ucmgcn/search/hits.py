"""From scores to hits: models by id, category and score."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ucmgcn.core.arrays import Features, Mask
from ucmgcn.core.errors import UserError
from ucmgcn.index.file import Model
from ucmgcn.search.likeness import likeness

# Words tell how like a photo is, not a model.
NO_WORDS = np.zeros(0, dtype=np.float32)


@dataclass(frozen=True)
class Hit:
    """A model that was found.

    Attributes
    ----------
    rank
        From 1.
    model, category, path
        Id and category of the model, and the file of its mesh.
    score
        Cosine to the query, -1 to 1.
    likeness
        How like the photo it is, one of `ucmgcn.search.likeness.WORDS`; empty if the query is a
        model, or if the library is too small to tell.
    view
        Number of the model's view that is most like the query.
    """

    rank: int
    model: str
    category: str
    score: float
    likeness: str
    view: int
    path: Path


@dataclass(frozen=True)
class Gallery:
    """The m models of a library.

    Attributes
    ----------
    models
        In the order of the scores.
    views
        Features of their views, unit vectors, shape (m, v, d).
    """

    models: Sequence[Model]
    views: Features

    @cached_property
    def categories(self) -> list[str]:
        """Categories of the models, sorted; empty where they have none."""
        return sorted({model.category for model in self.models} - {""})

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {model.id: number for number, model in enumerate(self.models)}

    def number_of(self, id: str) -> int:
        """Find a model.

        Raises
        ------
        UserError
            If there is none of this id.
        """
        if id not in self._numbers:
            near = difflib.get_close_matches(id, self._numbers, n=1, cutoff=0.0)
            raise UserError(f"there is no model {id!r}; did you mean {near[0]!r}?")
        return self._numbers[id]

    def of_category(self, category: str | None) -> Mask:
        """Mask of the models of a category, or of all, shape (m,).

        Raises
        ------
        UserError
            If there is no such category.
        """
        if category is None:
            return np.ones(len(self.models), dtype=bool)
        if category not in self.categories:
            known = ", ".join(self.categories) or "none: the models have no categories"
            raise UserError(f"there is no category {category!r}; there are {known}")
        return np.array([model.category == category for model in self.models])

    def hits(
        self,
        scores: Features,
        wanted: Mask,
        query: Features,
        top: int,
        thresholds: Features = NO_WORDS,
    ) -> list[Hit]:
        """List the best models.

        Parameters
        ----------
        scores, wanted
            Score of each model, and mask of those that may be listed, shape (m,).
        query
            Features of the query's photo or views, unit vectors (q, d); they choose each model's
            view.
        top
            Most hits to list.
        thresholds
            See `ucmgcn.search.likeness.likeness`; without any, the hits of a model have no word.

        Raises
        ------
        UserError
            If a score is not finite.
        """
        if not np.isfinite(scores).all():
            raise UserError(
                "the scores are not finite, so no model is named: the encoder or the index is "
                "damaged. Delete both and run snakemake again, with their names"
            )
        order = np.argsort(-scores, kind="stable")
        best = order[wanted[order]][:top].tolist()
        return [
            Hit(
                rank,
                self.models[i].id,
                self.models[i].category,
                float(scores[i]),
                likeness(cosine.max(), thresholds),
                int(cosine.argmax()),
                self.models[i].path,
            )
            for rank, i in enumerate(best, 1)
            for cosine in [(self.views[i] @ query.T).max(axis=1)]
        ]
