"""What pydantic finds wrong, said in the words of a scenario: where it stands, what was given, what is allowed.

pydantic names a fault by its way through models and unions; here that way is walked again through the scenario's data
and the settings' classes, so that the dotted path is the one a person wrote and the range is the whole range.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import annotated_types
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from marketsim import plain_yaml, settings, units
from marketsim.dotted import MISSING
from marketsim.errors import Fault, InputError, nearest


class Bounds(NamedTuple):
    """What a setting may be: the types it takes, in words, and the bounds of its numbers."""

    types: tuple[str, ...] = ()
    low: Any = None
    low_open: bool = False
    high: Any = None
    high_open: bool = False
    duration: bool = False


@dataclass
class Step:
    """Where a walk through data and classes stands."""

    path: str
    value: Any
    annotation: Any
    owner: type[BaseModel] | None = None  # whose field the last step was


def of(error: ValidationError, model: type[BaseModel], document: plain_yaml.Document) -> list[Fault]:
    """The faults of a failed check of a document's data against a model, one a path, in the order of the file."""
    found: dict[str, Fault] = {}
    for detail in error.errors(include_url=False):
        if detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]:
            continue  # long enough, but for entries that are told themselves
        fault = _fault(detail, model, document)
        key = fault.key or ""
        found[key] = _joined(found[key], fault) if key in found else fault
    return sorted(found.values(), key=lambda fault: (fault.line or 0, fault.column or 0, fault.key or ""))


def placed(fault: Fault, document: plain_yaml.Document, of_key: bool = False) -> Fault:
    """The fault with the file, line and column of its key; `got` is what stands there, if it says nothing itself."""
    path = fault.key or ""
    label = document.label(path)
    if label is not None:
        return replace(fault, file=label)
    place = document.place(path, of_key)
    return replace(fault, file=document.file, line=place and place.line, column=place and place.column)


@contextmanager
def in_file(document: plain_yaml.Document) -> Iterator[None]:
    """Faults that are raised inside and know their key but no file get the place of the key in the document."""
    try:
        yield
    except InputError as error:
        error.faults = tuple(placed(one, document) if one.file is None and one.key else one for one in error.faults)
        error.args = ("\n".join(error.lines()),)
        raise


def shown(value: Any) -> str | None:
    """A value as it would be written, None for nothing and for what is too long to be of use."""
    if value is MISSING:
        return None
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a mapping" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(shown(part) or "" for part in value) + "]"
    return str(value) if str(value) else "''"


def _joined(first: Fault, second: Fault) -> Fault:
    """Two branches of one union failed: what either allows is allowed."""
    both = [text for text in (first.allowed, second.allowed) if text]
    return replace(first, allowed=" or ".join(dict.fromkeys(both)) or None, hint=first.hint or second.hint)


def _fault(detail: Any, model: type[BaseModel], document: plain_yaml.Document) -> Fault:
    step = walk(model, document.data, detail["loc"])
    kind, context = detail["type"], detail.get("ctx", {})
    path, hint = step.path, None
    bounds = bounds_of(step.annotation)
    allowed = in_words(bounds)
    got = step.value
    of_key = "[key]" in detail["loc"]
    if kind == "extra_forbidden":
        what, of_key, allowed, got = "unknown key", True, None, MISSING
        known = list(step.owner.model_fields) if step.owner else []
        hint = nearest(str(detail["loc"][-1]), known)
        allowed = None if hint else _some([name for name in known if name != "preset"])
    elif kind == "missing":
        what, of_key, got = "is missing", True, MISSING
    elif kind in ("union_tag_invalid", "union_tag_not_found", "literal_error") and _kinds(step):
        known = list(_kinds(step))
        given = step.value.get("kind", MISSING) if isinstance(step.value, Mapping) else step.value
        got, allowed = given, ", ".join(known)
        if given is MISSING:
            what = "`kind` is missing"
        elif isinstance(step.value, Mapping):
            what, path = "unknown kind", plain_yaml.join(step.path, "kind")
            hint = nearest(str(given), known)
        else:
            number = "a number, or " if _number_stands_for_one(step) else ""
            what, allowed = f"must be {number}a mapping with `kind`", f"kind: {allowed}"
    elif kind == "literal_error":
        what = "is none of the values allowed"
        known = [part.strip("'") for part in re.findall(r"'[^']*'|\S+", str(context.get("expected", "")))]
        hint = nearest(str(got), [name for name in known if name not in ("or", ",")])
        allowed = allowed or str(context.get("expected"))
    elif kind in ("value_error", "assertion_error"):
        what = str(context.get("error") or detail["msg"])
        first = what.split(" ", 1)[0]
        fields = [name for one in _model_list(step.annotation) for name in one.model_fields]
        if isinstance(got, Mapping) and first in got and first in fields:  # a rule of several keys begins with its own
            told = "(got" in what or "; allowed" in what
            path, got, what = plain_yaml.join(path, first), MISSING if told else got[first], what[len(first) + 1 :]
        if isinstance(got, Mapping | list | tuple):
            got = MISSING
        allowed = allowed if bounds.duration else None
    elif kind == "string_pattern_mismatch":
        what = "is not written as it must be"
        allowed = NAME_IN_WORDS if context.get("pattern") in NAME_PATTERNS else f"the pattern {context.get('pattern')}"
    elif kind in ("too_short", "string_too_short"):
        what = "must not be empty" if context.get("min_length") == 1 else "is too short"
        allowed = f"at least {context.get('min_length')}"
    elif kind in ("too_long", "string_too_long"):
        what, allowed = "is too long", f"at most {context.get('max_length')} characters"
    else:
        what = _SAID.get(kind) or _must_be(bounds, step.annotation) or detail["msg"]
    return placed(Fault(what, key=path or None, got=shown(got), allowed=allowed, hint=hint), document, of_key)


_SAID = {
    "greater_than": "is out of range",
    "greater_than_equal": "is out of range",
    "less_than": "is out of range",
    "less_than_equal": "is out of range",
    "finite_number": "must be a finite number",
    "int_from_float": "must be a whole number",
    "multiple_of": "is out of step",
}
NAME_PATTERNS = tuple(
    part.pattern
    for info in typing.get_args(settings.Name)
    for part in getattr(info, "metadata", [])
    if getattr(part, "pattern", None)
)
NAME_IN_WORDS = "small letters a-z, digits and inner hyphens, at most 64"


def _some(names: Sequence[str], most: int = 12) -> str | None:
    """The first names of a list, with dots where there are more; None for an empty list."""
    return ", ".join([*names[:most], *(["..."] if len(names) > most else [])]) or None


def _must_be(bounds: Bounds, annotation: Any) -> str | None:
    if _model_list(annotation) and not bounds.types:
        return "must be a mapping"
    return f"must be {' or '.join(bounds.types)}" if bounds.types else None


# ------------------------------------------------------------------------------------------------ walking the classes


def walk(model: type[BaseModel], data: Any, loc: Sequence[str | int]) -> Step:
    """The dotted path, value, annotation and owner that an error's `loc` leads to, without the names of unions."""
    step = Step("", data, model)
    for part in loc:
        if part == "[key]":
            return Step(step.path, step.path.removeprefix(plain_yaml.parent(step.path)).lstrip("."), settings.Name)
        if isinstance(part, int):
            if not isinstance(step.value, list | tuple):
                break
            value = step.value[part] if part < len(step.value) else MISSING
            step = Step(plain_yaml.join(step.path, part), value, _item(step.annotation), step.owner)
            continue
        models = _model_list(step.annotation)
        chosen = _chosen(models, step.value)
        if chosen is not None and part not in chosen.model_fields and part in [_tag(one) for one in models]:
            step = Step(step.path, step.value, chosen, step.owner)  # the name of a union's branch
        elif chosen is not None and (isinstance(step.value, Mapping) or step.value is MISSING):
            field = chosen.model_fields.get(part)
            step = Step(plain_yaml.join(step.path, part), _below(step.value, part), field, chosen)
        elif chosen is not None and part in chosen.model_fields:  # what one number stands for
            step = Step(step.path, step.value, chosen.model_fields[part], chosen)
        elif isinstance(step.value, Mapping) and part in step.value:
            inner = _item(step.annotation)
            step = Step(plain_yaml.join(step.path, part), _below(step.value, part), inner, step.owner)
        else:
            continue  # a branch of a plain union, or inside what stands for one number
    return step


def _below(value: Any, part: str) -> Any:
    return value.get(part, MISSING) if isinstance(value, Mapping) else MISSING


def _chosen(models: list[type[BaseModel]], value: Any) -> type[BaseModel] | None:
    """The class that a value is checked against: the one of its kind, or the only one."""
    kind = settings.kind_tag(value)
    for model in models:
        if _tag(model) == kind and kind is not None:
            return model
    return models[0] if len(models) == 1 else None


def _tag(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("kind")
    return str(field.default) if field is not None else None


def _kinds(step: Step) -> list[str]:
    tags = [_tag(model) for model in _model_list(step.annotation)]
    if not tags and step.owner is not None and step.path.endswith(".kind"):
        tags = [_tag(step.owner)]
    return [tag for tag in tags if tag is not None]


def _number_stands_for_one(step: Step) -> bool:
    """Whether a bare number may stand where one of several kinds is wanted."""
    return any(
        _tag(model) == "constant" and getattr(model, "scalar_key", None) for model in _model_list(step.annotation)
    )


def _flat(annotation: Any) -> Iterator[Any]:
    """The members of an annotation with unions and Annotated taken apart; metadata follow what they belong to."""
    if isinstance(annotation, FieldInfo):
        yield from annotation.metadata
        yield from _flat(annotation.annotation)
        return
    origin = typing.get_origin(annotation)
    if isinstance(annotation, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
        yield from _flat(annotation.__value__)
    elif origin is typing.Annotated:
        inner, *metadata = typing.get_args(annotation)
        for part in metadata:
            yield from part.metadata if isinstance(part, FieldInfo) else [part]
        yield from _flat(inner)
    elif origin in (typing.Union, types.UnionType):
        for part in typing.get_args(annotation):
            yield from _flat(part)
    else:
        yield annotation


def _model_list(annotation: Any) -> list[type[BaseModel]]:
    return [part for part in _flat(annotation) if isinstance(part, type) and issubclass(part, BaseModel)]


def _item(annotation: Any) -> Any:
    """The annotation of what is inside a list or mapping."""
    for part in _flat(annotation):
        inner = typing.get_args(part)
        if inner and typing.get_origin(part) is not typing.Literal:
            origin = typing.get_origin(part)
            return inner[-1] if isinstance(origin, type) and issubclass(origin, Mapping) else inner[0]
    return None


def bounds_of(annotation: Any) -> Bounds:
    """The types and bounds of an annotation or field."""
    words: list[str] = []
    bounds: dict[str, Any] = {}
    for part in _flat(annotation):
        if isinstance(part, annotated_types.Gt):
            bounds |= {"low": part.gt, "low_open": True}
        elif isinstance(part, annotated_types.Ge):
            bounds |= {"low": part.ge, "low_open": False}
        elif isinstance(part, annotated_types.Lt):
            bounds |= {"high": part.lt, "high_open": True}
        elif isinstance(part, annotated_types.Le):
            bounds |= {"high": part.le, "high_open": False}
        elif getattr(part, "func", None) is settings._read_duration:
            bounds["duration"] = True
        elif part is not type(None):
            words += _word(part)
    if bounds.get("duration"):
        words = ["a duration" if word == "a whole number" else word for word in words]
    return Bounds(types=tuple(dict.fromkeys(words)), **bounds)


def _word(part: Any) -> list[str]:
    if typing.get_origin(part) is typing.Literal:
        return [str(value) for value in typing.get_args(part)]
    origin = typing.get_origin(part) or part
    if not isinstance(origin, type):
        return []
    if issubclass(origin, BaseModel) or issubclass(origin, Mapping):
        return ["a mapping"]
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    if origin in names:
        return [names[origin]]
    return ["a list"] if issubclass(origin, Sequence) and origin is not str else []


def in_words(bounds: Bounds) -> str | None:
    """What is allowed, such as `a number from 0 to 1` or `a duration above 0 s, at most 20 y`; None where unbounded."""
    write = units.duration_text if bounds.duration else _number_text
    words = " or ".join(word for word in bounds.types if word != "a mapping" or len(bounds.types) == 1)
    unit = " such as 36 h (units s, min, h, d, w, months, y)" if bounds.duration else ""
    if bounds.low is None and bounds.high is None:
        return f"{words}{unit}" if words and words != "a mapping" else None
    low = None if bounds.low is None else write(bounds.low)
    high = None if bounds.high is None else write(bounds.high)
    if low is not None and high is not None and not bounds.low_open and not bounds.high_open:
        return f"{words} from {low} to {high}".strip()
    ends = []
    if low is not None:
        ends.append(f"{'above' if bounds.low_open else 'at least'} {low}")
    if high is not None:
        ends.append(f"{'below' if bounds.high_open else 'at most'} {high}")
    return f"{words} {', '.join(ends)}".strip()


def _number_text(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else f"{number:g}"
