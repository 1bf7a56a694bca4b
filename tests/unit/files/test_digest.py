"""Files that are read again: damaged, missing and unreadable ones are told apart."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command import bound_by_permissions

from ucmgcn.core.errors import UserError
from ucmgcn.files import digest
from ucmgcn.files.digest import digest_file, intact, is_intact, sealed_path


def write(path: Path, content: str) -> Path:
    with sealed_path(path) as partial:
        partial.write_text(content)
    return path


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    return write(tmp_path / "table.csv", "a,b\n1,2\n")


def test_a_file_as_it_was_written_is_intact_also_for_sha256sum(sealed: Path) -> None:
    assert intact(sealed) == sealed
    expected = hashlib.sha256(sealed.read_bytes()).hexdigest()
    assert digest_file(sealed).read_text() == f"{expected}  table.csv\n"
    if shutil.which("sha256sum"):
        words = ["sha256sum", "--check", digest_file(sealed).name]
        assert subprocess.run(words, cwd=sealed.parent, capture_output=True).returncode == 0


def test_a_flipped_bit_of_the_file_or_its_digest_is_named_with_the_command(sealed: Path) -> None:
    beside = digest_file(sealed)
    for path in (sealed, beside):
        whole = path.read_bytes()
        for place in range(len(whole) if path == sealed else 64):
            spoiled = bytearray(whole)
            spoiled[place] ^= 1 << (place % 8)
            path.write_bytes(spoiled)
            with pytest.raises(UserError) as error:
                intact(sealed)
            assert f"{sealed} is damaged" in str(error.value)
            assert f"snakemake --cores all all {sealed}" in str(error.value)
            assert not is_intact(sealed)
        path.write_bytes(whole)
        assert is_intact(sealed)


def test_a_flip_that_keeps_the_time_is_seen_by_a_process_that_knew_the_file(
    sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest, "SETTLED", 0)
    assert is_intact(sealed)
    status = sealed.stat()
    sealed.write_bytes(sealed.read_bytes().replace(b"1", b"3"))
    os.utime(sealed, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert not is_intact(sealed)


def test_a_file_that_is_written_anew_gets_a_new_digest(sealed: Path) -> None:
    write(sealed, "other")
    assert intact(sealed).read_text() == "other"
    assert sorted(p.name for p in sealed.parent.iterdir()) == [".table.csv.sha256", "table.csv"]


def test_a_failed_write_keeps_the_file_and_its_digest(sealed: Path) -> None:
    with pytest.raises(RuntimeError), sealed_path(sealed) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert intact(sealed).read_text() == "a,b\n1,2\n"


def test_a_file_without_a_digest_is_taken_as_it_is(sealed: Path) -> None:
    digest_file(sealed).unlink()
    sealed.write_text("edited")
    assert intact(sealed) == sealed


def test_a_missing_file_is_not_called_damaged(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone\.h5 is missing\. Run snakemake again") as error:
        intact(tmp_path / "gone.h5")
    assert "Delete" not in str(error.value)


# In a process of its own, which permissions bind.
OPENED = """
import sys
from pathlib import Path
from ucmgcn.core.errors import UserError
from ucmgcn.files.digest import intact
from ucmgcn.files.shards import open_shard
try:
    path = Path(sys.argv[1])
    open_shard(path, "views").__enter__() if path.suffix == ".h5" else intact(path)
except UserError as error:
    print(error)
"""


@pytest.mark.parametrize("name", ["table.csv", "shard-000.h5"])
def test_a_file_that_may_not_be_read_is_not_to_be_deleted(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, "content")
    path.chmod(0)
    words = [*bound_by_permissions(), sys.executable, "-c", OPENED, str(path)]
    said = subprocess.run(words, capture_output=True, text=True).stdout
    assert (
        said == f"{path} cannot be read (Permission denied). Make it readable: chmod u+r {path}\n"
    )
