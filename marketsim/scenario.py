"""A scenario: everything that is asked of a simulation, frozen and checked, with a default for all but three keys.

    scenario.yaml -> load -> Scenario -> build -> World

`load` reads a file, `check` a mapping; both tell all faults at once. `dump` writes text that `load` reads back as the
same scenario, with every default and preset written out.
"""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PrivateAttr, ValidationError, model_validator

from marketsim import crosschecks, demand, dotted, faults, files, levers, plain_yaml, settings, shipped, supply, units
from marketsim.demand.demand import Demand
from marketsim.errors import Fault, InputError, nearest
from marketsim.levers.lever import Lever
from marketsim.scenario_parts import (
    ClockSettings,
    Ends,
    Experiment,
    Finance,
    Initial,
    Moment,
    Network,
    Objective,
    PolicySettings,
    Validation,
)
from marketsim.supply.kind import OfferKind
from marketsim.supply.market import Market

Named = settings.Name
if TYPE_CHECKING:
    AnyDemand = Demand
    AnyOffer = OfferKind
    AnyLever = Lever
else:
    AnyDemand, AnyOffer, AnyLever = (settings.one_of(family.KINDS) for family in (demand, supply, levers))
LONGEST_NAME = 200
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


class Scenario(settings.Settings):
    """One question to the simulator. Every field but `name`, `demand` and `supply` has a default that runs.

    Frozen; its fields are the keys of a scenario file, durations whole seconds. `load` and `check` make one.

    >>> import marketsim as ms
    >>> scenario = ms.load("speech")
    >>> scenario.horizon // 3600, list(scenario.demand)
    (8760, ['pretrain', 'customers', 'calls'])
    >>> dearer = scenario.changed({"supply.aws-p4d.usd_per_gpu_hour": 3.5})
    >>> dearer.digest == scenario.digest
    False
    """

    schema_version: Literal[1] = Field(default=1, description="version of these keys")
    name: str = Field(min_length=1, max_length=LONGEST_NAME, description="shown in titles; names the results folder")
    description: str = Field(default="", max_length=5000, description="what the scenario is about")
    start: Moment = Field(default=datetime(2026, 1, 1, tzinfo=UTC), description="the calendar instant of second 0")
    horizon: settings.PositiveDuration = Field(
        default=12 * units.MONTH_S, description="arrivals and services end there"
    )
    seed: int = Field(default=1, ge=0, le=2**63 - 1, description="of all dice")
    objective: Objective | None = Field(default=None, description='what "best" means; without it, as values are given')
    ends: Ends = Field(default_factory=Ends, description="how the end is settled")
    initial: Initial = Field(default_factory=Initial, description="what there is at second 0")
    demand: dict[Named, AnyDemand] = Field(min_length=1, max_length=200, description="workloads by name")
    market: Market = Field(default_factory=Market, description="the state of scarcity that moves offers together")
    supply: dict[Named, AnyOffer] = Field(min_length=1, max_length=200, description="offers by name")
    network: Network = Field(default_factory=Network, description="what moving and keeping data costs")
    levers: dict[Named, AnyLever] = Field(
        default_factory=dict, max_length=200, description="ways to need less, by name"
    )
    policies: dict[Named, PolicySettings] = Field(
        default_factory=dict, max_length=200, description="the rules that are compared, by name"
    )
    finance: Finance = Field(default_factory=Finance, description="the startup's money")
    experiment: Experiment = Field(default_factory=Experiment, description="how the policies are compared")
    clock: ClockSettings = Field(default_factory=ClockSettings, description="when decisions can be taken")
    validation: Validation | None = Field(default=None, description="the verdict of a back-test against a bill")
    sources: dict[str, Annotated[str, Field(min_length=1, max_length=2000)]] = Field(
        default_factory=dict, max_length=2000, description="dotted path -> where its figure comes from"
    )

    _folder: pathlib.Path | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: Any) -> Any:
        """`like` copied, and policies that make sense of the supply where none are given."""
        if not isinstance(data, Mapping):
            return data
        data = dict(data)
        if isinstance(data.get("supply"), Mapping):
            data["supply"] = alike(data["supply"])
            if not data.get("policies") and "policies" not in data:
                data["policies"] = usual_policies(data["supply"])
        return data

    @model_validator(mode="after")
    def _no_path(self) -> Scenario:
        where = _leads_away(self.name)
        if where:
            raise ValueError(f"name {where}: the results folder is named after it")
        return self

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if isinstance(other, Scenario) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    @property
    def folder(self) -> pathlib.Path | None:
        """What file names in the scenario are relative to."""
        return self._folder

    @property
    def slug(self) -> str:
        """The name as a file name: letters and digits of any script, joined by hyphens."""
        return slug(self.name)

    @property
    def digest(self) -> str:
        """32 hexadecimal digits that belong to these settings, whatever file they came from."""
        text = json.dumps(to_data(self), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    @property
    def verdict(self) -> str | None:
        """What a back-test against a bill found, in a sentence; None where there was none."""
        if self.validation is None:
            return None
        return self.validation.verdict(self.tested_digest)

    @property
    def tested_digest(self) -> str:
        """`digest` without the verdict itself."""
        return self.digest if self.validation is None else self.model_copy(update={"validation": None}).digest

    def changed(self, edits: Mapping[str, Any] | Iterable[str]) -> Scenario:
        """The scenario with edits by dotted path, `{"supply.own.pue": 1.4}` or `["supply.own.pue=1.4"]`; checked."""
        document = plain_yaml.Document(to_data(self))
        document = dotted.changed(document, edits) if isinstance(edits, Mapping) else dotted.edited(document, edits)
        return _checked(document, self._folder)


def slug(name: str) -> str:
    """A file name for a name: letters and digits of any script, all else a hyphen; never empty.

    >>> slug("Base case: 2 x H100"), slug("../../x"), slug("=1+1")
    ('base-case-2-x-h100', 'x', '1-1')
    """
    text = "".join(char.lower() if char.isalnum() else "-" for char in name)
    text = re.sub("-+", "-", text).strip("-")
    while len(text.encode()) > 100:
        text = text[:-1]
    return text or "scenario"


def _leads_away(name: str) -> str | None:
    """Why a name would be a path or could write to a terminal, None where it is a name."""
    if not all(char.isprintable() for char in name):
        return "holds a control or invisible character"
    if not name.strip():
        return "is blank"
    if name.startswith(("/", "\\", "~")) or _DRIVE.match(name) or ".." in re.split(r"[/\\]", name):
        return "is a path"
    return None


LIKE = (
    "provider",
    "zone",
    "residency",
    "shape",
    "boot",
    "turnaround",
    "outage",
    "uplink_mbit_s",
    "data_here",
    "device",
)


def alike(offers: Mapping[str, Any]) -> dict[str, Any]:
    """Offers with `like: OTHER` filled from the other: what `LIKE` names, is not given, and the kind has; one level.

    What cannot be filled keeps its `like`, which no kind knows, so that the check tells it.
    """
    filled = {}
    for name, offer in offers.items():
        filled[name] = offer
        if not isinstance(offer, Mapping) or "like" not in offer:
            continue
        other = offers.get(offer["like"]) if isinstance(offer["like"], str) else None
        kind = supply.KINDS.get(str(offer.get("kind")))
        if not isinstance(other, Mapping) or "like" in other or kind is None or offer["like"] == name:
            continue
        copied = {key: other[key] for key in LIKE if key in other and key not in offer and key in kind.model_fields}
        own = {key: value for key, value in offer.items() if key != "like"}
        filled[name] = {**copied, **own}
    return filled


def usual_policies(offers: Mapping[str, Any]) -> dict[str, Any]:
    """Policies for a scenario that names none: the cheapest of what there is, and on demand or spot where sold."""
    kinds = {offer.get("kind") for offer in offers.values() if isinstance(offer, Mapping)}
    policies: dict[str, Any] = {"cheapest": {"placement": {"kind": "cheapest_feasible"}}}
    if "on_demand" in kinds:
        policies["on-demand-only"] = {"placement": {"kind": "on_demand_only"}}
    if "spot" in kinds:
        policies["spot-first"] = {"placement": {"kind": "spot_greedy"}}
    return policies


# ------------------------------------------------------------------------------------------------ in and out


def load(path: str | os.PathLike[str], edits: Iterable[str] = ()) -> Scenario:
    """The scenario of a YAML file, or of a bare name such as `startup` that comes with marketsim.

    edits: changes by dotted path as `--set` takes them, `supply.own.pue=1.4`. Raises InputError with all its faults.

    >>> import marketsim as ms
    >>> scenario = ms.load("speech", ["horizon=2 w", "seed=7"])
    >>> scenario.name, scenario.horizon, scenario.seed
    ('speech', 1209600, 7)
    >>> ms.load("speech", ["horizon=2"])
    Traceback (most recent call last):
    marketsim.errors.InputError: --set horizon=2: horizon: a duration needs a number and one of the units s, min, ...
    """
    return read(path, edits)[0]


def read(path: str | os.PathLike[str], edits: Iterable[str] = ()) -> tuple[Scenario, plain_yaml.Document]:
    """As `load`, with the document, which knows where each setting stands."""
    source = shipped.found(path)
    document = dotted.edited(files.read_yaml(source), edits)
    return _checked(document, source.resolve().parent), document


def loads(text: str, folder: str | os.PathLike[str] | None = None, file: str | None = None) -> Scenario:
    """The scenario of a YAML text; `folder` is what its file names are relative to. Raises InputError."""
    return _checked(plain_yaml.parse(text, file), pathlib.Path(folder).resolve() if folder is not None else None)


def check(data: Mapping[str, Any], folder: str | os.PathLike[str] | None = None) -> Scenario:
    """The scenario of plain data such as a scenario file holds. Raises InputError with all its faults.

    folder: what file names in it are relative to; None where it names none.

    >>> import marketsim as ms
    >>> fine_tuning = {"kind": "training", "arrivals": {"kind": "poisson", "per_day": 4}, "run_hours": 6}
    >>> cloud = {"kind": "on_demand", "provider": "AWS", "shape": {"gpu": "H100", "gpus": 8}, "usd_per_gpu_hour": 4}
    >>> scenario = ms.check({"name": "small", "demand": {"tune": fine_tuning}, "supply": {"cloud": cloud}})
    >>> list(scenario.policies)  # none were given: the usual ones for what there is
    ['cheapest', 'on-demand-only']
    >>> ms.check({"name": "small", "demand": {"tune": fine_tuning}, "suply": {"cloud": cloud}})
    Traceback (most recent call last):
    marketsim.errors.InputError: suply: unknown key. Did you mean supply?
    supply: is missing
    """
    return _checked(plain_yaml.Document(data), pathlib.Path(folder).resolve() if folder is not None else None)


def to_data(scenario: Scenario) -> dict[str, Any]:
    """Plain data with every default and preset written out; `check` gives back the same scenario."""
    data = scenario.model_dump(mode="json")
    return {key: value for key, value in data.items() if value is not None}


def dump(scenario: Scenario) -> str:
    """YAML text that `load` reads back as the same scenario, with every default and preset written out.

    >>> import marketsim as ms
    >>> import pathlib, tempfile
    >>> scenario = ms.load("speech")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder) / "again.yaml"
    ...     _ = file.write_text(ms.dump(scenario), encoding="utf-8")
    ...     ms.load(file) == scenario
    True
    """
    return plain_yaml.dump(to_data(scenario))


def _checked(document: plain_yaml.Document, folder: pathlib.Path | None) -> Scenario:
    if not isinstance(document.data, Mapping):
        raise InputError(Fault("a scenario is a mapping of keys to values", file=document.file, line=1, column=1))
    found = list(document.faults)
    scenario = None
    resolved = {**document.data}
    if isinstance(resolved.get("supply"), Mapping):
        resolved["supply"] = alike(resolved["supply"])
    try:
        scenario = Scenario.model_validate(document.data)
    except ValidationError as error:
        view = plain_yaml.Document(resolved, document.file, document.places, document.keys, document.labels)
        told = {fault.key for fault in found}
        found += [
            _of_like(fault, document)
            for fault in faults.of(error, Scenario, view)
            if fault.key not in told and not _copied(fault, document.data)
        ]
    except InputError as error:  # raised by a validator, which knows no file
        found += [faults.placed(fault, document) for fault in error.faults]
    if scenario is not None:
        names = crosschecks.faults_of(scenario, document.data, partial(to_data, scenario))
        found += [
            faults.placed(fault, document, of_key=fault.key.startswith("sources.")) for fault in names if fault.key
        ]
    if found or scenario is None:
        raise InputError(sorted(found, key=lambda fault: (fault.line or 0, fault.column or 0)))
    scenario._folder = folder
    return scenario


def _copied(fault: Fault, data: Mapping[str, Any]) -> bool:
    """Whether a fault is in what `like` copied: it is told where it was written."""
    parts = (fault.key or "").split(".")
    if len(parts) < 3 or parts[0] != "supply":
        return False
    offer = data["supply"].get(parts[1]) if isinstance(data["supply"], Mapping) else None
    return isinstance(offer, Mapping) and "like" in offer and parts[2] in LIKE and parts[2] not in offer


def _of_like(fault: Fault, document: plain_yaml.Document) -> Fault:
    """What is wrong with a `like` that could not be followed: no kind knows the key itself."""
    parts = (fault.key or "").split(".")
    if len(parts) != 3 or parts[0] != "supply" or parts[2] != "like":
        return fault
    got = document.data["supply"][parts[1]]["like"]
    offers = {name: offer for name, offer in document.data["supply"].items() if isinstance(offer, Mapping)}
    others = [name for name, offer in offers.items() if name != parts[1] and "like" not in offer]
    hint = nearest(str(got), others)
    return replace(
        fault,
        what="names no other offer without a `like` of its own",
        got=faults.shown(got),
        allowed=", ".join(others),
        hint=hint,
    )
