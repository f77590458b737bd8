"""What moving together costs: the startup's risk with the market's loadings, against loadings of 0.

    python -m analysis.market_state [SCENARIO] [-n 20] [--policies spot-first,rent-and-burst] [--set a.b=c]

The same scenario, seed and replications twice: once as written, once with all loadings 0, so that spot prices, quotes,
stock and delivery are drawn by themselves. Printed for each policy: mean and P95 of total cost, P(cash below 0), and
the paired difference of the means. It is a picture of a risk, not of which policy is best.
"""

from __future__ import annotations

import argparse
import pathlib
import sys

import numpy as np

import marketsim as ms
from analysis.common import ROOT, Tally
from marketsim.experiment.results import Results
from marketsim.supply.market import Loadings

METRICS = ("total_cost_usd", "cash_out_usd", "cash_below_zero")


def results(path: pathlib.Path, edits: list[str], policies: list[str], count: int) -> Results:
    """All replications of the named policies."""
    return ms.run(ms.load(path, edits), policies=policies, replications=count, seed=1, workers=2)


def columns(found: Results, policy: str) -> dict[str, np.ndarray]:
    """Each metric of a policy by replication, in order."""
    return {name: np.array([value for _, value in sorted(found.column(policy, name).items())]) for name in METRICS}


def line(name: str, values: dict[str, np.ndarray]) -> str:
    """One row of the table."""
    cost = values["total_cost_usd"] / 1e6
    tail = (values["cash_below_zero"] > 0).mean()
    return (
        f"{name:28s} {cost.mean():8.3f} {cost.std(ddof=1):7.3f} {np.quantile(cost, 0.95):8.3f} "
        f"{np.quantile(values['cash_out_usd'] / 1e6, 0.95):10.3f} {tail:9.2f}"
    )


def main(arguments: list[str] | None = None) -> None:
    """Runs both worlds and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", nargs="?", type=pathlib.Path, default=ROOT / "scenarios" / "startup.yaml")
    parser.add_argument("-n", type=int, default=20)
    parser.add_argument("--policies", default="spot-first,rent-and-burst")
    parser.add_argument("--set", action="append", default=[], help="settings of both worlds, a.b=c")
    options = parser.parse_args(arguments)
    policies = options.policies.split(",")
    apart = [f"market.scarcity.loadings.{name}=0" for name in Loadings.model_fields]
    worlds = {
        "as written": results(options.scenario, options.set, policies, options.n),
        "loadings 0": results(options.scenario, options.set + apart, policies, options.n),
    }
    said = "".join(f"{edit}, " for edit in options.set)
    print(f"{options.scenario.name}, {options.n} replications, {said}millions of USD")
    print(f"{'':28s} {'mean':>8s} {'sd':>7s} {'P95':>8s} {'P95 cash':>10s} {'P(cash<0)':>9s}")
    tally = Tally()
    wider = moved = 0
    for policy in policies:
        found = {name: columns(world, policy) for name, world in worlds.items()}
        for name, values in found.items():
            print(line(f"{policy}, {name}", values))
            finite = all(np.isfinite(column).all() for column in values.values())
            tally.check(
                f"{policy}, {name}: {options.n} finite outcomes", finite and len(values[METRICS[0]]) == options.n
            )
        together, alone = (found[name]["total_cost_usd"] for name in worlds)
        gap = together - alone
        error = gap.std(ddof=1) / np.sqrt(len(gap))
        print(f"{'':4s}difference of means {gap.mean() / 1e6:+.3f} +- {error / 1e6:.3f} (paired)")
        wider += bool(together.std(ddof=1) > alone.std(ddof=1))
        moved += bool(np.abs(gap).max() > 0)
    print(f"spread of cost is wider with the loadings under {wider} of {len(policies)} policies")
    tally.check("the loadings change the outcome of a policy", moved > 0)
    sys.stdout.flush()
    tally.end()


if __name__ == "__main__":
    main()
