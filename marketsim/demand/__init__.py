"""Workloads: what a startup must compute, as jobs that end and services that last. A kind is one file and one line."""

from __future__ import annotations

from marketsim import settings
from marketsim.demand.experiments import Experiments
from marketsim.demand.inference import Inference
from marketsim.demand.interactive import Interactive
from marketsim.demand.trace import TraceDemand
from marketsim.demand.training import Training

KINDS: dict[str, type[settings.Kind]] = {
    "training": Training,
    "experiments": Experiments,
    "inference": Inference,
    "interactive": Interactive,
    "trace": TraceDemand,
}
