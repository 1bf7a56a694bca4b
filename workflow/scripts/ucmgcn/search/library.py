"""Search the library of a finished run: by a photo, or by one of its models."""

from __future__ import annotations

import difflib
import logging
import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Self

import numpy as np
import numpy.typing as npt

from ucmgcn.core.arrays import Features
from ucmgcn.core.errors import ItemError, UserError
from ucmgcn.core.worker import Workers
from ucmgcn.features.encoders.encoder import DEFAULT_BATCH, Encoder
from ucmgcn.features.encoders.onnx_encoder import OnnxEncoder
from ucmgcn.files.shards import open_shard
from ucmgcn.index.file import Facts, Model
from ucmgcn.search.added import FOLDER, digest_of
from ucmgcn.search.scoring import INDEX, METHODS, Contents, Vectors, make_method, read_contents
from ucmgcn.settings import Limits

logger = logging.getLogger(__name__)

__all__ = ["METHODS", "Hit", "Library", "Model"]

# What one photo may cost; one of 64 million pixels takes some seconds and 2 GiB.
PHOTO_TASK = "ucmgcn.media.photos:photo_task"
PHOTO_LIMITS = Limits(seconds=60.0, memory=4096)


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
        Cosine to what was asked for, -1 to 1.
    view
        Number of the model's view that is most like what was asked for.
    """

    rank: int
    model: str
    category: str
    score: float
    view: int
    path: Path


class Library:
    """The models of a finished run, ready to be searched; made by `Library.open`.

    It may be asked from several threads at once.

    Attributes
    ----------
    models
        All models: those of the run in the order of their ids, then those that were added since.
    """

    def __init__(self, results: Path, contents: Contents, method: str) -> None:
        self._contents, self._results, self._name = contents, results, method
        self._method = make_method(method, contents)
        self._stamp = _stamp(contents.home)
        root = results.parent
        self.models: Sequence[Model] = [
            replace(model, path=root / model.path) for model in contents.models
        ]
        self._number = {model.id: i for i, model in enumerate(self.models)}

    @classmethod
    def open(cls, dataset: str, results: Path = Path("results"), method: str = "ucm-gcn") -> Self:
        """Open the library of a data set.

        Parameters
        ----------
        dataset
            Its name, as in the configuration of the run.
        results
            The folder `results` of the run.
        method
            One of `METHODS`.

        Raises
        ------
        UserError
            If there are no results of this data set, or they are damaged, or the method cannot
            answer a single photo.
        """
        results = Path(results)
        return cls(results, read_contents(results, dataset, method), method)

    def current(self) -> Self:
        """Return this library, or a newly opened one if its files have changed since."""
        if _stamp(self._contents.home) == self._stamp:
            return self
        return self.open(self.facts.dataset, self._results, self._name)

    @property
    def facts(self) -> Facts:
        """What the library was made of."""
        return self._contents.index.facts

    @property
    def categories(self) -> list[str]:
        """Categories of the models, sorted; empty where they have none."""
        return sorted({model.category for model in self.models} - {""})

    @property
    def embeddings(self) -> Features:
        """Embeddings of the models in their order, unit vectors compared by cosine, (m, e).

        Raises
        ------
        UserError
            If the method has no embedding for a model.
        """
        return self._vectors.gallery

    def embed(self, photo: Path | bytes) -> Features:
        """Embed a photo: a unit vector (e,), to compare with `embeddings` by the inner product.

        Raises
        ------
        ItemError
            If it cannot be read as a photo; the message is the reason.
        UserError
            If the method has no embedding for a photo.
        """
        return self._vectors.embed(self.describe(photo))

    @property
    def _vectors(self) -> Vectors:
        if not isinstance(self._method, Vectors):
            raise UserError(f"{self._name} has no embeddings; choose another method")
        return self._method

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder of the run, on this machine's CPU."""
        batch = self.facts.features_config.batch or DEFAULT_BATCH["cpu"]
        return OnnxEncoder(self._contents.home / self.facts.encoder, batch)

    @cached_property
    def _photo(self) -> Workers:
        """Reads a photo in a process of its own, which a bad file may end."""
        settings = {
            "inputs": [(i.size, i.resample) for i in self.encoder.inputs],
            "resize": self.facts.features_config.resize,
        }
        stack = ExitStack()
        weakref.finalize(self, stack.close)
        return stack.enter_context(Workers(1, PHOTO_TASK, settings, PHOTO_LIMITS))

    def describe(self, photo: Path | bytes) -> Features:
        """Compute the encoder's features (D,) of a photo, given as a file or as its content.

        Raises
        ------
        ItemError
            If it cannot be read as a photo; the message is the reason.
        """
        if isinstance(photo, Path) and not photo.is_file():
            raise ItemError(
                "it is not a regular file" if photo.exists() else "there is no such file"
            )
        if isinstance(photo, Path):
            images, warnings = self._photo(str(photo))
        else:
            with NamedTemporaryFile() as file:
                file.write(photo)
                file.flush()
                images, warnings = self._photo(file.name)
        for warning in warnings:
            logger.warning("the photo: %s (%s)", warning.what, warning.detail)
        return np.asarray(self.encoder.encode(*(image[None] for image in images))[0])

    def answer(self, photo: Path | bytes, top: int = 10, category: str | None = None) -> list[Hit]:
        """Find the models that a photo shows, best first.

        The answer depends on this photo and the library only, never on other photos asked for.

        Parameters
        ----------
        photo
            An image file, or its content.
        top
            How many models are wanted; fewer are given where there are not as many.
        category
            Only models of this category.

        Raises
        ------
        ItemError
            If it cannot be read as a photo; the message is the reason.
        UserError
            If there is no such category.
        """
        wanted = self._of(category)
        feature = self.describe(photo)
        own = self._contents.frozen.space.photos(feature[None])
        return self._hits(self._method.photo(feature), wanted, own, top)

    def similar(self, model_id: str, top: int = 10, category: str | None = None) -> list[Hit]:
        """Find the other models that are most like one of them, best first.

        Raises
        ------
        UserError
            If there is no such model or category.
        """
        number, wanted = self._find(model_id), self._of(category)
        wanted[number] = False
        scores = self._method.model(number)
        return self._hits(scores, wanted, self._contents.views[number], top)

    def view(self, model_id: str, view: int) -> npt.NDArray[np.uint8]:
        """Read a rendered view of a model, shape (h, w, 3).

        Raises
        ------
        UserError
            If there is no such model or view, or the views are damaged.
        """
        path = self._contents.shards[self._find(model_id)]
        with open_shard(path, "views") as shard:
            count = shard.array.shape[1]
            if not 0 <= view < count:
                raise UserError(f"{model_id} has no view {view}, only 0 to {count - 1}")
            return np.asarray(shard.array[shard.ids.index(model_id), view])

    def add(self, mesh: Path, category: str | None = None) -> str:
        """Make a mesh searchable: render it, describe it, and keep it among those of the data set.

        A library that is opened from now on holds it; see also `current`.

        Parameters
        ----------
        category
            The subfolder of the data set's meshes that it goes to; none if it has no category.

        Returns
        -------
        str
            What was done, for the user.

        Raises
        ------
        ItemError
            If the mesh cannot be rendered, or another one has its id; the message is the reason.
        UserError
            If the category is no name of a folder.
        """
        from ucmgcn.search import add

        mesh, root = Path(mesh), self._results.parent
        target = add.choose_target(mesh, category, self.facts, root)
        id, path = target.model.id, root / target.model.path
        if self._holds(target.model, mesh):
            return f"{id}: it is in the library already"
        add.check_place(target)
        home = self._contents.home
        for warning in add.describe_mesh(mesh, target, self.facts, home, self.encoder):
            logger.warning("%s: %s (%s); %s", mesh, warning.what, warning.detail, warning.mend)
        add.keep(target)
        if self.facts.kind != "folder":
            return f"{id}: searchable until the next run; list it in the {self.facts.kind} to stay"
        kept = f"copied to {path}" if target.files else f"it lies at {path}"
        return f"{id}: searchable now; {kept}, where the next snakemake run takes it in for good"

    def _holds(self, model: Model, mesh: Path) -> bool:
        """Whether a mesh is in the library; ItemError if another one has its id."""
        if model.id not in self._number:
            return False
        digests = {one.model.id: one.digest for one in self._contents.added}
        kept = self.models[self._number[model.id]].path
        digest = digest_of(mesh)
        if kept.is_file() and digest == digest_of(kept):
            return digests.get(model.id, digest) == digest
        raise ItemError(f"the library has another model {model.id}; rename the file")

    def _find(self, model_id: str) -> int:
        if model_id not in self._number:
            near = difflib.get_close_matches(model_id, self._number, n=1, cutoff=0.0)
            raise UserError(f"there is no model {model_id!r}; did you mean {near[0]!r}?")
        return self._number[model_id]

    def _of(self, category: str | None) -> npt.NDArray[np.bool_]:
        if category is None:
            return np.ones(len(self.models), dtype=bool)
        if category not in self.categories:
            known = ", ".join(self.categories) or "none: the models have no categories"
            raise UserError(f"there is no category {category!r}; there are {known}")
        return np.array([model.category == category for model in self.models])

    def _hits(
        self, scores: Features, wanted: npt.NDArray[np.bool_], own: Features, top: int
    ) -> list[Hit]:
        """List the best models; `own` are feature vectors (q, d) to choose each one's view by."""
        order = np.argsort(-scores, kind="stable")
        best = order[wanted[order]][:top].tolist()
        return [
            Hit(rank, model.id, model.category, float(scores[i]), self._view(i, own), model.path)
            for rank, i in enumerate(best, 1)
            for model in [self.models[i]]
        ]

    def _view(self, number: int, own: Features) -> int:
        return int((self._contents.views[number] @ own.T).max(axis=1).argmax())


def _stamp(home: Path) -> list[tuple[str, int]]:
    """Tell a library's files from later ones."""
    files = [home / INDEX, *sorted((home / FOLDER).glob("*/features.h5"))]
    return [(str(file), file.stat().st_mtime_ns) for file in files]
