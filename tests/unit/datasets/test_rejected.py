from __future__ import annotations

import logging
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ucmgcn.core.item_warnings import ItemWarning
from ucmgcn.datasets.manifest import read_rejected, write_rejected
from ucmgcn.datasets.rejected import gather_rejected
from ucmgcn.files.shards import Rejection, ShardWriter


def shard(path: Path, kind: str, bad: str, *warned: str) -> Path:
    with ShardWriter(path, kind, {}, "x", (1,), "u1") as writer:
        writer.reject(bad, "it is broken")
        for id in ("whole", *warned):
            writer.add(id, np.zeros(1, np.uint8))
        for id in warned:
            writer.warn(id, [ItemWarning("texture not found", f"{id}.png", "put it there")])
    return path


def test_the_table_covers_every_stage(tmp_path: Path) -> None:
    write_rejected(tmp_path / "m.csv", [Rejection("c.xyz", "manifest", "unknown")])
    shards = {
        "views": [shard(tmp_path / "v.h5", "views", "b.obj")],
        "image-features": [shard(tmp_path / "i.h5", "image-features", "a.jpg")],
    }
    gather_rejected(tmp_path / "m.csv", shards, tmp_path / "out.csv", tmp_path / "warned.csv")
    assert pd.read_csv(tmp_path / "warned.csv").empty
    frame = pd.read_csv(tmp_path / "out.csv")
    assert list(frame.columns) == ["path", "stage", "reason"]
    assert frame.values.tolist() == [
        ["a.jpg", "features", "it is broken"],
        ["b.obj", "render", "it is broken"],
        ["c.xyz", "manifest", "unknown"],
    ]


def test_a_name_that_is_not_valid_text_is_escaped(tmp_path: Path) -> None:
    name = os.fsdecode(b"latin-\xe9.obj")
    write_rejected(tmp_path / "r.csv", [Rejection(name, "manifest", "its name is not valid text")])
    (row,) = read_rejected(tmp_path / "r.csv")
    assert row.path == "latin-\\udce9.obj"


def test_warnings_are_listed_and_counted_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_rejected(tmp_path / "m.csv", [])
    shards = {
        "views": [
            shard(tmp_path / "1.h5", "views", "b.obj", "b", "a"),
            shard(tmp_path / "2.h5", "views", "c.obj", "c"),
        ],
        "image-features": [shard(tmp_path / "i.h5", "image-features", "a.jpg")],
    }
    with caplog.at_level(logging.WARNING):
        gather_rejected(tmp_path / "m.csv", shards, tmp_path / "out.csv", tmp_path / "warned.csv")
    assert "3 of 5 models: texture not found; " in caplog.text
    frame = pd.read_csv(tmp_path / "warned.csv")
    assert list(frame.columns) == ["id", "stage", "what", "detail", "mend"]
    assert frame["id"].tolist() == ["a", "b", "c"] and set(frame["stage"]) == {"render"}
    assert frame["detail"].tolist() == ["a.png", "b.png", "c.png"]
