"""The report page: gather the content of every section, and fill the template."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml
from jinja2 import Environment
from markupsafe import Markup

from ucmgcn.core.templates import template_environment
from ucmgcn.datasets.manifest import read_items
from ucmgcn.datasets.rejected import summarise_warnings
from ucmgcn.evaluate.metrics import LOWER_IS_BETTER, METRICS
from ucmgcn.files.atomic import atomic_path
from ucmgcn.files.digest import intact
from ucmgcn.files.shards import open_shard
from ucmgcn.report import figures, origin, scores
from ucmgcn.report.gallery import Key, build_gallery
from ucmgcn.report.inputs import LibraryInputs, ReportInputs
from ucmgcn.report.projection import Maps, embedded_ids, project_embeddings
from ucmgcn.report.published import published
from ucmgcn.report.similar import similar_models
from ucmgcn.report.suspicious import find_suspicious

logger = logging.getLogger(__name__)

TEMPLATES = Path(__file__).parent / "templates"
MAX_REJECTED = 200
MAX_LABELS = 24
FEWEST_MAPPED = 3
# The metric of the verdicts is the first of these that was measured.
HEADLINES = {"R@1": "exact model first", "FT": "first tier"}
MEANING = {
    "NN": "nearest neighbour: share of photos whose first model is of the right category",
    "FT": "first tier: with C right models in the gallery, the share of them in the first C places",
    "ST": "second tier: the share of them in the first 2C − 1 places",
    "F": "F-measure of precision and recall over the first 20 places; even a perfect ranking "
    "reaches only the ceiling, because few categories have exactly 20 models",
    "DCG": "discounted cumulative gain over the first C places: early hits count more; "
    "a perfect ranking has 1",
    "ANMRR": "average normalised modified retrieval rank: how late the right models come; "
    "0 is perfect, lower is better",
    "AUC": "area under the pooled precision-recall curve; its ceiling is below 1",
    "mAP": "mean average precision over the whole ranking",
    "R@1": "share of photos whose exact model ranks first",
    "R@5": "share of photos whose exact model is among the first 5",
    "R@10": "share of photos whose exact model is among the first 10",
}
PROTOCOL_MEANING = {
    "transductive": "All test photos are known together, without labels: a query's ranking may "
    "depend on the other queries.",
    "inductive": (
        "Each photo is ranked alone, by a method that has not seen it. If all photos are queries, "
        "methods with a graph are built on the unlabelled photos of the other folds."
    ),
    "open": (
        "As inductive, but all photos of the query's category are held out: the methods are built "
        "on unlabelled photos of other things."
    ),
    **{
        name: (
            f"As transductive, but the photos are those of {name.removeprefix('skewed-')} of the "
            "categories; mean over several draws of these, ± standard deviation over the draws."
        )
        for name in scores.PROTOCOLS
        if name.startswith("skewed-")
    },
}
SUPERVISION_MEANING = {
    "none": "none",
    "source": "photos",
}


@dataclass(frozen=True)
class _Scope:
    """Shared by all sections: the metrics, the subject of the page, and its reference."""

    inputs: ReportInputs
    metrics: pd.DataFrame
    subject: Key
    reference: Key

    @property
    def names(self) -> list[str]:
        """Metrics that were computed: by categories, by exact models, both or none."""
        return scores.metric_names(self.metrics)

    @property
    def labelled(self) -> bool:
        return any(name in METRICS for name in self.names)


def write_report(inputs: LibraryInputs, out: Path, threads: int = 1) -> None:
    """Write the page as one self-contained HTML file.

    The same inputs give the same bytes. Without photos (the inputs are no `ReportInputs`) the page
    shows what the library holds, and which of its models are alike.

    Parameters
    ----------
    inputs
        The files to read.
    out
        The HTML file to write.
    threads
        Number of cores to use.

    Raises
    ------
    UserError
        If a shard is damaged, or an embedding file lacks an item.
    """
    content = _content(inputs, threads)
    page = _environment().get_template("report.html.j2").render(content)
    with atomic_path(out) as partial:
        partial.write_text(page, encoding="utf-8")
    logger.info("%s: %.1f MB", out, len(page.encode()) / 1e6)


def _scope(inputs: ReportInputs) -> _Scope:
    metrics = scores.read_table(inputs.metrics)
    own = metrics[metrics["method"] == inputs.subject]
    own = own if len(own) else metrics
    protocol = scores.by_protocol(own["protocol"])[0]
    subject = (str(own[own["protocol"] == protocol]["method"].iloc[0]), protocol)
    return _Scope(inputs, metrics, subject, scores.reference_of(metrics, subject[0]))


def _environment() -> Environment:
    environment = template_environment(TEMPLATES)
    environment.filters.update(number=_number, signed=_signed, duration=_duration, count=_count)
    return environment


def _content(inputs: LibraryInputs, threads: int) -> dict[str, Any]:
    own = _of_photos(_scope(inputs)) if isinstance(inputs, ReportInputs) else _of_models(inputs)
    graph = json.loads(intact(inputs.graph).read_text(encoding="utf-8"))
    return {
        "with_photos": isinstance(inputs, ReportInputs),
        **own,
        "maps": _maps(inputs, threads) if _can_be_mapped(inputs) else None,
        "graph": graph_statistics(graph),
        "misfits": graph["fit"]["warnings"],
        **_rejected(inputs.rejected),
        **_warned(inputs),
        **_suspicious(inputs),
        "times": origin.stage_times(inputs.benchmarks),
        **_provenance(inputs),
    }


def _of_photos(scope: _Scope) -> dict[str, Any]:
    """Gather what the photos of a data set tell."""
    inputs = scope.inputs
    return {
        **_overview(scope),
        "measured": bool(scope.names),
        "labelled": scope.labelled,
        **(_measured(scope) if scope.names else {}),
        **(_by_category(scope) if scope.labelled else {}),
        "strips": build_gallery(inputs, scope.subject, scope.reference),
        "history": _history(inputs),
        "seeds_trained": [path.parent.name for path in map(Path, inputs.history)],
    }


def _of_models(inputs: LibraryInputs) -> dict[str, Any]:
    """Gather what there is to say of models alone."""
    embedded = embedded_ids(inputs.embeddings[0])["model"]
    category = {item.id: item.category for item in read_items(inputs.models)}
    with open_shard(inputs.views[0], "views") as shard:
        n_views = shard.array.shape[1]
    return {
        "dataset": inputs.config["dataset"],
        "backbone": inputs.config["features"]["backbone"],
        "subject": (inputs.subject, ""),
        "labelled": False,
        "note": "",
        "adaptation": [],
        "n_models": len(embedded),
        "n_categories": len({category[id] for id in embedded} - {""}),
        "n_views": n_views,
        "strips": similar_models(inputs),
    }


def _overview(scope: _Scope) -> dict[str, Any]:
    head = scope.metrics.iloc[0]
    return {
        "dataset": head["dataset"],
        "backbone": head["backbone"],
        "note": head["note"],
        "adaptation": [_adaptation(path) for path in scope.inputs.adapt],
        "n_queries": int(head["n_queries"]),
        "n_models": int(head["n_models"]),
        "subject": scope.subject,
        "reference": scope.reference,
        "series_style": figures.style_of,
    }


def _adaptation(summary: Path) -> str:
    """Say whether the features are those of an adapted encoder."""
    told = json.loads(intact(summary).read_text(encoding="utf-8"))
    if told["adapted"]:
        return "The encoder's last blocks were adapted to these photos and models, without labels."
    return (
        f"Adapting the encoder was undone, for {'; '.join(told['reasons'])}: the features are "
        f"those of the encoder as it comes."
    )


def _measured(scope: _Scope) -> dict[str, Any]:
    """Gather the content that needs ground truth: categories or exact models."""
    rows = scores.methods(scope.metrics, scope.subject[0])
    head = scope.metrics.iloc[0]
    ceilings = _ceilings(head)
    compared = scores.comparisons(scores.read_table(scope.inputs.significance))
    names = scope.names
    headline = next(name for name in HEADLINES if name in names)
    return {
        "methods": rows,
        "protocols": scores.by_protocol(scope.metrics["protocol"]),
        "metric_names": names,
        "forest": scores.forest(rows, ceilings),
        "tested": [name for name in names if name in scores.TESTED],
        "lower_is_better": LOWER_IS_BETTER,
        "meaning": MEANING,
        "protocol_meaning": PROTOCOL_MEANING,
        "supervision_meaning": SUPERVISION_MEANING,
        "ceilings": ceilings,
        "flavour": head["flavour"],
        "preprocess": head["preprocess"],
        "comparisons": compared,
        "published": published(scope.inputs.config, scope.metrics, scope.inputs.challenge),
        "verdicts": verdicts(rows, compared, scope.subject[0], headline),
        "headline": headline,
        "headline_name": HEADLINES[headline],
    }


def _by_category(scope: _Scope) -> dict[str, Any]:
    """Gather the content that needs categories."""
    return {
        "curves": _curves(scope, scores.methods(scope.metrics, scope.subject[0])),
        "bars": scores.category_bars(
            scores.read_table(scope.inputs.per_category), scope.subject, scope.reference
        ),
        "confusion": scores.confusion_table(
            scores.read_table(scope.inputs.confusion), *scope.subject
        ),
    }


def verdicts(
    rows: Sequence[scores.MethodRow],
    compared: Sequence[scores.Comparison],
    subject: str,
    headline: str,
) -> list[dict[str, Any]]:
    """Compare the subject with the strongest other method, protocol by protocol.

    The strongest is the one over which the subject leads least in the metric `headline`.
    """
    found = []
    for row in rows:
        rivals = [c for c in compared if c.protocol == row.protocol and headline in c.differences]
        if row.name == subject:
            rival = min(rivals, key=lambda c: c.differences[headline].difference, default=None)
            found.append({"row": row, "rival": rival, "rivals": len(rivals)})
    return found


def graph_statistics(summary: Mapping[str, Any]) -> dict[str, list[tuple[Any, ...]]]:
    """Lay out the graph's summary: nodes, edges and their mean number per source, settings.

    Without photos it has no line of them.
    """
    with_photos = summary["nodes"]["photo"] > 0
    nodes, edges = (
        {kind: n for kind, n in summary[part].items() if with_photos or "photo" not in kind}
        for part in ("nodes", "edges")
    )
    return {
        "nodes": list(nodes.items()),
        "edges": [(kind, n, n / max(nodes[kind.split()[0]], 1)) for kind, n in edges.items()],
        "settings": list(summary.get("config", {}).items()),
    }


def _ceilings(head: pd.Series[Any]) -> dict[str, float]:
    return {n: head[f"{n}_ceiling"] for n in METRICS if pd.notna(head.get(f"{n}_ceiling"))}


def _curves(scope: _Scope, rows: Sequence[scores.MethodRow]) -> list[tuple[str, Markup]]:
    frame = scores.read_table(scope.inputs.pr_curve)
    series = {row.name: row.series for row in rows}
    return [
        (protocol, figures.draw_curves(
            {series[name]: line for name, line in scores.pr_curves(frame, protocol).items()},
            f"Precision over recall, {protocol}",
        ))
        for protocol in scores.by_protocol(frame["protocol"])
    ]  # fmt: skip


def _can_be_mapped(inputs: LibraryInputs) -> bool:
    """Whether there are embeddings of enough items: fewer lie on a line."""
    paths = inputs.embeddings
    return bool(paths) and sum(map(len, embedded_ids(paths[0]).values())) >= FEWEST_MAPPED


def _maps(inputs: LibraryInputs, threads: int) -> dict[str, Any]:
    maps = project_embeddings(inputs, threads=threads)
    category = {
        **dict(_categories(inputs.images, "photo")), **dict(_categories(inputs.models, "model"))
    }  # fmt: skip
    groups = [category[key] for key in _drawn(maps)]
    named = pd.Series([g for g in groups if g], dtype=str).value_counts()
    labels = sorted(sorted(named.index, key=lambda name: -named[name])[:MAX_LABELS])
    numbers = [labels.index(group) if group in labels else -1 for group in groups]
    return {
        "charts": [
            (title, _draw_map(maps, places, numbers, labels, title))
            for title, places in (
                ("Before the graph", maps.before),
                ("After the graph", maps.after),
            )
        ],
        "drawn": (len(maps.photos), len(maps.models)),
        "all": (maps.n_photos, maps.n_models),
        "unnamed": len(named) - len(labels),
    }


def _drawn(maps: Maps) -> list[tuple[str, str]]:
    return [*(("photo", id) for id in maps.photos), *(("model", id) for id in maps.models)]


def _draw_map(
    maps: Maps,
    places: npt.NDArray[np.float64],
    groups: Sequence[int],
    labels: Sequence[str],
    title: str,
) -> Markup:
    n = len(maps.photos)
    return figures.draw_map(places[:n], places[n:], groups[:n], groups[n:], labels, title)


def _categories(manifest: Path, role: str) -> Iterable[tuple[tuple[str, str], str]]:
    return (((role, item.id), item.category) for item in read_items(manifest))


def _history(inputs: ReportInputs) -> list[tuple[str, Markup]]:
    return [
        (name.replace("_", " "), figures.draw_history(lines, f"{name} over the epochs"))
        for name, lines in scores.histories(inputs.history).items()
    ]


def _rejected(path: Path) -> dict[str, Any]:
    frame = scores.read_table(path)
    return {
        "rejected": frame.head(MAX_REJECTED).to_dict("records"),
        "n_rejected": len(frame),
        "rejected_by_stage": frame["stage"].value_counts().sort_index().to_dict(),
    }


def _warned(inputs: LibraryInputs) -> dict[str, Any]:
    frame, rejected = scores.read_table(inputs.warnings), scores.read_table(inputs.rejected)
    manifests = {"render": inputs.models, "features": inputs.images, "points": inputs.models}
    lines: list[str] = []
    for stage in frame["stage"].unique():
        rows = frame[frame["stage"] == stage]
        used = len(read_items(manifests[stage])) - int((rejected["stage"] == stage).sum())
        lines += summarise_warnings(zip(rows["id"], rows["what"], strict=True), used, stage)
    return {
        "warned": frame.head(MAX_REJECTED).to_dict("records"),
        "n_warned": len(frame),
        "warning_lines": lines,
    }


def _suspicious(inputs: LibraryInputs) -> dict[str, Any]:
    found, n_suspicious, n_checked = find_suspicious(inputs.self_check, inputs.views)
    return {"suspicious": found, "n_suspicious": n_suspicious, "n_checked": n_checked}


def _provenance(inputs: LibraryInputs) -> dict[str, Any]:
    shards = {
        "views": inputs.views,
        "image-features": inputs.image_features,
        "view-features": inputs.view_features,
    }
    return {
        "config": yaml.safe_dump(json.loads(json.dumps(inputs.config)), sort_keys=False),
        "versions": origin.versions(),
        "commit": origin.commit(inputs.root),
        "digests": origin.digests(inputs.shown),
        "shards": {
            kind: json.dumps(facts, indent=1, sort_keys=True)
            for kind, facts in origin.shard_provenance(shards).items()
        },
    }


def _number(value: float, digits: int = 3) -> str:
    return "–" if pd.isna(value) else f"{value:.{digits}f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _count(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
