"""Every mesh of the torture set is used or rejected with a reason, and nothing else happens."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import audit
import numpy as np
import pytest
import torture
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ucmgcn.core.errors import ItemError
from ucmgcn.datasets.manifest import scan
from ucmgcn.files.shards import open_shard
from ucmgcn.media.meshes import load_mesh
from ucmgcn.render.stage import render_shard
from ucmgcn.settings import Limits, RenderConfig

CONFIG = RenderConfig(cameras="ring", views=2, size=32, textures=True)
LIMITS = Limits(seconds=60, memory=2048)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("torture")


@pytest.fixture(scope="module")
def outcome(folder: Path) -> dict[str, tuple[str, str]]:
    """Expected and actual outcome of each path: a reason, or ``USED``."""
    expected = torture.write_all(folder / "models", torture.MESHES)
    items, rejected = scan(folder / "models", "models")
    with pytest.MonkeyPatch.context() as patch:
        audited = partial(audit.audited, log=folder / "audit.log")
        patch.setattr("ucmgcn.render.stage.Worker", audited)
        render_shard(items, folder / "shard.h5", CONFIG, {}, limits=LIMITS)
    paths = {item.id: item.path for item in items}
    with open_shard(folder / "shard.h5", "views") as shard:
        became = {paths[id]: torture.USED for id in shard.ids}
        became |= {r.path: r.reason for r in [*rejected, *shard.rejected]}
    assert expected.keys() <= became.keys()
    return {Path(path).name: (expected[path], became[path]) for path in expected}


@pytest.mark.parametrize("name", [name for name, _, _ in torture.MESHES], ids=ascii)
def test_a_mesh_is_used_or_rejected_with_a_reason(
    outcome: dict[str, tuple[str, str]], name: str
) -> None:
    torture.check(*outcome[name])


def test_no_file_outside_the_data_and_no_connection_is_opened(
    outcome: dict[str, tuple[str, str]], folder: Path
) -> None:
    log = folder / "audit.log"
    assert len({item for item, _, _ in audit.noted(log)}) > 80
    assert audit.strange(log, folder / "models") == []


@pytest.mark.parametrize("suffix", ["obj", "off", "ply", "stl", "glb", "gltf", "dae"])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_damage_gives_a_mesh_or_an_item_error(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damage") / f"box.{suffix}"
    content = bytearray(torture.exported(path))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content) - 1))
        content[start : start + 4] = data.draw(st.binary(max_size=6))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        mesh = load_mesh(path, textures=data.draw(st.booleans()))
    except ItemError as error:
        assert re.match(r"\S", str(error))
    else:
        assert np.isfinite(mesh.vertices).all()
        assert np.isclose(np.linalg.norm(mesh.vertices, axis=1).max(), 1)
        assert mesh.faces.min() >= 0 and mesh.faces.max() < len(mesh.vertices)


@pytest.mark.slow
def test_five_million_faces_are_rendered(tmp_path: Path) -> None:
    torture.many_faces(5_000_000)(tmp_path / "many.stl")
    items, _ = scan(tmp_path, "models")
    render_shard(items, tmp_path / "shard.h5", CONFIG, {}, limits=Limits(memory=4096))
    with open_shard(tmp_path / "shard.h5", "views") as shard:
        assert shard.ids == ["many"] and not shard.rejected
