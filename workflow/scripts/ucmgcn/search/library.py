"""Search the models of a finished run with a photo, or with one of the models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Self

from ucmgcn.core.arrays import Features, Images
from ucmgcn.core.errors import UserError
from ucmgcn.features.encoders.encoder import DEFAULT_BATCH, Encoder
from ucmgcn.features.encoders.onnx_encoder import OnnxEncoder
from ucmgcn.index.file import Facts, Model
from ucmgcn.search.contents import POOLING_METHODS, Contents, read_contents, version_of
from ucmgcn.search.hits import Gallery, Hit
from ucmgcn.search.likeness import Thresholds
from ucmgcn.search.photo_encoder import Photo, PhotoEncoder
from ucmgcn.search.scoring import EmbeddedModels, make_scorer


class Library:
    """The models of a finished run, ready to be searched; made by `Library.open`.

    Several threads may search it at once.

    Attributes
    ----------
    models
        All models: those of the run in the order of their ids, then those added since.
    categories
        Categories of the models, sorted; empty where they have none.
    method
        How models are ranked: ``"ucm-gcn"`` unless another was asked for, or ``"propagation"``
        where there were no photos to train with.
    facts
        Provenance of the library.
    """

    def __init__(self, contents: Contents, asked: str | None) -> None:
        self._contents, self._asked = contents, asked
        self.method = contents.method
        self.facts: Facts = contents.index.facts
        self._scorer = make_scorer(self.method, contents)
        self.models: Sequence[Model] = [
            replace(model, path=contents.root / model.path) for model in contents.models
        ]
        self._gallery, self._thresholds = Gallery(self.models, contents.views), Thresholds(contents)
        self.categories = self._gallery.categories

    def __repr__(self) -> str:
        return f"<Library {self.facts.dataset}: {len(self.models)} models, method {self.method}>"

    @classmethod
    def open(cls, folder: str | PathLike[str], method: str | None = None) -> Self:
        """Open the library of a data set.

        Parameters
        ----------
        folder
            The results of the data set, such as ``results/demo``.
        method
            How models are ranked; one of `ucmgcn.search.contents.METHODS`. By default the trained
            network, or propagation if there were no photos to train with.

        Raises
        ------
        UserError
            If there are no results of this data set, or they are damaged, or the method cannot
            rank models for a single photo.
        """
        return cls(read_contents(Path(folder), method), method)

    def current(self) -> Self:
        """Return this library, or open it again if its files have changed."""
        home, version = self._contents.home, self._contents.version
        return self if version_of(home) == version else self.open(home, self._asked)

    def search(self, photo: Photo, top: int = 10, category: str | None = None) -> list[Hit]:
        """Find the models that a photo shows, best first.

        The hits depend on this photo and the library only, never on other photos.

        Parameters
        ----------
        photo
            A file, a file's content, an image of Pillow, or an array of RGB values, uint8 of shape
            (h, w, 3).
        top
            How many hits to return, fewer if there are not as many models.
        category
            Only models of this category.

        Raises
        ------
        ItemError
            If it cannot be read as a photo; the message is the reason.
        UserError
            If there is no such category, or a score is not finite.
        """
        wanted = self._gallery.of_category(category)
        feature = self.describe(photo)
        query, thresholds = self._contents.query(feature), self._thresholds(feature, self.encoder)
        return self._gallery.hits(self._scorer.photo(feature), wanted, query, top, thresholds)

    def similar(self, model_id: str, top: int = 10, category: str | None = None) -> list[Hit]:
        """Find the models most similar to one of them, best first, without itself.

        Raises
        ------
        UserError
            If there is no such model or category.
        """
        number = self._gallery.number_of(model_id)
        wanted = self._gallery.of_category(category)
        wanted[number] = False
        return self._gallery.hits(
            self._scorer.model(number), wanted, self._gallery.views[number], top
        )

    def view(self, model_id: str, view: int) -> Images:
        """Read a rendered view of a model, shape (h, w, 3).

        Raises
        ------
        UserError
            If there is no such model or view, or the views are damaged.
        """
        return self._contents.view(self._gallery.number_of(model_id), view)

    @property
    def embeddings(self) -> Features:
        """Embeddings of the models in their order, unit vectors compared by cosine, (m, e).

        Raises
        ------
        UserError
            If the method has no embedding for a model.
        """
        return self._embedded.gallery

    def embed(self, photo: Photo) -> Features:
        """Embed a photo: a unit vector (e,), to compare with `embeddings` by the inner product.

        Raises
        ------
        ItemError
            If it cannot be read as a photo; the message is the reason.
        UserError
            If the method has no embedding for a photo.
        """
        return self._embedded.embed(self.describe(photo))

    @property
    def _embedded(self) -> EmbeddedModels:
        if not isinstance(self._scorer, EmbeddedModels):
            raise UserError(f"{self.method} has no embeddings; choose another method")
        return self._scorer

    def describe(self, photo: Photo) -> Features:
        """Compute the encoder's features (D,) of a photo.

        Raises
        ------
        ItemError
            If it cannot be read as a photo; the message is the reason.
        """
        return self._describe(photo)

    @cached_property
    def _describe(self) -> PhotoEncoder:
        return PhotoEncoder(self.encoder, self.facts.features_config.resize)

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder of the run, on this machine's CPU."""
        batch = self.facts.features_config.batch or DEFAULT_BATCH["cpu"]
        return OnnxEncoder(self._contents.home / self.facts.encoder, batch)

    def add(self, mesh: str | PathLike[str], category: str | None = None) -> str:
        """Make a mesh searchable: render it, encode it, and copy it to those of the data set.

        A library opened from now on holds it; this one does not, see `current`.

        Parameters
        ----------
        mesh
            The file.
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
        from ucmgcn.search.add import add_mesh

        return add_mesh(Path(mesh), category, self._contents, self.encoder)

    def export(self, format: str, out: str | PathLike[str]) -> list[Path]:
        """Write the models' embeddings, and their ids, for other systems.

        Parameters
        ----------
        format
            ``"faiss"``, ``"npy"`` or ``"parquet"``, see `ucmgcn.search.export.export_models`. Of
            the methods max-pool and mean-pool it also writes `encoder.onnx`: what embeds a photo
            for them, without a graph.
        out
            Folder of the files.

        Returns
        -------
        list of Path
            The files.

        Raises
        ------
        UserError
            If there is no such format, or the method has no embeddings.
        """
        from ucmgcn.search.export import export_encoder, export_models

        files = export_models(self.models, self.embeddings, format, Path(out))
        if self.method in POOLING_METHODS:
            files.append(export_encoder(self._contents.home / self.facts.encoder, Path(out)))
        return files
