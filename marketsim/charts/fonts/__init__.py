"""The letters of charts: DejaVu Sans, which matplotlib brings, and a subset of Noto Sans CJK SC for Chinese.

Files are named outright, so a chart looks the same whatever fonts a machine has. The subset holds the 3,755 commonest
Chinese characters (GB 2312, first level), what the translations use, and Latin; `fonts/subset.py` makes it. It is
licensed under the SIL Open Font License 1.1, which lies beside it.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties

CHINESE = "NotoSansCJKsc-Regular-subset.otf"


def is_chinese(text: str) -> bool:
    """Whether a text holds anything that DejaVu Sans lacks: Chinese letters and their punctuation."""
    return any(
        "\u2e80" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff" or "\uff00" <= char <= "\uffef" for char in text
    )


@cache
def _file(chinese: bool, bold: bool) -> str:
    if chinese:
        return str(resources.files(__name__) / CHINESE)
    import matplotlib

    return f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans{'-Bold' if bold else ''}.ttf"


def of(text: str, lang: str, size: float, bold: bool = False) -> FontProperties:
    """The font for a text of a language at a size in points. Chinese has one weight; `sheet` thickens what is bold."""
    from matplotlib.font_manager import FontProperties

    return FontProperties(fname=_file(lang == "zh" or is_chinese(text), bold), size=size)
