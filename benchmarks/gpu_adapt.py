"""The stage `adapt` on the demo's views, GPU against CPU, where this version has it; for gpu.sh."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import click
import numpy as np
from gpu_demo import DEVICES, jobs_of, run
from gpu_measuring import Row, save, times


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--settings", default="{adapt: {rounds: 1}}", help="Changes of config.yaml, as YAML.")
def main(folder: Path, out: Path, settings: str) -> None:
    if importlib.util.find_spec("ucmgcn.adapt") is None:
        save(out, [Row("adapt", "no such stage in this version")])
        return
    for name, device in DEVICES.items():
        run(folder / name, device, settings, "adapt")
    seconds = {name: jobs_of(folder / name)["adapt"] for name in DEVICES}
    losses = {name: losses_of(folder / name) for name in DEVICES}
    gpu, cpu = (f"{seconds[name]:.1f} s" for name in DEVICES)
    off = np.abs(np.array(losses["gpu"]) / np.array(losses["cpu"]) - 1).max()
    difference = f"losses of {len(losses['gpu'])} steps to {off:.1e}"
    ratio = times(*seconds.values())
    save(out, [Row("adapt, the job", gpu, cpu, ratio, difference)], seconds=seconds, losses=losses)


def losses_of(folder: Path) -> list[float]:
    """Return the losses of all steps of a run, round after round."""
    (summary,) = (folder / "results" / "demo").rglob("adapt.json")
    return [loss for losses in json.loads(summary.read_text())["losses"] for loss in losses]


if __name__ == "__main__":
    main()
