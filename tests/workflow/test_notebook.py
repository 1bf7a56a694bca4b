"""The notebook and the page on Python, run on the small finished run as a reader would."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from project import Run
from waiting import HANG_SECONDS

REPLACED = {"results/demo": "results/tiny", "resources/demo": "data"}
NOTEBOOK, PAGE = "docs/notebooks/search.ipynb", "docs/python.md"


def adapted(text: str) -> str:
    for old, new in REPLACED.items():
        text = text.replace(old, new)
    return text


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if ".cache" not in path.parts}


@pytest.fixture
def jupyter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jupyter's own files, which it would write into the home folder."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))


def test_the_notebook_runs_and_leaves_nothing_behind(root: Path, copy: Run, jupyter: None) -> None:
    before = files(copy.folder)
    notebook = nbformat.reads(adapted((root / NOTEBOOK).read_text()), as_version=4)
    client = NotebookClient(
        notebook,
        timeout=HANG_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(copy.folder)}},
    )
    client.execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in shown if output.get("name") == "stderr"]
    kinds = [kind for output in shown for kind in output.get("data", {})]
    assert kinds.count("image/png") == 2 and kinds.count("text/html") >= 3
    texts = [output["data"]["text/plain"] for output in shown if "data" in output]
    assert texts[0].startswith("<Library tiny: ") and "chair" in texts[1]
    assert files(copy.folder) == before


def test_the_notebook_is_kept_without_outputs(root: Path) -> None:
    notebook = nbformat.read(root / NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells and not any(cell.outputs or cell.execution_count for cell in cells)


def test_the_code_of_the_page_on_python_runs(root: Path, copy: Run) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (root / PAGE).read_text(), re.DOTALL)
    script = adapted("\n".join(blocks))
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=copy.folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("<Library tiny: ")
    assert len([line for line in lines[1:6] if ".obj" in line or "data/models/" in line]) == 5
    assert "chair/stool: searchable now" in done.stdout
    assert lines[-2] == "there is no such file" and "there are tiny" in lines[-1]
    assert (copy.folder / "exported" / "models.parquet").is_file()
