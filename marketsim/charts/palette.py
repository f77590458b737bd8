"""Colours that mean the same thing in every chart: one for each kind of offer, with a hatch and a marker beside it.

The colours are Okabe and Ito's (2008, "Color Universal Design"), told apart with every common colour blindness;
the hatch and the marker say it again for print in grey.
"""

from __future__ import annotations

from typing import NamedTuple


class Look(NamedTuple):
    """How a kind of offer is drawn."""

    colour: str
    hatch: str
    marker: str


KINDS = {
    "on_demand": Look("#E69F00", "", "o"),
    "spot": Look("#56B4E9", "///", "^"),
    "rental": Look("#009E73", "..", "s"),
    "datacenter": Look("#0072B2", "xx", "D"),
    "edge": Look("#F0E442", "\\\\\\", "v"),
    "serverless": Look("#CC79A7", "--", "P"),
    "token_api": Look("#D55E00", "||", "X"),
    "none": Look("#444444", "++", "*"),
}
INK = "#1A1A1A"  # text
QUIET = "#595959"  # text of second rank: 7.0 to 1 on white
RULE = "#C8C8C8"  # grid lines, which carry no meaning of their own
SPREAD = "#8C8C8C"  # the spread of outcomes, everywhere
PENALTY = "#FFFFFF"  # value lost, drawn as an outline
BEST = "#111111"
OTHER = "#767676"  # 4.5 to 1 on white
PAPER = "#FFFFFF"


def look(kind: str) -> Look:
    """The look of a kind of offer; of none for a kind of a user's own."""
    return KINDS.get(kind, KINDS["none"])


def luminance(colour: str) -> float:
    """Relative luminance of `#RRGGBB` by WCAG 2.2, 0 to 1."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast of two colours by WCAG 2.2, 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def ink_on(colour: str) -> str:
    """Black or white, whichever reads better on a colour."""
    return INK if contrast(INK, colour) >= contrast(PAPER, colour) else PAPER
