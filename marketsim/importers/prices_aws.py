"""AWS spot price history: the JSON of `aws ec2 describe-spot-price-history`, all pages of it in one file."""

from __future__ import annotations

import json
import pathlib
from typing import Any

from marketsim import strict_csv
from marketsim.errors import Fault, InputError
from marketsim.importers.importer import Imported, Importer
from marketsim.importers.price_table import PriceSeries, ordered

SYSTEM = ("Linux/UNIX", "Linux/UNIX (Amazon VPC)")
_KEYS = ("AvailabilityZone", "InstanceType", "ProductDescription", "SpotPrice", "Timestamp")


def _pages(path: pathlib.Path) -> list[Any]:
    """The documents of a file: one, or a list of them."""
    try:
        found = json.loads(strict_csv.text_of(path))
    except (json.JSONDecodeError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise InputError(
            Fault("is not JSON", file=path.name, line=line, column=getattr(error, "colno", None))
        ) from None
    pages = found if isinstance(found, list) else [found]
    for page in pages:
        if not isinstance(page, dict) or not isinstance(page.get("SpotPriceHistory"), list):
            what = "has no list SpotPriceHistory: it is not an answer of describe-spot-price-history"
            raise InputError(Fault(what, file=path.name))
    if pages and pages[-1].get("NextToken"):
        what = "is one page of several (NextToken is set): later prices are missing"
        raise InputError(Fault(what, file=path.name, allowed="all pages, as a list"))
    return [row for page in pages for row in page["SpotPriceHistory"]]


def read(path: pathlib.Path) -> Imported:
    """The Linux prices of each zone and instance type, in order of time."""
    rows = _pages(path)
    series: dict[tuple[str, str], list[tuple[float, float, int]]] = {}
    faults: list[Fault] = []
    other = 0
    for number, row in enumerate(rows, start=1):
        missing = [key for key in _KEYS if not isinstance(row, dict) or not isinstance(row.get(key), str)]
        if missing:
            faults.append(Fault(f"row {number}: {missing[0]} is missing or no text", file=path.name))
            continue
        if row["ProductDescription"] not in SYSTEM:
            other += 1
            continue
        for key, parse in (("Timestamp", strict_csv.epoch_s), ("SpotPrice", strict_csv.positive)):
            try:
                parse(row[key])
            except ValueError as error:
                faults.append(Fault(f"row {number}: {error}", file=path.name, key=key, got=row[key]))
                break
        else:
            name = (row["AvailabilityZone"], row["InstanceType"])
            price = strict_csv.positive(row["SpotPrice"])
            series.setdefault(name, []).append((strict_csv.epoch_s(row["Timestamp"]), price, number))
    if faults:
        raise InputError(faults)
    table, repeated = ordered(series, path.name)
    why = {"another system than Linux": other, "the same price twice": repeated}
    return Imported(PriceSeries(table), len(rows), {reason: count for reason, count in why.items() if count})


KIND = Importer("AWS spot prices: the JSON of describe-spot-price-history.", "prices", read)
