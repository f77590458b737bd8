"""A linear programme put together block by block: columns with costs and limits, rows with their entries, one solve."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TOLERANCE = 1e-6  # the solver's tolerances on rows and reduced costs are 1e-7; this share of the value covers them


class Solved(NamedTuple):
    """value: a number not above the optimum; x: columns, None where none was found; status in words."""

    value: float
    status: str
    x: Floats | None
    gap: float


@dataclass
class Program:
    """Minimise the cost of columns, each between 0 and its limit, subject to rows between two bounds."""

    cost: list[Floats] = field(default_factory=list)
    upper: list[Floats] = field(default_factory=list)
    whole: list[NDArray[np.bool_]] = field(default_factory=list)
    low: list[Floats] = field(default_factory=list)
    high: list[Floats] = field(default_factory=list)
    entries: list[tuple[Ints, Ints, Floats]] = field(default_factory=list)
    columns: int = 0
    rows: int = 0
    fixed: float = 0.0  # cost that no column changes

    def add_columns(
        self, count: int, cost: ArrayLike = 0.0, upper: ArrayLike = np.inf, whole: ArrayLike = False
    ) -> Ints:
        """New columns; their numbers, shape (count,)."""
        self.cost.append(np.broadcast_to(np.asarray(cost, np.float64), count))
        self.upper.append(np.broadcast_to(np.asarray(upper, np.float64), count))
        self.whole.append(np.broadcast_to(np.asarray(whole, np.bool_), count))
        first, self.columns = self.columns, self.columns + count
        return np.arange(first, self.columns)

    def add_rows(self, low: ArrayLike, high: ArrayLike, count: int) -> Ints:
        """New rows, empty as yet; their numbers, shape (count,)."""
        self.low.append(np.broadcast_to(np.asarray(low, np.float64), count))
        self.high.append(np.broadcast_to(np.asarray(high, np.float64), count))
        first, self.rows = self.rows, self.rows + count
        return np.arange(first, self.rows)

    def put(self, rows: ArrayLike, columns: ArrayLike, values: ArrayLike) -> None:
        """Entries of the matrix, broadcast against each other; those of one place add up."""
        parts = np.broadcast_arrays(
            np.asarray(rows, np.int64), np.asarray(columns, np.int64), np.asarray(values, float)
        )
        self.entries.append(tuple(part.ravel() for part in parts))  # type: ignore[arg-type]

    def solve(self, time_limit_s: float | None = None, gap: float = 0.0, interior: bool = False) -> Solved:
        """The optimum, or with whole columns a bound within the gap or as good as the time allowed.

        interior: by an interior point in place of the dual simplex; the optimum is the same.
        """
        from scipy import optimize, sparse

        if not self.columns:
            return Solved(self.fixed, "optimal", np.zeros(0), 0.0)
        cost, upper = np.concatenate(self.cost), np.concatenate(self.upper)
        rows, columns, values = (np.concatenate(part) for part in zip(*self.entries, strict=True))
        matrix = sparse.csr_matrix((values, (rows, columns)), shape=(self.rows, self.columns))
        low, high = np.concatenate(self.low), np.concatenate(self.high)
        whole = np.concatenate(self.whole)
        if whole.any():
            return self._solve_whole(cost, upper, matrix, low, high, whole, time_limit_s, gap)
        equal = low == high
        above, below = ~equal & np.isfinite(low), ~equal & np.isfinite(high)
        found = optimize.linprog(
            cost,
            A_ub=sparse.vstack([-matrix[above], matrix[below]]).tocsr(),
            b_ub=np.concatenate([-low[above], high[below]]),
            A_eq=matrix[equal],
            b_eq=low[equal],
            bounds=np.column_stack([np.zeros(self.columns), upper]),
            method="highs-ipm" if interior else "highs-ds",
            options={} if time_limit_s is None else {"time_limit": time_limit_s},
        )
        if found.status == 2:
            return Solved(np.inf, "infeasible", None, 0.0)
        if found.status != 0:  # stopped early, neither method has a bound to give
            return Solved(-np.inf, f"unsolved: {found.message}", None, np.inf)
        return Solved(_lowered(found.fun + self.fixed), "optimal", found.x, 0.0)

    def _solve_whole(
        self,
        cost: Floats,
        upper: Floats,
        matrix: object,
        low: Floats,
        high: Floats,
        whole: NDArray[np.bool_],
        time_limit_s: float | None,
        gap: float,
    ) -> Solved:
        from scipy import optimize

        options: dict[str, float] = {"mip_rel_gap": gap}
        if time_limit_s is not None:
            options["time_limit"] = time_limit_s
        found = optimize.milp(
            cost,
            integrality=whole.astype(int),
            bounds=optimize.Bounds(0, upper),
            constraints=optimize.LinearConstraint(matrix, low, high),
            options=options,
        )
        if found.status == 2:
            return Solved(np.inf, "infeasible", None, 0.0)
        bound = found.mip_dual_bound
        if bound is None or not np.isfinite(bound):
            return Solved(-np.inf, f"unsolved: {found.message}", None, np.inf)
        status = "optimal" if found.status == 0 else "time limit"
        return Solved(_lowered(bound + self.fixed), status, found.x, float(found.mip_gap or 0.0))


def _lowered(value: float) -> float:
    return value - TOLERANCE * abs(value)
