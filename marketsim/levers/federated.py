"""Federated learning: the model travels to the data. A lever for privacy and residency, seldom for cost.

How many rounds a task takes is looked up in FedAvg's published tables by task, IID or not, E, B and C, or given by the
user; the time, bytes and device-hours of the rounds come out of `rounds.simulate`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from marketsim.data.gpus import canonical
from marketsim.data.tables import table
from marketsim.demand.job import Need
from marketsim.errors import nearest
from marketsim.levers import privacy
from marketsim.levers.effect import Effect, LeverOutcome, LeverWork, Tried
from marketsim.levers.lever import Lever
from marketsim.levers.rounds import ALWAYS, FederatedRun, RoundPlan, simulate, transfer_s
from marketsim.settings import Duration, NonNegative, OpenShare, Positive, PositiveCount, Share
from marketsim.streams import Dice, lognormal
from marketsim.units import HOUR_S, MILLI, PPM

# spread of the rounds over seeds, as standard deviation of the logarithm: the reference network to 85 % accuracy, five
# seeds, 100 clients (coefficients of variation 0.21, 0.15, 0.14 and 0.18 in the four settings)
ROUNDS_SIGMA = 0.18


def tasks() -> tuple[str, ...]:
    """The tasks of the published table, in its order."""
    return tuple(dict.fromkeys(row["model"] for row in table("fedavg_rounds")))


def published_rounds(
    task: str, target: float, epochs: int | str, batch: int | str, share: Any, iid: bool
) -> tuple[int | None, ...]:
    """Rounds to a target accuracy at E, B and C, as given: Tables 1 and 2 both have some settings.

    None where the target was not reached; empty for a setting that is not published.
    """
    return tuple(
        int(row["rounds"]) if row["rounds"] else None
        for row in table("fedavg_rounds")
        if row["model"] == task
        and float(row["target_acc"]) == target
        and row["iid"] == str(int(iid))
        and row["E"] == str(epochs)
        and row["B"] == str(batch)
        and _share_is(row["C"], share)
    )


def _share_is(cell: str, share: Any) -> bool:
    try:
        return math.isclose(float(cell), float(share), abs_tol=1e-9)
    except ValueError:
        return cell == str(share)


class Federated(Lever):
    """A training that runs on the clients that hold the data. Its jobs become rounds; nothing is moved but models."""

    kind: Literal["federated"] = "federated"
    applies_to: ClassVar[type] = Need

    device: str = Field(default="Jetson AGX Orin 64GB", description="what each client computes on")
    clients: PositiveCount = Field(description="clients that hold data (K)")
    selected: PositiveCount | None = Field(default=None, description="updates wanted a round; by default C x clients")
    client_share: Share = Field(default=0.1, description="share of the clients wanted a round (C)")
    over_selection: Annotated[float, Field(ge=1, le=10)] = Field(
        default=1.3, description="clients asked for each wanted (Bonawitz 2019: 130 %)"
    )
    wait_for: PositiveCount | None = Field(default=None, description="updates that end a round; by default all wanted")
    drop_out: OpenShare = Field(default=0.08, description="clients that do not answer (Bonawitz 2019: 6 to 10 %)")
    task: str | None = Field(default=None, description="a task of the published table, whose rounds are looked up")
    target_accuracy: float | None = Field(default=None, description="where the task has several")
    iid: bool = Field(default=False, description="whether clients' data are alike")
    local_epochs: PositiveCount = Field(default=5, description="passes over a client's data a round (E)")
    batch: PositiveCount | Literal["inf"] = Field(default=10, description="examples a local step (B), inf for all")
    rounds: PositiveCount | None = Field(default=None, description="your own number of rounds, in place of the table's")
    rounds_sigma: float = Field(
        default=ROUNDS_SIGMA, ge=0, le=10, description="spread of the rounds, sd of the logarithm"
    )
    most_rounds: PositiveCount = Field(default=10_000, description="given up beyond this: the training fails")
    model_mb: Positive = Field(description="megabytes of the model, sent to each client each round")
    samples_per_client: PositiveCount = Field(description="examples a client holds")
    sample_s: Positive = Field(description="device-seconds an example and epoch takes on the median client")
    speed_sigma: float = Field(
        default=0.5, ge=0, le=10, description="spread of client speed, sd of the log (assumption)"
    )
    uplink_mbit_s: Positive = Field(default=8.0, description="median uplink (1 MB/s or less: arXiv 1602.05629 s.1)")
    downlink_mbit_s: Positive = Field(default=40.0, description="median downlink (assumption: five times the uplink)")
    bandwidth_sigma: float = Field(
        default=0.5, ge=0, le=10, description="spread of bandwidth, sd of the log (assumption)"
    )
    latency_s: NonNegative = Field(default=0.05, description="seconds before the first byte of a transfer")
    update_bits: Literal[32, 16, 8, 4, 2] = Field(
        default=32, description="bits of an update's numbers; down to 2 the reference network needed no more rounds"
    )
    secure_aggregation: bool = Field(default=False, description="the server sees only sums; uploads grow 1.73 times")
    server_s_per_round: NonNegative = Field(default=1.0, description="seconds the server takes to average")
    round_timeout: Duration | None = Field(default=None, description="a client that takes longer counts as dropped out")
    awake: tuple[Share, ...] = Field(
        default=ALWAYS, strict=False, description="share of the clients available in each of 24 hours"
    )

    @model_validator(mode="after")
    def _plan_makes_sense(self) -> Federated:
        if self.selected is not None and self.selected > self.clients:
            raise ValueError(f"selected is {self.selected} of {self.clients} clients; allowed: <= clients")
        if self.wait_for is not None and self.wait_for > self.clients:
            raise ValueError(f"wait_for is {self.wait_for} of {self.clients} clients; allowed: <= clients")
        if self.wait_for is not None and self.wait_for > self.asked:
            raise ValueError(f"wait_for is {self.wait_for} of {self.asked} clients asked; allowed: <= clients asked")
        if len(self.awake) != 24:
            raise ValueError(f"awake has {len(self.awake)} shares; allowed: 24, one for each hour of the day")
        if max(self.awake) * self.clients < self.awaited:
            raise ValueError(f"never are {self.awaited} of {self.clients} clients awake at once")
        if self.secure_aggregation and self.drop_out > privacy.SECURE_AGGREGATION_DROP_OUT:
            raise ValueError(f"secure aggregation bears a drop_out of at most 1/3 (got {self.drop_out:g})")
        canonical(self.device)
        return self

    @property
    def wanted(self) -> int:
        """Updates wanted a round: max(C x K, 1), as in FedAvg."""
        return self.selected if self.selected is not None else max(1, round(self.client_share * self.clients))

    @property
    def awaited(self) -> int:
        """Updates that end a round."""
        return self.wait_for if self.wait_for is not None else self.wanted

    @property
    def asked(self) -> int:
        """Clients asked a round."""
        return min(self.clients, math.ceil(self.wanted * self.over_selection))

    def plan(self) -> RoundPlan:
        """The round as numbers."""
        sealed = privacy.mechanism("secure_aggregation").bytes if self.secure_aggregation else 1.0
        return RoundPlan(
            clients=self.clients,
            selected=self.wanted,
            wait_for=self.awaited,
            asked=self.asked,
            drop_out=self.drop_out,
            model_mb=self.model_mb,
            update_mb=self.model_mb * self.update_bits / 32 * sealed,
            compute_s=self.local_epochs * self.samples_per_client * self.sample_s,
            speed_sigma=self.speed_sigma,
            uplink_mbit_s=self.uplink_mbit_s,
            downlink_mbit_s=self.downlink_mbit_s,
            bandwidth_sigma=self.bandwidth_sigma,
            latency_s=self.latency_s,
            server_s=self.server_s_per_round,
            timeout_s=math.inf if self.round_timeout is None else float(self.round_timeout),
            awake=self.awake,
        )

    def expected_rounds(self) -> tuple[int, float, str]:
        """(rounds, accuracy they reach, source): the user's own, else the published row; ValueError for neither."""
        if self.rounds is not None:
            return self.rounds, self.target_accuracy or 0.0, "given by the user"
        if self.task is None:
            raise ValueError("give rounds, or a task of the published table: " + "; ".join(tasks()))
        mine = [row for row in table("fedavg_rounds") if row["model"] == self.task]
        if not mine:
            hint = nearest(self.task, tasks())
            raise ValueError(f"no task is called {self.task!r}{'. ' + hint if hint else ''}")
        target = self.target_accuracy if self.target_accuracy is not None else float(mine[0]["target_acc"])
        share = self.wanted / self.clients if self.selected is not None else self.client_share
        found = published_rounds(self.task, target, self.local_epochs, self.batch, share, self.iid)
        if not found:
            known = sorted({f"E {r['E']} B {r['B']} C {r['C']}" for r in mine if r["iid"] == str(int(self.iid))})
            raise ValueError(f"no rounds of {self.task} are published for this E, B, C; known: {', '.join(known)}")
        reached = [count for count in found if count is not None]
        if not reached:
            raise ValueError(f"{self.task} did not reach {target:g} at this E, B, C in the published runs; give rounds")
        middle = math.exp(sum(math.log(count) for count in reached) / len(reached))
        return round(middle), target, mine[0]["source"]

    def published(self) -> tuple[Effect, ...]:
        """One level: the rounds go on until the accuracy is what it was to be, or are given up."""
        _, accuracy, source = self.expected_rounds()
        work = self.work_or(LeverWork(source="none: it replaces the training"))
        return (Effect("federated", "accuracy", accuracy, 0.0, 0.0, work=work, source=source),)

    def run(self, dice: Dice, from_s: int = 0) -> FederatedRun:
        """One training, with rounds drawn around the expected number."""
        return simulate(self.plan(), self.drawn_rounds(dice), dice, from_s)

    def drawn_rounds(self, dice: Dice) -> int:
        """Rounds this time, at least 1, at most one more than are allowed."""
        count, *_ = self.expected_rounds()
        drawn = float(lognormal(dice.uniforms("rounds", 1), float(count), self.rounds_sigma)[0])
        return max(1, round(min(drawn, self.most_rounds + 1)))

    def draw(self, dice: Dice) -> LeverOutcome:
        """Whether the rounds suffice, and the device time each job takes then."""
        effect = self.levels()[0]
        met = self.drawn_rounds(dice) <= self.most_rounds
        tried = (Tried(0, effect.label, effect.before, met),)
        if not met:
            return LeverOutcome(tried, None, effect.metric, effect.before, effect.work)
        work = self.run(dice).wall_s * self.wanted * MILLI
        return LeverOutcome(tried, 0, effect.metric, effect.before, effect.work, job_work=work)

    def _need(self, need: Need, effect: Effect) -> Need:
        """A job of as many devices as answer a round, with no data to move; it runs where the devices are.

        No other hardware has a speed in the family `federated`, so that nothing but these devices can hold the job.
        It has this one size.
        """
        return replace(
            need,
            instances=self.wanted,
            milli=MILLI,
            interconnect="none",
            family="federated",
            reference_gpu=canonical(self.device),
            data_gb=0.0,
            efficiency_ppm=PPM,
            elastic=(),
        )


# ------------------------------------------------------------------------------------------- or move the data instead


@dataclass(frozen=True)
class Prices:
    """USD: an hour of a client's device, of the server, of a rented GPU; a GB that leaves the cloud, or enters it."""

    device_hour: float
    server_hour: float
    gpu_hour: float
    gb_out: float
    gb_in: float = 0.0
    gb_month_storage: float = 0.023


@dataclass(frozen=True)
class Bill:
    """What one way of training takes: USD in all and by part, wall seconds, GB moved."""

    usd: float
    parts: dict[str, float]
    wall_s: float
    gb_moved: float


def federated_bill(run: FederatedRun, prices: Prices) -> Bill:
    """Devices, server over the whole wall time, the model out to the clients and their updates in."""
    parts = {
        "devices": run.device_hours * prices.device_hour,
        "server": run.wall_s / HOUR_S * prices.server_hour,
        "egress": run.gb_down * prices.gb_out,
        "ingress": run.gb_up * prices.gb_in,
    }
    return Bill(sum(parts.values()), parts, run.wall_s, run.gb_down + run.gb_up)


def central_bill(
    gpu_hours: float, gpus: int, data_gb: float, clients: int, uplink_mbit_s: float, prices: Prices, months: float = 1.0
) -> Bill:
    """All clients send their share of the data over their own links; then rented GPUs train; the data stays stored."""
    upload_s = transfer_s(1000.0 * data_gb / clients, uplink_mbit_s)
    parts = {
        "gpus": gpu_hours * prices.gpu_hour,
        "ingress": data_gb * prices.gb_in,
        "storage": data_gb * prices.gb_month_storage * months,
    }
    return Bill(sum(parts.values()), parts, upload_s + gpu_hours / gpus * HOUR_S, data_gb)


def break_even_gb(federated: Bill, central_without_data: Bill, prices: Prices, months: float = 1.0) -> float | None:
    """GB of raw data from which leaving them where they are is the cheaper way; None where it never is.

    Both ways train the same model on the same examples; only the bytes an example has are varied.
    """
    per_gb = prices.gb_in + prices.gb_month_storage * months
    short = federated.usd - central_without_data.usd
    if short <= 0:
        return 0.0
    return short / per_gb if per_gb > 0 else None
