from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from command import bound_by_permissions
from hypothesis import given
from hypothesis import strategies as st

from ucmgcn.core.errors import UserError
from ucmgcn.datasets.manifest import (
    Item,
    listing_digest,
    read_items,
    scan,
    shard_digests,
    shard_of,
    write_items,
)
from ucmgcn.files.shards import Rejection
from ucmgcn.media.formats import MESH_SUFFIXES, RICHEST_FIRST


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


def test_ids_do_not_depend_on_how_the_folder_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "set" / "chair" / "a.b.obj")
    touch(tmp_path / "set" / "c.stl")
    monkeypatch.chdir(tmp_path / "set")
    for root, prefix in ((Path(), ""), (Path("../set"), "../set/"), (tmp_path / "set", None)):
        items = scan(root, "models")[0]
        prefix = f"{tmp_path / 'set'}/" if prefix is None else prefix
        assert [(i.id, i.category, i.path) for i in items] == [
            ("c", "", f"{prefix}c.stl"),
            ("chair/a.b", "chair", f"{prefix}chair/a.b.obj"),
        ]


LIST = (
    "import sys; from pathlib import Path; from ucmgcn.core.errors import UserError\n"
    "from ucmgcn.datasets.manifest import scan\n"
    "try: items, rejected = scan(Path(sys.argv[1]), 'models')\n"
    "except UserError as error: sys.exit(str(error))\n"
    "print([item.id for item in items], [(r.path, r.reason) for r in rejected])"
)


def listed_without_privileges(root: Path) -> str:
    command = [*bound_by_permissions(), sys.executable, "-c", LIST, str(root)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_an_unreadable_folder_is_rejected_or_an_error(tmp_path: Path) -> None:
    touch(tmp_path / "chair" / "a.obj")
    locked = touch(tmp_path / "table" / "b.obj").parent
    locked.chmod(0)
    listed = listed_without_privileges(tmp_path)
    assert f"['chair/a'] [('{locked}', 'the folder cannot be read (Permission denied)')]" in listed
    tmp_path.chmod(0o300)
    listed = listed_without_privileges(tmp_path)
    assert listed == f"models: the folder {tmp_path} cannot be read (Permission denied)\n"
    tmp_path.chmod(0o700)
    locked.chmod(0o700)


def test_an_error_on_a_duplicate_id_names_both_files(tmp_path: Path) -> None:
    one, two = touch(tmp_path / "chair" / "a.jpg"), touch(tmp_path / "chair" / "a.png")
    with pytest.raises(UserError) as error:
        scan(tmp_path, "images")
    assert str(one) in str(error.value) and str(two) in str(error.value)


def test_a_model_in_several_formats_is_one_model(tmp_path: Path) -> None:
    for name in ("a.stl", "a.obj", "a.GLB", "b.stl", "b.off"):
        touch(tmp_path / "chair" / name)
    items, rejected = scan(tmp_path, "models")
    assert [Path(item.path).name for item in items] == ["a.GLB", "b.off"]
    assert {Path(row.path).name: row.reason for row in rejected} == {
        "a.obj": "a.GLB beside it is used, the same model in a richer format",
        "a.stl": "a.GLB beside it is used, the same model in a richer format",
        "b.stl": "b.off beside it is used, the same model in a richer format",
    }


def test_the_richness_of_every_mesh_format_is_known() -> None:
    assert sorted(RICHEST_FIRST) == sorted(MESH_SUFFIXES)


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
    (tmp_path / "models" / "table").symlink_to(tmp_path / "elsewhere")
    items, rejected = scan(tmp_path / "models", "models")
    assert [i.id for i in items] == ["chair/b"]
    assert [Path(r.path).name for r in rejected] == ["a.obj", "table"]
    assert all("outside" in r.reason for r in rejected)


def test_a_category_that_is_a_link_is_read_or_listed(tmp_path: Path) -> None:
    touch(tmp_path / "sofa" / "a.obj")
    touch(tmp_path / ".store" / "lamp" / "b.obj")
    (tmp_path / "couch").symlink_to(tmp_path / "sofa")  # before its target, in the order of names
    (tmp_path / "lamp").symlink_to(tmp_path / ".store" / "lamp")
    items, rejected = scan(tmp_path, "models")
    assert [item.id for item in items] == ["lamp/b", "sofa/a"]
    reason = f"it is a link to {tmp_path / 'sofa'}, which is read under its own name"
    assert [(row.path, row.reason) for row in rejected] == [(str(tmp_path / "couch"), reason)]


def test_an_error_on_a_folder_of_links_that_lead_outside_names_them(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere" / "chair" / "a.obj")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "chair").symlink_to(tmp_path / "elsewhere" / "chair")
    with pytest.raises(UserError, match=r"models/chair: it is a link that leads outside"):
        scan(tmp_path / "models", "models")


def test_a_cycle_of_links_is_cut(tmp_path: Path) -> None:
    touch(tmp_path / "chair" / "a.obj")
    (tmp_path / "chair" / "loop").symlink_to(tmp_path)
    assert [i.id for i in scan(tmp_path, "models")[0]] == ["chair/a"]


def test_an_error_on_a_photo_folder_given_as_models_says_what_it_holds(tmp_path: Path) -> None:
    touch(tmp_path / "chair" / "a.jpg")
    with pytest.raises(UserError, match=r"1 \.jpg.*right folder"):
        scan(tmp_path, "models")


def test_photos_may_be_left_out_and_models_may_not(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "none"):
        with pytest.raises(UserError, match="or leave out images to build a library without"):
            scan(root, "images")
        with pytest.raises(UserError) as error:
            scan(root, "models")
        assert "leave out" not in str(error.value)


def test_an_error_on_a_missing_folder_names_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        scan(tmp_path / "nowhere", "models")


@given(st.sets(st.text(min_size=1)), st.text(min_size=1), st.integers(1, 50))
def test_a_new_id_moves_no_other(ids: set[str], new: str, n_shards: int) -> None:
    before = {id: shard_of(id, n_shards) for id in ids}
    after = {id: shard_of(id, n_shards) for id in ids | {new}}
    assert before.items() <= after.items()
    assert all(0 <= shard < n_shards for shard in after.values())


def test_items_are_spread_evenly_over_the_shards() -> None:
    items = [Item(f"chair/{n:02d}", f"{n}.obj", "chair", "", 1, 2) for n in range(40)]
    shards = Counter(shard_of(item.id, 4) for item in items)
    assert set(shards) == set(range(4)) and shards.total() == 40


def test_additional_columns_are_written_and_model_ids_are_read_back(tmp_path: Path) -> None:
    items = [
        Item("a", "a.jpg", "", "test", 1, 2, "m1", (("style", "NA"),)),
        Item("b", "b.jpg", "", "train", 1, 2),
    ]
    write_items(tmp_path / "images.csv", items)
    frame = pd.read_csv(tmp_path / "images.csv", dtype=str, keep_default_na=False)
    assert list(frame["style"]) == ["NA", ""] and list(frame["model_id"]) == ["m1", ""]
    assert read_items(tmp_path / "images.csv") == [replace(item, extra=()) for item in items]


def test_there_is_no_model_id_column_if_no_item_has_one(tmp_path: Path) -> None:
    write_items(tmp_path / "images.csv", [Item("a", "a.jpg", "", "", 1, 2)])
    assert "model_id" not in (tmp_path / "images.csv").read_text()


def test_items_with_any_name_survive_a_round_trip(tmp_path: Path) -> None:
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


def test_listing_digest_sees_additions_changes_and_rejections() -> None:
    a, b = (Item(id, f"{id}.obj", "chair", "", 1, 2) for id in "ab")
    rejected = [Rejection("c.obj", "manifest", "the file is empty")]
    digests = {
        listing_digest(*case)
        for case in [
            ([a], []),
            ([a, b], []),
            ([a, replace(b, size=3)], []),
            ([a, replace(b, split="test")], []),
            ([a, replace(b, model_id="m")], []),
            ([a, b], rejected),
        ]
    }
    assert len(digests) == 6
    assert listing_digest([a], []) == listing_digest([a], [])


def test_a_changed_split_or_category_does_not_reread_the_file() -> None:
    a = Item("a", "a.obj", "chair", "", 1, 2)
    same = replace(a, category="stool", split="test", model_id="m")
    assert shard_digests([a], 3) == shard_digests([same], 3)
    assert shard_digests([a], 3) != shard_digests([replace(a, mtime_ns=3)], 3)
