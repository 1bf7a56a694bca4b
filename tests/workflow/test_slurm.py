"""The Slurm profile on a real cluster of one node: same tables, also when jobs are killed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import ClassVar

import layouts
import pytest
import slurm_cluster
import yaml
from project import Run, copy_project
from waiting import wait_for

# Of the cluster at hand, not of the profile: one node of two cores, no accounting, no patience.
HERE = [
    "--workflow-profile=profiles/slurm",
    "--slurm-no-account",
    "--slurm-status-command=squeue",
    "--slurm-init-seconds-before-status-checks=1",
    "--seconds-between-status-checks=1",
    "--latency-wait=10",
    "--max-threads=2",
]

ENDED = {"CANCELLED", "COMPLETED", "FAILED"}


# A job that Slurm holds back would be waited for without end.
PATIENCE = ("timeout", "1200")


def jobs() -> dict[str, tuple[str, str]]:
    """State and comment (the rule) of all jobs by their number."""
    command = ["squeue", "--noheader", "--states=all", "--format=%i|%T|%k"]
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    rows = (line.split("|", 2) for line in lines)
    return {job: (state, comment) for job, state, comment in rows}


def restarts(job: str) -> int:
    shown = subprocess.run(["scontrol", "show", "job", job], capture_output=True, text=True).stdout
    return int(re.search(r"Restarts=(\d+)", shown)[1])


class Saboteur(threading.Thread):
    """Puts the first job that renders back in the queue, and kills the first that trains."""

    COMMANDS: ClassVar = {
        "describe": ["scontrol", "requeue"],
        "train_seed": ["scancel", "--signal=KILL", "--full"],
    }

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.done: dict[str, str] = {}
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.2) and len(self.done) < 2:
            for job, (state, comment) in jobs().items():
                if state == "RUNNING":
                    self.strike(job, comment)

    def strike(self, job: str, comment: str) -> None:
        for part, command in self.COMMANDS.items():
            if part in comment and part not in self.done:
                time.sleep(2)  # until it is at work
                struck = subprocess.run([*command, job], capture_output=True).returncode == 0
                # One that ended meanwhile is let go, and the next one is struck.
                if struck:
                    self.done[part] = job


@pytest.mark.parametrize("profile", ["slurm", "kubernetes"])
def test_a_profile_without_gpus_asks_for_none(root: Path, profile: str) -> None:
    rules = "\n".join(path.read_text() for path in sorted((root / "rules").glob("*.smk")))
    asking = {
        name
        for name, body in re.findall(r"^ *rule (\w+):\n((?:    .*\n|\n)*)", rules, re.MULTILINE)
        if re.search(r"^ *gpu=", body, re.MULTILINE)
    }
    config = yaml.safe_load((root / "profiles" / profile / "config.yaml").read_text())
    assert asking and set(config["set-resources"]) == asking
    assert all(value == {"gpu": 0} for value in config["set-resources"].values())


@pytest.mark.slurm
def test_killed_jobs_on_slurm_change_no_table(finished: Run, tmp_path: Path) -> None:
    reason = slurm_cluster.missing()
    if reason:
        pytest.skip(reason)
    run = copy_project(tmp_path / "project")
    shutil.copy2(finished.folder / "config.yaml", run.folder)
    shutil.copytree(finished.folder / "data", run.folder / "data")
    # Fewer jobs; shards do not reach the numbers.
    run.configure(shards={"models": 1, "images": 1})
    saboteur = Saboteur()
    with slurm_cluster.cluster():
        saboteur.start()
        run.snakemake(*HERE, "--", "evaluate", cores=None, prefix=PATIENCE)
        saboteur.over.set()
        assert set(saboteur.done) == {"describe", "train_seed"}
        states = jobs()
        assert restarts(saboteur.done["describe"]) == 1
    assert states[saboteur.done["describe"]][0] == "COMPLETED"
    # Which of the two depends on whether the job's step or its script ends first.
    assert states[saboteur.done["train_seed"]][0] in ("CANCELLED", "FAILED")
    made = sorted((run.folder / "results/tiny/tables").glob("[!.]*.csv*"))
    assert {"metrics.csv", "significance.csv", "ranking.csv.gz"} <= {table.name for table in made}
    for table in made:
        expected = finished.folder / "results/tiny/tables" / table.name
        assert table.read_bytes() == expected.read_bytes(), table.name


@pytest.mark.slurm
def test_after_the_main_process_is_killed_the_same_command_goes_on(tmp_path: Path) -> None:
    reason = slurm_cluster.missing()
    if reason:
        pytest.skip(reason)
    run = copy_project(tmp_path / "project")
    layouts.mi3dor(run.folder / "MI3DOR")
    run.configure(shards={"models": 2, "images": 1}, render={"size": 64})
    data = ["dataset=x", "kind=mi3dor", "models=MI3DOR/model", "images=MI3DOR/image"]
    words = [*HERE, "--config", *data, "--", "render"]
    snakemake = str(Path(sys.executable).parent / "snakemake")
    with slurm_cluster.cluster():
        main = subprocess.Popen(
            [snakemake, *words], cwd=run.folder, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_for(lambda: "RUNNING" in {state for state, _ in jobs().values()}, "a job runs")
        os.killpg(main.pid, signal.SIGKILL)
        main.wait()
        left = [job for job, (state, _) in jobs().items() if state in ("RUNNING", "PENDING")]
        # As docs/cluster.md says: they stay in the queue, and are cancelled first.
        assert left
        subprocess.run(["scancel", *left], check=True)
        wait_for(lambda: {jobs()[job][0] for job in left} <= ENDED, "they are cancelled")
        run.snakemake(*words, cores=None, prefix=PATIENCE)
    shards = sorted(path.name for path in (run.folder / "results/x/views").glob("*.h5"))
    assert shards == ["shard-000.h5", "shard-001.h5"]
    assert not list(run.folder.rglob(".partial-*"))
