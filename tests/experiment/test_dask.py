"""The same studies on a Dask cluster of this machine."""

from __future__ import annotations

import os
import pathlib
import signal
import sys

import pytest

pytest.importorskip("distributed")

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import fake_tasks

from marketsim.errors import InputError
from marketsim.experiment import folder, runners, study

POLICIES = ("cheap", "dear", "same")
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(pathlib.Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
)


@pytest.mark.slow
def test_a_cluster_gives_the_same_tables_though_a_worker_is_killed_midway() -> None:
    place = runners.Dask("local", 2)
    killed: list[int] = []

    def kill_one(seen: study.Progress) -> None:
        if not killed and seen.done > 200:
            killed.append(place.worker_pids()[0])
            os.kill(killed[0], signal.SIGKILL)

    try:
        found = study.run_task(fake_tasks.row, POLICIES, 300, place, progress=kill_one, chunk=10)
    finally:
        place.close()
    assert killed
    assert folder.tables(found) == folder.tables(study.run_task(fake_tasks.row, POLICIES, 300))


def test_a_scheduler_that_does_not_answer_is_a_users_error() -> None:
    with pytest.raises(InputError, match="no Dask scheduler answers"):
        runners.Dask("tcp://127.0.0.1:9", timeout_s=1)
