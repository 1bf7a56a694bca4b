from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from ucmgcn.core.errors import UserError
from ucmgcn.files.atomic import atomic_path
from ucmgcn.files.shards import Rejection, ShardWriter, open_shard, read_shards


def write(path: Path, ids: list[str], kind: str = "image-features") -> np.ndarray:
    rng = np.random.default_rng(len(ids))
    items = rng.normal(size=(len(ids), 4)).astype("f4")
    with ShardWriter(path, kind, {"weights": "abc"}, "features", (4,), "f4") as writer:
        writer.add_many(ids, items)
        writer.reject("x/bad.jpg", "it is no image")
    return items


def test_round_trip(tmp_path: Path) -> None:
    items = write(tmp_path / "s.h5", ["b", "a", "ü\n1"])
    with open_shard(tmp_path / "s.h5", "image-features") as shard:
        assert shard.ids == ["b", "a", "ü\n1"] and len(shard) == 3
        np.testing.assert_array_equal(shard.array[:], items)
        assert shard.provenance == {"weights": "abc"}
        assert shard.rejected == [Rejection("x/bad.jpg", "features", "it is no image")]


def test_an_empty_shard_is_valid(tmp_path: Path) -> None:
    write(tmp_path / "s.h5", [])
    with open_shard(tmp_path / "s.h5", "image-features") as shard:
        assert shard.ids == [] and shard.array.shape == (0, 4)


def test_items_are_read_sorted_by_id_across_shards(tmp_path: Path) -> None:
    write(tmp_path / "1.h5", ["d", "a"])
    write(tmp_path / "2.h5", ["c", "b", "e"])
    one = read_shards([tmp_path / "1.h5", tmp_path / "2.h5"], "image-features")
    two = read_shards([tmp_path / "2.h5", tmp_path / "1.h5"], "image-features")
    assert one[0] == two[0] == list("abcde")
    np.testing.assert_array_equal(one[1], two[1])


def test_equal_shards_are_equal_bytes(tmp_path: Path) -> None:
    write(tmp_path / "1.h5", ["a"])
    write(tmp_path / "2.h5", ["a"])
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "2.h5").read_bytes()


def test_errors_on_a_wrong_kind_and_a_truncated_file_name_the_fix(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    write(path, ["a"])
    with pytest.raises(UserError, match="holds image-features"), open_shard(path, "views"):
        pass
    path.write_bytes(path.read_bytes()[:200])
    with (
        pytest.raises(UserError, match=r"s\.h5 is damaged.*Delete it"),
        open_shard(path, "image-features"),
    ):
        pass


def test_an_error_on_values_that_are_not_finite_names_the_item(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="item b"),
        ShardWriter(tmp_path / "s.h5", "views", {}, "features", (2,), "f4") as writer,
    ):
        writer.add_many(["a", "b"], np.array([[1, 2], [3, np.nan]], "f4"))
    assert not any(tmp_path.iterdir())


def test_a_duplicate_id_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="twice"):
        write(tmp_path / "s.h5", ["a", "a"])
    assert not any(tmp_path.iterdir())


def test_a_failed_write_keeps_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"] and path.read_text() == "old"


def content(path: Path) -> tuple:
    with open_shard(path, "image-features") as shard:
        return shard.ids, shard.array[:].tolist(), shard.provenance, shard.rejected, shard.origins


def test_a_flipped_bit_anywhere_is_found_or_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    write(path, [f"chair/{n}" for n in range(40)])
    whole, expected = path.read_bytes(), content(path)
    found = 0
    for place in range(0, len(whole), max(1, len(whole) // 500)):
        spoiled = bytearray(whole)
        spoiled[place] ^= 1 << (place % 8)
        path.write_bytes(spoiled)
        try:
            assert content(path) == expected
        except UserError as error:
            assert re.search(r"s\.h5 is damaged.*Delete it and run snakemake", str(error))
            found += 1
    assert found > 100


def test_reading_items_damaged_on_disk_names_the_shard(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    items = write(path, ["a", "b"])
    place = path.read_bytes().index(items.tobytes())
    with path.open("r+b") as file:
        file.seek(place)
        file.write(bytes(4))
    with (
        pytest.raises(UserError, match=r"s\.h5 is damaged"),
        open_shard(path, "image-features") as shard,
    ):
        shard.array[:]


@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
def test_an_error_on_a_truncated_shard_names_it(tmp_path: Path, share: float) -> None:
    path = tmp_path / "s.h5"
    write(path, ["a", "b"])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(UserError, match="damaged"), open_shard(path, "image-features"):
        pass
