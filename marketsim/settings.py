"""What every kind of every family is: a frozen pydantic model whose fields are the keys a scenario may write.

A field carries its unit in its name and one sentence of documentation; `marketsim list` and the schema are printed from
them. The types here read the few things that plain numbers cannot say: durations, shares, prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from marketsim import units


class Settings(BaseModel):
    """Frozen, strict, and closed: an unknown key is an error, never silently a default."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
        ser_json_inf_nan="null",
    )


class Kind(Settings):
    """One of several kinds: `kind` says which. A subclass fixes it with `kind: Literal["ou"] = "ou"`.

    `scalar_key` names the field that a bare number stands for where the kind is `constant`.
    """

    scalar_key: ClassVar[str | None] = None


def _read_duration(value: Any) -> Any:
    return units.duration_s(value) if isinstance(value, str) else _refuse_bare(value)


def _refuse_bare(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | Seconds):
        raise ValueError("a duration needs a number and a unit, as in `36 h`")
    if isinstance(value, Seconds):
        return int(value)
    raise ValueError("a duration needs its unit: s, min, h, d, w, months or y, as in `36 h`")


class Seconds(int):
    """Whole seconds given from Python, where a bare int would be ambiguous: `Seconds(3600)` or simply `"1 h"`."""


_duration = (
    BeforeValidator(_read_duration),
    PlainSerializer(units.duration_text, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? ?(s|min|h|d|w|months?|y)$"}),
)
Duration = Annotated[int, Field(ge=0, le=units.LONGEST_S), *_duration]  # whole seconds, 0 allowed
PositiveDuration = Annotated[int, Field(gt=0, le=units.LONGEST_S), *_duration]

Share = Annotated[float, Field(ge=0, le=1)]
OpenShare = Annotated[float, Field(ge=0, lt=1)]  # 1 would divide by zero or give the thing away
NonNegative = Annotated[float, Field(ge=0, le=1e12)]
Positive = Annotated[float, Field(gt=0, le=1e12)]
UsdPerGpuHour = Annotated[float, Field(gt=0, le=1_000)]  # beyond this a price is in cents or of a cluster
Count = Annotated[int, Field(ge=0, le=1_000_000)]
PositiveCount = Annotated[int, Field(ge=1, le=1_000_000)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$")]


def kind_tag(value: Any) -> str | None:
    """The discriminator of a family: `kind` of a mapping or a model, `constant` for a bare number."""
    if isinstance(value, Mapping):
        tag = value.get("kind")
        return tag if isinstance(tag, str) else None
    if isinstance(value, BaseModel):
        return getattr(value, "kind", None)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "constant"
    return None
