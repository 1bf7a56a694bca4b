"""Contents of a library: the index of a finished run, and the models added since."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from ucmgcn.core.arrays import Features, Images
from ucmgcn.core.errors import UserError
from ucmgcn.files.shards import open_shard
from ucmgcn.graph.attach import Frozen, embed_model
from ucmgcn.index.file import Model, SearchIndex, read_index
from ucmgcn.search.additions import Addition, feature_files, read_additions
from ucmgcn.settings import Method

INDEX = Path("index") / "index.h5"
GRAPH_METHODS = ("ucm-gcn", "propagation")
POOLING_METHODS = ("max-pool", "mean-pool")
METHODS = (*GRAPH_METHODS, *POOLING_METHODS, "max-view", "alpha-qe")


@dataclass(frozen=True)
class Contents:
    """The models of a library: the m of the graph, then the a added ones.

    Attributes
    ----------
    home, version
        The data set's results, and the state of its files, see `version_of`.
    method
        How models are ranked, one of `METHODS`.
    index, frozen
        The index, and the frozen state of the method; of a baseline, that of propagation.
    additions
        The added models.
    gallery
        Embeddings of all models, unit vectors, shape (m + a, e).
    views
        Features of all views in the graph's space, unit vectors, shape (m + a, v, d).
    """

    home: Path
    version: list[tuple[str, int]]
    method: str
    index: SearchIndex
    frozen: Frozen
    additions: list[Addition]
    gallery: Features
    views: Features

    @property
    def root(self) -> Path:
        """Folder of the run, which the paths of meshes are relative to."""
        return self.home.parent.parent

    @property
    def models(self) -> list[Model]:
        """All models, the paths of their meshes relative to the folder of the run."""
        return [*self.index.models, *(addition.model for addition in self.additions)]

    @property
    def shards(self) -> list[Path]:
        """For each model the shard with its views."""
        files = [self.home / path for path in self.index.facts.views]
        own = [files[i] for i in self.index.shard]
        return [*own, *(addition.views for addition in self.additions)]

    @property
    def view_features(self) -> list[Path]:
        """The shards with the features of all views."""
        files = [self.home / path for path in self.index.facts.view_features]
        return [*files, *(addition.view_features for addition in self.additions)]

    def query(self, feature: Features) -> Features:
        """Map the features (D,) of a photo to the graph's space, (1, d)."""
        return self.frozen.space.photos(feature[None])

    def view(self, number: int, view: int) -> Images:
        """Read a rendered view of a model, shape (h, w, 3).

        Raises
        ------
        UserError
            If there is no such view, or the views are damaged.
        """
        id = self.models[number].id
        with open_shard(self.shards[number], "views") as shard:
            count = shard.array.shape[1]
            if not 0 <= view < count:
                raise UserError(f"{id} has no view {view}, only 0 to {count - 1}")
            return np.asarray(shard.array[shard.ids.index(id), view])

    def pooled(self, pooling: str) -> Features:
        """Read the encoder's features of all models, pooled over views, shape (m + a, D)."""
        pool = np.max if pooling == "max" else np.mean
        more = [pool(addition.features, axis=0) for addition in self.additions]
        return np.vstack([self.index.pooled(pooling), *more])


def read_contents(folder: Path, method: str | None) -> Contents:
    """Read the library of a data set, and attach the added models to its graph.

    Parameters
    ----------
    folder
        The data set's results.
    method
        One of `METHODS`; None takes the network or, where there is none, propagation.

    Raises
    ------
    UserError
        If it is missing or damaged, or the method cannot rank models for a single photo.
    """
    if method is not None and method not in METHODS:
        raise UserError(_no_method(method))
    home = _with_parents(folder)
    if not (home / INDEX).is_file():
        raise UserError(_no_results(folder, home))
    version = version_of(home)  # before the files are read: a change meanwhile is not missed
    index = read_index(home / INDEX)
    method = method or next(name for name in GRAPH_METHODS if name in index.methods)
    if method in GRAPH_METHODS and method not in index.methods:
        raise UserError(_not_trained(home.name, method))
    frozen = index.frozen(method if method in GRAPH_METHODS else "propagation")
    known = {model.id for model in index.models}
    additions = read_additions(index.facts, known, home.parent.parent, home)
    attached = [embed_model(frozen, one.features, index.beside, index.reach) for one in additions]
    gallery = np.vstack([frozen.gallery, *(embedding for embedding, _ in attached)])
    views = np.concatenate([frozen.views, *(own[None] for _, own in attached)])
    return Contents(home, version, method, index, frozen, additions, gallery, views)


def version_of(home: Path) -> list[tuple[str, int]]:
    """List the files of a library with the time of their last change, in ns, to detect changes."""
    return [(str(file), _changed(file)) for file in (home / INDEX, *feature_files(home))]


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:  # a run deletes the index before it writes it anew
        return 0


def _with_parents(folder: Path) -> Path:
    """Return a path that names the two parents of a folder.

    A path that already does is kept, because messages show it to the user.
    """
    if ".." in folder.parts[-2:]:
        return folder.resolve()
    return folder if len(folder.parts) > 1 else folder.absolute()


def _no_method(method: str) -> str:
    if method.startswith("k-reciprocal"):
        return (
            f"{method} re-ranks all photos together, so it cannot answer a single one; "
            "choose another"
        )
    if method in get_args(Method):
        return f"{method} is a baseline of the tables only; choose one of {', '.join(METHODS)}"
    return f"there is no method {method!r}; choose one of {', '.join(METHODS)}"


def _not_trained(dataset: str, method: str) -> str:
    others = ", ".join(name for name in METHODS if name != method)
    return (
        f"{dataset} was built without photos, so there is no network to rank by {method}; leave "
        f"out the method, or choose one of {others}"
    )


def _no_results(folder: Path, home: Path) -> str:
    """Explain why a folder holds no library; `home` is the folder with its parents."""
    inside = _data_sets(home)
    if inside:
        return f"{folder} holds the results of {', '.join(inside)}; open {folder / inside[0]}"
    if home.is_dir():
        return (
            f"the run of {home.name} is not finished: there is no {folder / INDEX}. "
            f"Run snakemake again"
        )
    there = _data_sets(home.parent)
    found = f"there are {', '.join(there)}" if there else "there are none at all"
    return (
        f"there are no results of {home.name!r} in {home.parent}; {found}. Run snakemake for it "
        f"first, or name another folder of results (--results on the command line)"
    )


def _data_sets(results: Path) -> list[str]:
    """Names of the finished data sets below a folder, sorted."""
    return sorted(path.parents[1].name for path in results.glob(f"*/{INDEX}"))
