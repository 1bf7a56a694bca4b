"""The command `evaluate`: the metrics of embeddings that were made elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import h5py
import numpy as np
import numpy.typing as npt

from ucmgcn.core.errors import UserError
from ucmgcn.evaluate.assess import RetrievalTask, assess, ceilings
from ucmgcn.evaluate.metrics import BESIDE, FLAVOURS, METRICS, Flavour, instance_recall, summarise
from ucmgcn.evaluate.ranking import DISTANCES, Distance, EmbeddingScorer, Measure

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
@click.option("--distance", type=click.Choice(DISTANCES), default="cosine", show_default=True)
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
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def evaluate(
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
    task = _task(query_labels, model_labels, query_instances, model_instances)
    queries = _read_matrix(query_embeddings, query_labels, len(task.queries))
    models = _read_matrix(model_embeddings, model_labels, len(task.models))
    if queries.shape[1] != models.shape[1]:
        raise UserError(
            f"{query_embeddings} has {queries.shape[1]} columns but {model_embeddings} has "
            f"{models.shape[1]}; both must come from one embedding space"
        )
    _check_categories(task, query_labels, model_labels, skip_unknown)
    measure = Measure(distance, official_preprocess)
    report = measure_embeddings(task, queries, models, measure, flavour, threads)
    click.echo(json.dumps(report, indent=2) if as_json else format_report(report))


def measure_embeddings(
    task: RetrievalTask,
    queries: Matrix,
    models: Matrix,
    measure: Measure,
    flavour: Flavour,
    threads: int,
) -> dict[str, Any]:
    """Return the metrics, their ceilings and the counts, ready for JSON.

    Parameters
    ----------
    queries, models
        Embeddings of shapes (N, d) and (G, d), in the order of the task.
    """
    scorer = EmbeddingScorer(queries, models, measure)
    by_category = flavour == "legacy"
    result = assess(scorer, task, flavour=flavour, by_category=by_category, threads=threads)
    if result.retrieval is None:
        raise ValueError("the task has no query to evaluate")
    found = result.target[result.target > 0]
    perfect = ceilings(task, flavour)
    return {
        **summarise(result.retrieval, flavour),
        **(instance_recall(found) if len(found) else {}),
        "ceilings": {name: perfect[name] for name in (*METRICS, *BESIDE)},
        "n_queries": int(task.evaluated.sum()),
        "n_models": len(task.models),
        "n_categories": len(task.categories),
        "n_left_out": len(task.left_out),
        "left_out_categories": sorted({label for _, label, _ in task.left_out}),
        **({"n_instance_queries": len(found)} if task.instances is not None else {}),
        "flavour": flavour,
        "distance": "euclidean" if measure.official_preprocess else measure.distance,
        "official_preprocess": measure.official_preprocess,
    }


def format_report(report: dict[str, Any]) -> str:
    """Lay the metrics out as text, each with what a perfect ranking would give."""
    perfect = report["ceilings"]
    recalls = [name for name in report if name.startswith("R@")]
    lines = [f"{'metric':<12}{'value':>9}{'perfect':>9}"]
    for name in (*METRICS, *BESIDE, *recalls):
        lines.append(f"{name:<12}{report[name]:>9.4f}{perfect.get(name, 1.0):>9.4f}")
    preprocess = ", official preprocessing" if report["official_preprocess"] else ""
    lines.append(
        f"{report['n_queries']} queries, {report['n_models']} models, "
        f"{report['n_categories']} categories; {report['flavour']} metrics, "
        f"{report['distance']} distance{preprocess}"
    )
    if report["n_left_out"]:
        names = ", ".join(name or "(no label)" for name in report["left_out_categories"])
        lines.append(f"left out: {report['n_left_out']} queries without a model to find: {names}")
    return "\n".join(lines)


def _task(
    query_labels: Path,
    model_labels: Path,
    query_instances: Path | None,
    model_instances: Path | None,
) -> RetrievalTask:
    if (query_instances is None) != (model_instances is None):
        raise UserError("--query-instances and --model-instances need each other; give both")
    queries, models = _read_lines(query_labels), _read_lines(model_labels)
    wanted = names = None
    if query_instances and model_instances:
        wanted = _read_lines(query_instances, len(queries))
        names = _read_lines(model_instances, len(models))
        if len(set(names)) < len(names):
            raise UserError(f"{model_instances}: a name occurs twice; each model needs its own")
    return RetrievalTask(
        queries=[str(i) for i in range(len(queries))],
        models=names or [str(i) for i in range(len(models))],
        query_labels=queries,
        model_labels=models,
        instances=wanted,
    )


def _check_categories(
    task: RetrievalTask, query_labels: Path, model_labels: Path, skip_unknown: bool
) -> None:
    unknown = [
        (i, label)
        for i, (_, label, _) in zip(np.flatnonzero(~task.evaluated), task.left_out, strict=True)
    ]
    if not unknown or (skip_unknown and len(unknown) < len(task.queries)):
        return
    line, label = unknown[0]
    names = len({name for _, name in unknown})
    mend = "correct the labels" + ("" if skip_unknown else " or pass --skip-unknown")
    raise UserError(
        f"{query_labels}, line {line + 1}: category {label!r} is not in {model_labels} "
        f"({len(unknown)} such queries, {names} such categories); {mend}"
    )


def _read_lines(path: Path, expected: int | None = None) -> list[str]:
    """Read one text a line; a blank line at the end of the file is no line."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as text ({error})") from error
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise UserError(f"{path}: the file is empty; it needs one line for each row")
    if expected is not None and len(lines) != expected:
        raise UserError(f"{path}: {len(lines)} lines, but the labels have {expected}")
    return lines


def _read_matrix(path: Path, labels: Path, expected: int) -> Matrix:
    """Read embeddings, and check them against the number of labels."""
    matrix = _load(path)
    if matrix.ndim != 2 or not matrix.size or matrix.dtype.kind not in "fiu":
        raise UserError(
            f"{path}: holds {matrix.dtype} of shape {matrix.shape}; "
            f"it must hold numbers, one row an item"
        )
    if len(matrix) != expected:
        raise UserError(f"{path}: {len(matrix)} rows, but {labels} has {expected} lines")
    finite = np.isfinite(matrix).all(axis=1)
    if not finite.all():
        raise UserError(f"{path}: row {int(np.argmin(finite)) + 1} has a NaN or infinite value")
    return matrix


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
