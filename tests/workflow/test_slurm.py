"""The Slurm profile on a real cluster of one node: same tables, also when jobs are killed."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
import slurm_cluster
from project import Run, copy_project

# Of the cluster at hand, not of the profile: one node of two cores, no accounting, no patience.
HERE = [
    "--workflow-profile=workflow/profiles/slurm",
    "--slurm-no-account",
    "--slurm-status-command=squeue",
    "--slurm-init-seconds-before-status-checks=1",
    "--seconds-between-status-checks=1",
    "--latency-wait=10",
    "--max-threads=2",
]


def squeue(field: str, *arguments: str) -> list[str]:
    command = ["squeue", "--noheader", "--states=all", f"--format={field}", *arguments]
    return subprocess.run(command, capture_output=True, text=True).stdout.split()


class Saboteur(threading.Thread):
    """Puts the first job that renders back in the queue, and kills the first that trains."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.done: dict[str, str] = {}
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.2) and len(self.done) < 2:
            for line in squeue("%i|%T|%k"):
                job, state, comment = line.split("|")
                if state == "RUNNING" and "describe" in comment and "requeued" not in self.done:
                    time.sleep(1)
                    subprocess.run(["scontrol", "requeue", job], check=True)
                    # Slurm would wait two minutes before it starts the job again.
                    subprocess.run(["scontrol", "update", f"JobId={job}", "StartTime=now"])
                    self.done["requeued"] = job
                if state == "RUNNING" and "train_seed" in comment and "killed" not in self.done:
                    time.sleep(1)
                    subprocess.run(["scancel", "--signal=KILL", "--full", job], check=True)
                    self.done["killed"] = job


@pytest.mark.slurm
def test_killed_jobs_on_slurm_change_no_table(finished: Run, tmp_path: Path) -> None:
    reason = slurm_cluster.missing()
    if reason:
        pytest.skip(reason)
    run = copy_project(tmp_path / "project")
    shutil.copy2(finished.folder / "config.yaml", run.folder)
    shutil.copytree(finished.folder / "data", run.folder / "data")
    saboteur = Saboteur()
    with slurm_cluster.cluster(tmp_path / "cluster"):
        saboteur.start()
        run.snakemake(*HERE, cores=None)
        saboteur.over.set()
        requeued = squeue("%r", "--jobs", saboteur.done["requeued"])
        killed = squeue("%T", "--jobs", saboteur.done["killed"])
    assert set(saboteur.done) == {"requeued", "killed"}
    assert (requeued, killed) == ([], ["FAILED"])
    for table in sorted((finished.folder / "results/tiny/tables").glob("*.csv*")):
        assert (run.folder / "results/tiny/tables" / table.name).read_bytes() == table.read_bytes()
