"""The hindsight bound: never above a policy, near the exact optimum where that can be had, and quick on a whole year.

`python -m analysis.bound_check [--worlds N]` throws random small markets (spot that comes and goes, on-demand with a
quota, contracts, servers, traffic, tokens, credits), runs every placement on them and compares each run with the bound;
solves gap worlds exactly by whole-number programming; and times the bound on 10,000 jobs over 8,760 h.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np
from scipy import optimize, sparse

from analysis import common
from marketsim.demand.job import NEVER, Checkpoint, JobTable, Need, Service
from marketsim.engine.run import run
from marketsim.experiment.bound.market import Served, lower_bound
from marketsim.experiment.bound.single_job import optimal_cost
from marketsim.ledger import Ledger
from marketsim.metrics.measure import measure
from marketsim.path import Path
from marketsim.policies import placement, queueing
from marketsim.policies.policy import Policy
from marketsim.policies.procurement.fixed_plan import FixedPlan
from marketsim.settings import Seconds
from marketsim.streams import Dice
from marketsim.supply.lead import Constant, Delivery, Triangular
from marketsim.supply.offer import Offer
from marketsim.supply.owned import PurchaseTerms, Resale
from marketsim.supply.quote import order_micro
from marketsim.supply.rental_terms import RentalTerms
from marketsim.supply.running import RunningCosts
from marketsim.supply.shape import Shape
from marketsim.units import DAY_S, HOUR_S, MICRO, MONTH_S, UNLIMITED, YEAR_S
from marketsim.world import Credit, Money, World

POSTINGS_USD = 1e-4  # each posting is rounded to a micro-dollar; these runs have fewer than 200 of them
EVERY = Path.constant(UNLIMITED)


# ---------------------------------------------------------------------------------------------- small random markets


def hourly(values: np.ndarray) -> Path:
    """A step an hour."""
    return Path(np.arange(len(values), dtype=np.int64) * HOUR_S, np.asarray(values, float)).simplified()


def small_world(number: int) -> World:
    """Four to twenty jobs over two days of arrivals, at most one service, four to six offers."""
    random = Dice(60).stream("analysis/bound", number)
    gpus = int(random.choice([1, 2, 8]))
    offers = _offers(random, gpus, number)
    table = _jobs(random, gpus)
    services = (_service(random),) if random.random() < 0.5 else ()
    credits = (Credit("cloud", int(random.integers(1, 60)) * MICRO, DAY_S),) if random.random() < 0.3 else ()
    return World(2 * DAY_S, table, offers, services, drain_s=4 * DAY_S, money=Money(credits=credits))


def _offers(random: np.random.Generator, gpus: int, number: int) -> tuple[Offer, ...]:
    shape = Shape("H100", gpus, interconnect="fabric", largest_gang=4)
    there = hourly(np.repeat(random.integers(0, 4, 48), 3))
    prices = hourly(gpus * random.uniform(0.6, 2.9, 144))
    dice = Dice(61, number)
    spot = Offer(
        "spot", "spot", shape, "cloud", launchable=there, keepable=there, price=prices,
        notice_s=int(random.choice([0, 120])), boot_s=int(random.choice([0, 180])),
    )  # fmt: skip
    quota = int(random.integers(1, 6)) if random.random() < 0.5 else None
    cloud = Offer(
        "cloud", "on_demand", shape, "cloud", launchable=EVERY, keepable=EVERY, price=Path.constant(3.0 * gpus),
        quota=quota, quota_step=2, quota_grant_s=6 * HOUR_S, quantum_s=int(random.choice([1, 60, HOUR_S])),
    )  # fmt: skip
    other = Offer(
        "other", "on_demand", shape, "other", launchable=EVERY, keepable=EVERY, price=Path.constant(4.0 * gpus)
    )
    lead = Delivery(Constant(time=Seconds(int(random.integers(0, 8)) * HOUR_S)), dice, Path.constant(1.0))
    rent = RentalTerms(
        hourly(np.repeat(gpus * random.uniform(0.8, 1.8, 24), 6)), int(random.integers(6, 60)) * HOUR_S, lead,
        upfront_share=float(random.choice([0, 0.3])), resale_share=float(random.choice([0, 0.5])),
        indexed=bool(random.random() < 0.3),
    )  # fmt: skip
    slow = Triangular(low=Seconds(0), mode=Seconds(6 * HOUR_S), high=Seconds(DAY_S))
    own = PurchaseTerms(
        round(30_000 * MICRO * gpus), 0, 5 * YEAR_S, Delivery(slow, dice.under("own"), Path.constant(1.0)),
        resale=Resale(share_after_life=0.15), cost_of_capital=0.2,
    )  # fmt: skip
    power = RunningCosts(1000 * gpus, 1.2 * gpus, 0.75, 0.3, 1.25, 0.0826, 184.0)
    token = Offer("api", "token_api", Shape("tokens", 0), "api", usd_per_input_token=1e-7, usd_per_output_token=4e-7)
    return (
        spot, cloud, other,
        Offer("rent", "rental", shape, "neocloud", commitment=rent),
        Offer("own", "datacenter", shape, commitment=own, standing=power),
        token,
    )  # fmt: skip


def _jobs(random: np.random.Generator, gpus: int) -> JobTable:
    keep = Checkpoint(every_s=1800, cost_s=30, restart_s=120)
    sizes = [size for size in (1, 2, 4, 8) if size <= gpus]
    needs = [
        Need("train", milli=1000 * n, checkpoint=keep, usd_per_late_day=25.0 * n, usd_at_most=90.0 * n) for n in sizes
    ]
    needs.append(Need("sweep", milli=500, checkpoint=Checkpoint(every_s=0)))
    needs.append(
        Need("gang", instances=2, milli=1000 * gpus, interconnect="fabric", checkpoint=keep, usd_per_late_day=60.0)
    )
    count = int(random.integers(4, 21))
    need = random.integers(0, len(needs), count)
    arrival = np.sort(random.integers(0, 2 * DAY_S, count))
    held = np.array([one.gang_milli for one in needs])[need]
    work = np.maximum((random.lognormal(1.0, 0.8, count) * HOUR_S * held).astype(np.int64), 1)
    length = work / held
    deadline = arrival + (length * random.uniform(0.8, 6.0, count)).astype(np.int64) + HOUR_S
    deadline = np.where(random.random(count) < 0.2, NEVER, deadline)
    return JobTable(tuple(needs), need, arrival, work, work, deadline)


def _service(random: np.random.Generator) -> Service:
    traffic = hourly(random.uniform(0.5, 6.0, 48))
    replica = Need("chat", milli=1000)
    return Service("chat", traffic, replica, {"H100": 4.0}, 0.002, input_tokens=800.0, output_tokens=200.0)


def policies() -> Iterator[Policy]:
    """Every placement that needs no settings, first come first served or by deadline; some with commitments."""
    fifo, edf = queueing.KINDS["fifo"](), queueing.KINDS["edf"]()
    for name, kind in placement.KINDS.items():
        if not any(field.is_required() for field in kind.model_fields.values()):
            yield Policy(name, edf, kind())
    plans = {
        "rents": {"sign": [{"offer": "rent", "instances": 1}]},
        "rents again and again": {"sign": [{"offer": "rent", "instances": 1, "renew": True}]},
        "buys": {"buy": [{"offer": "own", "instances": 1, "at": "2 h"}]},
    }
    for name, plan in plans.items():
        yield Policy(name, fifo, placement.KINDS["committed_first"](), FixedPlan.model_validate(plan))


def attempt(broken: list[str], world: World, policy: Policy, where: str) -> Ledger | None:
    """The run, or None where it broke off, which is noted."""
    try:
        return run(world, policy)
    except Exception as error:
        broken.append(f"{where}, {policy.name}: {type(error).__name__}: {error}")
        return None


def report_broken(tally: common.Tally, broken: list[str], where: str) -> None:
    """One check for all runs: that none broke off."""
    tally.check(f"every run in {where} reaches its end", not broken, f"{len(broken)} broke off, first {broken[:1]}")


def check_policies(tally: common.Tally, worlds: int) -> None:
    """No run costs less than the bound for all, nor than the bound for its own work."""
    nearest: dict[str, list[float]] = {}
    broken: list[str] = []
    below = runs = 0
    for number in range(worlds):
        world = small_world(number)
        free = lower_bound(world)
        for policy in policies():
            ledger = attempt(broken, world, policy, f"market {number}")
            if ledger is None:
                continue
            found = measure(world, ledger)
            all_in, cost = found["total_with_penalties_usd"], found["total_cost_usd"]
            assert all_in is not None
            assert cost is not None
            same = lower_bound(world, served=Served.of(world, ledger))
            given_up = bool(ledger.unpriced_jobs)
            if free.status != "optimal" or same.status != "optimal" or given_up:
                tally.check(f"world {number} {policy.name}: solved", False, f"{free.status}, {same.status}, {given_up}")
            for wanted, value, what in ((free, all_in, "with penalties"), (same, cost, "for its own work")):
                runs += 1
                if value < wanted.value_usd - POSTINGS_USD:
                    below += 1
                    print(f"FAIL  world {number} {policy.name} {what}: {value:.6f} < bound {wanted.value_usd:.6f}")
            nearest.setdefault(policy.name, []).append(same.value_usd / cost if cost > 0 else 1.0)
    tally.check(f"the bound is above no policy in {worlds} markets, {runs} comparisons", below == 0, f"{below} below")
    report_broken(tally, broken, "random markets")
    print(f"\n{runs} comparisons in {worlds} markets, {below} below the bound")
    print(f"bound for the same work, as a share of what each policy paid, over {worlds} markets")
    for name, shares in nearest.items():
        print(f"  {name:<26} median {np.median(shares):.3f}   highest {max(shares):.3f}")


# --------------------------------------------------------------------------------------------------- exact optimum


def gap_world(number: int) -> World:
    """Jobs of whole hours on single GPUs, spot by the hour, on demand, a contract: all on one grid of hours."""
    random = Dice(62).stream("analysis/exact", number)
    hours = 30
    count = int(random.integers(5, 16))
    arrival = np.sort(random.integers(0, 18, count))
    work = random.integers(1, 6, count)
    deadline = np.minimum(arrival + work + random.integers(0, 7, count), hours - 1)
    arrival = np.minimum(arrival, deadline - work)
    order = np.argsort(arrival, kind="stable")
    amount = work[order] * HOUR_S * 1000
    need = (Need("train", checkpoint=Checkpoint(every_s=0)),)
    zero = np.zeros(count, np.int64)
    table = JobTable(need, zero, arrival[order] * HOUR_S, amount, amount, deadline[order] * HOUR_S)
    there = hourly(random.integers(0, 3, hours))
    spot = Offer(
        "spot", "spot", Shape("H100"), launchable=there, keepable=there, price=hourly(random.uniform(0.5, 2.9, hours))
    )
    cloud = Offer("cloud", "on_demand", Shape("H100"), launchable=EVERY, keepable=EVERY, price=Path.constant(3.0))
    at_once = Delivery(Constant(time=Seconds(0)), Dice(0), Path.constant(1.0))
    rent = RentalTerms(Path.constant(float(random.uniform(0.8, 1.6))), 10 * HOUR_S, at_once, resale_share=0.5)
    return World(
        hours * HOUR_S, table, (spot, cloud, Offer("rent", "rental", Shape("H100"), commitment=rent)), drain_s=0
    )


def exact_usd(world: World) -> float:
    """The optimum of a gap world by whole-number programming: hours worked by each job, contracts signed each hour."""
    jobs, (spot, cloud, rent) = world.jobs, world.offers
    assert spot.price is not None
    assert cloud.price is not None
    assert rent.commitment is not None
    hours = world.horizon_s // HOUR_S
    first, last = jobs.arrival_s // HOUR_S, jobs.deadline_s // HOUR_S
    worked = [(job, hour) for job in range(len(jobs)) for hour in range(first[job], last[job])]
    n, at = len(worked), np.arange(hours) * HOUR_S
    terms, term = rent.commitment, 10
    fee = [order_micro(terms, 1, t, t, world.end_s, None) / MICRO for t in at.tolist()]
    # columns: worked, then on spot, on demand, rented and signed in each hour
    cost = np.concatenate([np.zeros(n), spot.price.at_many(at), cloud.price.at_many(at), np.zeros(hours), fee])
    whole = np.ones(len(cost))
    upper = np.concatenate([np.ones(n), spot.keepable.at_many(at), np.full(3 * hours, len(jobs))])
    rows, columns, values = [], [], []

    def put(row: int, column: int, value: float) -> None:
        rows.append(row)
        columns.append(column)
        values.append(value)

    for column, (job, hour) in enumerate(worked):
        put(job, column, 1)
        put(len(jobs) + hour, column, 1)
    for hour in range(hours):
        for kind in range(3):
            put(len(jobs) + hour, n + kind * hours + hour, -1)
        put(len(jobs) + hours + hour, n + 2 * hours + hour, 1)
        for earlier in range(max(hour - term + 1, 0), hour + 1):
            put(len(jobs) + hours + hour, n + 3 * hours + earlier, -1)
    size = len(jobs) + 2 * hours
    matrix = sparse.csr_matrix((values, (rows, columns)), shape=(size, len(cost)))
    work = jobs.work / (HOUR_S * 1000)
    low = np.concatenate([work, np.zeros(hours), np.full(hours, -np.inf)])
    high = np.concatenate([work, np.zeros(hours), np.zeros(hours)])
    found = optimize.milp(
        cost, integrality=whole, bounds=optimize.Bounds(0, upper),
        constraints=optimize.LinearConstraint(matrix, low, high), options={"mip_rel_gap": 1e-9},
    )  # fmt: skip
    return float(found.fun)


def check_exact(tally: common.Tally, worlds: int) -> None:
    """The bound is at most the exact optimum; the gaps are printed."""
    gaps, whole_gaps, above, cheaper = [], [], 0, 0
    broken: list[str] = []
    for number in range(worlds):
        world = gap_world(number)
        best = exact_usd(world)
        everything = Served.everything(world)
        bound = lower_bound(world, served=everything).value_usd
        whole = lower_bound(world, served=everything, whole_blocks=True, time_limit_s=20.0).value_usd
        above += bound > best + 1e-6 or whole > best + 1e-6
        gaps.append(1 - bound / best)
        whole_gaps.append(1 - whole / best)
        for policy in policies():
            if policy.name.startswith("buys"):
                continue
            ledger = attempt(broken, world, policy, f"gap world {number}")
            if ledger is None:
                continue
            served = Served.of(world, ledger)
            on_time = (served.by_s <= world.jobs.deadline_s).all()
            cost = measure(world, ledger)["total_cost_usd"]
            cheaper += bool(on_time and cost is not None and cost < best - POSTINGS_USD)
    print(f"\ngap to the exact optimum, {worlds} gap worlds: share of the optimum that the bound is below it")
    for name, shares in (("linear", gaps), ("contracts in whole blocks", whole_gaps)):
        print(f"  {name:<26} median {np.median(shares):.4f}   mean {np.mean(shares):.4f}   largest {max(shares):.4f}")
    tally.check(f"the bound is above no exact optimum of {worlds} gap worlds", above == 0, f"{above} above")
    report_broken(tally, broken, "gap worlds")
    tally.check("no policy that was on time came below the exact optimum", cheaper == 0, f"{cheaper} below")


def check_single_job(tally: common.Tally, cases: int) -> None:
    """One job with overheads in gap mode: the market's bound is at most the exact programme's cost."""
    above, shares = 0, []
    for number in range(cases):
        random = Dice(63).stream("analysis/single", number)
        gaps = 72
        available = np.repeat(random.random(gaps // 4) < 0.6, 4)
        job_h, overhead_s = int(random.integers(4, 11)), int(random.choice([0, 120, 360]))
        best = optimal_cost(available, 600, job_h * HOUR_S, gaps * 600, overhead_s, 3.0, 1.0)
        steps = Path(np.arange(gaps, dtype=np.int64) * 600, available.astype(float)).simplified()
        spot = Offer("spot", "spot", Shape("H100"), launchable=steps, keepable=steps, price=Path.constant(1.0))
        cloud = Offer("cloud", "on_demand", Shape("H100"), launchable=EVERY, keepable=EVERY, price=Path.constant(3.0))
        amount, zero = np.array([job_h * HOUR_S * 1000]), np.zeros(1, np.int64)
        table = JobTable((Need("train"),), zero, zero, amount, amount, np.array([gaps * 600]))
        world = World(gaps * 600 + 1, table, (spot, cloud), drain_s=0)
        bound = lower_bound(world, 600, Served.everything(world)).value_usd
        above += bound > best + 1e-6
        shares.append(bound / best)
    detail = f"{above} above; the bound is {np.median(shares):.3f} of the optimum in the median"
    if tally.check(f"the market's bound is above no exact single-job optimum of {cases}", above == 0, detail):
        print(f"\nsingle job with overheads, {cases} cases: {detail}")


# ----------------------------------------------------------------------------------------------------- a whole year


def year_world() -> World:
    """10,000 jobs over 8,760 h with windows of 18 h in the mean: spot by the hour, on demand, half-year contracts."""
    random = Dice(64).stream("analysis/year")
    hours, count = 8760, 10_000
    sizes = np.array([1, 2, 4, 8])
    need = random.choice(4, count, p=[0.6, 0.15, 0.15, 0.1])
    arrival = np.sort(random.integers(0, (hours - 216) * HOUR_S, count))
    window = np.minimum((random.exponential(17.0, count) + 1) * HOUR_S, 200 * HOUR_S).astype(np.int64)
    length = np.minimum(random.lognormal(1.0, 1.0, count) * HOUR_S, window * 0.8)
    work = np.maximum((length * sizes[need] * 1000).astype(np.int64), 1)
    needs = tuple(Need("train", milli=1000 * int(n), usd_per_late_day=50.0 * n, usd_at_most=500.0 * n) for n in sizes)
    table = JobTable(needs, need, arrival, work, work, arrival + window)
    prices = hourly(np.minimum(10 * np.exp(np.cumsum(random.normal(0, 0.02, hours))), 23.0))
    there = hourly(np.repeat(random.integers(0, 3, 365), 24))
    shape = Shape("H100", 8)
    lead = Delivery(Constant(time=Seconds(21 * DAY_S)), Dice(0), Path.constant(1.0))
    rent = RentalTerms(Path.constant(14.0), 6 * MONTH_S, lead, resale_share=0.5)
    offers = (
        Offer("spot", "spot", shape, launchable=there, keepable=there, price=prices),
        Offer("cloud", "on_demand", shape, launchable=EVERY, keepable=EVERY, price=Path.constant(24.0)),
        Offer("rent", "rental", shape, commitment=rent),
    )
    return World(hours * HOUR_S, table, offers, drain_s=9 * DAY_S)


def check_year(tally: common.Tally) -> None:
    """The bound of a whole year within a minute of one processor."""
    world = year_world()
    jobs = world.jobs
    window_h = float((jobs.deadline_s - jobs.arrival_s).mean()) / HOUR_S
    began = time.process_time()
    bound = lower_bound(world)
    took = time.process_time() - began
    print(f"\n{len(jobs)} jobs, {bound.slots} slots, mean window {window_h:.1f} h: {bound.value_usd:.2f} USD")
    print(f"  {bound.variables} variables, {took:.1f} s of one processor ({bound.seconds:.1f} s by the clock)")
    tally.check("10,000 jobs x 8,760 h take less than 60 s", bound.status == "optimal" and took < 60, f"{took:.1f} s")


def main() -> None:
    """All checks; ends with `N passed, M failed`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=200, help="random small markets")
    worlds = parser.parse_args().worlds
    tally = common.Tally()
    check_policies(tally, worlds)
    check_exact(tally, max(worlds // 4, 1))
    check_single_job(tally, max(worlds // 4, 1))
    check_year(tally)
    tally.end()


if __name__ == "__main__":
    main()
