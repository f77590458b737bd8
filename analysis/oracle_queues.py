"""Oracles of queues, failures, restarts and bills, each run through the engine: one function a model.

`run_case(case, quick)` gives every figure of a case as an Estimate. What a case states as a bound (W_PS) or lists under
`formula_only` comes from its formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import optimize

from analysis.common import Estimate
from analysis.oracle_runs import (
    FOREVER,
    UNIT,
    Customers,
    Figures,
    Queue,
    Seen,
    observe,
    poisson,
    replicate,
    second_moment,
    service,
    steady,
    ticks,
)
from marketsim.demand import checkpoints
from marketsim.demand.job import NEVER, Checkpoint, JobTable, Need
from marketsim.engine.run import run
from marketsim.ledger import ACCOUNT, CAUSE, Ledger
from marketsim.path import Path
from marketsim.policies import placement, queueing
from marketsim.policies.policy import Policy
from marketsim.streams import Dice, exponential
from marketsim.supply.offer import BUSY, Offer, OutageLaw
from marketsim.supply.shape import Shape
from marketsim.units import HOUR_S, MICRO, MILLI, UNLIMITED
from marketsim.world import Order, World

Case = Mapping[str, Any]
Estimates = dict[str, Estimate]
FIFO = queueing.KINDS["fifo"](blocking="strict")


def run_case(case: Case, quick: bool) -> Estimates:
    """Every figure of a case. KeyError for a model that is not here."""
    return MODELS[case["model"]](case, quick)


def exact(**values: float) -> Estimates:
    """Figures without error."""
    return {name: Estimate(float(value)) for name, value in values.items()}


def _length(case: Case, quick: bool) -> int:
    """Customers in a replication."""
    return 4_000 if quick else 20_000


# ---------------------------------------------------------------------------------------------- M/M/c and its kin


def _servers(params: Mapping[str, Any]) -> int:
    return int(params.get("c", 1))


def _mm_queue(case: Case, quick: bool) -> Estimates:
    params, size = case["params"], _length(case, quick)

    def one(dice: Dice) -> Figures:
        work = exponential(dice.uniforms("service", size), 1 / params["mu"])
        return steady(observe(Queue(_servers(params)), _poisson_customers(dice, params, work)).after(), params)

    return replicate(one, case, quick)


def _poisson_customers(dice: Dice, params: Mapping[str, Any], work: np.ndarray) -> Customers:
    return Customers(poisson(dice, params["lam"], len(work)), work)


def _erlang_b(case: Case, quick: bool) -> Estimates:
    """Blocked calls cleared: the law of service must not matter, so three laws share the replications."""
    params, size = case["params"], _length(case, quick)
    mean = 1 / params["mu"]
    laws = [{"dist": "exp", "mean": mean}, {"dist": "det", "mean": mean}, {"dist": "lognormal", "mean": mean, "scv": 4}]
    rule = queueing.KINDS["fifo"](blocking="strict", capacity=0)

    def one(dice: Dice) -> Figures:
        work = service(laws[dice.replication % 3], dice.uniforms("service", size))
        window = observe(Queue(params["c"], rule), Customers(poisson(dice, params["lam"], size), work)).after()
        figures = steady(window, params)
        figures["P_block"] = float(np.isnan(window.seen.start[window.first :]).mean())
        span = window.to_t - window.from_t
        figures["offered_load"] = float(work[window.first :].sum() / span)
        return figures

    return replicate(one, case, quick)


def _mmck(case: Case, quick: bool) -> Estimates:
    params, size = case["params"], _length(case, quick)
    rule = queueing.KINDS["fifo"](blocking="strict", capacity=params["K"] - params["c"])

    def one(dice: Dice) -> Figures:
        work = exponential(dice.uniforms("service", size), 1 / params["mu"])
        window = observe(Queue(params["c"], rule), Customers(poisson(dice, params["lam"], size), work)).after()
        figures = steady(window, params)
        lost = np.isnan(window.seen.start[window.first :])
        figures["P_block"] = float(lost.mean())
        figures["throughput"] = float((~lost).sum() / (window.to_t - window.from_t))
        return figures

    return replicate(one, case, quick)


def _mg1(case: Case, quick: bool) -> Estimates:
    params, size = case["params"], _length(case, quick)
    law = params["service"]
    mean = float(service(law, (np.arange(200_000) + 0.5) / 200_000).mean())
    scv = second_moment(law) / mean**2 - 1

    def one(dice: Dice) -> Figures:
        work = service(law, dice.uniforms("service", size))
        return steady(observe(Queue(), Customers(poisson(dice, params["lam"], size), work)).after(), params)

    found = replicate(one, case, quick)
    exact_scv = {"lognormal": law.get("scv"), "gamma": law.get("scv")}.get(law["dist"], _exact_scv(law, scv))
    return found | {"service_scv": Estimate(float(exact_scv if exact_scv is not None else scv))}


def _exact_scv(law: Mapping[str, Any], otherwise: float) -> float:
    if law["dist"] == "uniform":
        low, high = law["lo"], law["hi"]
        return float((high - low) ** 2 / 12 / ((low + high) / 2) ** 2)
    if law["dist"] == "hyperexp":
        mean = sum(p / r for p, r in zip(law["p"], law["rate"], strict=True))
        return float(sum(2 * p / r**2 for p, r in zip(law["p"], law["rate"], strict=True)) / mean**2 - 1)
    return {"exp": 1.0, "det": 0.0}.get(law["dist"], otherwise)


def _md1(case: Case, quick: bool) -> Estimates:
    params, size = case["params"], _length(case, quick)

    def one(dice: Dice) -> Figures:
        work = np.full(size, params["D"])
        return steady(observe(Queue(), Customers(poisson(dice, params["lam"], size), work)).after(), params)

    return replicate(one, case, quick)


def _dm1(case: Case, quick: bool) -> Estimates:
    params, size = case["params"], _length(case, quick)
    sigma = optimize.brentq(lambda s: s - math.exp(-params["mu"] * (1 - s) * params["T"]), 0.0, 1 - 1e-9)

    def one(dice: Dice) -> Figures:
        work = exponential(dice.uniforms("service", size), 1 / params["mu"])
        return steady(observe(Queue(), Customers(np.arange(size) * params["T"], work)).after(), params)

    return replicate(one, case, quick) | {"sigma": Estimate(float(sigma))}


def _batches(case: Case, quick: bool) -> Estimates:
    params, size = case["params"], _length(case, quick)
    sizes = np.array([int(key) for key in params["batch_pmf"]])
    edges = np.cumsum(list(params["batch_pmf"].values()))

    def one(dice: Dice) -> Figures:
        count = sizes[np.searchsorted(edges / edges[-1], dice.uniforms("batch", size), side="right")]
        arrival = np.repeat(poisson(dice, params["lam"], size), count)[:size]
        work = exponential(dice.uniforms("service", size), 1 / params["mu"])
        return steady(observe(Queue(), Customers(arrival, work)).after(), params)

    return replicate(one, case, quick)


def _erlang_a(case: Case, quick: bool) -> Estimates:
    params, size = case["params"], _length(case, quick)

    def one(dice: Dice) -> Figures:
        work = exponential(dice.uniforms("service", size), 1 / params["mu"])
        patience = exponential(dice.uniforms("patience", size), 1 / params["theta"])
        customers = Customers(poisson(dice, params["lam"], size), work, patience=patience)
        window = observe(Queue(params["c"]), customers).after()
        seen = window.seen
        left = np.isnan(seen.start)
        waited = np.where(left, patience, seen.start - seen.arrival)[window.first :]
        figures = steady(window, params)
        figures["P_abandon"] = float(left[window.first :].mean())
        figures["P_wait"] = float((waited > 1.5 / UNIT).mean())
        figures["Wq_all"] = float(waited.mean())
        figures["Lq"] = window.number_waiting(seen.arrival + patience)
        return figures

    return replicate(one, case, quick)


def _first_n(case: Case, quick: bool) -> Estimates:
    """A terminating simulation: exactly n customers from empty, no warm-up. Many small runs make one row."""
    params = case["params"]
    n, runs = params["n"], 20 if quick else 60

    def one(dice: Dice) -> Figures:
        delays = []
        for turn in range(runs):
            inner = dice.under(f"turn-{turn}")
            work = exponential(inner.uniforms("service", n), 1 / params["mu"])
            seen = observe(Queue(), Customers(poisson(inner, params["lam"], n), work))
            delays.append(seen.start - seen.arrival)
        return {"mean_delay_first_n": float(np.mean(delays)), "delay_nth": float(np.mean([one[-1] for one in delays]))}

    rho = params["lam"] / params["mu"]
    return replicate(one, case, quick, most=1500) | exact(steady_state_Wq=rho / (params["mu"] - params["lam"]))


# ---------------------------------------------------------------------------------------------- unlimited servers


def _counts(seen: Seen, times: np.ndarray) -> np.ndarray:
    """Customers in service at each time."""
    starts, ends = np.sort(seen.start), np.sort(seen.finish)
    return np.searchsorted(starts, times, side="right") - np.searchsorted(ends, times, side="right")


def _mg_inf(case: Case, quick: bool) -> Estimates:
    params = case["params"]
    lam, mean = params["lam"], params["mean_service"]
    span = 300 * mean

    def one(dice: Dice) -> Figures:
        size = int(lam * span)
        work = exponential(dice.uniforms("service", size), mean)
        seen = observe(Queue(unlimited=True), Customers(poisson(dice, lam, size), work))
        counts = _counts(seen, np.arange(10 * mean, seen.arrival[-1], mean / 4))
        short = np.array([_transient(dice.under(f"turn-{turn}")) for turn in range(40)])
        return {
            "mean_N": float(counts.mean()),
            "var_N": float(counts.var()),
            "q99_N": float(np.quantile(counts, 0.99, method="inverted_cdf")),
            "mean_N_at_t_from_empty_exp": float(short.mean()),
        }

    def _transient(dice: Dice) -> int:
        size = int(lam * params["t"] + 12 * math.sqrt(lam * params["t"]) + 20)
        work = exponential(dice.uniforms("service", size), mean)
        seen = observe(Queue(unlimited=True), Customers(poisson(dice, lam, size), work))
        return int(_counts(seen, np.array([params["t"]]))[0])

    return replicate(one, case, quick, most=300) | exact(P_N_eq_0=math.exp(-lam * mean))


def _mt_minf(case: Case, quick: bool) -> Estimates:
    """A daily cycle on an uncapped pool; figures from the first harmonic of the count over whole periods."""
    params = case["params"]
    lb, beta, gamma, mu = params["lb"], params["beta"], params["gamma"], params["mu"]
    period, periods = 2 * math.pi / gamma, 24
    top = lb + beta

    def one(dice: Dice) -> Figures:
        size = int(top * period * (periods + 3) * 1.1)
        candidates = poisson(dice, top, size)
        keep = dice.uniforms("keep", size) * top < lb + beta * np.sin(gamma * candidates)
        arrival = candidates[keep & (candidates < period * (periods + 3))]
        work = exponential(dice.uniforms("service", len(arrival)), 1 / mu)
        seen = observe(Queue(unlimited=True), Customers(arrival, work))
        begin = 2 * period
        times = begin + np.arange(0, periods * period, period / 240)
        counts = _counts(seen, times)
        real, imaginary = (2 * (counts * trig(gamma * times)).mean() for trig in (np.sin, np.cos))
        same_phase = begin + (params["t"] - begin) % period + period * np.arange(periods)
        inside = (arrival >= begin) & (arrival < begin + periods * period)
        return {
            "m_t": float(_counts(seen, same_phase).mean()),
            "mean_over_period": float(counts.mean()),
            "sine": float(real),
            "cosine": float(imaginary),
            "arrivals_per_period": float(inside.sum() / periods),
        }

    found = replicate(one, case, quick, most=300, at_least=60 if quick else 150)
    sine, cosine = found["sine"], found["cosine"]
    amplitude = math.hypot(sine.value, cosine.value)
    along = math.hypot(sine.value * (sine.se or 0.0), cosine.value * (cosine.se or 0.0)) / amplitude
    across = math.hypot(cosine.value * (sine.se or 0.0), sine.value * (cosine.se or 0.0)) / amplitude
    found["amplitude"] = Estimate(amplitude, along)
    found["peak_lag"] = Estimate(math.atan2(-cosine.value, sine.value) / gamma, across / amplitude / gamma)
    return found


# ---------------------------------------------------------------------------------------------- priorities, tandem


def _classes(params: Mapping[str, Any], dice: Dice, size: int) -> Customers:
    """Several Poisson classes merged; the first has the highest priority."""
    count = len(params["classes"])
    needs = tuple(
        Need(f"class{k + 1}", reference_gpu="GPU", priority=count - k, checkpoint=Checkpoint(0)) for k in range(count)
    )
    total = sum(one["lam"] for one in params["classes"])
    parts = []
    for k, one in enumerate(params["classes"]):
        n = int(size * one["lam"] / total * 1.2)
        own = dice.under(f"class{k}")
        parts.append((poisson(own, one["lam"], n), service(one["service"], own.uniforms("service", n)), np.full(n, k)))
    until = min(part[0][-1] for part in parts)
    arrival, work, need = (np.concatenate([part[i] for part in parts]) for i in range(3))
    order = np.argsort(arrival, kind="stable")
    order = order[arrival[order] <= until]
    return Customers(arrival[order], work[order], need[order].astype(np.int64), needs)


def _priority(case: Case, quick: bool) -> Estimates:
    params, size = case["params"], _length(case, quick)
    preemptive = case["model"].startswith("priority_preemptive")
    rule = queueing.KINDS["preemptive_priority" if preemptive else "priority"](blocking="strict")

    def one(dice: Dice) -> Figures:
        customers = _classes(params, dice, size)
        window = observe(Queue(1, rule), customers).after()
        need = customers.need
        assert need is not None
        late = need[window.first :]
        rho = [one["lam"] * one["service"]["mean"] for one in params["classes"]]
        span = window.to_t - window.from_t
        figures = {"rho_total": float(customers.service[window.first :].sum() / span)}
        for k in range(len(rho)):
            figures[f"Wq_class{k + 1}"] = float(window.waits()[late == k].mean())
            figures[f"W_class{k + 1}"] = float(window.responses()[late == k].mean())
        figures["sum_rho_Wq"] = sum(rho[k] * figures[f"Wq_class{k + 1}"] for k in range(len(rho)))
        return figures

    return replicate(one, case, quick)


def _srpt(case: Case, quick: bool) -> Estimates:
    params, size = case["params"], _length(case, quick)
    needs = (Need("job", reference_gpu="GPU", checkpoint=Checkpoint(0)),)
    srpt = queueing.KINDS["srpt"](blocking="strict")

    def one(dice: Dice) -> Figures:
        work = exponential(dice.uniforms("service", size), 1 / params["mu"])
        customers = Customers(poisson(dice, params["lam"], size), work, needs=needs)
        figures = {"W_SRPT": float(observe(Queue(1, srpt), customers).after().responses().mean())}
        figures["W_FCFS"] = float(observe(Queue(1), customers).after().responses().mean())
        return figures

    found = replicate(one, case, quick)
    return found | exact(W_PS=1 / (params["mu"] - params["lam"]))


def _tandem(case: Case, quick: bool) -> Estimates:
    """Train, then evaluate: the second job of a chain starts at its own pool once the first has finished."""
    params, size = case["params"], _length(case, quick)
    nodes = params["nodes"]
    needs = tuple(Need(f"node{k + 1}", reference_gpu="GPU") for k in range(len(nodes)))
    offers = tuple(
        Offer(f"node{k + 1}", "datacenter", Shape("GPU"), serves=(f"node{k + 1}",)) for k in range(len(nodes))
    )
    orders = tuple(Order(f"node{k + 1}", node["c"]) for k, node in enumerate(nodes))
    stages = len(nodes)

    def one(dice: Dice) -> Figures:
        arrival = np.repeat(ticks(poisson(dice, params["lam"], size)), stages)
        work = np.column_stack(
            [exponential(dice.uniforms(f"service{k}", size), 1 / node["mu"]) for k, node in enumerate(nodes)]
        )
        work_milli = np.maximum(ticks(work.ravel()), 1) * MILLI
        total = size * stages
        number = np.arange(total)
        later = number % stages > 0
        jobs = JobTable(
            needs, number % stages, arrival, work_milli, work_milli, np.full(total, NEVER),
            after_start=np.concatenate(([0], np.cumsum(later))), after=number[later] - 1,
        )  # fmt: skip
        world = World(int(arrival[-1]) + 1, jobs, offers, orders=orders, drain_s=10_000 * UNIT * 10)
        ledger = run(world, Policy("tandem", queueing.KINDS["fifo"](blocking="skipping"), FOREVER))
        finish = np.full(total, np.nan)
        stopped = ledger.stopped.rows()
        finish[stopped[:, 1]] = stopped[:, 0] / UNIT
        ends = finish.reshape(size, stages)
        begins = np.column_stack([arrival[::stages] / UNIT, ends[:, :-1]])
        first, last = size // 5, arrival[-1] / UNIT
        figures = {"W_total": float((ends[:, -1] - begins[:, 0])[first:].mean())}
        for k in range(stages):
            figures[f"W_node{k + 1}"] = float((ends[:, k] - begins[:, k])[first:].mean())
            low, high = np.maximum(begins[:, k], begins[first, 0]), np.minimum(ends[:, k], last)
            figures[f"L_node{k + 1}"] = float(np.maximum(high - low, 0).sum() / (last - begins[first, 0]))
        return figures

    return replicate(one, case, quick)


# ---------------------------------------------------------------------------------------------- failures


def _down_counts(ledger: Ledger, machines: int, from_s: int, to_s: int) -> dict[int, float]:
    """Share of time in [from_s, to_s] with each number of machines down."""
    rows = ledger.outages.rows()
    rows = rows[rows[:, 2] < machines]
    times = np.clip(np.concatenate((rows[:, 0], rows[:, 3])), from_s, to_s)
    change = np.concatenate((np.ones(len(rows), int), -np.ones(len(rows), int)))
    order = np.argsort(times, kind="stable")
    edges = np.concatenate(([from_s], times[order], [to_s]))
    level = np.concatenate(([0], np.cumsum(change[order])))
    spans = np.diff(edges)
    return {int(n): float(spans[level == n].sum() / (to_s - from_s)) for n in np.unique(level)}


def _idle_machines(machines: int, law: OutageLaw, span: float) -> Ledger:
    """Machines that nobody uses, failing and being repaired."""
    offer = Offer("own", "datacenter", Shape("GPU"), outage=law)
    world = World(int(span * UNIT), JobTable.empty(), (offer,), orders=(Order("own", machines),), drain_s=0)
    return run(world, Policy("idle", FIFO, FOREVER))


def _machine_repair(case: Case, quick: bool) -> Estimates:
    params = case["params"]
    machines, crews, mttr = params["Mn"], params["R"], params["mttr"]
    span = (100 if quick else 400) * params["mtbf"]

    def one(dice: Dice) -> Figures:
        law = OutageLaw(params["mtbf"] * UNIT, mttr * UNIT, crews=crews, dice=dice)
        shares = _down_counts(_idle_machines(machines, law, span), machines, int(span * UNIT * 0.1), int(span * UNIT))
        down = sum(n * share for n, share in shares.items())
        return {
            "mean_down": down,
            "mean_up": machines - down,
            "availability": 1 - down / machines,
            "P_all_up": shares.get(0, 0.0),
            "repair_utilization": sum(min(n, crews) * share for n, share in shares.items()) / crews,
            "mean_waiting_repair": sum(max(n - crews, 0) * share for n, share in shares.items()),
        }

    return replicate(one, case, quick)


def _k_of_n(case: Case, quick: bool) -> Estimates:
    params = case["params"]
    machines, k = params["n"], params["k"]
    span = (100 if quick else 400) * params["mtbf"]

    def one(dice: Dice) -> Figures:
        law = OutageLaw(params["mtbf"] * UNIT, params["mttr"] * UNIT, dice=dice)
        ledger = _idle_machines(machines, law, span)
        shares = _down_counts(ledger, machines, int(span * UNIT * 0.1), int(span * UNIT))
        rows = ledger.outages.rows()
        t = int(params["t"] * UNIT)
        down_at_t = ((rows[:, 0] <= t) & (rows[:, 3] > t)).sum()
        down = sum(n * share for n, share in shares.items())
        return {
            "availability": 1 - down / machines,
            "P_at_least_k": sum(share for n, share in shares.items() if machines - n >= k),
            "mean_up": machines - down,
            "P_up_at_t": 1 - down_at_t / machines,
        }

    return replicate(one, case, quick)


def _breakdowns(case: Case, quick: bool) -> Estimates:
    """The server fails only while it works; the repair holds everybody up, and no work is lost."""
    params, size = case["params"], _length(case, quick)
    law, repair = params["service"], params["repair"]
    needs = (Need("job", reference_gpu="GPU", checkpoint=Checkpoint(0)),)

    def one(dice: Dice) -> Figures:
        outage = OutageLaw(
            UNIT / params["f"], repair["mean"] * UNIT, clock=BUSY, fixed_repair=repair["dist"] == "det", dice=dice
        )
        work = service(law, dice.uniforms("service", size))
        customers = Customers(poisson(dice, params["lam"], size), work, needs=needs)
        window = observe(Queue(outage=outage), customers).after()
        completion = (window.seen.finish - window.seen.start)[window.first :]
        return {
            "E_completion": float(completion.mean()),
            "E_completion2": float((completion**2).mean()),
            "rho_eff": float(completion.sum() / (window.to_t - window.from_t)),
            "Wq": float(window.waits().mean()),
            "W": float(window.responses().mean()),
        }

    return replicate(one, case, quick)


def _held_jobs(work: float, how: Checkpoint, law: OutageLaw, jobs: int) -> tuple[np.ndarray, Ledger]:
    """So many copies of a job, one after the other on a machine that fails while it is held; units from first start
    to finish of each, shape (jobs,)."""
    need = (Need("job", reference_gpu="GPU", checkpoint=how),)
    seen = observe(Queue(outage=law), Customers(np.zeros(jobs), np.full(jobs, work), needs=need))
    return seen.finish - seen.start, seen.ledger


def _restart(case: Case, quick: bool) -> Estimates:
    params, jobs = case["params"], 200 if quick else 1000
    how = Checkpoint(None, restart_s=round(params["R"] * UNIT))

    def one(dice: Dice) -> Figures:
        law = OutageLaw(UNIT / params["lam"], params["D"] * UNIT, clock=BUSY, fixed_repair=True, dice=dice)
        ends, ledger = _held_jobs(params["W"], how, law, jobs)
        return {
            "E_T": float(ends.mean()),
            "E_attempts": len(ledger.started) / jobs,
            "slowdown": float(ends.mean() / params["W"]),
            "Var_T": float(ends.var(ddof=1)),
            "P_T_le_1p5W": float((ends <= 1.5 * params["W"]).mean()),
        }

    return replicate(one, case, quick)


def _daly(case: Case, quick: bool) -> Estimates:
    """Daly counts a checkpoint after the last segment too (`final`)."""
    params, jobs = case["params"], 10 if quick else 40
    tau, delta, mtbf = params["tau"], params["delta"], params["Mtbf"]
    how = Checkpoint(round(tau * UNIT), round(delta * UNIT), round(params["R"] * UNIT), final=True)

    def one(dice: Dice) -> Figures:
        law = OutageLaw(mtbf * UNIT, params["D"] * UNIT, clock=BUSY, fixed_repair=True, dice=dice)
        ends, ledger = _held_jobs(params["W"], how, law, jobs)
        return {
            "E_T": float(ends.mean()),
            "efficiency": float(params["W"] / ends.mean()),
            "failures_expected": (len(ledger.started) - jobs) / jobs,
        }

    found = replicate(one, case, quick)
    mean = found["E_T"]
    found["efficiency"] = Estimate(params["W"] / mean.value, params["W"] / mean.value**2 * (mean.se or 0.0))
    return found | exact(
        tau_young=checkpoints.young(delta, mtbf),
        tau_daly=checkpoints.daly(delta, mtbf),
        tau_exact=checkpoints.exact(delta, mtbf),
    )


# ---------------------------------------------------------------------------------------------- traces by hand


def _preempt(case: Case, quick: bool) -> Estimates:
    """One job on spot that is away during the outages."""
    params = case["params"]
    tau = params["tau"]
    how = Checkpoint(
        round(tau * UNIT) if tau else None, round(params["delta"] * UNIT), round(params["R"] * UNIT)
    )  # fmt: skip
    steps = {0: 1.0}
    for at, length in params["outages"]:
        steps[round(at * UNIT)] = 0.0
        steps[round((at + length) * UNIT)] = 1.0
    here = Path.steps(sorted(steps.items()))
    offer = Offer("spot", "spot", Shape("GPU"), launchable=here, keepable=here, price=Path.constant(1.0))
    column = np.array([round(params["W"] * UNIT) * MILLI])
    need = Need("job", reference_gpu="GPU", checkpoint=how)
    jobs = JobTable((need,), np.zeros(1), np.zeros(1), column, column, np.array([NEVER]))
    world = World(1, jobs, (offer,), drain_s=1000 * UNIT)
    ledger = run(world, Policy("spot", FIFO, placement.KINDS["spot_greedy"](wait_before_fallback="never")))
    stopped = ledger.stopped
    overhead, written = stopped.column("overhead_s").sum(), stopped.column("checkpoint_s").sum()
    held = (ledger.released.column("t_s") - ledger.launched.column("t_s")).sum()
    lost = stopped.column("lost").sum() / MILLI
    # a checkpoint under way counts its time, but only whole ones are checkpoints
    cost = round(params["delta"] * UNIT)
    whole = sum(int(row[7]) // cost for row in stopped.rows()) if cost else 0
    return exact(
        completion=stopped.column("t_s").max() / UNIT, lost_work=lost / UNIT, checkpoints=whole,
        restart_time=overhead / UNIT, checkpoint_time=written / UNIT, billed_hours=held / UNIT,
    )  # fmt: skip


def _gang_trace(case: Case, quick: bool) -> Estimates:
    params = case["params"]
    rows = sorted(params["jobs"], key=lambda row: row[0])
    sizes = sorted({row[2] for row in rows})
    work = np.array([round(duration * UNIT) * gpus * MILLI for _, duration, gpus in rows])
    jobs = JobTable(
        tuple(Need("gang", milli=size * MILLI, reference_gpu="GPU") for size in sizes),
        np.array([sizes.index(row[2]) for row in rows]),
        ticks(np.array([row[0] for row in rows])),
        work,
        work,
        np.full(len(rows), NEVER),
    )
    offer = Offer("own", "datacenter", Shape("GPU", gpus=params["c"]))
    world = World(int(jobs.arrival_s[-1]) + 1, jobs, (offer,), orders=(Order("own", 1),), drain_s=10_000 * UNIT)
    ledger = run(world, Policy("fcfs", FIFO, FOREVER))
    start = ledger.started.column("t_s")[np.argsort(ledger.started.column("job"))] / UNIT
    finish = ledger.stopped.column("t_s")[np.argsort(ledger.stopped.column("job"))] / UNIT
    arrival = np.array([row[0] for row in rows])
    gpus = np.array([row[2] for row in rows])
    edges = np.unique(np.concatenate((arrival, finish)))
    present = np.array([((arrival <= t) & (finish > t)).sum() for t in edges[:-1]])
    busy = float((gpus * (finish - start)).sum())
    figures = {f"start_{index}": value for index, value in enumerate(start)}
    return exact(
        **figures, makespan=finish.max(), int_N_dt=float((present * np.diff(edges)).sum()),
        sum_response=float((finish - arrival).sum()), busy_unit_hours=busy,
        utilization_to_makespan=busy / (params["c"] * finish.max()),
    )  # fmt: skip


def _billing(case: Case, quick: bool) -> Estimates:
    """Leases of so many GPUs on demand, billed by the second and by the granule."""
    params = case["params"]
    hour = HOUR_S
    price = Path.steps((round(t * hour), usd) for t, usd in params["price_steps"])
    usages = params["usages"]

    def billed(quantum: float, minimum: float) -> tuple[float, float]:
        many = Path.constant(UNLIMITED)
        offers = tuple(
            Offer(
                f"shape-{number}", "on_demand", Shape("GPU", gpus=gpus), launchable=many, keepable=many,
                price=price.map(lambda usd, gpus=gpus: usd * gpus), serves=(f"use-{number}",),
                quantum_s=max(round(quantum * hour), 1), minimum_s=round(minimum * hour),
            )
            for number, (_, _, gpus) in enumerate(usages)
        )  # fmt: skip
        order = sorted(range(len(usages)), key=lambda number: usages[number][0])
        work = np.array([round((usages[n][1] - usages[n][0]) * hour) * usages[n][2] * MILLI for n in order])
        jobs = JobTable(
            tuple(Need(f"use-{n}", milli=usages[n][2] * MILLI, reference_gpu="GPU") for n in order),
            np.arange(len(order)),
            np.array([round(usages[n][0] * hour) for n in order]),
            work,
            work,
            np.full(len(order), NEVER),
        )
        world = World(int(jobs.arrival_s[-1]) + 1, jobs, offers, drain_s=1000 * hour)
        ledger = run(
            world, Policy("use", queueing.KINDS["fifo"](blocking="skipping"), placement.KINDS["on_demand_only"]())
        )
        posted = ledger.posted
        usd = posted.column("billed")[posted.column("debit") == ACCOUNT["expense:usage"]].sum() / MICRO
        spans = ledger.released.rows()[np.argsort(ledger.released.column("instance")), 0] - ledger.launched.column(
            "t_s"
        )
        gpus = np.array([offers[index].shape.gpus for index in ledger.launched.column("offer")])
        step = max(round(quantum * hour), 1)
        spans = -(-np.maximum(spans, round(minimum * hour)) // step) * step
        return float(usd), float((spans * gpus).sum() / hour)

    (usd, hours), (rounded, billed_hours) = billed(0, 0), billed(params["granule"], params["minimum"])
    return exact(cost_exact=usd, cost_rounded=rounded, gpu_hours=hours, gpu_hours_billed=billed_hours)


def _edf(case: Case, quick: bool) -> Estimates:
    """Periodic tasks released over one hyperperiod on one machine that may stop a job at no cost."""
    tasks = case["params"]["tasks"]
    hyper = math.lcm(*(period for _, period, _ in tasks))
    released = sorted((t, index) for index, task in enumerate(tasks) for t in range(0, hyper, task[1]))
    work = np.array([tasks[index][0] * UNIT * MILLI for _, index in released])
    deadline = np.array([(t + tasks[index][2]) * UNIT for t, index in released])
    need = Need("task", reference_gpu="GPU", checkpoint=Checkpoint(0))
    jobs = JobTable(
        (need,), np.zeros(len(released)), np.array([t * UNIT for t, _ in released]), work, work, deadline
    )  # fmt: skip
    offer = Offer("own", "datacenter", Shape("GPU"))
    world = World(hyper * UNIT, jobs, (offer,), orders=(Order("own", 1),), drain_s=100 * hyper * UNIT)
    ledger = run(world, Policy("edf", queueing.KINDS["preemptive_edf"](blocking="strict"), FOREVER))
    rows = ledger.stopped.rows()
    done = rows[rows[:, 3] == CAUSE["finished"]]
    misses = int((done[:, 0] > deadline[done[:, 1]]).sum())
    return exact(
        U=sum(run_time / period for run_time, period, _ in tasks),
        feasible=float(_demand_fits(tasks, hyper)),
        hyperperiod=hyper,
        EDF_misses_first_hyperperiod_release=misses,
    )


def _demand_fits(tasks: list[list[float]], hyper: int) -> bool:
    """The demand-bound test: no interval asks for more than its length (Baruah, Rosier and Howell 1990)."""
    if sum(run_time / period for run_time, period, _ in tasks) > 1 + 1e-12:
        return False
    points = sorted({due + k * period for _, period, due in tasks for k in range(int(2 * hyper // period) + 1)})
    return all(
        sum(max(0, (t - due) // period + 1) * run_time for run_time, period, due in tasks) <= t for t in points
    )  # fmt: skip


def _single_machine(case: Case, quick: bool) -> Estimates:
    """SPT, Smith's rule and EDD through the queue; the least number of late jobs by Moore and Hodgson's algorithm."""
    params = case["params"]
    times, weights, due = params["p"], params["w"], params["d"]

    def completions(rule: str) -> np.ndarray:
        work = np.array(times) * UNIT * MILLI
        needs = tuple(Need(f"job{n}", reference_gpu="GPU", priority=weight) for n, weight in enumerate(weights))
        size = len(times)
        jobs = JobTable(needs, np.arange(size), np.zeros(size), work, work, np.array(due) * UNIT)
        offer = Offer("own", "datacenter", Shape("GPU"))
        world = World(1, jobs, (offer,), orders=(Order("own", 1),), drain_s=1000 * UNIT)
        ledger = run(world, Policy(rule, queueing.KINDS[rule](blocking="strict"), FOREVER))
        return ledger.stopped.column("t_s")[np.argsort(ledger.stopped.column("job"))] / UNIT

    kept: list[float] = []
    for _, length in sorted(zip(due, times, strict=True)):
        kept.append(length)
        if sum(kept) > _:
            kept.remove(max(kept))
    return exact(
        min_sumC=completions("sjf").sum(),
        min_sumwC=(completions("wspt") * np.array(weights)).sum(),
        min_Lmax=(completions("edf") - np.array(due)).max(),
        min_late=len(times) - len(kept),
    )


MODELS: dict[str, Callable[[Case, bool], Estimates]] = {
    "MM1": _mm_queue,
    "MMc": _mm_queue,
    "MMcc_ErlangB": _erlang_b,
    "MMcK": _mmck,
    "MG1": _mg1,
    "MD1": _md1,
    "DM1": _dm1,
    "MGinf": _mg_inf,
    "MtMinf_sinusoid": _mt_minf,
    "machine_repair": _machine_repair,
    "k_of_n_availability": _k_of_n,
    "priority_nonpreemptive_MG1": _priority,
    "priority_preemptive_MG1": _priority,
    "MM1_SRPT": _srpt,
    "ErlangA": _erlang_a,
    "MX_M1_batch": _batches,
    "MG1_breakdowns": _breakdowns,
    "tandem_Jackson": _tandem,
    "MM1_transient_first_n": _first_n,
    "EDF_periodic": _edf,
    "single_machine_rules": _single_machine,
    "preempt_trace": _preempt,
    "restart_no_checkpoint": _restart,
    "checkpoint_daly": _daly,
    "billing_trace": _billing,
    "fcfs_gang_trace": _gang_trace,
}
