"""Nothing that the project does leaves the machine, or writes into the home folder."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import httpx2
import psutil
import pytest
from command import UCMGCN, ucmgcn
from project import TINY, copy_project
from waiting import HANG_SECONDS

# Slurm's client, which the plugin for Slurm calls where it is installed, looks for its controller.
SLURM = "/scontrol"
LOCAL = re.compile(r'sa_family=AF_(UNIX|NETLINK)|inet_addr\("127\.|"::1"')


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "MPLCONFIGDIR"):
        monkeypatch.delenv(name, raising=False)
    return folder


def traced(log: Path) -> list[str]:
    """What a command starts with so that the connections of all its processes are noted."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed; on Debian: apt-get install strace")
    calls = "trace=connect,sendto,execve"
    return ["strace", "-f", "--seccomp-bpf", "-qq", "-s", "200", "-e", calls, "-o", str(log)]


def connections(log: Path) -> list[str]:
    """Connections to anywhere but this machine, as they were noted."""
    program: dict[str, str] = {}
    found = []
    for line in log.read_text().splitlines():
        process, _, call = line.partition(" ")
        if started := re.match(r'\s*execve\("([^"]+)"', call):
            program[process] = started[1]
        elif "sa_family=" in call and not LOCAL.search(call):
            found += [] if program.get(process, "").endswith(SLURM) else [line]
    return found


def test_the_trace_sees_a_connection(tmp_path: Path) -> None:
    code = "import socket; socket.socket().connect_ex(('192.0.2.1', 9))"
    command = [*traced(tmp_path / "log"), "timeout", "1", "python3", "-c", code]
    subprocess.run(command, check=False)
    assert len(connections(tmp_path / "log")) == 1


@pytest.mark.slow
def test_no_connection_and_nothing_in_the_home_folder(home: Path, tmp_path: Path) -> None:
    run = copy_project(tmp_path / "project")
    run.configure(**TINY | {"train": {"seeds": [0], "epochs": 2}})
    logs = [tmp_path / f"{name}.log" for name in ("run", "query", "serve")]
    run.snakemake(prefix=traced(logs[0]))
    photo = min((run.folder / "resources/demo/images").rglob("*.jpg"))
    words = ("query", photo, "--dataset", "demo", "--html", "page.html")
    asked = ucmgcn(run.folder, *words, prefix=traced(logs[1]))
    assert asked.returncode == 0, asked.stderr
    serve_once(run.folder, photo, traced(logs[2]))
    for log in logs:
        assert "execve" in log.read_text() and connections(log) == []
    assert list(home.rglob("*")) == []


def serve_once(folder: Path, photo: Path, prefix: Sequence[str]) -> None:
    """Start the web page, ask it once, see a model in 3D, and end it."""
    words = [*prefix, UCMGCN, "serve", "--dataset", "demo", "--port", "0"]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        address = re.search(r"http://\S+", process.stdout.readline())[0]
        answer = httpx2.post(
            f"{address}search",
            files={"photo": photo.read_bytes()},
            headers={"Accept": "application/json"},
            timeout=HANG_SECONDS,
        )
        hit = answer.json()["hits"][0]
        mesh = httpx2.get(f"{address.rstrip('/')}{hit['mesh']}.glb", timeout=HANG_SECONDS)
        assert mesh.content.startswith(b"glTF")
        # Not the tracer, which heeds no signal.
        (server,) = psutil.Process(process.pid).children()
        server.send_signal(signal.SIGINT)
