"""A policy from a Python file of the user's own, which workers load again by themselves.

The file defines `policy`, an object with `decide(view)` or with `bind(setup)`, or one class that makes such an object.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import pathlib
import types
from typing import Any

from marketsim import files
from marketsim.errors import Fault, InputError

MOST_BYTES = 1_048_576


class FilePolicy:
    """The policy of a file. It carries path and digest; the code is run where it is used."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        source = files.regular_file(path, MOST_BYTES)
        if source.suffix != ".py":
            raise InputError(Fault("a policy file is Python", file=str(source), allowed="a name that ends in .py"))
        self.path = str(source.resolve())
        self.digest = hashlib.blake2b(source.read_bytes(), digest_size=16).hexdigest()
        self.name = str(getattr(self._made(), "name", None) or source.stem)

    def bind(self, setup: Any) -> Any:
        """A fresh object for one run, bound to it where it can be."""
        made = self._made()
        return made.bind(setup) if hasattr(made, "bind") else made

    def decide(self, view: Any) -> Any:
        """Never asked: the engine binds first."""
        raise NotImplementedError

    def _made(self) -> Any:
        return load(pathlib.Path(self.path))


def load(path: pathlib.Path) -> Any:
    """The policy object that a Python file defines. Raises InputError with the line where the file is wrong."""
    text = files.decoded(path.read_bytes(), str(path))
    module = types.ModuleType(f"policy_file_{path.stem}")
    module.__file__ = str(path)
    try:
        exec(compile(text, str(path), "exec"), module.__dict__)
    except SyntaxError as error:
        raise InputError(Fault(f"not Python: {error.msg}", str(path), error.lineno, error.offset)) from None
    except Exception as error:
        raise InputError(Fault(f"fails when it is read: {type(error).__name__}: {error}", str(path))) from None
    if hasattr(module, "policy"):
        return _able(module.policy, path)
    own = [
        thing
        for thing in vars(module).values()
        if inspect.isclass(thing) and thing.__module__ == module.__name__ and _is_policy(thing)
    ]
    if len(own) != 1:
        what = f"defines {len(own)} policies" if own else "defines no policy"
        allowed = "`policy = ...`, or one class with `decide(self, view)`"
        raise InputError(Fault(what, str(path), allowed=allowed))
    try:
        return own[0]()
    except TypeError as error:
        raise InputError(Fault(f"{own[0].__name__} cannot be made without arguments: {error}", str(path))) from None


def _is_policy(thing: Any) -> bool:
    return callable(getattr(thing, "decide", None)) or callable(getattr(thing, "bind", None))


def _able(thing: Any, path: pathlib.Path) -> Any:
    if not _is_policy(thing):
        raise InputError(Fault("`policy` has neither `decide(view)` nor `bind(setup)`", str(path)))
    return thing
