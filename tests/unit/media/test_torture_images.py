"""Every photo of the torture set is used or rejected with a reason, and nothing else happens."""

from __future__ import annotations

from pathlib import Path

import audit
import pytest
import torture
from hypothesis import given, settings
from hypothesis import strategies as st

from ucmgcn.core.errors import ItemError
from ucmgcn.datasets.manifest import scan
from ucmgcn.media.photos import load_photo
from ucmgcn.settings import Limits

SETTINGS = {"inputs": [(32, "bilinear")], "resize": "crop"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("torture")


@pytest.fixture(scope="module")
def outcome(folder: Path) -> dict[str, tuple[str, str]]:
    """Expected and actual outcome of each path: a reason, or ``USED``."""
    root = folder / "images"
    expected = torture.write_all(root, torture.PHOTOS)
    items, rejected = scan(root, "images")
    became = {r.path: r.reason for r in rejected}
    limits = Limits(seconds=60, memory=1024)
    with audit.audited(
        "ucmgcn.media.photos:photo_task", SETTINGS, limits, folder / "audit.log"
    ) as load:
        for item in items:
            try:
                (photo,) = load(item.path).arrays
                assert photo.shape == (32, 32, 3)
                became[item.path] = torture.USED
            except ItemError as error:
                became[item.path] = str(error)
    assert expected.keys() <= became.keys()
    return {Path(path).name: (expected[path], became[path]) for path in expected}


@pytest.mark.parametrize("name", [name for name, _, _ in torture.PHOTOS], ids=ascii)
def test_a_photo_is_used_or_rejected_with_a_reason(
    outcome: dict[str, tuple[str, str]], name: str
) -> None:
    torture.check(*outcome[name])


def test_no_file_outside_the_data_and_no_connection_is_opened(
    outcome: dict[str, tuple[str, str]], folder: Path
) -> None:
    log = folder / "audit.log"
    assert len({item for item, _, _ in audit.noted(log)}) > 50
    assert audit.strange(log, folder / "images") == []


@pytest.mark.parametrize("suffix", ["png", "webp", "bmp", "gif", "tif", "ppm", "jp2"])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_damage_gives_a_photo_or_an_item_error(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damage") / f"photo.{suffix}"
    torture.cut_image(1)(path)
    content = bytearray(path.read_bytes())
    start = data.draw(st.integers(0, min(len(content) - 1, 400)))
    content[start : start + 4] = data.draw(st.binary(max_size=6))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        assert load_photo(path, 16).shape == (16, 16, 3)
    except ItemError as error:
        assert str(error)
