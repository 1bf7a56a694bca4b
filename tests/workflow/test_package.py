"""The built package: it holds the workflow, and runs in a folder that holds nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from project import ROOT

import ucmgcn

# What a clone has that was not made in it.
SOURCES = (
    *("Snakefile", "config.yaml", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md"),
    *("LICENSE", "CITATION.cff", "requirements.lock", "rules", "envs", "profiles", "workflow"),
)
IGNORED = shutil.ignore_patterns("__pycache__", "*.egg-info")
TINY = [
    "demo={models_per_category: 2, photos_per_category: 2}",
    "train={seeds: [0], epochs: 2}",
    "shards={models: 2, images: 2}",
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution, as `python -m build` does."""
    clone = tmp_path_factory.mktemp("clone")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, clone / name, ignore=IGNORED)
        else:
            shutil.copy2(ROOT / name, clone / name)
    call(sys.executable, "-m", "build", "--no-isolation", cwd=clone)
    (built,) = (clone / "dist").glob("*.whl")
    assert list((clone / "dist").glob("*.tar.gz"))
    return built


def call(*words: object, cwd: Path) -> str:
    done = subprocess.run([*map(str, words)], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@dataclass
class Installed:
    """An environment with the package and its dependencies, and an empty folder to work in."""

    prefix: Path
    folder: Path

    def ucmgcn(self, *words: object) -> str:
        return call(self.prefix / "bin" / "ucmgcn", *words, cwd=self.folder)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    prefix, folder = (tmp_path_factory.mktemp(name) for name in ("prefix", "empty"))
    call(sys.executable, "-m", "venv", "--without-pip", prefix, cwd=folder)
    python = prefix / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index")
    call(*pip, wheel, cwd=folder)
    paths = {name: str(prefix) for name in ("base", "platbase")}
    site = Path(sysconfig.get_path("purelib", vars=paths))
    # The dependencies of the environment at hand, and not the clone, which it has too.
    (site / "environment.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return Installed(prefix, folder)


@pytest.mark.slow
def test_the_wheel_holds_all_files_of_the_workflow(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    inside = {name.removeprefix("ucmgcn/project/") for name in names if "/project/" in name}
    wanted = {"Snakefile", "config.yaml"}
    for folder in ("rules", "profiles", "workflow/report", "workflow/schemas"):
        files = (ROOT / folder).rglob("*.*")
        wanted |= {path.relative_to(ROOT).as_posix() for path in files if path.is_file()}
    for pattern in ("envs/*.yaml", "workflow/scripts/*.py"):
        wanted |= {path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern)}
    assert inside == wanted
    library = {name for name in names if name.endswith(".py") and "/project/" not in name}
    scripts = ROOT / "workflow" / "scripts"
    assert library == {path.relative_to(scripts).as_posix() for path in scripts.glob("*/**/*.py")}


@pytest.mark.slow
def test_it_runs_in_an_empty_folder(installed: Installed) -> None:
    assert installed.ucmgcn("--version").split()[-1] == ucmgcn.__version__
    output = installed.ucmgcn("run", "--cores", 2, "--", "--config", *TINY)
    assert output.startswith("ucmgcn: making a demo set")
    assert re.search(r"^ +\d+:\d\d +\d+/\d+  rendering the models \(2 jobs\)$", output, re.M)
    results = installed.folder / "results" / "demo"
    assert (results / "report" / "index.html").is_file()
    photo = min((installed.folder / "resources/demo/images").rglob("*.jpg"))
    found = installed.ucmgcn("query", photo, "--dataset", "demo", "--top", 1, "--csv")
    assert len(found.splitlines()) == 2
    again = installed.ucmgcn("run", "--cores", 2, "--", "--config", *TINY)
    assert "nothing to be done" in again and "rendering" not in again
    assert len(again.splitlines()) < len(output.splitlines())
