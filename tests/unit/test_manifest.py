from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucmgcn.errors import UserError
from ucmgcn.manifest import (
    Item,
    listing_digest,
    read_items,
    read_rejected,
    scan,
    shard_members,
    shard_of,
    write_items,
    write_manifest,
)


def touch(path: Path, content: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_category_is_the_first_folder_at_any_depth(tmp_path: Path) -> None:
    touch(tmp_path / "chair" / "office" / "a.obj")
    touch(tmp_path / "chair" / "b.STL")
    items, rejected = scan(tmp_path, "models")
    assert [(i.id, i.category) for i in items] == [
        ("chair/b", "chair"),
        ("chair/office/a", "chair"),
    ]
    assert rejected == []


def test_flat_folder_has_empty_categories(tmp_path: Path) -> None:
    touch(tmp_path / "a.obj")
    assert [(i.id, i.category) for i in scan(tmp_path, "models")[0]] == [("a", "")]


def test_two_files_with_one_id_names_both(tmp_path: Path) -> None:
    one, two = touch(tmp_path / "chair" / "a.obj"), touch(tmp_path / "chair" / "a.ply")
    with pytest.raises(UserError) as error:
        scan(tmp_path, "models")
    assert str(one) in str(error.value) and str(two) in str(error.value)


def test_unusable_files_are_listed_and_companions_are_not(tmp_path: Path) -> None:
    touch(tmp_path / "chair" / "a.obj")
    touch(tmp_path / "chair" / "a.mtl")
    touch(tmp_path / "chair" / "wood.png")
    touch(tmp_path / "chair" / "empty.obj", "")
    touch(tmp_path / "chair" / "scene.blend")
    os.mkfifo(tmp_path / "chair" / "pipe.obj")
    (tmp_path / "chair" / "dangling.obj").symlink_to(tmp_path / "nowhere.obj")
    items, rejected = scan(tmp_path, "models")
    assert [i.id for i in items] == ["chair/a"]
    reasons = {Path(r.path).name: r.reason for r in rejected}
    assert set(reasons) == {"empty.obj", "scene.blend", "pipe.obj", "dangling.obj"}
    assert "empty" in reasons["empty.obj"] and ".blend" in reasons["scene.blend"]
    assert all(r.stage == "manifest" for r in rejected)


def test_a_link_that_leads_outside_is_rejected(tmp_path: Path) -> None:
    outside = touch(tmp_path / "elsewhere" / "a.obj")
    touch(tmp_path / "models" / "chair" / "b.obj")
    (tmp_path / "models" / "chair" / "a.obj").symlink_to(outside)
    items, rejected = scan(tmp_path / "models", "models")
    assert [i.id for i in items] == ["chair/b"]
    assert "outside" in rejected[0].reason


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    touch(tmp_path / "chair" / "a.obj")
    (tmp_path / "chair" / "loop").symlink_to(tmp_path)
    assert [i.id for i in scan(tmp_path, "models")[0]] == ["chair/a"]


def test_photo_folder_given_as_models_says_what_it_holds(tmp_path: Path) -> None:
    touch(tmp_path / "chair" / "a.jpg")
    with pytest.raises(UserError, match=r"1 \.jpg.*right folder"):
        scan(tmp_path, "models")


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        scan(tmp_path / "nowhere", "models")


@given(st.sets(st.text(min_size=1)), st.text(min_size=1), st.integers(1, 50))
def test_a_new_id_moves_no_other(ids: set[str], new: str, n_shards: int) -> None:
    before = {id: shard_of(id, n_shards) for id in ids}
    after = {id: shard_of(id, n_shards) for id in ids | {new}}
    assert before.items() <= after.items()
    assert all(0 <= shard < n_shards for shard in after.values())


def test_the_shards_hold_every_item_once(tmp_path: Path) -> None:
    models, images = tmp_path / "models", tmp_path / "images"
    for n in range(40):
        touch(models / "chair" / f"{n}.obj")
    touch(images / "chair" / "p.jpg")
    write_manifest(models, images, tmp_path)
    shards = [shard_members(models, "models", shard, 4) for shard in range(4)]
    together = sorted((item for shard in shards for item in shard), key=lambda item: item.id)
    assert together == read_items(tmp_path / "models.csv")
    assert all(len(shard) > 0 for shard in shards)
    assert read_rejected(tmp_path / "rejected.csv") == []


def test_items_survive_the_file_whatever_their_names(tmp_path: Path) -> None:
    items = [
        Item(id, f"x/{id}.obj", category, "", 1, 2)
        for id, category in [
            ("NA", "nan"),
            ("001", "1e5"),
            ('a "b", c', "ä ö"),
            ("line\nbreak", ""),
        ]
    ]
    write_items(tmp_path / "items.csv", items)
    assert read_items(tmp_path / "items.csv") == items


def test_listing_digest_sees_additions_changes_and_removals(tmp_path: Path) -> None:
    a = touch(tmp_path / "chair" / "a.obj")
    first = listing_digest(tmp_path)
    assert listing_digest(tmp_path) == first
    b = touch(tmp_path / "chair" / "b.obj")
    second = listing_digest(tmp_path)
    b.write_text("longer")
    third = listing_digest(tmp_path)
    b.unlink()
    assert len({first, second, third}) == 3
    assert listing_digest(tmp_path) == first
    a.unlink()
    assert listing_digest(tmp_path) != first
