"""Choice of the device: a CPU, or a GPU that no other job uses."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from ucmgcn.core.errors import UserError

Device = Literal["cpu", "cuda"]

logger = logging.getLogger(__name__)
_claims: list[FileLock] = []  # a lock is released when its object is deleted


def choose_device(wanted: str, gpus: int = 1) -> Device:
    """Choose the device that a stage runs on.

    Parameters
    ----------
    wanted
        ``"auto"`` uses a GPU if there is one; ``"cpu"`` and ``"cuda"`` force the device.
    gpus
        How many GPUs the scheduler granted; with 0, ``"auto"`` stays on the CPU.

    Raises
    ------
    UserError
        If ``"cuda"`` is wanted and torch sees no GPU.
    """
    if wanted == "cpu" or (wanted == "auto" and (gpus < 1 or not _has_driver())):
        return "cpu"
    claim_gpu(gpus)
    import torch

    if torch.cuda.is_available():
        logger.info("running on %s", torch.cuda.get_device_name())
        return "cuda"
    if wanted == "cuda":
        raise UserError("device: cuda, but torch sees no GPU here. Set device to auto or cpu")
    return "cpu"


def claim_gpu(gpus: int) -> int:
    """Restrict this process to one GPU that no other job on this machine has claimed.

    Snakemake counts GPUs but does not assign them; a cluster's scheduler may, through
    ``CUDA_VISIBLE_DEVICES``. If that is unset, it is set here, before CUDA or EGL read it.
    A claim is a file lock that ends with the process. If all GPUs are claimed, none is chosen.

    Parameters
    ----------
    gpus
        How many GPUs the scheduler granted; returned unchanged.
    """
    numbers = _gpus()
    if gpus < 1 or len(numbers) < 2 or "CUDA_VISIBLE_DEVICES" in os.environ:
        return gpus
    for number in numbers:
        if _claim(Path(tempfile.gettempdir(), f"ucmgcn-gpu-{number}.lock")):
            os.environ["CUDA_VISIBLE_DEVICES"] = str(number)
            break
    return gpus


def _claim(path: Path) -> bool:
    """Lock a file until this process ends; False if another process holds it."""
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except (Timeout, OSError):  # locked by another job, or owned by another user
        return False
    _claims.append(lock)
    return True


def _gpus() -> list[int]:
    """Numbers of the NVIDIA devices; CUDA is not asked, as it would fix its device list."""
    names = (path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*"))
    return sorted(int(name) for name in names if name.isdigit())


def _has_driver() -> bool:
    """Whether a GPU's driver is loaded; asked first, for torch takes seconds to import."""
    return Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists()
