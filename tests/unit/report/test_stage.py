from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ucmgcn.datasets.manifest import Item, write_items
from ucmgcn.evaluate.options import EvaluationOptions
from ucmgcn.evaluate.stage import EvaluationInputs, evaluate_dataset
from ucmgcn.files.embeddings import Embedded, write_embeddings
from ucmgcn.files.shards import ShardWriter, read_shards
from ucmgcn.graph.space import normalise
from ucmgcn.report import figures, gallery, origin, scores, stage
from ucmgcn.report.inputs import LibraryInputs, ReportInputs
from ucmgcn.report.projection import project, project_embeddings
from ucmgcn.report.similar import similar_models
from ucmgcn.report.stage import write_report

CATEGORIES = ("bed", "NA", "<script>alert(1)</script>")
VIEW_COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
VIEWS, DIM = len(VIEW_COLOURS), 16
VOID = {"meta", "img", "br", "link", "line", "path", "circle", "rect", "use", "input"}


class Page(HTMLParser):
    """Parses a page: checks that tags are balanced, and gathers attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def having(self, css_class: str) -> list[dict[str, str | None]]:
        return [a for _, a in self.elements if css_class in (a.get("class") or "").split()]


def make_inputs(folder: Path, labelled: bool = True, exact: bool = False) -> ReportInputs:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(len(CATEGORIES), DIM))
    labels = [c for c in range(len(CATEGORIES)) for _ in range(8)]
    photos = [f"{CATEGORIES[c]}/photo {i}" for i, c in enumerate(labels)]
    models = [f"{CATEGORIES[c]}/model {i}" for i, c in enumerate(labels)]
    shown = labels if labelled else None
    write_manifest(folder / "images.csv", photos, shown, folder, models if exact else [])
    write_manifest(folder / "models.csv", models, shown, None)
    features = (centres[labels] + 1.2 * rng.normal(size=(len(labels), DIM))).astype("f4")
    views = (centres[labels][:, None] + 1.2 * rng.normal(size=(24, VIEWS, DIM))).astype("f4")
    write_shard(folder / "f.h5", "image-features", photos, features)
    write_shard(folder / "v.h5", "view-features", models, views)
    coloured = np.broadcast_to(np.uint8(VIEW_COLOURS)[None, :, None, None], (24, VIEWS, 20, 20, 3))
    write_shard(folder / "p.h5", "views", models, coloured)
    for seed in (0, 1):
        write_run(folder / f"run/seed-{seed}", photos, models, features, views.max(axis=1), rng)
    write_small_files(folder)
    runs = sorted((folder / "run").iterdir())
    evaluate_dataset(
        EvaluationInputs(
            "set<1>",
            "lite0",
            folder / "models.csv",
            folder / "images.csv",
            [folder / "f.h5"],
            [folder / "v.h5"],
            {"ucm-gcn": [run / "embeddings.h5" for run in runs]},
        ),
        folder / "tables",
        EvaluationOptions(baselines=("max-pool", "mean-pool"), resamples=50, top=12),
    )
    tables = folder / "tables"
    return ReportInputs(
        metrics=tables / "metrics.csv",
        per_category=tables / "metrics_per_category.csv",
        confusion=tables / "confusion.csv",
        ranking=tables / "ranking.csv.gz",
        pr_curve=tables / "pr_curve.csv",
        significance=tables / "significance.csv",
        rejected=folder / "rejected.csv",
        warnings=folder / "warnings.csv",
        self_check=folder / "self-check.csv",
        models=folder / "models.csv",
        images=folder / "images.csv",
        views=[folder / "p.h5"],
        image_features=[folder / "f.h5"],
        view_features=[folder / "v.h5"],
        graph=folder / "graph.json",
        history=[run / "history.csv" for run in runs],
        embeddings=[run / "embeddings.h5" for run in runs],
        benchmarks=folder / "benchmarks",
        root=folder,
        config={"dataset": "set<1>", "train": {"seeds": (0, 1)}},
    )


def write_manifest(
    path: Path,
    ids: list[str],
    labels: list[int] | None,
    photos: Path | None,
    exact: Sequence[str] = (),
):
    items = []
    for i, id in enumerate(ids):
        file = (photos or path.parent) / f"{i}.png"
        if photos:
            Image.new("RGB", (30, 20), (i, 90, 200)).save(file)
        category = CATEGORIES[labels[i]] if labels else ""
        items.append(Item(id, str(file), category, "", 1, 1, exact[i] if exact else ""))
    write_items(path, items)


def write_shard(path: Path, kind: str, ids: list[str], items: np.ndarray) -> None:
    with ShardWriter(path, kind, {"from": "a test"}, "x", items.shape[1:], items.dtype) as writer:
        writer.add_many(ids, items)


def write_run(folder: Path, photos, models, photo_rows, model_rows, rng) -> None:
    folder.mkdir(parents=True)
    with h5py.File(folder / "embeddings.h5", "w") as file:
        for name, ids, rows in (("photo", photos, photo_rows), ("model", models, model_rows)):
            group = file.create_group(name)
            group.create_dataset("id", data=ids, dtype=h5py.string_dtype())
            for protocol in ("transductive", "inductive"):
                noisy = rows + rng.normal(size=rows.shape) * 0.3
                unit = noisy / np.linalg.norm(noisy, axis=1, keepdims=True)
                group.create_dataset(protocol, data=unit.astype("f4"))
        file["photo/context"] = np.zeros(len(photos), dtype=bool)
    whole = {"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.5], "constant": [1, 1, 1], "part": "all"}
    fold = {"epoch": [1, 2, 3], "loss": [9.0, 8.0, 7.0], "constant": [1, 1, 1], "part": "fold-0"}
    history = pd.concat([pd.DataFrame(fold), pd.DataFrame(whole)])
    history.to_csv(folder / "history.csv", index=False)


def write_small_files(folder: Path) -> None:
    rejected = [(f"models/{i}<b>.obj", "render", "no face & no vertex") for i in range(250)]
    frame = pd.DataFrame(rejected, columns=["path", "stage", "reason"])
    frame.to_csv(folder / "rejected.csv", index=False)
    reasons = {f"{CATEGORIES[0]}/model {i}": "it is <flat>" * (i == 1) for i in range(3)}
    checked = pd.DataFrame({"id": reasons.keys(), "suspicious": reasons.values()})
    checked.to_csv(folder / "self-check.csv", index=False)
    what, mend = "photo <b>damaged</b>", "save it again"
    warned = [(f"q{i}", "features", what, f"frame {n}", mend) for i in range(3) for n in (1, 2)]
    columns = ["id", "stage", "what", "detail", "mend"]
    pd.DataFrame(warned, columns=columns).to_csv(folder / "warnings.csv", index=False)
    graph = {
        "nodes": {"photo": 24, "view": 72, "model": 24},
        "edges": {"photo shows view": 120, "view of model": 72},
        "fit": {"warnings": ["The photos show 40 % <i>only</i>."]},
        "config": {"k": 15},
    }
    (folder / "graph.json").write_text(json.dumps(graph))
    write_benchmark(folder / "benchmarks/render/shard-000.tsv", 2.5, "100.0")
    write_benchmark(folder / "benchmarks/render/shard-001.tsv", 61.0, "300.0")
    write_benchmark(folder / "benchmarks/graph.tsv", 0.2, "NA")


def write_benchmark(path: Path, seconds: float, rss: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\t{rss}\n")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> ReportInputs:
    return make_inputs(tmp_path_factory.mktemp("labelled"))


@pytest.fixture(scope="module")
def exact(tmp_path_factory) -> ReportInputs:
    return make_inputs(tmp_path_factory.mktemp("exact"), exact=True)


@pytest.fixture(scope="module")
def html(inputs) -> str:
    out = inputs.root / "index.html"
    write_report(inputs, out)
    return out.read_text(encoding="utf-8")


def models_alone(folder: Path, inputs: ReportInputs, models: int) -> LibraryInputs:
    """The inputs of a library without photos, of the first models of another data set."""
    ids, features, _ = read_shards(inputs.view_features, "view-features")
    ids, features = ids[:models], features[:models]
    coloured = np.broadcast_to(np.uint8(VIEW_COLOURS)[None, :, None, None], (models, 3, 20, 20, 3))
    write_shard(folder / "v.h5", "view-features", ids, features)
    write_shard(folder / "p.h5", "views", ids, coloured)
    write_items(folder / "images.csv", [])
    for table in ("rejected", "warnings"):
        header = getattr(inputs, table).read_text().splitlines()[0]
        (folder / f"{table}.csv").write_text(f"{header}\n")
    header = inputs.self_check.read_text().splitlines()[0]
    (folder / "self-check.csv").write_text(f"{header}\n")
    rows = normalise(features.mean(axis=1))
    together = {"transductive": Embedded(rows[:0], rows, [DIM])}
    write_embeddings(folder / "embeddings.h5", [], ids, together, np.zeros(0, dtype=bool))
    return LibraryInputs(
        rejected=folder / "rejected.csv",
        warnings=folder / "warnings.csv",
        self_check=folder / "self-check.csv",
        models=inputs.models,
        images=folder / "images.csv",
        views=[folder / "p.h5"],
        view_features=[folder / "v.h5"],
        graph=inputs.graph,
        embeddings=[folder / "embeddings.h5"],
        benchmarks=folder,
        root=folder,
        config={"dataset": "set<1>", "features": {"backbone": "lite0"}},
    )


@pytest.mark.parametrize("models", [24, 3, 2, 1])
def test_without_photos_the_page_shows_the_models_and_those_like_them(inputs, tmp_path, models):
    alone = models_alone(tmp_path, inputs, models)
    write_report(alone, tmp_path / "index.html")
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    page = Page(html)
    test_links_inside_the_page_have_a_unique_target(html)
    assert re.search(rf"gallery models\s*{models}\b", page.text)
    assert "No photos were given" in page.text
    assert not re.search(r"\bnan\b", page.text, re.IGNORECASE)
    assert "Metrics" not in page.text and "photos (●)" not in page.text
    assert ("Gallery" in page.text) == (models > 1) and ("Embeddings" in page.text) == (models > 2)
    shown = [query for strip in similar_models(alone) for query in strip.queries]
    assert len(shown) == (min(models, 10) if models > 1 else 0)
    for query in shown:
        found = [model.model for model in query.found]
        assert query.id not in found and len(found) == min(10, models - 1)
        scores_of = [model.score for model in query.found]
        assert scores_of == sorted(scores_of, reverse=True) and scores_of[0] <= 1


def test_page_is_self_contained(html):
    parsed = Page(html)
    links = [
        value for _, attributes in parsed.elements for name, value in attributes.items()
        if name in ("src", "href", "xlink:href", "srcset", "action", "poster")
    ]  # fmt: skip
    assert links
    assert all(link.startswith(("#", "data:image/webp;base64,")) for link in links)
    assert set(re.findall(r"url\((.)", html)) <= {"#"}
    assert "@import" not in html
    assert not {"script", "iframe", "object", "link"} & {tag for tag, _ in parsed.elements}
    assert len(html) < 15e6


def test_links_inside_the_page_have_a_unique_target(html):
    parsed = Page(html)
    ids = Counter(a["id"] for _, a in parsed.elements if "id" in a)
    assert set(ids.values()) == {1}
    inside = [a["href"][1:] for _, a in parsed.elements if (a.get("href") or "").startswith("#")]
    assert set(inside) <= set(ids)


def test_text_of_the_data_is_escaped(html):
    assert "<script" not in html
    assert "set<1>" in Page(html).text
    assert "<script>alert(1)</script>/model" in Page(html).text
    assert "models/0<b>.obj" in Page(html).text


def test_same_inputs_give_the_same_bytes(inputs, html, tmp_path):
    write_report(inputs, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == html


def test_every_row_of_the_metrics_is_printed(inputs, html):
    text = Page(html).text
    for row in pd.read_csv(inputs.metrics).to_dict("records"):
        for metric in ("NN", "FT", "F", "ANMRR", "mAP"):
            assert f"{row[metric]:.3f}" in text
        assert f"{row['FT_lo']:.3f}–{row['FT_hi']:.3f}" in text
        assert f"its ceiling, {row['F_ceiling']:.3f}" in text


def test_best_values_are_marked_within_each_protocol(inputs):
    table = pd.read_csv(inputs.metrics)
    for row in scores.methods(scores.read_table(inputs.metrics), "ucm-gcn"):
        rivals = table[table["protocol"] == row.protocol]
        assert row.values["mAP"].best == (row.values["mAP"].mean == rivals["mAP"].max())
        assert row.values["ANMRR"].best == (row.values["ANMRR"].mean == rivals["ANMRR"].min())
        assert (row.series == 0) == (row.name == "ucm-gcn")


@pytest.mark.parametrize("headline", ["FT", "R@1"])
def test_verdict_names_the_rival_with_the_smallest_lead(exact, headline):
    inputs = exact
    compared = pd.read_csv(inputs.significance)
    rows = scores.methods(scores.read_table(inputs.metrics), "ucm-gcn")
    differences = scores.comparisons(scores.read_table(inputs.significance))
    found = stage.verdicts(rows, differences, "ucm-gcn", headline)
    assert [v["row"].protocol for v in found] == ["transductive", "inductive"]
    for verdict in found:
        own = compared[compared["protocol"] == verdict["row"].protocol]
        least = own[own["metric"] == headline].sort_values("difference").iloc[0]
        assert verdict["rival"].baseline == least["baseline"]
        assert verdict["rival"].differences[headline].verdict == least["verdict"]
        assert verdict["rivals"] == own["baseline"].nunique()


@pytest.mark.parametrize("verdict", ["better", "level", "worse"])
def test_the_page_says_the_verdict_by_the_wider_interval(inputs, tmp_path, verdict):
    frame = pd.read_csv(inputs.significance)
    frame["verdict"], frame["lo"], frame["hi"] = verdict, 0.0101, 0.0202
    frame["lo_categories"], frame["hi_categories"] = -0.1234, 0.2345
    frame.to_csv(tmp_path / "significance.csv", index=False)
    write_report(replace(inputs, significance=tmp_path / "significance.csv"), tmp_path / "p.html")
    text = " ".join(Page((tmp_path / "p.html").read_text(encoding="utf-8")).text.split())
    word = {"level": "level with"}.get(verdict, f"{verdict} than")
    assert f"That is {word} the strongest of 2 other methods, m" in text
    assert "95% interval −0.123 to +0.234 over categories" in text
    frame["lo_categories"] = frame["hi_categories"] = np.nan
    frame.to_csv(tmp_path / "significance.csv", index=False)
    write_report(replace(inputs, significance=tmp_path / "significance.csv"), tmp_path / "p.html")
    assert "+0.020 over photos" in (tmp_path / "p.html").read_text(encoding="utf-8")


def test_the_page_says_how_many_photos_a_row_saw_and_what_is_fixed(inputs, tmp_path):
    frame = pd.read_csv(inputs.metrics)
    frame["photos_seen"] = [1234.0, *[np.nan] * (len(frame) - 1)]
    frame.to_csv(tmp_path / "metrics.csv", index=False)
    write_report(replace(inputs, metrics=tmp_path / "metrics.csv"), tmp_path / "p.html")
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "<td>1,234</td>" in page and "photos seen" in page
    assert "The gallery, and the graph and the networks made of it, are fixed" in page


def test_gallery_marks_agree_with_the_ranking(inputs, html):
    ranking = pd.read_csv(inputs.ranking, keep_default_na=False)
    own = ranking[(ranking["method"] == "ucm-gcn") & (ranking["protocol"] == "transductive")]
    hits = {(r.query, r.model): r.hit for r in own[own["rank"] <= 10].itertuples()}
    parsed = Page(html)
    shown = parsed.having("hit") + parsed.having("miss")
    assert len(shown) == 15 * 10
    strips = gallery.build_gallery(inputs, ("ucm-gcn", "transductive"), ("max-pool", "inductive"))
    for query in (query for strip in strips for query in strip.queries):
        assert [found.rank for found in query.found] == list(range(1, 11))
        assert all(found.hit == bool(hits[query.id, found.model]) for found in query.found)
        assert query.hits == sum(found.hit for found in query.found)
    assert len(parsed.having("hit")) == sum(q.hits for s in strips for q in s.queries)


def test_each_model_is_shown_from_the_view_nearest_to_the_photo(inputs):
    with h5py.File(inputs.image_features[0]) as f, h5py.File(inputs.view_features[0]) as v:
        photo = dict(zip(f["id"].asstr()[:], f["x"][:], strict=True))
        views = dict(zip(v["id"].asstr()[:], v["x"][:], strict=True))
    strips = gallery.build_gallery(inputs, ("max-pool", "inductive"), ("max-pool", "inductive"))
    for query in strips[0].queries:
        assert query.reference_hits is None
        for found in query.found:
            cosine = [v @ photo[query.id] / np.linalg.norm(v) for v in views[found.model]]
            nearest = VIEW_COLOURS[int(np.argmax(cosine))]
            assert np.abs(np.subtract(centre_pixel(found.picture), nearest)).max() < 30


def centre_pixel(uri: str) -> tuple[int, ...]:
    image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB")
    return image.getpixel((image.width // 2, image.height // 2))


def test_a_removed_photo_leaves_a_note(inputs, tmp_path):
    frame = pd.read_csv(inputs.images, keep_default_na=False)
    frame.assign(path="/gone.png").to_csv(tmp_path / "images.csv", index=False)
    write_report(replace(inputs, images=tmp_path / "images.csv"), tmp_path / "index.html")
    assert "file is no longer there" in (tmp_path / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"adapted": True, "reasons": []}, "last blocks were adapted"),
        (
            {"adapted": False, "reasons": ["views fell from 0.5 to 0.1"]},
            "Adapting the encoder was undone, for views fell from 0.5 to 0.1",
        ),
    ],
)
def test_the_page_says_whether_the_encoder_was_adapted(inputs, tmp_path, told, said):
    (tmp_path / "adapt.json").write_text(json.dumps(told))
    adapted = replace(inputs, adapt=[tmp_path / "adapt.json"])
    write_report(adapted, tmp_path / "page.html")
    assert said in (tmp_path / "page.html").read_text().replace("&#39;", "'")


def test_page_of_exact_models_reports_their_recall(exact, html, tmp_path):
    write_report(exact, tmp_path / "index.html")
    text = Page((tmp_path / "index.html").read_text(encoding="utf-8")).text
    assert "share of photos whose exact model is among the first 5" in text
    recall = scores.read_table(exact.metrics).set_index(["method", "protocol"])["R@1"]
    for protocol in ("transductive", "inductive"):
        headline = f"ucm-gcn, {protocol}: exact model first {recall['ucm-gcn', protocol]:.3f}"
        assert headline in " ".join(text.split())
    assert "exact model first" not in html


def test_page_without_labels_has_no_marks(tmp_path):
    inputs = make_inputs(tmp_path / "set", labelled=False)
    write_report(inputs, tmp_path / "index.html")
    parsed = Page((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert "No labels: the models are ranked" in parsed.text
    assert not parsed.having("hit") + parsed.having("miss")
    assert len(parsed.having("tile")) == 10 * 10


def test_page_of_exact_models_without_categories_still_measures(tmp_path):
    inputs = make_inputs(tmp_path / "set", labelled=False, exact=True)
    write_report(inputs, tmp_path / "index.html")
    text = " ".join(Page((tmp_path / "index.html").read_text(encoding="utf-8")).text.split())
    recall = scores.read_table(inputs.metrics).set_index(["method", "protocol"])["R@1"]
    for protocol in ("transductive", "inductive"):
        headline = f"ucm-gcn, {protocol}: exact model first {recall['ucm-gcn', protocol]:.3f}"
        assert headline in text
    assert "No labels: the models are ranked" not in text
    assert "Note: no categories." in text
    assert not re.search(r"ceiling|\bnan\b", text)
    assert text.count("Put photos and models into folders named after their categories") == 3


def test_page_without_a_trained_method(inputs, tmp_path):
    for name in ("metrics", "pr_curve"):
        table = pd.read_csv(getattr(inputs, name), keep_default_na=False)
        table[table["method"] != "ucm-gcn"].to_csv(tmp_path / name, index=False)
    bare = replace(
        inputs,
        metrics=tmp_path / "metrics",
        pr_curve=tmp_path / "pr_curve",
        history=[],
        embeddings=[],
    )
    write_report(bare, tmp_path / "index.html")
    text = Page((tmp_path / "index.html").read_text(encoding="utf-8")).text
    assert "was not trained" in text
    assert "No training was logged" in text


def test_query_without_a_right_model_is_not_judged(inputs, tmp_path):
    table = pd.read_csv(inputs.per_category, keep_default_na=False)
    table[table["category"] != "bed"].to_csv(tmp_path / "per_category.csv", index=False)
    some = replace(inputs, per_category=tmp_path / "per_category.csv")
    strips = gallery.build_gallery(some, ("max-pool", "inductive"), ("max-pool", "inductive"))
    queries = [query for strip in strips for query in strip.queries]
    assert {query.category for query in queries} == {"NA", CATEGORIES[2]}
    table.head(0).to_csv(tmp_path / "per_category.csv", index=False)
    (strip,) = gallery.build_gallery(some, ("max-pool", "inductive"), ("mean-pool", "inductive"))
    assert {(query.hits, query.reference_hits) for query in strip.queries} == {(None, None)}
    assert {found.hit for query in strip.queries for found in query.found} == {None}


def test_long_lists_are_truncated_with_a_note(html):
    text = Page(html).text
    assert "The first 200 are shown; tables/rejected.csv has all" in text
    assert "models/250<b>.obj" not in text


def test_suspicious_meshes_are_shown_with_a_view(html):
    page = Page(html)
    assert "1 of 3 meshes look suspicious" in page.text and "it is <flat>" in page.text
    name = f"View of {CATEGORIES[0]}/model 1"
    (picture,) = [a for _, a in page.elements if a.get("alt") == name]
    assert picture["src"].startswith("data:image/webp;base64,")


def test_warnings_are_counted_at_the_top_and_listed(html):
    text = Page(html).text
    assert "3 of 24 photos: photo <b>damaged</b> (details)." in text
    assert html.index("3 of 24 photos") < html.index('<section id="metrics">')
    assert "q2" in text and "frame 2" in text and "save it again" in text


def test_what_does_not_fit_is_said_at_the_top(html):
    assert "The photos show 40 % <i>only</i>." in Page(html).text
    assert html.index("The photos show 40 %") < html.index("3 of 24 photos")


def test_rank_quality_is_ndcg():
    rng = np.random.default_rng(1)
    hits = rng.integers(0, 2, (20, 10))
    possible = {f"q{i}": int(n) for i, n in enumerate(rng.integers(0, 15, 20))}
    top = pd.DataFrame(
        [
            {"query": f"q{i}", "rank": k + 1, "score": 0.1 * i, "hit": str(hits[i, k])}
            for i in range(20) for k in range(10)
        ]
    )  # fmt: skip
    quality = gallery.rank_quality(top, possible)
    for i in range(20):
        ideal = sum(1 / np.log2(k + 2) for k in range(min(possible[f"q{i}"], 10)))
        gain = sum(hits[i, k] / np.log2(k + 2) for k in range(10))
        found = quality.loc[f"q{i}", "ndcg"]
        assert found == pytest.approx(gain / ideal) if ideal else np.isnan(found)
        assert quality.loc[f"q{i}", "score"] == pytest.approx(0.1 * i)


def test_choice_takes_best_typical_and_worst_from_all_categories():
    ids = [f"q{i:02d}" for i in range(30)]
    photos = {id: Item(id, "", "abc"[i % 3], "", 0, 0) for i, id in enumerate(ids)}
    quality = pd.DataFrame({"ndcg": np.linspace(0, 1, 30), "score": 0.5}, index=ids)
    best, typical, worst = gallery.choose_queries(quality, photos, n=3)
    assert best.ids == ["q29", "q28", "q27"]
    assert worst.ids == ["q00", "q01", "q02"]
    assert set(typical.ids) <= set(ids[12:18])
    tied = gallery.choose_queries(quality.assign(ndcg=1.0), photos, n=4)
    chosen = [id for choice in tied for id in choice.ids]
    assert len(set(chosen)) == len(chosen) == 12
    assert {photos[id].category for id in tied[0].ids} == {"a", "b", "c"}


def test_choice_of_fewer_queries_than_places():
    photos = {"q": Item("q", "", "a", "", 0, 0)}
    one = pd.DataFrame({"ndcg": [0.5], "score": [0.1]}, index=["q"])
    assert [choice.ids for choice in gallery.choose_queries(one, photos)] == [["q"], [], []]


def test_confusion_matrix_agrees_with_the_table(inputs):
    frame = scores.read_table(inputs.confusion)
    own = frame[(frame["method"] == "ucm-gcn") & (frame["protocol"] == "inductive")]
    found = scores.confusion_table(frame, "ucm-gcn", "inductive")
    assert found.rows == sorted(CATEGORIES)
    shares = {(r.category, r.retrieved): r.share for r in own.itertuples()}
    for a, row in zip(found.rows, found.shares, strict=True):
        assert row == [shares.get((a, b), 0.0) for b in found.columns]
    wrong = {key: share for key, share in shares.items() if key[0] != key[1]}
    assert found.pairs[0][2] == max(wrong.values())


def test_large_confusion_keeps_the_categories_with_most_mistakes():
    names = [f"c{i:02d}" for i in range(40)]
    rows = [
        {"method": "m", "protocol": "p", "category": a, "retrieved": b, "share": share}
        for i, a in enumerate(names)
        for b, share in ((a, 1 - i / 100), ("c00" if i else "c01", i / 100))
    ]
    found = scores.confusion_table(pd.DataFrame(rows), "m", "p")
    assert (found.rows, found.hidden) == (names[10:], 10)


def test_axes_hold_all_values(inputs):
    rows = scores.methods(scores.read_table(inputs.metrics), "ucm-gcn")
    for panel in scores.forest(rows, {"F": 0.8}):
        values = [row.values[panel.metric] for row in rows]
        places = [panel.place(end) for v in values for end in (v.mean, v.low, v.high)]
        assert 0 <= min(places) <= max(places) <= 100
    assert panel.place(panel.low) == 0
    assert panel.place(panel.high) == 100


def test_thinned_curves_keep_their_ends(inputs):
    depths = np.arange(1, 5001)
    frame = pd.DataFrame(
        {"method": "m", "protocol": "p", "recall": depths / 5000, "precision": 1 / depths}
    )
    recall, precision = scores.pr_curves(frame, "p")["m"]
    assert len(recall) <= scores.CURVE_POINTS
    assert (recall[0], recall[-1], precision[0], precision[-1]) == (1 / 5000, 1, 1, 1 / 5000)


def test_history_is_of_the_network_of_all_photos_without_constants(inputs):
    found = scores.histories(inputs.history)
    assert list(found) == ["loss"]
    assert [y.tolist() for _, y in found["loss"]] == [[3.0, 2.0, 1.5]] * 2


def test_charts_have_no_literal_colours():
    line = (np.array([0.1, 1.0]), np.array([0.9, 0.2]))
    charts = [
        figures.draw_curves({0: line, 3: line}, "a"),
        figures.draw_history([line, line], "b"),
        figures.draw_map(
            np.eye(2), np.ones((3, 2)), [0, -1], [1, 1, 0], ["$x^2$ <b>", "b"], "c<d>"
        ),
    ]
    for chart in charts:
        assert not re.search(r"#[0-9a-fA-F]{6}\b", chart)
        assert "var(--c0)" in chart
        assert not re.search(r"<g id=|<svg[^>]* width=", chart)
    assert "$x^2$ &lt;b&gt;" in charts[2]
    assert 'aria-label="c&lt;d&gt;"' in charts[2]


def test_context_photos_are_on_the_map_too(inputs, tmp_path):
    path = tmp_path / "embeddings.h5"
    shutil.copyfile(inputs.embeddings[0], path)
    with h5py.File(path, "r+") as file:
        file["photo/context"][:4] = True
    maps = project_embeddings(replace(inputs, embeddings=[path]))
    assert maps.n_photos == len(maps.photos) == 24 and len(maps.after) == 48


def test_projection_keeps_clusters_together_and_is_deterministic():
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], 20)
    rows = np.eye(3, 30)[group] * 4 + rng.normal(size=(60, 30)) * 0.1
    places = project(rows)
    distance = np.linalg.norm(places[:, None] - places[None], axis=2) + np.diag([np.inf] * 60)
    assert (group[distance.argmin(axis=1)] == group).all()
    assert (project(rows) == places).all()


@pytest.mark.parametrize("n", [1, 2, 5, 8, 9])
def test_projection_of_few_or_equal_rows(n):
    rows = np.random.default_rng(0).normal(size=(n, 3))
    for case in (rows, np.ones((n, 3)), rows[:, :1]):
        places = project(case)
        assert places.shape == (n, 2)
        assert np.isfinite(places).all()


def test_stage_times_are_summed_over_jobs(inputs):
    render, graph = origin.stage_times(inputs.benchmarks)
    assert render == origin.StageTime("render", 2, 63.5, 300.0)
    assert (graph.stage, graph.jobs, graph.seconds) == ("graph", 1, 0.2)
    assert np.isnan(graph.peak_mb)
    assert origin.stage_times(inputs.benchmarks / "none") == []


def test_digests_and_versions(inputs):
    found = origin.digests([inputs.graph])
    assert found == {str(inputs.graph): hashlib.sha256(inputs.graph.read_bytes()).hexdigest()}
    assert origin.versions()["numpy"] == np.__version__


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_commit_is_of_the_project_itself(tmp_path):
    assert origin.commit(tmp_path) is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    (tmp_path / "file").write_text("1")
    (tmp_path / "below").mkdir()
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *command], check=True)
    revision = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True).stdout
    assert origin.commit(tmp_path) == origin.Commit(revision.strip(), changed=False)
    assert origin.commit(tmp_path / "below") is None
    (tmp_path / "file").write_text("2")
    assert origin.commit(tmp_path).changed


def test_graph_statistics_divide_edges_by_sources(inputs):
    found = stage.graph_statistics(json.loads(inputs.graph.read_text()))
    assert ("photo shows view", 120, 5.0) in found["edges"]
    assert ("view of model", 72, 1.0) in found["edges"]
    assert found["settings"] == [("k", 15)]
