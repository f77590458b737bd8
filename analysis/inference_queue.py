"""Latency by sums over intervals, held against every request simulated, on the Azure and Mooncake traces.

    python -m analysis.inference_queue [FOLDER] [--verbose]

Service times come from each request's own tokens on an 8B model (one slot of a full batch on an H100, by the roofline
of marketsim/demand/serving.py), stretched so that the mean load on 4, 16 or 64 slots is as said. Simulated is first
come, first served, request by request.

Part 1: the traces as recorded, against the sums over windows of 300 s. Where the sums give no warning p50, p95 and p99
must lie within 10 %; where they miss by more, a warning must stand. Part 2: requests at random times at the windows'
rates, with service times drawn from the trace, 30 times, up to a load of 0.9 in the busiest window. Part 3: a year of
five services, timed.
"""

from __future__ import annotations

import argparse
import heapq
import pathlib
import time

import numpy as np
from numpy.typing import NDArray

from analysis.common import Tally, shared
from marketsim.demand import cycle, latency, presets, queueing
from marketsim.demand.latency import Latency
from marketsim.demand.rates import Cycle
from marketsim.demand.serving import Llm, silicon
from marketsim.importers import KINDS
from marketsim.importers.importer import Requests
from marketsim.streams import Dice
from marketsim.throw import Throw
from marketsim.units import YEAR_S

Floats = NDArray[np.float64]
WINDOW_S = 300.0
SHARES = (0.5, 0.95, 0.99)
WITHIN = 0.10
TRACES = {
    "azure conv": ("azure_llm", "azure_llm2023_conv.csv.gz"),
    "mooncake": ("mooncake", "mooncake_synthetic.csv.gz"),
}


def service_times(requests: Requests) -> Floats:
    """Seconds each request holds a slot of a full batch, one H100, 8B parameters."""
    model = Llm.model_validate(presets.INFERENCE["llm-8b-chat"]["serving"])
    batch = model.batching(silicon()["H100"], 1)
    assert batch is not None
    prefill = batch.slots * batch.prefill_s / model.input_tokens
    step = (batch.service_s - batch.slots * batch.prefill_s) / model.output_tokens
    return requests.input_tokens * prefill + requests.output_tokens * step


def simulate(times_s: Floats, service_s: Floats, slots: int) -> Floats:
    """Wait plus service of each request, first come, first served."""
    free = [0.0] * slots
    found = np.empty(len(times_s))
    for index, (at, takes) in enumerate(zip(times_s.tolist(), service_s.tolist(), strict=True)):
        start = max(at, heapq.heappop(free))
        found[index] = start + takes - at
        heapq.heappush(free, start + takes)
    return found


def window_rates(times_s: Floats) -> Floats:
    """Requests a second in each window; the last one ends with the record."""
    counts = np.bincount((times_s / WINDOW_S).astype(np.int64))
    spans = np.full(len(counts), WINDOW_S)
    spans[-1] = max(float(times_s[-1]) - WINDOW_S * (len(counts) - 1), 1.0)
    return counts / spans


def line(name: str, slots: int, load: float, simulated: Floats, summed: Latency) -> float:
    """Print one comparison; the largest relative miss of the three quantiles."""
    ratio = np.array(summed.quantiles_s) / simulated
    texts = " ".join(f"{one:8.2f} {two:8.2f} {three:6.2f}" for one, two, three in
                     zip(simulated, summed.quantiles_s, ratio, strict=True))  # fmt: skip
    print(f"{name:12} {slots:5} {load:5.2f}  {texts}  {'; '.join(summed.warnings) or '-'}")
    return float(np.max(np.abs(ratio - 1)))


def heading(what: str) -> None:
    print(f"\n{what}\n{'trace':12} {'slots':>5} {'load':>5}  "
          + " ".join(f"{f'p{share * 100:.0f} sim':>8} {'sums':>8} {'ratio':>6}" for share in SHARES)
          + "  warnings")  # fmt: skip


def as_recorded(tally: Tally, tables: dict[str, Requests]) -> None:
    """Part 1."""
    heading("As recorded")
    held = 0
    for name, requests in tables.items():
        base, times = service_times(requests), requests.t_s
        rate = len(times) / float(times[-1] - times[0])
        for slots in (4, 16, 64):
            for load in (0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
                service = base * (load * slots / rate / float(base.mean()))
                simulated = np.quantile(simulate(times, service, slots), SHARES)
                summed = latency.latency(window_rates(times), slots, service, WINDOW_S, shares=SHARES, record_s=times)
                miss = line(name, slots, load, simulated, summed)
                held += not summed.warnings
                what = f"{name}, {slots} slots, load {load}: within 10 %, or a warning"
                tally.check(what, miss <= WITHIN or bool(summed.warnings), f"off by {miss:.0%}")
    tally.check("the assumptions hold in some cases, as recorded, of each trace", held >= 6, f"{held} cases")


def at_random_times(tally: Tally, tables: dict[str, Requests], rounds: int = 30) -> None:
    """Part 2."""
    heading("At random times at the same rates")
    for name, requests in tables.items():
        base, rates = service_times(requests), window_rates(requests.t_s)
        edges = np.append(np.arange(len(rates)) * WINDOW_S, float(requests.t_s[-1]))
        for slots in (4, 16, 64):
            for busiest in (0.6, 0.8, 0.9):
                service = base * (busiest * slots / float(rates.max()) / float(base.mean()))
                found = []
                for round_ in range(rounds):
                    dice = Dice(7, round_, f"{name}/{slots}/{busiest}/")
                    times = cycle.rescaled(dice, "times", edges, rates)
                    mixed = dice.stream("service").choice(service, len(times))
                    found.append(simulate(times, mixed, slots))
                simulated = np.quantile(np.concatenate(found), SHARES)
                summed = latency.latency(rates, slots, service, WINDOW_S, shares=SHARES)
                miss = line(name, slots, busiest, simulated, summed)
                what = f"{name} at random times, {slots} slots, busiest {busiest}: within 10 %, or a warning"
                tally.check(what, miss <= WITHIN or bool(summed.warnings), f"off by {miss:.0%}")


def five_services(tally: Tally, service: Floats) -> None:
    """Part 3: quarter hours, replicas of 64 slots that follow the rate after a cold start."""
    throw = Throw(Dice(1), YEAR_S, YEAR_S)
    paths = [Cycle(mean=10.0 * (number + 1), hourly_sigma=0.3, growth_per_year=1.0).draw(throw.under(str(number)))
             for number in range(5)]  # fmt: skip
    quarter = np.arange(0, YEAR_S, 900)
    replica = 64 / float(service.mean())
    began = time.perf_counter()
    for path in paths:
        rate = path.at_many(quarter)
        replicas = latency.autoscaled(rate, 900.0, replica)
        summed = latency.latency(rate, 64 * replicas, service, 900.0, shares=SHARES, objective_s=30.0)
    took = time.perf_counter() - began
    print(f"\na year of five services, {len(quarter):,} intervals each: {took:.2f} s")
    last = f"p99 {summed.quantiles_s[2]:.1f} s, {summed.late_share:.2%} late"
    print(f"the last of them: {last}, {summed.overload_share:.2%} above capacity")
    tally.check("a year of five services in under a second", took < 1, f"{took:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m analysis.inference_queue", description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=pathlib.Path)
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args()
    folder = given.folder or shared("data", "workloads")
    tables: dict[str, Requests] = {}
    for name, (kind, file) in TRACES.items():
        table = KINDS[kind].read(folder / file).table
        assert isinstance(table, Requests)
        tables[name] = table
    tally = Tally(verbose=given.verbose)
    as_recorded(tally, tables)
    at_random_times(tally, tables)
    five_services(tally, service_times(tables["azure conv"]))
    tally.close("M/M/10 at 8 Erlangs: P(wait)", float(queueing.erlang_c(10, 8.0)), 0.4091801507964435, 1e-12)
    tally.end()


if __name__ == "__main__":
    main()
