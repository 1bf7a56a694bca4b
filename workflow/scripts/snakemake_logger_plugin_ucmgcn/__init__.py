"""Snakemake's progress as a line a stage: ``snakemake --logger ucmgcn``, as `ucmgcn run` calls it.

A line says when a stage began, how much of the run was done, and what the stage does. Warnings and
errors are shown as Snakemake shows them, and a dry run is shown whole.
"""

from __future__ import annotations

import logging
import re
import sys

from snakemake.logging import DefaultFormatter
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

NOTHING = "Nothing to be done"
# What a rule's message says of one of its jobs.
OF_ONE_JOB = re.compile(r",? (?:of|with) (?:shard|seed) \d+")


class LogHandler(LogHandlerBase):
    """Writes a line when the first job of a rule begins."""

    def __post_init__(self) -> None:
        """Begin with nothing done."""
        self._full = DefaultFormatter(show_failed_logs=self.common_settings.show_failed_logs)
        self._begun: set[str] = set()
        self._jobs: dict[str, int] = {}
        self._done, self._total = 0, 0
        self._since = 0.0

    @property
    def writes_to_stream(self) -> bool:
        """It takes the place of Snakemake's own lines."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Snakemake keeps its own log file."""
        return False

    @property
    def has_filter(self) -> bool:
        """It sees every record: a quieter Snakemake may not hide an error."""
        return True

    @property
    def has_formatter(self) -> bool:
        """It formats its own lines."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """No graph is shown."""
        return False

    def emit(self, record: logging.LogRecord) -> None:
        """Write what a record says, if anything."""
        line = self.line(record)
        if line:
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    def line(self, record: logging.LogRecord) -> str:
        """Text for a record; empty for what is not shown."""
        if record.levelno >= logging.WARNING or self.common_settings.dryrun:
            return self._full.format(record)
        event = getattr(record, "event", None)
        self._since = self._since or record.created
        if event == LogEvent.RUN_INFO:
            self._jobs = {str(rule): int(count) for rule, count in record.stats.items()}
            self._total = self._jobs.pop("total", 0)
        elif event == LogEvent.PROGRESS:
            self._done, self._total = record.done, record.total
        elif event == LogEvent.JOB_INFO:
            return self._stage(record)
        elif event is None and NOTHING in record.getMessage():
            return "nothing to be done: all results are there and up to date"
        return ""

    def _stage(self, record: logging.LogRecord) -> str:
        """Line for the first job of a rule that does something."""
        rule, message = record.rule_name, record.rule_msg
        if rule in self._begun or not message:
            return ""
        self._begun.add(rule)
        minutes, seconds = divmod(int(record.created - self._since), 60)
        jobs = self._jobs.get(rule, 1)
        many = f" ({jobs} jobs)" if jobs > 1 else ""
        share = f"{self._done:>{len(str(self._total))}}/{self._total}"
        return f"{minutes:3d}:{seconds:02d}  {share}  {OF_ONE_JOB.sub('', message)}{many}"
