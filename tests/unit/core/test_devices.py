from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ucmgcn.core import devices
from ucmgcn.core.errors import UserError

CLAIM = """
import os, sys
from ucmgcn.core import devices
devices._gpus = lambda: [0, 1]
devices.claim_gpu(1)
print(os.environ.get("CUDA_VISIBLE_DEVICES", "none"), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def no_visible_devices(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # so that monkeypatch restores the variable
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(devices, "_claims", [])
    return monkeypatch


def test_concurrent_jobs_claim_one_gpu_each_and_release_it(tmp_path: Path):
    claims = [claim(tmp_path) for _ in range(3)]
    assert [number for _, number in claims] == ["0", "1", "none"]
    claims[0][0].communicate()
    claims.append(claim(tmp_path))
    assert claims[-1][1] == "0"
    for job, _ in claims[1:]:
        job.communicate()


def claim(tmp_path: Path) -> tuple[subprocess.Popen[str], str]:
    """Start a job and wait for its claim, which it holds until its stdin closes."""
    kept = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
    path = os.pathsep.join(sys.path)
    job = subprocess.Popen(
        [sys.executable, "-c", CLAIM],
        env={**kept, "PYTHONPATH": path, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert job.stdout is not None
    return job, job.stdout.readline().strip()


def test_the_schedulers_choice_of_gpu_is_kept(no_visible_devices):
    no_visible_devices.setattr(devices, "_gpus", lambda: [0, 1])
    no_visible_devices.setenv("CUDA_VISIBLE_DEVICES", "7")
    assert devices.claim_gpu(1) == 1
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "7"


@pytest.mark.parametrize(("gpus", "there"), [(0, [0, 1]), (1, [0]), (1, [])])
def test_no_gpu_is_claimed_without_a_grant_or_a_choice(no_visible_devices, gpus, there):
    no_visible_devices.setattr(devices, "_gpus", lambda: there)
    assert devices.claim_gpu(gpus) == gpus
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_auto_stays_on_the_processor_without_a_driver_or_a_grant(monkeypatch):
    monkeypatch.setattr(devices, "_has_driver", lambda: False)
    assert devices.choose_device("auto") == "cpu"
    monkeypatch.setattr(devices, "_has_driver", lambda: True)
    assert devices.choose_device("auto", gpus=0) == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu_is_a_user_error():
    with pytest.raises(UserError, match="Set device to auto or cpu"):
        devices.choose_device("cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_auto_takes_the_gpu():
    assert devices.choose_device("auto") == "cuda"
