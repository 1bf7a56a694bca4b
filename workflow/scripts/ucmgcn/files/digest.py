"""Digests of files: what a stage or a command reads again is checked when it is opened.

Beside such a file lies the SHA-256 of its content, as `sha256sum` writes it: beside ``index.h5``
the hidden file ``.index.h5.sha256``. `sealed_path` writes both, `intact` compares them. Shards
carry their own checksums, see `ucmgcn.files.shards`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from ucmgcn.core.errors import UserError
from ucmgcn.files.atomic import atomic_path
from ucmgcn.files.hashing import file_sha256

ADDED = "added"  # folder of what `ucmgcn add` makes, and no rule
SETTLED = 2_000_000_000  # nanoseconds since the last change


@contextmanager
def sealed_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path as `atomic_path` does; on success the digest lies beside `path` too.

    A process that is killed between the two leaves the file without a digest, never with the
    digest of another content.
    """
    path = Path(path)
    beside = digest_file(path)
    with atomic_path(path) as partial:
        yield partial
        digest = file_sha256(partial)
        beside.unlink(missing_ok=True)
    with atomic_path(beside) as partial:
        partial.write_text(f"{digest}  {path.name}\n", encoding="utf-8")


def intact(path: Path) -> Path:
    """Return a path whose file can be read, and is as it was written.

    A file without a digest is taken as it is: one that was copied alone, or made elsewhere.

    Raises
    ------
    UserError
        If the file is missing, may not be read, or is not the one that was written.
    """
    path = readable(path)
    beside = digest_file(path)
    expected = _expected(beside)
    while expected is not None and expected != _digest(path):
        # Both may be written anew just now.
        before, expected = expected, _expected(beside)
        if expected == before:
            raise broken(path, f"its SHA-256 is not that in {beside.name}")
    return path


def is_intact(path: Path) -> bool:
    """Whether a file can be read, and is as it was written."""
    try:
        intact(path)
    except UserError:
        return False
    return True


def readable(path: Path) -> Path:
    """Return a path whose file can be opened for reading.

    Raises
    ------
    UserError
        If the file is missing, or may not be read: then it is not damaged, and must be kept.
    """
    path = Path(path)
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise _unreadable(path, error) from error


def broken(path: Path, why: object) -> UserError:
    """Make the error of a damaged file; the message says how to make it anew.

    Without its name Snakemake would not make a file anew from which all others are made already.
    """
    what = f"{path} is damaged ({' '.join(str(why).split())})"
    if ADDED in path.parts:
        return UserError(f"{what}. Delete its folder, and add the mesh again: ucmgcn add")
    return UserError(
        f"{what}. Delete it and run snakemake again, with its name: "
        f"snakemake --cores all all {path}"
    )


def digest_file(path: Path) -> Path:
    """Path of the file with the digest of a file."""
    return path.with_name(f".{path.name}.sha256")


def _digest(path: Path) -> str:
    """Compute the digest of a file; of one that has not changed lately, only once."""
    try:
        status = path.stat()
        # The time of the last change of any kind, which no program sets. Two changes within a
        # tick of the file system's clock have the same.
        if time.time_ns() - status.st_ctime_ns < SETTLED:
            return file_sha256(path)
        return _known_digest(path, status.st_ino, status.st_size, status.st_ctime_ns)
    except OSError as error:
        raise _unreadable(path, error) from error


@lru_cache(maxsize=1024)
def _known_digest(path: Path, _inode: int, _size: int, _changed: int) -> str:
    return file_sha256(path)


def _expected(beside: Path) -> str | None:
    """Read a digest; None if there is none."""
    try:
        return beside.read_text(encoding="utf-8", errors="replace").partition(" ")[0]
    except FileNotFoundError:
        return None


def _unreadable(path: Path, error: OSError) -> UserError:
    if isinstance(error, FileNotFoundError):
        return UserError(
            f"{path} is missing. Run snakemake again, with its name: "
            f"snakemake --cores all all {path}"
        )
    mend = "Make it readable: chmod u+r" if isinstance(error, PermissionError) else "Look at"
    return UserError(f"{path} cannot be read ({error.strerror}). {mend} {path}")
