from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ucmgcn.core.errors import UserError
from ucmgcn.files.shards import ShardWriter
from ucmgcn.graph.build import make_graph, photo_view_edges, refit
from ucmgcn.graph.edge_types import BESIDE, MODEL_LIKE, OF, PHOTO_LIKE, SHOWN, SHOWS
from ucmgcn.graph.file import load_graph, read_nodes, save_graph
from ucmgcn.graph.space import normalise
from ucmgcn.graph.stage import build_graph
from ucmgcn.media.cameras import icosahedron, neighbours
from ucmgcn.settings import GraphConfig

GENERATOR = np.random.default_rng(0)
PHOTOS = normalise(GENERATOR.normal(size=(30, 8)).astype(np.float32))
VIEWS = normalise(GENERATOR.normal(size=(10, 12, 8)).astype(np.float32))
FLAT = VIEWS.reshape(-1, 8)
MODELS = normalise(VIEWS.mean(axis=1))
COSINE = PHOTOS @ FLAT.T


def pairs(edges: object) -> set[tuple[int, int]]:
    return set(zip(edges.sources.tolist(), edges.destinations.tolist(), strict=True))


def write(folder: Path, ids: list[int], photos: bool) -> Path:
    kind = "image-features" if photos else "view-features"
    rows = PHOTOS if photos else VIEWS
    path = folder / f"{kind}-{ids[0]}.h5"
    extra = {} if photos else {"cameras": icosahedron()}
    with ShardWriter(path, kind, {}, "features", rows.shape[1:], "f4", extra=extra) as writer:
        for i in ids:
            writer.add(f"item_{i:02d}", rows[i])
    return path


def build(folder: Path, images: list[Path], views: list[Path]) -> Path:
    graph = folder / "graph.h5"
    config = GraphConfig(k=4, dims=4)
    build_graph(images, views, graph, folder / "graph.json", folder / "nodes.h5", config)
    return graph


def test_photos_are_linked_to_their_most_similar_views() -> None:
    edges = photo_view_edges(PHOTOS, FLAT, GraphConfig(view_k=3))
    best = np.argsort(-COSINE, axis=1)[:, :3]
    assert pairs(edges) == {(i, int(j)) for i in range(30) for j in best[i]}
    np.testing.assert_allclose(edges.weights, COSINE[edges.sources, edges.destinations], atol=1e-6)


def test_mutual_links_are_those_that_views_return() -> None:
    edges = photo_view_edges(PHOTOS, FLAT, GraphConfig(view_k=3, similarity="mutual"))
    forth, back = np.argsort(-COSINE, axis=1)[:, :3], np.argsort(-COSINE.T, axis=1)[:, :3]
    expected = {(i, int(j)) for i in range(30) for j in forth[i] if i in back[j]}
    assert pairs(edges) == expected


def test_a_threshold_cuts_weak_links() -> None:
    edges = photo_view_edges(PHOTOS, FLAT, GraphConfig(similarity="threshold", threshold=0.8))
    assert edges.weights.min() > 0.8
    assert len(edges.weights) < 30 * 5


def test_csls_ranks_by_the_cosine_minus_the_hubness_of_the_view() -> None:
    hubness = np.sort(COSINE, axis=0)[::-1][:10].mean(axis=0)
    expected = np.argsort(-(2 * COSINE - hubness), axis=1)[:, :3]
    edges = photo_view_edges(PHOTOS, FLAT, GraphConfig(view_k=3, similarity="csls"))
    positive = {(i, int(j)) for i in range(30) for j in expected[i] if COSINE[i, j] > 0}
    assert pairs(edges) == positive


def test_structure_edges_join_each_view_to_its_model_and_its_neighbours() -> None:
    graph = make_graph(PHOTOS, VIEWS, MODELS, icosahedron(), GraphConfig(k=4))
    views, models = (x.numpy() for x in graph.edges(etype=OF))
    np.testing.assert_array_equal(models, views // 12)
    assert graph.num_edges(BESIDE) == 10 * 2 * len(neighbours(icosahedron()))
    a, b = (x.numpy() for x in graph.edges(etype=BESIDE))
    np.testing.assert_array_equal(a // 12, b // 12)


@pytest.mark.parametrize(("structure", "total"), [("constant", 120.0), ("mean", 10.0)])
def test_the_weight_b_of_a_models_views(structure: str, total: float) -> None:
    graph = make_graph(PHOTOS, VIEWS, MODELS, icosahedron(), GraphConfig(structure=structure))
    assert graph.edges[OF].data["weight"].sum().item() == pytest.approx(total)


def test_every_edge_has_its_reverse() -> None:
    graph = make_graph(PHOTOS, VIEWS, MODELS, icosahedron(), GraphConfig(k=4))
    for kind, back in ((SHOWS, SHOWN), (PHOTO_LIKE, PHOTO_LIKE), (MODEL_LIKE, MODEL_LIKE)):
        forth = [x.tolist() for x in graph.edges(etype=kind)]
        other = [x.tolist() for x in graph.edges(etype=back)]
        one = sorted(zip(*forth, graph.edges[kind].data["weight"].tolist(), strict=True))
        two = sorted(
            zip(other[1], other[0], graph.edges[back].data["weight"].tolist(), strict=True)
        )
        np.testing.assert_allclose(one, two, atol=1e-6)


def test_switches_leave_edges_out() -> None:
    settings = GraphConfig(view_view=False, same_kind=False)
    graph = make_graph(PHOTOS, VIEWS, MODELS, icosahedron(), settings)
    assert {kind[1] for kind in graph.canonical_etypes} == {"shows", "shown-by", "of", "has"}


def test_files_do_not_depend_on_how_items_are_spread_over_shards(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    a = build(one, [write(one, list(range(30)), True)], [write(one, list(range(10)), False)])
    images = [write(two, list(range(29, 14, -1)), True), write(two, list(range(15)), True)]
    views = [write(two, [9, 8, 7, 3], False), write(two, [0, 1, 2, 4, 5, 6], False)]
    b = build(two, images, views)
    first, second = load_graph(a), load_graph(b)
    for kind in first.canonical_etypes:
        for left, right in zip(first.edges(etype=kind), second.edges(etype=kind), strict=True):
            np.testing.assert_array_equal(left, right)
    np.testing.assert_allclose(
        first.nodes["photo"].data["feature"], second.nodes["photo"].data["feature"], atol=1e-6
    )
    assert (one / "graph.json").read_text() == (two / "graph.json").read_text()
    summary = json.loads((one / "graph.json").read_text())
    assert summary["nodes"] == {"photo": 30, "view": 120, "model": 10}


def test_nodes_survive_the_file_and_embed_a_new_photo(tmp_path: Path) -> None:
    graph = build(tmp_path, [write(tmp_path, list(range(30)), True)],
                  [write(tmp_path, list(range(10)), False)])  # fmt: skip
    nodes = read_nodes(tmp_path / "nodes.h5")
    assert nodes.photos[3] == "item_03"
    assert (
        nodes.space.coverage == json.loads((tmp_path / "graph.json").read_text())["fit"]["coverage"]
    )
    np.testing.assert_allclose(
        nodes.space.photos(PHOTOS), load_graph(graph).nodes["photo"].data["feature"], atol=1e-6
    )
    held_out = np.arange(30) < 10
    rest = refit(nodes, held_out, GraphConfig(dims=4, alignment="means"))
    assert rest.photos == nodes.photos[10:]
    np.testing.assert_allclose(rest.space.photo_mean, PHOTOS[10:].mean(axis=0), atol=1e-6)


def test_photos_that_do_not_fit_the_models_are_warned_of(tmp_path: Path, caplog) -> None:
    build(tmp_path, [write(tmp_path, [3], True)], [write(tmp_path, list(range(10)), False)])
    warnings = json.loads((tmp_path / "graph.json").read_text())["fit"]["warnings"]
    assert warnings[0].startswith("Only 1 photo:")
    assert [
        record.message for record in caplog.records if record.levelname == "WARNING"
    ] == warnings


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("similarity", ["cosine", "mutual", "threshold", "csls"])
def test_without_photos_no_view_is_linked_to_one(similarity: str) -> None:
    edges = photo_view_edges(PHOTOS[:0], FLAT, GraphConfig(similarity=similarity))
    assert not len(edges.sources) and not len(edges.destinations) and not len(edges.weights)


def test_models_alone_make_a_graph_too(tmp_path: Path) -> None:
    graph = load_graph(build(tmp_path, [], [write(tmp_path, [*range(10)], False)]))
    assert [graph.num_nodes(kind) for kind in ("photo", "view", "model")] == [0, 120, 10]
    assert graph.num_edges(SHOWS) == graph.num_edges(PHOTO_LIKE) == 0
    assert graph.num_edges(OF) == 120 and graph.num_edges(MODEL_LIKE)
    nodes = read_nodes(tmp_path / "nodes.h5")
    assert nodes.photos == [] and nodes.photo_features.shape == (0, 8)
    np.testing.assert_array_equal(nodes.space.photo_mean, nodes.space.view_mean)


@pytest.mark.parametrize(
    ("n", "said"),
    [
        (0, "no photo is left. Point `images`"),
        (2, "no photo is left, 2 rejected: 0.jpg: it is no image; 1.jpg: it is no image. Point"),
        (
            9,
            "left, 9 rejected: 0.jpg: it is no image; 1.jpg: it is no image; 2.jpg: it is no image"
            "; `snakemake rejected` lists all of them. Point",
        ),
    ],
)
def test_where_nothing_is_left_the_error_says_why(tmp_path: Path, n: int, said: str) -> None:
    with ShardWriter(tmp_path / "none.h5", "image-features", {}, "features", (8,), "f4") as writer:
        for i in range(n):
            writer.reject(f"{i}.jpg", "it is no image")
    with pytest.raises(UserError) as error:
        build(tmp_path, [tmp_path / "none.h5"], [write(tmp_path, [0, 1], False)])
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_file_that_is_not_a_graph_is_a_user_error(tmp_path: Path) -> None:
    (tmp_path / "graph.h5").write_bytes(b"nonsense, and more than eight bytes of it")
    with pytest.raises(UserError, match="not a graph of this version"):
        load_graph(tmp_path / "graph.h5")
    (tmp_path / "nodes.h5").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="is damaged"):
        read_nodes(tmp_path / "nodes.h5")


def test_the_summary_records_how_neighbours_were_searched(tmp_path: Path) -> None:
    images, views = [write(tmp_path, [*range(30)], True)], [write(tmp_path, [*range(10)], False)]
    build(tmp_path, images, views)
    exact = {"index": "flat", "recall": 1.0}
    assert json.loads((tmp_path / "graph.json").read_text())["searches"] == {
        "photo shows view": exact,
        "photo like photo": exact,
        "model like model": exact,
    }


def test_an_index_with_full_recall_gives_the_graph_of_exact_search() -> None:
    exact, linked = (
        make_graph(PHOTOS, VIEWS, MODELS, icosahedron(), GraphConfig(knn=knn))
        for knn in ("flat", "hnsw")
    )
    for kind in exact.canonical_etypes:
        for one, other in zip(exact.edges(etype=kind), linked.edges(etype=kind), strict=True):
            assert one.tolist() == other.tolist()


def test_a_graph_survives_a_round_trip_to_its_file(tmp_path: Path) -> None:
    unlinked = GraphConfig(k=4, similarity="threshold", threshold=1.0)
    for cameras, settings in ((icosahedron(), GraphConfig(k=4)), (np.empty((0, 3)), unlinked)):
        made = make_graph(PHOTOS, VIEWS, MODELS, cameras, settings)
        save_graph(tmp_path / "graph.h5", made)
        read = load_graph(tmp_path / "graph.h5")
        assert read.canonical_etypes == made.canonical_etypes and read.ntypes == made.ntypes
        for kind in made.ntypes:
            assert torch.equal(read.nodes[kind].data["feature"], made.nodes[kind].data["feature"])
        for kind in made.canonical_etypes:
            for one, other in zip(read.edges(etype=kind), made.edges(etype=kind), strict=True):
                assert torch.equal(one, other)
            assert torch.equal(read.edges[kind].data["weight"], made.edges[kind].data["weight"])


def test_a_damaged_graph_is_a_user_error(tmp_path: Path) -> None:
    path = build(tmp_path, [write(tmp_path, list(range(30)), True)],
                 [write(tmp_path, list(range(10)), False)])  # fmt: skip
    spoiled = bytearray(path.read_bytes())
    spoiled[len(spoiled) // 2] ^= 1
    path.write_bytes(spoiled)
    with pytest.raises(UserError, match=r"graph\.h5 is damaged"):
        load_graph(path)
