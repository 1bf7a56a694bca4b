"""The features stage: encode photos and rendered views with one pre-trained encoder.

One pool of threads reads photos, another encodes them. A few batches are read ahead, so that the
encoder never waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from ucmgcn.core.arrays import Features, Images
from ucmgcn.core.errors import ItemError, UserError
from ucmgcn.core.item_warnings import ItemWarning
from ucmgcn.core.progress import track
from ucmgcn.core.worker import Workers
from ucmgcn.features.encoders.encoder import Encoder, Input
from ucmgcn.files.reuse import Earlier, open_earlier, origin_of
from ucmgcn.files.shards import Shard, ShardWriter, open_shard
from ucmgcn.media.photos import load_photo, to_square
from ucmgcn.settings import FeaturesConfig, Limits, Resize

T = TypeVar("T")
R = TypeVar("R")
# Ids, features and origins of some photos or models.
_Described = tuple[list[str], Features, list[str]]


class Product(NamedTuple):
    """What a shard of this stage holds of photos and of views.

    Attributes
    ----------
    photos, views
        Kinds of the shards.
    array, dtype
        Name and type of the main array.
    looks
        The squares cut from a photo, each with a row of its own; none: one row, cut as configured.
    """

    photos: str = "image-features"
    views: str = "view-features"
    array: str = "features"
    dtype: str = "f4"
    looks: tuple[Resize, ...] = ()


FEATURES = Product()


class _Read(NamedTuple):
    """Photos as read: encoder inputs and warnings by id, and the rejected files with reasons."""

    photos: dict[str, list[Images]]
    warnings: dict[str, list[ItemWarning]]
    rejected: list[tuple[Path, str]]


class _Batch(NamedTuple):
    """A batch of photos: origins, features kept from an earlier shard, and the photos read."""

    origins: dict[str, str]
    kept: dict[str, Features]
    read: _Read


def extract_image_features(  # noqa: PLR0913 - the last says that it is not features
    rows: Sequence[tuple[str, Path]],
    out: Path,
    encoder: Encoder,
    config: FeaturesConfig,
    provenance: Mapping[str, Any],
    threads: int = 1,
    limits: Limits = Limits(),  # noqa: B008
    product: Product = FEATURES,
) -> None:
    """Write the features of photos, as a shard of kind ``"image-features"``.

    A photo that cannot be read is rejected with the reason; the others go on. Worker processes
    decode the photos, see `ucmgcn.core.worker`. Features that `out` already holds are kept if their
    file and the provenance are unchanged.

    Parameters
    ----------
    rows
        Id and file of each photo.
    out
        The shard to write: n vectors of shape (dim,), float32, in the order of the rows.
    encoder
        Computes the features.
    config
        Settings of this stage.
    provenance
        What would make features stale, besides the files and the encoder; stored in the shard.
    threads
        Number of batches that are loaded and encoded in parallel.
    limits
        Limits of time and memory for each photo.
    product
        What to write, if not features.

    Raises
    ------
    UserError
        If a feature is not finite.
    """
    looks = product.looks
    facts = _facts(provenance, encoder, config) | ({"looks": looks} if looks else {})
    shape = (len(looks), encoder.dim) if looks else (encoder.dim,)
    batches = [rows[i : i + encoder.batch] for i in range(0, len(rows), encoder.batch)]
    settings = load_settings(encoder, config.resize, looks)
    with (
        Workers(threads, "ucmgcn.media.photos:photo_task", settings, limits) as load,
        open_earlier(out, product.photos) as earlier,
        ShardWriter(out, product.photos, facts, product.array, shape, product.dtype) as writer,
    ):

        def read(batch: Sequence[tuple[str, Path]]) -> _Batch:
            origins = {id: origin_of(facts, path) for id, path in batch}
            kept = _find(earlier, origins)
            found = _read_photos([row for row in batch if row[0] not in kept], load)
            found.warnings.update((id, earlier.warnings(id)) for id in kept)
            return _Batch(origins, kept, found)

        def describe(batch: _Batch) -> tuple[_Described, _Read]:
            found = _describe_photos(batch.read.photos, encoder, shape, product.dtype)
            return _in_order(batch.origins, {**batch.kept, **found}), batch.read

        # Two pools, so that the next batch is read while this one is encoded.
        done = _in_parallel(describe, _in_parallel(read, batches, threads), threads)
        for described, found in track(done, "photos", len(batches), "batch"):
            _write(writer, described)
            for id, warnings in found.warnings.items():
                writer.warn(id, warnings)
            for path, reason in found.rejected:
                writer.reject(str(path), reason)


def extract_view_features(
    view_shard: Path,
    out: Path,
    encoder: Encoder,
    config: FeaturesConfig,
    provenance: Mapping[str, Any],
    threads: int = 1,
    product: Product = FEATURES,
) -> None:
    """Write the features of rendered views, as a shard of kind ``"view-features"``.

    Features that `out` already holds are kept if their views and the provenance are unchanged.

    Parameters
    ----------
    view_shard
        Shard of kind ``"views"``, with the extra array ``cameras``.
    out
        The shard to write: n items of shape (views, dim), float32, with the same ids, cameras and
        rejections.
    encoder, config, provenance, threads, product
        As in `extract_image_features`.

    Raises
    ------
    UserError
        If the view shard is damaged, or a feature is not finite.
    """
    facts = _facts(provenance, encoder, config)
    with open_shard(view_shard, "views") as views, open_earlier(out, product.views) as earlier:
        origin = [origin_of(facts, origin) for origin in views.origins]

        def describe(models: range) -> _Described:
            origins = {views.ids[i]: origin[i] for i in models}
            kept = _find(earlier, origins)
            missing = [i for i in models if views.ids[i] not in kept]
            seen = _describe_views(views.array[missing], encoder, config.resize) if missing else ()
            rows = (row.astype(product.dtype, copy=False) for row in seen)
            found = zip((views.ids[i] for i in missing), rows, strict=True)
            return _in_order(origins, {**kept, **dict(found)})

        size = max(1, encoder.batch // views.array.shape[1])
        every = range(len(views))
        batches = [every[i : i + size] for i in range(0, len(views), size)]
        with _view_writer(out, views, facts, encoder.dim, product) as writer:
            writer.pass_on(views.rejected)
            done = _in_parallel(describe, batches, threads)
            for described in track(done, "views", len(batches), "batch"):
                _write(writer, described)


def _write(writer: ShardWriter, described: _Described) -> None:
    ids, features, origins = described
    if ids:
        _check_finite(ids, features)
        writer.add_many(ids, features, origins)


def _find(earlier: Earlier, origins: Mapping[str, str]) -> dict[str, Features]:
    items = {id: earlier.find(id, origin) for id, origin in origins.items()}
    return {id: item for id, item in items.items() if item is not None}


def _in_order(origins: Mapping[str, str], items: Mapping[str, Features]) -> _Described:
    """Ids, items and origins of the items at hand, in the order of `origins`."""
    ids = [id for id in origins if id in items]
    rows = np.stack([items[id] for id in ids]) if ids else np.empty((0,), np.float32)
    return ids, rows, [origins[id] for id in ids]


def _facts(
    provenance: Mapping[str, Any], encoder: Encoder, config: FeaturesConfig
) -> dict[str, Any]:
    return {**provenance, "encoder": encoder.describe(), "resize": config.resize}


def load_settings(encoder: Encoder, resize: Resize, looks: Sequence[Resize]) -> dict[str, Any]:
    """Settings of `ucmgcn.media.photos.photo_task` for the photos of an encoder."""
    inputs = [(i.size, i.resample) for i in encoder.inputs]
    return {"inputs": inputs, "resize": resize, "looks": list(looks)}


def load_inputs(photo: Path | IO[bytes], encoder: Encoder, resize: Resize) -> list[Images]:
    """Read a photo in each size that an encoder takes.

    Parameters
    ----------
    photo
        Path of a file, or an open file.
    encoder
        Encoder of the photo. Its `encode` takes these images in batches.
    resize
        How a photo becomes a square.

    Returns
    -------
    An RGB array (size, size, 3), uint8, for each of the encoder's inputs.

    Raises
    ------
    ItemError
        If the file cannot be read as a photo; the message is the reason.
    """
    return [load_photo(photo, i.size, resize, resample=i.resample) for i in encoder.inputs]


def _read_photos(batch: Sequence[tuple[str, Path]], load: Workers) -> _Read:
    read = _Read({}, {}, [])
    for id, path in batch:
        try:
            read.photos[id], read.warnings[id] = load(str(path))
        except ItemError as error:
            read.rejected.append((path, str(error)))
    return read


def _describe_photos(
    photos: Mapping[str, list[Images]], encoder: Encoder, shape: tuple[int, ...], dtype: str
) -> dict[str, Features]:
    """Features of the given shape by id: (dim,), or (looks, dim)."""
    if not photos:
        return {}
    arrays = [np.stack(each) for each in zip(*photos.values(), strict=True)]
    n = len(encoder.inputs)
    looks = [encoder.encode(*arrays[i : i + n]) for i in range(0, len(arrays), n)]
    rows = np.stack(looks, axis=1).reshape(-1, *shape).astype(dtype)
    return dict(zip(photos, rows, strict=True))


def _describe_views(models: Images, encoder: Encoder, resize: Resize) -> Features:
    """Features (n, views, dim) of the views (n, views, h, w, 3) of n models."""
    flat = models.reshape(-1, *models.shape[2:])
    images = [_fit(flat, wanted, resize) for wanted in encoder.inputs]
    return encoder.encode(*images).reshape(*models.shape[:2], -1)


def _view_writer(
    out: Path, views: Shard, facts: Mapping[str, Any], dim: int, product: Product
) -> ShardWriter:
    shape = (views.array.shape[1], dim)
    cameras = {"cameras": views.extra("cameras")}
    kind, array, dtype = product.views, product.array, product.dtype
    return ShardWriter(out, kind, facts, array, shape, dtype, extra=cameras)


def _fit(views: Images, wanted: Input, resize: Resize) -> Images:
    """Scale views (n, h, w, 3) to the encoder's size, if they were rendered at another."""
    size = wanted.size
    if views.shape[1:3] == (size, size):
        return views
    squares = (to_square(Image.fromarray(v), size, resize, wanted.resample) for v in views)
    return np.stack([np.asarray(square) for square in squares])


def _check_finite(ids: Sequence[str], features: npt.NDArray[np.float32]) -> None:
    for id, values in zip(ids, features, strict=True):
        if not np.isfinite(values).all():
            raise UserError(
                f"{id}: the encoder gave features that are not finite. Check the file of its "
                f"weights (features.weights)"
            )


def _in_parallel(function: Callable[[T], R], items: Iterable[T], threads: int) -> Iterator[R]:
    """Map in a pool of threads, in order, with at most two items per thread in flight."""
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[R]] = deque()
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) >= 2 * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
