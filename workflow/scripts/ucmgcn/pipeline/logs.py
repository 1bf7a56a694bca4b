"""Logging of a rule: all records to the rule's log, warnings and errors also to the terminal."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import TracebackType

from ucmgcn.core.errors import UserError
from ucmgcn.core.printable import escaped

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def configure_logging(log: str | Path | None) -> None:
    """Write records and uncaught errors to the file `log`, and warnings to standard error too."""
    handlers: list[logging.Handler] = [_terminal()]
    if log:
        handlers.append(logging.FileHandler(log, mode="w", encoding="utf-8"))
    logging.basicConfig(level=logging.INFO, format=FORMAT, handlers=handlers, force=True)
    logging.getLogger("trimesh").setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught


def _terminal() -> logging.Handler:
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.addFilter(lambda record: record.name != "py.warnings")
    handler.setFormatter(_Shown("%(levelname)s: %(message)s"))
    return handler


class _Shown(logging.Formatter):
    """Escapes the control characters that a name of a file may hold."""

    def format(self, record: logging.LogRecord) -> str:
        return escaped(super().format(record), keep="\n\t")


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, UserError):
        logging.getLogger("ucmgcn").error("%s", error)
    else:
        logging.getLogger("ucmgcn").critical("uncaught exception", exc_info=(kind, error, trace))
