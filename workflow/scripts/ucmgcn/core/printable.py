"""Names of files as they can be shown: whoever names a file must not drive the terminal."""

from __future__ import annotations

import unicodedata

# Control characters, halves of characters, separators of lines.
UNSHOWN = frozenset({"Cc", "Cs", "Zl", "Zp"})
# They turn the direction of what follows, so that a name reads as another.
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def escaped(text: str, keep: str = "") -> str:
    """Write control characters as the escapes of Python, except for those to keep."""
    return "".join(
        character.encode("unicode_escape").decode()
        if character not in keep and is_control(character)
        else character
        for character in text
    )


def is_control(character: str) -> bool:
    """Whether a character does something to a terminal, instead of being shown."""
    return unicodedata.category(character) in UNSHOWN or character in TURNING


def is_plain(text: str) -> bool:
    """Whether a text holds no such character."""
    return not any(map(is_control, text))
