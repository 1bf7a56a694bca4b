"""The report stage: one self-contained page for people, from the files of all other stages."""

from ucmgcn.report.inputs import ReportInputs
from ucmgcn.report.page import write_report

__all__ = ["ReportInputs", "write_report"]
