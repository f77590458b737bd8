"""Charts that PowerPoint draws and lets one edit, with the figures of our own charts behind them; a dict by name.

Each takes a slide, the document and a chart with its figures, and gives back the shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from marketsim.charts import palette, ranked
from marketsim.charts.chart import rows
from marketsim.charts.cost_stack import PENALTY
from marketsim.experiment import folder as folders
from marketsim.i18n.locale import Locale
from marketsim.report import slide_text as put
from marketsim.report.document import Document, Drawn

MOST_NAMED = 9  # points of a scatter that PowerPoint can name; more are a picture, whose names keep off each other


def _units(locale: Locale, largest_usd: float) -> tuple[float, str]:
    """By what USD are multiplied, and a number format that fits the largest: K and M, or 万 and 亿 for who reads so."""
    mark = {"USD": "$", "CNY": "¥", "EUR": "€", "GBP": "£"}.get(locale.currency, "")
    largest = abs(largest_usd) * locale.per_usd
    if locale.lang == "zh":
        if largest >= 1e8:
            return locale.per_usd / 1e8, f'"{mark}"0.0#"亿";-"{mark}"0.0#"亿"'
        return locale.per_usd / 1e4, f'"{mark}"#,##0"万";-"{mark}"#,##0"万"'
    size = '0.0,,"M"' if largest >= 1.5e6 else '#,##0,"K"' if largest >= 1_500 else "#,##0"
    return locale.per_usd, f'"{mark}"{size};-"{mark}"{size}'


def _add(slide: Any, kind: Any, data: Any) -> Any:
    from pptx.util import Inches

    return slide.shapes.add_chart(kind, *map(Inches, put.BODY), data)


def _bars(slide: Any, kind: str, names: list[str], series: dict[str, list[float]], form: str) -> Any:
    """A bar chart; the first name on top, as a table reads."""
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Pt

    data = CategoryChartData(number_format=form)
    data.categories = [folders.cell(name) for name in names]
    for name, values in series.items():
        data.add_series(folders.cell(name), values)
    shape = _add(slide, getattr(XL_CHART_TYPE, kind), data)
    chart = shape.chart
    chart.font.size = Pt(14 if len(names) <= 9 else 11 if len(names) <= 14 else 9.5)
    chart.has_title = False
    _all_named(chart.category_axis)
    _gridlines(chart.value_axis)
    chart.value_axis.tick_labels.number_format = form
    chart.value_axis.tick_labels.number_format_is_linked = False
    if kind.startswith("BAR"):
        chart.category_axis.reverse_order = True
        from pptx.enum.chart import XL_TICK_LABEL_POSITION

        chart.category_axis.tick_label_position = XL_TICK_LABEL_POSITION.LOW
        chart.value_axis.tick_label_position = XL_TICK_LABEL_POSITION.HIGH
    return shape


def _gridlines(axis: Any) -> None:
    """Quiet lines at the ticks of an axis."""
    from pptx.dml.color import RGBColor

    axis.has_major_gridlines = True
    axis.major_gridlines.format.line.color.rgb = RGBColor.from_string(palette.RULE.lstrip("#"))


def _all_named(axis: Any) -> None:
    """Every category keeps its name, however many there are."""
    skip = put.within(axis._element, "c:tickLblSkip", val="1")
    for tag in ("c:tickMarkSkip", "c:noMultiLvlLbl", "c:extLst"):  # what comes after it, by the format's order
        for later in axis._element.xpath(f"./{tag}"):
            skip.addnext(later)
            skip = later


def _intervals(series: Any, low: list[float], high: list[float]) -> None:
    """Error bars of a series, down by `low` and up by `high`, in the chart's unit; NaN has none."""
    bars = put.within(series._element, "c:errBars")
    series._element.xpath("./c:cat")[0].addprevious(bars)
    for tag, value in (("errBarType", "both"), ("errValType", "cust"), ("noEndCap", "0")):
        put.within(bars, f"c:{tag}", val=value)
    for tag, values in (("plus", high), ("minus", low)):
        numbers = put.within(put.within(bars, f"c:{tag}"), "c:numLit")
        put.within(numbers, "c:formatCode").text = "General"
        put.within(numbers, "c:ptCount", val=str(len(values)))
        for place, length in enumerate(values):
            point = put.within(numbers, "c:pt", idx=str(place))
            put.within(point, "c:v").text = repr(max(float(np.nan_to_num(length)), 0.0))


def _colour(series: Any, colour: str, line: bool = False) -> None:
    from pptx.dml.color import RGBColor

    target = series.format.line if line else series.format.fill
    if not line:
        target.solid()
        target.fore_color.rgb = RGBColor.from_string(colour.lstrip("#"))
        series.invert_if_negative = False
    else:
        target.color.rgb = RGBColor.from_string(colour.lstrip("#"))


def _legend(chart: Any) -> None:
    from pptx.enum.chart import XL_LEGEND_POSITION

    chart.has_legend = True
    chart.legend.position = XL_LEGEND_POSITION.TOP
    chart.legend.include_in_layout = False


def _labels(series: Any, form: str) -> None:
    from pptx.util import Pt

    labels = series.data_labels
    labels.show_value = True
    labels.number_format, labels.number_format_is_linked = form, False
    labels.font.size = Pt(13)


def _cost_stack(slide: Any, made: Document, one: Drawn) -> Any:
    table, offers, kinds = one.figures.table, one.figures.facts["offers"], one.figures.facts["kinds"]
    factor, form = _units(made.locale, float(table["mean"].max()))
    named = {
        made.locale.text("word.penalty") if offer == PENALTY else made.locale.name("offer", offer): offer
        for offer in offers
    }
    series = {name: [float(value) * factor for value in table[offer]] for name, offer in named.items()}
    names = [f"{row['policy']}  {made.locale.usd(row['mean'])}" for row in rows(table)]
    shape = _bars(slide, "BAR_STACKED", names, series, form)
    plot = shape.chart.plots[0]
    plot.gap_width, plot.overlap = 45, 100
    for drawn, offer in zip(plot.series, named.values(), strict=True):
        _colour(drawn, "#BFBFBF" if offer == PENALTY else palette.look(kinds.get(offer, "none")).colour)
    _legend(shape.chart)
    return shape


def _differences(slide: Any, made: Document, one: Drawn) -> Any:
    """Bars with the interval of each difference; pale where it is not told apart."""
    from pptx.dml.color import RGBColor

    table, metric = one.figures.table, one.figures.facts["metric"]
    factor, form = _units(made.locale, float(table["diff"].abs().max())) if metric.endswith("_usd") else (1.0, "0.0%")
    words = made.say(ranked.metric_words(metric))
    names = [
        f"{row['policy']}  {'+' if row['diff'] > 0 else ''}{made.locale.metric(metric, row['diff'])}"
        for row in rows(table)
    ]
    shape = _bars(slide, "BAR_CLUSTERED", names, {words: [float(value) * factor for value in table["diff"]]}, form)
    plot = shape.chart.plots[0]
    plot.gap_width = 60
    series = plot.series[0]
    _colour(series, palette.QUIET)
    for place, told in enumerate(table["told_apart"]):
        if not told:
            fill = series.points[place].format.fill
            fill.solid()
            fill.fore_color.rgb = RGBColor.from_string(palette.RULE.lstrip("#"))
    below, above = table["diff"] - table["diff_low"], table["diff_high"] - table["diff"]
    if below.notna().any():
        _intervals(series, [float(v) * factor for v in below], [float(v) * factor for v in above])
        shape.chart.value_axis.maximum_scale = _round_above(float(table["diff_high"].max()) * factor)
    shape.chart.has_legend = False
    _reading(slide, made, made.locale.text("deck.differences", what=words, best=one.figures.facts["best"]))
    return shape


def _round_above(value: float) -> float:
    """The next round number, so that a whisker ends on the sheet."""
    from marketsim.charts.sheet import round_ticks

    return max(round_ticks(0.0, value, 6))


def _reading(slide: Any, made: Document, words: str) -> None:
    """How a chart of PowerPoint's own is read, below it."""
    put.text(put.textbox(slide, put.EDGE, 6.68, put.WIDE - 2 * put.EDGE, 0.3), words, 11, False, made, palette.QUIET)


def _tornado(slide: Any, made: Document, one: Drawn) -> Any:
    table, metric = one.figures.table, one.figures.facts["metric"]
    largest = float(table[["at_low", "at_high"]].abs().to_numpy().max())
    factor, form = _units(made.locale, largest) if metric.endswith("_usd") else (1.0, "0.0%")
    names = [f"{made.locale.setting(str(row['setting']))} ({row['low']} … {row['high']})" for row in rows(table)]
    series = {
        made.locale.text("word.low_end"): [float(value) * factor for value in table["at_low"]],
        made.locale.text("word.high_end"): [float(value) * factor for value in table["at_high"]],
    }
    shape = _bars(slide, "BAR_CLUSTERED", names, series, form)
    plot = shape.chart.plots[0]
    plot.gap_width, plot.overlap = 45, 100
    for drawn, colour in zip(plot.series, ("#A6A6A6", "#4D4D4D"), strict=True):
        _colour(drawn, colour)
    _legend(shape.chart)
    return shape


def _cost_misses(slide: Any, made: Document, one: Drawn) -> Any:
    from pptx.chart.data import XyChartData
    from pptx.enum.chart import XL_CHART_TYPE, XL_MARKER_STYLE
    from pptx.util import Pt

    table = one.figures.table
    factor, form = _units(made.locale, float(table["cost_mean"].max()))
    data = XyChartData(number_format=form)
    for row in rows(table):
        data.add_series(folders.cell(str(row["policy"]))).add_data_point(row["cost_mean"] * factor, row["miss_mean"])
    shape = _add(slide, XL_CHART_TYPE.XY_SCATTER, data)
    chart = shape.chart
    chart.font.size = Pt(14)
    chart.has_legend = False
    for axis, fmt, name in ((chart.category_axis, form, "axis.total_cost"), (chart.value_axis, "0%", "axis.missed")):
        axis.tick_labels.number_format, axis.tick_labels.number_format_is_linked = fmt, False
        axis.minimum_scale = 0
        _gridlines(axis)
        axis.has_title = True
        axis.axis_title.text_frame.text = made.locale.text(name)
        axis.axis_title.text_frame.paragraphs[0].runs[0].font.size = Pt(14)
    first = one.figures.facts["first"]
    chart.category_axis.has_major_gridlines = False
    sides = _sides(table)
    for drawn, row, side in zip(chart.plots[0].series, rows(table), sides, strict=True):
        best = row["policy"] == first
        drawn.marker.style = XL_MARKER_STYLE.DIAMOND if best else XL_MARKER_STYLE.CIRCLE
        drawn.marker.size = 14
        _marker(drawn, best)
        label = drawn.points[0].data_label
        label.position = side
        label.has_text_frame = True
        label.text_frame.text = str(row["policy"])
        label.text_frame.paragraphs[0].runs[0].font.bold = best
    return shape


def _sides(table: Any) -> list[Any]:
    """On which side of its point each name stands, so that few lie on each other; a point's own mark counts, too."""
    from pptx.enum.chart import XL_LABEL_POSITION

    wide, tall = 9.5, 3.6  # inches of the plot, about
    xs = table["cost_mean"].to_numpy(float) / (float(table["cost_mean"].max()) * 1.15 or 1.0) * wide
    ys = table["miss_mean"].to_numpy(float) / (float(table["miss_mean"].max()) * 1.15 or 1.0) * tall
    taken = [(x - 0.1, y - 0.1, x + 0.1, y + 0.1) for x, y in zip(xs, ys, strict=True)]
    sides = []
    for x, y, name in zip(xs, ys, table["policy"], strict=True):
        long, high = 0.11 * len(str(name)), 0.24
        boxes = {
            XL_LABEL_POSITION.RIGHT: (x + 0.1, y - high / 2, x + 0.1 + long, y + high / 2),
            XL_LABEL_POSITION.LEFT: (x - 0.1 - long, y - high / 2, x - 0.1, y + high / 2),
            XL_LABEL_POSITION.ABOVE: (x - long / 2, y + 0.1, x + long / 2, y + 0.1 + high),
            XL_LABEL_POSITION.BELOW: (x - long / 2, y - 0.1 - high, x + long / 2, y - 0.1),
        }
        best = min(boxes, key=lambda side: sum(_shared(boxes[side], other) for other in taken))
        taken.append(boxes[best])
        sides.append(best)
    return sides


def _shared(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    wide, tall = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return wide * tall if wide > 0 and tall > 0 else 0.0


def _marker(series: Any, best: bool) -> None:
    from pptx.dml.color import RGBColor

    series.marker.format.fill.solid()
    series.marker.format.fill.fore_color.rgb = RGBColor.from_string(
        (palette.BEST if best else palette.OTHER).lstrip("#")
    )
    series.format.line.fill.background()


def _cash_cone(slide: Any, made: Document, one: Drawn) -> Any:
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Pt

    table = one.figures.table
    factor, form = _units(made.locale, float(table["most"].max()))
    low, high = ("p10", "p90") if one.figures.facts["n"] >= 10 else ("least", "most")
    data = CategoryChartData(number_format=form)
    data.categories = [str(month) for month in table["month"]]
    for name in (high, "median", low):
        words = made.locale.text(f"word.{name}")
        data.add_series(words, [float(value) * factor for value in table[name]])
    shape = _add(slide, XL_CHART_TYPE.LINE, data)
    chart = shape.chart
    chart.font.size = Pt(14)
    chart.value_axis.tick_labels.number_format, chart.value_axis.tick_labels.number_format_is_linked = form, False
    _gridlines(chart.value_axis)
    chart.category_axis.has_title = True
    chart.category_axis.axis_title.text_frame.text = made.locale.text("axis.months")
    chart.category_axis.axis_title.text_frame.paragraphs[0].runs[0].font.size = Pt(14)
    for series, colour in zip(chart.plots[0].series, (palette.SPREAD, palette.BEST, palette.SPREAD), strict=True):
        _colour(series, colour, line=True)
        series.smooth = False
    _legend(chart)
    return shape


def _misses(slide: Any, made: Document, one: Drawn) -> Any:
    from pptx.util import Pt

    table = one.figures.table
    names = [f"{row['workload']} · {made.locale.gpus(row['gpus'])} GPU" for row in rows(table)]
    values = [float(np.nan_to_num(value)) for value in table["missed_share"].astype(float)]
    shape = _bars(slide, "BAR_CLUSTERED", names, {made.locale.text("axis.missed"): values}, "0.0%")
    series = shape.chart.plots[0].series[0]
    _colour(series, palette.QUIET)
    _labels(series, "0.0%")
    shape.chart.has_legend = False
    shape.chart.has_title = True
    shape.chart.chart_title.text_frame.text = made.locale.text("axis.missed")
    shape.chart.chart_title.text_frame.paragraphs[0].runs[0].font.size = Pt(14)
    return shape


NATIVE: dict[str, Callable[[Any, Document, Drawn], Any]] = {
    "cost_stack": _cost_stack,
    "cost_misses": _cost_misses,
    "differences": _differences,
    "tornado": _tornado,
    "cash_cone": _cash_cone,
    "misses": _misses,
}
