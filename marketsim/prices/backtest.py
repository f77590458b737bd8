"""Forecasts made as of past days and held against what came: log score, coverage, CRPS, place of the outcome.

Each law is fitted on the days before a split. From then on it only keeps its state, and every few days forecasts the
days ahead; a series that has no past before the split is fitted on its own first days instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketsim.prices import score
from marketsim.prices.bootstrap import Pool
from marketsim.prices.laws import LAWS, Fitted, Law, known_changes, ratio_walls
from marketsim.prices.series import Series, filled
from marketsim.streams import Dice, Floats

HORIZONS = (1, 7, 30, 90)
FIRST_DAYS = 60  # of its own that a series without a past needs before it is forecast
LOW, HIGH = 0.05, 0.95


@dataclass(frozen=True, eq=False)
class Case:
    """One series with its split: logs filled, which days are measured, and the last index that fitting may see."""

    name: tuple[str, str]
    day: NDArray[np.int64]
    log: Floats
    measured: NDArray[np.bool_]
    split: int

    @classmethod
    def of(cls, series: Series, split_day: int) -> Case | None:
        """None where too little is known on either side of the split."""
        split = int(np.searchsorted(series.day, split_day)) - 1
        if split < FIRST_DAYS or len(known_changes(series.log[: split + 1])) < FIRST_DAYS:
            split = FIRST_DAYS + max(split, 0)
        if split + 2 > len(series.log) or len(known_changes(series.log[: split + 1])) < FIRST_DAYS // 2:
            return None
        return cls(series.name, series.day, filled(series.log), np.isfinite(series.log), split)


@dataclass(frozen=True, eq=False)
class Forecasts:
    """All forecasts of one law, one row each; `gain` are one-step log scores in nats of each day after the split."""

    origin: NDArray[np.int64]
    series: NDArray[np.int64]
    horizon: NDArray[np.int64]
    inside: Floats
    crps: Floats
    crps_walk: Floats
    pit: Floats
    gain: Floats

    def coverage(self, horizon: int) -> float:
        """Share of outcomes inside the 90 % interval."""
        return float(self.inside[self.horizon == horizon].mean())

    def coverage_error(self, horizon: int, group: NDArray[np.int64]) -> float:
        """Its standard error; group: family of each series, by number."""
        rows = self.horizon == horizon
        return score.block_error(self.inside[rows], self.origin[rows], group[self.series[rows]], horizon)

    def relative_crps(self, horizon: int) -> float:
        """CRPS over that of a Gaussian random walk with the series' own volatility."""
        rows = self.horizon == horizon
        return float(self.crps[rows].sum() / self.crps_walk[rows].sum())


def families(names: Sequence[tuple[str, str]]) -> NDArray[np.int64]:
    """The number of each series' family: instances of one letter-and-number name, such as g5, in all regions."""
    stems = [instance.split(".")[0] for _, instance in names]
    return np.unique(stems, return_inverse=True)[1].astype(np.int64)


def forecast(
    cases: Sequence[Case],
    law: Law,
    pool: Pool,
    ratios: bool,
    every: int = 7,
    count: int = 250,
    seed: int = 1,
    horizons: Sequence[int] = HORIZONS,
) -> Forecasts:
    """All forecasts of a law: fitted once a series, then made on the same days of the calendar for all series."""
    walls = ratio_walls(ratios)
    rows: list[tuple[float, ...]] = []
    gains: list[Floats] = []
    for number, case in enumerate(cases):
        fitted = law.fit(case.log[: case.split + 1], walls, pool)
        known = case.measured[1:] & case.measured[:-1]
        gains.append(law.density(fitted, case.log)[case.split :][known[case.split :]])
        first = case.split + (-int(case.day[case.split])) % every
        for at in range(first, len(case.log) - 1, every):
            ahead = [h for h in horizons if at + h < len(case.log) and case.measured[at + h]]
            if case.measured[at] and ahead:
                rows += _one(case, fitted, law, at, ahead, number, count, seed)
    table = np.array(rows, np.float64).reshape(-1, 7)
    ints = table[:, :3].astype(np.int64)
    measured = (np.ascontiguousarray(column) for column in table[:, 3:].T)
    inside, ranked, walked, pit = measured
    return Forecasts(ints[:, 0], ints[:, 1], ints[:, 2], inside, ranked, walked, pit, np.concatenate(gains))


def _one(
    case: Case, fitted: Fitted, law: Law, at: int, ahead: Sequence[int], number: int, count: int, seed: int
) -> list[tuple[float, ...]]:
    """The rows of one origin: (day, series, horizon, inside, crps, crps of a walk, share of paths below)."""
    past = case.log[: at + 1]
    dice = Dice(seed).under(f"{'/'.join(case.name)}/{at}")  # the same for every law: differences are paired
    paths = law.paths(fitted, past, dice, count, max(ahead))
    spread = max(float(np.diff(past)[case.measured[1 : at + 1] & case.measured[:at]].std()), 1e-4)
    rows: list[tuple[float, ...]] = []
    for horizon in ahead:
        drawn, outcome = paths[:, horizon - 1], float(case.log[at + horizon])
        low, high = np.quantile(drawn, (LOW, HIGH), method="weibull")  # the one that covers as it says for any count
        slack = 1e-9
        below = ((drawn < outcome - slack).mean() + (drawn <= outcome + slack).mean()) / 2
        walk = score.crps_normal(float(past[-1]), spread * horizon**0.5, outcome)
        inside = float(low - slack <= outcome <= high + slack)
        rows.append((float(case.day[at]), number, horizon, inside, score.crps(drawn, outcome), walk, float(below)))
    return rows


def compare(
    cases: Sequence[Case], pool: Pool, ratios: bool, laws: Mapping[str, Law] = LAWS, every: int = 7, count: int = 250
) -> dict[str, Forecasts]:
    """Forecasts of each law on the same days, by its name."""
    return {name: forecast(cases, law, pool, ratios, every, count) for name, law in laws.items()}
