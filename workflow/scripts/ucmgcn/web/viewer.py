"""The 3D viewer's script: three.js from the installed trimesh package.

trimesh ships a page that shows a scene in a notebook. It holds three.js with its glTF loader and
its trackball controls, and after them the page's own few functions, which are left out here.
"""

from __future__ import annotations

import io
import re
import zipfile
from functools import cache

from trimesh import resources

START = re.compile(r"<script>(.*THREE\.GLTFLoader\s*=.*?\}\)\(\);)\s*var camera,", re.DOTALL)
NEEDED = ("WebGLRenderer", "GLTFLoader", "TrackballControls")


@cache
def three_js() -> bytes:
    """Read three.js with `THREE.GLTFLoader` and `THREE.TrackballControls`.

    Raises
    ------
    LookupError
        If the installed trimesh does not hold it in the place where version 5 does.
    """
    with zipfile.ZipFile(io.BytesIO(resources.get_bytes("templates/viewer.zip"))) as archive:
        page = archive.read("viewer.html.template").decode()
    found = START.search(page)
    if not found or any(name not in found[1] for name in NEEDED):
        raise LookupError("the installed trimesh has no three.js where it is looked for")
    return found[1].encode()
