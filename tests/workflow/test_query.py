"""Search a finished run: the command as a user calls it, and the library behind it."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import UCMGCN, bound_by_permissions, ucmgcn
from PIL import Image

from ucmgcn.core.errors import ItemError, UserError
from ucmgcn.files.shards import open_shard, read_shards
from ucmgcn.graph.attach import embed_queries
from ucmgcn.search.contents import METHODS
from ucmgcn.search.library import Library
from ucmgcn.search.likeness import UNFAMILIAR, WORDS, is_familiar
from ucmgcn.settings import Limits


@pytest.fixture(scope="module")
def library(finished) -> Library:
    return Library.open(finished.folder / "results" / "tiny")


@pytest.fixture(scope="module")
def photos(finished) -> list[Path]:
    return sorted((finished.folder / "data" / "images").rglob("*.*"))


def test_a_photo_finds_models_of_its_category(library, photos) -> None:
    firsts = [library.search(photo, top=1)[0] for photo in photos]
    right = np.mean([hit.category == p.parent.name for hit, p in zip(firsts, photos, strict=True)])
    assert right > 0.7
    assert all(hit.path.is_file() for hit in firsts)


def test_the_scores_are_those_of_the_pipelines_inductive_embeddings(
    finished, library, photos
) -> None:
    files = sorted((finished.folder / "results/tiny/features/efficientnet-lite0/images").iterdir())
    ids, features, _ = read_shards(files, "image-features")
    frozen = library._contents.frozen
    scores = embed_queries(frozen, features) @ frozen.gallery.T
    for photo in photos[::5]:
        id = photo.relative_to(finished.folder / "data" / "images").with_suffix("").as_posix()
        hits = library.search(photo, top=len(library.models))
        expected = scores[ids.index(id)]
        position = {model.id: i for i, model in enumerate(library.models)}
        actual = [hit.score for hit in hits]
        np.testing.assert_allclose(actual, [expected[position[h.model]] for h in hits], atol=1e-4)
        np.testing.assert_allclose(actual, np.sort(expected)[::-1], atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_answers_the_same_photo_alike_whatever_else_was_asked(
    finished, photos, method
) -> None:
    results = finished.folder / "results"
    alone = Library.open(results / "tiny", method).search(photos[0])
    library = Library.open(results / "tiny", method)
    for other in photos[1:4]:
        library.search(other)
    assert library.search(photos[0]) == alone
    assert library.search(photos[0].read_bytes()) == alone
    assert [hit.rank for hit in alone] == list(range(1, 11))
    assert all(a.score >= b.score for a, b in itertools.pairwise(alone))


def test_a_photo_may_be_a_path_bytes_a_picture_or_an_array(library, photos) -> None:
    expected = library.search(photos[0])
    with Image.open(photos[0]) as picture:
        for photo in (str(photos[0]), photos[0].read_bytes(), picture, np.asarray(picture)):
            assert library.search(photo) == expected
            np.testing.assert_array_equal(library.embed(photo), library.embed(photos[0]))


def test_the_hits_make_a_table(library, photos) -> None:
    hits = library.search(photos[0], top=3)
    table = pd.DataFrame(hits)
    assert list(table) == [
        "rank",
        "model",
        "category",
        "score",
        "likeness",
        "view",
        "path",
    ]
    assert list(table["model"]) == [hit.model for hit in hits]
    assert table["score"].dtype == float and table["rank"].tolist() == [1, 2, 3]


def test_the_library_says_what_it_is(library) -> None:
    assert repr(library) == f"<Library tiny: {len(library.models)} models, method ucm-gcn>"


@pytest.mark.parametrize(
    ("inside", "name"),
    [
        (".", "results/tiny"),
        ("results", "tiny"),
        ("results/tiny", "."),
        ("data", "../results/tiny"),
    ],
)
def test_a_relative_folder_finds_the_meshes_from_everywhere(
    finished, library, monkeypatch, inside, name
) -> None:
    monkeypatch.chdir(finished.folder / inside)
    found = Library.open(name).models
    assert [model.id for model in found] == [model.id for model in library.models]
    assert all(model.path.is_file() for model in found)


def test_the_view_is_the_one_most_like_the_photo(library, photos) -> None:
    hit = library.search(photos[0])[0]
    own = library._contents.frozen.space.photos(library.describe(photos[0])[None])[0]
    number = [model.id for model in library.models].index(hit.model)
    assert hit.view == int((library._contents.views[number] @ own).argmax())
    for path in (library._contents.home / name for name in library.facts.views):
        with open_shard(path, "views") as shard:
            if hit.model in shard.ids:
                expected = shard.array[shard.ids.index(hit.model), hit.view]
    np.testing.assert_array_equal(library.view(hit.model, hit.view), expected)


def test_similar_leaves_out_the_model_itself_and_minds_the_category(library) -> None:
    first = library.models[0]
    hits = library.similar(first.id, top=5)
    assert len(hits) == 5 and first.id not in [hit.model for hit in hits]
    assert hits[0].category == first.category
    other = next(c for c in library.categories if c != first.category)
    assert {hit.category for hit in library.similar(first.id, category=other)} == {other}


@pytest.mark.parametrize("method", METHODS)
def test_most_photos_are_familiar_and_a_blank_one_is_not(finished, photos, method) -> None:
    library = Library.open(finished.folder / "results" / "tiny", method)
    hits = {photo: library.search(photo) for photo in photos}
    familiar = [is_familiar(hit.likeness for hit in found) for found in hits.values()]
    assert np.mean(familiar) > 0.8
    assert len({hit.likeness for found in hits.values() for hit in found}) > 2
    for level in (0, 255):
        blank = library.search(np.full((99, 99, 3), level, np.uint8))
        assert {hit.likeness for hit in blank} == {WORDS[0]}
    assert {hit.likeness for hit in library.similar(library.models[0].id)} == {""}


def test_a_blank_photo_is_called_unfamiliar_in_every_form(finished, photos) -> None:
    blank = finished.folder / "blank.png"
    Image.new("RGB", (99, 99), "white").save(blank)
    words = ("query", "blank.png", photos[0], "--dataset", "tiny", "--top", 2)
    answers = [ucmgcn(finished.folder, *words, *form) for form in ((), ("--json",))]
    assert [answer.returncode for answer in answers] == [0, 0]
    first, second = answers[0].stdout.strip().split("\n\n")
    assert first.splitlines()[1] == UNFAMILIAR and UNFAMILIAR not in second
    items = json.loads(answers[1].stdout)
    assert [item["familiar"] for item in items] == [False, True]
    assert ucmgcn(finished.folder, *words, "--html", "blank.html").returncode == 0
    page = (finished.folder / "blank.html").read_text()
    assert page.count(UNFAMILIAR.capitalize()) == 1 and page.count(WORDS[0]) >= 2


def test_errors_are_clear(finished, library, photos, tmp_path) -> None:
    results = finished.folder / "results"
    with pytest.raises(UserError, match=r"no results of 'tinny' .* there are tiny"):
        Library.open(results / "tinny")
    with pytest.raises(UserError, match=r"holds the results of tiny; open .*/results/tiny"):
        Library.open(results)
    with pytest.raises(UserError, match="no format 'csv'"):
        library.export("csv", tmp_path)
    with pytest.raises(UserError, match="k-reciprocal re-ranks all photos"):
        Library.open(results / "tiny", "k-reciprocal")
    with pytest.raises(UserError, match="mlp is a baseline of the tables only"):
        Library.open(results / "tiny", "mlp")
    with pytest.raises(UserError, match="no method 'ucm'"):
        Library.open(results / "tiny", "ucm")
    with pytest.raises(UserError, match="no category 'cat'"):
        library.search(photos[0], category="cat")
    with pytest.raises(UserError, match="did you mean"):
        library.similar("chair/unknown")
    with pytest.raises(UserError, match="no view 99"):
        library.view(library.models[0].id, 99)
    os.mkfifo(tmp_path / "fifo.jpg")
    for photo in (b"no image", tmp_path / "fifo.jpg", tmp_path / "none.jpg"):
        with pytest.raises(ItemError):
            library.search(photo)


def test_a_library_whose_index_is_being_made_anew_says_so(copy) -> None:
    library = Library.open(copy.folder / "results" / "tiny")
    assert library.current() is library
    index = copy.folder / "results" / "tiny" / "index" / "index.h5"
    kept = index.rename(index.with_name("kept.h5"))
    with pytest.raises(UserError, match="the run of tiny is not finished"):
        library.current()
    kept.rename(index)
    assert library.current() is library


def test_a_photo_may_take_so_long_and_the_next_one_is_answered(
    finished, library, photos, monkeypatch
) -> None:
    hurried = Library.open(finished.folder / "results" / "tiny")
    monkeypatch.setattr("ucmgcn.search.photo_encoder.LIMITS", Limits(seconds=1e-9))
    with pytest.raises(ItemError, match="takes longer"):
        hurried.search(photos[0])
    assert library.search(photos[0], top=1)


def test_the_command_prints_a_table_and_names_what_it_cannot_read(finished, photos) -> None:
    (finished.folder / "text.jpg").write_text("no photo")
    names = [photo.relative_to(finished.folder) for photo in photos[:2]]
    done = ucmgcn(
        finished.folder, "query", names[0], "text.jpg", names[1], "--dataset", "tiny", "--top", 3
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "text.jpg: it is no image" in done.stderr
    blocks = done.stdout.strip().split("\n\n")
    assert [block.splitlines()[0] for block in blocks] == [str(name) for name in names]
    header = ["rank", "model", "category", "score", "likeness", "path"]
    assert blocks[0].splitlines()[1].split() == header
    assert len(blocks[0].splitlines()) == 5
    path = blocks[0].splitlines()[2].split()[-1]
    assert (finished.folder / path).is_file()


def test_json_and_csv_say_the_same(finished, photos) -> None:
    folder = photos[0].parent.relative_to(finished.folder)
    words = ("query", folder, "--dataset", "tiny", "--top", 2, "--category", "chair")
    as_json, as_csv = (ucmgcn(finished.folder, *words, form) for form in ("--json", "--csv"))
    assert as_json.returncode == as_csv.returncode == 0
    items = json.loads(as_json.stdout)
    rows = list(csv.DictReader(io.StringIO(as_csv.stdout)))
    assert len(rows) == 2 * len(items) and len(items) == len(list(photos[0].parent.iterdir()))
    flat = [(item["photo"], hit) for item in items for hit in item["models"]]
    for (photo, hit), row in zip(flat, rows, strict=True):
        assert (photo, hit["model"], hit["path"]) == (row["photo"], row["model"], row["path"])
        assert f"{hit['score']:.4f}" == row["score"] and row["category"] == "chair"
        assert hit["likeness"] == row["likeness"] and hit["likeness"] in WORDS


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["query", "x.jpg", "--dataset", "nope"], "no results of 'nope'"),
        (["query", "x.jpg", "--dataset", "tiny", "--method", "magic"], "no method 'magic'"),
        (["query", "x.jpg", "--dataset", "tiny", "--results", "data"], "no results of 'tiny'"),
        (["query", "rules", "--dataset", "tiny"], "holds no photo"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(finished, words, message) -> None:
    done = ucmgcn(finished.folder, *words)
    assert done.returncode == 2 and message in done.stderr
    assert done.stderr.count("\n") == 1 and not done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["query", "PHOTO", "--dataset", "tiny", "--html", "closed/f.html"],
            "closed/f.html",
        ),
        (["export", "--dataset", "tiny", "--format", "npy", "--out", "closed/out"], "closed/out"),
        (["export", "--dataset", "tiny", "--format", "npy", "--out", "/proc/x"], "/proc/x"),
        (["add", "MESH", "--dataset", "tiny"], "results/tiny/added"),
        (["query", "PHOTO", "--dataset", "tiny"], ""),
    ],
)
def test_what_cannot_be_written_is_one_line(finished, photos, tmp_path, words, message) -> None:
    closed, results = finished.folder / "closed", finished.folder / "results/tiny"
    closed.mkdir(exist_ok=True)
    mesh = shutil.copy(next((finished.folder / "data/models").rglob("*.stl")), tmp_path / "new.stl")
    named = {"PHOTO": photos[0], "MESH": mesh}
    for folder in (closed, results):
        folder.chmod(0o555)
    try:
        words = [named.get(word, word) for word in words]
        done = ucmgcn(finished.folder, *words, prefix=bound_by_permissions())
    finally:
        for folder in (closed, results):
            folder.chmod(0o755)
    if message:
        assert done.returncode == 2 and done.stderr.startswith(f"ucmgcn: {message}: "), done
        assert done.stderr.count("\n") == 1
    else:
        assert done.returncode == 0, done.stderr


def test_a_full_disk_for_the_answer_is_one_line(finished, photos) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    for form in ("--csv", "--json", "--top=3"):
        with open("/dev/full", "w") as full:
            words = [UCMGCN, "query", str(photos[0]), "--dataset", "tiny", form]
            done = subprocess.run(
                words, cwd=finished.folder, stdout=full, stderr=subprocess.PIPE, text=True
            )
        assert (done.returncode, done.stderr) == (2, "ucmgcn: No space left on device\n")
