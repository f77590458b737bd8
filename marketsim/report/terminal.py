"""The table of policies for a terminal, in the reader's language: heads, cells and the sentences below them.

Who prints it sees to columns and colour; `marketsim.cli.console.table` does, at 80 columns and heeding NO_COLOR.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from marketsim.experiment.results import Results
from marketsim.i18n.locale import Locale, locale_of
from marketsim.report import document

METRICS = ("total_cost_usd", "total_with_penalties_usd", "missed_deadline_share", "unserved_share", "utilization")
MARKS = {"best": "*", "unclear": "~", "out": "x", "front": "*"}


class Printed(NamedTuple):
    """heads: of the columns, the policy's first; cells: a row a policy, best first; lines: what is said below."""

    heads: list[str]
    cells: list[list[str]]
    lines: list[str]


def table(results: Results, lang: str | Locale = "en", display: object = None) -> Printed:
    """Each mean with half of its interval where n allows; the best, its equals and the rejected are marked."""
    locale = locale_of(lang, display)
    made = document.of(results, locale, example=False, pictures=False)
    metrics = [name for name in METRICS if name in results.metrics]
    cells = [
        [
            f"{MARKS.get(row['state'], ' ')} {row['policy']}",
            *(_cell(locale, name, row["cells"][name]) for name in metrics),
        ]
        for row in made.rows
    ]
    heads = [locale.text("word.policy"), *(locale.name("metric", name) for name in metrics)]
    lines = [f"{locale.say(made.answer)}.", locale.say(made.doubt)]
    unsure = [row["policy"] for row in made.rows if row["state"] == "unclear"]
    if unsure:
        lines.append(locale.text("terminal.unclear", policies=unsure))
    lines += [f"x {row['policy']}: {locale.say(row['verdict'])}" for row in made.rows if row["state"] == "out"]
    return Printed(heads, cells, [*lines, locale.text("terminal.half", confidence=results.confidence)])


def _marked(row: dict[str, Any]) -> str:
    return f"{MARKS.get(row['state'], ' ')} {row['policy']}"


def _cell(locale: Locale, metric: str, cell: dict[str, float | None]) -> str:
    text = locale.metric(metric, cell["mean"])
    if metric.endswith("_usd") and cell["low"] is not None and cell["high"] is not None:
        text += f" ±{locale.metric(metric, (cell['high'] - cell['low']) / 2)}"
    return text
