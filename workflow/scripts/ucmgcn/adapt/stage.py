"""The adapt stage: from shards of maps to the adapted encoder, and shards of its features."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import shutil
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ucmgcn.adapt.encoder import AdaptedEncoder, Describer, MixedTail, export_adapted
from ucmgcn.adapt.judge import reasons_against, signs
from ucmgcn.adapt.maps import Maps, Sample, draw_sample
from ucmgcn.adapt.shards import describe_photos, describe_views, ids_of
from ucmgcn.adapt.targets import GraphSettings, make_targets
from ucmgcn.adapt.training import Adaptation, Lesson
from ucmgcn.core.arrays import Features, Floats
from ucmgcn.core.devices import Device
from ucmgcn.core.errors import UserError
from ucmgcn.core.strict_json import to_json
from ucmgcn.features.encoders.halves import Halves, Tail, split
from ucmgcn.features.encoders.spec import EncoderSpec
from ucmgcn.features.encoders.torch_encoder import Fusion
from ucmgcn.features.looks import averaged
from ucmgcn.files.digest import sealed_path
from ucmgcn.files.hashing import file_sha256
from ucmgcn.files.rows import read_rows
from ucmgcn.files.shards import open_shard
from ucmgcn.settings import AdaptConfig

JUDGED = 1000  # photos, and models, that are judged

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AdaptFiles:
    """The files of the stage.

    Attributes
    ----------
    image_maps, view_maps
        Shards that it reads.
    weights, tail, encoder
        The trained weights (safetensors), and the tail and the whole encoder (ONNX).
    summary
        JSON: the losses, what was judged, and whether the adapted features are used.
    images, views
        Shards of features that it writes, one for each shard of maps.
    """

    image_maps: Sequence[Path]
    view_maps: Sequence[Path]
    weights: Path
    tail: Path
    encoder: Path
    summary: Path
    images: Sequence[Path]
    views: Sequence[Path]

    @property
    def unfinished(self) -> Path:
        """Folder of the checkpoints from which an interrupted training resumes."""
        return self.weights.parent / "unfinished"


@dataclass(frozen=True)
class AdaptSettings:
    """All that the stage depends on besides its files."""

    adapt: AdaptConfig
    graph: GraphSettings
    device: Device = "cpu"


@dataclass(frozen=True)
class _Items:
    """The sample that the graph is built of: its maps, and its untouched features."""

    photos: Maps
    views: Maps
    looks: Features
    seen: Features


def adapt_encoder(
    files: AdaptFiles,
    spec: EncoderSpec,
    settings: AdaptSettings,
    teachers: Collection[str] | None = None,
) -> None:
    """Teach an encoder's last blocks what the graph knows, and describe all items anew.

    An interrupted training resumes from its checkpoint, and ends with the same numbers as an
    uninterrupted one. If what the features show without labels gets worse, the encoder stays as it
    was: then the features are those of the untouched encoder, and the log and the summary say so.

    Parameters
    ----------
    spec
        The encoder that made the maps.
    teachers
        Ids of the photos that take part; the others are only described, as photos that are asked
        later are. None takes all.

    Raises
    ------
    UserError
        If the maps are damaged or of fewer than 2 models, or the encoder's end is no chain of
        blocks.
    """
    config = settings.adapt
    halves = split(Fusion(spec).eval(), config.blocks)
    trained = copy.deepcopy(halves.tail)
    photos, models = ids_of(files.image_maps, "image-maps"), ids_of(files.view_maps, "view-maps")
    if len(models) < 2:
        raise UserError(
            f"adapt: {len(models)} models are left, which teach nothing; `snakemake rejected` "
            "lists the others. Set adapt.rounds: 0, or add models"
        )
    photos = [id for id in photos if teachers is None or id in teachers]
    sample = draw_sample(photos, models, config.sample, config.seed)
    with (
        Maps(files.image_maps, "image-maps", sample.photos) as image_maps,
        Maps(files.view_maps, "view-maps", sample.models) as view_maps,
    ):
        untouched = Describer(halves.tail, settings.device)
        items = _Items(image_maps, view_maps, image_maps.all(untouched), view_maps.all(untouched))
        losses = _teach(trained, halves, items, sample, files, settings)
        tail = MixedTail(trained.cpu(), halves.tail, config.own_share)
        encoder = AdaptedEncoder(halves, tail, config.looks).eval()
        _write(files, encoder, settings)
        judged = _judge(encoder, items, sample, files, settings)
    if judged["reasons"]:
        logger.warning(
            "adapting is undone, the features stay those of the encoder as it comes: %s",
            "; ".join(judged["reasons"]),
        )
        tail.own = 1.0
        _write(files, encoder, settings)
    outcome = {"adapted": not judged["reasons"], "losses": losses, **judged}
    _summarise(files.summary, outcome, sample)
    shutil.rmtree(files.unfinished, ignore_errors=True)


def _teach(
    tail: Tail,
    halves: Halves,
    items: _Items,
    sample: Sample,
    files: AdaptFiles,
    settings: AdaptSettings,
) -> list[list[float]]:
    """Train a tail for all rounds; return the losses of each."""
    key = _digest(files, settings, halves, sample)
    training = Adaptation(tail, halves.tail, settings.adapt, settings.device, files.unfinished, key)
    cameras, losses = _cameras(files.view_maps), []
    looks, seen = items.looks, items.seen
    for number in range(settings.adapt.rounds):
        if number:
            now = Describer(tail, settings.device)
            looks, seen = items.photos.all(now), items.views.all(now)
        photos = averaged(looks)
        targets = make_targets(photos, seen, cameras, settings.graph, settings.device)
        logger.info("round %d: %d links", number + 1, targets.links.nnz)
        losses.append(training.run(Lesson(items.photos, items.views, targets, number)))
    return losses


def _judge(
    encoder: AdaptedEncoder,
    items: _Items,
    sample: Sample,
    files: AdaptFiles,
    settings: AdaptSettings,
) -> dict[str, Any]:
    """Compare the signs before and after; any reason against the new features undoes them."""
    generator = np.random.default_rng(settings.adapt.seed)
    photos, models = (
        np.sort(generator.permutation(len(ids))[:JUDGED]) for ids in (sample.photos, sample.models)
    )
    looks = items.photos.all(Describer(encoder.tail, settings.device), photos)
    seen = read_rows(files.views, "view-features", [sample.models[i] for i in models])
    before, after = signs(items.looks[photos], items.seen[models]), signs(looks, seen)
    logger.info("signs before: %s; after: %s", before.means, after.means)
    return {
        "before": before.means,
        "after": after.means,
        "reasons": reasons_against(before, after),
    }


def _write(files: AdaptFiles, encoder: AdaptedEncoder, settings: AdaptSettings) -> None:
    description = json.loads(export_adapted(encoder, files.weights, files.tail, files.encoder))
    describe, facts = Describer(encoder.tail, settings.device), {"encoder": description}
    for maps, out in zip(files.image_maps, files.images, strict=True):
        describe_photos(maps, out, describe, facts)
    for maps, out in zip(files.view_maps, files.views, strict=True):
        describe_views(maps, out, describe, facts)


def _summarise(path: Path, facts: dict[str, Any], sample: Sample) -> None:
    counted = {"photos": len(sample.photos), "models": len(sample.models)}
    with sealed_path(path) as partial:
        partial.write_text(to_json({**facts, **counted}), encoding="utf-8")


def _cameras(view_maps: Sequence[Path]) -> Floats:
    with open_shard(view_maps[0], "view-maps") as shard:
        return np.asarray(shard.extra("cameras"))


def _digest(files: AdaptFiles, settings: AdaptSettings, halves: Halves, sample: Sample) -> str:
    facts = [asdict(settings), halves.trunk.describe(), asdict(sample)]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for path in (*files.image_maps, *files.view_maps):
        digest.update(file_sha256(path).encode())
    return digest.hexdigest()
