"""GCP price steps: a row for each day on which a price of an instance and region was seen to change.

`date,instance,region,ondemand_usd_hour,spot_usd_hour,commit1y_usd_month,commit3y_usd_month,commit,gpu_in_region`; the
spot prices are taken. Between two dates a price is known at the ends only: it counts from the date on which it is seen.
"""

from __future__ import annotations

import pathlib

from marketsim import strict_csv
from marketsim.importers.importer import Imported, Importer
from marketsim.importers.price_table import PriceSeries, ordered
from marketsim.prices.series import day_number
from marketsim.units import DAY_S


def _maybe(text: str) -> float:
    """A price above 0, or 0 where the cell is empty."""
    return strict_csv.positive(text) if text.strip() else 0.0


def read(path: pathlib.Path) -> Imported:
    """The spot prices of each region and instance, in order of time."""
    columns: dict[str, strict_csv.Parser] = {
        "date": day_number, "instance": strict_csv.word, "region": strict_csv.word, "ondemand_usd_hour": _maybe,
        "spot_usd_hour": _maybe, "commit1y_usd_month": _maybe, "commit3y_usd_month": _maybe, "commit": str,
        "gpu_in_region": str,
    }  # fmt: skip
    got = strict_csv.read(path, columns)
    series: dict[tuple[str, str], list[tuple[float, float, int]]] = {}
    without = 0
    for row, (day, usd) in enumerate(zip(got["date"].tolist(), got["spot_usd_hour"].tolist(), strict=True)):
        if usd == 0:
            without += 1
            continue
        name = (got["region"][row], got["instance"][row])
        series.setdefault(name, []).append((float(day * DAY_S), usd, int(got["line"][row])))
    table, repeated = ordered(series, path.name, unit="line")
    why = {"no spot price": without, "the same price twice": repeated}
    return Imported(PriceSeries(table), len(got["line"]), {reason: count for reason, count in why.items() if count})


KIND = Importer("GCP prices by the days on which they changed.", "prices", read)
