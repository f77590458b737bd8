"""What a workload is asked: all its jobs, or the service it needs, from one throw of the dice.

Finite work answers `jobs`, traffic answers `service`; a kind that has none of the one leaves it as it stands here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from marketsim import settings, units
from marketsim.data import gpus
from marketsim.demand.job import JobTable, Service
from marketsim.errors import InputError
from marketsim.throw import Throw


class Demand(settings.Kind):
    """The contract. `throw.dice` are this demand's own; `name` is what it is called in the scenario."""

    enabled: bool = Field(default=True, description="whether it takes part")

    def jobs(self, name: str, throw: Throw) -> JobTable:
        """All jobs submitted before the horizon, in order of arrival; a longer horizon only appends."""
        return JobTable.empty()

    def service(self, name: str, throw: Throw) -> Service | None:
        """The service it needs, None where it is finite work."""
        return None


def _gpu(name: str) -> str:
    try:
        return gpus.canonical(name)
    except InputError as error:
        raise ValueError(str(error)) from None


GpuName = Annotated[str, AfterValidator(_gpu)]  # any spelling of a GPU, kept as its one name


def _none(value: Any) -> Any:
    return None if value == "none" else value


DurationOrNone = Annotated[
    settings.Duration | None,
    BeforeValidator(_none),
    PlainSerializer(lambda value: "none" if value is None else units.duration_text(value), return_type=str),
    WithJsonSchema({"anyOf": [settings.DURATION_SCHEMA, {"const": "none"}, {"type": "null"}]}),
]

Family = Literal["nlp", "vision", "speech", "general"]  # whose GPU speeds apply
Interconnect = Literal["none", "pcie", "nvlink", "fabric"]
Residency = Annotated[tuple[settings.Name, ...], Field(min_length=1, max_length=20, strict=False)]
MemoryGb = Annotated[float, Field(ge=0, le=10_000)]
Sigma = Annotated[float, Field(ge=0, le=1)]
