"""How a rule's jobs share the cores of a machine."""

from __future__ import annotations

import math


def share_cores(cores: int | None, jobs: int) -> int:
    """Cores for each of some jobs that run side by side.

    Parameters
    ----------
    cores
        Those of the machine; None where they are not known, as on a cluster: one each.
    jobs
        How many there are.
    """
    return max(1, (cores or 1) // jobs)


def soonest_cores(cores: int | None, jobs: int, parts: int) -> int:
    """Cores for each of some jobs so that the last one ends soonest.

    Parameters
    ----------
    cores
        Those of the machine; None where they are not known: all that a job can use.
    jobs
        How many there are.
    parts
        Equal parts of a job, each on one core.
    """
    if cores is None:
        return parts

    def rounds(each: int) -> int:
        return math.ceil(jobs / (cores // each)) * math.ceil(parts / each)

    return min(range(1, min(parts, cores) + 1), key=rounds)
