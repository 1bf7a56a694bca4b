"""What `ucmgcn` offers by name, and what it imports for that."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import ucmgcn


def modules_after(statement: str) -> set[str]:
    """Packages that a statement imports into a fresh interpreter."""
    code = f"""
import sys
before = set(sys.modules)
{statement}
print(*{{name.split(".")[0] for name in set(sys.modules) - before}} - sys.stdlib_module_names)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_ucmgcn_imports_nothing_else() -> None:
    assert modules_after("import ucmgcn") == {"ucmgcn"}


@pytest.mark.parametrize("name", ["Library", "evaluate_arrays"])
def test_nothing_heavy_is_imported_before_it_is_needed(name: str) -> None:
    found = modules_after(f"from ucmgcn import {name}")
    assert "numpy" in found
    assert not found & {"torch", "dgl", "sklearn", "trimesh", "pyrender", "matplotlib", "pandas"}


def test_every_name_is_there_and_no_package_has_it() -> None:
    packages = {path.parent.name for path in Path(ucmgcn.__file__).parent.glob("*/__init__.py")}
    for name in ucmgcn.__all__:
        assert getattr(ucmgcn, name) is not None
        assert name in dir(ucmgcn) and name not in packages
    with pytest.raises(AttributeError, match="no attribute 'Librery'"):
        ucmgcn.Librery  # noqa: B018


def test_the_version_and_the_types_are_shipped(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "ucmgcn.__version__"}
    cited = yaml.safe_load((root / "CITATION.cff").read_text())
    deposited = json.loads((root / ".zenodo.json").read_text())
    assert cited["version"] == deposited["version"] == ucmgcn.__version__
    assert cited["title"] == deposited["title"]
    assert "py.typed" in project["tool"]["setuptools"]["package-data"]["ucmgcn"]
    assert Path(ucmgcn.__file__).with_name("py.typed").is_file()
