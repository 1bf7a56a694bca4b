"""The kinds of data sets, each on a small tree of its layout."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import layouts
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucmgcn.core.errors import UserError
from ucmgcn.datasets.dataset import list_items, write_dataset
from ucmgcn.datasets.kinds.shapenet import categories
from ucmgcn.datasets.manifest import Item, read_items
from ucmgcn.datasets.source import Source
from ucmgcn.datasets.split import stratified


def splits(items: list[Item]) -> dict[str, int]:
    return dict(Counter(item.split for item in items))


def test_mi3dor_takes_folders_of_views_and_both_splits(tmp_path: Path) -> None:
    root = layouts.mi3dor(tmp_path)
    source = Source("mi3dor", root / "model", root / "image")
    models, _ = list_items(source, "models")
    images, rejected = list_items(source, "images")
    assert len(models) == len(images) == 18 and not rejected
    assert splits(models) == splits(images) == {"train": 9, "test": 9}
    assert models[0].id == "test/bed/bed_test_0000" and models[0].category == "bed"
    assert Path(models[0].path).is_dir()
    assert images[0].id == "test/bed/n0_0/n0_0" and images[0].path.endswith("n0_0.JPEG")


def test_a_category_with_a_line_break_is_refused(tmp_path: Path) -> None:
    root = layouts.mi3dor(tmp_path)
    places = sorted((root / "model").rglob("bed"))
    assert places
    for place in places:
        place.rename(place.with_name("bed\n=cmd"))
    models, rejected = list_items(Source("mi3dor", root / "model", root / "image"), "models")
    assert {item.category for item in models} & {"bed", "bed\n=cmd"} == set()
    assert len(rejected) == 18 - len(models) > 0
    assert {one.reason.split(" holds ")[1] for one in rejected} == {
        "a line break or another control character; rename it"
    }


def test_mi3dor_rejects_a_model_without_usable_views(tmp_path: Path) -> None:
    root = layouts.mi3dor(tmp_path)
    folder = root / "model" / "test" / "bed"
    (folder / "empty").mkdir()
    (folder / "bed_test_0000" / "bed_test_0000_003.png").write_bytes(b"")
    models, rejected = list_items(Source("mi3dor", root / "model", root / "image"), "models")
    assert len(models) == 17
    assert {Path(r.path).name: r.reason for r in rejected} == {
        "empty": "it holds no rendered view",
        "bed_test_0000": "bed_test_0000_003.png: the file is empty",
    }


def test_a_changed_view_changes_only_the_state_of_its_model(tmp_path: Path) -> None:
    root = layouts.mi3dor(tmp_path)
    source = Source("mi3dor", root / "model", root / "image")
    before = {m.id: m.state for m in list_items(source, "models")[0]}
    layouts.picture(
        root / "model/test/bed/bed_test_0001/bed_test_0001_007.png", "table", 5, size=60
    )
    after = {m.id: m.state for m in list_items(source, "models")[0]}
    assert [id for id in before if before[id] != after[id]] == ["test/bed/bed_test_0001"]


def test_without_a_place_there_are_no_photos(tmp_path: Path) -> None:
    layouts.mesh(tmp_path / "models" / "bed" / "a.obj", "bed", 1)
    source = Source("folder", tmp_path / "models", None)
    assert list_items(source, "images") == ([], [])
    write_dataset(source, tmp_path / "out")
    assert read_items(tmp_path / "out" / "images.csv") == []
    assert [item.id for item in read_items(tmp_path / "out" / "models.csv")] == ["bed/a"]


@pytest.mark.parametrize("missing", ["model/test", "image/train"])
def test_mi3dor_says_what_is_missing_where_and_how_to_get_it(tmp_path: Path, missing: str) -> None:
    root = layouts.mi3dor(tmp_path)
    shutil.rmtree(root / missing)
    role = "models" if missing.startswith("model") else "images"
    with pytest.raises(UserError) as error:
        list_items(Source("mi3dor", root / "model", root / "image"), role)
    for part in (str(root / missing), role, "agreement", "tianbao-li/MI3DOR"):
        assert part in str(error.value)


def test_3d_future_knows_the_model_of_each_photo(tmp_path: Path) -> None:
    root = layouts.three_d_future(tmp_path)
    source = Source("3d-future", root / "model", root / "photos")
    models, _ = list_items(source, "models")
    images, _ = list_items(source, "images")
    assert len(models) == 9 and splits(images) == {"train": 9, "test": 9}
    assert dict(models[0].extra)["normalised"].endswith("bed-0000/normalized_model.obj")
    assert dict(models[0].extra) | {"style": "Modern", "theme": ""} == dict(models[0].extra)
    first = images[0]
    assert (first.id, first.model_id, first.category) == (
        "test/validation_set-bed-0000",
        "bed-0000",
        "bed",
    )


def test_3d_future_takes_the_categories_from_another_column(tmp_path: Path) -> None:
    root = layouts.three_d_future(tmp_path)
    source = Source("3d-future", root / "model", root / "photos", label="super-category")
    assert {m.category for m in list_items(source, "models")[0]} == {"Bed", "Chair", "Table"}
    with pytest.raises(UserError, match="no column 'colour'; known columns: category, material"):
        list_items(replace(source, label="colour"), "images")


def test_3d_future_can_query_with_the_pictures_of_its_models(tmp_path: Path) -> None:
    root = layouts.three_d_future(tmp_path)
    images, _ = list_items(Source("3d-future", root / "model", root / "model"), "images")
    assert len(images) == 9 and all(i.id == i.model_id and i.split == "" for i in images)


def test_3d_future_rejects_listed_items_that_are_missing(tmp_path: Path) -> None:
    root = layouts.three_d_future(tmp_path)
    shutil.rmtree(root / "model" / "chair-0001")
    path = root / "photos" / "data_info" / "train_set.json"
    records = json.loads(path.read_text())
    path.write_text(json.dumps([*records[:2], {"image": "x.jpg", "model": "sofa-7"}]))
    source = Source("3d-future", root / "model", root / "photos")
    models, no_models = list_items(source, "models")
    images, no_images = list_items(source, "images")
    assert len(models) == 8 and "no such folder" in no_models[0].reason
    assert len(images) == 11 and "sofa-7 is not in model_info.json" in no_images[0].reason


def test_3d_future_reads_no_pickle(tmp_path: Path) -> None:
    root = layouts.three_d_future(tmp_path)
    shutil.rmtree(root / "photos" / "data_info")
    source = Source("3d-future", root / "model", root / "photos")
    with pytest.raises(UserError, match=r"train_set\.json.*tianchi"):
        list_items(source, "images")
    (root / "photos" / "train_set.npy").write_bytes(b"x")
    with pytest.raises(UserError, match="is a Python pickle, which can run code"):
        list_items(source, "images")


def test_3d_future_reads_nothing_outside_its_folders(tmp_path: Path) -> None:
    root = layouts.three_d_future(tmp_path)
    layouts.picture(tmp_path / "secret.jpg", "bed", 0)
    (root / "photos" / "data_info" / "train_set.json").write_text(
        json.dumps([{"image": n, "model": "bed-0000"} for n in ("../secret.jpg", "/etc/hosts")])
    )
    source = Source("3d-future", root / "model", root / "photos")
    images, rejected = list_items(source, "images")
    assert {i.split for i in images} == {"test"}
    assert ["leads out of" in r.reason for r in rejected] == [True, True]


@pytest.mark.parametrize(
    "text", ['[{"model_id": {"a": 1}}]', "{", '{"model_id": "a"}', '[{"category": "a"}]', "[1]"]
)
def test_a_damaged_list_is_explained(tmp_path: Path, text: str) -> None:
    root = layouts.three_d_future(tmp_path)
    (root / "model" / "model_info.json").write_text(text)
    with pytest.raises(UserError, match=r"model_info\.json"):
        list_items(Source("3d-future", root / "model", root / "photos"), "models")


def test_modelnet_is_a_gallery_for_the_users_photos(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    layouts.picture(photos / "chair" / "mine.jpg", "chair", 0)
    source = Source("modelnet", layouts.modelnet(tmp_path / "net"), photos)
    models, _ = list_items(source, "models")
    assert splits(models) == {"train": 6, "test": 6}
    assert (models[0].id, models[0].category) == ("bed/test/bed_0000", "bed")
    assert splits(list_items(source, "images")[0]) == {"": 1}
    assert splits(list_items(replace(source, split="none"), "models")[0]) == {"": 12}
    with pytest.raises(UserError, match=r"\.off.*modelnet\.cs\.princeton\.edu"):
        list_items(replace(source, models=photos), "models")


def test_shapenet_names_its_categories_by_the_taxonomy(tmp_path: Path) -> None:
    root = layouts.shapenet(tmp_path / "net")
    (root / "02818832" / "nothing").mkdir()
    models, rejected = list_items(Source("shapenet", root, tmp_path), "models")
    assert {m.category for m in models} == {"bed", "chair", "table"} and len(models) == 6
    assert models[0].id == f"02818832/{0:032x}" and dict(models[0].extra)["synset"] == "02818832"
    assert "it holds no mesh" in rejected[0].reason
    (root / "taxonomy.json").unlink()
    with pytest.raises(UserError, match=r"taxonomy\.json.*shapenet\.org"):
        categories(root / "taxonomy.json")


def test_a_manifest_keeps_all_columns(tmp_path: Path) -> None:
    root = layouts.manifest(tmp_path)
    source = Source("manifest", root / "models.csv", root / "images.csv")
    write_dataset(source, tmp_path / "out")
    images = pd.read_csv(tmp_path / "out" / "images.csv", dtype=str, keep_default_na=False)
    assert len(images) == 18 and set(images["split"]) == {"train", "test"}
    assert images["model_id"].str.startswith("m-").all()
    assert all(Path(path).is_file() for path in images["path"])


@pytest.mark.parametrize(
    "lacking", [[], ["split"], ["model_id"], ["category", "split", "model_id"]]
)
def test_a_manifest_may_lack_any_optional_column(tmp_path: Path, lacking: list[str]) -> None:
    root = layouts.manifest(tmp_path)
    frame = pd.read_csv(root / "images.csv").drop(columns=lacking)
    frame.assign(note="x").to_csv(root / "images.csv", index=False)
    source = Source("manifest", root / "models.csv", root / "images.csv")
    images, rejected = list_items(source, "images")
    assert len(images) == 18 and not rejected and images[0].extra == (("note", "x"),)
    for name in lacking:
        assert {getattr(item, name) for item in images} == {""}


def test_a_manifest_rejects_files_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "empty.obj").touch()
    rows = [{"id": "a", "path": "nowhere.obj"}, {"id": "b", "path": "empty.obj"}]
    rows += [{"id": "c", "path": layouts.mesh(tmp_path / "c.obj", "bed", 1)}]
    table = layouts.table(tmp_path / "models.csv", rows)
    models, rejected = list_items(Source("manifest", table, table), "models")
    assert [m.id for m in models] == ["c"]
    reasons = ["the file is empty", "it cannot be read (No such file or directory)"]
    assert [r.reason for r in rejected] == reasons


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,category\na,b\n", "the header lacks the column path"),
        ("", "the header lacks the column id, path"),
        ("id,path\n,a.obj\n", "line 2 has no id"),
        ("id,path\na,\n", "line 2 .a. has no path"),
        ("id,path\na,a.obj,x\n", "line 2 has more or fewer values than the header"),
        ("id,path,split\na,a.obj\n", "line 2 has more or fewer values than the header"),
        ("id,path\na,a\0.obj\n", "null|cannot be read as CSV"),
        ("id,path,split\na,a.obj,valid\n", "line 2 .a.: split is 'valid'"),
        ("id,path\na,a.obj\na,a.obj\n", "two files have the id a"),
        ("id,path\nb,b.obj\n", "nothing in .* can be used as manifest; the first of 1: .*b.obj"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_explained(tmp_path, text, message) -> None:
    layouts.mesh(tmp_path / "a.obj", "bed", 1)
    (tmp_path / "models.csv").write_text(text)
    source = Source("manifest", tmp_path / "models.csv", tmp_path / "none.csv")
    with pytest.raises(UserError, match=message):
        list_items(source, "models")
    with pytest.raises(UserError, match=r"there is no .*none.csv.*--config images=PATH"):
        list_items(source, "images")


def test_a_stratified_split_divides_the_photos_and_keeps_the_gallery_whole(tmp_path: Path) -> None:
    root = layouts.manifest(tmp_path)
    source = Source("manifest", root / "models.csv", root / "images.csv", "stratified", 1 / 3)
    images, _ = list_items(source, "images")
    count = Counter((i.category, i.split) for i in images)
    assert count == {(c, s): n for c in layouts.CATEGORIES for s, n in (("train", 2), ("test", 4))}
    assert splits(list_items(source, "models")[0]) == {"": 9}
    assert images == list_items(source, "images")[0]
    assert images != list_items(replace(source, seed=2), "images")[0]


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 3)), min_size=1, unique=True),
    st.floats(0.05, 0.95),
    st.integers(0, 5),
)
def test_an_added_photo_moves_at_most_one_other(pairs, share, seed) -> None:
    items = [Item(f"{c}/{n}", "", str(c), "", 0, 0) for n, c in pairs]
    before = {i.id: i.split for i in stratified(items[1:], share, seed)}
    after = {i.id: i.split for i in stratified(items, share, seed)}
    assert sum(before[id] != after[id] for id in before) <= 1
    for category in {i.category for i in items}:
        group = [after[i.id] for i in items if i.category == category]
        assert group.count("train") == round(share * len(group))
