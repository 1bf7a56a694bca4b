"""What a run was made of and what it made, as its RO-Crate says."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from project import Run
from rocrate.rocrate import ROCrate

from ucmgcn import __version__
from ucmgcn.report.crate import METADATA


@pytest.fixture(scope="module")
def results(finished: Run) -> Path:
    return finished.folder / "results" / "tiny"


@pytest.fixture(scope="module")
def action(results: Path) -> Any:
    crate = ROCrate(results)
    assert crate.mainEntity.id == "Snakefile" and (results / "Snakefile").is_file()
    (run,) = (entity for entity in crate.get_entities() if entity.type == "CreateAction")
    assert run["instrument"] == crate.mainEntity
    return run


def test_it_says_the_hash_of_every_result(results: Path, action: Any) -> None:
    files = {entity.id: entity["sha256"] for entity in action["result"]}
    tables = {path.relative_to(results).as_posix() for path in (results / "tables").glob("[!.]*")}
    assert {*tables, "report/index.html", "index/index.h5", "manifest/models.csv"} <= files.keys()
    for name, digest in files.items():
        assert hashlib.sha256((results / name).read_bytes()).hexdigest() == digest, name


def test_it_says_inputs_weights_settings_and_versions(finished: Run, action: Any) -> None:
    given = {entity["name"]: entity for entity in action["object"]}
    config = yaml.safe_load((finished.folder / "config.yaml").read_text())
    assert given["models"]["value"] == config["models"]
    assert given["photos"]["description"] == "30 photos"
    assert given["train.epochs"]["value"] == str(config["train"]["epochs"])
    for name in ("models", "photos", "weights of efficientnet-lite0"):
        assert len(given[name]["sha256"]) == 64
    software = {entity["name"]: entity for entity in action["instrument"]["softwareRequirements"]}
    assert software["ucmgcn"]["softwareVersion"] == __version__
    assert {"python", "snakemake", "torch", "dgl"} <= software.keys()


def test_it_is_the_same_again_and_names_no_place(results: Path, finished: Run) -> None:
    before = (results / METADATA).read_text()
    assert str(finished.folder) not in before
    finished.snakemake("--forcerun", "crate")
    assert (results / METADATA).read_text() == before
