from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ucmgcn import provenance


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package, which a test may change."""
    copy = tmp_path / "ucmgcn"
    shutil.copytree(provenance.PACKAGE, copy)
    monkeypatch.setattr(provenance, "PACKAGE", copy)
    provenance._module.cache_clear()
    yield copy
    provenance._module.cache_clear()


def digest(module: str) -> str:
    provenance._module.cache_clear()
    return provenance.code_digest(module)


def test_comments_docstrings_and_layout_do_not_count(package: Path) -> None:
    before = digest("manifest")
    file = package / "manifest.py"
    file.write_text(file.read_text().replace('"""', '"""Other words. ', 1) + "\n\n# a comment\n")
    assert digest("manifest") == before


def test_a_change_counts_for_the_module_and_for_those_that_import_it(package: Path) -> None:
    before = {name: digest(name) for name in ("manifest", "rejected", "store", "provenance")}
    with (package / "manifest.py").open("a") as file:
        file.write("\nNEW = 1\n")
    changed = {name for name in before if digest(name) != before[name]}
    assert changed == {"manifest", "rejected"}


def test_an_unknown_module_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        provenance.code_digest("nowhere")
