"""Libraries of models without photos, or with hardly any."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command import ucmgcn
from project import Run, copy_of
from starlette.testclient import TestClient

from ucmgcn.core.errors import UserError
from ucmgcn.search.library import Library
from ucmgcn.search.likeness import WORDS, is_familiar
from ucmgcn.web.app import create_app
from ucmgcn.web.limits import ServerLimits


@pytest.fixture(scope="module")
def alone(finished, tmp_path_factory) -> Run:
    """A run on the models of the finished one, named alone as a user would."""
    run = copy_of(finished.folder, tmp_path_factory.mktemp("alone") / "project")
    for part in ("views", "features/efficientnet-lite0/views"):
        # What was rendered and described need not be so again.
        shutil.copytree(run.folder / "results/tiny" / part, run.folder / "results/mine" / part)
    run.configure(images="")
    run.snakemake("--config", "dataset=mine", "models=data/models")
    return run


@pytest.fixture(scope="module")
def photo(alone) -> Path:
    return min((alone.folder / "data" / "images" / "chair").iterdir())


def test_models_alone_make_a_library_and_nothing_is_trained_or_measured(alone) -> None:
    results = alone.folder / "results" / "mine"
    assert (results / "index" / "index.h5").is_file()
    assert not (results / "runs" / "ucm-gcn").exists()
    assert not (results / "features" / "efficientnet-lite0" / "images").exists()
    assert {path.name for path in (results / "tables").glob("[!.]*")} == {
        "models.csv",
        "rejected.csv",
        "warnings.csv",
    }
    assert pd.read_csv(results / "manifest" / "images.csv").empty
    again = alone.snakemake("--config", "dataset=mine", "models=data/models")
    assert "Nothing to be done" in again


def test_its_report_has_no_empty_part(alone) -> None:
    html = (alone.folder / "results/mine/report/index.html").read_text()
    assert "No photos were given, so nothing was trained or measured" in html
    shown = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    assert not re.search(r"\bnan\b|query photos|Metrics", shown, re.IGNORECASE)
    assert "Some models" in html and html.count("<figure") > 2


def test_what_needs_photos_says_so(alone) -> None:
    config = ("--config", "dataset=mine", "models=data/models")
    output = alone.snakemake("evaluate", *config, check=False)
    assert "there are no photos" in output and "images=DIR" in output
    answer = ucmgcn(alone.folder, "query", "x.jpg", "--dataset", "mine", "--method", "ucm-gcn")
    assert answer.returncode == 2 and "mine was built without photos" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_a_photo_finds_models_in_a_library_without_photos(alone, photo) -> None:
    library = Library.open(alone.folder / "results" / "mine")
    assert library.method == "propagation"
    photos = sorted((alone.folder / "data" / "images").rglob("*.jpg"))
    firsts = [library.search(photo, top=1)[0].category == photo.parent.name for photo in photos]
    assert np.mean(firsts) > 0.5
    answer = ucmgcn(alone.folder, "query", photo, "--dataset", "mine", "--top", 3)
    assert answer.returncode == 0 and library.search(photo)[0].model in answer.stdout
    assert {hit.likeness for hit in library.search(photo)} <= {*WORDS}
    model = library.models[0].id
    assert model not in [hit.model for hit in library.similar(model)]
    np.testing.assert_allclose(np.linalg.norm(library.embed(photo)), 1, atol=1e-5)


def test_pictures_of_nothing_are_unfamiliar_and_photos_are_not(alone) -> None:
    library = Library.open(alone.folder / "results" / "mine")
    rng = np.random.default_rng(5)
    plain = [np.full((99, 150, 3), rng.integers(0, 256, 3), np.uint8) for _ in range(5)]
    noise = rng.integers(0, 256, (224, 224, 3), np.uint8)
    for picture in (*plain, noise, np.repeat(noise[..., :1], 3, axis=2)):
        assert {hit.likeness for hit in library.search(picture)} == {WORDS[0]}
    photos = sorted((alone.folder / "data" / "images").rglob("*.jpg"))
    familiar = [is_familiar(hit.likeness for hit in library.search(each)) for each in photos]
    assert np.mean(familiar) > 0.8


def test_every_method_but_the_network_answers(alone, photo) -> None:
    for method in ("propagation", "max-pool", "mean-pool", "max-view", "alpha-qe"):
        assert len(Library.open(alone.folder / "results" / "mine", method).search(photo)) == 10
    with pytest.raises(UserError, match="without photos, so there is no network"):
        Library.open(alone.folder / "results" / "mine", "ucm-gcn")


def test_its_page_answers_and_its_embeddings_go_elsewhere(alone, photo) -> None:
    library = Library.open(alone.folder / "results" / "mine")
    app = create_app(library, "mine", ServerLimits())
    json = {"Accept": "application/json"}
    found = TestClient(app).post("/search", files={"photo": photo.read_bytes()}, headers=json)
    assert found.status_code == 200 and found.json()["hits"]
    similar = TestClient(app).get(found.json()["hits"][0]["similar"], headers=json)
    assert similar.status_code == 200 and similar.json()["hits"]
    done = ucmgcn(alone.folder, "export", "--dataset", "mine", "--format", "npy", "--out", "out")
    assert done.returncode == 0
    assert np.load(alone.folder / "out" / "models.npy").shape[0] == len(library.models)


FEW = {
    "one photo": ["chair"],
    "two photos of one category": ["chair", "chair"],
    "two categories": ["chair", "lamp"],
    "no label": ["", "", ""],
}


@pytest.mark.slow
@pytest.mark.parametrize("categories", FEW.values(), ids=FEW)
def test_few_photos_make_a_library_too(alone, copy, categories) -> None:
    """Tables may be empty, but nothing ends with a traceback or is told wrongly."""
    for number, category in enumerate(categories):
        file = copy.folder / "few" / category / f"{number}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        photos = sorted((copy.folder / "data" / "images" / (category or "mug")).iterdir())
        shutil.copy(photos[number], file)
    copy.configure(images="few", train={"seeds": [0], "epochs": 2}, shards={"images": 1})
    output = copy.snakemake()
    assert not re.search(r"Traceback|RuntimeWarning|\bnan\b", output)
    results = copy.folder / "results" / "tiny"
    for log in (results / "logs").rglob("*.log"):
        assert not re.search(r"Traceback|RuntimeWarning|\bnan\b", log.read_text()), log
    html = (results / "report" / "index.html").read_text()
    assert not re.search(r"\bnan\b", re.sub(r"<[^>]*>", " ", html), re.IGNORECASE)
    assert Library.open(results).method == "ucm-gcn"
    assert len(Library.open(results).search(min((copy.folder / "few").rglob("*.jpg")))) == 10


def test_an_image_folder_that_holds_nothing_says_how_to_do_without(alone) -> None:
    (alone.folder / "empty").mkdir()
    for folder in ("empty", "missing"):
        given = ("--config", "dataset=mine", "models=data/models", f"images={folder}")
        output = alone.snakemake("-n", *given, check=False)
        assert folder in output and "or leave out images to build a library without" in output
        assert "Traceback" not in output


@pytest.mark.slow
def test_a_mesh_is_added_to_it_and_stays(alone, photo) -> None:
    mesh = alone.folder / "new chair.obj"
    shutil.copy(min((alone.folder / "data" / "models" / "chair").glob("*.obj")), mesh)
    done = ucmgcn(alone.folder, "add", mesh, "--dataset", "mine", "--category", "chair")
    assert done.returncode == 0 and done.stdout.startswith("chair/new chair: searchable now")
    results = alone.folder / "results" / "mine"
    before = {hit.model for hit in Library.open(results).search(photo, top=100)}
    assert "chair/new chair" in before
    alone.snakemake("--config", "dataset=mine", "models=data/models")
    assert {hit.model for hit in Library.open(results).search(photo, top=100)} == before
