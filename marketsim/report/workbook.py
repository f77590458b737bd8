"""The results as a workbook: every table a sheet, and the cost model's last step as formulas that can be changed.

Text is written as text: a name that looks like a formula stays a name. On the sheet of the cost model each kind of cost
has a factor; totals, penalties and the best policy follow from cells, so a reader may ask what dearer power would do.
"""

from __future__ import annotations

import io
import pathlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

from marketsim.charts.chart import rows
from marketsim.errors import MissingExtra
from marketsim.experiment.results import Results
from marketsim.i18n.locale import Locale
from marketsim.report import archive, document
from marketsim.report.document import Document

if TYPE_CHECKING:
    import pandas as pd

PREFIX = "cost_usd/account/"
MOST_ROWS = 100_000  # of a table on one sheet
FORMATS = {"USD": "#,##0", "share": "0.0%", "USD/GPU-h": "#,##0.00"}


def write(
    results: Results | str | pathlib.Path,
    out: str | pathlib.Path | None = None,
    lang: str | Locale = "en",
    **more: Any,
) -> pathlib.Path:
    """Write the workbook of results or of a results folder, and say where it is; `more` as `document.of` takes it."""
    return document.save(results, out, lang, "xlsx", content, **more)


def content(made: Document) -> bytes:
    """The workbook. Raises MissingExtra where XlsxWriter is not installed."""
    try:
        import xlsxwriter
    except ImportError:
        raise MissingExtra("XlsxWriter", "xlsx") from None
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "nan_inf_to_errors": False}
    book = xlsxwriter.Workbook(out, options)
    book.set_properties({"title": made.name, "comments": made.stamp_line, "created": datetime(1980, 1, 1)})
    style = {
        "head": book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}),
        "bold": book.add_format({"bold": True}),
        "wrap": book.add_format({"text_wrap": True, "valign": "top"}),
        "input": book.add_format({"bg_color": "#FFF4CC", "num_format": "0.00", "border": 1}),
        **{unit: book.add_format({"num_format": form}) for unit, form in FORMATS.items()},
        "total": book.add_format({"num_format": "#,##0", "bold": True, "top": 1}),
    }
    _answer(made, book.add_worksheet(_title(made, "answer")), style)
    _policies(made, book.add_worksheet(_title(made, "policies")), style)
    _model(made, book.add_worksheet(_title(made, "model")), style)
    frames = {
        "summary": made.results.table(),
        "replications": made.results.replications(),
        "differences": _differences(made),
        "assumptions": _assumed(made),
    }
    for name, frame in frames.items():
        _frame(book.add_worksheet(_title(made, name)), frame, style)
    for one in made.drawn:
        _frame(book.add_worksheet(f"fig {one.chart.name}"[:31]), one.figures.table, style)
    book.close()
    return archive.settled(out.getvalue())


def _title(made: Document, name: str) -> str:
    return made.locale.text(f"sheet.{name}")[:31]


def _put(sheet: Any, row: int, column: int, value: Any, style: Any = None) -> None:
    """A cell: numbers as numbers, nothing where there is none, all else as text."""
    import numpy as np
    import pandas as pd

    if value is None or (not isinstance(value, str | list | tuple) and pd.isna(value)):
        sheet.write_blank(row, column, None, style)
    elif isinstance(value, bool | np.bool_):
        sheet.write_boolean(row, column, bool(value), style)
    elif isinstance(value, int | float | np.integer | np.floating):
        sheet.write_number(row, column, value.item() if hasattr(value, "item") else value, style)
    else:
        sheet.write_string(row, column, str(value)[:32_000], style)


def _answer(made: Document, sheet: Any, style: dict[str, Any]) -> None:
    sheet.set_column(0, 0, 110)
    lines = [made.name, made.say(made.answer), made.say(made.doubt), made.say(made.flip), made.description]
    lines += [made.say(made.validation), *(made.say(one) for one in made.limits), made.stamp_line, made.command]
    for row, line in enumerate(line for line in lines if line):
        _put(sheet, row, 0, line, style["bold"] if row == 1 else style["wrap"])


def _policies(made: Document, sheet: Any, style: dict[str, Any]) -> None:
    """A row a policy: verdict, then mean, low and high of each main metric in USD or as a share."""
    from marketsim.metrics import describe

    heads = [made.locale.text("word.policy"), made.locale.text("word.verdict")]
    for metric in made.metrics:
        heads += [metric, f"{metric} low", f"{metric} high"]
    for column, head in enumerate(heads):
        _put(sheet, 0, column, head, style["head"])
    for place, row in enumerate(made.rows, 1):
        _put(sheet, place, 0, row["policy"])
        _put(sheet, place, 1, made.say(row["verdict"]))
        for number, metric in enumerate(made.metrics):
            known = describe(metric)
            form = style.get(known.unit) if known else None
            for shift, end in enumerate(("mean", "low", "high")):
                _put(sheet, place, 2 + 3 * number + shift, row["cells"][metric][end], form)
    sheet.set_column(0, 1, 26)
    sheet.set_column(2, len(heads), 16)
    sheet.freeze_panes(1, 1)


def _model(made: Document, sheet: Any, style: dict[str, Any]) -> None:
    """Factors in row 3 may be changed; each total is a formula over its row and the factors."""
    from xlsxwriter.utility import xl_col_to_name, xl_rowcol_to_cell

    results, text = made.results, made.locale.text
    accounts = [name for name in results.metrics if name.startswith(PREFIX)]
    penalties = [name for name in ("late_usd", "lost_requests_usd") if name in results.metrics]
    parts = [*accounts, *penalties]
    _put(sheet, 0, 0, text("sheet.model.how"), style["bold"])
    _put(sheet, 1, 0, text("word.policy"), style["head"])
    for column, name in enumerate(parts, 1):
        _put(sheet, 1, column, name.removeprefix(PREFIX), style["head"])
        _put(sheet, 2, column, 1.0, style["input"])
    _put(sheet, 2, 0, text("sheet.model.factor"))
    after = len(parts) + 1
    for shift, key in enumerate(("total", "penalised", "more", "currency")):
        _put(
            sheet,
            1,
            after + shift,
            text(f"sheet.model.{key}", currency=made.locale.currency)
            if key == "currency"
            else text(f"sheet.model.{key}"),
            style["head"],
        )
    _put(sheet, 2, after + 3, made.locale.per_usd, style["input"])
    first, last = 3, 2 + len(made.rows)
    end_cost, end_all = xl_col_to_name(len(accounts)), xl_col_to_name(len(parts))
    total_column, all_column = xl_col_to_name(after), xl_col_to_name(after + 1)
    means = _means(results, parts)
    sums = {row["policy"]: sum(means[row["policy"]][name] for name in parts) for row in made.rows}
    for line, row in enumerate(made.rows, first):
        mean = means[row["policy"]]
        _put(sheet, line, 0, row["policy"])
        for column, name in enumerate(parts, 1):
            _put(sheet, line, column, mean[name], style["USD"])
        at = line + 1
        cost = sum(mean[name] for name in accounts)
        formula = f"=SUMPRODUCT(B{at}:{end_cost}{at},$B$3:${end_cost}$3)" if accounts else "=0"
        sheet.write_formula(line, after, formula, style["total"], cost)
        whole = f"=SUMPRODUCT(B{at}:{end_all}{at},$B$3:${end_all}$3)" if parts else "=0"
        sheet.write_formula(line, after + 1, whole, style["total"], sums[row["policy"]])
        more = f"={all_column}{at}-MIN(${all_column}${first + 1}:${all_column}${last + 1})"
        sheet.write_formula(line, after + 2, more, style["USD"], sums[row["policy"]] - min(sums.values()))
        rate = xl_rowcol_to_cell(2, after + 3, row_abs=True, col_abs=True)
        shown = sums[row["policy"]] * made.locale.per_usd
        sheet.write_formula(line, after + 3, f"={all_column}{at}*{rate}", style["USD"], shown)
    names, values = f"$A${first + 1}:$A${last + 1}", f"${all_column}${first + 1}:${all_column}${last + 1}"
    _put(sheet, last + 2, 0, text("sheet.model.cheapest"), style["bold"])
    least = min(sums, key=lambda policy: sums[policy])
    sheet.write_formula(last + 2, 1, f"=INDEX({names},MATCH(MIN({values}),{values},0))", style["bold"], least)
    _put(sheet, last + 3, 0, text("sheet.model.check"))
    known = [results.cell(row["policy"], "total_cost_usd")["mean"] or 0.0 for row in made.rows]
    costs = sum(sum(means[row["policy"]][name] for name in accounts) for row in made.rows)
    check = f"=SUM({total_column}{first + 1}:{total_column}{last + 1})-{sum(known)!r}"
    sheet.write_formula(last + 3, 1, check, style["USD"], costs - sum(known))
    sheet.set_column(0, 0, 28)
    sheet.set_column(1, after + 3, 15)
    sheet.freeze_panes(3, 1)


def _means(results: Results, parts: list[str]) -> dict[str, dict[str, float]]:
    """Mean of each part by policy over all its replications; a part that a replication does not have is 0 there."""
    out = {}
    for policy in results.policies:
        n = len(results.rows[policy])
        out[policy] = {name: sum(results.column(policy, name).values()) / n if n else 0.0 for name in parts}
    return out


def _differences(made: Document) -> pd.DataFrame:
    from marketsim.experiment import whatif

    return whatif.frame(made.results.differences())


def _assumed(made: Document) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(list(made.assumed), columns=["path", "value", "source", "date"])


def _frame(sheet: Any, frame: pd.DataFrame, style: dict[str, Any]) -> None:
    """A frame as it is, its numbers in full."""
    for column, name in enumerate(frame.columns):
        _put(sheet, 0, column, str(name), style["head"])
    for place, row in enumerate(rows(frame.head(MOST_ROWS)), 1):
        for column, value in enumerate(row.values()):
            _put(sheet, place, column, value)
    sheet.set_column(0, max(len(frame.columns) - 1, 0), 16)
    sheet.freeze_panes(1, 0)
