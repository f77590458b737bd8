"""A small world in which everything happens, on which policies are tried: a few days, some dozens of jobs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from marketsim.demand.job import NEVER, Autoscale, Checkpoint, JobTable, Need, Service, elastic
from marketsim.path import Path
from marketsim.settings import Seconds
from marketsim.streams import Dice
from marketsim.supply.lead import Constant, Delivery
from marketsim.supply.offer import Offer, OutageLaw
from marketsim.supply.rental_terms import RentalTerms
from marketsim.supply.shape import Shape
from marketsim.units import DAY_S, HOUR_S, PPM, UNLIMITED
from marketsim.world import Order, World

JOBS_A_DAY = 20


def trial_world(number: int = 0, days: int = 3) -> World:
    """Jobs with and without deadlines, shares, gangs, elastic ones, two tenants, data to move, a service with a daily
    cycle; own servers that come with the start, on-demand with a quota that runs out and outages, two spot zones that
    come and go with notice, slower and cheaper GPUs, a rental that can be signed. One world a number; all of it is made
    up.
    """
    dice = Dice(0, number).under("trial")
    return World(
        horizon_s=days * DAY_S,
        jobs=_jobs(dice, days),
        offers=_offers(dice, days),
        services=(_service(days),),
        drain_s=DAY_S,
        orders=(Order("rent", 1),),
        dice=dice,
    )


def _jobs(dice: Dice, days: int) -> JobTable:
    size = days * JOBS_A_DAY
    keep = Checkpoint(every_s=HOUR_S, cost_s=60, restart_s=120)
    train = Need("train", 1, 8_000, checkpoint=keep, data_gb=50.0, usd_per_late_day=500.0, usd_at_most=2_000.0)
    needs = (
        elastic(train, [replace(train, milli=4_000)], sigma=0.02),
        Need("try", 1, 1_000, checkpoint=keep),
        Need("try", 1, 500, checkpoint=Checkpoint(every_s=None), priority=2),
        Need("gang", 2, 8_000, interconnect="fabric", checkpoint=keep, priority=1, usd_per_late_day=100.0),
    )
    u = dice.uniforms("jobs", 5 * size).reshape(5, size)
    arrival_s = np.sort((u[0] * 0.9 * days * DAY_S).astype(np.int64)) // 60 * 60
    need = np.searchsorted([0.2, 0.7, 0.9], u[1], side="right")
    gang_milli = np.array([one.gang_milli for one in needs])[need]
    run_s = (600 + u[2] ** 3 * 20 * HOUR_S).astype(np.int64)
    estimate_s = (run_s * np.exp(0.8 * (u[3] - 0.5))).astype(np.int64) + 60
    deadline_s = np.where(u[4] < 0.7, arrival_s + (estimate_s * (1.3 + 3 * u[4])).astype(np.int64) + 1_800, NEVER)
    tenant = (np.arange(size) % 3 == 0).astype(np.int64)
    return JobTable(
        needs, need, arrival_s, run_s * gang_milli, estimate_s * gang_milli, deadline_s, tenant, ("red", "blue")
    )


def _service(days: int) -> Service:
    hours = np.arange(days * 24)
    requests = 20 + 15 * np.sin(hours / 24 * 2 * np.pi)
    return Service(
        "chat",
        Path(hours * HOUR_S, requests),
        Need("chat", 1, 2_000),
        {"H100": 6.0, "A100-80GB": 3.0},
        usd_per_lost_request=0.01,
        autoscale=Autoscale(period_s=600),
    )


def _offers(dice: Dice, days: int) -> tuple[Offer, ...]:
    h100 = Shape("H100", 8, interconnect="fabric", largest_gang=4)
    small = Shape("A100-80GB", 4, interconnect="nvlink")
    slower = {("nlp", "H100"): 450_000, ("nlp", "A100-80GB"): PPM}
    zones = [
        Offer(
            f"spot-{zone}",
            "spot",
            h100,
            provider="cloud",
            zone=zone,
            price=_walk(dice, zone, level, days),
            launchable=(here := _spells(dice, zone, most)),
            keepable=here,
            boot_s=180,
            notice_s=120,
            usd_per_gb_out=0.02,
        )
        for zone, level, most in (("a", 16.0, 3), ("b", 14.0, 2))
    ]
    many = Path.constant(UNLIMITED)
    scarce = Path.steps([(0, UNLIMITED), (14 * HOUR_S, 0), (18 * HOUR_S, UNLIMITED)])
    delivery = Delivery(Constant(time=Seconds(0)), dice.under("lead"), Path.constant(1.0))
    outage = OutageLaw(20 * HOUR_S, HOUR_S, dice=dice.under("outages"))
    return (
        Offer(
            "cloud",
            "on_demand",
            h100,
            provider="cloud",
            zone="a",
            launchable=scarce,
            keepable=many,
            price=Path.steps([(0, 40.0), (16 * HOUR_S, 44.0)]),
            quota=4,
            quota_step=2,
            quota_grant_s=6 * HOUR_S,
            boot_s=180,
            outage=outage,
            usd_per_gb_out=0.09,
        ),
        Offer(
            "small", "on_demand", small, provider="other", zone="c", launchable=many, keepable=many,
            price=Path.constant(9.0), boot_s=120, speed_ppm=slower, usd_per_gb_in=0.01,
        ),
        *zones,
        Offer(
            "rent", "rental", h100, provider="neo", zone="n", data_here=("train",),
            commitment=RentalTerms(Path.constant(20.0), 30 * DAY_S, delivery),
        ),
    )  # fmt: skip


def _walk(dice: Dice, zone: str, level: float, days: int) -> Path:
    """A price that is set every two hours."""
    u = dice.uniforms(f"price/{zone}", days * 24)
    return Path(np.arange(len(u)) * 2 * HOUR_S, np.round(level * np.exp(0.3 * np.cumsum(u - 0.5)), 4))


def _spells(dice: Dice, zone: str, most: int) -> Path:
    """Spells of some hours with room for up to `most` instances, and none at every third."""
    u = dice.uniforms(f"spells/{zone}", 80).reshape(2, 40)
    times = np.concatenate(([0], np.cumsum((HOUR_S * (1 + 6 * u[0])).astype(np.int64))))[:-1]
    counts = np.where(u[1] < 0.33, 0, 1 + np.floor(u[1] * most))
    return Path(times, np.minimum(counts, most))
