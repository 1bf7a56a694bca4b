"""Where the numbers are computed."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

from ucmgcn.errors import UserError

Device = Literal["cpu", "cuda"]

logger = logging.getLogger(__name__)


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
    import torch

    if torch.cuda.is_available():
        logger.info("running on %s", torch.cuda.get_device_name())
        return "cuda"
    if wanted == "cuda":
        raise UserError("device: cuda, but torch sees no GPU here. Set device to auto or cpu")
    return "cpu"


def _has_driver() -> bool:
    """Whether a GPU's driver is loaded; asked first, for torch takes seconds to import."""
    return Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists()
