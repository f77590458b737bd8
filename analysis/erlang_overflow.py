"""Fixed servers with on-demand overflow, through the engine: against Erlang B and C, and on a recorded trace.

    python -m analysis.erlang_overflow [DIR]

DIR (default: the shared cluster cases) has waitinggame_mmc.csv and input_pai_1k_t5.csv.gz. In the first, customers of
an M/M/s queue go on demand at once (NJW) or all wait (AJW): price and waits must lie within 3 standard errors of the
closed form and of the independent simulation printed beside it. In the second, the rule of thumb "reserve the mean
load" must cost within 2 % of the best number of reserved units, with and without waiting.

A replication begins in the steady state, which both models have in closed form, so nothing is thrown away as warm-up.
"""

from __future__ import annotations

import math
import pathlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.cluster_replay import (
    RESERVED_USD_PER_UNIT_HOUR,
    cluster,
    market,
    policy,
    read,
    replay,
)
from analysis.common import Tally, shared
from marketsim.demand import queueing
from marketsim.demand.job import NEVER, JobTable, Need
from marketsim.engine.run import run
from marketsim.ledger import ACCOUNT, Ledger
from marketsim.streams import Dice, exponential
from marketsim.units import HOUR_S, MICRO, MILLI
from marketsim.world import Order, RunningJob, World

TICKS = 1_000  # of the engine's seconds in one second of the model: rounding is then 1/500,000 of a service
USD_PER_TICK_HOUR = HOUR_S / TICKS  # so that a server-second of the model costs 1 USD on demand
REPLICATIONS = 24
SPAN_S = 60_000  # of arrivals in a replication: 12,000 customers
SEED = 5
ERRORS = 3.0
WITHIN = 0.02
RESERVED = range(8, 33)
WAITS = {"without waiting": ("", ""), "waiting 6 h / 24 h": ("21600", "86400")}

Row = Mapping[str, str]
Floats = NDArray[np.float64]


class Mean(NamedTuple):
    """A mean over replications and its standard error; exact where both are known beforehand."""

    value: float
    error: float


@dataclass(frozen=True)
class Seen:
    """What one replication came to: of the customers that arrived in it."""

    work_s: float
    on_demand_s: float
    billed_usd: float
    wait_s: float
    waited: float


def case_of(row: Row) -> dict[str, str]:
    """The row's rules as `cluster_replay` has them: nobody waits, or everybody does."""
    budget = {"NJW": "zero", "AJW": "infinite"}[row["policy"]]
    return {
        "case_id": row["policy"], "queue": "fifo", "blocking": "strict",
        "budget": budget, "budget_value": "", "spot_max_s": "",
    }  # fmt: skip


def present_at_start(row: Row, dice: Dice) -> int:
    """Customers found in the steady state: Poisson cut at the servers, with a geometric queue where they may wait."""
    servers, offered = int(row["servers"]), float(row["lambda"]) / float(row["mu"])
    u, v = dice.uniforms("start", 2)
    waits = row["policy"] == "AJW"
    if waits:
        all_busy = float(queueing.erlang_c(servers, offered))
        if u < all_busy:
            return servers + int(stats.geom.ppf(v, 1 - offered / servers)) - 1
    most = servers - 1 if waits else servers
    return int(stats.poisson.ppf(v * stats.poisson.cdf(most, offered), offered))


def replicate(row: Row, replication: int) -> Seen:
    """One replication of a row through the engine."""
    dice = Dice(SEED, replication).under(f"{row['policy']}-{row['servers']}")
    servers, rate, mu = int(row["servers"]), float(row["lambda"]), float(row["mu"])
    already = present_at_start(row, dice)
    gaps = exponential(dice.uniforms("gaps", round(rate * SPAN_S * 1.2)), 1 / rate)
    arrivals = np.cumsum(gaps)
    arrivals = arrivals[arrivals < SPAN_S]
    work_s = exponential(dice.uniforms("work", already + len(arrivals)), 1 / mu)
    arrival = np.concatenate((np.zeros(already), np.maximum(arrivals, 1 / TICKS)))
    ticks = np.maximum(np.rint(work_s * TICKS).astype(np.int64), 1)
    jobs = JobTable(
        needs=(Need("customers", milli=MILLI, reference_gpu="GPU"),),
        need=np.zeros(len(ticks), np.int64),
        arrival_s=np.rint(arrival * TICKS).astype(np.int64),
        work=ticks * MILLI,
        estimate=ticks * MILLI,
        deadline_s=np.full(len(ticks), NEVER),
    )
    world = World(
        horizon_s=SPAN_S * TICKS,
        jobs=jobs,
        offers=(cluster(servers), *market("on_demand", [MILLI], USD_PER_TICK_HOUR)),
        orders=(Order("own", 1),),
        running=tuple(RunningJob(job, "own") for job in range(min(already, servers))),
        drain_s=int(ticks.sum()),
    )
    return _seen(run(world, policy(case_of(row))), jobs, already)


def _seen(ledger: Ledger, jobs: JobTable, already: int) -> Seen:
    """Sums over the customers that arrived after the start, whether they finished in the span or after it."""
    started = ledger.started.rows()
    started = started[np.argsort(started[:, 1])]  # by job
    counted = slice(already, None)
    posted = ledger.posted
    bills = (posted.column("debit") == ACCOUNT["expense:usage"]) & (posted.column("job") >= already)
    waits = (started[counted, 0] - jobs.arrival_s[counted]) / TICKS
    work = jobs.work[counted] / MILLI / TICKS
    return Seen(
        work_s=float(work.sum()),
        on_demand_s=float(work[started[counted, 3] > 0].sum()),
        billed_usd=float(posted.column("billed")[bills].sum()) / MICRO,
        wait_s=float(waits.mean()),
        waited=float((waits > 0).mean()),
    )


def ratio(above: Floats, below: Floats) -> Mean:
    """Ratio of sums, its error by linearisation; the same for every size of a replication."""
    value = above.sum() / below.sum()
    rest = above - value * below
    return Mean(float(value), float(rest.std(ddof=1) * math.sqrt(len(rest)) / below.sum()))


def mean(values: Floats) -> Mean:
    """Mean and its standard error."""
    return Mean(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))))


def measure(row: Row) -> dict[str, Mean]:
    """Price a server-second, share of work on demand, mean wait and share that waits, over all replications."""
    seen = [replicate(row, number) for number in range(REPLICATIONS)]
    work, on_demand, billed = (
        np.array([getattr(one, name) for one in seen]) for name in ("work_s", "on_demand_s", "billed_usd")
    )
    fixed = float(row["pf"]) * int(row["servers"]) * SPAN_S
    return {
        "price": ratio(fixed + billed * float(row["po"]), work),
        "on-demand share": ratio(on_demand, work),
        "wait_s": mean(np.array([one.wait_s for one in seen])),
        "share that waits": mean(np.array([one.waited for one in seen])),
    }


def closed_form(row: Row) -> dict[str, float]:
    """The same by Erlang B (nobody waits) or Erlang C (everybody does)."""
    servers, rate, mu = int(row["servers"]), float(row["lambda"]), float(row["mu"])
    fixed = float(row["pf"]) * servers / (rate / mu)
    if row["policy"] == "NJW":
        blocked = float(queueing.erlang_b(servers, rate / mu))
        return {
            "price": fixed + float(row["po"]) * blocked,
            "on-demand share": blocked,
            "wait_s": 0.0,
            "share that waits": 0.0,
        }
    wait = queueing.wait(rate, servers, 1 / mu)
    return {
        "price": fixed,
        "on-demand share": 0.0,
        "wait_s": float(wait.mean_s),
        "share that waits": float(wait.waits),
    }


def check_row(row: Row, tally: Tally) -> None:
    """The engine against the closed form and the printed simulation, and the closed form against the printed model."""
    name = f"{row['policy']} on {row['servers']} servers"
    form, found = closed_form(row), measure(row)
    printed = {
        "price": ("model_price", "sim_price", "sim_price_se", 5e-6),
        "on-demand share": ("model_ondemand_frac", "sim_ondemand_frac", "sim_ondemand_se", 5e-7),
        "wait_s": ("model_wait_s", "sim_wait_s", "sim_wait_se", 5e-4),
    }
    for figure, (model, other, other_error, rounded) in printed.items():
        tally.close(f"{name}: {figure} by formula as printed", form[figure], float(row[model]), 0.0, rounded)
        got = found[figure]
        both = math.hypot(got.error, float(row[other_error]))
        tally.check(
            f"{name}: {figure} as in the printed simulation",
            abs(got.value - float(row[other])) <= ERRORS * both + 1e-12,
            f"{got.value:.6g} +- {got.error:.2g} against {float(row[other]):.6g} +- {float(row[other_error]):.2g}",
        )
    for figure, got in found.items():
        off = abs(got.value - form[figure])
        tally.check(
            f"{name}: {figure} within {ERRORS:g} standard errors of the formula",
            off <= ERRORS * got.error + 1e-12,
            f"{got.value:.6g} +- {got.error:.2g} against {form[figure]:.6g}",
        )


# ---------------------------------------------------------------------------------------------- the recorded trace


def reserved_case(units: int, short_s: str, long_s: str) -> dict[str, str]:
    """The trace's case with so many reserved units; budgets "" for no waiting."""
    return {
        "case_id": f"{units} reserved", "kind": "reserved", "trace": "input_pai_1k_t5.csv.gz", "gpus": str(units),
        "queue": "fifo", "blocking": "skipping", "budget": "by_length", "budget_value": "",
        "short_wait_s": short_s or "0", "long_wait_s": long_s or "0", "spot_max_s": "", "expected": "",
    }  # fmt: skip


def reserved_usd(units: int, waits: tuple[str, str], folder: pathlib.Path) -> tuple[float, float]:
    """Cost in USD with the fee of the reserved units until the last start, and the mean load in units until then."""
    jobs, ledger = replay(reserved_case(units, *waits), folder)
    billed = ledger.posted.column("billed")[ledger.posted.column("debit") == ACCOUNT["expense:usage"]].sum() / MICRO
    last_s = int(ledger.started.column("t_s").max())
    load = sum(job.duration_s * job.milli for job in jobs) / MILLI / last_s
    return billed + units * RESERVED_USD_PER_UNIT_HOUR * last_s / HOUR_S, load


def check_trace(folder: pathlib.Path, tally: Tally) -> None:
    """Reserving the mean load costs within 2 % of the best number."""
    for name, waits in WAITS.items():
        costs = {units: reserved_usd(units, waits, folder)[0] for units in RESERVED}
        best = min(costs, key=lambda units: costs[units])
        thumb = round(reserved_usd(best, ("", ""), folder)[1])
        print(
            f"{name}: " + ", ".join(f"{units} {usd:.2f}" for units, usd in costs.items() if units % 4 == 0)
            + f" USD; best {best} at {costs[best]:.2f}; the mean load is {thumb}"
        )  # fmt: skip
        tally.check(
            f"{name}: {thumb} reserved units within {WITHIN:.0%} of the best number",
            thumb == 19 and costs[thumb] <= costs[best] * (1 + WITHIN),
            f"{costs[thumb]:.2f} USD against {costs[best]:.2f} with {best}: {costs[thumb] / costs[best] - 1:+.2%}",
        )


def main(arguments: list[str]) -> None:
    """Both parts."""
    folder = pathlib.Path(arguments[0]) if arguments else shared("cases", "cluster")
    tally = Tally(verbose=True)
    for row in read(folder / "waitinggame_mmc.csv"):
        if row["policy"] in ("NJW", "AJW"):
            check_row(row, tally)
    check_trace(folder, tally)
    tally.end()


if __name__ == "__main__":
    main(sys.argv[1:])
