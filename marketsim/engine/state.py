"""What the engine keeps in hand: jobs that wait or run, and instances that are held."""

from __future__ import annotations

from marketsim.demand.job import Need, raised
from marketsim.engine import progress

WAITING, RUNNING, STOPPING, GONE = range(4)


class JobState:
    """A job between its arrival and its end; to a policy, a `JobView`. It does not hold the true work."""

    __slots__ = (
        "_remaining",
        "arrival_s",
        "attempt",
        "budget_ended",
        "counted_s",
        "deadline_s",
        "end_s",
        "estimate",
        "gang",
        "held",
        "id",
        "instance",
        "kept",
        "need",
        "need_index",
        "offer",
        "overhead_s",
        "phase",
        "quiet_s",
        "ready_s",
        "speed_ppm",
        "started_s",
        "tenant",
        "ticket",
    )

    def __init__(
        self, id: int, need: Need, need_index: int, arrival_s: int, deadline_s: int, estimate: int, tenant: int
    ) -> None:
        self.id = id
        self.need = need
        self.held = need  # of the running attempt; another than its need where the job is elastic
        self.need_index = need_index
        self.arrival_s = arrival_s
        self.deadline_s = deadline_s
        self.estimate = estimate
        self.tenant = tenant
        self.attempt = 0
        self.kept = 0  # work safe from earlier attempts
        self.phase = WAITING
        self.budget_ended = False
        self.offer: str | None = None
        self.ticket = 0  # its place in the queue; an older ticket there is stale
        self.ready_s = self.overhead_s = self.speed_ppm = self.counted_s = self._remaining = 0  # of the running attempt
        self.end_s = -1  # of the running attempt, as the engine knows it; a timer for another second is stale
        self.started_s = -1
        self.quiet_s = 0  # the running attempt need not be reviewed before
        self.instance: Instance
        self.gang: list[Instance] | None = None  # the other instances of a gang

    def progress_at(self, t_s: int) -> int:
        """Work done and not lost, by an instant, if nothing happens before."""
        if self.offer is None:
            return self.kept
        need = self.held
        elapsed = t_s - self.ready_s
        return (
            self.kept
            + progress.reached(
                elapsed, self._remaining, need.gang_milli, self.speed_ppm, self.overhead_s, need.checkpoint
            ).done
        )

    def overhead_left_s(self, t_s: int) -> int:
        """Seconds of boot, transfer and restart the running attempt still has before it, 0 when none."""
        return 0 if self.offer is None else max(self.ready_s + self.overhead_s - t_s, 0)

    def estimated_left(self, t_s: int) -> int:
        """Work left by the estimate, doubled once the job has run past it; at least 1. Asking changes nothing."""
        done = self.progress_at(t_s)
        return raised(self.estimate, done) - done


UP, NOTICE, DOWN, OVER = range(4)


class Instance:
    """One machine held from launch to release: the unit of billing, of failure and of taking back."""

    __slots__ = (
        "billed_to_s",
        "commitment",
        "empty_since_s",
        "free",
        "hold_until_s",
        "holders",
        "id",
        "launched_s",
        "other_users",
        "seat",
        "sole_job",
        "sole_service",
        "state",
        "up_s",
    )

    def __init__(self, id: int, seat: int, milli: int, launched_s: int, up_s: int, commitment: int) -> None:
        self.id = id
        self.seat = seat
        self.free = milli  # thousandths of a GPU not taken
        self.launched_s = launched_s
        self.billed_to_s = launched_s
        self.up_s = up_s
        self.commitment = commitment  # its number, -1 for a metered lease
        self.state = UP
        self.holders: dict[JobState | Replica, None] = {}  # who has a share, in order of start
        self.hold_until_s = -1
        self.empty_since_s = -1
        self.sole_job = -1  # the one job it has served so far
        self.sole_service = -1
        self.other_users = False  # whether it has served more than one


class Replica:
    """One replica of a service on a share of an instance."""

    __slots__ = ("counted_s", "instance", "offer_index", "ready_s", "service", "started_s")

    def __init__(self, service: int, offer_index: int, instance: Instance, started_s: int, ready_s: int) -> None:
        self.service = service
        self.offer_index = offer_index
        self.instance = instance
        self.started_s = started_s
        self.counted_s = started_s  # up to when its use has been charged
        self.ready_s = ready_s
