"""A scenario against the bill of the same time: how far off is the model, month by month, and where does it come from?

Compared is what a simulation charges: instances on demand, on spot and by commitment, and data kept. Everything else of
the bill is listed beside it with its dollars. The difference of metered dollars is taken apart into parts that add up:

    demand   (H_sim - H_inv) x P_inv                  more or fewer GPU-hours, at the invoiced mean price
    prices   sum over ways h_sim x (p_sim - p_inv)    the same hours at another price
    policy   the rest                                 the same hours had in other ways, and what was committed to

with H GPU-hours in all, P their mean price, h and p those of one way to have one sort of GPU.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from marketsim import units
from marketsim.billing import simulated
from marketsim.billing.bill import CATEGORIES, COMPUTE, Bill, Line, month_of
from marketsim.build import build, policy_of
from marketsim.engine.run import run
from marketsim.errors import Fault, InputError
from marketsim.experiment.statistics.interval import Interval, t_interval
from marketsim.scenario import Scenario
from marketsim.scenario_parts import Validation

if TYPE_CHECKING:
    import pandas as pd

MODELLED = (*COMPUTE, "storage")
METERED = ("on_demand", "spot")
DEFAULT_WITHIN = 0.10
LEAST_DRAWS = 3  # of the fitted workloads: fewer show no spread
TODAY = "today"


@dataclass(frozen=True)
class Month:
    """A month's micro-dollars: invoiced, simulated (the mean of replications) with its spread, and the parts of the
    difference; by_category has (invoiced, simulated) of each category."""

    month: str
    invoiced: int
    simulated: float
    p10: float
    p90: float
    demand: float
    prices: float
    policy: float
    by_category: Mapping[str, tuple[int, float]]

    @property
    def error_share(self) -> float:
        """Simulated over invoiced, less 1; 0 where nothing was either."""
        if self.invoiced:
            return self.simulated / self.invoiced - 1
        return 0.0 if abs(self.simulated) < 1 else float("inf")


@dataclass(frozen=True)
class Report:
    """What a back-test found."""

    scenario: str
    policy: str
    bill: str
    months: tuple[Month, ...]
    replications: int
    outside: Mapping[str, int]  # category -> micro-dollars of the bill that are not simulated
    error: Interval  # of the months' error shares
    fitted: tuple[Month, ...] = ()  # the same months under the fitted workloads
    left_out: tuple[str, ...] = ()  # months of the bill that the scenario does not cover
    within_share: float = DEFAULT_WITHIN
    workloads: tuple[str, ...] = ()  # those that were simulated

    @property
    def worst(self) -> Month:
        """The month with the largest error."""
        return max(self.months, key=lambda one: abs(one.error_share))

    @property
    def invoiced(self) -> int:
        """Micro-dollars invoiced of what is simulated."""
        return sum(one.invoiced for one in self.months)

    @property
    def simulated(self) -> float:
        """Micro-dollars simulated."""
        return sum(one.simulated for one in self.months)

    @property
    def covered_share(self) -> float:
        """Share of the months' invoiced dollars, whatever their sign, that the model stands for."""
        rest = sum(abs(micro) for micro in self.outside.values())
        whole = self.invoiced + rest
        return self.invoiced / whole if whole else 0.0

    def validation(self, tested: str) -> Validation:
        """The verdict as a scenario keeps it."""
        error = self.error
        ends = () if error.low is None or error.high is None else (round(error.low, 6), round(error.high, 6))
        return Validation(
            bill=self.bill[:200], months=f"{self.months[0].month} to {self.months[-1].month}",
            worst_month_share=round(min(abs(self.worst.error_share), 1e6), 6), mean_share=round(error.value, 6),
            low_share=ends[0] if ends else None, high_share=ends[1] if ends else None,
            within_share=self.within_share, tested=tested,
        )  # fmt: skip

    def frame(self) -> pd.DataFrame:
        """The table that the chart `invoices` takes."""
        import pandas as pd

        return pd.DataFrame(
            {
                "month": [one.month for one in self.months],
                "invoiced_usd": [units.usd(one.invoiced) for one in self.months],
                "simulated_usd": [one.simulated / units.MICRO for one in self.months],
                **self._spread(),
            }
        )

    def _spread(self) -> dict[str, list[float]]:
        """P10 and P90 of the fitted workloads where they were drawn, else of the replications where there are some."""
        source = self.fitted or (self.months if self.replications > 1 else ())
        return {name: [getattr(one, name) / units.MICRO for one in source] for name in ("p10", "p90")} if source else {}


def backtest(
    scenario: Scenario,
    bill: Bill,
    policy: str = TODAY,
    replications: int = 5,
    seed: int | None = None,
    within_share: float = DEFAULT_WITHIN,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Simulate the bill's months under a policy and compare. Raises InputError where the two do not meet in time.

    replications: draws of the world, fewer where nothing in it is drawn; as many of the fitted workloads, if there are.
    """
    policy_of(scenario, policy)
    months, left_out = _months(scenario, bill)
    tell = progress or (lambda _: None)
    tell("recorded workloads")
    simulated_bills = _simulate(scenario, policy, replications, seed)
    compared = tuple(_month(month, bill, simulated_bills) for month in months)
    fitted: tuple[Month, ...] = ()
    swapped = with_fitted(scenario) if replications >= LEAST_DRAWS else None
    if swapped is not None:
        tell("fitted workloads")
        drawn = _simulate(swapped, policy, replications, seed)
        fitted = tuple(_month(month, bill, drawn) for month in months)
    outside: dict[str, int] = defaultdict(int)
    for (month, category), micro in bill.by_month().items():
        if month in months and category not in MODELLED:
            outside[category] += micro
    if not any(one.invoiced for one in compared):
        raise InputError(Fault("no line of the bill is of what is simulated: GPUs and data kept", file=bill.source))
    return Report(
        scenario.name, policy, bill.source, compared, len(simulated_bills),
        {name: outside[name] for name in CATEGORIES if name in outside},
        t_interval([one.error_share for one in compared]), fitted, left_out, within_share,
        tuple(name for name, demand in scenario.demand.items() if demand.enabled),
    )  # fmt: skip


def with_fitted(scenario: Scenario) -> Scenario | None:
    """The scenario with recorded workloads off and fitted ones on, None where it has not both."""
    recorded = [name for name in scenario.demand if name.startswith("recorded")]
    fitted = [name for name in scenario.demand if name.startswith("fitted")]
    if not recorded or not fitted:
        return None
    edits: dict[str, Any] = {f"demand.{name}.enabled": False for name in recorded}
    edits |= {f"demand.{name}.enabled": True for name in fitted}
    return scenario.changed(edits)


def _months(scenario: Scenario, bill: Bill) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Months of the bill with lines of what is simulated that lie in the scenario's time, and those that do not."""
    start_s = round(scenario.start.timestamp())
    first, last = month_of(start_s), month_of(start_s + scenario.horizon - 1)
    wanted = sorted({line.month for line in bill.lines if line.category in MODELLED})
    inside = tuple(month for month in wanted if first <= month <= last)
    if not inside:
        what = "the bill and the scenario have no month in common"
        got = f"bill {wanted[0]} to {wanted[-1]}" if wanted else "a bill without such lines"
        raise InputError(Fault(what, file=bill.source, got=got, allowed=f"{first} to {last}"))
    return inside, tuple(month for month in wanted if month not in inside)


def _simulate(scenario: Scenario, policy: str, replications: int, seed: int | None) -> list[Bill]:
    """The bill of each replication; one where the second is the same, since nothing that counts is drawn."""
    out: list[Bill] = []
    for replication in range(replications):
        world = build(scenario, replication, seed)
        out.append(simulated.bill_of(world, run(world, policy_of(scenario, policy)), scenario.start))
        if replication == 1 and out[0].lines == out[1].lines:
            return out[:1]
    return out


def _month(month: str, bill: Bill, runs: Sequence[Bill]) -> Month:
    real = [line for line in bill.lines if line.month == month and line.category in MODELLED]
    drawn = [[line for line in one.lines if line.month == month and line.category in MODELLED] for one in runs]
    invoiced = sum(line.billed for line in real)
    totals = np.array([sum(line.billed for line in lines) for lines in drawn], np.float64)
    parts = np.array([taken_apart(real, lines) for lines in drawn], np.float64).mean(axis=0)
    demand, prices, policy = (float(part) for part in parts)
    categories = {
        name: (sum(line.billed for line in real if line.category == name),
               sum(line.billed for lines in drawn for line in lines if line.category == name) / len(drawn))
        for name in MODELLED
    }  # fmt: skip
    low, high = (float(np.quantile(totals, level)) for level in (0.1, 0.9))
    shown = {name: pair for name, pair in categories.items() if any(pair)}
    return Month(month, invoiced, float(totals.mean()), low, high, demand, prices, policy, shown)


def taken_apart(real: Sequence[Line], lines: Sequence[Line]) -> tuple[float, float, float]:
    """The difference of two bills in micro-dollars as (demand, prices, policy), which add up to it."""
    whole = float(sum(line.billed for line in lines) - sum(line.billed for line in real))
    was, now = _by_way(real), _by_way(lines)
    hours_was, hours_now = (sum(hours for hours, _ in ways.values()) for ways in (was, now))
    paid = sum(micro for _, micro in was.values())
    mean = paid / hours_was if hours_was else 0.0
    demand = (hours_now - hours_was) * mean
    prices = 0.0
    for way, (hours, micro) in now.items():
        if hours and way in was and was[way][0]:
            prices += hours * (micro / hours - was[way][1] / was[way][0])
    stored = [sum(line.billed for line in one if line.category == "storage") for one in (real, lines)]
    demand += stored[1] - stored[0]
    return demand, prices, whole - demand - prices


def _by_way(lines: Sequence[Line]) -> dict[tuple[str, str], tuple[float, float]]:
    """(category, GPU) -> GPU-hours and micro-dollars of what is metered."""
    ways: dict[tuple[str, str], tuple[float, float]] = {}
    for line in lines:
        if line.category in METERED:
            hours, micro = ways.get((line.category, line.gpu), (0.0, 0.0))
            ways[line.category, line.gpu] = (hours + line.hours * line.gpus, micro + line.billed)
    return ways
