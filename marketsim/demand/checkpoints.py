"""How often a job writes a checkpoint: at a fixed interval, or at the optimum of Young (1974), Daly (2006) or exactly.

All times are in one unit, that of the arguments. delta: time a checkpoint takes; mtbf: mean time between failures.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator
from scipy import special

from marketsim import settings, units
from marketsim.demand.job import Checkpoint


def young(delta: float, mtbf: float) -> float:
    """Young's compute time between checkpoints, sqrt(2 delta M). J. W. Young, CACM 17 (1974) 530."""
    return math.sqrt(2 * delta * mtbf)


def daly(delta: float, mtbf: float) -> float:
    """Daly's higher-order optimum; M where delta >= 2 M. J. T. Daly, FGCS 22 (2006) 303, eq. 37.

    >>> round(daly(5, 24 * 60)), round(daly(5, 6 * 60))  # minutes, as published
    (117, 57)
    """
    if delta >= 2 * mtbf:
        return mtbf
    ratio = delta / (2 * mtbf)
    return math.sqrt(2 * delta * mtbf) * (1 + math.sqrt(ratio) / 3 + ratio / 9) - delta


def exact(delta: float, mtbf: float) -> float:
    """The optimum of Daly's complete model, M (1 + W0(-exp(-1 - delta / M))), W0 Lambert's function."""
    return float(mtbf * (1 + special.lambertw(-math.exp(-1 - delta / mtbf)).real))


def expected_time(work: float, tau: float, delta: float, restart: float, mtbf: float, down: float = 0.0) -> float:
    """Expected wall time of `work` in segments of tau, each followed by a checkpoint, failures Poisson (Daly 2006).

    (M + D) e^(R / M) (e^((tau + delta) / M) - 1) work / tau.
    """
    return (mtbf + down) * math.exp(restart / mtbf) * math.expm1((tau + delta) / mtbf) * work / tau


def expected_failures(work: float, tau: float, delta: float, restart: float, mtbf: float, down: float = 0.0) -> float:
    """Expected number of failures of the same run: expected time not spent down, over M.

    >>> round(expected_failures(500, 2, 1 / 12, 1 / 6, 24), 4)
    22.8291
    """
    return expected_time(work, tau, delta, restart, mtbf, down) / (mtbf + down)


def _read_every(value: Any) -> Any:
    if value is None or value == "none":
        return None
    if value == "daly":
        return "daly"
    if isinstance(value, settings.Seconds):
        return int(value)
    if isinstance(value, str):
        return units.duration_s(value)
    raise ValueError("a checkpoint interval is a duration such as `1 h`, or `none`, or `daly`")


def _write_every(value: int | str | None) -> str:
    return "none" if value is None else value if isinstance(value, str) else units.duration_text(value)


Every = Annotated[
    Annotated[int, Field(ge=0, le=units.LONGEST_S)] | Literal["daly"] | None,
    BeforeValidator(_read_every),
    PlainSerializer(_write_every, return_type=str),
    WithJsonSchema({"anyOf": [settings.DURATION_SCHEMA, {"enum": ["none", "daly"]}, {"type": "null"}]}),
]


class CheckpointSettings(settings.Settings):
    """Checkpoints of a job. `every: 0 s` means that work is never lost, `none` that no checkpoint is written."""

    every: Every = Field(default=None, description="compute time between two checkpoints, `none`, or `daly`")
    mtbf: settings.PositiveDuration | None = Field(
        default=None, description="mean time between interruptions of the whole gang; `daly` needs it"
    )
    cost: settings.Duration = Field(default=0, description="time one takes")
    restart: settings.Duration = Field(default=0, description="time lost at the start of each later attempt")
    start: settings.Duration = Field(default=0, description="time lost at the start of the first attempt")
    final: bool = Field(default=False, description="whether one is also written at the end")

    @model_validator(mode="after")
    def _daly_needs(self) -> Self:
        if self.every == "daly" and (self.mtbf is None or self.cost == 0):
            raise ValueError("`every: daly` needs mtbf and a cost above 0 s")
        return self

    def as_checkpoint(self) -> Checkpoint:
        """The same in whole seconds, Daly's optimum worked out."""
        every = self.every
        if every == "daly":
            every = max(1, round(daly(self.cost, self.mtbf or 1)))
        assert every is None or isinstance(every, int)
        return Checkpoint(every, self.cost, self.restart, self.start, self.final)
