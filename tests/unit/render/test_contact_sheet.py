import numpy as np
import pytest
from PIL import Image

from ucmgcn.core.errors import UserError
from ucmgcn.files.shards import ShardWriter
from ucmgcn.render.contact_sheet import sample_ids, write_contact_sheet

COLOURS = {"a/1": (255, 0, 0), "a/2": (0, 255, 0), "b/1": (0, 0, 255)}


def write_views(path, ids):
    with ShardWriter(path, "views", {}, "images", (4, 16, 16, 3), np.uint8) as writer:
        for id in ids:
            writer.add(id, np.full((4, 16, 16, 3), COLOURS[id], dtype=np.uint8))
    return path


@pytest.fixture
def shards(tmp_path):
    return [write_views(tmp_path / "0.h5", ["a/1", "b/1"]), write_views(tmp_path / "1.h5", ["a/2"])]


def count(path, colour):
    return int((np.asarray(Image.open(path)) == colour).all(axis=-1).sum())


def test_every_sampled_model_is_drawn(tmp_path, shards):
    out = tmp_path / "sheet.png"
    write_contact_sheet(shards, out, views=3, size=20)
    assert {count(out, colour) for colour in COLOURS.values()} == {3 * 20 * 20}


def test_the_sheet_does_not_depend_on_the_shards_order(tmp_path, shards):
    write_contact_sheet(shards, tmp_path / "1.png", models=2)
    write_contact_sheet(shards[::-1], tmp_path / "2.png", models=2)
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()
    assert count(tmp_path / "1.png", COLOURS["b/1"]) > 0


def test_long_ids_are_cut(tmp_path):
    COLOURS["long/" + 80 * "x"] = (9, 9, 9)
    write_views(tmp_path / "0.h5", ["long/" + 80 * "x"])
    write_contact_sheet([tmp_path / "0.h5"], tmp_path / "sheet.png", views=2, size=32)
    # One column: margin, two views, margin.
    assert Image.open(tmp_path / "sheet.png").width == 24 + 2 * 32 + 24


def test_no_model_is_a_user_error(tmp_path):
    write_views(tmp_path / "0.h5", [])
    with pytest.raises(UserError, match="no model could be rendered"):
        write_contact_sheet([tmp_path / "0.h5"], tmp_path / "sheet.png")


def test_no_model_quotes_why_and_the_command_that_lists_all(tmp_path):
    shape = (4, 16, 16, 3)
    with ShardWriter(tmp_path / "0.h5", "views", {}, "images", shape, np.uint8) as writer:
        for name in "abcd":
            writer.reject(f"{name}.obj", "it has no faces")
    with pytest.raises(UserError, match=r"4 rejected: a\.obj: it has no faces.*snakemake rej"):
        write_contact_sheet([tmp_path / "0.h5"], tmp_path / "sheet.png")


@pytest.mark.parametrize("n", [1, 3, 7, 12, 40])
def test_samples_are_spread_over_the_categories(n):
    ids = [f"{c}/{i:02d}" for c, size in zip("pqr", (2, 5, 20), strict=True) for i in range(size)]
    sample = sample_ids(reversed(ids), n)
    assert sample == sorted(set(sample))
    assert set(sample) <= set(ids)
    assert len(sample) == min(n, len(ids))
    counts = [sum(id.startswith(c) for id in sample) for c in "pqr"]
    fair = max(counts)
    assert all(k >= min(size, fair - 1) for k, size in zip(counts, (2, 5, 20), strict=True))
