"""A SkyPilot catalogue (`vms.csv`): instances of one cloud with GPU, count, region, price and spot price.

Columns stand in an order of the file's own; those used must be there. Rows of several zones of a region with one price
become one; the cloud's name is that of the file, or of its folder where the file is `vms.csv`. The layout has no date.
"""

from __future__ import annotations

import pathlib

from marketsim import strict_csv
from marketsim.errors import Fault, InputError
from marketsim.importers.importer import Imported, Importer
from marketsim.importers.price_table import BookRow, PriceBook

_USED = ("InstanceType", "AcceleratorName", "AcceleratorCount", "Price", "SpotPrice", "Region")
CLOUDS = {"aws": "AWS", "gcp": "GCP", "azure": "Azure", "lambda": "Lambda", "runpod": "RunPod", "vast": "Vast.ai",
          "paperspace": "Paperspace", "oci": "Oracle", "ibm": "IBM", "fluidstack": "FluidStack"}  # fmt: skip


def _price(text: str) -> float:
    """A price in USD an instance-hour, or 0 where the cell is empty."""
    return strict_csv.non_negative(text) if text.strip() else 0.0


def read(path: pathlib.Path) -> Imported:
    """The rows with a GPU as a price book, USD per GPU-hour."""
    names = strict_csv.header(path)
    missing = [name for name in _USED if name not in names]
    if missing:
        what = f"column {missing[0]} is missing"
        raise InputError(Fault(what, file=path.name, line=1, allowed=f"a SkyPilot catalogue with {', '.join(_USED)}"))
    parsers = {"AcceleratorCount": _price, "Price": _price, "SpotPrice": _price}
    got = strict_csv.read(path, {name: parsers.get(name, str) for name in names})
    word = (path.parent.name if path.stem.split(".")[0] == "vms" else path.stem.split(".")[0]).lower()
    provider = CLOUDS.get(word, word)
    rows: dict[BookRow, None] = {}
    cpus = free = 0
    for row, gpu in enumerate(got["AcceleratorName"]):
        count = float(got["AcceleratorCount"][row])
        if not gpu or count < 1 or count != int(count):
            cpus += 1
            continue
        prices = [float(got[name][row]) / count or None for name in ("Price", "SpotPrice")]
        if prices == [None, None]:
            free += 1
            continue
        on_demand, spot = (None if usd is None else round(usd, 6) for usd in prices)
        rows[BookRow(provider, gpu, got["InstanceType"][row], int(count), got["Region"][row], on_demand, spot)] = None
    if not rows:
        raise InputError(Fault("the file is empty: no row has a GPU and a price", file=path.name))
    many = len(got["line"]) - cpus - free - len(rows)
    why = {"no whole GPU": cpus, "no price": free, "same region and price": many}
    book = PriceBook(tuple(rows), source=f"SkyPilot catalogue {provider}/{path.name}")
    return Imported(book, len(got["line"]), {reason: count for reason, count in why.items() if count})


KIND = Importer("A SkyPilot catalogue of one cloud as a price book.", "prices", read)
