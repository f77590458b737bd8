"""Fits the two-state process to a measured trace of availability, and compares what it draws with what came.

The laws of both spells are their measured quantiles, scaled so that their mean is the time spent in a state over the
spells that ended in it (a cut spell at either end counts by its time, not as a spell). Where few spells were seen the
shape is borrowed from other zones. The balance drifts by an amount that no single trace of weeks can tell; it is the
one found over all traces at hand.
"""

from __future__ import annotations

import math
import pathlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketsim import strict_csv
from marketsim.availability.replay import read_trace
from marketsim.availability.spells import Exponential, Lognormal, Spell, Table
from marketsim.availability.two_state import alternating, drift
from marketsim.errors import Fault, InputError
from marketsim.settings import Seconds
from marketsim.streams import Dice, Floats
from marketsim.units import DAY_S, duration_text

Ints = NDArray[np.int64]

LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 1.0)
FEW = 8  # spells, below which a shape of their own says little
BORROWED_SIGMA = 1.6  # sd of the log of spells, median over the traces of cases/spot
# Of drifts with sd 0 to 1 and half-lives of 4 to 14 days, on 12 traces split at 50, 60 and 70 %: this one held most
# statistics (85 to 88 %) for the least interval score beside no drift (61 to 86 %).
DRIFT_SD = 0.8
DRIFT_HALF_LIFE_S = 7 * DAY_S
LONGEST_S = 90 * DAY_S  # mean of a state that was never left


@dataclass(frozen=True, eq=False)
class Fit:
    """The laws of one zone and the state at the end of what was fitted, for drawing onward."""

    available: Spell
    gone: Spell
    drift_sd: float
    drift_half_life_s: int
    begin: tuple[bool, int]  # state at the end, and for how many seconds it has lasted

    def block(self) -> dict[str, Any]:
        """Settings of `two_state` as a scenario writes them."""
        return {
            "kind": "two_state",
            "available": _law_block(self.available),
            "gone": _law_block(self.gone),
            "drift_sd": self.drift_sd,
            "drift_half_life": duration_text(self.drift_half_life_s),
        }

    def onward(self, dice: Dice, ticks: int, gap_s: float) -> Ints:
        """0 or 1 of each of the next ticks."""
        end_s = math.ceil(ticks * gap_s)
        factor = drift(dice, end_s, self.drift_sd, self.drift_half_life_s, begin=0.0)
        path = alternating(self.available, self.gone, dice, end_s, factor, begin=self.begin)
        return path.at_many((np.arange(ticks) + 0.5) * gap_s).astype(np.int64)


def _law_block(law: Spell) -> dict[str, Any]:
    kept = {name: value for name, value in law.model_dump().items() if value is not None}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}


def spells(available: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """(lengths of ended spells of 1, of 0, ticks spent in 1, in 0); the last spell has not ended, the first counts."""
    edges = np.concatenate(([0], np.flatnonzero(np.diff(available)) + 1, [len(available)]))
    lengths, state = np.diff(edges), available[edges[:-1]]
    ended = np.arange(len(lengths)) < len(lengths) - 1
    return (
        lengths[(state == 1) & ended],
        lengths[(state == 0) & ended],
        lengths[state == 1],
        lengths[state == 0],
    )


def undrifted(share: float, drift_sd: float) -> tuple[float, float]:
    """Factors on the mean spells (available, gone) that leave share of time and reclaims as measured under the drift.

    A balance that wanders makes the mean cycle longer and pulls the share towards a half; both are taken back.
    """
    if drift_sd == 0:
        return 1.0, 1.0
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    tilts, weights = np.exp(2 * drift_sd * nodes), weights / weights.sum()
    low, high = 1e-6, 1e9
    for _ in range(80):
        odds = math.sqrt(low * high)
        mean = float((weights * odds / (odds + tilts)).sum())
        low, high = (odds, high) if mean < share else (low, odds)
    up, down = odds, 1.0  # mean spells of the right balance, up to a common scale
    rate = float((weights / (up / np.sqrt(tilts) + down * np.sqrt(tilts))).sum())
    return up * rate / share, down * rate / (1 - share)


def law_of(ended: Ints, ticks: int, gap_s: float, shorter: float = 1.0) -> Spell:
    """The law of a state's spells from those that ended and the time spent in it; `shorter` multiplies its mean."""
    mean_s = min(max(shorter * ticks / (len(ended) + 0.5), 1.0) * gap_s, LONGEST_S)
    if len(ended) < FEW:
        median_s = max(1, round(mean_s * math.exp(-(BORROWED_SIGMA**2) / 2)))
        return Lognormal(median=Seconds(median_s), sigma=BORROWED_SIGMA)
    seconds = np.quantile(ended, LEVELS) * gap_s * min(shorter, 1.0)
    return Table(levels=LEVELS, seconds=_scaled(seconds, mean_s))


def _scaled(seconds: Floats, mean_s: float) -> tuple[float, ...]:
    """Quantiles whose upper half is stretched so that the law's mean is the given one."""
    upper = np.array(LEVELS) > 0.5
    grid = (np.arange(4096) + 0.5) / 4096
    middle_value = seconds[~upper][-1]
    low, high = 0.05, 20.0
    tried = seconds
    for _ in range(50):
        middle = math.sqrt(low * high)
        tried = np.where(upper, np.maximum(seconds * middle, middle_value), seconds)
        mean = np.exp(np.interp(grid, LEVELS, np.log(tried))).mean()
        low, high = (middle, high) if mean < mean_s else (low, middle)
    return tuple(round(float(value), 1) for value in tried)


def fit_two_state(
    available: Ints, gap_s: float, drift_sd: float = DRIFT_SD, drift_half_life_s: int = DRIFT_HALF_LIFE_S
) -> Fit:
    """The two-state process of a trace of 0 and 1, one value each gap_s seconds."""
    up, down, all_up, all_down = spells(available)
    share = (float(all_up.sum()) + 0.5) / (len(available) + 1)
    shorter_up, shorter_down = undrifted(share, drift_sd)
    age = len(available) - 1 - int(np.max(np.flatnonzero(np.diff(available)), initial=-1))
    return Fit(
        law_of(up, int(all_up.sum()), gap_s, shorter_up),
        law_of(down, max(int(all_down.sum()), 1), gap_s, shorter_down),
        drift_sd,
        drift_half_life_s,
        (bool(available[-1]), int(age * gap_s)),
    )


def fit_memoryless(available: Ints, gap_s: float) -> Fit:
    """The baseline: both spells exponential with the measured means, no drift."""
    up, down, all_up, all_down = spells(available)
    means = [
        Exponential(mean=Seconds(round(min(max(ticks, 1) / (len(ended) + 0.5) * gap_s, LONGEST_S)) or 1))
        for ended, ticks in ((up, int(all_up.sum())), (down, int(all_down.sum())))
    ]
    return Fit(means[0], means[1], 0.0, DRIFT_HALF_LIFE_S, (bool(available[-1]), 0))


STATISTICS: dict[str, Callable[[Ints, float], float]] = {
    "share of time": lambda trace, gap_s: float(trace.mean()),
    "reclaims a day": lambda trace, gap_s: float((np.diff(trace) == -1).sum() / (len(trace) * gap_s / DAY_S)),
    "available p50 h": lambda trace, gap_s: _length(trace, 1, 0.5, gap_s),
    "available p90 h": lambda trace, gap_s: _length(trace, 1, 0.9, gap_s),
    "gone p50 h": lambda trace, gap_s: _length(trace, 0, 0.5, gap_s),
    "gone p90 h": lambda trace, gap_s: _length(trace, 0, 0.9, gap_s),
}


def _length(trace: Ints, state: int, level: float, gap_s: float) -> float:
    """A quantile of the lengths of spells in hours, cut ones included; 0 where the state does not occur."""
    _, _, up, down = spells(trace)
    lengths = up if state else down
    return float(np.quantile(lengths, level)) * gap_s / 3600 if len(lengths) else 0.0


@dataclass(frozen=True)
class Compared:
    """A statistic of what came, the 95 % band of what was drawn, and the interval score (lower is better)."""

    name: str
    real: float
    low: float
    median: float
    high: float
    score: float

    @property
    def inside(self) -> bool:
        """Whether what came lies in the band."""
        return self.low - 1e-9 <= self.real <= self.high + 1e-9


def interval_score(low: float, high: float, real: float, level: float = 0.95) -> float:
    """Winkler's score of a central interval: its width, and 2 / (1 - level) times what the truth lies outside."""
    missed = max(low - real, 0.0) + max(real - high, 0.0)
    return high - low + 2 / (1 - level) * missed


def compare(fit: Fit, rest: Ints, gap_s: float, replications: int = 200, seed: int = 1) -> list[Compared]:
    """Each statistic of the rest against that of as many ticks drawn by the fit."""
    drawn = [fit.onward(Dice(seed, one).under("availability"), len(rest), gap_s) for one in range(replications)]
    out = []
    for name, statistic in STATISTICS.items():
        values = np.array([statistic(trace, gap_s) for trace in drawn])
        low, median, high = (float(v) for v in np.quantile(values, (0.025, 0.5, 0.975)))
        real = statistic(rest, gap_s)
        out.append(Compared(name, real, low, median, high, interval_score(low, high, real)))
    return out


@dataclass(frozen=True, eq=False)
class FitResult:
    """What `marketsim fit availability` prints: the block of the whole trace, and how the held-back end came out."""

    trace: str
    days: float
    share: float
    block: Mapping[str, Any]
    rows: tuple[Compared, ...]
    memoryless: tuple[Compared, ...]

    def block_text(self, indent: str = "    ") -> str:
        """The block in YAML, to stand under an offer."""
        lines = ["availability:"]
        for name, value in self.block.items():
            shown = f"{{{', '.join(f'{k}: {v}' for k, v in value.items())}}}" if isinstance(value, dict) else value
            lines.append(f"  {name}: {shown}")
        return "\n".join(indent + line for line in lines)

    def lines(self) -> list[str]:
        """How the held-back end came out, a line a statistic, beside a memoryless process."""
        said = [f"{self.trace}: {self.days:.1f} days, available {self.share:.1%} of the time; the end held back:"]
        for row, plain in zip(self.rows, self.memoryless, strict=True):
            mark = "in" if row.inside else "OUT"
            said.append(
                f"{row.name:16s} {row.real:8.3f}  {mark:3s} [{row.low:.3f}, {row.high:.3f}] score {row.score:.2f}, "
                f"memoryless {plain.score:.2f}"
            )
        return said


def fit_availability(path: pathlib.Path, gap_s: float, split: float = 0.6) -> FitResult:
    """Fits a trace file (tick,available) with ticks of gap_s seconds; the first `split` of it foretells the rest."""
    available = read_ticks(path)
    cut = int(len(available) * split)
    if cut < 10 or len(available) - cut < 10:
        raise InputError(
            Fault("is too short to fit and to hold back a part", file=path.name, got=f"{len(available)} ticks")
        )
    before, rest = available[:cut], available[cut:]
    return FitResult(
        path.stem,
        len(available) * gap_s / DAY_S,
        float(available.mean()),
        fit_two_state(available, gap_s).block(),
        tuple(compare(fit_two_state(before, gap_s), rest, gap_s)),
        tuple(compare(fit_memoryless(before, gap_s), rest, gap_s)),
    )


def read_ticks(path: pathlib.Path) -> Ints:
    """0 or 1 of each tick of a trace file; a count of instances above 1 is available."""
    if "tick" not in strict_csv.header(path):
        raise InputError(Fault("is no trace of ticks", file=path.name, line=1, allowed="a header tick,available"))
    state = path.stat()
    _, values, _ = read_trace(path, state.st_mtime_ns, state.st_size)
    return (values > 0).astype(np.int64)
