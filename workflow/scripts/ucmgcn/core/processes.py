"""Independent work of one job in several processes, each on one core.

This uses the standard library's pool: joblib's workers outlive a killed parent and do not log to
its handlers.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from logging.handlers import QueueHandler, QueueListener
from multiprocessing.queues import Queue
from typing import Any, TypeVar

import torch
from threadpoolctl import threadpool_limits

from ucmgcn.core.worker import die_with

T = TypeVar("T")
R = TypeVar("R")


def map_processes(function: Callable[[T], R], items: Sequence[T], processes: int) -> list[R]:
    """Call a function for each item, in several processes.

    Each process uses one thread, because the rounding of linear algebra depends on the number of
    threads; so the results do not depend on the number of processes. The processes log to this
    one's handlers and end with it.

    Parameters
    ----------
    function, items
        Must be picklable, like the results.
    processes
        Number of processes; with 1 the function runs in this process, on all threads it may use.

    Raises
    ------
    Exception
        The first exception that the function raised.
    """
    if min(processes, len(items)) < 2:
        return [function(item) for item in items]
    # Not fork: OpenMP hangs in a fork of a process that has used it.
    context = multiprocessing.get_context("spawn")
    records = context.Queue()
    listener = QueueListener(records, *logging.getLogger().handlers, respect_handler_level=True)
    listener.start()
    try:
        start = records, logging.getLogger().level, os.getpid()
        with ProcessPoolExecutor(min(processes, len(items)), context, _start, start) as pool:
            return list(pool.map(function, items))
    finally:
        listener.stop()


def _start(records: Queue[Any], level: int, parent: int) -> None:
    die_with(parent)
    threadpool_limits(1)
    torch.set_num_threads(1)  # threadpoolctl does not see torch's thread pool
    logging.getLogger().setLevel(level)
    logging.getLogger().addHandler(QueueHandler(records))
    logging.captureWarnings(True)
