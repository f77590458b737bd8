"""What protecting data costs: encryption, enclaves, secure aggregation, differential privacy, homomorphic encryption.

Where data may be is not a mechanism but a hard filter: a need's residency classes, which no offer outside them passes.
Federated learning alone keeps data in place and is not private, as updates can give it away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from marketsim.data.tables import table
from marketsim.demand.job import Need, Service
from marketsim.levers import catalogue
from marketsim.levers.effect import ANY, Effect, LeverWork
from marketsim.levers.lever import Lever
from marketsim.settings import Positive


@dataclass(frozen=True)
class Mechanism:
    """Factors on the need: compute time, bytes sent by a client; each 1 for none. row: of privacy_overheads.csv.

    applies: `serving`, `training` or `both`. hides: whether what leaves a device or is computed on is protected.
    """

    row: str
    compute: float | None
    bytes: float = 1.0
    applies: Literal["serving", "training", "both"] = "both"
    hides: bool = True

    @property
    def source(self) -> str:
        """Where the figure comes from."""
        return next(row["source"] for row in table("privacy_overheads") if row["mechanism"] == self.row)


def _default(mechanism: str) -> float:
    return float(next(row["default"] for row in table("privacy_overheads") if row["mechanism"] == mechanism))


def _range_mean(mechanism: str) -> float:
    """The geometric mean of a published range such as 2.6-8."""
    low, high = next(row["default"] for row in table("privacy_overheads") if row["mechanism"] == mechanism).split("-")
    return math.sqrt(float(low) * float(high))


def mechanism(name: str) -> Mechanism:
    """A mechanism with its published factors; KeyError for another name. compute None: no figure, give one."""
    penalty = {
        "enclave_serving": ("GPU TEE (confidential computing), LLM inference", "serving"),
        "enclave_training": ("GPU TEE, training (Blackwell)", "training"),
        "enclave_cpu": ("CPU TEE (TDX/SGX), LLM inference", "serving"),
    }
    if name in penalty:
        row, applies = penalty[name]
        return Mechanism(row, 1 / (1 - _default(row)), applies="serving" if applies == "serving" else "training")
    if name == "encryption":  # in transit and at rest: below 1 % of a 10 Gb/s link, taken at 1 %
        return Mechanism("TLS/AES-256-GCM in transit & at rest", 1.01, hides=False)
    if name == "secure_aggregation":
        row = "Secure aggregation (Bonawitz 2017)"
        return Mechanism(row, 1.0, bytes=_default(row), applies="training")
    if name == "homomorphic_encryption":  # batched; what is left of the traffic after 66-101 times less
        return Mechanism("Homomorphic encryption, BatchCrypt", None, bytes=1.5, applies="training")
    rows = {
        "differential_privacy": "DP-SGD (JAX, Poisson)",
        "differential_privacy_ghost": "DP-SGD ghost clipping",
        "differential_privacy_opacus": "DP-SGD (Opacus)",
    }
    if name in rows:
        factor = _default(rows[name]) if name == "differential_privacy" else _range_mean(rows[name])
        return Mechanism(rows[name], factor, applies="training")
    raise KeyError(name)


NAMES = (
    "encryption",
    "enclave_serving",
    "enclave_training",
    "enclave_cpu",
    "secure_aggregation",
    "differential_privacy",
    "differential_privacy_ghost",
    "differential_privacy_opacus",
    "homomorphic_encryption",
)

# Accuracy of an MNIST CNN trained with differential privacy, by epsilon at delta 1e-5 (tensorflow/privacy
# tutorials/README@047e1eef); without it the same network is taken to reach 99 % (target of arXiv 1602.05629, Table 2).
DP_ACCURACY = ((1.20, 0.950), (2.92, 0.966), (9.74, 0.973))
WITHOUT_DP = 0.99
SECURE_AGGREGATION_DROP_OUT = 0.33  # "up to 1/3 of users", arXiv 1611.04482 abstract


def dp_accuracy(epsilon: float) -> float:
    """Accuracy at a privacy loss, along ln epsilon between the published points; at most WITHOUT_DP."""
    return min(catalogue.along(math.log(epsilon), [(math.log(e), a) for e, a in DP_ACCURACY]), WITHOUT_DP)


def is_private(mechanisms: Sequence[str], federated: bool = False) -> bool:
    """Whether data is protected beyond where it lies: by a mechanism that hides it, never by federation alone."""
    return any(mechanism(name).hides for name in mechanisms)


class Privacy(Lever):
    """A mechanism switched on for a demand; it makes the need larger, never smaller."""

    kind: Literal["privacy"] = "privacy"
    applies_to: ClassVar[type] = object

    mechanism: Literal[
        "encryption",
        "enclave_serving",
        "enclave_training",
        "enclave_cpu",
        "secure_aggregation",
        "differential_privacy",
        "differential_privacy_ghost",
        "differential_privacy_opacus",
        "homomorphic_encryption",
    ] = Field(description="what protects the data")
    epsilon: Positive | None = Field(default=None, description="privacy loss of differential privacy, at delta 1e-5")
    compute_factor: Positive | None = Field(default=None, description="compute time with over without, if you know it")

    @model_validator(mode="after")
    def _factor_known(self) -> Privacy:
        if self.factor is None:
            raise ValueError(f"no compute factor of {self.mechanism} is published; give compute_factor")
        if self.factor < 1:
            raise ValueError(f"compute_factor below 1 would make protected work free (got {self.factor:g})")
        if self.epsilon is not None and not self.mechanism.startswith("differential"):
            raise ValueError("epsilon belongs to differential privacy")
        return self

    @property
    def factor(self) -> float | None:
        """Compute time with the mechanism over without."""
        return self.compute_factor if self.compute_factor is not None else mechanism(self.mechanism).compute

    def published(self) -> tuple[Effect, ...]:
        """One level, slower than without."""
        known = mechanism(self.mechanism)
        slower = 1 / (self.factor or 1.0)
        loss = 0.0 if self.epsilon is None else dp_accuracy(self.epsilon) - WITHOUT_DP
        effect = Effect(
            label=self.mechanism,
            metric="accuracy",
            before=WITHOUT_DP,
            change=loss,
            se=catalogue.UNREPEATED_SHARE * abs(loss),
            train_speedup=slower,
            prefill={ANY: slower},
            decode={ANY: slower},
            work=self.work_or(LeverWork(source="none counted: set up once")),
            source=known.source,
        )
        return (effect,)

    def _need(self, need: Need, effect: Effect) -> Need:
        return replace(need, data_gb=need.data_gb * mechanism(self.mechanism).bytes)

    def refuses(self, need: Need | Service) -> str | None:
        """Why it cannot protect this need."""
        applies = mechanism(self.mechanism).applies
        serving = isinstance(need, Service)
        if applies != "both" and (applies == "serving") != serving:
            return f"{self.mechanism} protects {applies}"
        return None


@dataclass(frozen=True)
class PriceOfPrivacy:
    """Cost with protection less cost without, USD: mean over the same replications, and its standard error."""

    usd: float
    se_usd: float
    share: float

    def __str__(self) -> str:
        return f"price of privacy {self.usd:,.0f} USD (se {self.se_usd:,.0f}), {self.share:+.1%} of the cost without"


def price_of_privacy(with_usd: Sequence[float], without_usd: Sequence[float]) -> PriceOfPrivacy:
    """From the total costs of the same policy in the same replications, with the mechanisms and without.

    ValueError where the two are not paired or there are none. The standard error of one pair is 0.
    """
    if len(with_usd) != len(without_usd) or not with_usd:
        raise ValueError("costs with and without come in pairs, one a replication")
    differences = [a - b for a, b in zip(with_usd, without_usd, strict=True)]
    count = len(differences)
    mean = sum(differences) / count
    var = sum((difference - mean) ** 2 for difference in differences) / max(count - 1, 1)
    base = sum(without_usd) / count
    return PriceOfPrivacy(mean, math.sqrt(var / count), mean / base if base else 0.0)
