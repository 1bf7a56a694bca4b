from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from frozen_graph import BESIDE, MODELS, PHOTOS, VIEWS, trained

from ucmgcn.core.errors import UserError
from ucmgcn.files.digest import digest_file
from ucmgcn.graph.attach import Frozen, embed_model, embed_queries, photo_reach
from ucmgcn.index.file import Facts, IndexedModels, Model, SearchIndex, read_index, write_index
from ucmgcn.index.likeness import likeness_thresholds
from ucmgcn.media.cameras import icosahedron

IDS = [f"chair/{i}" for i in range(MODELS)]
PHOTO_IDS = [f"photo {i}" for i in range(len(PHOTOS))]
FACTS = Facts(
    dataset="set",
    kind="folder",
    models="models",
    encoder="encoder.onnx",
    views=["views.h5"],
    view_features=["f.h5"],
    render={"size": 96},
    features={"resize": "pad"},
)


@pytest.fixture
def index(tmp_path: Path) -> SearchIndex:
    models = [Model(id, "chair", Path(f"{id}.obj")) for id in IDS]
    pooled = {"max": VIEWS.max(axis=1), "mean": VIEWS.mean(axis=1)}
    methods = {name: frozen(name) for name in STATES}
    gallery = IndexedModels(models, np.zeros(MODELS, dtype=np.int64), pooled)
    write_index(tmp_path / "index.h5", FACTS, gallery, PHOTO_IDS, icosahedron(), methods)
    return read_index(tmp_path / "index.h5")


# Weights for each type of edges or not, and the share of an item's own features.
STATES = {"one": (False, 0.0), "other": (True, 0.25)}


def frozen(name: str) -> Frozen:
    per_relation, residual = STATES[name]
    return replace(trained(per_relation)[0], residual=residual)


def test_it_gives_back_what_was_written(index: SearchIndex) -> None:
    assert index.facts == FACTS and index.facts.render_config.size == 96
    assert index.facts.features_config.resize == "pad"
    assert [model.id for model in index.models] == IDS and index.photos == PHOTO_IDS
    assert index.models[3] == Model("chair/3", "chair", Path("chair/3.obj"))
    np.testing.assert_array_equal(index.beside, BESIDE)
    state = frozen("one")
    expected = likeness_thresholds(state.features[: len(PHOTOS)], state.views)
    np.testing.assert_array_equal(index.likeness, expected)
    np.testing.assert_array_equal(index.pooled("mean"), VIEWS.mean(axis=1))


@pytest.mark.parametrize("name", STATES)
def test_a_frozen_state_answers_as_before(index: SearchIndex, name: str) -> None:
    state, again = frozen(name), index.frozen(name)
    assert asdict(again.config) == asdict(state.config) and again.kinds == state.kinds
    np.testing.assert_array_equal(again.gallery, state.gallery)
    np.testing.assert_array_equal(embed_queries(again, PHOTOS), embed_queries(state, PHOTOS))
    assert again.space.radius == state.space.radius < np.inf
    reach = photo_reach(state)
    np.testing.assert_array_equal(index.reach, reach)
    np.testing.assert_array_equal(
        embed_model(again, VIEWS[0], index.beside, index.reach)[0],
        embed_model(state, VIEWS[0], BESIDE, reach)[0],
    )


def test_a_damaged_index_is_one_line_that_says_how_to_mend_it(
    index: SearchIndex, tmp_path: Path
) -> None:
    with index.path.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"?")
    with pytest.raises(UserError, match=r"index\.h5 is damaged \(its SHA-256"):
        read_index(index.path)
    digest_file(index.path).unlink()
    with h5py.File(index.path, "a") as file:
        del file["methods/one/spread"]
    with pytest.raises(UserError, match=r"index\.h5 is damaged .* run snakemake again"):
        index.frozen("one")
    with h5py.File(index.path, "a") as file:
        file.attrs["schema"] = 0
    with pytest.raises(UserError, match="another version"):
        read_index(index.path)
    index.path.write_bytes(index.path.read_bytes()[:100])
    with pytest.raises(UserError, match="is damaged"):
        read_index(index.path)
