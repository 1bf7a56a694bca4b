"""Independent work of one job in several processes, each on one core.

The standard library's pool, for joblib's workers neither end with a parent that is killed nor log
where it does.
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
    """Call a function for each item, so many at a time.

    Linear algebra rounds differently on other numbers of threads, so each process has one, and
    the results do not depend on how many processes there are. They log where this one does, and
    end when it does.

    Parameters
    ----------
    function, items
        Such as can be pickled, like the results.
    processes
        With 1 the function is called in this process, on as many threads as it may use here.

    Raises
    ------
    Exception
        The first that the function raised.
    """
    if min(processes, len(items)) < 2:
        return [function(item) for item in items]
    # Not forked: OpenMP hangs in a fork of a process that has used it.
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
    torch.set_num_threads(1)  # its linear algebra is out of sight of threadpoolctl
    logging.getLogger().setLevel(level)
    logging.getLogger().addHandler(QueueHandler(records))
    logging.captureWarnings(True)
