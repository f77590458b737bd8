"""Names beside points, placed so that they cover neither each other nor the points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from marketsim.charts import palette
from marketsim.charts.sheet import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDEST = 2.4  # inches of a name before it is cut
_GAP = 0.09  # inches between a point and its name
_TRIES = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)]
Box = tuple[float, float, float, float]


def beside(
    sheet: Sheet,
    axes: Axes,
    points: Sequence[tuple[float, float]],
    names: Sequence[str],
    size: float,
    bold: str | None = None,
    arms: Sequence[tuple[float, float, float, float]] = (),
) -> None:
    """Write each name near its point: the first of eight places, then farther ones, that is free and on the axes.

    arms: for each point the ends of its cross, left, right, lower and upper, in data; names keep off them too.
    """
    frame = axes.get_position()
    left, right = frame.x0 * sheet.width, sheet.width - 0.08
    low, high = frame.y0 * sheet.height, frame.y1 * sheet.height + 0.1
    x0, x1 = axes.get_xlim()
    y0, y1 = axes.get_ylim()
    wide, tall = frame.width * sheet.width, frame.height * sheet.height
    spots = [(left + (x - x0) / (x1 - x0) * wide, low + (y - y0) / (y1 - y0) * tall) for x, y in points]
    taken: list[Box] = [(x - 0.06, y - 0.06, x + 0.06, y + 0.06) for x, y in spots]
    for (x, y), (west, east, south, north) in zip(spots, arms, strict=False):
        reach_x, reach_y = wide / (x1 - x0), tall / (y1 - y0)
        if east == east:  # an interval that is not there is NaN
            taken.append((left + (west - x0) * reach_x, y - 0.03, left + (east - x0) * reach_x, y + 0.03))
        if north == north:
            taken.append((x - 0.03, low + (south - y0) * reach_y, x + 0.03, low + (north - y0) * reach_y))
    for place in sorted(range(len(points)), key=lambda i: (names[i] != bold, i)):
        name = sheet.shortened(names[place], size, WIDEST, names[place] == bold)
        width, height = sheet.inches(name, size, names[place] == bold), size * 1.15 / 72
        box = _free(spots[place], width, height, taken, (left, low, right, high))
        taken.append(box)
        middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        _leader(sheet, spots[place], box)
        colour = palette.INK if names[place] == bold else palette.QUIET
        text = sheet.write(
            sheet.figure, middle[0] / sheet.width, middle[1] / sheet.height, name, size, names[place] == bold, colour,
            ha="center", va="center",
        )  # fmt: skip
        sheet.halo(text, 2.0).set_zorder(6)


def _free(spot: tuple[float, float], width: float, height: float, taken: list[Box], room: Box) -> Box:
    best, least = None, float("inf")
    for far in (1.0, 2.2, 3.6, 5.2, 7.0, 9.0):
        for dx, dy in _TRIES:
            x = spot[0] + dx * (_GAP * far + width / 2)
            y = spot[1] + dy * (_GAP * far + height / 2)
            box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            cost = sum(_overlap(box, other) for other in taken) + 4 * _outside(box, room) + 0.002 * far
            if cost < least:
                best, least = box, cost
    assert best is not None
    return best


def _overlap(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    tall = min(one[3], other[3]) - max(one[1], other[1])
    return wide * tall if wide > 0 and tall > 0 else 0.0


def _outside(box: Box, room: Box) -> float:
    return max(room[0] - box[0], 0) + max(room[1] - box[1], 0) + max(box[2] - room[2], 0) + max(box[3] - room[3], 0)


def _leader(sheet: Sheet, spot: tuple[float, float], box: Box) -> None:
    """A hair line from a point to a name that had to go far from it."""
    near = (min(max(spot[0], box[0]), box[2]), min(max(spot[1], box[1]), box[3]))
    if (near[0] - spot[0]) ** 2 + (near[1] - spot[1]) ** 2 < (2 * _GAP) ** 2:
        return
    from matplotlib.lines import Line2D

    ends = [(spot[0] / sheet.width, near[0] / sheet.width), (spot[1] / sheet.height, near[1] / sheet.height)]
    line = Line2D(*ends, color=palette.OTHER, linewidth=0.6, transform=sheet.figure.transFigure)
    sheet.figure.add_artist(line)
