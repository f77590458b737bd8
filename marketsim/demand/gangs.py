"""How many GPUs a job holds at once: instances x GPUs on each, a share of a GPU to a thousandth.

A job may be elastic: started, each time anew, at another size than the one it declares, from a list of those allowed.
It takes the fastest that fits at that instant, and keeps it until it ends or is stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from marketsim import settings, streams
from marketsim.units import MILLI


class Gang(NamedTuple):
    """One class of gang: instances, and thousandths of a GPU on each."""

    instances: int
    milli: int

    @property
    def gpus(self) -> float:
        """GPUs of the whole gang."""
        return self.instances * self.milli / MILLI


def _to_a_thousandth(gpus: float) -> float:
    if round(gpus * MILLI) < 1 or abs(gpus * MILLI - round(gpus * MILLI)) > 1e-6:
        raise ValueError("GPUs have at most 3 decimals")
    if gpus > 1 and gpus != int(gpus):
        raise ValueError("more than one GPU must be a whole number of them")
    return gpus


Gpus = Annotated[float, Field(gt=0, le=1024), AfterValidator(_to_a_thousandth)]
Instances = Annotated[int, Field(ge=1, le=10_000)]
MOST_SIZES = 20
GpuSizes = Annotated[tuple[Gpus, ...], Field(max_length=MOST_SIZES, strict=False)]
InstanceSizes = Annotated[tuple[Instances, ...], Field(max_length=MOST_SIZES, strict=False)]


class GangRule(settings.Kind):
    """The contract: the classes there are, and which of them each job has."""

    def classes(self) -> tuple[Gang, ...]:
        """All classes of gang that can come."""
        raise NotImplementedError

    def other_sizes(self) -> tuple[tuple[Gang, ...], ...]:
        """For each class, the other sizes at which its jobs may be started."""
        return ((),) * len(self.classes())

    def quantile(self, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
        """Index into `classes()` of each job, shape as uniforms."""
        raise NotImplementedError


def _sizes(own: Gang, gpus: tuple[float, ...], instances: tuple[int, ...]) -> tuple[Gang, ...]:
    """Other sizes of one class. ValueError, in words that follow the setting's name, for one that cannot be another."""
    if gpus and own.instances > 1:
        raise ValueError(f"elastic_gpus is for gangs of one instance; for {own.instances} give elastic_instances")
    lists: tuple[tuple[str, tuple[float, ...], float], ...] = (
        ("elastic_gpus", gpus, own.milli / MILLI),
        ("elastic_instances", instances, own.instances),
    )
    for key, sizes, declared in lists:
        for place, size in enumerate(sizes):
            if size == declared:
                raise ValueError(f"{key} has the size that is declared, {size:g}: list the others")
            if size in sizes[:place]:
                raise ValueError(f"{key} has {size:g} twice")
    return (
        *(Gang(own.instances, round(one * MILLI)) for one in gpus),
        *(Gang(one, own.milli) for one in instances),
    )


class ConstantGang(GangRule):
    """Always the same gang."""

    scalar_key: ClassVar[str | None] = "gpus"
    kind: Literal["constant"] = "constant"
    gpus: Gpus = Field(default=1, description="GPUs on each instance")
    instances: Instances = Field(default=1, description="instances held together")
    elastic_gpus: GpuSizes = Field(
        default=(), description="other numbers of GPUs, on one instance, at which a job may be started"
    )
    elastic_instances: InstanceSizes = Field(
        default=(), description="other numbers of instances at which a job may be started"
    )

    @model_validator(mode="after")
    def _sized(self) -> Self:
        self.other_sizes()
        return self

    def classes(self) -> tuple[Gang, ...]:
        return (Gang(self.instances, round(self.gpus * MILLI)),)

    def other_sizes(self) -> tuple[tuple[Gang, ...], ...]:
        return (_sizes(self.classes()[0], self.elastic_gpus, self.elastic_instances),)

    def quantile(self, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.zeros(len(uniforms), np.int64)


class Choices(GangRule):
    """One of several gangs, by weight."""

    kind: Literal["choices"] = "choices"
    gpus: Annotated[tuple[Gpus, ...], Field(min_length=1, max_length=100, strict=False)] = Field(
        description="GPUs on each instance, one entry a choice"
    )
    instances: Annotated[tuple[Instances, ...], Field(strict=False)] | None = Field(
        default=None, description="instances of each choice; left out: 1 of each"
    )
    weights: Annotated[tuple[settings.NonNegative, ...], Field(strict=False)] = Field(
        description="how often each choice comes"
    )
    elastic_gpus: Annotated[tuple[GpuSizes, ...], Field(strict=False)] | None = Field(
        default=None, description="of each choice a list of other numbers of GPUs at which a job may be started"
    )
    elastic_instances: Annotated[tuple[InstanceSizes, ...], Field(strict=False)] | None = Field(
        default=None, description="of each choice a list of other numbers of instances at which a job may be started"
    )

    @model_validator(mode="after")
    def _matched(self) -> Self:
        if len(self.weights) != len(self.gpus) or sum(self.weights) <= 0:
            raise ValueError("weights must be one for each entry of gpus, and one above 0")
        if self.instances is not None and len(self.instances) != len(self.gpus):
            raise ValueError("instances must be one for each entry of gpus")
        for key in ("elastic_gpus", "elastic_instances"):
            lists = getattr(self, key)
            if lists is not None and len(lists) != len(self.gpus):
                raise ValueError(f"{key} must be one list for each entry of gpus, [] for a choice of one size")
        self.other_sizes()
        return self

    def classes(self) -> tuple[Gang, ...]:
        each = self.instances or (1,) * len(self.gpus)
        return tuple(Gang(count, round(gpus * MILLI)) for count, gpus in zip(each, self.gpus, strict=True))

    def other_sizes(self) -> tuple[tuple[Gang, ...], ...]:
        none: tuple[tuple[()], ...] = ((),) * len(self.gpus)
        lists = zip(self.classes(), self.elastic_gpus or none, self.elastic_instances or none, strict=True)
        return tuple(_sizes(own, gpus, instances) for own, gpus, instances in lists)

    def quantile(self, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
        return streams.pick(uniforms, np.array(self.weights))


KINDS: dict[str, type[settings.Kind]] = {"constant": ConstantGang, "choices": Choices}
if TYPE_CHECKING:
    AnyGang = GangRule
else:
    AnyGang = settings.one_of(KINDS)
