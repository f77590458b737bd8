"""Does a fitted workload foretell the weeks after it? Fit the first days of each tenant, generate the rest, compare.

    python -m analysis.workload_fit [FILE] [--tenant NAME] [--split 0.6] [--replications 200] [--verbose]

FILE: jobs in any layout the importers know; left out: the Philly trace. For each tenant with at least 300 jobs the
first 60 % of days are fitted, 200 replications of the rest are drawn from the fit and its drift
(marketsim/demand/drift.py), and each statistic of what came is held against their 95 % band. Beside it stands a
Poisson-lognormal baseline fitted on the same days: a constant rate, lognormal run times, gangs drawn from those seen.

Interval scores (Winkler) are taken on ln of CVs and sizes, where a unit is a factor, and on shares as they are; a
statistic made of several cells (the week's profile, the gang mix) counts once, by the mean of its cells. The same
scores in plain units, relative to what came, are printed beside them for information.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.common import Tally, shared
from marketsim.demand import fit_parts, workload_stats
from marketsim.demand.fit import FitResult, fit_trace
from marketsim.demand.tracefile import Trace
from marketsim.demand.workload_stats import Jobs
from marketsim.errors import InputError
from marketsim.importers.detect import read_jobs
from marketsim.streams import Dice

Floats = NDArray[np.float64]
LEAST_JOBS = 300
ROWS = workload_stats.rows()
LOG = np.array([row.log for row in ROWS])
GROUPS: dict[str, list[int]] = {}
for _index, _row in enumerate(ROWS):
    GROUPS.setdefault(_row.group, []).append(_index)


@dataclass(frozen=True, eq=False)
class Band:
    """95 % band of each statistic, what came, whether it is inside, and the two interval scores; (rows,) each."""

    low: Floats
    high: Floats
    inside: NDArray[np.bool_]
    score: Floats
    relative: Floats

    def by_group(self, values: Floats | NDArray[np.bool_]) -> Floats:
        """Mean over the cells of each statistic, in the order of GROUPS."""
        return np.array([np.mean(values[cells]) for cells in GROUPS.values()])


def baseline(result: FitResult, dice: Dice, from_s: int, to_s: int) -> Jobs:
    """A Poisson stream of lognormal jobs with the fitted days' rate, run times and gangs."""
    past = result.sample.jobs
    expected = len(past) * (to_s - from_s) / (result.to_s - result.from_s)
    count = int(dice.stream("baseline/count").poisson(expected))
    random = dice.stream("baseline")
    log_run = np.log(past.run_s)
    submit = np.sort(random.integers(from_s, to_s, count))
    run = np.exp(random.normal(log_run.mean(), log_run.std(), count))
    return Jobs(submit, run, random.choice(past.gpus, count), past.week_offset_h)


def band(drawn: list[Floats], observed: Floats) -> Band:
    """The band of replications about what came."""
    low, high = np.nanquantile(np.array(drawn), [0.025, 0.975], axis=0)
    inside = (observed >= low) & (observed <= high)
    floor = 1e-6
    logs = [np.where(LOG, np.log(np.maximum(value, floor)), value) for value in (low, high, observed)]
    plain = workload_stats.interval_score(low, high, observed)
    relative = np.where(LOG, plain / np.maximum(observed, floor), plain)
    return Band(low, high, inside, workload_stats.interval_score(*logs), relative)


def compare(trace: Trace, tenant: str, split: float, replications: int) -> tuple[Floats, Band, Band] | None:
    """What came, the model's band and the baseline's; None where the rest holds fewer than 3 jobs."""
    result = fit_trace(trace, tenant, split)
    from_s, (_, to_s) = result.to_s, fit_parts.whole_days(result.jobs)
    observed = workload_stats.measure(result.jobs, from_s, to_s)
    if to_s <= from_s or np.isnan(observed).any():
        return None
    model, plain = [], []
    for replication in range(replications):
        dice = Dice(1, replication, f"fit/{tenant}/")
        model.append(workload_stats.measure(result.generate(dice, from_s, to_s), from_s, to_s))
        plain.append(workload_stats.measure(baseline(result, dice, from_s, to_s), from_s, to_s))
    return observed, band(model, observed), band(plain, observed)


def show(tenant: str, observed: Floats, model: Band, plain: Band, cells: bool) -> None:
    """One tenant's table."""
    print(f"\ntenant {tenant}")
    print(f"{'statistic':32} {'came':>9} {'low':>9} {'high':>9}  in   score | baseline's band     score")
    columns = model.by_group(model.score), plain.by_group(plain.score), model.by_group(model.inside)
    for (group, members), score, base, inside in zip(GROUPS.items(), *columns, strict=True):
        if len(members) > 1:
            text = f"{f'{group} ({len(members)} cells)':32} {'':29}  {inside:4.0%} {score:6.2f}"
            print(f"{text} | {'':17} {base:7.2f}")
        for index in members if len(members) == 1 or cells else []:
            values = f"{observed[index]:9.4g} {model.low[index]:9.4g} {model.high[index]:9.4g}"
            mark = "yes" if model.inside[index] else "NO "
            beside = f"{plain.low[index]:8.4g} {plain.high[index]:8.4g} {plain.score[index]:7.2f}"
            print(f"{ROWS[index].name:32} {values}  {mark} {model.score[index]:7.2f} | {beside}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m analysis.workload_fit", description=__doc__.split("\n")[0])
    parser.add_argument("file", nargs="?", type=pathlib.Path)
    parser.add_argument("--tenant")
    parser.add_argument("--split", type=float, default=0.6)
    parser.add_argument("--replications", type=int, default=200)
    parser.add_argument("--verbose", action="store_true", help="print every cell of the profile and the gang mix")
    given = parser.parse_args()
    if not 0 < given.split < 1 or given.replications < 20:
        parser.error("--split lies between 0 and 1, --replications is at least 20")
    try:
        trace = read_jobs(given.file or shared("data", "workloads", "philly_jobs.csv.gz")).trace
        run(trace, given.tenant, given.split, given.replications, given.verbose)
    except InputError as error:
        for line in error.lines():
            print(f"error: {line}", file=sys.stderr)
        raise SystemExit(2) from None


def run(trace: Trace, only: str | None, split: float, replications: int, cells: bool) -> None:
    """The study of a trace."""
    names, counts = np.unique(np.array(trace.tenant), return_counts=True)
    known = dict(zip(names.tolist(), counts.tolist(), strict=True))
    tenants = [only] if only else [name for name in known if known[name] >= LEAST_JOBS]
    if not tenants:
        raise InputError(f"no tenant has {LEAST_JOBS} jobs; name one with --tenant")
    tally = Tally()
    done: list[str] = []
    totals: list[tuple[float, float, float, float, float, float]] = []
    for tenant in tenants:
        try:
            found = compare(trace, tenant, split, replications)
        except InputError as error:
            if only:
                raise
            tally.skipped.append(f"tenant {tenant}: {error}")
            continue
        if found is None:
            tally.skipped.append(f"tenant {tenant}: fewer than 3 jobs after the split")
            continue
        observed, model, plain = found
        show(tenant, observed, model, plain, cells)
        done.append(tenant)
        totals.append(tuple(  # type: ignore[arg-type]
            float(np.mean(of.by_group(values)))
            for of, values in ((model, model.inside), (plain, plain.inside), (model, model.score), (plain, plain.score),
                               (model, model.relative), (plain, plain.relative))
        ))  # fmt: skip
    if not totals:
        raise InputError("nothing to compare: no tenant has jobs after the split")
    print(f"\n{'tenant':12} {'inside':>7} {'baseline':>9} {'score':>8} {'baseline':>9} {'better':>7}"
          f" {'relative':>9} {'baseline':>9} {'better':>7}")  # fmt: skip
    mean = tuple(np.mean(np.array(totals), axis=0).tolist())
    for label, row in zip((*done, "mean"), (*totals, mean), strict=True):
        print(f"{label:12} {row[0]:7.0%} {row[1]:9.0%} {row[2]:8.2f} {row[3]:9.2f} {1 - row[2] / row[3]:7.0%}"
              f" {row[4]:9.2f} {row[5]:9.2f} {1 - row[4] / row[5]:7.0%}")  # fmt: skip
    print()
    tally.check("at least 80 % of statistics inside the 95 % band", mean[0] >= 0.8, f"{mean[0]:.1%}")
    tally.check("mean interval score at least 30 % better than Poisson-lognormal", mean[2] <= 0.7 * mean[3],
                f"{mean[2]:.2f} against {mean[3]:.2f}")  # fmt: skip
    tally.end()


if __name__ == "__main__":
    main()
