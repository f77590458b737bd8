"""Own or rent: what a used GPU-hour of one's own costs, and from what use on it beats a price.

`python -m analysis.own_or_rent` prints the published reference row beside ours, then levelised cost and break-even use
over what founders differ in: fleet 8, 64, 512 GPUs, cost of capital 10, 20, 30 %, people scaled or stepped, with and
without failures. It draws own_or_rent.png and own_or_rent_map.png beside itself. No single figure is the answer.
"""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from analysis.common import Tally
from marketsim import units
from marketsim.demand.job import JobTable, Need
from marketsim.engine.run import run
from marketsim.metrics.measure import measure
from marketsim.policies.placement import KINDS as PLACEMENT
from marketsim.policies.policy import Policy
from marketsim.policies.queueing import KINDS as QUEUEING
from marketsim.prices.catalogue import Catalogue
from marketsim.prices.process import Asked
from marketsim.streams import Dice
from marketsim.supply import breakeven, finance, uptime
from marketsim.supply.datacenter import Datacenter
from marketsim.supply.kind import FinanceFacts, OfferKind, build_all
from marketsim.supply.on_demand import OnDemand
from marketsim.supply.rental import Rental
from marketsim.throw import Throw
from marketsim.world import Order, World

HERE = pathlib.Path(__file__).parent

FLEETS_GPUS = (8, 64, 512)
CAPITAL = (0.10, 0.20, 0.30)
USES = (0.4, 0.7, 1.0)
SHOWN_GPUS = (8, 16, 32, 64, 128, 192, 256, 320, 448, 512)  # rows of the map that are printed
LIFE_S = 5 * units.YEAR_S

# Epoch AI hardware prices, Epoch power, CBRE colocation (end 2024), EIA electricity 2025; idle draw, PUE, maintenance
# and operations are assumptions: the inputs of the reference row of the figures on own clusters
SERVER = {
    "kind": "datacenter",
    "shape": {"gpu": "H100", "gpus": 8, "interconnect": "fabric", "largest_gang_instances": 64},
    "usd_per_server": 282_000,
    "network_share": 0.19,
    "lead": "0 s",
    "life": "5 y",
    "resale": {"share_after_life": 0.15},
    "kw_per_server": 10.2,
    "busy_power_share": 0.75,
    "idle_power_share": 0.30,
    "pue": 1.25,
    "usd_per_kwh": 0.0826,
    "usd_per_kw_month": 184,
    "maintenance_share_per_year": 0.04,
}
# both are assumptions: a large operator's share of people, and two engineers on call day and night
SCALED = {"operations_usd_per_gpu_year": 600}
STEPPED = {"staff": {"engineers": 2, "usd_per_year_each": 300_000, "per_servers": 32}}
PEOPLE = {"scaled": SCALED, "stepped": STEPPED}

# 419 unexpected stops in 54 days on 16,384 H100 (Meta, Llama 3); three days and one crew are assumptions
FAILURES_PER_GPU_YEAR, REPAIR_H, CREWS = 0.173, 72.0, 1
LOST_H = 0.5 + 5 / 60  # half of an hourly checkpoint interval and a restart of five minutes, for every failure

REFERENCE_USES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
REFERENCE_USD = (9.43, 6.30, 4.74, 3.81, 3.18, 2.74, 2.40, 2.14, 1.93)
REFERENCE_AVAILABLE = 0.97
CENT = 0.01
EDGE = 1e-9  # a float's width: 9.42 and 9.43 are a cent apart and a little more


@dataclass(frozen=True)
class Case:
    """One combination of what founders differ in, and one GPU of its fleet."""

    gpus: int
    capital: float
    people: str
    failures: bool
    gpu: finance.OwnGpu


def datacenter(people: str) -> Datacenter:
    """The server of the reference row with people of one sort."""
    return Datacenter.model_validate({**SERVER, **PEOPLE[people]})


def available(servers: int, failures: bool) -> float:
    """Share of the time a server is up and not doing lost work over; 1 without failures."""
    if not failures:
        return 1.0
    mean_up_h = finance.HOURS_PER_YEAR / (FAILURES_PER_GPU_YEAR * 8)
    up = uptime.machine_repair_up_share(servers, CREWS, mean_up_h, REPAIR_H)
    return up * (1 - LOST_H / mean_up_h)


def cases() -> Iterator[Case]:
    """All combinations, fleets first."""
    for gpus, capital, people, failures in itertools.product(FLEETS_GPUS, CAPITAL, PEOPLE, (False, True)):
        servers = gpus // 8
        gpu = breakeven.own_gpu(datacenter(people), FinanceFacts(capital), servers, available(servers, failures))
        yield Case(gpus, capital, people, failures, gpu)


def prices() -> dict[str, float]:
    """USD per GPU-hour to beat: dated rows of the packaged catalogue, and a quote of March 2026 for a year."""
    found = {
        "AWS on demand": Catalogue().find(Asked("aws", "AWS", "H100", 8, "us-east-1")).usd,
        "RunPod on demand": Catalogue(instance="SXM secure").find(Asked("runpod", "RunPod", "H100", 1, "any")).usd,
    }
    return found | {"round $3": 3.0, "one-year contract": 2.35}


# ------------------------------------------------------------------------------------------------------- checks


def check_reference(tally: Tally) -> None:
    """The published row from its stated inputs, to a cent at every use, and the variants beside it."""
    base = breakeven.own_gpu(datacenter("scaled"), FinanceFacts(0.10), 64, REFERENCE_AVAILABLE)
    print("USD per used GPU-hour of the reference row (H100, 10 % capital, 5 y)")
    print("  use       " + "".join(f"{use:>7.1f}" for use in REFERENCE_USES))
    print("  published " + "".join(f"{usd:>7.2f}" for usd in REFERENCE_USD))
    print("  ours      " + "".join(f"{base.usd_per_used_hour(use):>7.2f}" for use in REFERENCE_USES))
    for use, usd in zip(REFERENCE_USES, REFERENCE_USD, strict=True):
        tally.close(f"reference row at use {use}", base.usd_per_used_hour(use), usd, 0.0, CENT + EDGE)
    stepped = datacenter("stepped")
    longer = Datacenter.model_validate(SERVER | SCALED | {"life": "6 y", "resale": {"share_after_life": 0.08}})
    variants = {
        "15 % capital": (datacenter("scaled"), 0.15, 3.01),
        "6 y to 8 %": (longer, 0.10, 2.59),
        "20 % capital": (datacenter("scaled"), 0.20, 3.29),
        "64 GPUs with two engineers": (stepped, 0.10, 4.21),
        "both": (stepped, 0.20, 4.76),
    }
    for name, (kind, capital, usd) in variants.items():
        gpu = breakeven.own_gpu(kind, FinanceFacts(capital), 8, REFERENCE_AVAILABLE)
        tally.close(f"variant {name} at use 0.7", gpu.usd_per_used_hour(0.7), usd, 0.0, CENT + EDGE)
    people = breakeven.own_gpu(stepped, FinanceFacts(0.10), 8, REFERENCE_AVAILABLE)
    tally.close("break-even against $3, scaled", base.break_even_use(3.0) or 0, 0.64, 0.0, 0.005)
    tally.close("break-even against $3, two engineers", people.break_even_use(3.0) or 0, 0.99, 0.0, 0.005)


def check_ledger(tally: Tally) -> None:
    """What the terms post over five years, discounted, is the levelised cost; and a run posts what the terms say."""
    for people, capital in itertools.product(PEOPLE, CAPITAL):
        kind, facts = datacenter(people), FinanceFacts(capital)
        gpu = breakeven.own_gpu(kind, facts, 8)
        terms = kind.terms("own", Throw(Dice(0), LIFE_S, LIFE_S), facts)
        flows = [0.0] * 6
        for year in range(5):
            for charge in terms.over(8, 0, 0, year * units.YEAR_S, (year + 1) * units.YEAR_S):
                flows[year + 1] += units.usd(charge.effective) / 64
        posted = finance.net_present_value(capital, flows)
        level = finance.annual_capital_usd(gpu.usd, capital, 5, gpu.resale_share)
        tally.close(
            f"posted capital of five years, {people}, {capital:.0%}",
            posted,
            finance.annuity_present_value(level, capital, 5),
            1e-8,
        )
    for use in (0.25, 0.7):
        ran, wanted = simulated(use)
        tally.close(f"a simulated year at use {use}", ran, wanted, 1e-6)


def simulated(use: float) -> tuple[float, float]:
    """USD per used GPU-hour of one server over a year with one job so long, of a run and in closed form."""
    kind, facts, horizon_s = datacenter("stepped"), FinanceFacts(0.20), units.YEAR_S
    (offer,) = build_all({"own": kind}, Throw(Dice(0), horizon_s, horizon_s), facts)
    work = round(use * horizon_s) * offer.shape.milli
    need = Need("work", milli=offer.shape.milli, reference_gpu=offer.shape.gpu)
    column = np.array([0], np.int64)
    jobs = JobTable((need,), column, column, column + work, column + work, column + 2**62)
    world = World(horizon_s, jobs, (offer,), drain_s=0, orders=(Order("own", 1),))
    policy = Policy(
        "own",
        QUEUEING["fifo"].model_validate({"kind": "fifo", "blocking": "skipping"}),
        PLACEMENT["committed_first"].model_validate({"kind": "committed_first", "burst_after": {"kind": "zero"}}),
    )
    cost = measure(world, run(world, policy))["total_cost_usd"]
    held = breakeven.holding(offer, 8, horizon_s)
    assert cost is not None
    assert held is not None
    return cost / (work / offer.shape.milli * 8 / 3600), held.usd_per_used_hour(use)


def check_shape(tally: Tally, found: list[Case]) -> None:
    """What must hold over the whole table, whatever the figures."""
    by_key = {(c.gpus, c.capital, c.people, c.failures): c.gpu for c in found}
    cells = list(by_key.values())
    cost = {key: gpu.usd_per_used_hour(0.7) for key, gpu in by_key.items()}
    tally.check("cost falls with use", all(
        gpu.usd_per_used_hour(a) > gpu.usd_per_used_hour(b) for gpu in cells for a, b in itertools.pairwise(USES)
    ))  # fmt: skip
    tally.check("cost rises with the cost of capital", all(
        cost[g, a, p, f] < cost[g, b, p, f]
        for (g, _, p, f) in cost for a, b in itertools.pairwise(CAPITAL)
    ))  # fmt: skip
    tally.check("failures cost", all(cost[g, c, p, True] > cost[g, c, p, False] for g, c, p, _ in cost))
    tally.check("stepped people weigh the more, the smaller the fleet", all(
        cost[8, c, "stepped", f] > cost[64, c, "stepped", f] > cost[512, c, "stepped", f] for _, c, _, f in cost
    ))  # fmt: skip
    at = [(gpu, gpu.break_even_use(3.0)) for gpu in by_key.values()]
    tally.check("at the break-even use owning costs $3", all(
        use is None or abs(gpu.usd_per_used_hour(use) - 3.0) < 1e-9 for gpu, use in at
    ))  # fmt: skip
    spread = max(cost.values()) / min(cost.values())
    tally.check(
        "no single figure is the answer: the dearest is over five times the cheapest", spread > 5, f"{spread:.2f}"
    )


# ------------------------------------------------------------------------------------------------------- output


def print_table(found: list[Case], against: dict[str, float]) -> None:
    """One line a combination: cost at three uses, and the use from which it beats each price."""
    print("\nLevelised USD per used GPU-hour, and the use from which owning is cheaper (-: not even at full use)")
    print("  fleet capital people   failures |" + "".join(f" use {use:.1f}" for use in USES) + " | beats "
          + "  ".join(f"{name} ${usd:.2f}" for name, usd in against.items()))  # fmt: skip
    for case in found:
        costs = "".join(f"{case.gpu.usd_per_used_hour(use):>8.2f}" for use in USES)
        uses = (case.gpu.break_even_use(usd) for usd in against.values())
        shares = "  ".join(
            ("-" if use is None else f"{use:.0%}").rjust(len(f"{name} ${usd:.2f}"))
            for use, (name, usd) in zip(uses, against.items(), strict=True)
        )
        failing = "yes" if case.failures else "no"
        print(f"  {case.gpus:>5} {case.capital:>6.0%}  {case.people:<8} {failing:<8} |{costs} |       {shares}")


def draw_costs(found: list[Case], against: dict[str, float]) -> Figure:
    """Cost against use, a panel a fleet, colours for capital, dashes for stepped people; with failures."""
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    panels = figure.subplots(1, len(FLEETS_GPUS), sharey=True)
    uses = np.linspace(0.1, 1.0, 91)
    colours = dict(zip(CAPITAL, ("#1b7837", "#2166ac", "#b2182b"), strict=True))
    for panel, gpus in zip(panels, FLEETS_GPUS, strict=True):
        for case in found:
            if case.gpus != gpus or not case.failures:
                continue
            label = f"{case.capital:.0%} capital, people {case.people}"
            panel.plot(
                100 * uses, [case.gpu.usd_per_used_hour(use) for use in uses], label=label,
                color=colours[case.capital], linestyle="-" if case.people == "scaled" else "--",
            )  # fmt: skip
            use = case.gpu.break_even_use(against["RunPod on demand"])
            if use is not None:
                panel.plot(100 * use, against["RunPod on demand"], "o", color=colours[case.capital], markersize=6)
        for name, usd in against.items():
            if name == "round $3":  # too near the next to be told apart
                continue
            panel.axhline(usd, color="0.45", linewidth=0.8)
            panel.annotate(f"{name} {usd:.2f}", (11, usd), fontsize=8, color="0.3", va="bottom")
        panel.set(title=f"{gpus} GPUs", xlabel="used share of the time it is up (%)", xlim=(10, 100), yscale="log")
        panel.set_ylim(1.5, 60)
        panel.set_yticks([2, 3, 5, 10, 20, 50], labels=["2", "3", "5", "10", "20", "50"])
        panel.minorticks_off()
        panel.grid(alpha=0.25)
    panels[0].set_ylabel("USD per used GPU-hour (H100)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    failing = [case.gpu.break_even_use(against["RunPod on demand"]) for case in found if case.failures]
    uses_won = [use for use in failing if use is not None]
    figure.suptitle(
        f"An own H100 beats 3.29 USD an hour from {min(uses_won):.0%} use on, or never: "
        f"of {len(failing)} startups {len(failing) - len(uses_won)} never get there (dots: where they do)",
        fontsize=12, weight="bold",
    )  # fmt: skip
    return figure


def ways(people: str) -> dict[str, OfferKind]:
    """Four ways to the same GPU, in the order in which ties go."""
    shape = {"gpu": "H100", "gpus": 8, "interconnect": "nvlink"}
    failing = {"kind": "calendar", "per_gpu_year": FAILURES_PER_GPU_YEAR, "repair": "3 d", "crews": CREWS}
    rent, cloud = prices()["one-year contract"], prices()["RunPod on demand"]
    return {
        "cloud": OnDemand.model_validate(
            {"kind": "on_demand", "provider": "RunPod", "shape": shape, "usd_per_gpu_hour": cloud}
        ),
        "contract": Rental.model_validate(
            {"kind": "rental", "provider": "neocloud", "shape": shape, "usd_per_gpu_hour": rent, "term": "12 months"}
        ),
        "own": Datacenter.model_validate({**SERVER, **PEOPLE[people], "outage": failing}),
    }


def draw_map(people: str, capital: float) -> tuple[Figure, breakeven.BreakevenMap]:
    """Use against fleet, coloured by the cheapest way over five years, each way named where it wins."""
    offers = build_all(ways(people), Throw(Dice(0), LIFE_S, LIFE_S), FinanceFacts(capital))
    fleets = list(range(8, 8 * 80 + 1, 8))
    uses = np.linspace(0.02, 1.0, 99)
    found = breakeven.breakeven_map(offers, uses, fleets, [LIFE_S])
    figure = Figure(figsize=(8.4, 4.8), layout="constrained")
    panel = figure.subplots()
    colours = ("#9ecae1", "#fdae6b", "#74c476")
    panel.pcolormesh(100 * uses, fleets, found.winner, cmap=ListedColormap(colours), vmin=0, vmax=2, shading="nearest")
    words = {0: "cloud by the hour", 1: "one-year contract", 2: "own servers"}
    for way, name in words.items():
        rows, columns = np.nonzero(found.winner == way)
        if len(rows):
            # in the widest and highest row of its own that is nearest to the middle of all it wins
            middle = int(np.median(rows)) if way != 2 else int(rows.max())
            at = float(np.median(100 * uses[columns[rows == middle]]))
            panel.annotate(name, (at, fleets[middle]), ha="center", va="top" if way == 2 else "center",
                           xytext=(0, -6 if way == 2 else 0), textcoords="offset points", fontsize=11)  # fmt: skip
    for step in range(256, fleets[-1] + 1, 256):
        panel.axhline(step, color="0.3", linewidth=0.8, linestyle=":")
        panel.annotate(f"{step} GPUs: the next two engineers come", (3, step), fontsize=8, color="0.25", va="bottom")
    panel.set(xlabel="used share of the time (%)", ylabel="fleet (GPUs)", xlim=(2, 100))
    panel.set_title(
        f"Own servers win where they are used over 70 % and fill the steps their people come in\n"
        f"H100s over five years, {capital:.0%} capital, with failures", fontsize=11, loc="left",
    )  # fmt: skip
    return figure, found


def main() -> None:
    """Print, draw, check."""
    tally = Tally()
    check_reference(tally)
    found, against = list(cases()), prices()
    print_table(found, against)
    check_shape(tally, found)
    check_ledger(tally)
    draw_costs(found, against).savefig(HERE / "own_or_rent.png", dpi=110, metadata={"Software": None})
    figure, chart = draw_map("stepped", 0.20)
    figure.savefig(HERE / "own_or_rent_map.png", dpi=110, metadata={"Software": None})
    print("\nCheapest way over five years at 20 % capital, people stepped, with failures; two people come for each")
    print("started 32 servers, so nearly full steps of 256 and 512 GPUs stand out")
    print("  fleet |" + "".join(f"{use:>10.0%}" for use in (0.2, 0.4, 0.6, 0.8, 1.0)))
    picks = [int(np.argmin(abs(chart.uses - use))) for use in (0.2, 0.4, 0.6, 0.8, 1.0)]
    for row, gpus in enumerate(chart.rows):
        if gpus not in SHOWN_GPUS:
            continue
        print(f"  {gpus:>5} |" + "".join(f"{chart.ways[chart.winner[row, pick]]:>10}" for pick in picks))
    tally.check("each of the three ways is the cheapest somewhere", set(chart.winner.ravel()) == {0, 1, 2})
    tally.end()


if __name__ == "__main__":
    main()
