"""The page as HTML: sliders and choices, the figures of a run beside those of the pinned one, and two charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marketsim.i18n.locale import Locale, locale_of
from marketsim.report import document, html, tables
from marketsim.report.knobs import Slider, sliders
from marketsim.scenario import Scenario
from marketsim.web.asked import MOST_QUICK, MOST_RUN, Asked
from marketsim.web.bench import Run

if TYPE_CHECKING:
    from marketsim.web.app import Page

METRICS = ("total_cost_usd", "total_with_penalties_usd", "missed_deadline_share", "unserved_share", "utilization")
SHOWN = ("cost_stack", "cost_misses")
MORE = ("distribution", "cash_cone", "demand_capacity", "misses")  # once a run was asked for
MOST_DRAWN = 60


def render(known: Page, question: Asked, run: Run, pinned: tuple[Asked, Run] | None, part: bool) -> str:
    """The page, or with `part` the figures alone."""
    found = known.load(question.scenario)
    locale = locale_of(question.lang, found.finance.display)
    context = {
        "q": question,
        "run": run,
        "lang": locale.lang,
        "t": locale.text,
        "waiting": run.state in ("waiting", "running"),
        "figures": _figures(known, found, question, run, pinned, locale) if run.results is not None else None,
        "pinned": pinned,
        "unpin": question.query(pin="", run=""),
        "pin": question.query(pin=question.query(pin="", run=""), run=""),
        "most_run": MOST_RUN,
    }
    if part:
        return _environment().get_template("figures.html").render(**context)
    context |= {
        "name": found.name,
        "description": found.description,
        "scenarios": list(known.sources),
        "policies": list(found.policies),
        "sliders": [_slider(one, question, locale) for one in sliders(found)],
        "most_quick": MOST_QUICK,
        "other_lang": question.query(lang="zh" if question.lang == "en" else "en"),
    }
    return _environment().get_template("page.html").render(**context)


def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("marketsim.web", "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )


def _slider(one: Slider, question: Asked, locale: Locale) -> dict[str, Any]:
    place = question.moved.get(one.path, one.base)
    return {
        "path": one.path,
        "label": locale.setting(one.path),
        "most": len(one.values) - 1,
        "place": place,
        "base": one.base,
        "texts": [one.text(at) for at in range(len(one.values))],
        "text": one.text(place),
        "moved": place != one.base,
    }


def _figures(
    known: Page, found: Scenario, question: Asked, run: Run, pinned: tuple[Asked, Run] | None, locale: Locale
) -> dict[str, Any]:
    assert run.results is not None
    made = document.of(run.results, locale, scenario=found, example=False, pictures=False)
    metrics = [name for name in METRICS if name in run.results.metrics]
    base = pinned[1].results if pinned is not None else None
    rows = []
    for row in made.rows:
        cells = []
        for name in metrics:
            cell = row["cells"][name]
            cells.append(
                {
                    "text": locale.metric(name, cell["mean"]),
                    "range": _range(locale, name, cell),
                    "change": _change(locale, base, row["policy"], name, cell["mean"]),
                }
            )
        rows.append(
            {"policy": row["policy"], "state": row["state"], "verdict": made.say(row["verdict"]), "cells": cells}
        )
    return {
        "answer": made.say(made.answer),
        "doubt": made.say(made.doubt),
        "heads": [locale.name("metric", name) for name in metrics],
        "rows": rows,
        "n": run.task.n,
        "pictures": _pictures(known, found, run, locale),
    }


def _range(locale: Locale, name: str, cell: dict[str, Any]) -> str:
    """How outcomes range where that is known, else the interval of the mean, named as what it is."""
    if cell["p10"] is not None:
        return locale.text("page.range", low=locale.metric(name, cell["p10"]), high=locale.metric(name, cell["p90"]))
    if cell["low"] is not None and cell["low"] != cell["high"]:
        return locale.text(
            "page.interval", low=locale.metric(name, cell["low"]), high=locale.metric(name, cell["high"])
        )
    return ""


def _change(locale: Locale, base: Any, policy: str, name: str, mean: float | None) -> str:
    """The difference of a mean to the pinned one, with its sign; nothing where there is none."""
    if base is None or mean is None or policy not in base.policies or name not in base.metrics:
        return ""
    before = base.cell(policy, name)["mean"]
    if before is None:
        return ""
    less = mean - before
    if name.endswith(("share", "utilization")):
        return locale.points(less)
    return ("+" if less > 0 else "") + locale.metric(name, less)


def _pictures(known: Page, found: Scenario, run: Run, locale: Locale) -> list[dict[str, Any]]:
    assert run.results is not None
    made = tables.merged(tables.of_results(run.results), tables.of_scenario(found), run.tables)
    names = (*SHOWN, *MORE) if run.task.example else SHOWN
    out = []
    for one in document.drawn(made, names):
        key = f"{run.id} {one.chart.name} {locale}"
        with known.lock:
            drawn = known.drawn.get(key)
        if drawn is None:
            drawn = html.picture(one, locale)  # type: ignore[assignment]
            with known.lock:
                known.drawn[key] = drawn  # type: ignore[assignment]
                while len(known.drawn) > MOST_DRAWN:
                    known.drawn.popitem(last=False)
        out.append(drawn)
    return out  # type: ignore[return-value]


def document_bytes(found: Scenario, run: Run, lang: str, form: str) -> bytes:
    """A report of a run in a format of `report.FORMATS`."""
    from marketsim.report import deck, pdf, workbook

    assert run.results is not None
    locale = locale_of(lang, found.finance.display)
    made = document.of(run.results, locale, scenario=found, more=run.tables, example=False)
    if form == "html":
        return html.text(made).encode()
    return {"pdf": pdf, "deck": deck, "xlsx": workbook}[form].content(made)
