"""Functions for the processes of `ucmgcn.core.processes`, which import them."""

from __future__ import annotations

import logging
import os

import torch
from threadpoolctl import threadpool_info


def process_and_threads(size: int) -> tuple[int, set[int]]:
    """Which process this is, and how many threads its libraries use once torch has worked."""
    torch.ones(size, size) @ torch.ones(size, size)
    pools = {pool["num_threads"] for pool in threadpool_info()}
    return os.getpid(), pools | {torch.get_num_threads()}


def log(message: str) -> None:
    logging.getLogger(__name__).info(message)
