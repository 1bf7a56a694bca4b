"""Items of a shard's earlier version are reused only if they are still valid."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from ucmgcn.core.worker import Worker
from ucmgcn.features.encoders.encoder import Input
from ucmgcn.features.stage import extract_image_features, extract_view_features
from ucmgcn.files.reuse import open_earlier, origin_of
from ucmgcn.files.shards import ShardWriter, open_shard
from ucmgcn.render.stage import render_shard
from ucmgcn.settings import FeaturesConfig, RenderConfig

VIEWS = RenderConfig(cameras="ring", views=2, size=32)


@dataclass
class Row:
    id: str
    path: str


class Counting:
    """An encoder that returns the mean colour and counts its images."""

    batch, dim = 2, 3
    inputs = (Input(32, "bilinear"),)

    def __init__(self, weights: str = "a") -> None:
        self.weights, self.seen = weights, 0

    def describe(self) -> dict[str, str]:
        return {"weights": self.weights}

    def encode(self, images: np.ndarray) -> np.ndarray:
        self.seen += len(images)
        return images.mean(axis=(1, 2)).astype(np.float32)


@pytest.fixture
def rendered(monkeypatch) -> list[int]:
    """Record one entry per mesh that is really rendered."""
    done: list[int] = []
    real = Worker.__call__
    monkeypatch.setattr(Worker, "__call__", lambda *a: done.append(1) or real(*a))
    return done


@pytest.fixture
def meshes(tmp_path: Path) -> list[Row]:
    for number in range(4):
        trimesh.creation.box([1, 1 + number, 2]).export(tmp_path / f"{number}.ply")
    return [Row(f"box/{n}", str(tmp_path / f"{n}.ply")) for n in range(4)]


@pytest.fixture
def photos(tmp_path: Path) -> list[tuple[str, Path]]:
    found = []
    for number in range(5):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (40, 40), (50 * number, 10, 20)).save(path)
        found.append((f"photo/{number}", path))
    return found


def content(path: Path, kind: str) -> tuple[list[str], list, list[str]]:
    with open_shard(path, kind) as shard:
        return shard.ids, shard.array[:].tolist(), shard.origins


def touch(path: Path | str) -> None:
    info = os.stat(path)
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns + 10**9))


def test_only_new_and_changed_meshes_are_rendered(tmp_path, meshes, rendered):
    out, fresh = tmp_path / "views.h5", tmp_path / "fresh.h5"
    render_shard(meshes[:3], out, VIEWS, {"code": "1"})
    assert len(rendered) == 3
    trimesh.creation.cone(1, 2).export(meshes[1].path)
    touch(meshes[1].path)
    rendered.clear()
    # One is removed, one changed, one added, one unchanged.
    render_shard(meshes[1:], out, VIEWS, {"code": "1"})
    assert len(rendered) == 2
    render_shard(meshes[1:], fresh, VIEWS, {"code": "1"})
    assert content(out, "views") == content(fresh, "views")


@pytest.mark.parametrize(
    "provenance", [{"code": "2"}, {"code": "1", "render": {"fov": 30}}], ids=["code", "settings"]
)
def test_changed_code_or_settings_rerender_everything(tmp_path, meshes, rendered, provenance):
    render_shard(meshes, tmp_path / "views.h5", VIEWS, {"code": "1"})
    rendered.clear()
    render_shard(meshes, tmp_path / "views.h5", VIEWS, provenance)
    assert len(rendered) == len(meshes)


def test_features_are_extracted_only_for_new_and_changed_photos(tmp_path, photos):
    out = tmp_path / "photos.h5"
    extract_image_features(photos[:4], out, Counting(), FeaturesConfig(), {})
    Image.new("RGB", (40, 40), "white").save(photos[2][1])
    touch(photos[2][1])
    encoder = Counting()
    extract_image_features(photos, out, encoder, FeaturesConfig(), {}, threads=2)
    assert encoder.seen == 2
    extract_image_features(photos, tmp_path / "fresh.h5", Counting(), FeaturesConfig(), {})
    assert content(out, "image-features") == content(tmp_path / "fresh.h5", "image-features")
    for other in (Counting("b"), Counting()):
        extract_image_features(
            photos, out, other, FeaturesConfig(resize="pad"), {"code": other.weights}
        )
        assert other.seen == len(photos)


def test_features_are_extracted_only_for_new_and_changed_views(tmp_path, meshes):
    views, out = tmp_path / "views.h5", tmp_path / "features.h5"
    render_shard(meshes[:3], views, VIEWS, {"code": "1"})
    extract_view_features(views, out, Counting(), FeaturesConfig(), {})
    render_shard(meshes, views, VIEWS, {"code": "1"})
    encoder = Counting()
    extract_view_features(views, out, encoder, FeaturesConfig(), {}, threads=2)
    assert encoder.seen == VIEWS.views
    extract_view_features(views, tmp_path / "fresh.h5", Counting(), FeaturesConfig(), {})
    assert content(out, "view-features") == content(tmp_path / "fresh.h5", "view-features")
    # The same meshes, rendered by changed code.
    render_shard(meshes, views, VIEWS, {"code": "2"})
    encoder = Counting()
    extract_view_features(views, out, encoder, FeaturesConfig(), {})
    assert encoder.seen == VIEWS.views * len(meshes)


def test_nothing_is_reused_from_a_damaged_shard_or_one_without_origins(tmp_path):
    path = tmp_path / "s.h5"
    with ShardWriter(path, "views", {}, "x", (1,), "u1") as writer:
        writer.add("known", np.array([1], np.uint8), "origin")
        writer.add("unknown", np.array([2], np.uint8))
    with open_earlier(path, "views") as earlier:
        assert earlier.find("known", "origin").tolist() == [1]
        assert earlier.find("known", "another") is None
        assert earlier.find("unknown", "") is None
    for broken in (path.read_bytes()[:-100], b"text", None):
        path.unlink() if broken is None else path.write_bytes(broken)
        with open_earlier(path, "views") as earlier:
            assert earlier.find("known", "origin") is None


def test_an_origin_depends_on_the_file_and_its_settings(tmp_path):
    path = tmp_path / "f"
    assert origin_of({}, path) == "" == origin_of({}, "")
    path.write_text("one")
    first = origin_of({"a": 1}, path)
    assert first and first == origin_of({"a": 1}, path) != origin_of({"a": 2}, path)
    touch(path)
    assert origin_of({"a": 1}, path) != first
