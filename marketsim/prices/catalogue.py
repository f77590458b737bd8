"""Prices out of the packaged catalogue: dated, sourced rows by provider, GPU, GPUs an instance and region.

A row that is missing is an error that names the nearest rows. Where a provider is known in a region, but not with this
shape, the price is that of the same shape elsewhere times the median ratio of the two regions over the shapes both
have: an estimate, said by `check`, and refused with `other_region: refuse`.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from statistics import median
from typing import Literal

from pydantic import Field

from marketsim import strict_csv
from marketsim.data import gpus
from marketsim.data.tables import table
from marketsim.errors import Fault, InputError, PriceError, nearest
from marketsim.path import Path
from marketsim.prices.process import Asked, Column, PriceProcess
from marketsim.settings import OpenShare
from marketsim.throw import Throw

ANYWHERE = ("any", "global", "")
OLD_DAYS = 365
LEAST_COMMON = 3  # shapes that two regions must have in common before one is estimated from the other
CLOSED = {"FloydHub": "FloydHub has closed and sells nothing any more"}
_COLUMNS: dict[Column, str] = {
    "on_demand": "ondemand_usd_gpu_hour",
    "spot": "spot_usd_gpu_hour",
    "commit1y": "commit1y_usd_gpu_hour",
    "commit3y": "commit3y_usd_gpu_hour",
}


@dataclass(frozen=True)
class Row:
    """One line of the catalogue: USD per GPU-hour by column, None where the provider lists none."""

    provider: str
    gpu: str
    memory_gb: float | None
    instance: str
    gpus: int
    region: str
    usd: tuple[tuple[Column, float | None], ...]
    date: str
    source: str
    note: str

    @property
    def name(self) -> str:
        """The package's one name of the GPU."""
        return gpu_name(self.gpu, self.memory_gb, self.instance)

    def price(self, column: Column) -> float | None:
        """USD per GPU-hour on the given terms."""
        return dict(self.usd)[column]

    def __str__(self) -> str:
        name = f"{self.provider} {self.gpu} x{self.gpus}" + (f" {self.instance}" if self.instance else "")
        return f"{name} in {self.region or 'any'}"


def _row(line: Mapping[str, str]) -> Row:
    """A row of text cells in the catalogue's columns."""
    return Row(
        provider=line["provider"],
        gpu=line["gpu"],
        memory_gb=float(line["gpu_mem_gb"]) if line["gpu_mem_gb"] else None,
        instance=line["instance"],
        gpus=int(float(line["gpus_per_instance"] or 1)),
        region=line["region"],
        usd=tuple((column, float(line[name]) if line[name] else None) for column, name in _COLUMNS.items()),
        date=line["price_date"],
        source=line["source"],
        note=line["note"],
    )


@cache
def rows() -> tuple[Row, ...]:
    """All lines of provider_catalog.csv, in its order; providers that have closed have lines without prices."""
    return tuple(_row(line) for line in table("provider_catalog"))


def _price_cell(text: str) -> str:
    if text.strip():
        strict_csv.positive(text)
    return text.strip()


def _own_book(folder: pathlib.Path | None, name: str, key: str) -> tuple[Row, ...]:
    """The lines of a price book of the user's own."""
    path = strict_csv.local_file(folder, name, key)
    state = path.stat()
    return read_book(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=16)
def read_book(path: pathlib.Path, changed_ns: int, size: int) -> tuple[Row, ...]:
    """The lines of a CSV in the catalogue's columns; cached by its state on disk."""
    columns: dict[str, strict_csv.Parser] = dict.fromkeys(table("provider_catalog")[0], str)
    columns |= {"provider": strict_csv.word, "gpu": strict_csv.word, "gpu_mem_gb": _price_cell}
    columns |= {"gpus_per_instance": _price_cell} | dict.fromkeys(_COLUMNS.values(), _price_cell)
    got = strict_csv.read(path, columns)
    return tuple(_row({name: got[name][row] for name in columns}) for row in range(len(got["line"])))


@dataclass(frozen=True)
class Found:
    """A price with the row it comes from; `estimate` says how, where the row is of another region."""

    usd: float
    row: Row
    estimate: str | None = None


class Catalogue(PriceProcess):
    """The list price of the packaged catalogue, less a negotiated discount."""

    kind: Literal["catalogue"] = "catalogue"
    instance: str | None = Field(default=None, description="the provider's name of the instance, where several fit")
    region: str | None = Field(default=None, description="the catalogue's region; the offer's zone where not given")
    column: Column | None = Field(
        default=None, description="on_demand, spot, commit1y, commit3y; by the offer's kind where not given"
    )
    discount: OpenShare = Field(default=0.0, description="negotiated share off the list price")
    book: str | None = Field(
        default=None, description="own price book beside the scenario, a CSV in the catalogue's columns"
    )
    other_region: Literal["scaled", "refuse"] = Field(
        default="scaled", description="what to do where the provider lists the region but not this shape in it"
    )

    def find(self, asked: Asked, folder: pathlib.Path | None = None) -> Found:
        """The price before discount, and its row; PriceError where there is none or there are several."""
        column, zone = self.column or asked.column, self.region or asked.zone
        lines = rows() if self.book is None else _own_book(folder, self.book, f"{asked.place}.book")
        return look_up(asked, column, zone, self.instance, self.other_region, lines)

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """The price, for ever."""
        return Path.constant(self.find(asked, throw.folder).usd * (1 - self.discount))

    def now(self, asked: Asked) -> float | None:
        """USD per GPU-hour after discount; None where it stands in a file."""
        return None if self.book is not None else self.find(asked).usd * (1 - self.discount)

    def warnings(self, asked: Asked, today: str) -> tuple[str, ...]:
        """An old price, an estimated one, one whose date is not known."""
        if self.book is not None:
            return ()
        found = self.find(asked)
        said = []
        if found.estimate:
            said.append(f"the price of {found.row} stands in: {found.estimate}")
        days = age_days(found.row.date, today)
        if days is None:
            said.append(f"the price of {found.row} has no full date ({found.row.date or 'none'}): {found.row.source}")
        elif days > OLD_DAYS:
            said.append(f"the price of {found.row} is {days} days old ({found.row.date})")
        return tuple(said)


def look_up(
    asked: Asked,
    column: Column,
    zone: str,
    instance: str | None,
    other_region: Literal["scaled", "refuse"] = "refuse",
    lines: Sequence[Row] | None = None,
) -> Found:
    """The one row with a price of the asked shape; PriceError that names what is near where there is not one."""
    lines = rows() if lines is None else lines
    provider = _provider(asked, lines)
    gpu = gpu_name(asked.gpu)
    of_gpu = [row for row in lines if row.provider == provider and row.name == gpu]
    shaped = [row for row in of_gpu if row.gpus == asked.gpus and row.price(column) is not None]
    if instance is not None:
        shaped = [row for row in shaped if row.instance == instance]
    here = [row for row in shaped if _covers(row.region, zone)] or [row for row in shaped if row.region in ANYWHERE]
    if not here and not zone and len({row.region for row in shaped}) == 1:
        here = shaped
    if not here and shaped and other_region == "scaled":
        scaled = _scaled(provider, zone, shaped, column, lines)
        if scaled is not None:
            return scaled
    if not here:
        raise _missing(asked, column, zone, of_gpu, provider, lines)
    if len(here) > 1:
        named = "; ".join(f"{row.instance or 'no name'} at {row.price(column):g} ({row.date})" for row in here)
        what = f"{len(here)} rows of the catalogue fit {asked.gpu} x{asked.gpus} of {provider}; name its `instance`"
        raise PriceError(Fault(what, key=asked.place, allowed=named))
    price = here[0].price(column)
    assert price is not None
    return Found(price, here[0])


def _provider(asked: Asked, lines: Sequence[Row]) -> str:
    """The catalogue's spelling of the provider; PriceError for one that is closed or unknown."""
    known = {row.provider.split("(")[0].lower(): row.provider for row in lines} | {
        row.provider.lower(): row.provider for row in lines
    }
    name = known.get(asked.provider.lower())
    if name is None:
        names = sorted({row.provider for row in lines} - set(CLOSED))
        what = "the catalogue has no such provider; give the price itself"
        raise PriceError(Fault(what, key=asked.place, got=asked.provider, allowed=", ".join(names),
                               hint=nearest(asked.provider, names)))  # fmt: skip
    if name in CLOSED:
        raise PriceError(Fault(CLOSED[name], key=asked.place, got=asked.provider))
    return name


def gpu_name(gpu: str, memory_gb: float | None = None, instance: str = "") -> str:
    """The package's one name of a catalogue row's GPU, or of an asked one; the text itself where it has none."""
    spelt = f"{gpu} {instance}".upper()
    if gpu.startswith(("A100", "H100")) and "PCIE" in spelt:
        gpu = f"{gpu[:4]}-PCIe"
    elif gpu.startswith("H100") and "NVL" in spelt:
        gpu = "H100-NVL"
    elif gpu in ("A100", "V100") and memory_gb is not None:
        gpu = f"{gpu}-{memory_gb:.0f}GB"
    try:
        return gpus.canonical(gpu)
    except InputError:
        return re.sub(r"[^A-Z0-9]", "", gpu.upper())


def _covers(region: str, zone: str) -> bool:
    """Whether a zone such as us-east-1a or europe-west4-b lies in a region such as us-east-1 or europe-west4."""
    return bool(zone) and re.fullmatch(re.escape(region) + r"-?[a-z]?", zone) is not None and region not in ANYWHERE


def _scaled(provider: str, zone: str, shaped: list[Row], column: Column, lines: Sequence[Row]) -> Found | None:
    """An estimate from another region, by the median price ratio over shapes that both regions have on demand."""
    for row in shaped:
        elsewhere = {
            (other.gpu, other.instance): other.price("on_demand")
            for other in lines
            if other.provider == provider and other.region == row.region
        }
        ratios = [
            here / there
            for other in lines
            if other.provider == provider and _covers(other.region, zone)
            and (here := other.price("on_demand")) and (there := elsewhere.get((other.gpu, other.instance)))
        ]  # fmt: skip
        price = row.price(column)
        if len(ratios) >= LEAST_COMMON and price is not None:
            ratio = median(ratios)
            said = (
                f"{zone} is not listed with it, the median of {len(ratios)} other prices is {ratio:.3f} times as high"
            )
            return Found(price * ratio, row, said)
    return None


def _missing(
    asked: Asked, column: Column, zone: str, of_gpu: list[Row], provider: str, lines: Sequence[Row]
) -> PriceError:
    same_shape = [row for row in of_gpu if row.gpus == asked.gpus]
    near = same_shape or of_gpu or [row for row in lines if row.provider == provider]
    listed = [row for row in near if row.price(column) is not None] or near
    shown = "; ".join(str(row) for row in listed[:5]) + (" ..." if len(listed) > 5 else "")
    lacks = "" if any(row.price(column) is not None for row in near) else f" (none of them has a {column} price)"
    where = f" in {zone}" if zone else ""
    what = f"the catalogue has no {column} price of {asked.gpu} x{asked.gpus} of {provider}{where}"
    return PriceError(
        Fault(what, key=asked.place, allowed=f"the price itself, or a listed row, such as {shown}{lacks}")
    )


def age_days(date: str, today: str) -> int | None:
    """Days from a row's date (the end of a span) to today; None where the row does not name a month."""
    from datetime import date as calendar

    last = date.split("..")[-1]
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}(-[0-9]{2})?", last):
        return None
    day = calendar.fromisoformat(last if len(last) == 10 else f"{last}-28")
    return (calendar.fromisoformat(today) - day).days
