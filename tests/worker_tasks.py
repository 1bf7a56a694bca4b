"""What a bad file may do to the process that reads it; tasks for `ucmgcn.worker`."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ucmgcn.errors import ItemError, UserError
from ucmgcn.worker import Arrays, Task


def hang() -> Arrays:
    time.sleep(1000)
    return []


def swell() -> Arrays:
    return [np.ones(2**40, np.uint8)]


def crash() -> Arrays:
    ctypes.string_at(0)
    return []


def be_killed() -> Arrays:
    os.kill(os.getpid(), signal.SIGKILL)
    return []


def fail() -> Arrays:
    raise RuntimeError("nobody foresaw this")


def reject() -> Arrays:
    raise ItemError("it is no good")


def chatter() -> Arrays:
    os.write(1, b"noise of a library\n")
    print("more noise", flush=True)  # noqa: T201
    return [np.arange(3), np.zeros((0, 2), "f4")]


def who() -> Arrays:
    return [np.array(os.getpid())]


ACTS = (hang, swell, crash, be_killed, fail, reject, chatter, who)


@contextmanager
def acts() -> Iterator[Task]:
    by_name = {act.__name__: act for act in ACTS}
    yield lambda name: by_name[name]()


@contextmanager
def refused() -> Iterator[Task]:
    raise UserError("install something first")
    yield
