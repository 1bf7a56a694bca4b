from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from ucmgcn.datasets.self_check import COLUMNS, gather_models
from ucmgcn.files.shards import ShardWriter


def write(path: Path, rows: dict[str, dict]) -> Path:
    with ShardWriter(path, "views", {}, "images", (1, 4, 4, 3), np.uint8) as writer:
        for id, row in rows.items():
            writer.add(id, np.zeros((1, 4, 4, 3), np.uint8))
            writer.note(id, json.dumps({"suspicious": "", "up_axis": "y", **row}))
    return path


def test_the_table_has_a_row_for_each_model_and_names_what_stands_otherwise(tmp_path: Path) -> None:
    chairs = {f"chair/{i}": {"drawn_faces": i + 1} for i in range(5)}
    for chair in chairs.values():
        chair |= {"extent_x": 1, "extent_y": 2, "extent_z": 1}
    lying = {"extent_x": 1, "extent_y": 1, "extent_z": 2}
    chairs["chair/5"] = {**lying, "up_axis": "z", "suspicious": "it is flat", "declared_faces": 7}
    lamps = {f"lamp/{i}": {"up_axis": "xyz"[i]} for i in range(3)}  # too few to compare
    shards = [write(tmp_path / "1.h5", lamps), write(tmp_path / "0.h5", chairs)]
    gather_models(shards, tmp_path / "models.csv")
    table = pd.read_csv(tmp_path / "models.csv", dtype=str, keep_default_na=False)
    assert tuple(table) == COLUMNS and list(table["id"]) == sorted(chairs | lamps)
    told = dict(zip(table["id"], table["suspicious"], strict=True))
    assert {id for id, why in told.items() if why} == {"chair/5"}
    assert told["chair/5"] == ("it is flat; its up axis looks like z, and y for most of chair")
    assert table["declared_faces"].tolist()[5] == "7"


def test_only_what_fits_the_others_better_when_turned_stands_otherwise(tmp_path: Path) -> None:
    def flat(x: float, y: float, z: float, up: str) -> dict:
        return {"up_axis": up, "extent_x": x, "extent_y": y, "extent_z": z}

    planes = {f"plane/{i}": flat(7 + i, 2, 9 + i, "y") for i in range(6)}
    planes["plane/odd"] = flat(7, 2, 15, "z")  # a long one, which lies as the others do
    planes["plane/turned"] = flat(14, 18, 4, "z")
    gather_models([write(tmp_path / "0.h5", planes)], tmp_path / "models.csv")
    table = pd.read_csv(tmp_path / "models.csv", keep_default_na=False).set_index("id")
    assert set(table.index[table["suspicious"] != ""]) == {"plane/turned"}


def test_models_that_came_as_views_give_an_empty_table(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "0.h5", "views", {}, "images", (1, 4, 4, 3), np.uint8) as writer:
        writer.add("a", np.zeros((1, 4, 4, 3), np.uint8))
    gather_models([tmp_path / "0.h5"], tmp_path / "models.csv")
    assert pd.read_csv(tmp_path / "models.csv").empty
