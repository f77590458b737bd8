"""`marketsim backtest`: does the scenario pay what was really paid?"""

from __future__ import annotations

import json
import pathlib
import re
from typing import TYPE_CHECKING, Any

import click

from marketsim.cli import console, idle, options

if TYPE_CHECKING:
    from marketsim.billing.backtest import Month, Report
    from marketsim.scenario_parts import Validation


@click.command("backtest")
@options.scenario_file
@click.option("--bill", "bills", required=True, multiple=True, type=click.Path(path_type=pathlib.Path), metavar="FILE",
              help="FOCUS or AWS Cost and Usage Report; may be repeated.")  # fmt: skip
@click.option("--policy", default="today", show_default=True, metavar="NAME", help="The policy that was followed.")
@click.option("--within", type=click.FloatRange(0.001, 1.0), default=0.1, show_default=True, metavar="SHARE",
              help="Largest error of a month that counts as validated.")  # fmt: skip
@options.replications
@options.seed
@options.edits
@click.option("--picture", type=click.Path(path_type=pathlib.Path), help="PNG; beside the scenario where not given.")
@click.option("--keep/--no-keep", default=True, help="Write the verdict into the scenario, for later reports.")
@options.as_json
@options.quiet
def command(
    scenario: pathlib.Path,
    bills: tuple[pathlib.Path, ...],
    policy: str,
    within: float,
    replications: int | None,
    seed: int | None,
    edits: tuple[str, ...],
    picture: pathlib.Path | None,
    keep: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Simulate the months of a bill and compare, month by month.

    Ends with the verdict, which is written into SCENARIO and stands on its later reports; 1 where not validated.
    """
    from marketsim import scenario as scenarios
    from marketsim.billing.backtest import backtest
    from marketsim.charts import invoices, saving
    from marketsim.cli.reading import bill_of, present
    from marketsim.experiment import folder

    if edits and keep:
        idle.refuse("with --set: the verdict is of changed settings, and is not written into the scenario", "keep")
    present(scenario)  # the verdict goes into it, so a name of a shipped one will not do
    found, _ = scenarios.read(scenario, edits)
    bill = bill_of(bills)
    report = backtest(found, bill, policy, replications or 5, seed, within, lambda what: console.note(what, quiet))
    kept = report.validation(found.tested_digest)
    drawn = picture or scenario.with_name(f"{scenario.stem}-backtest.png")
    figures = invoices.CHART.figures({"invoices": report.frame()})
    folder.place(drawn, saving.png(invoices.CHART.draw(figures)))
    if keep and not edits:
        folder.place(scenario, with_verdict(scenario.read_text(encoding="utf-8"), kept).encode())
    if as_json:
        console.say(json.dumps(_document(report, kept), allow_nan=False))
    else:
        _show(report, kept)
        if keep and edits:
            console.note("not written into the scenario: with --set the verdict is of changed settings", quiet)
        console.say(f"Picture: {drawn}")
    return 0 if kept.passed else 1


def with_verdict(text: str, kept: Validation) -> str:
    """A scenario's text with this verdict as its last line, in place of an older one."""
    from marketsim import plain_yaml

    block = plain_yaml.dump({"validation": kept.model_dump(mode="json", exclude_none=True)})
    without = re.sub(r"^validation:.*\n(?:[ \t]+.*\n|\n(?=[ \t]))*", "", text if text.endswith("\n") else text + "\n",
                     flags=re.M)  # fmt: skip
    return without + block


def _show(report: Report, kept: Validation) -> None:
    heads = ["month", "invoiced", "simulated", "error", "demand", "prices", "policy"]
    rows = [_row(one.month, one) for one in report.months]
    total = [sum(getattr(one, name) for one in report.months) for name in ("demand", "prices", "policy")]
    error = report.simulated / report.invoiced - 1 if report.invoiced else 0.0
    rows.append(["all", _usd(report.invoiced), _usd(report.simulated), _share(error), *(_usd(part) for part in total)])
    console.table(heads, rows, numbers=range(1, 7))
    categories: dict[str, tuple[float, float]] = {}
    for one in report.months:
        for name, (was, now) in one.by_category.items():
            before = categories.get(name, (0.0, 0.0))
            categories[name] = (before[0] + was, before[1] + now)
    rows = [[name, _usd(was), _usd(now), _share(now / was - 1) if was else "-"]
            for name, (was, now) in categories.items()]  # fmt: skip
    rows += [[name, _usd(micro), "not simulated", "-"] for name, micro in report.outside.items()]
    console.table(["category", "invoiced", "simulated", "error"], rows, numbers=(1, 2, 3))
    for line in sentences(report, kept):
        console.sentence(line)


def _row(name: str, one: Month) -> list[str]:
    parts = (_usd(one.demand), _usd(one.prices), _usd(one.policy))
    return [name, _usd(one.invoiced), _usd(one.simulated), _share(one.error_share), *parts]


def sentences(report: Report, kept: Validation) -> list[str]:
    """What is to be said below the tables, the verdict last."""
    n = len(report.months)
    lines = [
        f"USD, policy {report.policy}. demand, prices, policy: where the difference comes from; they add up to it.",
        f"{100 * report.covered_share:.1f} % of the bill's dollars are of what is simulated.",
    ]
    if any(name.startswith("recorded") for name in report.workloads):
        lines.append("The recorded sessions were run again: that tests offers, prices and bills, not the demand.")
    if report.left_out:
        lines.append(f"Not compared, outside the scenario's time: {', '.join(report.left_out)}.")
    if report.error.low is not None and report.error.high is not None and n > 1:
        lines.append(f"Mean error of a month {_share(report.error.value)}, 95 % interval over {n} months "
                     f"{_share(report.error.low)} to {_share(report.error.high)}.")  # fmt: skip
    else:
        lines.append(f"Mean error of a month {_share(report.error.value)}; one month gives no interval.")
    if report.fitted:
        total = sum(one.simulated for one in report.fitted)
        inside = sum(one.p10 <= one.invoiced <= one.p90 for one in report.fitted)
        off = _share(total / report.invoiced - 1)
        lines.append(
            f"The fitted workloads instead of the recorded ones: {_usd(total)} ({off}); "
            f"{inside} of {n} months lie within P10 to P90."
        )
    text = kept.verdict()
    return [*lines, f"Verdict: {text}."]


def _usd(micro: float) -> str:
    return f"{micro / 1e6:,.0f}"


def _share(share: float) -> str:
    return f"{100 * share:+.2f} %"


def _document(report: Report, kept: Validation) -> dict[str, Any]:
    usd = 1e6
    return {
        "schema_version": 1,
        "currency": "USD",
        "policy": report.policy,
        "months": [
            {"month": one.month, "invoiced": one.invoiced / usd, "simulated": one.simulated / usd,
             "error_share": one.error_share if one.error_share != float("inf") else None, "demand": one.demand / usd,
             "prices": one.prices / usd, "policy": one.policy / usd, "p10": one.p10 / usd, "p90": one.p90 / usd,
             "by_category": {name: {"invoiced": was / usd, "simulated": now / usd}
                             for name, (was, now) in one.by_category.items()}}
            for one in report.months
        ],
        "not_simulated": {name: micro / usd for name, micro in report.outside.items()},
        "validation": {**kept.model_dump(mode="json"), "verdict": kept.verdict(), "passed": kept.passed},
    }  # fmt: skip
