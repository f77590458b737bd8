"""What the sheet does to texts, seen in the pixels."""

from __future__ import annotations

import numpy as np
import pytest

from marketsim.charts.sheet import Sheet
from marketsim.i18n.locale import locale_of


def ink(lang: str, text: str, bold: bool, halo: bool) -> int:
    """Dark pixels of one text on an empty sheet."""
    sheet = Sheet("wide", locale_of(lang), None, "", (), "")
    drawn = sheet.write(sheet.figure, 0.5, 0.5, text, 20, bold)
    if halo:
        sheet.halo(drawn)
    sheet.figure.canvas.draw()
    return int(np.count_nonzero(np.asarray(sheet.figure.canvas.buffer_rgba())[..., 0] < 128))


@pytest.mark.parametrize(("lang", "text"), [("en", "cloud-only"), ("zh", "仅用云端")])
def test_a_bold_text_stays_bold_with_white_around_it(lang: str, text: str) -> None:
    assert ink(lang, text, True, True) > 1.1 * ink(lang, text, False, True)
    assert ink(lang, text, True, True) == pytest.approx(ink(lang, text, True, False), rel=0.1)
