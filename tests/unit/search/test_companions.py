from __future__ import annotations

from pathlib import Path

import torture

from ucmgcn.search.companions import companions


def test_a_pipe_or_a_link_that_leads_out_is_no_companion(tmp_path: Path) -> None:
    for number, write in enumerate((torture.with_pipe_as_material, torture.with_linked_material)):
        mesh = tmp_path / f"{number}" / "inner" / "mesh.obj"
        mesh.parent.mkdir(parents=True)
        write(mesh)
        assert companions(mesh) == []
