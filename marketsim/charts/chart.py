"""What a chart is: a question, the figures that answer it, and the drawing of them. It knows tables and nothing else.

`figures` takes what it needs out of the tables, and works out the message; `paint` puts it on a sheet. The title is the
message, the subtitle the question; the table of the figures is what the report prints and the CSV holds, so picture and
table cannot differ. Nothing here touches pyplot or any setting of matplotlib.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from marketsim import i18n
from marketsim.i18n.locale import Locale, Said, locale_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from marketsim.charts.sheet import Sheet

Tables = Mapping[str, "pd.DataFrame"]
Size = Literal["wide", "square", "slide"]
SLIDE = (7.4, 3.02)  # inches: the body of a slide, which has its title outside
SIZES: dict[str, tuple[float, float]] = {
    "wide": (8.0, 4.5),
    "square": (5.0, 5.0),
}  # inches; text is of one size in both


def rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame's rows as mappings of column to value."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


class NothingToDraw(Exception):
    """The tables are there and hold nothing that the chart could show; the message says what."""


@dataclass(frozen=True)
class Figures:
    """What a chart shows. table: every figure drawn, a row a thing; message: what it says; alt: it in words.

    notes: how marks are to be read; facts: anything else that the drawing needs.
    """

    table: pd.DataFrame
    message: Said | str
    alt: Said | str
    notes: tuple[Said | str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Chart:
    """A kind of chart. needs: the tables without which it cannot be drawn; doc: one English sentence.

    figures: from tables to what is shown; raises NothingToDraw. paint: puts that on a sheet. Sentences are `said(key)`
    where they are translated (`marketsim/i18n`), else plain text; so is the question, which is `doc` until then.

    >>> import marketsim as ms
    >>> from marketsim.charts.chart import Figures
    >>> def figures(tables):
    ...     table = tables["ranking"][["policy", "mean"]]
    ...     return Figures(table, f"{table['policy'].iloc[0]} is the cheapest", "a bar a policy")
    >>> def paint(sheet, figures):
    ...     sheet.axes(left=1.5).barh(figures.table["policy"], figures.table["mean"])
    >>> bars = ms.Chart("bars", "what does each policy cost?", ("ranking",), figures, paint)
    >>> from marketsim.report.tables import of_results
    >>> results = ms.run(ms.load("speech", ["horizon=2 w"]), ["cloud-only", "spot-first"], replications=2)
    >>> shown = bars.figures(of_results(results))
    >>> bars.draw(shown, "square").get_size_inches().tolist(), bars.alt(shown)  # inches
    ([5.0, 5.0], 'bars: spot-first is the cheapest a bar a policy')
    """

    name: str
    doc: str
    needs: tuple[str, ...]
    figures: Callable[[Tables], Figures]
    paint: Callable[[Sheet, Figures], None]
    uses: tuple[str, ...] = ()  # tables that add to it where they are there

    @property
    def question(self) -> Said | str:
        """The question it answers."""
        return self._said("question", f"{self.doc[:1].upper()}{self.doc[1:]}")

    @property
    def title(self) -> Said | str:
        """What it is called in a list."""
        return self._said("title", self.name.replace("_", " "))

    def _said(self, what: str, plain: str) -> Said | str:
        """A sentence that is translated, or plain English for a chart that nobody has put into words yet."""
        key = f"chart.{self.name}.{what}"
        return Said(key) if key in i18n.KINDS["en"] else plain

    def fits(self, tables: Tables) -> bool:
        """Whether all tables that it needs are there and hold rows."""
        return all(name in tables and len(tables[name]) for name in self.needs)

    def draw(
        self, figures: Figures, size: Size = "wide", lang: str | Locale = "en", stamp: str = "", titled: bool = True
    ) -> Figure:
        """The picture. stamp: one line that says where the figures come from; titled: with message and question."""
        from marketsim.charts.sheet import Sheet

        sheet = Sheet(size, locale_of(lang), figures if titled else None, self.question, figures.notes, stamp)
        self.paint(sheet, figures)
        return sheet.finished()

    def alt(self, figures: Figures, lang: str | Locale = "en") -> str:
        """The picture in words, for who cannot see it."""
        locale = locale_of(lang)
        return f"{locale.say(self.title)}: {locale.say(figures.message)} {locale.say(figures.alt)}"
