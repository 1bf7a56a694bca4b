"""Unpack untrusted zip files: no path traversal, no zip bombs."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ucmgcn.core.errors import UserError

MAX_FILE = 512 * 2**20
MAX_TOTAL = 8 * 2**30
ENCRYPTED = 0x1


def is_safe(info: zipfile.ZipInfo) -> bool:
    """Whether a member stays inside the target folder and within the size limit, unencrypted."""
    path = PurePosixPath(info.filename)
    plain = not path.is_absolute() and ".." not in path.parts and "\\" not in info.filename
    return plain and info.file_size <= MAX_FILE and not info.flag_bits & ENCRYPTED


def extract(archive: Path, members: Sequence[zipfile.ZipInfo], out: Path) -> None:
    """Unpack the safe members of a zip file below `out`; links become plain files.

    A member that unpacks to more than its declared size fails its checksum.

    Raises
    ------
    UserError
        If the archive is damaged or its members exceed `MAX_TOTAL` together.
    """
    safe = [info for info in members if is_safe(info)]
    if sum(info.file_size for info in safe) > MAX_TOTAL:
        raise UserError(f"{archive} would unpack to more than {MAX_TOTAL / 2**30:g} GiB")
    try:
        with zipfile.ZipFile(archive) as source:
            for info in safe:
                _extract_one(source, info, out / info.filename)
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise UserError(f"{archive} cannot be unpacked ({error}). Download it again") from error


def _extract_one(source: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # zipfile stops at the declared size and then verifies the checksum.
    with source.open(info) as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file)
