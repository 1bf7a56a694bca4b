from __future__ import annotations

from pathlib import Path

import pytest

from ucmgcn.core.errors import UserError
from ucmgcn.datasets.manifest import Item, shard_of
from ucmgcn.pipeline.config import Config, parse_config
from ucmgcn.pipeline.listing import list_data, roles_digest
from ucmgcn.settings import DemoConfig


def folders(root: Path) -> Config:
    for role, suffix in (("models", "obj"), ("images", "jpg")):
        for n in range(20):
            file = root / role / "chair" / f"{n}.{suffix}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("x")
    return parse_config(
        {"dataset": "x", "models": str(root / "models"), "images": str(root / "images")}
    )


def test_a_new_mesh_changes_its_own_shard_alone(tmp_path: Path) -> None:
    config = folders(tmp_path)
    before = list_data(config)
    (tmp_path / "models" / "chair" / "new.obj").write_text("x")
    after = list_data(config)
    changed = [
        i
        for i, pair in enumerate(zip(before.models, after.models, strict=True))
        if len(set(pair)) > 1
    ]
    assert changed == [shard_of("chair/new", config.shards.models)]
    assert after.images == before.images and after.files != before.files


def test_a_changed_mesh_changes_its_shard_and_a_note_beside_it_none(tmp_path: Path) -> None:
    config = folders(tmp_path)
    before = list_data(config)
    (tmp_path / "models" / "readme.txt").write_text("x")
    assert list_data(config).models == before.models
    (tmp_path / "models" / "chair" / "3.obj").write_text("longer")
    assert list_data(config).models != before.models


def test_the_demo_is_listed_before_it_is_made(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    one = list_data(Config())
    assert one == list_data(Config())
    assert one != list_data(Config(demo=DemoConfig(seed=1)))
    more = list_data(Config(demo=DemoConfig(photos_per_category=13)))
    assert more.models == one.models and more.images != one.images


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    config = parse_config({"dataset": "x", "models": str(tmp_path / "no"), "images": "no"})
    with pytest.raises(UserError, match="no"):
        list_data(config)


def test_training_is_told_of_labels_and_splits_only_where_it_reads_them() -> None:
    def digest(supervision: str, category: str, split: str) -> str:
        return roles_digest([Item("1", "a", category, split, 1, 1)], supervision)

    assert digest("none", "cup", "") == digest("none", "mug", "") == ""
    assert digest("none", "cup", "train") == digest("none", "mug", "train") != ""
    assert digest("none", "cup", "train") != digest("none", "cup", "test")
    assert digest("source", "cup", "") != digest("source", "mug", "") != ""
