"""What a study says, as a table of 80 columns and a few sentences: spread and interval apart, the best marked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marketsim.cli import console

if TYPE_CHECKING:
    from marketsim.experiment.compare import Best
    from marketsim.experiment.results import Results

HEADS = {  # in the order of the table; with a half-width behind the mean where there is room for it
    "total_cost_usd": "cost",
    "total_with_penalties_usd": "with\npenalties",
    "cash_out_usd": "cash\nout",
    "missed_deadline_share": "missed",
    "unserved_share": "unserved",
    "utilization": "used",
}
WITH_INTERVAL = ("total_cost_usd", "total_with_penalties_usd")


def show(results: Results, display: Any = None) -> None:
    """Print table, verdict, legend. display: a scenario's `finance.display`; sums are kept in USD and shown in it."""
    best = results.best()
    currency, per_usd = _currency(display)
    metrics = [name for name in HEADS if name in results.metrics]
    rows = []
    for policy in results.policies:
        cells = [results.cell(policy, metric) for metric in metrics]
        rows.append(
            [
                f"{_mark(policy, best)} {policy}",
                *(_cell(name, cell, per_usd) for name, cell in zip(metrics, cells, strict=True)),
            ]
        )
    console.table(
        [f"  policy\n  ({currency})", *(HEADS[name] for name in metrics)], rows, numbers=range(1, 1 + len(metrics))
    )
    for line in verdict(results, best):
        console.sentence(line)
    spreads(results, currency, per_usd)


def spreads(results: Results, currency: str, per_usd: float) -> None:
    """The three spreads of what policies are ranked by, side by side; nothing where n shows no range yet."""
    metric = results.ranked_by() or "total_cost_usd"
    cells = {policy: results.cell(policy, metric) for policy in results.policies if metric in results.metrics}
    if not any(cell["p10"] is not None for cell in cells.values()):
        return
    rows = []
    for policy, cell in cells.items():
        half = None if cell["low"] is None else (cell["high"] - cell["low"]) / 2
        low, high = (_amount(metric, cell[name], per_usd) for name in ("p10", "p90"))
        error = "-" if half is None else f"±{_amount(metric, half, per_usd)}"
        rows.append([f"  {policy}", _amount(metric, cell["mean"], per_usd), error, f"{low} to {high}", "not asked"])
    heads = [f"  {metric}\n  ({currency})" if metric.endswith("_usd") else f"  {metric}", "mean"]
    heads += ["error of\nthe mean", "P10 to P90 of\nsingle outcomes", "uncertain\ninputs"]
    console.table(heads, rows, numbers=(1, 2, 3, 4))
    console.sentence("Uncertain inputs: marketsim sensitivity --draws. Tails: marketsim compare RESULTS --risk.")


def _amount(metric: str, value: float | None, per_usd: float) -> str:
    if value is None:
        return "-"
    if metric.endswith("_usd"):
        scale, unit = scale_of(value * per_usd)
        return f"{value * per_usd / scale:.{2 if scale > 1 else 0}f}{unit}"
    return f"{value:,.4g}"


def _currency(display: Any) -> tuple[str, float]:
    if display is None or display.currency == "USD":
        return "USD", 1.0
    return display.currency, float(display.per_usd)


def _mark(policy: str, best: Best) -> str:
    if policy in best.excluded:
        return "x"
    if best.metric is None:
        return "*" if policy in best.frontier else " "
    if best.order and policy == best.order[0]:
        return "*"
    return "~" if best.clear is not None and best.groups and policy in best.groups[0] else " "


def _cell(metric: str, cell: dict[str, Any], per_usd: float) -> str:
    mean, low, high = cell["mean"], cell["low"], cell["high"]
    if mean is None:
        return "-"
    half = None if low is None or high is None or metric not in WITH_INTERVAL else (high - low) / 2
    if not metric.endswith("_usd"):
        return f"{100 * mean:.1f}%"
    scale, unit = scale_of(mean * per_usd)
    digits = 2 if scale > 1 else 0
    text = f"{mean * per_usd / scale:.{digits}f}"
    return text + ("" if half is None else f" ±{half * per_usd / scale:.{digits}f}") + unit


def scale_of(amount: float) -> tuple[float, str]:
    """A divisor and its letter by which an amount has three figures before or behind the point."""
    for scale, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(amount) >= scale:
            return scale, unit
    return 1.0, ""


def verdict(results: Results, best: Best | None = None) -> list[str]:
    """What may be said: the best, what cannot be told apart from it, what breaks a limit, what failed."""
    best = best or results.best()
    n = results.stamp.get("replications", 0)
    share = f"{100 * results.confidence:g} %"
    lines = []
    if best.metric is None and best.frontier:
        lines.append(
            "Nothing is ranked, since neither lateness nor lost requests have a price or a limit. "
            f"* no other policy is cheaper and misses less: {', '.join(best.frontier)}."
        )
    elif best.order:
        first, *others = best.order
        if others and best.clear is None:
            lines.append(f"* least {best.metric}: {first}; too few replications to tell it from the others.")
        else:
            same = [name for name in (best.groups[0] if best.groups else ()) if name != first]
            lines.append(f"* best by {best.metric}: {first}" + _apart(others, same, n, share))
    if best.note:
        lines.append(f"{best.note[:1].upper()}{best.note[1:]}.")
    lines += [f"x {name}: {why}." for name, why in best.excluded.items()]
    if n > 1 and not results.nothing_ran:
        lines.append(f"± half of the {share} interval of the mean of {n} replications; not the spread of outcomes.")
    return lines


def _apart(others: list[str], same: list[str], n: int, share: str) -> str:
    if not others:
        return " (the only one)."
    if same:
        return f"; ~ not distinguishable from it with {n} replications: {', '.join(same)}."
    return f", told apart from all others at {share}."
