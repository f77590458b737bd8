"""Inference traffic: requests a second that are served now or lost, turned into replicas of so many GPUs."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from marketsim import settings
from marketsim.demand import presets
from marketsim.demand.demand import Demand, Family, GpuName, Interconnect, Residency
from marketsim.demand.job import Autoscale, Checkpoint, Need, Service
from marketsim.demand.rates import AnyRate
from marketsim.demand.serving import AnyServing, Slo
from marketsim.errors import Fault, InputError
from marketsim.throw import Throw
from marketsim.units import MILLI


class AutoscaleSettings(settings.Settings):
    """How a service's size follows its need."""

    period: settings.PositiveDuration = Field(default=300, description="time between two looks")
    headroom: Annotated[float, Field(ge=0, le=10)] = Field(default=0.2, description="size above the need, as a share")
    minimum_instances: Annotated[int, Field(ge=0, le=100_000)] = Field(default=1, description="replicas at least")


class Inference(Demand):
    """A need that cannot wait. `serving` says what one replica does on each GPU; a preset brings it along."""

    presets: ClassVar[Any] = presets.INFERENCE
    kind: Literal["inference"] = "inference"
    requests_per_s: AnyRate = Field(description="requests a second over time")
    serving: AnyServing = Field(description="what one replica serves, by GPU")
    replica_gpus: Annotated[float, Field(gt=0, le=64)] = Field(
        default=1, description="GPUs of one replica, on one instance; below 1 a share to a thousandth"
    )
    slo: Slo | None = Field(default=None, description="latency objective; left out: throughput alone counts")
    usd_per_lost_request: settings.NonNegative = Field(default=0.0, description="value lost with a request not served")
    usd_revenue_per_request: settings.NonNegative = Field(default=0.0, description="earned with a request served")
    autoscale: AutoscaleSettings = Field(default=AutoscaleSettings(), description="how its size follows the need")
    cold_start: settings.Duration = Field(
        default=23, description="time a new replica loads its model; measured median 22.7 s, p99 51.9 s (GenTD26 trace)"
    )
    family: Family = Field(default="nlp", description="workload family")
    reference_gpu: GpuName = Field(default="H100", description="GPU named in reports of need")
    interconnect: Interconnect | None = Field(
        default=None, description="least interconnect; left out: nvlink for several GPUs, else none"
    )
    residency: Residency | None = Field(default=None, description="classes it may run in; left out: anywhere")
    priority: Annotated[int, Field(ge=-1000, le=1000)] = Field(default=0, description="larger goes first where asked")

    def service(self, name: str, throw: Throw) -> Service | None:
        whole = max(1, round(self.replica_gpus))
        rates = self.serving.replica_requests_per_s(whole, self.slo)
        if self.replica_gpus < 1:
            rates = {gpu: rate * self.replica_gpus for gpu, rate in rates.items()}
        if not rates:
            raise InputError(Fault("no known GPU serves it within its objective", key=f"demand.{name}.slo"))
        tokens = self.serving.tokens
        return Service(
            name=name,
            requests_per_s=self.requests_per_s.draw(throw),
            replica=self.replica(name),
            replica_requests_per_s=rates,
            usd_per_lost_request=self.usd_per_lost_request,
            usd_revenue_per_request=self.usd_revenue_per_request,
            autoscale=Autoscale(self.autoscale.period, self.autoscale.headroom, self.autoscale.minimum_instances),
            input_tokens=tokens[0] if tokens else None,
            output_tokens=tokens[1] if tokens else None,
            latency_s=self.slo.latency_s if self.slo else None,
            latency_share=self.slo.share if self.slo else None,
            serving=self.serving,
        )

    def replica(self, name: str) -> Need:
        """What one replica holds of an instance; its first attempt starts with the cold start."""
        return Need(
            workload=name,
            milli=round(self.replica_gpus * MILLI),
            memory_gb_per_gpu=self.serving.memory_gb_per_gpu(max(1, round(self.replica_gpus))),
            interconnect=self.interconnect or ("nvlink" if self.replica_gpus > 1 else "none"),
            residency=self.residency,
            reference_gpu=self.reference_gpu,
            family=self.family,
            checkpoint=Checkpoint(start_s=self.cold_start, restart_s=self.cold_start),
            priority=self.priority,
        )
