"""A flipped bit in any file of the results: it is named, or changes nothing. No third outcome."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from command import ucmgcn
from project import Run

from ucmgcn.core.errors import UserError
from ucmgcn.files.digest import digest_file, intact
from ucmgcn.files.shards import open_shard

TINY = Path("results", "tiny")
ENCODER = TINY / "features/efficientnet-lite0/encoder.onnx"
GRAPH = TINY / "graph/efficientnet-lite0"
SHARDS = {
    "views/shard-*.h5": "views",
    "features/*/images/shard-*.h5": "image-features",
    "features/*/views/shard-*.h5": "view-features",
    "added/*/views.h5": "views",
    "added/*/features.h5": "view-features",
}
# What no stage and no command reads. Snakemake itself writes the times; the report quotes them.
UNREAD_FOLDERS = ("logs", "benchmarks")
UNREAD = ("report/index.html", "*.svg", "*.png", "ro-crate-metadata.json", "Snakefile")
FLIPS = 12  # of each file


@contextmanager
def flipped(path: Path, place: int) -> Iterator[None]:
    """Flip a bit of a file, which keeps its times, as a disk does that rots."""
    whole, status = path.read_bytes(), path.stat()
    spoiled = bytearray(whole)
    spoiled[place] ^= 1 << (place % 8)
    try:
        path.write_bytes(spoiled)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        yield
    finally:
        path.write_bytes(whole)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def places(path: Path) -> list[int]:
    size = path.stat().st_size
    return sorted(random.Random(path.name).sample(range(size), min(size, FLIPS)))


def kind_of(path: Path, home: Path) -> str:
    inside = path.relative_to(home)
    deep = len(inside.parts)
    kinds = (k for at, k in SHARDS.items() if inside.match(at) and deep == len(Path(at).parts))
    return next(kinds, "")


def content(path: Path, kind: str) -> tuple:
    with open_shard(path, kind) as shard:
        told = shard.rejected, shard.warnings, shard.notes
        return shard.ids, shard.origins, shard.provenance, shard.array[:].tobytes(), told


def check_shard(path: Path, kind: str) -> None:
    expected = content(path, kind)
    for place in places(path):
        with flipped(path, place):
            try:
                assert content(path, kind) == expected
            except UserError as error:
                assert f"{path} is damaged" in str(error)


def check_sealed(path: Path, owner: Path) -> None:
    # Past the digest a line holds the name, for sha256sum alone.
    for place in [place for place in places(path) if path == owner or place < 64] or [0]:
        with flipped(path, place), pytest.raises(UserError, match="is damaged") as error:
            intact(owner)
        assert str(owner) in str(error.value)


def owner_of(path: Path) -> Path | None:
    """The file whose digest a file is, or that has one."""
    if path.name.endswith(".sha256"):
        return path.with_name(path.name.removeprefix(".").removesuffix(".sha256"))
    return path if digest_file(path).exists() else None


def add(run: Run) -> None:
    """Add a mesh that the library has under another name."""
    mesh = shutil.copy(next((run.folder / "data/models").rglob("*.stl")), run.folder / "new.stl")
    done = ucmgcn(run.folder, "add", mesh, "--dataset", "tiny")
    assert done.returncode == 0, done.stderr


def test_every_file_is_a_shard_or_has_a_digest_or_is_read_by_nothing(copy: Run) -> None:
    add(copy)
    home = copy.folder / TINY
    for path in sorted(p for p in home.rglob("*") if p.is_file()):
        if kind := kind_of(path, home):
            check_shard(path, kind)
        elif owner := owner_of(path):
            check_sealed(path, owner)
        else:
            inside = path.relative_to(home)
            unread = inside.parts[0] in UNREAD_FOLDERS or any(inside.match(name) for name in UNREAD)
            assert unread, f"{inside} carries no digest"


# What each rule reads besides.
READ_BY = {
    "index": (
        TINY / "manifest/models.csv",
        GRAPH / "graph.h5",
        GRAPH / "nodes.h5",
        TINY / "runs/ucm-gcn/seed-0/checkpoint.pt",
        ENCODER,
    ),
    "evaluate": (
        TINY / "manifest/images.csv",
        TINY / "runs/ucm-gcn/seed-1/embeddings.h5",
        TINY / "runs/mlp/seed-0/embeddings.h5",
    ),
    "report": (
        GRAPH / "graph.json",
        TINY / "tables/metrics.csv",
        TINY / "tables/ranking.csv.gz",
        TINY / "tables/warnings.csv",
        TINY / "runs/ucm-gcn/seed-1/history.csv",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("rule", READ_BY)
def test_a_stage_that_reads_a_damaged_file_names_it(copy: Run, rule: str) -> None:
    for path in READ_BY[rule]:
        with flipped(copy.folder / path, places(copy.folder / path)[-1]):
            said = copy.snakemake("--forcerun", rule, "--until", rule, check=False)
        assert f"Error in rule {rule}" in said, (path, said)
        assert f"{path} is damaged" in said, (path, said)
        assert f"snakemake --cores all all {path}" in said
        assert "Traceback" not in said


def test_a_command_that_reads_a_damaged_file_names_it(copy: Run) -> None:
    photo = next((copy.folder / "data/images").rglob("*.jpg")).relative_to(copy.folder)
    query = ("query", photo, "--dataset", "tiny", "--json")
    shard = TINY / "features/efficientnet-lite0/views/shard-000.h5"
    for path, words in (
        (ENCODER, query),
        (TINY / "index/index.h5", query),
        (shard, (*query, "--method", "max-view")),
        (ENCODER, ("export", "--dataset", "tiny", "--format", "npy", "--method", "max-pool")),
        (TINY / "tables/metrics.csv", ("table", TINY / "tables/metrics.csv")),
    ):
        with flipped(copy.folder / path, (copy.folder / path).stat().st_size * 2 // 3):
            done = ucmgcn(copy.folder, *words)
        assert (done.returncode, done.stdout) == (2, ""), (path, done)
        assert f"{path} is damaged" in done.stderr and done.stderr.count("\n") == 1


def test_the_command_that_the_message_names_mends_it(copy: Run) -> None:
    index = copy.folder / TINY / "index/index.h5"
    whole = index.read_bytes()
    index.unlink()
    photo = next((copy.folder / "data/images").rglob("*.jpg"))
    words = ("query", photo, "--dataset", "tiny", "--csv")
    assert "not finished" in ucmgcn(copy.folder, *words).stderr
    copy.snakemake("all", str(TINY / "index/index.h5"))
    assert index.read_bytes() == whole
    assert ucmgcn(copy.folder, *words).returncode == 0
