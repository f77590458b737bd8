"""Which process fits a file of prices, with which parameters, and how far it can be trusted.

The end of the series is held back: every law is fitted on what comes before it and forecasts it. The ranking is by
one-step log score; coverage and CRPS say which law holds over months. The scenario block is of the law asked for, or of
the default for spot, refitted on all days.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from marketsim import strict_csv
from marketsim.errors import Fault, InputError, nearest
from marketsim.path import Path
from marketsim.prices import backtest, profiles
from marketsim.prices.bootstrap import Pool, packaged_pool
from marketsim.prices.laws import DEFAULT, LAWS, ratio_walls
from marketsim.prices.series import LEAST_DAYS, Series, daily_ratios, filled, standardised
from marketsim.streams import Dice, Floats
from marketsim.units import DAY_S

FAN_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Row:
    """One law of the ranking. gain: nats a day over `ou`; coverage of the 90 % interval; CRPS over a walk's."""

    process: str
    gain: float
    coverage: Mapping[int, float]
    coverage_error: Mapping[int, float]
    crps: Mapping[int, float]
    settings: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class FitResult:
    """What `marketsim fit prices` prints and draws.

    block: settings of `process` as a scenario writes them. intervals: 90 % profile-likelihood intervals of parameters.
    fan: day (n,), quantiles (n, 5) at FAN_LEVELS, real (n,) of the held-back days of the first series. pit: shares of
    outcomes in ten equal bins. spread: horizon (m,), real sd of changes (m,), sd by the process (m,).
    """

    series: str
    days: int
    held_back: int
    ratio: bool
    process: str
    rows: tuple[Row, ...]
    block: Mapping[str, Any]
    intervals: Mapping[str, tuple[float, float]]
    fan: Mapping[str, Floats]
    pit: Floats
    spread: Mapping[str, Floats]

    def block_text(self, indent: str = "    ") -> str:
        """The block in YAML, to stand under an offer."""
        lines = ["usd_per_gpu_hour:"] + [f"  {name}: {_plain(value)}" for name, value in self.block.items()]
        return "\n".join(indent + line for line in lines)

    def lines(self) -> list[str]:
        """What the fit is worth, a line a process, best one-step forecast first."""
        kind = "ratio to on-demand" if self.ratio else "price"
        said = [f"{self.series}: {kind} of {self.days} days, the last {self.held_back} held back and forecast"]
        horizons = sorted({h for row in self.rows for h in row.coverage})
        heads = " ".join(f"{f'{h} d':>13s}" for h in horizons) + "  " + " ".join(f"{f'{h} d':>5s}" for h in horizons)
        said.append(f"{'process':18s} {'nats/day':>8s}  coverage of 90 % (error), then CRPS over a random walk's")
        said.append(f"{'':18s} {'over ou':>8s}  {heads}")
        for row in self.rows:
            cover = " ".join(f"{row.coverage[h]:5.2f} ({row.coverage_error[h]:5.3f})" for h in horizons)
            crps = " ".join(f"{row.crps[h]:5.2f}" for h in horizons)
            mark = " *" if row.process == self.process else ""
            said.append(f"{row.process + mark:18s} {row.gain:+8.3f}  {cover}  {crps}")
        said += [
            f"{name}: {low:.4g} to {high:.4g} (90 %, profile likelihood)"
            for name, (low, high) in self.intervals.items()
        ]
        return said


def _plain(value: Any) -> str:
    """A number without exponent, or text, as YAML is written here."""
    if isinstance(value, float):
        return np.format_float_positional(float(f"{value:.5g}"), trim="0")
    if isinstance(value, list | tuple):
        return f"[{', '.join(_plain(part) for part in value)}]"
    return str(value)


def fit_prices(
    path: pathlib.Path,
    on_demand: pathlib.Path | None = None,
    process: str | None = None,
    hold_back: float = 0.25,
    per: int = 1,
    ratio_to: str = "on-demand-offer",
    every: int = 7,
    count: int = 250,
) -> FitResult:
    """Fits all laws to a file of spot prices: date,region,instance,spot_usd_hour for several series, or time,price.

    on_demand: the list prices in the same layout; ratios to it are fitted then, and the block names `ratio_to`. per:
    GPUs of the instance that the prices are of. hold_back: share of days at the end that are forecast. Raises
    InputError for a file that is wrong or too short, or a process that is not known.
    """
    if process is not None and process not in LAWS:
        raise InputError(Fault("no such process can be fitted", got=process, allowed=", ".join(LAWS),
                               hint=nearest(process, LAWS)))  # fmt: skip
    series = read_series(path, on_demand)
    longest = max(series, key=lambda one: len(one.changes()))
    if len(longest.changes()) < LEAST_DAYS:
        what = f"at least {LEAST_DAYS} daily changes are needed to fit a law"
        raise InputError(Fault(what, file=path.name, got=f"{len(longest.changes())}"))
    last = max(int(one.day[-1]) for one in series)
    first = min(int(one.day[0]) for one in series)
    split = last - round((last - first) * hold_back)
    before = [part for part in (one.until(split) for one in series) if len(part.day) > 1]
    pools = standardised(before)
    pool = Pool.of(pools) if len(pools) >= 5 else packaged_pool()  # one series alone is no base for blocks
    cases = [case for one in series if (case := backtest.Case.of(one, split)) is not None]
    ratio = on_demand is not None
    found = backtest.compare(cases, pool, ratio, LAWS, every, count)
    chosen = process or DEFAULT
    logs = filled(longest.log)
    fitted = {name: law.fit(logs, ratio_walls(ratio), pool) for name, law in LAWS.items()}
    blocks = {
        name: _block(law.block(fitted[name], logs), ratio, ratio_to, per) if law.block else {}
        for name, law in LAWS.items()
    }
    group = backtest.families([case.name for case in cases])
    base = float(found["ou"].gain.mean())
    rows = [_row(name, one, group, base, blocks[name]) for name, one in found.items()]
    case = next((case for case in cases if case.name == longest.name), cases[0])
    one = found[chosen]
    return FitResult(
        series=" ".join(part for part in longest.name if part) or path.stem,
        days=len(longest.log),
        held_back=len(case.log) - case.split - 1,
        ratio=ratio,
        process=chosen,
        rows=tuple(sorted(rows, key=lambda row: -row.gain)),
        block=blocks[chosen],
        intervals=profiles.of_process(chosen, logs),
        fan=_fan(case, chosen, pool, ratio),
        pit=np.histogram(one.pit, bins=10, range=(0, 1))[0] / max(len(one.pit), 1),
        spread=_spread(case, chosen, pool, ratio),
    )


def read_series(path: pathlib.Path, on_demand: pathlib.Path | None) -> list[Series]:
    """One daily series or several: many-series files as they are, single ones by their mean of each day."""
    if "date" in strict_csv.header(path):
        return daily_ratios(path, on_demand)
    listed = _steps_of(on_demand) if on_demand is not None else None
    found = []
    for name, (seconds, prices) in _steps_of(path).items():
        day, usd = _daily_means(seconds, prices)
        log = np.log(usd)
        if listed is not None:
            if name not in listed and len(listed) > 1:
                continue
            at_s, list_usd = listed.get(name) or next(iter(listed.values()))
            place = np.searchsorted(at_s, (day + 1) * DAY_S, side="left") - 1
            log = log - np.log(list_usd[np.maximum(place, 0)])
        found.append(Series(name if any(name) else ("", path.stem), day, log))
    if not found:
        raise InputError(Fault("no series of spot prices has an on-demand price", file=path.name))
    return found


def _steps_of(path: pathlib.Path) -> Mapping[tuple[str, str], tuple[np.ndarray, Floats]]:
    """(seconds, prices) of each series of a file."""
    from marketsim.prices.replay import read_prices

    state = path.stat()
    return read_prices(path, state.st_mtime_ns, state.st_size).series


def _daily_means(seconds: np.ndarray, usd: Floats) -> tuple[np.ndarray, Floats]:
    """(days since 1970, mean price of each day) of prices that hold from one moment to the next."""
    at_s = np.round(seconds - seconds[0]).astype(np.int64)
    last = np.concatenate((np.diff(at_s) > 0, [True]))
    steps = Path(at_s[last], usd[last])
    first = int(seconds[0] // DAY_S)
    count = int(seconds[-1] // DAY_S) - first + 1
    edges = np.maximum((first + np.arange(count + 1)) * DAY_S - seconds[0], 0).astype(np.int64)
    return first + np.arange(count), np.diff(steps.until_many(edges)) / np.diff(edges)


def _block(block: dict[str, Any], ratio: bool, ratio_to: str, per: int) -> dict[str, Any]:
    """Settings of a process; levels in USD are per GPU."""
    kind = {"kind": block["kind"]}
    if ratio:
        return {**kind, "ratio_to": ratio_to, **{name: value for name, value in block.items() if name != "kind"}}
    levels = ("mean", "level", "start")
    return {name: value / per if name in levels and per != 1 else value for name, value in block.items()}


def _row(name: str, one: backtest.Forecasts, group: Any, base: float, block: Mapping[str, Any]) -> Row:
    horizons = [h for h in backtest.HORIZONS if (one.horizon == h).any()]
    return Row(
        process=name,
        gain=float(one.gain.mean()) - base,
        coverage={h: one.coverage(h) for h in horizons},
        coverage_error={h: one.coverage_error(h, group) for h in horizons},
        crps={h: one.relative_crps(h) for h in horizons},
        settings=block,
    )


def _paths(case: backtest.Case, name: str, pool: Pool, ratio: bool, count: int, days: int) -> Floats:
    past = case.log[: case.split + 1]
    law = LAWS[name]
    return law.paths(law.fit(past, ratio_walls(ratio), pool), past, Dice(1).under("fan"), count, days)


def _fan(case: backtest.Case, name: str, pool: Pool, ratio: bool) -> dict[str, Floats]:
    real = np.exp(case.log[case.split + 1 :])
    paths = np.exp(_paths(case, name, pool, ratio, 1000, len(real)))
    bands = np.quantile(paths, FAN_LEVELS, axis=0).T
    return {"day": np.arange(1, len(real) + 1, dtype=np.float64), "quantiles": bands, "real": real}


def _spread(case: backtest.Case, name: str, pool: Pool, ratio: bool) -> dict[str, Floats]:
    """Standard deviation of changes of the logarithm against the horizon, of the whole series and of the process."""
    horizons = np.array([h for h in (1, 2, 3, 5, 7, 14, 30, 60, 90) if h < len(case.log) // 2])
    real = np.array([np.std(case.log[h:] - case.log[:-h]) for h in horizons])
    paths = _paths(case, name, pool, ratio, 400, int(horizons[-1]))
    return {"horizon": horizons.astype(np.float64), "real": real, "process": paths[:, horizons - 1].std(axis=0)}
