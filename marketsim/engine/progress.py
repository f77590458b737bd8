"""How far an attempt has come: overhead first, then work with a checkpoint after each interval; pure whole numbers.

Work is milli-GPU-seconds on the reference GPU. An attempt does `gang_milli x speed_ppm / 10^6` of it in a second.
A checkpoint saves, once it has ended, the progress made at its start.
"""

from __future__ import annotations

from typing import NamedTuple

from marketsim.demand.job import Checkpoint
from marketsim.units import PPM


def compute_s(work: int, gang_milli: int, speed_ppm: int) -> int:
    """Whole seconds that the work takes without overhead or checkpoints, rounded up exactly."""
    if speed_ppm == PPM:
        return -(-work // gang_milli)
    return -(-work * PPM // (gang_milli * speed_ppm))


def held_s(work: int, gang_milli: int, speed_ppm: int, overhead_s: int, how: Checkpoint) -> int:
    """Whole seconds from the moment the instances are ready to the end of the work."""
    seconds = compute_s(work, gang_milli, speed_ppm)
    if how.every_s and how.cost_s:
        full, part = divmod(seconds, how.every_s)
        written = full if part or how.final else full - 1
        seconds += (written + (1 if how.final and part else 0)) * how.cost_s
    return overhead_s + seconds


class Reached(NamedTuple):
    """Work done, work safe in a checkpoint, and the seconds of overhead and checkpoints (the rest is work)."""

    done: int
    safe: int
    overhead_s: int
    checkpoint_s: int


def reached(elapsed_s: int, work: int, gang_milli: int, speed_ppm: int, overhead_s: int, how: Checkpoint) -> Reached:
    """Where an attempt stands `elapsed_s` after its instances were ready; negative counts as 0.

    The interval 0 means that work is never lost, None that only finished work is safe.
    """
    if elapsed_s <= overhead_s:
        return Reached(0, 0, max(elapsed_s, 0), 0)
    running_s = elapsed_s - overhead_s
    every_s, cost_s = how.every_s, how.cost_s
    if not every_s:
        done = _work_in(running_s, work, gang_milli, speed_ppm)
        return Reached(done, done if every_s == 0 or done == work else 0, overhead_s, 0)
    cycles, rest_s = divmod(running_s, every_s + cost_s)
    worked_s = cycles * every_s + min(rest_s, every_s)
    done = _work_in(worked_s, work, gang_milli, speed_ppm)
    ended = done == work and not how.final  # work that ends with a checkpoint is safe only once that is written
    safe = done if ended else _work_in(cycles * every_s, work, gang_milli, speed_ppm)
    return Reached(done, safe, overhead_s, running_s - worked_s)


def _work_in(seconds: int, work: int, gang_milli: int, speed_ppm: int) -> int:
    amount = seconds * gang_milli if speed_ppm == PPM else seconds * gang_milli * speed_ppm // PPM
    return min(amount, work)
