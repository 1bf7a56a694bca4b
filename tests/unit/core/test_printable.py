"""Names of files on a terminal."""

from __future__ import annotations

import pytest

from ucmgcn.core.printable import escaped, is_plain


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("chair", "chair"),
        ("Stühle 椅子 🪑 كرسي", "Stühle 椅子 🪑 كرسي"),
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x9b31m", r"\x9b31m"),
        ("a\u2028b", r"a\u2028b"),
        ("gpj.\u202eriahc", r"gpj.\u202eriahc"),
        ("\udcff", r"\udcff"),
    ],
)
def test_what_would_drive_a_terminal_is_escaped(name: str, shown: str) -> None:
    assert escaped(name) == shown
    assert is_plain(name) == (name == shown)


def test_line_breaks_of_a_text_can_be_kept() -> None:
    assert escaped("one\ntwo\x07", keep="\n") == "one\ntwo\\x07"
