"""With `adapt`, all later stages and the searches run on the features of the adapted encoder."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys

import pytest
from command import ucmgcn
from project import ROOT, Run, copy_of

from ucmgcn.search.library import Library

# Its parts are tested without a run, in tests/unit/adapt.
pytestmark = pytest.mark.slow

PLANNED = {
    "trunk": 1,
    "image_maps": 2,
    "view_maps": 3,
    "adapt": 1,
    "rejected": 1,
    "graph": 1,
    "baselines:0": 1,
    "baselines:1": 1,
    "train_seed:0": 1,
    "train_seed:1": 1,
    "index": 1,
    "evaluate": 1,
    "report": 1,
    "crate": 1,
}


@pytest.fixture(scope="module")
def adapted(finished, tmp_path_factory) -> Run:
    run = copy_of(finished.folder, tmp_path_factory.mktemp("adapted") / "project")
    run.configure(adapt={"rounds": 1, "steps": 2, "photos": 4, "models": 6})
    assert run.planned() == PLANNED
    run.snakemake()
    return run


def test_a_second_run_has_nothing_to_do(adapted) -> None:
    assert "Nothing to be done" in adapted.snakemake(hash_seed="1")


def test_the_report_says_whether_the_encoder_was_adapted(adapted) -> None:
    results = adapted.folder / "results" / "tiny"
    (summary,) = results.glob("adapt/*/adapt.json")
    told = json.loads(summary.read_text())
    said = "blocks were adapted" if told["adapted"] else "Adapting the encoder was undone"
    assert said in (results / "report" / "index.html").read_text()


def test_the_crate_says_the_hash_of_the_adapted_weights(adapted) -> None:
    (weights,) = (adapted.folder / "results/tiny").glob("adapt/*/weights.safetensors")
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert digest in (adapted.folder / "results/tiny/ro-crate-metadata.json").read_text()


def test_a_search_takes_the_adapted_encoder(adapted) -> None:
    library = Library.open(adapted.folder / "results" / "tiny", "max-pool")
    assert library.facts.adapted and library.encoder.describe()["looks"] == ["crop", "pad"]
    photo = min((adapted.folder / "data" / "images").rglob("*.*"))
    assert len(library.search(photo, top=5)) == 5


def test_the_lines_of_the_docs_find_the_same_models(adapted) -> None:
    words = ("export", "--dataset", "tiny", "--format", "faiss", "--method", "max-pool")
    done = ucmgcn(adapted.folder, *words, "--out", "exported")
    assert done.returncode == 0, done.stderr
    assert "exported/encoder.onnx" in done.stdout
    page = (ROOT / "docs" / "adaptation.md").read_text()
    (lines,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len([line for line in lines.splitlines() if line]) <= 13
    library = Library.open(adapted.folder / "results" / "tiny", "max-pool")
    for photo in sorted((adapted.folder / "data" / "images").rglob("*.*"))[:3]:
        shown = subprocess.run(
            [sys.executable, "-c", lines, str(photo)],
            cwd=adapted.folder,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert shown.split() == [hit.model for hit in library.search(photo, top=10)]


def test_switched_off_nothing_of_it_runs(adapted) -> None:
    run = copy_of(adapted.folder, adapted.folder.parent / "off")
    run.configure(adapt={"rounds": 0})
    assert not {"trunk", "image_maps", "view_maps", "adapt"} & set(run.planned())
