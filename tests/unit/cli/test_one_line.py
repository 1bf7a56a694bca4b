"""Expected errors of every command: one line on standard error, and status 2."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from command import UCMGCN, ucmgcn

from ucmgcn.cli.main import main
from ucmgcn.cli.query import Search, format_csv, format_text
from ucmgcn.search.hits import Hit


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("serve --dataset x --max-upload nan", "nan is not a number"),
        ("serve --dataset x --max-upload inf", "not in the range"),
        ("serve --dataset x --port 70000", "not in the range"),
        ("query a.jpg --dataset x --json --csv", "choose one"),
        ("query a.jpg --dataset ../../x", "no name of a data set"),
        ("query a.jpg --dataset ''", "no name of a data set"),
        ("add a.obj --dataset ../x", "no name of a data set"),
        ("export --dataset /etc --format npy", "no name of a data set"),
        ("query a.jpg", "Missing option '--dataset'"),
        ("query a.jpg --dataset x --tpo 3", "No such option"),
        ("qeury a.jpg", "No such command"),
        ("table there-is-none.csv", "there is no table"),
        ("table .", "is a directory"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(words: str, said: str) -> None:
    done = CliRunner().invoke(main, [word.strip("'") for word in words.split()])
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert done.stderr.startswith("ucmgcn: ") and len(done.stderr.splitlines()) == 1
    assert not done.stdout


@pytest.mark.parametrize("content", [b"# A page\n\na, b, c\n1\n", b"\x89PNG\x00\xff", b"", b'"'])
def test_a_file_that_is_no_table_is_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "README.md"
    file.write_bytes(content)
    done = CliRunner().invoke(main, ["table", str(file)])
    assert done.exit_code == 2 and "is not a metrics table" in done.stderr, done.output
    assert len(done.stderr.splitlines()) == 1


def test_a_name_does_not_drive_the_terminal() -> None:
    done = CliRunner().invoke(main, ["table", "there-is-\x1b[2Jnone.csv"])
    assert done.exit_code == 2 and "there-is-\\x1b[2Jnone.csv" in done.stderr


def test_hits_are_shown_without_control_characters() -> None:
    hit = Hit(1, "chair/\x1b[2J", "a\nb", 0.5, "like it", 0, Path("\x9b31m.obj"))
    text = format_text(Search(Path("\x07.jpg"), [hit]))
    assert text.count("\n") == 3 and text.replace("\n", "").isprintable()
    # A program gets the names as they are.
    assert "\x1b[2J" in format_csv([Search(Path("p.jpg"), [hit])])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_for_what_is_printed_is_one_line(root: Path) -> None:
    table = root / "docs/results/demo/metrics.csv"
    assert ucmgcn(root, "table", table).returncode == 0
    with open("/dev/full", "w") as full:
        words = [UCMGCN, "table", str(table)]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "ucmgcn: No space left on device\n")
