"""What other systems read finds the same models as the library itself."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pandas as pd
import pytest
from command import ucmgcn

from ucmgcn.search.library import Library


@pytest.fixture(scope="module")
def exported(finished) -> Path:
    for form in ("faiss", "npy", "parquet"):
        done = ucmgcn(finished.folder, "export", "--dataset", "tiny", "--format", form)
        assert done.returncode == 0, done.stderr
        assert all((finished.folder / line).is_file() for line in done.stdout.splitlines())
    return finished.folder / "results" / "tiny" / "export"


@pytest.mark.parametrize("form", ["faiss", "npy", "parquet"])
def test_reading_it_back_finds_the_same_neighbours(finished, exported, form) -> None:
    library = Library.open(finished.folder / "results" / "tiny")
    photo = sorted((finished.folder / "data" / "images").rglob("*.*"))[0]
    query = library.embed(photo)
    expected = [(hit.model, hit.score) for hit in library.search(photo)]
    if form == "faiss":
        scores, rows = faiss.read_index(str(exported / "models.faiss")).search(query[None], 10)
        ids = pd.read_csv(exported / "models.csv")["id"]
        actual = list(zip(ids[rows[0]], scores[0], strict=True))
    else:
        if form == "npy":
            vectors, ids = np.load(exported / "models.npy"), pd.read_csv(exported / "models.csv")
        else:
            ids = pd.read_parquet(exported / "models.parquet")
            vectors = np.stack(ids["embedding"])
        best = np.argsort(-vectors @ query, kind="stable")[:10]
        actual = list(zip(ids["id"][best], vectors[best] @ query, strict=True))
    assert [model for model, _ in actual] == [model for model, _ in expected]
    np.testing.assert_allclose([s for _, s in actual], [s for _, s in expected], atol=1e-5)


def test_the_library_writes_the_same_files(finished, exported, tmp_path) -> None:
    library = Library.open(finished.folder / "results" / "tiny")
    files = [path for form in ("faiss", "npy") for path in library.export(form, str(tmp_path))]
    assert {path.name for path in files} == {"models.faiss", "models.npy", "models.csv"}
    for path in files[:-1]:
        assert path.read_bytes() == (exported / path.name).read_bytes() or path.suffix == ".csv"
    own, command = (pd.read_csv(folder / "models.csv") for folder in (tmp_path, exported))
    pd.testing.assert_frame_equal(own[["id", "category"]], command[["id", "category"]])


def test_a_method_without_embeddings_is_a_mistake(finished) -> None:
    words = ("export", "--dataset", "tiny", "--format", "npy", "--method", "max-view")
    done = ucmgcn(finished.folder, *words)
    assert done.returncode == 2 and "max-view has no embeddings" in done.stderr
