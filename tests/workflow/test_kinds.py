"""Kinds of data sets through the whole pipeline, each on a small tree in its layout."""

from __future__ import annotations

import re
import shlex

import layouts
import numpy as np
import pandas as pd
import pytest
from command import ucmgcn
from project import ROOT, Run, copy_project

from ucmgcn.files.shards import open_shard
from ucmgcn.search.library import Library

KEY = ["method", "protocol"]
NO_TEXTURE = "texture not found, drawn without"
SMALL = {
    "shards": {"models": 2, "images": 2},
    "train": {"seeds": [0], "epochs": 2, "folds": 2},
    "graph": {"k": 3, "view_k": 2, "dims": 8},
    "propagation": {"hops": 2, "neighbours": 3},
    "evaluate": {"resamples": 50, "methods": ["ucm-gcn", "propagation", "max-pool"]},
    "render": {"size": 64},
}


def is_coloured(views: np.ndarray) -> bool:
    """Whether something is drawn in a colour, as no surface without texture is."""
    return bool((np.ptp(views.astype(int), axis=-1) > 60).any())


def drawn_in_colour(project: Run, dataset: str) -> dict[str, bool]:
    """For each model of a run whether its views show its texture."""
    found = {}
    for path in sorted((project.folder / "results" / dataset / "views").glob("*.h5")):
        with open_shard(path, "views") as shard:
            found |= {id: is_coloured(v) for id, v in zip(shard.ids, shard.array[:], strict=True)}
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A project whose runs share the exported encoder."""
    run = copy_project(tmp_path_factory.mktemp("kinds") / "project")
    run.configure(**SMALL)
    return run


def documented(kind: str) -> dict[str, str]:
    """Configuration of the command that docs/datasets.md gives for a kind."""
    text = (ROOT / "docs" / "datasets.md").read_text()
    (line,) = re.findall(rf"^snakemake .* (?=.*kind={kind}).*$", text, re.MULTILINE)
    return dict(word.split("=") for word in shlex.split(line) if "=" in word)


def run_kind(project: Run, target: str, **config: object) -> dict[str, pd.DataFrame]:
    """Run a target; return the tables by name."""
    words = [f"{key}={value}" for key, value in config.items()]
    project.snakemake("--config", *words, "--", target)
    tables = project.folder / "results" / str(config["dataset"]) / "tables"
    return {p.stem: pd.read_csv(p, keep_default_na=False) for p in tables.glob("*.csv")}


@pytest.mark.slow
def test_mi3dor_is_measured_on_its_test_split_without_rendering(project: Run) -> None:
    layouts.mi3dor(project.folder / "MI3DOR")
    config = documented("mi3dor")
    project.configure(data={"views": 4})
    tables = run_kind(project, "all", **config)
    metrics = tables["metrics"].set_index(KEY)
    assert set(metrics["split"]) == {"given"}
    assert set(metrics["n_queries"]) == set(metrics["n_models"]) == {9}
    # Three categories of three models, three photos each, told by their colour. All 3 hits of a
    # photo in its first 20 places: precision 3/20, recall 1, of which F is the harmonic mean.
    assert (metrics.loc["ucm-gcn", "NN"] == 1).all()
    assert metrics["F_ceiling"].to_numpy() == pytest.approx(2 * 3 / (20 + 3), abs=1e-6)
    report = (project.folder / "results" / "mi3dor" / "report" / "index.html").read_text()
    assert "ImageNet" in report and "CLIP+DINOv2+ULIP-2" in report
    assert "Nothing to be done" in project.snakemake(
        "--config", *(f"{key}={value}" for key, value in config.items())
    )


@pytest.mark.slow
def test_3d_future_is_scored_as_its_challenge(project: Run) -> None:
    data = layouts.three_d_future(project.folder / "future")
    (data / "model" / "bed-0001" / "normalized_model.obj").write_text("v 0 0 0\n")
    (data / "model" / "table-0002" / "texture.png").unlink()
    tables = run_kind(
        project,
        "evaluate",
        dataset="future",
        kind="3d-future",
        models=data / "model",
        images=data / "photos",
    )
    metrics = tables["metrics"].set_index(KEY)
    assert set(metrics["n_instances"]) == {9} and metrics["R@10"].astype(float).eq(1).all()
    assert metrics["R@1"].astype(float).between(0, 1).all()
    challenge = tables["challenge"].set_index(KEY)
    assert set(challenge["n_queries"]) == {8} and set(challenge["n_without_points"]) == {1}
    expected = 65 * challenge["top1"] + 0.35 * challenge["F"]
    assert (challenge["score"] - expected).abs().max() < 1e-4
    assert set(tables["significance"]["metric"]) >= {"R@1", "FT"}
    assert set(tables["rejected"]["stage"]) == {"points"}
    colours = drawn_in_colour(project, "future")
    assert len(colours) == 9 and [id for id in colours if not colours[id]] == ["table-0002"]
    warnings = tables["warnings"][["id", "stage", "what", "detail"]]
    assert warnings.values.tolist() == [["table-0002", "render", NO_TEXTURE, "texture.png"]]
    log = (project.folder / "results/future/logs/rejected.log").read_text()
    assert f"1 of 9 models: {NO_TEXTURE}; " in log


@pytest.mark.slow
def test_a_manifest_and_a_drawn_split_reach_the_tables(project: Run) -> None:
    layouts.manifest(project.folder, split=False)
    config = documented("manifest")
    whole = run_kind(project, "evaluate", **config)["metrics"]
    assert set(whole["split"]) == {"none"} and set(whole["n_queries"]) == {18}
    assert set(whole["n_instances"]) == {18}
    config |= {"dataset": "drawn", "split": "stratified"}
    drawn = run_kind(project, "evaluate", **config)["metrics"]
    assert set(drawn["split"]) == {"stratified, seed 0"} and set(drawn["n_queries"]) == {9}
    assert set(drawn["n_models"]) == {9}


@pytest.mark.slow
def test_a_library_of_furniture_is_unpacked_and_searched_by_its_pictures(project: Run) -> None:
    library = layouts.sh3f(project.folder / "libraries" / "Test.sh3f")
    config = {"dataset": "rooms", "kind": "sweethome3d", "models": library.parent}
    tables = run_kind(project, "all", **config)
    assert set(tables["metrics"]["n_instances"]) == {3}
    assert (project.folder / "resources/sweethome3d/rooms/Test/lib/bed/bed.obj").is_file()
    assert set(drawn_in_colour(project, "rooms").values()) == {True}
    report = (project.folder / "results/rooms/report/index.html").read_text()
    assert "<h2>Warnings</h2>\n<p>None.</p>" in report
    check_that_add_draws_textures(project)


def check_that_add_draws_textures(project: Run) -> None:
    """The other way into a library: `ucmgcn add`, with its texture and without."""
    for name in ("whole", "bare"):
        mesh = layouts.textured(project.folder / name, f"{name}.obj", "chair", 0)
        if name == "bare":
            (mesh.parent / "texture.png").unlink()
        done = ucmgcn(project.folder, "add", mesh, "--dataset", "rooms")
        assert done.returncode == 0, done.stderr
        assert (NO_TEXTURE in done.stderr) == (name == "bare")
    library = Library.open(project.folder / "results" / "rooms")
    colours = [is_coloured(library.view(name, 0)) for name in ("whole", "bare")]
    assert colours == [True, False]


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("mi3dor", "nowhere/train"),
        ("3d-future", "nowhere"),
        ("modelnet", "nowhere"),
        ("shapenet", "nowhere"),
        ("manifest", "nowhere"),
    ],
)
def test_missing_data_are_one_clear_line(project: Run, kind: str, missing: str) -> None:
    output = project.snakemake(
        "-n",
        "--config",
        "dataset=x",
        f"kind={kind}",
        "models=nowhere",
        "images=nowhere",
        check=False,
    )
    assert f"there is no {missing}" in output and "--config models=PATH" in output
    assert "Traceback" not in output
