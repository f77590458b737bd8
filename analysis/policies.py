"""What the policies of the startup cost, how far they stay above hindsight, and what more slack or one GPU more does.

    python -m analysis.policies [-n N] [-j WORKERS] [--cases N] [--others N] [--only startup|late|fifo|anomalies]

1. Every policy of scenarios/startup.yaml: cost, penalties, misses, utilization, regret against the bound of the same
   replication, and the price of not knowing: the clairvoyant twin against the rule that goes by estimates.
2. Rules that promise to be in time, on random spot that comes and goes at any second: never late where the work and one
   launch fit before the deadline.
3. Strict first come, first served on random small cases: more time for some jobs, or one more GPU, never gives more
   misses. With strict turns a job starts once all before it have started and enough GPUs are free; one GPU more lets
   each start no later, by induction over the jobs, so this is a law and not a tendency.
4. Every other order breaks that law somewhere (Graham 1966 for list scheduling): counted, with the smallest example.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

import marketsim as ms
from analysis.common import ROOT, Tally
from marketsim import build
from marketsim.demand.job import Checkpoint, JobTable, Need
from marketsim.engine.run import run
from marketsim.experiment.bound.market import lower_bound
from marketsim.experiment.bound.regret import regrets
from marketsim.experiment.statistics.interval import Interval
from marketsim.ledger import CAUSE, Ledger
from marketsim.path import Path
from marketsim.policies import placement, queueing
from marketsim.policies.policy import Policy
from marketsim.streams import Dice
from marketsim.supply.offer import Offer
from marketsim.supply.shape import Shape
from marketsim.units import DAY_S, MILLI, UNLIMITED
from marketsim.world import Order, World

HEADLINE = "total_with_penalties_usd"
EVERY = Path.constant(UNLIMITED)


# ----------------------------------------------------------------------------------------------- the startup's policies


def startup(tally: Tally, replications: int, workers: int) -> None:
    """The table of all policies beside the bound."""
    scenario = ms.load(ROOT / "scenarios" / "startup.yaml")
    results = ms.run(scenario, replications=replications, workers=workers)
    bounds = {r: lower_bound(build.build(scenario, r), DAY_S) for r in range(replications)}
    known = {r: one.value_usd for r, one in bounds.items()}
    found = regrets(results.columns(HEADLINE), known, scenario.policies, results.confidence)
    mean = sum(known.values()) / len(known)
    print(f"scenarios/startup.yaml, {replications} replications, thousand USD; hindsight bound {mean / 1000:,.0f}")
    print(
        f"{'policy':<28}{'cost':>8}{'penalties':>11}{'missed':>8}{'used':>7}{'regret':>14}{'x bound':>9}"
        f"{'not knowing':>16}"
    )
    for one in found:
        cost, missed, used = (
            results.cell(one.policy, metric)["mean"]
            for metric in ("total_cost_usd", "missed_deadline_share", "utilization")
        )
        price = "knows" if one.not_knowing is None else _told(one.not_knowing)
        mark = "<= " if one.not_knowing is not None and one.twin is None else ""
        print(
            f"{one.policy:<28}{cost / 1000:>8,.0f}{(one.cost.value - cost) / 1000:>11,.0f}{missed:>8.1%}{used:>7.1%}"
            f"{_told(one.regret):>14}{one.times or 0:>9.2f}{mark + price:>16}"
        )
    for one in found:
        if one.twin is not None and one.not_knowing is not None:
            print(f"regret of estimates, {one.policy}: {_told(one.not_knowing)} thousand USD more than {one.twin}")
    tally.check("the startup compares at least 15 policies", len(found) >= 15, f"{len(found)}")
    tally.check("every bound was solved", all(one.status == "optimal" for one in bounds.values()))
    below = [
        one.policy
        for one in found
        for r, usd in results.column(one.policy, HEADLINE).items()
        if usd < known[r]
    ]  # fmt: skip
    tally.check("no policy came below the bound in any replication", not below, ", ".join(below))
    tally.check("a clairvoyant twin stands beside a rule that goes by estimates", any(one.twin for one in found))


def _told(found: Interval) -> str:
    """Thousands of USD with half an interval."""
    half = found.half_width
    return f"{found.value / 1000:,.0f}" + ("" if half is None else f" ±{half / 1000:,.0f}")


# ------------------------------------------------------------------------------------------------- in time, always


PROMISE = {
    "uniform_progress": {},
    "uniform_progress without hysteresis": {"hysteresis": False},
    "multi_zone_progress": {},
    "greedy_safe": {},
}


class Chase(NamedTuple):
    """One job after spot that comes and goes; seconds."""

    arrival_s: int
    work_s: int
    launch_s: int
    within_s: int
    slot_s: int
    zones: tuple[Path, ...]


def chase(number: int) -> Chase:
    """A job of up to ten slots whose work and one launch fit before its deadline, often only just."""
    random = Dice(71).stream("analysis/late", number)
    slot_s = int(random.integers(20, 200))
    launch_s = int(random.integers(0, slot_s // 2))
    work_s = int(random.integers(1, 10 * slot_s))
    slack = 0 if random.random() < 0.3 else int(random.integers(0, 6 * slot_s))
    zones = []
    for _ in range(int(random.integers(1, 3))):
        edges = np.cumsum(random.integers(1, 3 * slot_s, 60))
        zones.append(Path.steps([(0, 0), *((int(at), float(k % 2 == 0)) for k, at in enumerate(edges))]))
    arrival_s = int(random.integers(0, 5 * slot_s))
    return Chase(arrival_s, work_s, launch_s, work_s + launch_s + slack, slot_s, tuple(zones))


def late(case: Chase, name: str, settings: dict[str, Any]) -> bool:
    """Whether the rule finishes the job after its deadline."""
    kind = placement.KINDS[name.split()[0]]
    rule = kind.model_validate({"decide_every": f"{case.slot_s} s", **settings})
    keep = Checkpoint(every_s=0, start_s=case.launch_s, restart_s=case.launch_s)
    work = np.array([case.work_s * MILLI])
    due_s = case.arrival_s + case.within_s
    table = JobTable(
        (Need("job", reference_gpu="GPU", checkpoint=keep),), np.zeros(1, np.int64), np.array([case.arrival_s]),
        work, work, np.array([due_s]),
    )  # fmt: skip
    shape = Shape("GPU")
    zones = [
        Offer(f"spot-{k}", "spot", shape, launchable=zone, keepable=zone, price=Path.constant(1.0))
        for k, zone in enumerate(case.zones)
    ]
    cloud = Offer("cloud", "on_demand", shape, launchable=EVERY, keepable=EVERY, price=Path.constant(3.0))
    world = World(due_s + 1, table, (*zones, cloud), drain_s=100 * case.slot_s + due_s)
    return misses(world, run(world, Policy(name, queueing.KINDS["fifo"](), rule))) > 0


def promises(tally: Tally, cases: int) -> None:
    """Never late where it is feasible."""
    print(f"\nlate, of {cases} jobs whose work and one launch fit before the deadline, spot at any second:")
    for name, settings in PROMISE.items():
        count = sum(late(chase(number), name, settings) for number in range(cases))
        print(f"  {name:<38}{count}")
        tally.check(f"{name} is never late where that is feasible", count == 0, f"{count} of {cases}")
    count = sum(late(chase(number), "greedy", {}) for number in range(cases))
    print(f"  {'greedy, which promises nothing':<38}{count}")
    tally.check("greedy, which promises nothing, is late at times", count > 0)


# ------------------------------------------------------------------------------------- more slack, and one more GPU


class Case(NamedTuple):
    """Jobs on one machine: columns of arrival, seconds, GPUs and deadline, each (n,); GPUs of the machine."""

    arrival_s: np.ndarray
    length_s: np.ndarray
    gpus: np.ndarray
    deadline_s: np.ndarray
    machine: int


def small_case(number: int) -> Case:
    """Three to eight jobs on two to four GPUs, which is enough for every anomaly."""
    random = Dice(70).stream("analysis/policies", number)
    count, machine = int(random.integers(3, 9)), int(random.integers(2, 5))
    arrival = np.sort(random.integers(0, 16, count))
    length = random.integers(1, 13, count)
    gpus = random.integers(1, machine + 1, count)
    deadline = arrival + np.ceil(length * random.uniform(1.0, 4.0, count)).astype(np.int64)
    return Case(arrival, length, gpus, deadline, machine)


def with_slack(case: Case, number: int) -> Case:
    """More time for some of the jobs."""
    random = Dice(70).stream("analysis/slack", number)
    more = random.integers(1, 13, len(case.length_s)) * (random.random(len(case.length_s)) < 0.5)
    return case._replace(deadline_s=case.deadline_s + more)


def with_gpu(case: Case) -> Case:
    """One more GPU."""
    return case._replace(machine=case.machine + 1)


def missed(case: Case, policy: Policy) -> tuple[int, list[int]]:
    """How many jobs end after their deadlines, and the second at which each starts."""
    sizes = range(1, int(case.gpus.max()) + 1)
    needs = tuple(Need("job", milli=one * MILLI, reference_gpu="GPU") for one in sizes)
    work = case.length_s * case.gpus * MILLI
    table = JobTable(needs, case.gpus - 1, case.arrival_s, work, work, case.deadline_s)
    machine = Offer("own", "datacenter", Shape("GPU", gpus=case.machine))
    world = World(20, table, (machine,), orders=(Order("own", 1),), drain_s=1000)
    ledger = run(world, policy)
    starts = dict(ledger.started.rows()[:, [1, 0]].tolist())
    return misses(world, ledger), [starts[job] for job in range(len(table))]


def misses(world: World, ledger: Ledger) -> int:
    """Jobs that end after their deadlines, or never."""
    rows = ledger.stopped.rows()
    done = rows[rows[:, 3] == CAUSE["finished"]]
    return len(world.jobs) - int((done[:, 0] <= world.jobs.deadline_s[done[:, 1]]).sum())


WAITS = placement.KINDS["committed_first"].model_validate({"burst_after": {"kind": "infinite"}})


def order(queue: str, blocking: str) -> Policy:
    """A queue rule on one machine of our own."""
    return Policy(f"{queue}, {blocking}", queueing.KINDS[queue](blocking=blocking), WAITS)


def strict_turns(tally: Tally, cases: int) -> None:
    """The law of strict first come, first served."""
    policy = order("fifo", "strict")
    slack = gpu = later = 0
    for number in range(cases):
        case = small_case(number)
        before, starts = missed(case, policy)
        slack += missed(with_slack(case, number), policy)[0] > before
        after, sooner = missed(with_gpu(case), policy)
        gpu += after > before
        later += any(new > old for new, old in zip(sooner, starts, strict=True))
    print(f"\nstrict first come, first served, {cases} random cases: more misses with more slack {slack}, ", end="")
    print(f"with one more GPU {gpu}; a job started later with one more GPU {later}")
    tally.check(f"strict fifo: more slack never gives more misses in {cases} cases", slack == 0, f"{slack} do")
    tally.check(f"strict fifo: one more GPU never gives more misses in {cases} cases", gpu == 0, f"{gpu} do")
    tally.check(f"strict fifo: one more GPU starts no job later in {cases} cases", later == 0, f"{later} do")


OTHERS = [
    ("fifo", "skipping"), ("fifo", "easy"), ("sjf", "strict"), ("sjf", "skipping"), ("edf", "strict"),
    ("edf", "skipping"), ("least_slack", "strict"), ("least_slack", "easy"),
]  # fmt: skip
BROKEN_BY_GPU = {"fifo, skipping", "fifo, easy", "sjf, strict", "sjf, skipping"}  # anomalies long known
BROKEN_BY_SLACK = {"edf, strict", "least_slack, strict"}


def anomalies(tally: Tally, cases: int) -> None:
    """How often other orders break the law, with the smallest example of each."""
    print(f"\nother orders, {cases} random cases each: cases with more misses after more slack, after one more GPU")
    for queue, blocking in OTHERS:
        policy = order(queue, blocking)
        found: dict[str, list[tuple[Case, Case]]] = {"more slack": [], "one more GPU": []}
        for number in range(cases):
            case = small_case(number)
            before, _ = missed(case, policy)
            for what, other in (("more slack", with_slack(case, number)), ("one more GPU", with_gpu(case))):
                if missed(other, policy)[0] > before:
                    found[what].append((case, other))
        print(f"  {policy.name:<24}{len(found['more slack']):>6}{len(found['one more GPU']):>6}")
        for what, pairs in found.items():
            if pairs:
                _show(what, *min(pairs, key=lambda pair: len(pair[0].length_s)), policy)
        name = policy.name
        if name in BROKEN_BY_GPU:
            tally.check(f"{name}: one more GPU can give more misses", bool(found["one more GPU"]))
        if name in BROKEN_BY_SLACK:
            tally.check(f"{name}: more slack can give more misses", bool(found["more slack"]))


def _show(what: str, case: Case, other: Case, policy: Policy) -> None:
    for title, one in ((f"{case.machine} GPUs", case), (what, other)):
        count, starts = missed(one, policy)
        columns: Iterable[Sequence[int]] = zip(
            one.arrival_s.tolist(), one.gpus.tolist(), starts, one.length_s.tolist(), one.deadline_s.tolist(),
            strict=True,
        )  # fmt: skip
        told = "; ".join(
            f"{at}s x{gpus} {start}-{start + length}{'!' if start + length > due else ''} due {due}"
            for at, gpus, start, length, due in columns
        )
        print(f"      {title + ':':<14}{count} missed: {told}")


# --------------------------------------------------------------------------------------------------------------- all


def main(arguments: Sequence[str] | None = None) -> None:
    """The four parts."""
    parser = argparse.ArgumentParser(prog="python -m analysis.policies", description=__doc__.splitlines()[0])
    parser.add_argument("-n", "--replications", type=int, default=2, help="of the startup (2)")
    parser.add_argument("-j", "--workers", type=int, default=1, help="processes for the startup (1)")
    parser.add_argument("--cases", type=int, default=20_000, help="of strict first come, first served (20,000)")
    parser.add_argument("--others", type=int, default=500, help="of each other order, and of each promise (500)")
    parser.add_argument("--only", choices=("startup", "late", "fifo", "anomalies"), help="one part alone")
    chosen = parser.parse_args(arguments)
    tally = Tally()
    if chosen.only in (None, "startup"):
        startup(tally, chosen.replications, chosen.workers)
    if chosen.only in (None, "late"):
        promises(tally, chosen.others)
    if chosen.only in (None, "fifo"):
        strict_turns(tally, chosen.cases)
    if chosen.only in (None, "anomalies"):
        anomalies(tally, chosen.others)
    tally.end()


if __name__ == "__main__":
    main()
