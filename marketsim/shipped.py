"""The scenarios that come with the package: beside the source in a checkout, inside the package when installed."""

from __future__ import annotations

import os
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


def found(path: str | os.PathLike[str]) -> pathlib.Path:
    """The file that is meant: the path itself or, for a bare name such as `startup` that is no file, the one shipped.

    Raises InputError for a bare name that is neither.
    """
    given = pathlib.Path(path)
    if given.suffix or os.fspath(path) != given.name or os.path.lexists(given):
        return given
    known = names()
    if given.name not in known:
        what = "no such file, and no scenario of this name comes with marketsim"
        hint = errors.nearest(given.name, known)
        raise InputError(Fault(what, file=given.name, allowed=", ".join(known), hint=hint))
    return folder() / f"{given.name}.yaml"
