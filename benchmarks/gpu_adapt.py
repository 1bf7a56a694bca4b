"""The stage `adapt`, GPU against CPU, where this version has it; called by gpu.sh."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click
from gpu_measuring import Row, save


@click.command(help=__doc__)
@click.argument("models", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("photos", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(models: Path, photos: Path, out: Path) -> None:
    if importlib.util.find_spec("ucmgcn.adapt") is None:
        save(out, [Row("adapt", "no such stage in this version")])
        return
    raise SystemExit("adapt: this version has the stage, but no measurement of it")


if __name__ == "__main__":
    main()
