"""The licences of the pinned packages."""

from __future__ import annotations

from email.message import Message
from types import ModuleType

import pytest
from scripts import load


@pytest.fixture(scope="module")
def licences() -> ModuleType:
    return load("envs/licences.py")


def test_somebody_has_looked_at_every_licence_and_the_page_lists_it(licences: ModuleType) -> None:
    rows = list(licences.licences())
    assert [row for row in rows if not licences.is_known(*row)] == []
    lines = licences.PAGE.read_text(encoding="utf-8").splitlines()
    listed = {line.split(" | ")[0].removeprefix("| ") for line in lines if line.startswith("| ")}
    # Another version of Python has fewer packages.
    assert {name for name, _ in rows} <= listed


@pytest.mark.parametrize(
    ("fields", "licence", "known"),
    [
        ({"License-Expression": "MIT AND Zlib"}, "MIT AND Zlib", True),
        ({"License-Expression": "MIT OR GPL-3.0-only"}, "MIT OR GPL-3.0-only", False),
        ({"License": "BSD\nand much text"}, "BSD", True),
        ({"Classifier": "License :: OSI Approved :: MIT License"}, "MIT License", True),
        ({"License": "AGPL"}, "AGPL", False),
        ({}, "not stated", False),
    ],
)
def test_a_licence_is_read_and_judged(
    licences: ModuleType, fields: dict[str, str], licence: str, known: bool
) -> None:
    told = Message()
    for name, value in fields.items():
        told[name] = value
    assert licences.licence_of(told) == licence
    assert licences.is_known("some-package", licence) == known
