"""What every kind of every family is: a frozen pydantic model whose fields are the keys a scenario may write.

A field carries its unit in its name and one sentence of documentation; `marketsim list` and the schema are printed from
them. The types here read the few things that plain numbers cannot say: durations, shares, prices.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from marketsim import errors, units


def _sequence(annotation: Any) -> type | None:
    """tuple or list, whichever an annotation keeps; None where it keeps neither."""
    if get_origin(annotation) in (tuple, list):
        return get_origin(annotation)
    inside = (_sequence(part) for part in get_args(annotation)) if get_origin(annotation) in _UNIONS else ()
    return next((kept for kept in inside if kept is not None), None)


_UNIONS = (Annotated, Union, UnionType)


def _without_example(schema: dict[str, Any]) -> None:
    """A description for editors: what a docstring says, without the Python that shows it."""
    if "description" in schema:
        schema["description"] = schema["description"].split("\n\n>>> ")[0]


class Settings(BaseModel):
    """Frozen, strict, and closed: an unknown key is an error, never silently a default."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
        ser_json_inf_nan="null",
        json_schema_extra=_without_example,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _as_kept(cls, value: Any, info: ValidationInfo) -> Any:
        """A list where a tuple is kept, and the other way round: YAML knows lists only, frozen settings keep tuples."""
        if isinstance(value, list | tuple) and info.field_name is not None:
            kept = _sequence(cls.model_fields[info.field_name].annotation)
            return value if kept is None else kept(value)
        return value


class Kind(Settings):
    """One of several kinds: `kind` says which. A subclass fixes it with `kind: Literal["ou"] = "ou"`.

    `scalar_key` names the field that a bare number stands for where the kind is `constant`. `presets` are named
    settings as a scenario would write them; `preset: NAME` fills what is not given, key by key.
    """

    scalar_key: ClassVar[str | None] = None
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    preset: str | None = Field(default=None, description="named settings that fill what is not given")

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or data.get("preset") is None:
            return data
        name = data["preset"]
        if not isinstance(name, str):
            raise ValueError("a preset is given by its name")
        if name not in cls.presets:
            hint = errors.nearest(name, cls.presets)
            known = ", ".join(cls.presets) or "none for this kind"
            raise ValueError(f"no preset is called {name!r}; known: {known}{'. ' + hint if hint else ''}")
        return {**cls.presets[name], **data}


def kind_tag(value: Any) -> str | None:
    """The discriminator of a family: `kind` of a mapping or a model, `constant` for a bare number."""
    if isinstance(value, Mapping):
        tag = value.get("kind")
        return tag if isinstance(tag, str) else None
    if isinstance(value, Kind):
        return str(getattr(value, "kind", None))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "constant"
    return None


def one_of(kinds: Mapping[str, type[Kind]]) -> Any:
    """The annotation of a setting that is any kind of a family, from its `KINDS`; a bare number is `constant`.

    >>> Price = one_of({})  # doctest: +SKIP
    """
    members = [Annotated[cls, Tag(name)] for name, cls in kinds.items()]
    union = Annotated[Union[tuple(members)], Discriminator(kind_tag)] if len(members) > 1 else members[0]  # noqa: UP007
    constant = kinds.get("constant")
    scalar_key = constant.scalar_key if constant else None

    def read_number(value: Any) -> Any:
        if scalar_key and isinstance(value, int | float) and not isinstance(value, bool):
            return {"kind": "constant", scalar_key: value}
        return value

    return Annotated[union, BeforeValidator(read_number)]


class Seconds(int):
    """Whole seconds given from Python, where a bare int would be ambiguous."""


def _read_duration(value: Any) -> Any:
    if isinstance(value, Seconds):
        return int(value)
    if isinstance(value, str):
        return units.duration_s(value)
    raise ValueError("a duration needs a number and one of the units s, min, h, d, w, months, y, as in `36 h`")


def _duration_text(value: int | str) -> str:
    """As units.duration_text; a word that stands for a duration, as `never`, stays as it is."""
    return value if isinstance(value, str) else units.duration_text(value)


DURATION_SCHEMA = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? ?(s|min|h|d|w|months?|y)$"}
_duration = (
    BeforeValidator(_read_duration),
    PlainSerializer(_duration_text, return_type=str),
    WithJsonSchema(DURATION_SCHEMA),
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
