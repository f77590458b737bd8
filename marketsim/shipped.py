"""The scenarios that come with the package: beside the source in a checkout, inside the package when installed."""

from __future__ import annotations

import pathlib
from importlib import resources

from marketsim import errors
from marketsim.errors import Fault, InputError


def folder() -> pathlib.Path:
    """Where they lie; in a wheel `scenarios/` is packed into the package."""
    inside = pathlib.Path(str(resources.files("marketsim"))) / "scenarios"
    return inside if inside.is_dir() else inside.parents[1] / "scenarios"


def names() -> tuple[str, ...]:
    """In alphabetical order."""
    return tuple(sorted(path.stem for path in folder().glob("*.yaml")))


def path(name: str) -> pathlib.Path:
    """The file of one. Raises InputError with the nearest name for one that does not exist."""
    known = names()
    if name not in known:
        hint = errors.nearest(name, known)
        raise InputError(
            Fault("no scenario of this name comes with marketsim", got=name, allowed=", ".join(known), hint=hint)
        )
    return folder() / f"{name}.yaml"
