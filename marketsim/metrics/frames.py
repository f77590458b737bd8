"""Tables for charts, reports and spreadsheets: pandas frames of one run, made from the same joins as the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from marketsim import units
from marketsim.demand.job import NEVER
from marketsim.ledger import ACCOUNTS, CAUSES
from marketsim.metrics import attribution, books, cash, cost, jobs, utilization
from marketsim.metrics.measured import Floats, Ints, Measured

if TYPE_CHECKING:
    import pandas as pd


def cost_by_offer_and_kind(measured: Measured) -> pd.DataFrame:
    """Effective USD, a row an offer (`none` last, where there is any), a column an account that costs."""
    import pandas as pd

    posted, offers = measured.rows("posted"), measured.world.offers
    n = len(offers) + 1
    cells = {}
    for index, name in enumerate(ACCOUNTS):
        if not books.COSTS[index]:
            continue
        moved = posted.effective * ((posted.debit == index).astype(np.int64) - (posted.credit == index))
        column = books.sums(posted.offer, moved, n)  # -1, nobody's, is the last row
        if column.any():
            cells[name.split(":", 1)[1]] = column / units.MICRO
    frame = pd.DataFrame(cells, index=pd.Index([*(offer.id for offer in offers), "none"], name="offer"))
    return frame if (frame.iloc[-1] != 0).any() else frame.iloc[:-1]


def demand_and_capacity(measured: Measured, step_s: int = units.DAY_S) -> pd.DataFrame:
    """Mean GPUs in each step up to the end of the run: wanted, held by jobs, by services, and there, a column an offer.

    wanted: the gangs of jobs that have come and not ended, and what services held; index: the step's start in s.
    """
    import pandas as pd

    end_s = max(measured.ledger.end_s, 1)
    edges = np.append(np.arange(0, end_s, step_s), end_s)
    table, holdings, leases = measured.world.jobs, measured.holdings, measured.leases
    gang = np.array([need.gang_milli for need in table.needs], np.int64)[table.need] if len(table) else table.need
    ended = np.minimum(_ended_s(measured), end_s)
    by_job = holdings.job >= 0

    def mean_gpus(from_s: Ints, to_s: Ints, milli: Ints) -> Floats:
        return _overlap(edges, from_s, to_s, milli) / np.diff(edges) / units.MILLI

    serving = mean_gpus(holdings.from_s[~by_job], holdings.to_s[~by_job], holdings.milli[~by_job])
    columns = {
        "wanted": mean_gpus(measured.placeable_s, ended, gang) + serving,
        "jobs": mean_gpus(holdings.from_s[by_job], holdings.to_s[by_job], holdings.milli[by_job]),
        "services": serving,
    }
    for index, offer in enumerate(measured.world.offers):
        mine = leases.offer == index
        columns[offer.id] = mean_gpus(leases.from_s[mine], leases.to_s[mine], leases.milli[mine])
    return pd.DataFrame(columns, index=pd.Index(edges[:-1], name="from_s"))


def _ended_s(measured: Measured) -> Ints:
    """When each job finished or was given up, NEVER where neither; shape (jobs,)."""
    ended = measured.finish_s.copy()
    stopped = measured.rows("stopped")
    gone = np.isin(stopped.cause, [CAUSES.index(name) for name in ("left", "refused", "cancelled", "unfinished")])
    np.minimum.at(ended, stopped.job[gone], stopped.t_s[gone])
    return ended


def _overlap(edges: Ints, from_s: Ints, to_s: Ints, milli: Ints) -> Floats:
    """Milli-GPU-seconds in each step of spans that hold `milli` from `from_s` to `to_s`; shape (steps,)."""
    start, stop = np.minimum(from_s, to_s), to_s

    def up_to(at_s: Ints) -> Floats:
        """Milli-GPU-seconds from 0 to each edge: sum of milli x max(0, edge - start), less the same of stops."""
        total = np.zeros(len(at_s))
        for times, sign in ((start, 1.0), (stop, -1.0)):
            order = np.argsort(times, kind="stable")
            sorted_s, weight = times[order], milli[order].astype(np.float64)
            gpus = np.concatenate(([0.0], np.cumsum(weight)))
            moments = np.concatenate(([0.0], np.cumsum(weight * sorted_s)))
            count = np.searchsorted(sorted_s, at_s, side="right")
            total += sign * (gpus[count] * at_s - moments[count])
        return total

    return np.diff(up_to(edges))


def per_job(measured: Measured) -> pd.DataFrame:
    """A row a job: what it asked for, when it came, started and finished (empty where never), its attempts and cost."""
    import pandas as pd

    table, tries = measured.world.jobs, measured.attempts
    count = len(table)
    needs = table.needs
    late = cost.late_micro(measured)
    held = np.bincount(tries.job, tries.milli * tries.gang * (tries.stop_s - tries.start_s), minlength=count)[:count]

    def moment(values: Ints) -> pd.arrays.IntegerArray:
        return pd.arrays.IntegerArray(values.copy(), values >= NEVER)

    return pd.DataFrame(
        {
            "job": table.names or [f"job-{index}" for index in range(count)],
            "workload": [needs[index].workload for index in table.need],
            "gpus": [needs[index].gang_milli / units.MILLI for index in table.need],
            "arrival_s": measured.arrival_s,
            "deadline_s": moment(measured.deadline_s),
            "start_s": moment(measured.first_start_s),
            "finish_s": moment(measured.finish_s),
            "missed": measured.missed,
            "tardiness_s": measured.tardiness_s,
            "attempts": np.bincount(tries.job, minlength=count)[:count],
            "work_gpu_h": table.work / units.MILLI / units.HOUR_S,
            "held_gpu_h": held / units.MILLI / units.HOUR_S,
            "cost_usd": attribution.attribute(measured).jobs / units.MICRO,
            "late_usd": late / units.MICRO,
        },
        index=pd.RangeIndex(count, name="row"),
    )


def misses_by_workload(measured: Measured) -> pd.DataFrame:
    """A row a workload: jobs, with a deadline, missed, and the share missed (empty where none has one)."""
    import pandas as pd

    everything = np.ones(len(measured.world.jobs), np.bool_)
    frame = pd.DataFrame(
        {
            "jobs": jobs.workload_counts(measured, everything),
            "dated": jobs.workload_counts(measured, measured.dated),
            "missed": jobs.workload_counts(measured, measured.missed),
        }
    )
    frame["missed_share"] = frame["missed"] / frame["dated"].where(frame["dated"] > 0)
    return frame.rename_axis("workload")


def purse(measured: Measured) -> pd.DataFrame:
    """Cash over time: a row an instant at which money moved, USD from then on."""
    import pandas as pd

    times, micro = cash.cash_path(measured)
    return pd.DataFrame({"t_s": times, "cash_usd": micro / units.MICRO})


def utilization_by_offer(measured: Measured) -> pd.DataFrame:
    """GPU-hours paid for or owned by offer, and how they were spent; the parts add up to `paid`."""
    import pandas as pd

    index = pd.Index([offer.id for offer in measured.world.offers], name="offer")
    frame = pd.DataFrame(utilization.spent(measured), index=index)
    return frame / (units.MILLI * units.HOUR_S)
