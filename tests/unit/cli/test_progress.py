"""The progress of `ucmgcn run`: Snakemake's records as a line a stage, and errors whole."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_ucmgcn import LogHandler


def record(event: LogEvent | None = None, level: int = logging.INFO, **facts: object):
    made = logging.LogRecord("snakemake", level, "", 0, facts.pop("msg", ""), (), None)
    made.__dict__.update({"event": event, "created": 100.0, **facts})
    return made


def job(rule: str, message: str | None, at: float):
    return record(LogEvent.JOB_INFO, rule_name=rule, rule_msg=message, created=at)


@pytest.fixture
def handler() -> LogHandler:
    settings = SimpleNamespace(dryrun=False, show_failed_logs=False)
    made = LogHandler(settings, None)
    stats = {"render_shard": 8, "train_seed": 1, "all": 1, "total": 10}
    assert made.line(record(LogEvent.RUN_INFO, stats=stats, msg="Job stats")) == ""
    return made


def test_a_stage_is_a_line_when_its_first_job_begins(handler: LogHandler) -> None:
    lines = [
        handler.line(job("render_shard", f"rendering the models of shard {shard:03d}", 103.0))
        for shard in range(8)
    ]
    assert lines == ["  0:03   0/10  rendering the models (8 jobs)", *[""] * 7]
    assert handler.line(record(LogEvent.PROGRESS, done=8, total=10)) == ""
    line = handler.line(job("train_seed", "training UCM-GCN with seed 0", 165.0))
    assert line == "  1:05   8/10  training UCM-GCN"
    assert handler.line(job("all", None, 170.0)) == ""


def test_what_snakemake_says_of_itself_is_left_out(handler: LogHandler) -> None:
    assert handler.line(record(msg="Building DAG of jobs...")) == ""
    assert handler.line(record(LogEvent.JOB_FINISHED, msg="Finished job 3.")) == ""
    assert "nothing to be done" in handler.line(record(msg="Nothing to be done (all requested …)."))


def test_errors_and_warnings_are_shown_whole(handler: LogHandler) -> None:
    for level in (logging.WARNING, logging.ERROR):
        assert handler.line(record(None, level, msg="what\nwhere\nhow")) == "what\nwhere\nhow"
    failed = record(
        LogEvent.JOB_ERROR,
        logging.ERROR,
        rule_name="graph",
        rule_msg="building the graph",
        jobid=3,
        input=["a.h5"],
        output=["graph.h5"],
        log=["logs/graph.log"],
        conda_env=None,
        shellcmd=None,
        aux={},
        msg="it failed",
    )
    shown = handler.line(failed)
    assert "Error in rule graph" in shown and "logs/graph.log" in shown
