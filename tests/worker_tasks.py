"""What a bad file may do to the process that reads it; for `ucmgcn.core.worker`."""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ucmgcn.core.errors import ItemError, UserError
from ucmgcn.core.worker import Arrays, Task


def hang() -> Arrays:
    time.sleep(5000)
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


# Audit events of Python: https://docs.python.org/3/library/audit_events.html
EVENTS = frozenset({"open", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn"})
EVENTS |= {"subprocess.Popen", "urllib.Request", "socket.connect", "socket.sendto"}
EVENTS |= {"socket.getaddrinfo", "socket.gethostbyname"}


@contextmanager
def audited(task: str, settings: Mapping[str, Any], log: str) -> Iterator[Task]:
    """Another task, whose work is watched: a line for each file that it opens, and the like.

    The lines are JSON: the item, the event, and what it is about.
    """
    module, _, name = task.partition(":")
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    item = ""

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if item and event in EVENTS:
            line = json.dumps([item, event, *map(_text, arguments[:1])])
            os.write(descriptor, line.encode() + b"\n")

    with getattr(importlib.import_module(module), name)(**settings) as work:
        sys.addaudithook(watch)

        def watched(path: str) -> Arrays:
            nonlocal item
            item = path
            try:
                return work(path)
            finally:
                item = ""

        yield watched


def _text(argument: object) -> str:
    return os.fsdecode(argument) if isinstance(argument, str | bytes | Path) else repr(argument)
