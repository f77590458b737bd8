"""One number decides: a two-year chat product for which renting, building, the cloud or tokens win in turn.

`python -m analysis.one_number` runs the same product on four ways, five times, each time with one number changed that a
founder would recognise, prints what each way costs and draws one_number.png beside itself: the bars show why. Nothing
in the scenario is drawn by dice, so one replication is all there is.
"""

from __future__ import annotations

import math
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from analysis.common import Tally
from marketsim import scenario as scenarios
from marketsim.build import build
from marketsim.engine.run import run
from marketsim.metrics import cost
from marketsim.metrics.measured import Measured
from marketsim.policies import base
from marketsim.policies import policy as say
from marketsim.policies.procurement.fixed_plan import FixedPlan
from marketsim.policies.queueing.fifo import Fifo
from marketsim.scenario import Scenario
from marketsim.world import World

UNLIMITED_PER_S = 1e6

HERE = pathlib.Path(__file__).parent

SCENARIO = """
schema_version: 1
name: one-number
description: A chat product that is served for two years, by one way at a time.
horizon: 24 months
demand:
  chat:
    kind: inference
    preset: llm-8b-chat
    requests_per_s: {kind: cycle, mean: 1200, day_amplitude: 0.3, weekend: 0.9}
    slo: {latency_s: 2.0, share: 0.99}
    usd_per_lost_request: 0.02
    autoscale: {period: 1 h, headroom: 0.2, minimum_instances: 1}
supply:
  cloud:
    kind: on_demand
    provider: RunPod
    shape: {gpu: H100, gpus: 8, interconnect: nvlink}
    usd_per_gpu_hour: 3.29
    boot: 3 min
  contract:
    kind: rental
    provider: neocloud
    shape: {gpu: H100, gpus: 8, interconnect: nvlink}
    usd_per_gpu_hour: 2.35
    term: 12 months
    upfront_share: 0.2
    lead: 21 d
  own:
    kind: datacenter
    shape: {gpu: H100, gpus: 8, interconnect: nvlink}
    usd_per_server: 288000
    network_share: 0.19
    lead: 12 w
    resale: {share_after_life: 0.15}
    kw_per_server: 10.2
    usd_per_kwh: 0.0826
    usd_per_kw_month: 184
    staff: {engineers: 1, usd_per_year_each: 300000, per_servers: 32}
    maintenance_share_per_year: 0.04
  tokens:
    kind: token_api
    usd_per_million_input_tokens: 0.10
    usd_per_million_output_tokens: 0.20
    serves: [chat]
finance: {cost_of_capital_per_year: 0.20, sales_tax: 0.08}
policies:
  cloud:
    placement: {kind: on_demand_only}
sources:
  supply.cloud.usd_per_gpu_hour: RunPod H100 SXM secure, packaged catalogue, 2026-05-24
  supply.contract.usd_per_gpu_hour: market quote for one-year H100, March 2026
  supply.own.usd_per_server: Epoch AI hardware prices, HGX H100, 2024-07
  supply.own.staff: assumption, one engineer more than there would be anyway
  supply.tokens.usd_per_million_input_tokens: illustrative, to be replaced by a dated price list
"""


@dataclass(frozen=True)
class Case:
    """One number changed, and the way that it makes the cheapest."""

    title: str
    edit: str | None
    winner: str


CASES = (
    Case("as it is", None, "rent"),
    Case("cost of capital 20 % -> 5 % a year", "finance.cost_of_capital_per_year=0.05", "build"),
    # TensorDock, H100 SXM, packaged catalogue, 2026-05-24
    Case("a cloud at USD 2.25, not 3.29 a GPU-hour", "supply.cloud.usd_per_gpu_hour=2.25", "cloud"),
    Case("6 requests a second, not 1200", "demand.chat.requests_per_s.mean=6", "tokens"),
)


WINS = {"rent": "Renting wins", "build": "Building wins", "cloud": "The cloud wins", "tokens": "Tokens win"}

# what a founder would call the accounts of the ledger
PARTS = {
    "cloud by the hour": (("usage",), "#4C78A8"),
    "contract": (("contract", "fee"), "#F58518"),
    "servers, value left": (("depreciation", "end-valuation", "interest"), "#54A24B"),
    "cost of capital": (("capital",), "#B279A2"),
    "people, power, space": (("staff", "power", "space", "maintenance"), "#9D755D"),
    "tokens": (("tokens",), "#E45756"),
    "lost requests": (("lost requests",), "0.3"),
}


class OneWay(base.PlacementBase):
    """Serve by these kinds of offers alone, committed ones first."""

    def __init__(self, setup: say.Setup, kinds: tuple[str, ...]) -> None:
        super().__init__(setup)
        self._kinds = kinds

    def place(self, job: say.JobView, view: say.View, why: say.Why) -> say.Placed:
        """There are no jobs."""
        return None

    def scale(self, service: int, view: say.View) -> Sequence[say.Scale]:
        """Replicas for the need; an API is not scaled, it takes what comes."""
        if self._kinds != ("token_api",):
            return super().scale(service, view)
        apis = [offer.id for offer in self.setup.offers if offer.sells_tokens]
        return [say.Scale(service, api, requests_per_s=UNLIMITED_PER_S) for api in apis]

    def may_serve(self, offer: say.OfferFacts) -> bool:
        """Whether the way uses an offer."""
        return offer.kind in self._kinds


@dataclass(frozen=True)
class Way:
    """Settings of `OneWay`."""

    kinds: tuple[str, ...]

    def bind(self, setup: say.Setup) -> OneWay:
        """A working rule."""
        return OneWay(setup, self.kinds)


def policies(world: World) -> dict[str, say.Policy]:
    """Four ways; contracts and servers are as many as the mean need fills, and the cloud takes what is above."""
    service = world.services[0]
    each = service.replica_requests_per_s["H100"] * 8
    mean = service.requests_per_s.mean(0, world.horizon_s) * (1 + service.autoscale.headroom)
    instances = max(math.ceil(mean / each), 1)
    plans = {
        "cloud": (("on_demand",), {}),
        "rent": (("rental", "on_demand"), {"sign": [{"offer": "contract", "instances": instances, "renew": True}]}),
        "build": (("datacenter", "on_demand"), {"buy": [{"offer": "own", "instances": instances}]}),
        "tokens": (("token_api",), {}),
    }
    return {
        name: say.Policy(name, Fifo(blocking="skipping"), Way(kinds), FixedPlan.model_validate(plan))
        for name, (kinds, plan) in plans.items()
    }


def costs(scenario: Scenario) -> dict[str, dict[str, float]]:
    """USD by account of each way, what lost requests were worth among them."""
    world = build(scenario)
    found = {}
    for name, policy in policies(world).items():
        measured = Measured(world, run(world, policy))
        found[name] = cost.by_account(measured) | {"lost requests": cost.lost_requests_usd(measured)}
    return found


def draw(found: dict[str, dict[str, dict[str, float]]]) -> Figure:
    """A panel a case, a bar a way in thousands of dollars a month; the cheapest stands out and says what decided."""
    figure = Figure(figsize=(13, 5.2), layout="constrained")
    panels = figure.subplots(1, len(found))
    for panel, case in zip(panels, CASES, strict=True):
        ways = found[case.title]
        best = cheapest(ways)
        bottom = np.zeros(len(ways))
        for accounts, colour in PARTS.values():
            height = np.array([sum(parts.get(name, 0.0) for name in accounts) for parts in ways.values()]) / 24_000
            bars = panel.bar(list(ways), np.maximum(height, 0), bottom=bottom, color=colour, width=0.72)
            for way, bar in zip(ways, bars, strict=True):
                bar.set_alpha(1.0 if way == best else 0.35)
            bottom += np.maximum(height, 0)
        for index, (way, top) in enumerate(zip(ways, bottom, strict=True)):
            weight = "bold" if way == best else "normal"
            panel.annotate(f"{top:,.0f}", (index, top), ha="center", va="bottom", fontsize=11, weight=weight)
        panel.set_ylim(0, float(bottom.max()) * 1.12)
        panel.set_yticks([])
        panel.spines[["top", "right", "left"]].set_visible(False)
        panel.tick_params(axis="x", length=0, labelsize=11)
        panel.get_xticklabels()[list(ways).index(best)].set_weight("bold")
        panel.set_title(f"{WINS[case.winner]}\n", fontsize=14, weight="bold", loc="left")
        panel.annotate(case.title, (0, 1.02), xycoords="axes fraction", fontsize=10.5, color="0.25", va="bottom")
    patches = [Patch(color=colour, label=part) for part, (_, colour) in PARTS.items()]
    figure.legend(handles=patches, loc="outside lower center", ncols=len(PARTS), fontsize=10.5, frameon=False)
    figure.suptitle(
        "One product, two years, one number changed at a time: thousand USD a month", fontsize=12, x=0.01, ha="left"
    )
    return figure


def cheapest(ways: dict[str, dict[str, float]]) -> str:
    """The way with the least total."""
    return min(ways, key=lambda way: sum(ways[way].values()))


def main() -> None:
    """Run, print, draw, check."""
    tally, found = Tally(), {}
    document = SCENARIO
    for case in CASES:
        given = scenarios.loads(document)
        found[case.title] = costs(given if case.edit is None else given.changed([case.edit]))
    print("thousand USD a month over two years, lost requests at their value among them")
    for case in CASES:
        ways = found[case.title]
        print(f"\n{case.title}" + (f"   ({case.edit})" if case.edit else ""))
        for way, parts in ways.items():
            total = sum(parts.values())
            largest = sorted(parts.items(), key=lambda part: -abs(part[1]))[:4]
            shares = ", ".join(f"{account} {usd / 24_000:,.1f}" for account, usd in largest if usd)
            print(f"  {way:<7}{total / 24_000:>10,.1f}  {'<- cheapest' if way == cheapest(ways) else '':<12} {shares}")
        tally.check(f"{case.winner} is the cheapest: {case.title}", cheapest(ways) == case.winner)
        second, best = sorted(sum(parts.values()) for parts in ways.values())[1::-1]
        tally.check(f"by more than 1 %: {case.title}", second > 1.01 * best, f"{second / best - 1:.1%}")
    figure = draw(found)
    figure.savefig(HERE / "one_number.png", dpi=110, metadata={"Software": None})
    tally.end()


if __name__ == "__main__":
    main()
