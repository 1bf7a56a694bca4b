"""Words for how like a photo a model is, calibrated on the library itself."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from ucmgcn.core.arrays import Features, Images
from ucmgcn.features.encoders.encoder import Encoder
from ucmgcn.graph.space import normalise
from ucmgcn.search.contents import Contents

WORDS = ("not much like it", "somewhat like it", "like it", "very like it")
GREYS = 0, 64, 128, 192, 255
UNFAMILIAR = "nothing here is much like it"


def likeness(cosine: float, thresholds: Features) -> str:
    """Say how like a photo a model is.

    Parameters
    ----------
    cosine
        Of the photo and the most similar view of the model, in the feature space.
    thresholds
        See `ucmgcn.index.likeness.likeness_thresholds`. Without any, there is no word.
    """
    return WORDS[int(np.searchsorted(thresholds, cosine, side="right"))] if len(thresholds) else ""


def is_familiar(likenesses: Iterable[str]) -> bool:
    """Whether a photo is like any of its hits, given their words."""
    words = set(likenesses)
    return not words or words != {WORDS[0]}


class Thresholds:
    """How like a photo a model must be for each word, see `likeness`.

    Nothing reaches those of a photo that shows nothing. The library's photos say what is usual for
    a photo; where they are too few, pictures of nothing say what is not.
    """

    def __init__(self, contents: Contents) -> None:
        self._known, self._space = contents.index.likeness, contents.frozen.space
        self._contents = contents
        self._nothing: Features | None = None

    def __call__(self, feature: Features, encoder: Encoder) -> Features:
        """Return the thresholds for the encoder's features (D,) of a photo, ascending."""
        if np.isfinite(self._space.radius):
            shown = self._space.familiar(feature)
        else:
            shown = not shows_nothing(feature, self._nothing_by(encoder), self._models)
        return self._known if shown else np.full_like(self._known, np.inf)

    def _nothing_by(self, encoder: Encoder) -> Features:
        if self._nothing is None:
            self._nothing = features_of_nothing(encoder)
        return self._nothing

    @cached_property
    def _models(self) -> Features:
        return self._contents.pooled("mean")


def features_of_nothing(encoder: Encoder) -> Features:
    """Describe pictures that show nothing, plain greys and noise, to (k, D)."""
    return encoder.encode(*(_nothing(each.size) for each in encoder.inputs))


def shows_nothing(feature: Features, nothing: Features, models: Features) -> bool:
    """Whether a photo is more like pictures that show nothing than like any model.

    Parameters
    ----------
    feature, nothing, models
        The encoder's features of the photo (D,), of such pictures (k, D), and of the models,
        averaged over their views, (m, D).
    """
    unit, photo = (normalise(rows) for rows in (models, feature))
    return bool((normalise(nothing) @ photo).max() > (unit @ photo).max(initial=-1))


def _nothing(size: int) -> Images:
    noise = np.random.default_rng(0).normal(128, 30, (size, size, 3)).clip(0, 255)
    coarse = np.random.default_rng(1).integers(0, 256, (size, size, 3))
    greys = [np.full((size, size, 3), level) for level in GREYS]
    return np.stack([*greys, noise, coarse]).astype(np.uint8)
