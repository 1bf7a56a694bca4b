from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from ucmgcn.manifest import read_rejected, write_rejected
from ucmgcn.rejected import gather_rejected
from ucmgcn.store import Rejection, ShardWriter


def shard(path: Path, kind: str, bad: str) -> Path:
    with ShardWriter(path, kind, {}, "x", (1,), "u1") as writer:
        writer.reject(bad, "it is broken")
    return path


def test_every_stage_is_in_the_table(tmp_path: Path) -> None:
    write_rejected(tmp_path / "m.csv", [Rejection("c.xyz", "manifest", "unknown")])
    gather_rejected(
        tmp_path / "m.csv",
        [shard(tmp_path / "v.h5", "views", "b.obj")],
        [shard(tmp_path / "i.h5", "image-features", "a.jpg")],
        tmp_path / "out.csv",
    )
    frame = pd.read_csv(tmp_path / "out.csv")
    assert list(frame.columns) == ["path", "stage", "reason"]
    assert frame.values.tolist() == [
        ["a.jpg", "features", "it is broken"],
        ["b.obj", "render", "it is broken"],
        ["c.xyz", "manifest", "unknown"],
    ]


def test_a_name_that_is_no_text_is_written_as_an_escape(tmp_path: Path) -> None:
    name = os.fsdecode(b"latin-\xe9.obj")
    write_rejected(tmp_path / "r.csv", [Rejection(name, "manifest", "its name is not valid text")])
    (row,) = read_rejected(tmp_path / "r.csv")
    assert row.path == "latin-\\udce9.obj"
