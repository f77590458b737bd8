"""A setting's own bound is the one that holds: two of one kind on one number and the looser could win."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import annotated_types
import pytest

from marketsim import scenario
from marketsim.settings import Settings

BOUNDS = (annotated_types.Gt, annotated_types.Ge, annotated_types.Lt, annotated_types.Le)


def models(of: type[Settings] = Settings) -> Iterator[type[Settings]]:
    for one in of.__subclasses__():
        yield one
        yield from models(one)


@pytest.mark.parametrize("model", sorted(set(models()), key=lambda one: (one.__module__, one.__qualname__)))
def test_no_number_is_bounded_twice_on_one_side_by_one_kind_of_bound(model: type[Settings]) -> None:
    """`Positive = Field(le=2)` keeps the type's own `le` of 1e12 and not the 2: such a field is a plain `float`."""
    assert scenario  # every kind of every family is loaded with it
    for name, field in model.model_fields.items():
        counts = Counter(type(part) for part in field.metadata if isinstance(part, BOUNDS))
        assert max(counts.values(), default=1) == 1, name
