"""What each lever of a policy saves, step by step: the policy run without levers, then with one more at a time.

Beside each step stands the quality that its lever costs: what the same throws make of it, which needs no run. Kept
beside results like the grid of what-ifs, with the run that it was made for.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from marketsim.errors import Fault, InputError

if TYPE_CHECKING:
    import pandas as pd

    from marketsim.experiment.results import Results
    from marketsim.scenario import Scenario

FILE = "levers.json"
COST = "total_cost_usd"


def make(scenario: Scenario, results: Results, replications: int, **run: Any) -> dict[str, Any] | None:
    """Mean total cost of the best policy that has levers, with none of them, one, two, ...; None where none has any.

    run: runner and progress, as `experiment.points.run_points` takes them.
    """
    from marketsim.experiment.points import run_points

    order = [name for name in (*results.best().order, *results.policies) if name in scenario.policies]
    policy = next((name for name in order if scenario.policies[name].levers), None)
    if policy is None:
        return None
    levers = list(scenario.policies[policy].levers)
    edits = [{f"policies.{policy}.levers": levers[:count]} for count in range(len(levers) + 1)]
    seed = int(results.stamp.get("seed", scenario.seed))
    found = run_points(scenario, edits, [policy], replications, seed, **run)
    steps = [
        {"step": name, COST: one.cell(policy, COST)["mean"], **quality(scenario, name, replications, seed)}
        for name, one in zip(["", *levers], found, strict=True)
    ]
    return {"policy": policy, "run": str(results.stamp.get("hash", "")), "n": replications, "steps": steps}


def quality(scenario: Scenario, lever: str, replications: int, seed: int) -> dict[str, Any]:
    """A lever's metric, its value without the lever, and its mean over replications with it; nothing without figures.

    A lever that misses its floor in a replication changes nothing there, and counts with the value without it.
    """
    from marketsim.build import throw_of
    from marketsim.levers.lever import drawn

    if not lever:
        return {}
    setting = scenario.levers[lever]
    throws = [throw_of(scenario, number, seed) for number in range(replications)]
    outcomes = [drawn(lever, setting, throw.dice, throw.folder).outcome for throw in throws]
    before = setting.prepared(scenario.folder).levels()[0].before
    if not before:
        return {}  # its source gives no level, as of rounds that the user states
    after = sum(one.value for one in outcomes) / len(outcomes)
    return {"metric": outcomes[0].metric, "before": before, "value": after}


def read(path: str | os.PathLike[str], run_hash: object) -> pd.DataFrame | None:
    """The steps as a chart takes them; None without a file or where it was made for another run. Raises InputError."""
    import pandas as pd

    try:
        with open(path, encoding="utf-8") as stream:
            data = json.load(stream)
        if data["run"] != run_hash:
            return None
        frame = pd.DataFrame(data["steps"], columns=["step", COST, "metric", "before", "value"])
        frame = frame.astype({COST: float, "before": float, "value": float})
        frame["metric"] = [metric if isinstance(metric, str) else "" for metric in frame["metric"]]
        frame.attrs["policy"] = str(data["policy"])
        return frame
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise InputError(Fault("no steps of levers", file=str(path))) from None
