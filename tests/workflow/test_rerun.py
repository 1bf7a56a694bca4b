"""What reruns after which change: the table that caching stands on."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
from command import ucmgcn

from ucmgcn.index_file import read_index
from ucmgcn.manifest import shard_of
from ucmgcn.search import Library

AFTER_EVALUATE = {"evaluate": 1, "report": 1}
AFTER_TRAIN = {"train_seed:0": 1, "train_seed:1": 1, "index": 1, **AFTER_EVALUATE}
AFTER_GRAPH = {"graph": 1, "propagation": 1, **AFTER_TRAIN}
AFTER_FEATURES = {"rejected": 1, **AFTER_GRAPH}
DESCRIBE_ALL = {"encoder": 1, "image_features": 2, "view_features": 3}
RENDER_ALL = {"render_shard": 3, "contact_sheet": 1, "view_features": 3}


def test_a_finished_run_has_nothing_to_do_under_any_hash_seed(finished) -> None:
    assert "Nothing to be done" in finished.snakemake(hash_seed="1")
    assert "Nothing to be done" in finished.snakemake(hash_seed="2")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"evaluate": {"top": 20}}, AFTER_EVALUATE),
        ({"train": {"seeds": [0, 1, 2]}}, {"train_seed:2": 1, **AFTER_EVALUATE}),
        ({"train": {"lr": 0.0123}}, AFTER_TRAIN),
        ({"train": {"supervision": "source"}}, {"propagation": 1, **AFTER_TRAIN}),
        (
            {"split": "stratified"},
            {"manifest": 1, "rejected": 1, "propagation": 1, **AFTER_TRAIN},
        ),
        ({"graph": {"k": 3}}, AFTER_GRAPH),
        ({"features": {"batch": 7}}, DESCRIBE_ALL | AFTER_FEATURES),
        # Of no effect on any result; but the report quotes the whole configuration.
        ({"features": {"allow_download": True}}, {"report": 1}),
        ({"render": {"size": 96}}, RENDER_ALL | AFTER_FEATURES),
    ],
    ids=lambda value: next(iter(value), "nothing"),
)
def test_a_changed_key_reruns_the_stages_that_read_it(copy, change, expected) -> None:
    copy.configure(**change)
    assert copy.planned() == expected


def test_results_of_another_encoder_are_not_taken_for_those_of_this_one(copy) -> None:
    copy.configure(features={"backbone": "efficientnet-lite1"})
    copy.snakemake("--", "propagation")
    copy.configure(features={"backbone": "efficientnet-lite0"})
    assert copy.planned() == {"propagation": 1, **AFTER_EVALUATE}


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("report", {"report": 1}),
        ("evaluate", AFTER_EVALUATE),
        ("train", {"propagation": 1, **AFTER_TRAIN}),
        ("index", {"index": 1}),
        ("search", {}),
        ("rejected", {"rejected": 1, **AFTER_EVALUATE}),
        ("contact_sheet", {"contact_sheet": 1}),
        ("render", RENDER_ALL | AFTER_FEATURES),
    ],
)
def test_changed_code_reruns_its_stage_and_those_after_it(copy, module, expected) -> None:
    package = copy.folder / "workflow" / "scripts" / "ucmgcn"
    file = package / f"{module}.py"
    file = file if file.exists() else package / module / "__init__.py"
    with file.open("a") as source:
        source.write("\nCHANGED = True\n")
    assert copy.planned() == expected


def test_a_comment_reruns_nothing(copy) -> None:
    with (copy.folder / "workflow/scripts/ucmgcn/render.py").open("a") as source:
        source.write("\n# a remark\n")
    assert not copy.planned()


def test_an_added_mesh_is_searchable_and_then_rendered_and_described_alone(copy) -> None:
    models = copy.folder / "data" / "models"
    old = min(path for path in models.rglob("*.*") if path.suffix == ".obj")
    new = shutil.copy(old, copy.folder / "a-new-one.obj")
    words = ("add", new, "--dataset", "tiny", "--category", old.parent.name)
    assert "searchable now" in ucmgcn(copy.folder, *words).stdout
    id, results = f"{old.parent.name}/a-new-one", copy.folder / "results"
    before = Library.open("tiny", results).similar(id, 3)
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
        assert f"{others} items taken over as they were" in text
    assert id in (results / "tiny/manifest/models.csv").read_text()
    assert "Nothing to be done" in copy.snakemake()
    library = Library.open("tiny", results)
    assert id in [model.id for model in read_index(results / "tiny/index/index.h5").models]
    assert [model.id for model in library.models].count(id) == 1
    # The mesh is a copy of another, which stays its nearest.
    after = library.similar(id, 3)
    assert before[0].model == after[0].model == f"{old.parent.name}/{old.stem}"
    assert "in the library already" in ucmgcn(copy.folder, *words).stdout
