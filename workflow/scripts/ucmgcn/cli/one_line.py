"""What a command does with an expected error: one line on standard error, and status 2."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ucmgcn.core.errors import UserError
from ucmgcn.core.printable import escaped
from ucmgcn.files.atomic import PARTIAL

EXPECTED = 2  # exit status


@contextmanager
def in_one_line() -> Iterator[None]:
    """Turn each expected error into a line; all others are bugs, and keep their traceback.

    Expected are a mistake of the user's, one in the words of the command line, and whatever the
    operating system refuses: a file, a folder, an address, a full disk.
    """
    try:
        yield
    except UserError as error:
        _end(str(error))
    except click.UsageError as error:
        name = error.ctx.command_path if error.ctx else "ucmgcn"
        _end(f"{error.format_message()} See {name} --help")
    except OSError as error:
        if error.errno == errno.EPIPE:  # the reader has seen enough
            raise
        _end(_told(error))


def _told(error: OSError) -> str:
    """Name the file, if there is one, and say what the operating system says."""
    reason = error.strerror or str(error)
    if error.filename is None:
        return reason
    file = Path(os.fsdecode(error.filename))
    return f"{file.with_name(file.name.removeprefix(PARTIAL)) if file.name else file}: {reason}"


def complain(message: str) -> None:
    """Print a line on standard error; control characters, as of names of files, are escaped."""
    lines = [line.strip() for line in message.split("\n")]
    click.echo(f"ucmgcn: {escaped(' '.join(filter(None, lines)))}", err=True)


def _end(message: str) -> None:
    complain(message)
    _drop_output()
    sys.exit(EXPECTED)


def _drop_output() -> None:
    """Give up what could not be printed, or Python would try again at its end, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
