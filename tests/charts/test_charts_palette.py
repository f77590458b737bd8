"""Kinds of offer are told apart with every common colour blindness, and every text can be read."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from marketsim import supply
from marketsim.charts import palette

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB
SEEN = {
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(colour: str, eyes: str) -> np.ndarray:
    """CIE L*a*b* (D65) of a colour as such eyes see it."""
    rgb = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(SEEN[eyes]) @ linear, 0, 1)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = np.array(to_xyz) @ linear / np.array([0.95047, 1, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def ciede2000(one: np.ndarray, other: np.ndarray) -> float:
    """Sharma, Wu and Dalal 2005."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    mean_c = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    g = 0.5 * (1 - np.sqrt(mean_c**7 / (mean_c**7 + 25**7)))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.degrees(np.arctan2(b1, a1)) % 360, np.degrees(np.arctan2(b2, a2)) % 360
    grey = c1 * c2 < 1e-9
    dh = 0.0 if grey else (h2 - h1 + 180) % 360 - 180
    mean_h = h1 + h2 if grey else (h1 + dh / 2) % 360
    lm, cm = (l1 + l2) / 2, (c1 + c2) / 2
    rad = np.radians
    t = 1 - 0.17 * np.cos(rad(mean_h - 30)) + 0.24 * np.cos(rad(2 * mean_h))
    t += 0.32 * np.cos(rad(3 * mean_h + 6)) - 0.2 * np.cos(rad(4 * mean_h - 63))
    sl, sc, sh = 1 + 0.015 * (lm - 50) ** 2 / np.sqrt(20 + (lm - 50) ** 2), 1 + 0.045 * cm, 1 + 0.015 * cm * t
    turn = -2 * np.sqrt(cm**7 / (cm**7 + 25**7)) * np.sin(rad(60 * np.exp(-(((mean_h - 275) / 25) ** 2))))
    dl, dc, dhh = (l2 - l1) / sl, (c2 - c1) / sc, 2 * np.sqrt(c1 * c2) * np.sin(rad(dh) / 2) / sh
    return float(np.sqrt(dl**2 + dc**2 + dhh**2 + turn * dc * dhh))


def test_the_distance_is_that_of_the_published_pairs():
    pair = np.array([50.0, 2.6772, -79.7751]), np.array([50.0, 0.0, -82.7485])
    assert ciede2000(*pair) == pytest.approx(2.0425, abs=1e-4)
    pair = np.array([60.2574, -34.0099, 36.2677]), np.array([60.4626, -34.1751, 39.4387])
    assert ciede2000(*pair) == pytest.approx(1.2644, abs=1e-4)


@pytest.mark.parametrize("eyes", list(SEEN))
def test_any_two_kinds_of_offer_are_ten_apart(eyes):
    for one, other in itertools.combinations(palette.KINDS, 2):
        away = ciede2000(lab(palette.KINDS[one].colour, eyes), lab(palette.KINDS[other].colour, eyes))
        assert away >= 10, f"{one} and {other} are {away:.1f} apart"


def test_hatch_and_marker_say_it_again():
    for channel in ("hatch", "marker"):
        assert len({getattr(look, channel) for look in palette.KINDS.values()}) == len(palette.KINDS)


def test_every_kind_of_offer_that_can_be_had_has_its_look():
    first = {"on_demand", "spot", "rental", "datacenter", "edge", "serverless", "token_api"}
    assert first <= set(palette.KINDS)
    assert first <= set(supply.KINDS)


def test_text_has_a_contrast_of_four_and_a_half():
    for ink in (palette.INK, palette.QUIET, palette.OTHER, palette.BEST):
        assert palette.contrast(ink, palette.PAPER) >= 4.5
    for look in palette.KINDS.values():
        assert palette.contrast(palette.ink_on(look.colour), look.colour) >= 4.5
    assert palette.contrast("#000000", "#FFFFFF") == pytest.approx(21)
