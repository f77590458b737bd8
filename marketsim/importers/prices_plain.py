"""Prices in the package's own layouts: `time,price`, or `time,zone,instance,price` for several series, or daily rows
`date,region,instance,spot_usd_hour`. Moments need Z or an offset; what stands out of order or twice is told by row.
"""

from __future__ import annotations

import pathlib

from marketsim import strict_csv
from marketsim.importers.importer import Imported, Importer
from marketsim.importers.price_table import PriceSeries, gaps, ordered
from marketsim.prices.series import day_number
from marketsim.units import DAY_S


def _day_s(text: str) -> float:
    return float(day_number(text) * DAY_S)


def read(path: pathlib.Path) -> Imported:
    """The prices of each series in order of time, with a note for each gap."""
    names = strict_csv.header(path)
    place: tuple[str, ...]
    if "date" in names:
        columns = {"date": _day_s, "region": strict_csv.word, "instance": strict_csv.word}
        at, place, usd = "date", ("region", "instance"), "spot_usd_hour"
    elif "zone" in names:
        columns = {"time": strict_csv.epoch_s, "zone": strict_csv.word, "instance": strict_csv.word}
        at, place, usd = "time", ("zone", "instance"), "price"
    else:
        columns, at, place, usd = {"time": strict_csv.epoch_s}, "time", (), "price"
    got = strict_csv.read(path, {**columns, usd: strict_csv.positive})
    series: dict[tuple[str, str], list[tuple[float, float, int]]] = {}
    for row, (moment, price) in enumerate(zip(got[at].tolist(), got[usd].tolist(), strict=True)):
        name = (got[place[0]][row], got[place[1]][row]) if place else ("", path.stem)
        series.setdefault(name, []).append((moment, price, int(got["line"][row])))
    table, repeated = ordered(series, path.name, unit="line")
    notes = tuple(
        f"{' '.join(part for part in name if part)}: {note}" for name, one in table.items() for note in gaps(one[0])
    )
    left = {"the same price twice": repeated} if repeated else {}
    return Imported(PriceSeries(table, notes[:10]), len(got["line"]), left)


KIND = Importer("Prices in the package's own CSV layouts.", "prices", read)
