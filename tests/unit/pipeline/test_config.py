from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import get_args

import jsonschema
import pytest
import yaml

from ucmgcn.core.errors import UserError
from ucmgcn.datasets.source import read_source
from ucmgcn.evaluate.baselines import BASELINES
from ucmgcn.pipeline.config import (
    Config,
    as_typed,
    check_place,
    json_schema,
    keys,
    parse_config,
    plain,
)
from ucmgcn.settings import DEMO_IMAGES, Method
from ucmgcn.train.baselines import EMBED


def test_config_yaml_holds_every_key_with_its_default(root: Path) -> None:
    written = yaml.safe_load((root / "config.yaml").read_text())
    assert written == yaml.safe_load(yaml.safe_dump(asdict(Config())))


def test_every_key_in_config_yaml_has_a_comment(root: Path) -> None:
    for line in (root / "config.yaml").read_text().splitlines():
        assert not line.strip() or "#" in line, f"no comment: {line}"


def test_the_schema_file_is_the_one_made_from_the_code(root: Path) -> None:
    file = root / "workflow" / "schemas" / "config.schema.yaml"
    assert yaml.safe_load(file.read_text()) == json_schema(), "run `make settings`"


def test_the_schema_accepts_the_defaults_and_is_strict_at_every_level(root: Path) -> None:
    schema = json_schema()
    jsonschema.validate(yaml.safe_load((root / "config.yaml").read_text()), schema)
    assert schema["additionalProperties"] is False
    assert all(d["additionalProperties"] is False for d in schema["$defs"].values())


def test_every_key_is_described() -> None:
    assert not [name for name, _, description in keys() if not description]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"datset": "x"}, "no key datset; did you mean dataset?"),
        ({"graph": {"kk": 3}}, "no key graph.kk; did you mean graph.k?"),
        ({"shards": {"models": 0}}, "shards.models = 0"),
        ({"graph": {"k": 10**12}}, "graph.k = 1000000000000"),
        ({"dataset": "../up"}, "dataset = '../up'"),
        ({"dataset": "mine", "images": "a"}, "models is still the demo's. Add models=DIR"),
        ({"dataset": "mine", "models": "a", "images": DEMO_IMAGES}, "images is still the demo's"),
        ({"dataset": "mine", "models": "a", "images": DEMO_IMAGES}, "or leave out images to build"),
        ({"kind": "mi3dor", "images": "a"}, "models is still the demo's. Add models=DIR after"),
        ({"kind": "mi3dor", "images": "a"}, "MI3DOR is given to those who sign"),
        ({"kind": "3d-future", "images": "a"}, "3D-FUTURE is given to those who accept"),
        ({"models": "a", "images": "b"}, "dataset is still demo"),
        ({"models": "a"}, "dataset is still demo"),
        ({"train": {"seeds": [1, 1]}}, "train.seeds"),
        ({"evaluate": {"methods": ["max-pol"]}}, "max-pool"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(raw: dict, message: str) -> None:
    with pytest.raises(UserError) as error:
        parse_config(raw)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["folder", "mi3dor", "3d-future", "modelnet", "manifest"])
def test_without_images_there_are_no_photos_and_own_features_count_half(kind: str) -> None:
    config = parse_config({"dataset": "mine", "kind": kind, "models": "a"})
    assert not config.uses_demo and config.source.images is None
    assert config.propagation.own_share == 0.5
    assert read_source(plain(config.source)) == config.source
    # As of `--config images=`, or of a line with nothing after the colon.
    assert parse_config({"dataset": "mine", "kind": kind, "models": "a", "images": None}) == config


def test_the_demo_has_its_photos_without_being_told() -> None:
    config = parse_config({})
    assert config.uses_demo and config.source.images == Path(DEMO_IMAGES)
    assert config == parse_config({"images": DEMO_IMAGES})


def test_furniture_libraries_hold_their_photos() -> None:
    source = parse_config({"dataset": "mine", "kind": "sweethome3d", "models": "a"}).source
    assert source.images == source.models == Path("a")


def test_a_name_that_looks_like_a_number_stays_a_name() -> None:
    assert parse_config({"dataset": 2024, "models": "a", "images": "b"}).dataset == "2024"


@pytest.mark.parametrize(("kind", "share"), [("3d-future", 0.5), ("mi3dor", 0.0)])
def test_own_features_count_where_exact_models_are_looked_for(kind: str, share: float) -> None:
    raw = {"dataset": "set", "kind": kind, "models": "models", "images": "images"}
    assert parse_config(raw).propagation.own_share == share
    chosen = parse_config(raw | {"propagation": {"residual": 0.2}})
    assert chosen.propagation.own_share == 0.2


def test_each_method_is_made_by_the_stage_that_knows_it() -> None:
    config = parse_config({"train": {"supervision": "source"}})
    made = {*config.feature_baselines, *config.learned_methods}
    assert made == set(get_args(Method))
    assert not set(config.feature_baselines) & set(config.learned_methods)
    assert set(config.feature_baselines) == set(BASELINES)
    assert set(config.embedded_baselines) == set(EMBED)


def test_ridge_needs_labels() -> None:
    config = parse_config({})
    assert "ridge" not in {*config.embedded_baselines, *config.learned_methods}
    assert "ridge" in config.evaluate.methods


def test_what_is_re_ranked_is_embedded_and_not_shown() -> None:
    config = parse_config({"evaluate": {"methods": ["max-pool", "k-reciprocal-centred"]}})
    assert config.embedded_baselines == ["mean-pool-centred"]
    assert config.learned_methods == ["k-reciprocal-centred"]
    assert config.feature_baselines == ["max-pool"]


@pytest.mark.parametrize(
    ("kind", "own", "rounds"),
    [("folder", "auto", 1), ("3d-future", "auto", 0), ("3d-future", 0.5, 1)],
)
def test_exact_models_are_not_adapted_unless_a_share_stays(kind: str, own, rounds: int) -> None:
    where = {"dataset": "mine", "models": "a", "images": "b"}
    adapt = parse_config({**where, "kind": kind, "adapt": {"rounds": 1, "own": own}}).adapt
    assert adapt.rounds == rounds and adapt.own == (0.0 if own == "auto" else own)


def test_names_are_what_was_typed_and_not_what_snakemake_parsed() -> None:
    parsed = {"dataset": 7, "models": "/data/100% wood"}
    arguments = ["dataset=007", "models='/data/100% wood #1'", "shards={models: 1}"]
    typed = as_typed({**parsed, "images": "photos"}, parsed, arguments)
    assert typed == {"dataset": "007", "models": "/data/100% wood #1", "images": "photos"}
    module = {"dataset": "of-a-module"}
    assert as_typed(module, parsed, arguments) == module


def test_a_folder_with_braces_is_refused() -> None:
    check_place('/home/me/it\'s "a" project')
    with pytest.raises(UserError, match="brace in its path"):
        check_place("/home/me/{project}")
