"""The part of YAML 1.2 that scenarios are written in: mappings, lists, text, plain decimals, true, false and null.

The text is read event by event, so that an alias, a tag or a nest too deep is refused before anything is built from it.
Left out are anchors, aliases, tags, merge keys, duplicate keys and second documents, and every spelling of a number on
which readers of YAML disagree: `010`, `1e3`, `0x1F`, `1_000`, `.5`, `.inf`. Text that looks so goes in quotes.
"""

from __future__ import annotations

import io
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from marketsim.errors import Fault, InputError

DEEPEST = 50
MOST_NODES = 50_000  # a scenario has hundreds; more would take minutes to check
LONGEST_KEY = 200
LONGEST_NUMBER = 400  # digits; every float written in full is shorter

NUMBERS = "plain decimals such as 12, -3 or 0.25"
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_LOOKS_LIKE_A_NUMBER = re.compile(
    r"[-+]?(\.inf|\.Inf|\.INF|inf|infinity)|\.?nan|\.NaN|\.NAN|NaN"
    r"|[-+]?(0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+)"
    r"|[-+]?(\.[0-9][0-9_]*|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?"
)


class Place(NamedTuple):
    """Line and column in a file, both from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Document:
    """What a file says, and where.

    data: plain mappings, lists, text, int, float, bool, None. places, keys: where the value and the key of each dotted
    path stand. labels: where the value of a path comes from if not from the file, such as `--set seed=1`. faults: what
    is wrong and did not stop the reading; who checks the data reports them together with what it finds.
    """

    data: Any
    file: str | None = None
    places: Mapping[str, Place] = field(default_factory=dict)
    keys: Mapping[str, Place] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    def label(self, path: str) -> str | None:
        """Where the value of a path comes from if not from the file, None if it does."""
        while path and path not in self.labels:
            path = parent(path)
        return self.labels.get(path)

    def place(self, path: str, of_key: bool = False) -> Place | None:
        """Where a dotted path stands, or the nearest of its parents that is written in the file."""
        while True:
            found = (self.keys.get(path) if of_key else None) or self.places.get(path)
            if found is not None or not path:
                return found
            path = parent(path)
            of_key = True


def join(path: str, part: str | int) -> str:
    """The dotted path of a key or a list entry below another: `a.b`, `a.b[0]`."""
    if isinstance(part, int):
        return f"{path}[{part}]"
    return f"{path}.{part}" if path else part


def parent(path: str) -> str:
    """The dotted path one step up, `""` at the top."""
    return path[: max(path.rfind("."), path.rfind("["), 0)]


@dataclass
class _Open:
    """A mapping or list that is being read."""

    value: dict[str, Any] | list[Any]
    path: str
    key: str | None = None


class _Reader:
    """Builds plain data from the parser's events, keeping its own stack: no depth of nesting reaches Python's."""

    def __init__(self, file: str | None) -> None:
        self.file = file
        self.places: dict[str, Place] = {}
        self.keys: dict[str, Place] = {}
        self.faults: list[Fault] = []
        self.stack: list[_Open] = []
        self.root: Any = None
        self.nodes = self.documents = 0

    def fault(self, place: Place, what: str, path: str | None = None, **more: str | None) -> Fault:
        return Fault(what, self.file, place.line, place.column, path or None, **more)

    def take(self, event: Event) -> None:
        place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, MappingEndEvent | SequenceEndEvent):
            self.stack.pop()
        elif isinstance(event, DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise InputError(self.fault(place, "a second document begins here", allowed="one document a file"))
        elif isinstance(event, NodeEvent):
            self.refuse(event, place)
            self.node(event, place)

    def refuse(self, event: NodeEvent, place: Place) -> None:
        """What is never read, whatever it stands for."""
        path = self.path_here()
        if isinstance(event, AliasEvent) or event.anchor:
            raise InputError(
                self.fault(place, "anchors and aliases are not read (an alias can stand for any size)", path)
            )
        tag = getattr(event, "tag", None)
        if tag:
            raise InputError(self.fault(place, "tags are not read", path, got=str(tag)))
        if len(self.stack) >= DEEPEST and not isinstance(event, ScalarEvent):
            raise InputError(self.fault(place, "nested too deep", allowed=f"at most {DEEPEST} levels"))
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise InputError(self.fault(place, "too many entries", allowed=f"at most {MOST_NODES} keys and values"))

    def path_here(self) -> str:
        """The dotted path of the value that comes next."""
        if not self.stack:
            return ""
        top = self.stack[-1]
        if isinstance(top.value, list):
            return join(top.path, len(top.value))
        return join(top.path, top.key) if top.key is not None else top.path

    def node(self, event: NodeEvent, place: Place) -> None:
        top = self.stack[-1] if self.stack else None
        if top is not None and isinstance(top.value, dict) and top.key is None:
            self.key(event, place, top)
            return
        path = self.path_here()
        self.places[path] = place
        value: Any
        if isinstance(event, MappingStartEvent):
            value = {}
        elif isinstance(event, SequenceStartEvent):
            value = []
        else:
            assert isinstance(event, ScalarEvent)
            value = self.scalar(event, place, path)
        if top is None:
            self.root = value
        elif isinstance(top.value, list):
            top.value.append(value)
        else:
            assert top.key is not None
            top.value[top.key] = value
            top.key = None
        if isinstance(value, dict | list):
            self.stack.append(_Open(value, path))

    def key(self, event: NodeEvent, place: Place, top: _Open) -> None:
        where = top.path
        if not isinstance(event, ScalarEvent):
            raise InputError(self.fault(place, "a key must be text, not a list or a mapping", where))
        text = event.value
        if event.implicit[0]:  # not quoted
            if text == "<<":
                raise InputError(
                    self.fault(place, "merge keys are not read (nor is the alias they would merge)", where)
                )
            if not isinstance(_plain(text), str):
                path = join(where, text)
                self.faults.append(self.fault(place, "a key must be text", path, got=text, hint="Put it in quotes."))
        if len(text) > LONGEST_KEY:
            raise InputError(self.fault(place, "a key is too long", where, allowed=f"at most {LONGEST_KEY} characters"))
        hidden = [char for char in text if unicodedata.category(char) in ("Cf", "Cc", "Cs", "Co", "Zl", "Zp")]
        clean = "".join(char for char in text if char not in hidden)
        path = join(where, clean)
        assert isinstance(top.value, dict)
        if hidden:
            names = ", ".join(f"U+{ord(char):04X}" for char in dict.fromkeys(hidden))
            what = f"the key holds an invisible character ({names})"
            self.faults.append(self.fault(place, what, path, got=text, hint=f"Did you mean {clean}?"))
        elif clean in top.value:
            first = self.keys[path]
            what = f"duplicate key, first given on line {first.line}"
            self.faults.append(self.fault(place, what, path))
        self.keys.setdefault(path, place)
        top.key = clean

    def scalar(self, event: ScalarEvent, place: Place, path: str) -> Any:
        text = event.value
        if not event.implicit[0]:  # quoted, or a block of text
            return text
        if _LOOKS_LIKE_A_NUMBER.fullmatch(text) and not _DECIMAL.fullmatch(text):
            why = "leading zero" if re.fullmatch(r"[-+]?0[0-9_]+(\.[0-9]*)?", text) else "spelling"
            what = f"not a number that every reader takes the same way ({why})"
            hint = "Text goes in quotes."
            self.faults.append(
                self.fault(
                    place, what, path, got=text, allowed=f"{NUMBERS}, without leading zero or exponent", hint=hint
                )
            )
        elif _DECIMAL.fullmatch(text) and not _finite(text):
            allowed = f"finite, at most {LONGEST_NUMBER} digits"
            self.faults.append(self.fault(place, "a number too long", path, got=text, allowed=allowed))
            return None
        return _plain(text)


def _finite(text: str) -> bool:
    return len(text) <= LONGEST_NUMBER and math.isfinite(float(text))


def _plain(text: str) -> Any:
    """The value of an unquoted scalar."""
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _DECIMAL.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text


def _events(text: str, file: str | None) -> Iterator[Event]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = f"this line is not YAML: {error.problem or error.context}"
        if "\\t" in what:
            what += " (tabs cannot indent)"
        if error.context and error.problem:
            since = f" (line {error.context_mark.line + 1})" if error.context_mark else ""
            what += f", {error.context}{since}"
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise InputError(Fault(what, file, line, column)) from None
    except (YAMLError, ValueError) as error:
        raise InputError(Fault(f"not YAML: {str(error).splitlines()[0]}", file)) from None


def parse(text: str, file: str | None = None) -> Document:
    """The one document of a text. Raises InputError where it cannot be read at all; lesser faults are in the result."""
    reader = _Reader(file)
    for event in _events(text, file):
        reader.take(event)
    if not reader.documents or reader.root is None:
        raise InputError(Fault("the file is empty", file))
    return Document(reader.root, file, reader.places, reader.keys, faults=tuple(reader.faults))


def value(text: str) -> Any:
    """The value of a short text such as the right side of `--set a.b=VALUE`."""
    if not text.strip():
        return None
    document = parse(text)
    if document.faults:
        raise InputError(document.faults)
    return document.data


def dump(data: Any) -> str:
    """Text that `parse` reads back as the same plain data; floats are written in full, without an exponent."""
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 110
    yaml.representer.add_representer(float, _represent_float)
    yaml.representer.add_representer(
        type(None), lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    out = io.StringIO()
    yaml.dump(_quoted(data), out)
    return out.getvalue()


def _represent_float(representer: Any, number: float) -> Any:
    text = format(Decimal(repr(number)), "f")
    return representer.represent_scalar("tag:yaml.org,2002:float", text if "." in text else text + ".0")


def _quoted(data: Any) -> Any:
    """The data with quotes round any text that would be read as something else, or whose lines would be folded."""
    if isinstance(data, Mapping):
        return {_quoted(key): _quoted(part) for key, part in data.items()}
    if isinstance(data, list | tuple):
        return [_quoted(part) for part in data]
    if isinstance(data, str):
        odd = _LOOKS_LIKE_A_NUMBER.fullmatch(data) or not isinstance(_plain(data), str) or data == "<<"
        return DoubleQuotedScalarString(data) if odd or not data.isprintable() else str(data)
    return data
