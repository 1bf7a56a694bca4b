"""The workflow's files: beside the library in a clone, inside of it where it was installed."""

from __future__ import annotations

from pathlib import Path

from ucmgcn.core.errors import UserError

PACKAGE = Path(__file__).parents[1]


def project_folder() -> Path:
    """Folder that holds the Snakefile, as an absolute path.

    Raises
    ------
    UserError
        If there is none: the library was copied without its workflow.
    """
    places = (PACKAGE / "project", PACKAGE.parents[2])
    for place in places:
        if (place / "Snakefile").is_file():
            return place
    raise UserError(
        f"there is no Snakefile in {' or '.join(map(str, places))}; install ucmgcn again"
    )
