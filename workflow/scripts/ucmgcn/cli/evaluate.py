"""The command `evaluate`: metrics of embeddings made elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import h5py
import numpy as np
import numpy.typing as npt

from ucmgcn.core.errors import UserError
from ucmgcn.core.strict_json import to_json
from ucmgcn.evaluate.arrays import Names, Side, evaluate_sides
from ucmgcn.evaluate.metrics import FLAVOURS, Flavour
from ucmgcn.evaluate.ranking import DISTANCES, Distance, Measure

Matrix = npt.NDArray[Any]

FILE = click.Path(path_type=Path)


@click.command()
@click.option("--query-embeddings", type=FILE, required=True, help="N x d: .npy, .h5 or .csv.")
@click.option("--query-labels", type=FILE, required=True, help="N lines, a category each.")
@click.option("--model-embeddings", type=FILE, required=True, help="G x d: .npy, .h5 or .csv.")
@click.option("--model-labels", type=FILE, required=True, help="G lines, a category each.")
@click.option(
    "--query-instances", type=FILE, help="N lines, the exact model's name: adds R@1, R@5, R@10."
)
@click.option("--model-instances", type=FILE, help="G lines, the name of each model.")
@click.option(
    "--distance",
    type=click.Choice(DISTANCES),
    default="cosine",
    show_default=True,
    help="How embeddings are compared.",
)
@click.option(
    "--official-preprocess",
    is_flag=True,
    help="As the MI3DOR evaluator: set negative values to 0, L2-normalise, rank by Euclidean.",
)
@click.option(
    "--flavour",
    type=click.Choice(FLAVOURS),
    default="official",
    show_default=True,
    help="official: the MI3DOR evaluator. legacy: that of the paper's repository, not comparable.",
)
@click.option(
    "--skip-unknown", is_flag=True, help="Leave out, and count, queries without a model to find."
)
@click.option(
    "--threads", type=click.IntRange(min=1), default=2, show_default=True, help="Cores to use."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def evaluate(  # noqa: PLR0913 - one for each option
    query_embeddings: Path,
    query_labels: Path,
    model_embeddings: Path,
    model_labels: Path,
    query_instances: Path | None,
    model_instances: Path | None,
    distance: Distance,
    official_preprocess: bool,
    flavour: Flavour,
    skip_unknown: bool,
    threads: int,
    as_json: bool,
) -> None:
    """Measure how well queries find models of their category.

    Row i of an embedding file belongs to line i of its label file; a label may be any text. An HDF5
    file with several datasets needs the name of one: FILE.h5::photo/inductive.

    \b
    Examples:
      ucmgcn evaluate --query-embeddings q.npy --query-labels q.txt \\
                      --model-embeddings m.npy --model-labels m.txt
      ucmgcn evaluate --query-embeddings q.csv --query-labels q.txt \\
                      --model-embeddings m.csv --model-labels m.txt \\
                      --official-preprocess --json
    """  # noqa: D301
    queries = _read_side(query_embeddings, query_labels, query_instances)
    models = _read_side(model_embeddings, model_labels, model_instances)
    measure = Measure(distance, official_preprocess)
    result = evaluate_sides(queries, models, measure, flavour, skip_unknown, threads)
    click.echo(to_json(result.report()) if as_json else f"{result}\n", nl=False)


def _read_side(embeddings: Path, labels: Path, instances: Path | None) -> Side:
    return Side(
        _load(embeddings),
        _read_lines(labels),
        _read_lines(instances) if instances else None,
        Names(str(embeddings), str(labels), str(instances), files=True),
    )


def _read_lines(path: Path) -> list[str]:
    """Read one text a line; a blank line at the end of the file is no line."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as text ({error})") from error
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise UserError(f"{path}: the file is empty; it needs one line for each row")
    return lines


def _load(path: Path) -> Matrix:
    name, _, dataset = str(path).partition("::")
    suffix = Path(name).suffix.lower()
    readers = {".npy": _load_npy, ".csv": _load_csv, ".h5": _load_hdf5, ".hdf5": _load_hdf5}
    if suffix not in readers:
        raise UserError(f"{path}: unknown kind of file; use .npy, .h5 or .csv")
    try:
        return readers[suffix](Path(name), dataset)
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"{path}: cannot be read as {suffix} ({reason})") from error


def _load_npy(path: Path, _dataset: str) -> Matrix:
    return np.asarray(np.load(path, allow_pickle=False))


def _load_csv(path: Path, _dataset: str) -> Matrix:
    with path.open(encoding="utf-8-sig") as file:
        return np.loadtxt(file, delimiter=",", ndmin=2, dtype=np.float64)


def _load_hdf5(path: Path, dataset: str) -> Matrix:
    with h5py.File(path, "r") as file:
        found: list[str] = []
        file.visititems(lambda name, item: found.append(name) if _is_matrix(item) else None)
        if dataset not in found and (dataset or len(found) != 1):
            raise UserError(
                f"{path}: name one of its datasets, as {path}::NAME; "
                f"it has {', '.join(found) or 'none of two dimensions'}"
            )
        return np.asarray(file[dataset or found[0]])


def _is_matrix(item: Any) -> bool:
    return isinstance(item, h5py.Dataset) and item.ndim == 2 and item.dtype.kind in "fiu"
