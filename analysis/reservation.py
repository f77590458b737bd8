"""Reserve or pay as you go: the cases of Wang, Li and Liang's rules, and their competitive ratios on 10,000 paths.

`python -m analysis.reservation [DIR]`: DIR holds reservation_cases.csv and demands/ (default: the shared spot cases).
The rules are those that the product's procurement binds.
"""

from __future__ import annotations

import csv
import math
import pathlib
import re
import sys
from collections.abc import Iterator

import numpy as np

from analysis import common
from marketsim.policies.procurement import reservation
from marketsim.policies.procurement.reservation import Outcome, Tariff
from marketsim.streams import Dice

PATHS = 10_000
BATCH = 250
ROUNDED = 5.0e-7  # the cases are printed to six decimals


# ------------------------------------------------------------------------------------------------------- the cases


def read_demand(path: pathlib.Path) -> np.ndarray:
    """Instances asked for in each slot, shape (slots,)."""
    with path.open(newline="") as file:
        return np.array([int(float(row["demand"])) for row in csv.DictReader(file)], np.int64)


def replay(policy: str, demand: np.ndarray, tariff: Tariff) -> Outcome | float:
    """The outcome of a case's policy, or the mean cost alone of one that is a mean over thresholds.

    Raises ValueError for a policy that is not known.
    """
    plain = {
        "all_on_demand": lambda: reservation.never(demand),
        "reserve_peak_every_tau": lambda: reservation.peak(demand, tariff),
        "reserve_quantile_hindsight": lambda: reservation.quantile_hindsight(demand, tariff),
        "A_beta": lambda: reservation.by_threshold(demand, tariff, tariff.breakeven),
        "optimal_LP": lambda: reservation.optimum(demand, tariff),
    }
    if policy in plain:
        return reservation.outcome(demand, plain[policy](), tariff)
    fixed = re.fullmatch(r"A_z=([0-9.]+)(beta)?", policy)
    if fixed:
        z = float(fixed[1]) * (tariff.breakeven if fixed[2] else 1.0)
        return reservation.outcome(demand, reservation.by_threshold(demand, tariff, z), tariff)
    drawn = re.fullmatch(r"randomized_expected\((\d+) midpoints, atom=never\)", policy)
    if drawn:
        count = int(drawn[1])
        thresholds = [reservation.threshold_at((i + 0.5) / count, tariff) for i in range(count)]
        return mean_cost(demand, tariff, thresholds, [1 / count] * count)
    raise ValueError(f"no policy is called {policy}")


def mean_cost(demand: np.ndarray, tariff: Tariff, thresholds: list[float], weights: list[float]) -> float:
    """Mean cost of A_z over weighted thresholds, and of never reserving with what remains of the probability.

    Thresholds that allow as many slots before they are exceeded reserve alike, and are run once.
    """
    by_count: dict[int, float] = {}
    for z, weight in zip(thresholds, weights, strict=True):
        count = reservation.whole(z, tariff.on_demand)
        by_count[count] = by_count.get(count, 0.0) + weight
    mean = 0.0
    for count, weight in by_count.items():
        made = reservation.by_threshold(demand, tariff, count * tariff.on_demand)
        mean += weight * reservation.outcome(demand, made, tariff).cost
    rest = reservation.never_share(tariff.alpha)
    return (1 - rest) * mean + rest * reservation.outcome(demand, reservation.never(demand), tariff).cost


def check_cases(folder: pathlib.Path, tally: common.Tally) -> None:
    """Every row of reservation_cases.csv: cost, reservations and on-demand slots where given, ratio to the optimum."""
    with (folder / "reservation_cases.csv").open(newline="") as file:
        cases = list(csv.DictReader(file))
    demands = {name: read_demand(folder / "demands" / name) for name in sorted({case["demand"] for case in cases})}
    best: dict[tuple[str, Tariff, int], float] = {}
    worst: dict[str, float] = {}
    for case in cases:
        tariff = Tariff(
            period=int(case["period_tau"]),
            on_demand=float(case["on_demand_price"]),
            fee=float(case["reservation_fee"]),
            alpha=float(case["alpha"]),
        )
        demand = demands[case["demand"]][: int(case["slots"])]
        key = (case["demand"], tariff, len(demand))
        if key not in best:
            best[key] = reservation.outcome(demand, reservation.optimum(demand, tariff), tariff).cost
        try:
            found = replay(case["policy"], demand, tariff)
        except ValueError as error:
            tally.check(case["case_id"], False, str(error))
            continue
        cost = found.cost if isinstance(found, Outcome) else found
        name = f"{case['case_id']} {case['policy']} on {case['demand']}"
        wanted = float(case["cost"])
        good = abs(cost - wanted) <= 1e-6 * abs(wanted) + ROUNDED
        detail = f"cost {cost:.6f}, wanted {wanted:.6f}"
        for column in ("reservations", "on_demand_instance_slots"):
            if case[column] and isinstance(found, Outcome):
                got = found.reservations if column == "reservations" else found.on_demand_slots
                good = good and got == int(case[column])
                detail += f"; {column} {got}, wanted {case[column]}"
        if case.get("ratio_to_opt"):
            ratio = cost / best[key] if best[key] else 1.0
            good = good and abs(ratio - float(case["ratio_to_opt"])) <= 1e-6 * ratio + ROUNDED
            detail += f"; ratio {ratio:.6f}, wanted {case['ratio_to_opt']}"
        tally.check(name, good, detail)
        gap = abs(cost - wanted) / abs(wanted) if wanted else abs(cost)
        worst[case["policy"]] = max(worst.get(case["policy"], 0.0), gap)
    print(f"{len(cases)} cases of {folder.name}")
    for policy, gap in worst.items():
        print(f"  {policy:<50} worst relative difference in cost {gap:.1e}")


# ------------------------------------------------------------------------------------------------ competitive ratios


def paths() -> Iterator[tuple[str, np.ndarray, Tariff]]:
    """10,000 demand paths with their tariffs: random walks, on-off, bursts, and two made against the rules."""
    makers = {
        "random walk": walk,
        "on and off": on_off,
        "sparse bursts": bursts,
        "stops once reserved": stops_once_reserved,
        "stops at a drawn spending": stops_at_spending,
    }
    for index in range(PATHS):
        random = Dice(6).stream("analysis/reservation", index)
        period = int(random.integers(2, 15))
        alpha = float(random.choice([0.0, 0.1, 0.25, 0.4, 0.4875, 0.7]))
        # on-demand breaks even after anything from less than a slot to more than a whole period
        slots_to_breakeven = float(random.uniform(0.5, 1.2 * period))
        tariff = Tariff(period, 1 / (1 - alpha) / slots_to_breakeven, 1.0, alpha)
        name = list(makers)[index % len(makers)]
        yield name, makers[name](random, tariff, int(random.integers(10, 61))), tariff


def walk(random: np.random.Generator, tariff: Tariff, slots: int) -> np.ndarray:
    """A reflected random walk."""
    return np.abs(np.cumsum(random.integers(-1, 2, slots)))


def on_off(random: np.random.Generator, tariff: Tariff, slots: int) -> np.ndarray:
    """A level that comes and goes with geometric spells."""
    flips = random.random(slots) < random.uniform(0.05, 0.5)
    return (np.cumsum(flips) % 2) * int(random.integers(1, 6))


def bursts(random: np.random.Generator, tariff: Tariff, slots: int) -> np.ndarray:
    """Mostly nothing, now and then several instances."""
    return np.where(random.random(slots) < random.uniform(0.02, 0.4), random.integers(1, 9, slots), 0)


def stops_once_reserved(random: np.random.Generator, tariff: Tariff, slots: int) -> np.ndarray:
    """The adversary of A_beta: asks until the rule reserves, then is silent for the rest of a period, over and over."""
    rule = reservation.Threshold(tariff, tariff.breakeven)
    level = int(random.integers(1, 4))
    demand: list[int] = []
    silent = 0
    while len(demand) < slots:
        wanted = 0 if silent else level
        made = rule.reserve(wanted)
        demand.append(wanted)
        silent = int(random.integers(1, tariff.period + 2)) if made else max(silent - 1, 0)
    return np.array(demand, np.int64)


def stops_at_spending(random: np.random.Generator, tariff: Tariff, slots: int) -> np.ndarray:
    """The adversary of the randomized rule: one run of demand of a drawn length, then nothing (ski rental)."""
    demand = np.zeros(slots, np.int64)
    demand[: int(random.integers(1, min(tariff.period, slots) + 1))] = int(random.integers(1, 4))
    return demand


def drawn_mean(demand: np.ndarray, tariff: Tariff) -> float:
    """The exact mean cost of the randomized rule: A_z is the same for all z that allow the same number of slots."""
    edges = np.minimum(
        np.arange(reservation.whole(tariff.breakeven, tariff.on_demand) + 2) * tariff.on_demand, tariff.breakeven
    )
    below = np.expm1((1 - tariff.alpha) * edges / tariff.fee) / (math.e - 1)  # distribution of z, given it is finite
    return mean_cost(demand, tariff, list(edges[:-1]), list(np.diff(below)))


def check_ratios(tally: common.Tally) -> None:
    """A_beta within (2 - alpha) of the optimum on each path, the randomized rule within e/(e-1+alpha) in the mean."""
    worst: dict[str, tuple[float, float, float, float]] = {}
    over_fixed = over_drawn = checked = 0
    batch: list[tuple[str, np.ndarray, Tariff]] = []

    def settle() -> None:
        nonlocal over_fixed, over_drawn, checked
        plans = reservation.optima([demand for _, demand, _ in batch], [tariff for *_, tariff in batch])
        for (name, demand, tariff), plan in zip(batch, plans, strict=True):
            best = reservation.outcome(demand, plan, tariff).cost
            fixed = reservation.by_threshold(demand, tariff, tariff.breakeven)
            cost = reservation.outcome(demand, fixed, tariff).cost
            mean = drawn_mean(demand, tariff)
            limits = 2 - tariff.alpha, math.e / (math.e - 1 + tariff.alpha)
            over_fixed += cost > limits[0] * best + 1e-9
            over_drawn += mean > limits[1] * best + 1e-9
            checked += 1
            if best:
                old = worst.get(name, (0.0, 0.0, 0.0, 0.0))
                new = (cost / best, cost / best / limits[0], mean / best, mean / best / limits[1])
                worst[name] = tuple(map(max, zip(old, new, strict=True)))  # type: ignore[assignment]
        batch.clear()

    for item in paths():
        batch.append(item)
        if len(batch) == BATCH:
            settle()
    if batch:
        settle()
    print(f"\n{checked} demand paths: worst ratio to the hindsight optimum, and the worst as a share of what is proved")
    print(f"  {'paths':<28}{'A_beta':>9}{'/(2-alpha)':>12}{'randomized':>12}{'/(e/(e-1+alpha))':>18}")
    for name, (fixed, of_fixed, drawn, of_drawn) in worst.items():
        print(f"  {name:<28}{fixed:>9.4f}{of_fixed:>12.4f}{drawn:>12.4f}{of_drawn:>18.4f}")
    most = [max(row[column] for row in worst.values()) for column in (0, 2)]
    print(f"  worst of all: A_beta {most[0]:.4f}, randomized {most[1]:.4f}")
    tally.check(
        f"A_beta is within (2 - alpha) x optimum on all {checked} paths", over_fixed == 0, f"{over_fixed} above"
    )
    tally.check(
        f"the randomized rule is within e/(e-1+alpha) x optimum in the mean on all {checked} paths",
        over_drawn == 0,
        f"{over_drawn} above",
    )


def main() -> None:
    """Cases, then ratios; ends with `N passed, M failed`."""
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else common.shared("cases", "spot")
    if not (folder / "reservation_cases.csv").is_file():
        print(f"error: {folder}: no reservation_cases.csv there", file=sys.stderr)
        raise SystemExit(2)
    tally = common.Tally()
    check_cases(folder, tally)
    check_ratios(tally)
    tally.end()


if __name__ == "__main__":
    main()
