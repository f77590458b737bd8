"""What a study says, as a table of 80 columns and a few sentences: spread and interval apart, the best marked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from marketsim.cli import console
from marketsim.experiment.results import MAIN
from marketsim.i18n.locale import Locale, locale_of

if TYPE_CHECKING:
    from marketsim.experiment.compare import Best
    from marketsim.experiment.results import Results

SHOWN = tuple(name for name in MAIN if name != "jobs")
WITH_INTERVAL = ("total_cost_usd", "total_with_penalties_usd")
# where names leave no room for them
LEFT_OUT = ((), ("cash_out_usd",), ("cash_out_usd", "unserved_share", "utilization"))


def show(results: Results, display: Any = None, lang: str = "en") -> None:
    """Print table, verdict, legend. display: a scenario's `finance.display`; sums are kept in USD and shown in it."""
    best, locale = results.best(), locale_of(lang, display)
    widest, made = console.on_stdout().width, list(tables(results, locale, best))
    heads, rows = next((one for one in made if console.width_of(*one) <= widest), made[-1])
    first = best.order[0] if best.order else None
    bold = [place for place, policy in enumerate(results.policies) if policy == first]
    console.table(heads, rows, numbers=range(1, len(heads)), bold=bold)
    for line in verdict(results, best, locale):
        console.sentence(line)
    spreads(results, locale)


def tables(results: Results, locale: Locale, best: Best) -> Iterator[tuple[list[str], list[list[str]]]]:
    """Heads and rows, the fullest first; then without the interval of what is not ranked by, then in fewer columns."""
    ranked_by = best.metric or WITH_INTERVAL[0]
    for less in LEFT_OUT:
        metrics = [name for name in SHOWN if name in results.metrics and name not in less]
        for halves in (WITH_INTERVAL, (ranked_by,)):
            if less and len(halves) > 1:
                continue
            heads = [f"  {locale.text('word.policy')}\n  ({locale.currency})"]
            heads += [locale.text(f"terminal.{name}") for name in metrics]
            rows = [
                [
                    f"{_mark(policy, best)} {policy}",
                    *(_cell(name, results.cell(policy, name), name in halves, locale) for name in metrics),
                ]
                for policy in results.policies
            ]
            yield heads, rows


def spreads(results: Results, locale: Locale) -> None:
    """The three spreads of what policies are ranked by, side by side; nothing where n shows no range yet."""
    metric = results.ranked_by() or "total_cost_usd"
    cells = {policy: results.cell(policy, metric) for policy in results.policies if metric in results.metrics}
    if not any(cell["p10"] is not None for cell in cells.values()):
        return
    rows = []
    for policy, cell in cells.items():
        half = results.half(policy, metric)
        low, high = (_amount(metric, cell[name], locale) for name in ("p10", "p90"))
        error = "-" if half is None else f"±{_amount(metric, half, locale)}"
        span = locale.text("terminal.span", low=low, high=high)
        mean = _amount(metric, cell["mean"], locale)
        rows.append([f"  {policy}", mean, error, span, locale.text("terminal.not_asked")])
    what = locale.name("metric", metric)
    heads = [f"  {what}\n  ({locale.currency})" if metric.endswith("_usd") else f"  {what}", locale.text("word.mean")]
    heads += [locale.text(f"terminal.{key}") for key in ("error", "outcomes", "inputs")]
    console.table(heads, rows, numbers=(1, 2, 3, 4))
    console.sentence(locale.text("terminal.more"))


def _amount(metric: str, value: float | None, locale: Locale) -> str:
    if value is None:
        return "-"
    return locale.compact(value * locale.per_usd) if metric.endswith("_usd") else f"{value:,.4g}"


def _mark(policy: str, best: Best) -> str:
    if policy in best.excluded:
        return "x"
    if best.metric is None:
        return "*" if policy in best.frontier else " "
    if best.order and policy == best.order[0]:
        return "*"
    return "~" if best.clear is not None and best.groups and policy in best.groups[0] else " "


def _cell(metric: str, cell: dict[str, Any], with_half: bool, locale: Locale) -> str:
    mean, low, high = cell["mean"], cell["low"], cell["high"]
    if mean is None:
        return "-"
    if not metric.endswith("_usd"):
        return f"{100 * mean:.1f}%"
    half = None if low is None or high is None or not with_half else (high - low) / 2 * locale.per_usd
    return locale.give_or_take(mean * locale.per_usd, half)


def verdict(results: Results, best: Best | None = None, locale: Locale | None = None) -> list[str]:
    """What may be said: the best, what cannot be told apart from it, what breaks a limit, what failed."""
    best, locale = best or results.best(), locale or Locale()
    n, say = results.stamp.get("replications", 0), locale.text
    share = results.confidence
    lines = []
    if best.metric is None and best.frontier:
        lines.append(say("terminal.unranked", policies=best.frontier))
    elif best.order and best.metric is not None:
        first, *others = best.order
        values = {"policy": first, "what": locale.name("metric", best.metric), "n": n, "confidence": share}
        same = [name for name in (best.groups[0] if best.groups else ()) if name != first]
        if not others:
            lines.append(say("terminal.only", **values))
        elif best.clear is None:
            lines.append(say("terminal.few", **values))
        elif same:
            lines.append(say("terminal.unclear", **values, policies=same))
        else:
            lines.append(say("terminal.clear", **values))
    if best.note:
        lines.append(f"{best.note[:1].upper()}{best.note[1:]}.")
    lines += [f"x {name}: {why}." for name, why in best.excluded.items()]
    if n > 1 and not results.nothing_ran:
        lines.append(say("terminal.half", confidence=share, n=n))
    return lines
