from __future__ import annotations

import pytest

from ucmgcn.pipeline.cores import share_cores, soonest_cores


@pytest.mark.parametrize(
    ("cores", "jobs", "each"), [(8, 3, 2), (8, 1, 8), (2, 8, 1), (None, 1, 1), (None, 8, 1)]
)
def test_jobs_side_by_side_share_the_cores(cores: int | None, jobs: int, each: int) -> None:
    assert share_cores(cores, jobs) == each


@pytest.mark.parametrize(
    ("cores", "jobs", "parts", "each"),
    [
        (2, 3, 4, 2),  # three rounds of two, not two of four
        (4, 3, 4, 4),
        (8, 3, 4, 2),
        (12, 3, 4, 4),
        (1, 3, 4, 1),
        (None, 3, 4, 4),
        (64, 1, 2, 2),
    ],
)
def test_the_last_job_ends_soonest(cores: int | None, jobs: int, parts: int, each: int) -> None:
    assert soonest_cores(cores, jobs, parts) == each


@pytest.mark.parametrize("cores", range(1, 20))
def test_no_other_number_ends_sooner(cores: int) -> None:
    def rounds(each: int, jobs: int, parts: int) -> int:
        """Play it: each job holds its cores for as long as its parts take."""
        waiting, time, free, running = jobs, 0, cores, []
        while waiting or running:
            while waiting and free >= each:
                waiting, free = waiting - 1, free - each
                running.append(time + -(-parts // each))
            time = min(running)
            free += each * running.count(time)
            running = [end for end in running if end > time]
        return time

    for jobs in (1, 3, 5):
        for parts in (2, 4):
            chosen = soonest_cores(cores, jobs, parts)
            best = min(rounds(each, jobs, parts) for each in range(1, cores + 1))
            assert rounds(chosen, jobs, parts) == best
