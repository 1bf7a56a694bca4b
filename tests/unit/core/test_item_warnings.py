from __future__ import annotations

import logging

import pytest

from ucmgcn.core.item_warnings import FURTHER, MAX_DETAIL, MOST, collect_warnings, warn_item


def test_a_warning_is_kept_once_and_as_one_line_of_text() -> None:
    with collect_warnings() as found:
        for _ in range(2):
            warn_item("texture not found", "a\0b\n\udce9.png", "put it there")
        warn_item("texture not found", "x" * 999)
    assert [w.detail for w in found] == ["a b \\udce9.png", "x" * (MAX_DETAIL - 1) + "…"]


def test_too_many_warnings_are_truncated_with_a_note() -> None:
    with collect_warnings() as found:
        for number in range(3 * MOST):
            warn_item("texture not found", number)
    assert len(found) == MOST + 1 and found[-1] == FURTHER


def test_collections_are_separate_and_warnings_outside_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with collect_warnings() as outer:
        with collect_warnings() as inner:
            warn_item("inner")
        warn_item("outer")
    assert [w.what for w in outer] == ["outer"] and [w.what for w in inner] == ["inner"]
    with caplog.at_level(logging.INFO):
        warn_item("alone")
    assert [record.levelno for record in caplog.records] == [logging.INFO]
