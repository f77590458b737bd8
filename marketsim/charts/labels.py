"""Names beside points, placed so that they cover neither each other nor the points."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from marketsim.charts import palette
from marketsim.charts.sheet import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDEST = 2.4  # inches of a name before it is cut
_GAP = 0.09  # inches between a point and its name
_CLEAR = 0.025  # inches that a name keeps from others to its sides
_TRIES = [
    (1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1), (0.5, 1), (0.5, -1), (-0.5, 1), (-0.5, -1),
]  # fmt: skip
Box = tuple[float, float, float, float]
Spot = tuple[float, float]  # inches from the lower left corner


def beside(
    sheet: Sheet,
    axes: Axes,
    points: Sequence[tuple[float, float]],
    names: Sequence[str],
    size: float,
    bold: str | None = None,
    arms: Sequence[tuple[float, float, float, float]] = (),
    small: Collection[str] = (),
) -> None:
    """Write each name near its point: the first of twelve places, then farther ones, that is free and on the axes.

    small: names in the background, in smaller letters and after the others. arms: for each point the ends of its cross,
    left, right, lower and upper, in data; names keep off them too.
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
    marks = len(taken)
    for place in sorted(range(len(points)), key=lambda i: (names[i] != bold, names[i] in small, i)):
        letters = size - 1.5 if names[place] in small else size
        name = sheet.shortened(names[place], letters, WIDEST, names[place] == bold)
        width, height = sheet.inches(name, letters, names[place] == bold), letters * 1.15 / 72
        box = _free(spots[place], width, height, taken, marks, (left, low, right, high))
        taken.append(box)
        middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        taken += [(x - 0.02, y - 0.02, x + 0.02, y + 0.02) for x, y in _leader(sheet, spots[place], box)]
        ahead = names[place] == bold or (len(small) > 0 and names[place] not in small)
        at = (middle[0] / sheet.width, middle[1] / sheet.height)
        colour = palette.INK if ahead else palette.QUIET
        text = sheet.write(sheet.figure, *at, name, letters, names[place] == bold, colour, ha="center", va="center")
        sheet.halo(text, 2.0).set_zorder(6)


def _free(spot: Spot, width: float, height: float, taken: list[Box], points: int, room: Box) -> Box:
    """The box of least trouble; the first `points` of those taken are points and arms, which a line may cross."""
    best, least = None, float("inf")
    for far in (1.0, 2.2, 3.6, 5.2, 7.0, 9.0):
        for dx, dy in _TRIES:
            x = spot[0] + dx * (_GAP * far + width / 2)
            y = spot[1] + dy * (_GAP * far + height / 2)
            box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            wide = (box[0] - _CLEAR, box[1], box[2] + _CLEAR, box[3])
            crossed = sum(_inside(point, other) for point in _way(spot, box) for other in taken[points:])
            cost = 6 * sum(_overlap(wide, other) for other in taken) + 4 * _outside(box, room)
            cost += 0.01 * crossed + 0.002 * far
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


def _inside(point: Spot, box: Box) -> bool:
    return box[0] < point[0] < box[2] and box[1] < point[1] < box[3]


def _way(spot: Spot, box: Box) -> list[Spot]:
    """Points on the way from a point to a name, none where the name is near."""
    near = (min(max(spot[0], box[0]), box[2]), min(max(spot[1], box[1]), box[3]))
    if (near[0] - spot[0]) ** 2 + (near[1] - spot[1]) ** 2 < (2 * _GAP) ** 2:
        return []
    return [
        (spot[0] + (near[0] - spot[0]) * part / 8, spot[1] + (near[1] - spot[1]) * part / 8) for part in range(1, 9)
    ]


def _leader(sheet: Sheet, spot: Spot, box: Box) -> list[Spot]:
    """A hair line from a point to a name that had to go far from it; points on it."""
    way = _way(spot, box)
    if way:
        from matplotlib.lines import Line2D

        ends = [(spot[0] / sheet.width, way[-1][0] / sheet.width), (spot[1] / sheet.height, way[-1][1] / sheet.height)]
        line = Line2D(*ends, color=palette.OTHER, linewidth=0.6, transform=sheet.figure.transFigure)
        sheet.figure.add_artist(line)
    return way
