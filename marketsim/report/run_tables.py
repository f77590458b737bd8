"""The tables of one run: capacity, the hours of the week, the spot market, jobs, and the story of one of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from marketsim import units
from marketsim.demand.job import NEVER
from marketsim.demand.load import gpus_counted
from marketsim.experiment.results import Results
from marketsim.ledger import CAUSES
from marketsim.metrics.measured import Measured

if TYPE_CHECKING:
    import pandas as pd

    from marketsim.scenario import Scenario

Floats = NDArray[np.float64]
MOST_STORY = 400


def of_run(measured: Measured, policy: str, start: str | None = None) -> dict[str, pd.DataFrame]:
    """Tables of one run, each with its policy and span: load, capacity, jobs, misses, spent, purse, spot,
    hours, story.

    start: the instant of second 0, ISO 8601 in UTC; without it there are no hours of the week.
    """
    import pandas as pd

    from marketsim.metrics import frames, load

    made = {
        "load": pd.DataFrame([vars(one) for one in load.against_market(measured.world)]),
        "capacity": frames.demand_and_capacity(measured).reset_index(),
        "jobs": frames.per_job(measured).reset_index(drop=True),
        "misses": frames.misses_by_workload(measured).reset_index(),
        "spent": frames.utilization_by_offer(measured).reset_index(),
        "purse": frames.purse(measured),
    }
    spots = spot(measured)
    if spots is not None:
        made["spot"] = spots
    if start is not None:
        made["hours"] = hours_of_week(measured, datetime.fromisoformat(start.replace("Z", "+00:00")))
    for frame in made.values():
        frame.insert(0, "policy", policy)
        frame.attrs.update({"end_s": int(max(measured.ledger.end_s, 1)), "horizon_s": measured.world.horizon_s})
        if start is not None:
            frame.attrs["start"] = start
    made["load"].attrs["gpus"] = gpus_counted(measured.world.jobs, measured.world.services)
    job = telling_job(measured)
    if job is not None:
        made["story"] = story(measured, job, policy)
    return made


def of_example(
    scenario: Scenario, results: Results, policy: str, notes: list[Any] | None = None
) -> dict[str, pd.DataFrame]:
    """Tables of replication 0 of a policy, run once more; nothing where the scenario has no such policy."""
    from marketsim.build import build, policy_of
    from marketsim.engine.run import run
    from marketsim.errors import MarketsimError
    from marketsim.i18n.locale import said
    from marketsim.metrics.measured import Measured

    if policy not in scenario.policies:
        return {}
    try:
        world = build(scenario, 0, int(results.stamp.get("seed", scenario.seed)))
        measured = Measured(world, run(world, policy_of(scenario, policy)))
        return of_run(measured, policy, scenario.start.strftime("%Y-%m-%dT%H:%M:%SZ"))
    except MarketsimError as error:
        if notes is not None:
            notes.append(said("report.limit.example", why=str(error).splitlines()[0]))
        return {}


def hours_of_week(measured: Measured, start: datetime) -> pd.DataFrame:
    """A row an hour of the week: weekday (0 Monday), hour (UTC), mean GPUs there and in use, up to the horizon."""
    import pandas as pd

    from marketsim.metrics import frames

    steps = frames.demand_and_capacity(measured, units.HOUR_S)
    steps = steps[steps.index < max(measured.world.horizon_s, 1)]
    offers = [offer.id for offer in measured.world.offers]
    moments = [start + timedelta(seconds=int(at)) for at in steps.index]
    frame = pd.DataFrame(
        {
            "weekday": [at.weekday() for at in moments],
            "hour": [at.hour for at in moments],
            "there": steps[offers].sum(axis=1).to_numpy(),
            "used": (steps["jobs"] + steps["services"]).to_numpy(),
        }
    )
    return frame.groupby(["weekday", "hour"]).mean().reset_index()


def spot(measured: Measured, step_s: int = units.DAY_S) -> pd.DataFrame | None:
    """The spot offer that was held most, by step: price a GPU-hour, share of time with capacity, GPUs held, reclaims.

    None where there is no spot offer. lost_gpu_h: work that its reclaims threw away, GPU-hours.
    """
    import pandas as pd

    from marketsim.metrics import frames

    world = measured.world
    there = [place for place, offer in enumerate(world.offers) if offer.kind == "spot" and offer.price is not None]
    if not there:
        return None
    capacity = frames.demand_and_capacity(measured, step_s)
    place = max(there, key=lambda one: float(capacity[world.offers[one].id].sum()))
    offer = world.offers[place]
    assert offer.price is not None
    edges = np.append(capacity.index.to_numpy(np.int64), max(measured.ledger.end_s, 1))
    tries = measured.attempts
    gone = (tries.offer == place) & (tries.cause == CAUSES.index("reclaimed"))
    when = np.clip(np.searchsorted(edges, tries.stop_s[gone], side="right") - 1, 0, len(edges) - 2)
    lost = tries.lost[gone] / units.MILLI / units.HOUR_S
    return pd.DataFrame(
        {
            "offer": offer.id,
            "from_s": edges[:-1],
            "to_s": edges[1:],
            "usd_per_gpu_hour": means(edges, offer.price.times_s, offer.price.values) / offer.shape.gpus,
            "available": means(edges, offer.keepable.times_s, (offer.keepable.values > 0).astype(float)),
            "held": capacity[offer.id].to_numpy(),
            "reclaims": np.bincount(when, minlength=len(edges) - 1).astype(float),
            "lost_gpu_h": np.bincount(when, lost, minlength=len(edges) - 1),
        }
    )


def means(edges_s: NDArray[np.int64], times_s: NDArray[np.int64], values: Floats) -> Floats:
    """Mean of a step function (values from times on) between neighbouring edges; shape (edges - 1,)."""
    cuts = np.union1d(edges_s, times_s[(times_s > edges_s[0]) & (times_s < edges_s[-1])])
    level = values[np.clip(np.searchsorted(times_s, cuts[:-1], side="right") - 1, 0, len(values) - 1)]
    weight = np.diff(cuts)
    place = np.searchsorted(edges_s, cuts[:-1], side="right") - 1
    return np.asarray(np.bincount(place, level * weight, minlength=len(edges_s) - 1) / np.diff(edges_s))


def story(measured: Measured, job: int, policy: str) -> pd.DataFrame:
    """The spans of one job, in order: from_s, to_s, state, offer, cause of its end, work kept and lost in GPU-hours.

    state: waiting, starting (until its work begins), running. `attrs`: job, policy, arrival_s, deadline_s, finish_s.
    Raises IndexError for a job that the world does not have.
    """
    import pandas as pd

    world, tries = measured.world, measured.attempts
    jobs = world.jobs
    if not 0 <= job < len(jobs):
        raise IndexError(f"there is no job {job}")
    hour = units.MILLI * units.HOUR_S
    rows: list[dict[str, Any]] = []
    free = int(jobs.arrival_s[job])
    for row in np.flatnonzero(tries.job == job)[np.argsort(tries.start_s[tries.job == job], kind="stable")]:
        start, stop = int(tries.start_s[row]), int(tries.stop_s[row])
        ready = min(max(int(tries.ready_s[row]), start), stop)
        offer, cause = world.offers[int(tries.offer[row])].id, CAUSES[int(tries.cause[row])]
        if start > free:
            rows.append(_span(free, start, "waiting"))
        if ready > start:
            rows.append(_span(start, ready, "starting", offer, cause if ready == stop else ""))
        if stop > ready:
            done = {"kept_gpu_h": tries.kept[row] / hour, "lost_gpu_h": tries.lost[row] / hour}
            rows.append(_span(ready, stop, "running", offer, cause) | done)
        free = stop
    finish, deadline = int(measured.finish_s[job]), int(jobs.deadline_s[job])
    if finish >= NEVER and measured.ledger.end_s > free:
        rows.append(_span(free, int(measured.ledger.end_s), "waiting"))
    columns = ["from_s", "to_s", "state", "offer", "cause", "kept_gpu_h", "lost_gpu_h"]
    frame = pd.DataFrame(rows[:MOST_STORY], columns=columns)
    frame.attrs.update(
        job=jobs.names[job] if jobs.names else f"job-{job}",
        policy=policy,
        arrival_s=int(jobs.arrival_s[job]),
        deadline_s=None if deadline >= NEVER else deadline,
        finish_s=None if finish >= NEVER else finish,
    )
    return frame


def _span(from_s: int, to_s: int, state: str, offer: str = "", cause: str = "") -> dict[str, Any]:
    return {
        "from_s": from_s,
        "to_s": to_s,
        "state": state,
        "offer": offer,
        "cause": cause,
        "kept_gpu_h": 0.0,
        "lost_gpu_h": 0.0,
    }


def telling_job(measured: Measured) -> int | None:
    """The job whose story tells most: of the most attempts, the earliest; None where there is no job."""
    if not len(measured.world.jobs):
        return None
    return int(np.argmax(np.bincount(measured.attempts.job, minlength=len(measured.world.jobs))))
