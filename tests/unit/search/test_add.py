"""Which meshes and categories can be added."""

from __future__ import annotations

from pathlib import Path

import pytest

from ucmgcn.core.errors import ItemError, UserError
from ucmgcn.index.file import Facts
from ucmgcn.search.add import choose_target

FACTS = Facts("set", "folder", "models", "encoder.onnx", [], [], {}, {})


@pytest.mark.parametrize("name", ["a\x1b[2J.obj", "a\nb.obj", "\u202elio.obj"])
def test_a_name_that_would_drive_a_terminal_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("v 0 0 0\n")
    with pytest.raises(ItemError, match="control characters") as error:
        choose_target(tmp_path / name, None, FACTS, tmp_path)
    assert str(error.value).isprintable()


@pytest.mark.parametrize("category", ["two\nlines", "a\x1bb", "../out", ".hidden", "a/b", "a\\b"])
def test_a_category_is_a_plain_name_of_a_folder(tmp_path: Path, category: str) -> None:
    (tmp_path / "box.obj").write_text("v 0 0 0\n")
    with pytest.raises(UserError, match="no name of a folder"):
        choose_target(tmp_path / "box.obj", category, FACTS, tmp_path)
