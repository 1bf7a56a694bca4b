"""The command `run`: what it asks of Snakemake, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from command import ucmgcn

from ucmgcn.cli.main import main
from ucmgcn.cli.run import dataset_name


def test_to_look_shows_what_snakemake_shows_and_nothing_is_promised(tmp_path: Path) -> None:
    done = ucmgcn(tmp_path, "run", "--cores", 2, "--", "-n")
    assert done.returncode == 0, done.stderr
    assert not done.stdout and "Job stats:" in done.stderr + done.stdout
    assert not list(tmp_path.glob("results*"))


def test_the_profiles_of_the_package_are_found_by_name(tmp_path: Path) -> None:
    done = ucmgcn(tmp_path, "run", "--", "manifest", "-n", "--workflow-profile", "slurm")
    assert done.returncode == 0, done.stderr
    assert "profiles/slurm for setting default" in done.stderr
    assert "listing the models" in done.stderr and "describing" not in done.stderr


def test_a_mistake_is_told_by_snakemake_without_a_traceback(tmp_path: Path) -> None:
    done = ucmgcn(tmp_path, "run", "--models", "no/where")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "ucmgcn: making a search library of the meshes in no/where, in results/where"
    ]
    assert "no folder no/where" in done.stderr and "Traceback" not in done.stderr


def test_photos_alone_are_a_mistake() -> None:
    done = CliRunner().invoke(main, ["run", "--photos", "x"])
    assert done.exit_code == 2 and "--photos needs --models" in done.output


@pytest.mark.parametrize(
    ("folder", "name"),
    [("My chairs (new)", "My-chairs-new"), ("demo", "mine"), ("…", "mine"), ("a.b_c+d", "a.b_c+d")],
)
def test_results_are_named_after_the_folder(folder: str, name: str, tmp_path: Path) -> None:
    assert dataset_name(tmp_path / folder) == name


def test_settings_that_are_given_join_those_of_the_data(tmp_path: Path) -> None:
    words = ("--models", "no/where", "--", "--config", "render={sizes: 1}")
    done = ucmgcn(tmp_path, "run", *words)
    assert "there is no key render.sizes" in done.stderr
