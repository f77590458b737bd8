"""Random small worlds with every way to get compute, and random policies out of every kind of rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from small_worlds import Job, Lease, Plan, Upkeep, job_table, market, own

from marketsim.demand.job import NEVER, Autoscale, Checkpoint, Need, Service, elastic
from marketsim.path import Path
from marketsim.policies import placement, queueing
from marketsim.policies import policy as say
from marketsim.streams import Dice
from marketsim.supply.offer import BUSY, CALENDAR, Offer, OutageLaw
from marketsim.supply.shape import Shape
from marketsim.world import Credit, Money, Order, World

HORIZON_S = 300
LONG = {"decide_every", "review", "wait_before_fallback", "patience", "keep_slack", "wait_for_data", "at_most", "slice",
        "memory", "prior_spell", "prior_life", "patient", "hurry", "no_deadline", "without_deadline"}  # fmt: skip


@st.composite
def counts(draw: Any, most: int = 3) -> Path:
    """A path of whole numbers that falls and rises."""
    times = sorted(draw(st.sets(st.integers(1, 400), max_size=5)))
    return Path.steps([(0, draw(st.integers(1, most))), *((t, draw(st.integers(0, most))) for t in times)])


@st.composite
def need_of(draw: Any, gang: int) -> Need:
    """A share or a gang, of one size or elastic, with or without checkpoints, patience, data, priority."""
    how = Checkpoint(
        draw(st.sampled_from([None, 0, 15])), draw(st.integers(0, 3)), draw(st.integers(0, 4)), 0, draw(st.booleans())
    )
    instances = draw(st.integers(1, gang))
    one = Need(
        "work",
        instances,
        draw(st.sampled_from([400, 1000, 2000])) if instances == 1 else 2000,
        reference_gpu="GPU",
        checkpoint=how,
        patience_s=draw(st.sampled_from([NEVER, NEVER, 60])),
        data_gb=draw(st.sampled_from([0.0, 0.05])),
        priority=draw(st.integers(0, 2)),
    )
    gangs = [(1, 400), (1, 1000), *((count, 2000) for count in range(1, gang + 1))]
    others = draw(st.sets(st.sampled_from([size for size in gangs if size != (one.instances, one.milli)])))
    sizes = [replace(one, instances=count, milli=milli) for count, milli in sorted(others)]
    return elastic(one, sizes if draw(st.booleans()) else (), draw(st.sampled_from([0.0, 0.1, 1.0])))


@st.composite
def jobs_of(draw: Any, gang: int = 1, most: int = 10, chains: bool = True) -> list[Job]:
    """Jobs with deadlines or none, estimates that are off, and here and there a predecessor."""
    kinds = [draw(need_of(gang)) for _ in range(draw(st.integers(1, 3)))]
    rows: list[Job] = []
    for at_s in sorted(draw(st.lists(st.integers(0, 250), min_size=1, max_size=most))):
        follows = chains and bool(rows) and draw(st.integers(0, 5)) == 0
        rows.append(
            Job(
                at_s,
                draw(st.integers(1, 90)),
                draw(st.sampled_from(kinds)),
                draw(st.sampled_from([NEVER, at_s + 60, at_s + 200])),
                draw(st.integers(1, 120)),
                (draw(st.integers(0, len(rows) - 1)),) if follows else (),
            )
        )
    return rows


def law_of(draw: Any) -> OutageLaw | None:
    """No failures, or by the calendar with or without crews, or by busy time."""
    kind = draw(st.sampled_from(["none", CALENDAR, BUSY, "crews"]))
    if kind == "none":
        return None
    clock, crews = (CALENDAR, 1) if kind == "crews" else (kind, None)
    return OutageLaw(
        draw(st.integers(40, 400)), draw(st.integers(0, 40)), clock, crews, dice=Dice(draw(st.integers(0, 9)))
    )


@st.composite
def worlds(draw: Any, services: bool = True, chains: bool = True) -> World:
    """Our own machines, a rental, on demand, spot, tokens; some jobs and perhaps a service."""
    gang = draw(st.sampled_from([1, 1, 2]))
    price = Path.steps([(0, 3.6), (draw(st.integers(1, 200)), draw(st.floats(0.5, 9.0)))])
    there, quantum_s = draw(counts()), draw(st.sampled_from([1, 60]))
    law = law_of(draw)
    crewless = None if law is None or law.crews is not None else law
    offers = [
        own(gpus=2, gang=gang, outage=law, standing=Upkeep(3, 5, 1)),
        own("rent", gpus=2, gang=gang, kind="rental", commitment=Lease(draw(st.sampled_from([70, 400])), lead_s=20)),
        market(
            gpus=2, gang=gang, can_start=draw(counts()), boot_s=draw(st.integers(0, 5)), quantum_s=quantum_s,
            minimum_s=draw(st.sampled_from([0, 45])), outage=crewless, uplink_mbit_s=100, usd_per_gb_in=0.1,
        ),
        market(
            "spot", "spot", gpus=2, gang=gang, can_start=there, can_keep=there, usd_per_hour=price,
            notice_s=draw(st.sampled_from([0, 10])), boot_s=draw(st.integers(0, 5)),
        ),
        Offer("api", "token_api", Shape("tokens", 0), usd_per_input_token=0.0, usd_per_output_token=1e-6),
    ]  # fmt: skip
    if draw(st.booleans()):
        fast = replace(offers[3].shape, gpu="FAST")
        offers[3] = replace(offers[3], shape=fast, speed_ppm={("nlp", "GPU"): 1_400_001})
    held = draw(st.integers(0, 2))
    return World(
        HORIZON_S,
        job_table(*draw(jobs_of(gang, chains=chains))),
        tuple(offers),
        services=(draw(service()),) if services and draw(st.booleans()) else (),
        drain_s=draw(st.sampled_from([0, 100, 2_000])),
        orders=(Order("own", held),) if held else (),
        money=Money(10**9, credits=(Credit("cloud", draw(st.sampled_from([0, 50_000])), 200),)),
        usd_per_gb_month_storage=0.02,
        dice=Dice(draw(st.integers(0, 9))),
    )


@st.composite
def service(draw: Any) -> Service:
    """A need that rises and falls."""
    times = sorted(draw(st.sets(st.integers(1, 290), max_size=4)))
    rate = Path.steps([(0, draw(st.floats(0, 30))), *((t, draw(st.floats(0, 30))) for t in times)])
    replica = Need("chat", milli=draw(st.sampled_from([500, 1000, 2000])), reference_gpu="GPU")
    return Service(
        "chat", rate, replica, {"GPU": 10.0, "FAST": 14.0}, 0.01, autoscale=Autoscale(20, 0.2, draw(st.integers(0, 1))),
        output_tokens=draw(st.sampled_from([None, 100.0])), input_tokens=0.0,
    )  # fmt: skip


def placements() -> dict[str, placement.Placement]:
    """Every rule with its times shortened to those of a small world."""
    found = {}
    for name, kind in placement.KINDS.items():
        made = kind()
        short = dict.fromkeys(LONG & set(kind.model_fields), 20)
        found[name] = made.model_copy(update={key: value for key, value in short.items() if _is_time(made, key)})
    return found


def _is_time(made: placement.Placement, key: str) -> bool:
    return isinstance(getattr(made, key), int) and getattr(made, key) > 20


PLACEMENTS = placements()


@st.composite
def policies(draw: Any, clairvoyant: bool = True, signs: bool = True) -> say.Policy:
    """Any queue rule with any placement, with and without signatures."""
    names = [name for name in queueing.KINDS if clairvoyant or not name.startswith("clairvoyant")]
    name, where = draw(st.sampled_from(names)), draw(st.sampled_from(sorted(PLACEMENTS)))
    blocking = draw(st.sampled_from(["strict", "skipping", "easy"]))
    queue = queueing.KINDS[name](blocking=blocking, capacity=draw(st.sampled_from([None, None, 2])))
    plan = None
    if signs and draw(st.booleans()):
        sign = say.Sign("rent", 1, renew=draw(st.booleans()))
        plan = Plan({draw(st.sampled_from([0, 50, 150])): [sign]})
    return say.Policy(f"{name}/{blocking}/{where}", queue, PLACEMENTS[where], plan)


def longer(made: World, job: int, work: int) -> World:
    """The same world to everybody who only sees estimates: one job's true work is another."""
    column = np.array(made.jobs.work)
    column[job] = work
    return replace(made, jobs=replace(made.jobs, work=column))
