"""Where the numbers are computed."""

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
_claims: list[FileLock] = []  # a claim ends with its object


def choose_device(wanted: str, gpus: int = 1) -> Device:
    """Settle where a stage runs.

    Parameters
    ----------
    wanted
        ``"auto"`` takes a GPU where there is one; ``"cpu"`` and ``"cuda"`` insist.
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
    """Keep to one GPU of several, one that no other job on this machine has claimed.

    Snakemake counts GPUs but does not say which, unless a cluster's scheduler below it does, by
    ``CUDA_VISIBLE_DEVICES``. Where that is not set, it is set here, before CUDA or EGL look at it.
    A claim is a lock on a file, and ends with the process; when all are taken, none is claimed.

    Parameters
    ----------
    gpus
        How many GPUs the scheduler granted; given back as they are.
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
    """Lock a file until this process ends, unless another one has it."""
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except (Timeout, OSError):  # another job's, or another user's file
        return False
    _claims.append(lock)
    return True


def _gpus() -> list[int]:
    """Numbers of NVIDIA's devices, without asking CUDA, which would settle on them."""
    names = (path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*"))
    return sorted(int(name) for name in names if name.isdigit())


def _has_driver() -> bool:
    """Whether a GPU's driver is loaded; asked first, for torch takes seconds to import."""
    return Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists()
