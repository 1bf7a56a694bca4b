"""A real Slurm cluster of one node on loopback, from Debian's packages, as long as a test needs it.

Accounting is off, as `sacct` would need a database; the executor asks `squeue` instead.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

DAEMONS = ("munged", "slurmctld", "slurmd", "sbatch")
# The executor clears SLURM_CONF from its jobs' environment, so the file must be where Slurm looks.
CONF_PATH = Path("/etc/slurm/slurm.conf")
# A job that is put back in the queue waits as long as its credential lives: 120 s by default.
REQUEUE_SECONDS = 10

CONF = """
ClusterName=loopback
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={worker}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire={wait}
CredType=cred/munge
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2,bf_interval=5
MpiDefault=none
ReturnToService=2
MinJobAge=86400
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes=localhost Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""


def missing() -> str:
    """Why no cluster can be started here; empty if one can."""
    absent = [name for name in DAEMONS if not shutil.which(name)]
    if absent:
        return f"{', '.join(absent)} not installed (Debian: slurm-wlm munge)"
    if CONF_PATH.exists() and "ClusterName=loopback" not in CONF_PATH.read_text():
        return f"{CONF_PATH} exists: this machine belongs to a cluster"
    return "" if os.geteuid() == 0 else "starting Slurm's daemons needs root"


@contextmanager
def cluster(cores: int = 2) -> Iterator[None]:
    """Start a cluster of one node; stop it at the end."""
    # The sockets of its jobs need a short path: at most 108 characters in all.
    with TemporaryDirectory(prefix="slurm-") as folder, _cluster(Path(folder), cores):
        yield


@contextmanager
def _cluster(folder: Path, cores: int) -> Iterator[None]:
    for name in ("state", "spool"):
        (folder / name).mkdir()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20 - 500
    controller, worker = _free_ports(2)
    facts = {"folder": folder, "cores": cores, "memory": memory, "wait": REQUEUE_SECONDS}
    CONF_PATH.write_text(CONF.format(**facts, controller=controller, worker=worker))
    commands = [
        _munged(folder),
        ["slurmctld", "-D", "-i"],
        ["slurmd", "-D", "-N", "localhost"],
    ]
    running: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            with (folder / f"{command[0]}.out").open("wb") as log:
                running.append(subprocess.Popen(command, stdout=log, stderr=log))
            time.sleep(1)
        _wait_until_idle(folder)
        yield
    finally:
        CONF_PATH.unlink()
        for process in reversed(running):
            process.terminate()
        for process in running:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _munged(folder: Path) -> list[str]:
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    folder.chmod(0o755)
    files = {"socket": "munge.socket", "log-file": "munge.log", "pid-file": "munge.pid"}
    options = [f"--{name}={folder / file}" for name, file in files.items()]
    return [
        "munged",
        "--foreground",
        "--force",
        f"--key-file={key}",
        *options,
        f"--seed-file={folder / 'munge.seed'}",
    ]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def _wait_until_idle(folder: Path, seconds: int = 300) -> None:
    """Until the node takes jobs: seconds, minutes where other tests keep the cores busy."""
    state = ""
    for _ in range(seconds):
        done = subprocess.run(
            ["sinfo", "--noheader", "--format=%T"], capture_output=True, text=True
        )
        state = done.stdout.strip() or done.stderr.strip()
        if state == "idle":
            return
        time.sleep(1)
    logs = "\n".join(f"{p.name}:\n{p.read_text()[-2000:]}" for p in sorted(folder.glob("*.log")))
    raise RuntimeError(f"the node is not ready after {seconds} s: {state}\n{logs}")
