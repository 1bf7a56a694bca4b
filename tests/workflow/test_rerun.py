"""What reruns after which change: the table that caching stands on."""

from __future__ import annotations

import shutil

import layouts
import pandas as pd
import pytest
from command import ucmgcn
from project import Run, copy_project

from ucmgcn.datasets.manifest import shard_of
from ucmgcn.index.file import read_index
from ucmgcn.search.library import Library

AFTER_REPORT = {"report": 1, "crate": 1}
AFTER_EVALUATE = {"evaluate": 1, **AFTER_REPORT}
# Baselines have the network's seeds and folds, and one of them its training.
BOTH_SEEDS = {f"{rule}:{seed}": 1 for rule in ("train_seed", "baselines") for seed in (0, 1)}
AFTER_TRAIN = {**BOTH_SEEDS, "index": 1, **AFTER_EVALUATE}
AFTER_GRAPH = {"graph": 1, **AFTER_TRAIN}
AFTER_FEATURES = {"rejected": 1, **AFTER_GRAPH}
DESCRIBE_ALL = {"encoder": 1, "image_features": 2, "view_features": 3}
RENDER_ALL = {"render_shard": 3, "contact_sheet": 1, "self_check": 1, "view_features": 3}


def test_a_finished_run_has_nothing_to_do_under_any_hash_seed(finished) -> None:
    assert "Nothing to be done" in finished.snakemake(hash_seed="1")
    assert "Nothing to be done" in finished.snakemake(hash_seed="2")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"evaluate": {"top": 20}}, AFTER_EVALUATE),
        (
            {"train": {"seeds": [0, 1, 2]}},
            {"train_seed:2": 1, "baselines:2": 1, **AFTER_EVALUATE},
        ),
        ({"evaluate": {"protocols": ["transductive"]}}, AFTER_EVALUATE),
        (
            {"evaluate": {"protocols": ["transductive", "open"]}},
            {"probes:0": 1, "probes:1": 1, **AFTER_EVALUATE},
        ),
        ({"train": {"lr": 0.0123}}, AFTER_TRAIN),
        ({"train": {"supervision": "source"}}, AFTER_TRAIN),
        (
            {"split": "stratified"},
            {"manifest": 1, "rejected": 1, **AFTER_TRAIN},
        ),
        ({"graph": {"k": 3}}, AFTER_GRAPH),
        ({"features": {"batch": 7}}, DESCRIBE_ALL | AFTER_FEATURES),
        # Of no effect on any result; but the report quotes the whole configuration.
        ({"features": {"allow_download": True}}, AFTER_REPORT),
        ({"adapt": {"steps": 7}}, AFTER_REPORT),
        ({"render": {"size": 96}}, RENDER_ALL | AFTER_FEATURES),
    ],
    ids=lambda value: next(iter(value), "nothing"),
)
def test_a_changed_key_reruns_the_stages_that_read_it(copy, change, expected) -> None:
    copy.configure(**change)
    assert copy.planned() == expected


@pytest.mark.slow
def test_results_of_another_encoder_are_not_taken_for_those_of_this_one(copy) -> None:
    copy.configure(features={"backbone": "efficientnet-lite1"})
    copy.snakemake("results/tiny/runs/propagation/seed-0/embeddings.h5")
    copy.configure(features={"backbone": "efficientnet-lite0"})
    assert copy.planned() == {"baselines:0": 1, **AFTER_EVALUATE}


def edit(run: Run, module: str, old: str, new: str) -> None:
    """Change the code of a module of the run's copy of the library."""
    file = run.folder / "workflow" / "scripts" / "ucmgcn" / f"{module}.py"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


# The code that can change what a stage writes reruns it, and no other does.
@pytest.mark.parametrize(
    ("module", "old", "new", "expected"),
    [
        ("report/stage", "MAX_LABELS = 24", "MAX_LABELS = 23", AFTER_REPORT),
        ("evaluate/tables", "import pandas as pd", "import pandas as pd\nNEW = 1", AFTER_EVALUATE),
        ("train/losses", "BLOCK_VALUES = 1_000_000", "BLOCK_VALUES = 999_999", AFTER_TRAIN),
        ("index/stage", "def _facts(", "NEW = 1\n\n\ndef _facts(", {"index": 1, "crate": 1}),
        ("datasets/rejected", '"mend"]', '"how"]', {"rejected": 1, **AFTER_EVALUATE}),
        ("render/contact_sheet", "MARGIN = 24", "MARGIN = 25", {"contact_sheet": 1}),
        ("datasets/self_check", "ENOUGH = 5", "ENOUGH = 6", {"self_check": 1, **AFTER_REPORT}),
        ("media/self_check", "FLAT = 1e-3", "FLAT = 1e-4", RENDER_ALL | AFTER_FEATURES),
        (
            "render/renderer",
            "SUPERSAMPLING = 1.5",
            "SUPERSAMPLING = 2",
            RENDER_ALL | AFTER_FEATURES,
        ),
        # The task that a worker process runs, which the stages name in a string.
        ("media/meshes", "MIN_AREA = 1e-12", "MIN_AREA = 1e-13", RENDER_ALL | AFTER_FEATURES),
        ("media/photos", "MIN_SIDE = 8", "MIN_SIDE = 7", {"image_features": 2, **AFTER_FEATURES}),
        # What a section of the configuration computes counts.
        (
            "settings",
            "0.0 if self.residual",
            "0.1 if self.residual",
            AFTER_TRAIN,
        ),
    ],
)
def test_changed_code_reruns_its_stage_and_those_after_it(copy, module, old, new, expected) -> None:
    edit(copy, module, old, new)
    assert copy.planned() == expected


def test_changed_code_that_reaches_no_result_reruns_nothing(copy) -> None:
    """That of searches, what a section says of itself, tries, digests, progress."""
    edit(copy, "search/photo_encoder", "seconds=60.0", "seconds=61.0")
    edit(copy, "settings", "width and height, pixels", "side of a view, pixels")
    edit(copy, "core/worker", "ATTEMPTS = 2", "ATTEMPTS = 3")
    edit(copy, "files/digest", "SETTLED = 2_000", "SETTLED = 3_000")
    edit(copy, "core/progress", "SECONDS_BETWEEN_LINES = 10.0", "SECONDS_BETWEEN_LINES = 9.0")
    assert copy.planned() == {}


def test_changed_code_that_reads_pictures_rereads_the_views_that_models_come_with(tmp_path) -> None:
    run = copy_project(tmp_path / "project")
    layouts.mi3dor(run.folder / "MI3DOR", objects=1)
    run.configure(shards={"models": 2, "images": 2}, render={"size": 64})
    words = ["kind=mi3dor", "dataset=x", "models=MI3DOR/model", "images=MI3DOR/image"]
    run.snakemake("--config", *words, "--", "render")
    edit(run, "media/photos", "MIN_SIDE = 8", "MIN_SIDE = 7")
    assert run.planned("--config", *words, "--", "render") == {
        "render": 1,
        "given_views": 2,
        "contact_sheet": 1,
    }


@pytest.mark.slow
def test_an_added_mesh_is_searchable_and_then_rendered_and_described_alone(copy) -> None:
    models = copy.folder / "data" / "models"
    old = min(path for path in models.rglob("*.*") if path.suffix == ".obj")
    new = shutil.copy(old, copy.folder / "a-new-one.obj")
    words = ("add", new, "--dataset", "tiny", "--category", old.parent.name)
    assert "searchable now" in ucmgcn(copy.folder, *words).stdout
    id, results = f"{old.parent.name}/a-new-one", copy.folder / "results"
    before = Library.open(results / "tiny").similar(id, 3)
    shard = shard_of(id, 3)
    members = pd.read_csv(results / "tiny/manifest/models.csv")["id"]
    others = sum(shard_of(member, 3) == shard for member in members)
    output = copy.snakemake()
    assert output.count("rendering the models of shard") == 1
    assert f"rendering the models of shard {shard:03d}" in output
    assert f"describing the views of shard {shard:03d}" in output
    assert output.count("describing the views of shard") == 1
    assert "describing the photos" not in output
    for log in (f"render/shard-{shard:03d}.log", f"view_features/shard-{shard:03d}.log"):
        text = (results / "tiny" / "logs" / log).read_text()
        assert f"{others} items reused" in text
    assert id in (results / "tiny/manifest/models.csv").read_text()
    assert "Nothing to be done" in copy.snakemake()
    library = Library.open(results / "tiny")
    assert id in [model.id for model in read_index(results / "tiny/index/index.h5").models]
    assert [model.id for model in library.models].count(id) == 1
    # The mesh is a copy of another, which stays its nearest.
    after = library.similar(id, 3)
    assert before[0].model == after[0].model == f"{old.parent.name}/{old.stem}"
    assert "in the library already" in ucmgcn(copy.folder, *words).stdout
