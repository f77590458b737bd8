"""Dotted paths into a scenario, `supply.own.pue` or `policies.build.procurement.buy[0].at`, and edits that use them."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from marketsim import plain_yaml
from marketsim.errors import Fault, InputError

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "nothing"})()
_PART = re.compile(r"\[(0|[1-9][0-9]{0,5})\]|\.?([^.\[\]]+)")
FREE_KEYS = "sources"  # below it, a key is itself a dotted path


def parts(path: str) -> list[str | int]:
    """The keys and list positions of a dotted path. Raises ValueError where it is none.

    >>> parts("a.b-c[0].d")
    ['a', 'b-c', 0, 'd']
    """
    if path.startswith(f"{FREE_KEYS}."):
        return [FREE_KEYS, path[len(FREE_KEYS) + 1 :]]
    found: list[str | int] = []
    at = 0
    while at < len(path):
        match = _PART.match(path, at)
        if match is None or ((at == 0) == path.startswith(".", at) and match[2] is not None):
            raise ValueError(f"`{path}` is no dotted path such as supply.own.pue")
        found.append(int(match[1]) if match[1] is not None else match[2])
        at = match.end()
    if not found:
        raise ValueError("a dotted path is empty")
    return found


def get(data: Any, path: str) -> Any:
    """What stands at a dotted path, `MISSING` where nothing does."""
    for part in parts(path):
        if isinstance(part, int) or (isinstance(data, list | tuple) and part.isdigit()):
            index = int(part)
            if not isinstance(data, list | tuple) or index >= len(data):
                return MISSING
            data = data[index]
        elif isinstance(data, Mapping) and part in data:
            data = data[part]
        else:
            return MISSING
    return data


def edited(document: plain_yaml.Document, edits: Iterable[str]) -> plain_yaml.Document:
    """The document with edits `a.b=VALUE`, each as a line of YAML would give it. Raises InputError.

    An empty VALUE is null. Mappings on the way that are not there are made; the check tells unknown keys.
    """
    data = copy.deepcopy(document.data)
    labels = dict(document.labels)
    faults = []
    for edit in edits:
        path, sign, text = edit.partition("=")
        label = f"--set {edit}"
        try:
            if not sign:
                raise ValueError("an edit is written KEY=VALUE")
            normal = _put(data, parts(path.strip()), plain_yaml.value(text))
            labels[normal] = label
        except InputError as error:
            faults += [replace(fault, file=label, line=None, column=None, key=path) for fault in error.faults]
        except ValueError as error:
            faults.append(Fault(str(error), file=label))
    if faults:
        raise InputError(faults)
    return replace(document, data=data, labels=labels)


def _put(data: Any, steps: list[str | int], value: Any) -> str:
    """Set a value in place and give back its path in the usual spelling."""
    path = ""
    for depth, step in enumerate(steps):
        last = depth == len(steps) - 1
        if isinstance(data, list):
            if not (isinstance(step, int) or step.isdigit()):
                raise ValueError(f"{path} is a list: its entries are {path}[0], {path}[1], ...")
            index = int(step)
            if index >= len(data):
                raise ValueError(f"{path} has {len(data)} entries, the last is {path}[{len(data) - 1}]")
            path = plain_yaml.join(path, index)
            if last:
                data[index] = value
            data = data[index]
        elif isinstance(data, dict):
            key = str(step)
            path = plain_yaml.join(path, key)
            if last:
                data[key] = value
            elif data.get(key) is None:
                data[key] = {}
            data = data[key]
        else:
            raise ValueError(f"{path} is {data!r}, which has no keys of its own")
    return path


def changed(document: plain_yaml.Document, edits: Mapping[str, Any]) -> plain_yaml.Document:
    """The document with values set by dotted path. Raises InputError."""
    data = copy.deepcopy(document.data)
    labels = dict(document.labels)
    faults = []
    for path, value in edits.items():
        try:
            labels[_put(data, parts(path), value)] = f"change of {path}"
        except ValueError as error:
            faults.append(Fault(str(error), key=path))
    if faults:
        raise InputError(faults)
    return replace(document, data=data, labels=labels)
