"""Meshes with textures, as they come and as they are damaged."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PANEL = (
    "mtllib panel.mtl\nusemtl skin\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\n"
    "vt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nf 1/1 2/2 3/3\nf 1/1 3/3 4/4\n"
)
POSTSCRIPT = (
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
    b"1 0 0 setrgbcolor 0 0 9 9 rectfill showpage\n%%EOF\n"
)


def panel(folder: Path, texture: str = "skin.png") -> Path:
    """A square that faces z, left half red and right half green by its texture."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "panel.obj").write_text(PANEL)
    # As exporters leave it, a dark Kd stands beside the texture; it does not count.
    (folder / "panel.mtl").write_text(f"newmtl skin\nKd .1 .1 .1\nmap_Kd {texture}\n")
    halves = np.uint8([[[255, 0, 0]] * 8 + [[0, 255, 0]] * 8] * 16)
    Image.fromarray(halves).save(folder / "skin.png")
    return folder / "panel.obj"


def with_postscript(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A panel whose texture is PostScript; a Ghostscript that leaves `started` comes first."""
    path = panel(folder)
    (folder / "skin.png").write_bytes(POSTSCRIPT)
    program = folder / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {folder / 'started'}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(program.parent), os.environ["PATH"]]))
    return path
