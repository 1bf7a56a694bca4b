"""Child processes that read untrusted files, one at a time.

If an item exceeds the time or memory limit, or crashes the process, the item is rejected and the
worker is replaced. Worker and parent exchange JSON and raw arrays, never pickles.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import importlib
import json
import logging
import os
import queue
import resource
import select
import signal
import struct
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import astuple
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from ucmgcn.core.errors import ItemError, UserError
from ucmgcn.core.item_warnings import ItemWarning, collect_warnings

if TYPE_CHECKING:  # a child process does not need it, and would start more slowly
    from ucmgcn.settings import Limits

Arrays = list[npt.NDArray[Any]]
Task = Callable[..., Arrays]

logger = logging.getLogger(__name__)

START_SECONDS = 300
ATTEMPTS = 2
PR_SET_PDEATHSIG = 1
HEADER = struct.Struct("<I")  # bytes of JSON that follow; the arrays come after it
MAX_HEADER = 2**24
PIPE_BYTES = 2**20  # holds a whole photo, so that neither process waits midway


class Answer(NamedTuple):
    """Result for one item: its arrays and its warnings."""

    arrays: Arrays
    warnings: list[ItemWarning]


class _SpentError(Exception):
    """An item failed and may have left the process in a bad state."""


class Worker:
    """A child process that handles one item after the other; a context manager.

    Parameters
    ----------
    task
        ``"module:name"`` of a context manager that takes the settings and yields the function
        called for each item. The function takes strings and returns arrays.
    settings
        Keyword arguments of the task; JSON-serialisable.
    limits
        Time and memory limits per item.
    """

    def __init__(self, task: str, settings: Mapping[str, Any], limits: Limits) -> None:
        self._task, self._settings, self._limits = task, dict(settings), limits
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def __call__(self, *item: str) -> Answer:
        """Process an item.

        Raises
        ------
        ItemError
            If the item cannot be used or exceeds a limit.
        UserError
            If the task cannot start.
        """
        for _ in range(ATTEMPTS):
            process = self._process or self._start()
            try:
                return _ask(process, self._limits.seconds, item)
            except _SpentError as error:
                self._stop()
                raise ItemError(str(error)) from None
            except TimeoutError:
                self._stop()
                raise ItemError(
                    f"it takes longer than {self._limits.seconds:g} s (limits.seconds)"
                ) from None
            except EOFError:
                code = self._stop()
        # Two attempts, because a system short of memory may kill an innocent process.
        raise ItemError(f"the loader crashed ({_ending(code)})")

    def _start(self) -> subprocess.Popen[bytes]:
        facts = {"settings": self._settings, "memory": self._limits.memory, "parent": os.getpid()}
        packages = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        self._process = process = subprocess.Popen(
            [sys.executable, "-m", __name__, self._task, json.dumps(facts)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, packages)),
                # There is a worker per core, and idle BLAS threads spin.
                "OPENBLAS_NUM_THREADS": "1",
            },
        )
        _widen(process.stdout)
        try:
            _ask(process, START_SECONDS, None)
        except (EOFError, TimeoutError) as error:
            ending = _ending(self._stop())
            raise UserError(f"the worker for {self._task} does not start ({ending})") from error
        return process

    def _stop(self) -> int:
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.kill()
        with process:
            return process.wait()


class Workers:
    """A pool of workers shared by threads; a context manager."""

    def __init__(self, count: int, task: str, settings: Mapping[str, Any], limits: Limits) -> None:
        self._all = [Worker(task, settings, limits) for _ in range(count)]

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        # Last in, first out: no more workers start than are busy at the same time.
        self._idle: queue.LifoQueue[Worker] = queue.LifoQueue()
        for worker in self._all:
            self._idle.put(self._stack.enter_context(worker))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __call__(self, *item: str) -> Answer:
        """Process an item, from any thread; see `Worker`."""
        worker = self._idle.get()
        try:
            return worker(*item)
        finally:
            self._idle.put(worker)


def _ask(process: subprocess.Popen[bytes], seconds: float, item: Sequence[str] | None) -> Answer:
    """Send an item, if there is one, and read the answer within the given seconds.

    Raises EOFError if the process has ended or sends no valid answer, and TimeoutError.
    """
    assert process.stdin is not None and process.stdout is not None
    try:
        if item is not None:
            process.stdin.write(json.dumps(item).encode() + b"\n")
        answers = _Answers(process.stdout, seconds)
        (size,) = HEADER.unpack(answers.read(HEADER.size))
        if size > MAX_HEADER:
            raise ValueError("the output is not a valid answer")
        answer = json.loads(answers.read(size))
    except TimeoutError:
        raise
    except (OSError, ValueError) as error:
        raise EOFError from error
    if "user" in answer:
        raise UserError(answer["user"])
    if "reason" in answer:
        raise ItemError(answer["reason"])
    if "spent" in answer:
        logger.info("%s: %s", item, answer["trace"])
        raise _SpentError(answer["spent"])
    arrays = [answers.read_array(*kind) for kind in answer["arrays"]]
    return Answer(arrays, [ItemWarning(*texts) for texts in answer["warnings"]])


class _Answers:
    """Reads an unbuffered pipe; raises TimeoutError once the time is over."""

    def __init__(self, pipe: IO[bytes], seconds: float) -> None:
        self._pipe, self._end = pipe, time.monotonic() + seconds
        self._poll = select.poll()
        self._poll.register(pipe, select.POLLIN)

    def read(self, size: int) -> bytearray:
        content = bytearray(size)
        self._fill(memoryview(content))
        return content

    def read_array(self, dtype: str, shape: Sequence[int]) -> npt.NDArray[Any]:
        array = np.empty(shape, dtype)
        if array.size:
            self._fill(array.data.cast("B"))
        return array

    def _fill(self, content: memoryview) -> None:
        while content:
            if not self._poll.poll(max(0, 1000 * (self._end - time.monotonic()))):
                raise TimeoutError
            count = self._pipe.readinto(content)  # type: ignore[attr-defined]
            if not count:
                raise EOFError
            content = content[count:]


def _widen(pipe: IO[bytes] | None) -> None:
    """Enlarge the buffer of a pipe, unless the user's quota of pipe memory is used up."""
    assert pipe is not None
    with suppress(PermissionError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _ending(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"exit status {code}"


def main(task: str, facts: str) -> None:
    """Run a task in a child process: items come in on stdin, answers go out on stdout.

    Parameters
    ----------
    task
        As for `Worker`.
    facts
        JSON: the task's settings, the memory limit per item in MiB, the parent's process id.
    """
    told = json.loads(facts)
    die_with(told["parent"])
    # Ctrl-C reaches every process of a terminal; the parent stops this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # `warn_item` records what matters about an item; other messages are dropped.
    logging.getLogger().addHandler(logging.NullHandler())
    warnings.simplefilter("ignore")
    # Output that libraries print must not mix with the answers.
    with os.fdopen(os.dup(1), "wb") as answers, ExitStack() as stack:
        os.dup2(2, 1)
        try:
            work = stack.enter_context(_opened(task)(**told["settings"]))
        except UserError as error:
            _answer(answers, {"user": str(error)})
            return
        # Imported objects stay; scanning them for garbage took 5 % of the time to read meshes.
        gc.freeze()
        _limit_memory(told["memory"])
        _answer(answers, {})
        for line in sys.stdin.buffer:
            _answer(answers, *_outcome(work, json.loads(line), told["memory"]))


def _opened(task: str) -> Callable[..., AbstractContextManager[Task]]:
    module, _, name = task.partition(":")
    opened: Callable[..., AbstractContextManager[Task]] = getattr(
        importlib.import_module(module), name
    )
    return opened


def _outcome(work: Task, item: Sequence[str], memory: int) -> tuple[dict[str, Any], Arrays]:
    try:
        with collect_warnings() as found:
            arrays = work(*item)
        return {"warnings": [astuple(warning) for warning in found]}, arrays
    except ItemError as error:
        return {"reason": str(error)}, []
    except MemoryError:
        spent, trace = f"it needs more than {memory} MiB of memory (limits.memory)", ""
    except Exception as error:
        # An unforeseen failure: reject this file, do not stop the run. The log has the trace.
        spent = f"it cannot be processed: {type(error).__name__} ({str(error)[:200]})"
        trace = traceback.format_exc()
    return {"spent": spent, "trace": trace}, []


def _answer(stream: IO[bytes], header: Mapping[str, Any], arrays: Arrays | None = None) -> None:
    whole = [np.asarray(array, order="C") for array in arrays or []]
    kinds = [(array.dtype.str, array.shape) for array in whole]
    content = json.dumps({"warnings": [], **header, "arrays": kinds}).encode()
    stream.write(HEADER.pack(len(content)) + content)
    for array in whole:
        stream.write(array.tobytes())
    stream.flush()


def _limit_memory(mebibytes: int) -> None:
    """Limit this process to its present memory plus `mebibytes`."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + mebibytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))


def die_with(parent: int) -> None:
    """Make the kernel kill this process when its parent ends, even if the parent is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit()


if __name__ == "__main__":
    main(*sys.argv[1:])
