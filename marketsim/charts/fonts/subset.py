"""Makes the Chinese font of the package: `python -m marketsim.charts.fonts.subset NotoSansCJK-Regular.ttc`.

The source is Noto Sans CJK (Debian: fonts-noto-cjk), SIL Open Font License 1.1. Run it again after translations gain
characters; a test says when.
"""

from __future__ import annotations

import pathlib
import sys

from marketsim import i18n
from marketsim.charts import fonts

HERE = pathlib.Path(__file__).parent
FACE = "Noto Sans CJK SC"
LATIN = "".join(map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x100)])) + "–—…‘’“”•·×±≤≥≈≠→←↑↓−‰€£¥°²³µ√∞Δσ▲▼■□●○◆◇✓✗"
PUNCTUATION = "".join(map(chr, [*range(0x3000, 0x3012), *range(0xFF01, 0xFF5F)]))


def common() -> str:
    """The 3,755 characters of the first level of GB 2312, by its rows 16 to 55."""
    out = []
    for row in range(16, 56):
        for cell in range(1, 95):
            try:
                out.append(bytes((0xA0 + row, 0xA0 + cell)).decode("gb2312"))
            except UnicodeDecodeError:
                continue
    return "".join(out)


def needed() -> str:
    """All characters of the subset, sorted."""
    texts = "".join(text for table in i18n.KINDS.values() for text in table.values())
    return "".join(sorted({char for char in common() + texts + LATIN + PUNCTUATION if char.isprintable()}))


def make(source: pathlib.Path, target: pathlib.Path = HERE / fonts.CHINESE) -> int:
    """Write the subset of a Noto Sans CJK collection or file; its size in bytes."""
    from fontTools import subset  # type: ignore[import-untyped]
    from fontTools.ttLib import TTCollection, TTFont  # type: ignore[import-untyped]

    faces = TTCollection(str(source)).fonts if source.suffix == ".ttc" else [TTFont(str(source))]
    font = next(face for face in faces if face["name"].getDebugName(4) == FACE)
    options = subset.Options()
    options.layout_features = []
    options.hinting = False
    options.desubroutinize = False
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.notdef_outline = True
    tool = subset.Subsetter(options)
    tool.populate(text=needed())
    tool.subset(font)
    font.recalcTimestamp = False
    font.save(str(target))
    return target.stat().st_size


if __name__ == "__main__":
    print(f"{make(pathlib.Path(sys.argv[1])):,} bytes")
