from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import layouts
import numpy as np
import pytest
from PIL import Image

from ucmgcn.core.errors import ItemError
from ucmgcn.core.worker import Worker
from ucmgcn.datasets.kinds.mi3dor import view_files
from ucmgcn.datasets.manifest import Item
from ucmgcn.files.shards import open_shard
from ucmgcn.render.given_views import choose, read_views, read_views_shard
from ucmgcn.settings import Limits


def view(path: Path, value: int, size: tuple[int, int] = (32, 32)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path)


def test_views_are_ordered_by_their_number_not_as_text(tmp_path: Path) -> None:
    for number in (10, 2, 1, 12, 9):
        view(tmp_path / f"chair_7_{number}.png", number)
    (tmp_path / "notes.txt").write_text("x")
    assert [p.stem for p in view_files(tmp_path)] == [f"chair_7_{n}" for n in (1, 2, 9, 10, 12)]


@pytest.mark.parametrize(
    ("views", "expected"), [(12, range(12)), (4, [0, 3, 6, 9]), (5, [0, 2, 4, 7, 9]), (1, [0])]
)
def test_a_subset_is_evenly_spaced(views: int, expected) -> None:
    paths = [Path(f"{n}.png") for n in range(12)]
    assert choose(paths, views) == [paths[i] for i in expected]


@pytest.fixture(scope="module")
def padded() -> Iterator[Worker]:
    settings = {"inputs": [(16, "bilinear")], "resize": "pad"}
    with Worker("ucmgcn.media.photos:photo_task", settings, Limits()) as worker:
        yield worker


def test_images_are_padded_and_scaled_to_squares(tmp_path: Path, padded: Worker) -> None:
    view(tmp_path / "a_1.png", 0, size=(40, 20))
    (square,), warnings = read_views(tmp_path, 1, padded)
    assert square.shape == (16, 16, 3) and not warnings
    assert (square[8] == 0).all() and (square[0] == 255).all()


def test_too_few_or_damaged_views_are_item_errors(tmp_path: Path, padded: Worker) -> None:
    view(tmp_path / "a_1.png", 0)
    with pytest.raises(ItemError, match="it has 1 views, but 2 are asked for"):
        read_views(tmp_path, 2, padded)
    (tmp_path / "a_2.png").write_bytes(b"no picture")
    with pytest.raises(ItemError, match=r"a_2\.png: it is no image"):
        read_views(tmp_path, 2, padded)


def test_a_shard_has_the_layout_of_rendered_views(tmp_path: Path) -> None:
    root = layouts.mi3dor(tmp_path, objects=1)
    folder = root / "model" / "test" / "bed" / "bed_test_0000"
    (root / "model" / "test" / "broken").mkdir()
    rows = [
        Item("bed", str(folder), "bed", "test", 0, 0),
        Item("broken", str(root / "model/test/broken"), "bed", "test", 0, 0),
    ]
    read_views_shard(rows, tmp_path / "shard.h5", 4, 24, 30.0, {"views": 4})
    with open_shard(tmp_path / "shard.h5", "views") as shard:
        assert shard.ids == ["bed"] and shard.array.shape == (1, 4, 24, 24, 3)
        assert shard.extra("cameras").shape == (4, 3)
        np.testing.assert_allclose(shard.extra("cameras")[:, 1], 0.5)
        assert [r.path for r in shard.rejected] == [rows[1].path]
        # The first image has stripes that darken red only.
        red, green, blue = shard.array[0, 0].reshape(-1, 3).mean(axis=0)
        assert red + 50 < green and abs(green - blue) < 3
