"""What reading the Snakefile does: it writes nothing, lists once a run, and works as a module."""

from __future__ import annotations

import os
import time
from pathlib import Path

import layouts
import pytest
import yaml
from project import ROOT, Run, copy_project

from ucmgcn.datasets.kinds.furniture_package import INSTALLED

# Commands that look, some with `--cores` as if they were to run something.
LOOKS = [
    (["-n"], 2),
    (["--dag"], 2),
    (["--rulegraph"], None),
    (["--summary"], 2),
    (["--lint"], None),
    (["--list-rules"], 2),
    (["--unlock"], 2),
    (["--report", "{elsewhere}/report.html"], None),
]
# A job, as the executors start it.
JOB = ["--mode", "remote", "--force", "--force-use-threads", "--no-hooks", "--ignore-incomplete"]


def files(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file of a project but Snakemake's and Python's own."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and not {".snakemake", "__pycache__"} & set(path.parts)
    }


def test_to_look_writes_nothing(copy: Run, tmp_path: Path) -> None:
    # Of tomorrow, and so newer than what was made of it.
    os.utime(copy.folder / "results/tiny/tables/metrics.csv", (time.time() + 86400,) * 2)
    before = files(copy.folder)
    assert len(before) > 50
    for words, cores in LOOKS:
        copy.snakemake(*(word.format(elsewhere=tmp_path) for word in words), cores=cores)
        assert files(copy.folder) == before, words


def test_names_reach_the_jobs_as_they_were_typed(tmp_path: Path) -> None:
    run = copy_project(tmp_path / 'it\'s a "project"')
    place = tmp_path / "100% wood #1 {x}"
    for role, make, suffix in (("models", layouts.mesh, "stl"), ("images", layouts.picture, "png")):
        make(place / role / "chair" / f"one.{suffix}", "chair", 1)
    run.snakemake(
        "manifest", "--config", "dataset=007", f"models={place}/models", f"images={place}/images"
    )
    assert str(place) in (run.folder / "results/007/manifest/models.csv").read_text()


def job(run: Run, check: bool = True) -> str:
    words = ("--allowed-rules", "baselines", "--target-jobs", "baselines:seed=0")
    return run.snakemake(*JOB, *words, check=check)


def test_a_job_does_not_list_what_its_run_has_listed(copy: Run) -> None:
    (copy.folder / "data").rename(copy.folder / "away")
    embeddings = copy.folder / "results/tiny/runs/propagation/seed-0/embeddings.h5"
    before = embeddings.stat().st_mtime_ns
    job(copy)
    assert embeddings.stat().st_mtime_ns > before
    # That it lists where nothing was kept shows that it would have been seen.
    (copy.folder / ".snakemake/ucmgcn/tiny.json").unlink()
    assert "no folder data/models" in job(copy, check=False)


MODULE = """
module ucmgcn:
    snakefile: "{snakefile}"
    config: config["search"]

use rule * from ucmgcn{renamed}
"""


@pytest.mark.parametrize("renamed", ["", " as search_*"])
def test_another_snakefile_uses_this_one_as_a_module(tmp_path: Path, renamed: str) -> None:
    other = Run(tmp_path / "other")
    for role, make, suffix in (("models", layouts.mesh, "stl"), ("images", layouts.picture, "png")):
        make(other.folder / role / "chair" / f"one.{suffix}", "chair", 1)
    config = {"dataset": "chairs", "models": "models", "images": "images", "device": "cpu"}
    (other.folder / "config.yaml").write_text(yaml.safe_dump({"search": config, "own": "key"}))
    text = MODULE.format(snakefile=ROOT / "Snakefile", renamed=renamed)
    (other.folder / "Snakefile").write_text('configfile: "config.yaml"\n' + text)
    prefix = "search_" if renamed else ""
    jobs = other.planned()
    assert jobs[f"{prefix}render_shard"] == 8 and jobs[f"{prefix}evaluate"] == 1
    # Its adapters find the library, and its paths are those of the other's folder.
    other.snakemake(f"{prefix}manifest")
    assert "chair/one" in (other.folder / "results/chairs/manifest/models.csv").read_text()


APT = """#!/bin/sh
case "$0 $*" in
    *"apt-get download"*) touch package.deb ;;
    *dpkg-deb*) mkdir -p "root{installed}" && cp "{library}" "root{installed}" ;;
esac
"""


@pytest.mark.skipif(INSTALLED.is_dir(), reason="the furniture is installed, and nothing is fetched")
def test_furniture_is_fetched_by_a_rule_and_not_by_looking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = layouts.sh3f(tmp_path / "libraries" / "Test.sh3f")
    for name in ("apt-get", "dpkg-deb"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(APT.format(installed=INSTALLED, library=library))
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    run = copy_project(tmp_path / "project")
    run.configure(dataset="sweethome3d", shards={"models": 2, "images": 2})
    before = files(run.folder)
    assert {"furniture": 1, "sweethome3d": 1, "render_shard": 2}.items() <= run.planned().items()
    assert files(run.folder) == before
    run.snakemake("manifest", "results/sweethome3d/views/shard-000.h5")
    assert (run.folder / "resources/sweethome3d-furniture/Test.sh3f").is_file()
    # What was recorded is the listing of what was fetched.
    assert not run.planned("manifest", "results/sweethome3d/views/shard-000.h5")


def test_leave_to_download_reaches_the_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    run = copy_project(tmp_path / "project")
    run.configure(features={"backbone": "efficientnet-b0"})
    refused = run.snakemake("--", "results/demo/features/efficientnet-b0/encoder.onnx", check=False)
    assert "set features.allow_download: true" in refused
    run.configure(features={"allow_download": True})
    tried = run.snakemake("--", "results/demo/features/efficientnet-b0/encoder.onnx", check=False)
    assert "the download failed" in tried
