"""The sheet that every chart is drawn on: message as title, question below it, the plot, how to read it, the stamp.

Heights are worked out from the text as measured, so a long message takes room from the plot and never covers it. All
text is written through `write`, which keeps `$` from being read as mathematics and picks a font that has the letters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from marketsim.charts import fonts, palette
from marketsim.charts.chart import SIZES, SLIDE, Figures
from marketsim.i18n.locale import Locale, Said

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

EDGE = 0.16  # inches of white around everything
TITLE, QUESTION, LABEL, SMALL = 14.0, 10.5, 10.0, 8.0  # points
SIZES_OF_NAMES = (LABEL, LABEL - 1.5, LABEL - 2.5)  # of rows: the first that fits
DPI = 100
OUTLINE = {"facecolor": palette.PAPER, "edgecolor": palette.QUIET, "linewidth": 0.9}
LINE = 1.28  # line height over letter height


class Sheet:
    """A sheet in the making. `figure` and `locale` are there for the chart; `finished` gives the figure back."""

    def __init__(
        self,
        size: str,
        locale: Locale,
        figures: Figures | None,
        question: Said | str,
        notes: Sequence[Said | str],
        stamp: str,
    ) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.size, self.locale = size, locale
        self.width, self.height = shape = SLIDE if size == "slide" else SIZES[size]
        self.figure: Figure = Figure(figsize=shape, dpi=DPI, facecolor=palette.PAPER)
        FigureCanvasAgg(self.figure)
        self.top = self.height - EDGE
        self.bottom = EDGE
        if figures is not None:
            self._head(locale.say(figures.message), TITLE, True, palette.INK)
            self._head(locale.say(question), QUESTION, False, palette.QUIET)
            self.top -= 0.1
        if stamp:
            self._foot(stamp, SMALL - 1)
        if notes:
            self._foot(" · ".join(locale.say(note) for note in notes), SMALL)
        self.bottom += 0.04

    @property
    def narrow(self) -> bool:
        """Whether there is little room to the side."""
        return self.size == "square"

    def _head(self, text: str, size: float, bold: bool, colour: str) -> None:
        for line in self.wrapped(text, size, bold, self.width - 2 * EDGE):
            self.write(self.figure, EDGE / self.width, self.top / self.height, line, size, bold, colour, va="top")
            self.top -= size * LINE / 72
        self.top -= 0.04

    def _foot(self, text: str, size: float) -> None:
        lines = self.wrapped(text, size, False, self.width - 2 * EDGE)
        for line in reversed(lines):
            at = (EDGE / self.width, self.bottom / self.height)
            self.write(self.figure, *at, line, size, False, palette.QUIET, va="bottom")
            self.bottom += size * LINE / 72
        self.bottom += 0.03

    # ------------------------------------------------------------------------------------------------ text

    def write(
        self,
        where: Figure | Axes,
        x: float,
        y: float,
        text: str | Said,
        size: float = LABEL,
        bold: bool = False,
        colour: str = palette.INK,
        **more: Any,
    ) -> Text:
        """Put a text on the figure (in shares of it) or on axes (in data); never read as mathematics."""
        words = self.locale.say(text)
        font = fonts.of(words, self.locale.lang, size, bold)
        drawn = where.text(x, y, words, fontproperties=font, color=colour, parse_math=False, **more)
        if bold:
            self.embolden(drawn)
        return drawn

    def embolden(self, text: Text) -> None:
        """The same text in bold."""
        words, size = text.get_text(), float(text.get_fontsize())
        font = fonts.of(words, self.locale.lang, size, True)
        text.set_fontproperties(font)
        if "CJK" in str(font.get_file()):
            from matplotlib.patheffects import withStroke

            text.set_path_effects([withStroke(linewidth=size / 22, foreground=text.get_color())])

    def halo(self, text: Text, width: float = 2.5) -> Text:
        """White around a text that stands on lines."""
        from matplotlib.patheffects import withStroke

        bold = text.get_path_effects() or ()  # where letters have no bold of their own
        text.set_path_effects([withStroke(linewidth=width, foreground=palette.PAPER), *bold])
        return text

    def inches(self, text: str, size: float, bold: bool = False) -> float:
        """How wide a text is."""
        return _inches(text, self.locale.lang, size, bold)

    def wrapped(self, text: str, size: float, bold: bool, inches: float) -> list[str]:
        """The text in lines that fit; broken at blanks, and between Chinese characters."""
        lines, line = [], ""
        inches *= 0.97  # letters are a little wider at other resolutions
        for piece in _pieces(text):
            if line and self.inches((line + piece).rstrip(), size, bold) > inches:
                lines.append(line.rstrip())
                line = ""
            line += piece if line else piece.lstrip()
        return [*lines, line.rstrip()] if line.strip() else lines

    def shortened(self, text: str, size: float, inches: float, bold: bool = False) -> str:
        """The text, cut with an ellipsis where it does not fit."""
        if self.inches(text, size, bold) <= inches:
            return text
        while text and self.inches(text + "…", size, bold) > inches:
            text = text[:-1]
        return text.rstrip("-_ ") + "…"

    # ------------------------------------------------------------------------------------------------ axes

    def axes(self, left: float = 0.0, right: float = 0.0, top: float = 0.0, bottom: float = 0.0, **more: Any) -> Axes:
        """Axes in the room between head and foot, less so many inches at each side."""
        x0, x1 = EDGE + left, self.width - EDGE - right
        y0, y1 = self.bottom + bottom, self.top - top
        if x1 - x0 < 0.5 or y1 - y0 < 0.4:  # a message of many lines; the plot stays, however small
            y0, y1 = min(y0, y1 - 0.4), y1
        box = (x0 / self.width, y0 / self.height, (x1 - x0) / self.width, (y1 - y0) / self.height)
        axes = self.figure.add_axes(box, facecolor="none", **more)
        self.bare(axes)
        return axes

    def rows(
        self, names: Sequence[str], room: float, bold: str | None = None, **edges: float
    ) -> tuple[Axes, list[float]]:
        """Axes with one named row a thing, the first on top, and the rows' heights on them.

        room: inches for names; they take half as much again before one is cut, and smaller letters before that.
        """
        tall = (self.top - self.bottom - edges.get("top", 0.0) - edges.get("bottom", 0.0)) / (len(names) or 1)
        fitting = [size for size in SIZES_OF_NAMES if size * LINE / 72 <= tall]
        sizes, size = fitting or [tall * 72 / LINE], 0.0
        for size in sizes:
            wide = max((self.inches(name, size, True) for name in names), default=0.0) + 0.12
            two = tall > 2.2 * size * LINE / 72 and all(self._fits_two(name, size, room - 0.1) for name in names)
            if wide <= room or two:
                break
        else:
            room *= 1.5
        axes = self.axes(left=min(wide, room), **edges)
        places = [float(len(names) - 1 - place) for place in range(len(names))]
        axes.set_ylim(-0.6, len(names) - 0.4)
        shown = [self._named(name, size, room - 0.1) for name in names]
        self.ticks(axes, "y", places, shown, size=size, colour=palette.INK, grid=False)
        for name, label in zip(names, axes.get_yticklabels(), strict=True):
            if name == bold:
                self.embolden(label)
        return axes, places

    def _fits_two(self, name: str, size: float, inches: float) -> bool:
        """Whether a name stands on two lines without being cut."""
        lines = self.wrapped(name, size, True, inches)
        return len(lines) <= 2 and all(self.inches(line, size, True) <= inches for line in lines)

    def _named(self, name: str, size: float, inches: float) -> str:
        """A name on one line, or on two where it has blanks to break at."""
        lines = self.wrapped(name, size, True, inches)
        if len(lines) > 2:
            lines = [lines[0], self.shortened(" ".join(lines[1:]), size, inches, True)]
        return "\n".join(self.shortened(line, size, inches, True) for line in lines)

    def bare(self, axes: Axes) -> None:
        """No frame, no ticks: what is there is put there."""
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.tick_params(length=0, pad=4)
        axes.set_axisbelow(True)

    def ticks(self, axes: Axes, which: str, places: Sequence[float], labels: Sequence[str], **more: Any) -> None:
        """Ticks of the `x` or `y` axis with their labels, and for numbers a quiet grid."""
        size = more.pop("size", LABEL - 1)
        colour, grid, bold = more.pop("colour", palette.QUIET), more.pop("grid", True), more.pop("bold", False)
        axis = axes.xaxis if which == "x" else axes.yaxis
        axis.set_ticks(list(places), labels=list(labels))
        axis.set_minor_locator(_none())
        for tick, label in zip(axis.get_ticklabels(), labels, strict=True):
            tick.set_fontproperties(fonts.of(label, self.locale.lang, size, bold))
            tick.set_color(colour)
            tick.set_parse_math(False)
        if grid:
            axis.grid(True, color=palette.RULE, linewidth=0.6)

    def scale(
        self, axes: Axes, which: str, most: float, write: Any, least: float = 0.0, count: int | None = None, **more: Any
    ) -> None:
        """An axis from `least` to `most` with ticks that are round in `unit`s, each written by `write`."""
        unit = more.pop("unit", 1.0)
        places = [place / unit for place in round_ticks(least * unit, most * unit, count or (4 if self.narrow else 6))]
        limits = (least, most)
        (axes.set_xlim if which == "x" else axes.set_ylim)(*limits)
        shown = [place for place in places if limits[0] - 1e-12 <= place <= limits[1] + 1e-12]
        self.ticks(axes, which, shown, [write(place) for place in shown], **more)

    def money(self, axes: Axes, which: str, most: float, least: float = 0.0, count: int | None = None) -> None:
        """An axis of USD, with ticks that are round in the reader's currency."""
        self.scale(axes, which, most, self.locale.usd_tick, least, count, unit=self.locale.per_usd)

    def axis_name(self, axes: Axes, key: str) -> None:
        """The name of the axis to the right, below its labels."""
        frame = axes.get_position()
        x, y = (frame.x0 + frame.x1) / 2, frame.y0 - 0.29 / self.height
        self.write(self.figure, x, y, self.locale.text(key), SMALL + 1, colour=palette.QUIET, ha="center", va="top")

    def top_name(self, key: str) -> None:
        """The name of the upright axis, above it and level, so that nobody has to turn the head."""
        at = (EDGE / self.width, (self.top - 0.08) / self.height)
        self.write(self.figure, *at, self.locale.text(key), SMALL + 1, colour=palette.QUIET, va="center")

    def legend(self, entries: Sequence[tuple[str | Mapping[str, Any], str]], y_inches: float | None = None) -> float:
        """Swatches of kinds of offer, (kind, text), in rows below the head; the height taken in inches.

        A kind that is empty is an outline; in place of a kind there may be the style of an area itself.
        """
        from matplotlib.patches import Rectangle

        x, y = EDGE, (self.top if y_inches is None else y_inches) - 0.13
        start = y
        for kind, text in entries:
            wide = self.inches(text, SMALL + 0.5) + 0.42
            if x + wide - 0.15 > self.width - EDGE and x > EDGE:
                x, y = EDGE, y - 0.19
            style = filled(palette.look(kind)) if kind and isinstance(kind, str) else {**(kind or OUTLINE)}
            box = ((x) / self.width, (y - 0.055) / self.height)
            swatch = Rectangle(box, 0.2 / self.width, 0.12 / self.height, transform=self.figure.transFigure, **style)
            self.figure.add_artist(swatch)
            self.write(self.figure, (x + 0.25) / self.width, y / self.height, text, SMALL + 0.5, va="center")
            x += wide
        return start - y + 0.26

    def finished(self) -> Figure:
        """The figure, with every text of it safe from being read as mathematics."""
        from matplotlib.text import Text

        for text in self.figure.findobj(Text):
            text.set_parse_math(False)
        return self.figure


def filled(look: palette.Look) -> dict[str, Any]:
    """How an area of a kind is filled: its colour, and its hatch in ink that is darker than it."""
    return {
        "facecolor": look.colour,
        "edgecolor": palette.PAPER,
        "hatch": look.hatch,
        "linewidth": 0.8,
        "hatch_linewidth": 0.5,
    }


def round_ticks(least: float, most: float, count: int) -> list[float]:
    """At most `count` + 1 round numbers that cover least to most."""
    from matplotlib.ticker import MaxNLocator

    if most <= least:
        most = least + 1.0
    return [float(place) for place in MaxNLocator(count, steps=[1, 2, 2.5, 5, 10]).tick_values(least, most)]


@cache
def _renderer() -> Any:
    from matplotlib.backends.backend_agg import RendererAgg

    return RendererAgg(1, 1, DPI)


@lru_cache(maxsize=20_000)
def _inches(text: str, lang: str, size: float, bold: bool) -> float:
    """How wide a text is: the same words stand on many sheets."""
    width, _, _ = _renderer().get_text_width_height_descent(text, fonts.of(text, lang, size, bold), False)
    return float(width) / DPI


def _none() -> Any:
    from matplotlib.ticker import NullLocator

    return NullLocator()


def _pieces(text: str) -> list[str]:
    """Where a line may break: after a blank, and after a Chinese character unless a closing mark follows."""
    pieces, piece = [], ""
    for place, char in enumerate(text):
        piece += char
        follows = text[place + 1] if place + 1 < len(text) else ""
        wide = fonts.is_chinese(char) and char not in "（「《"
        if char == " " or (wide and follows not in "，。、；：）」》％%,."):
            pieces.append(piece)
            piece = ""
    return [*pieces, piece] if piece else pieces
