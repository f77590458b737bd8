"""Texts on slides: where a slide has room, boxes, paragraphs in the fonts of a language, and words for a shape."""

from __future__ import annotations

from typing import Any

from marketsim.charts import palette
from marketsim.report.document import Document

WIDE, TALL = 13.333, 7.5  # inches
EDGE = 0.6
BODY = (EDGE, 1.75, WIDE - 2 * EDGE, 4.95)  # left, top, width, height


def textbox(slide: Any, left: float, top: float, width: float, height: float) -> Any:
    """The frame of a new box for text; places and sizes in inches from the upper left corner."""
    from pptx.util import Inches

    frame = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(width), Inches(height)).text_frame
    frame.word_wrap = True
    return frame


def box(shape: Any, left: float, top: float, width: float, height: float) -> None:
    """Put a shape somewhere else; inches from the upper left corner."""
    from pptx.util import Inches

    shape.left, shape.top, shape.width, shape.height = Inches(left), Inches(top), Inches(width), Inches(height)


def text(
    frame: Any, words: str, size: float, bold: bool, made: Document, colour: str = palette.INK, anchor: str = "top"
) -> None:
    """The first paragraph of a frame."""
    from pptx.enum.text import MSO_ANCHOR, PP_ALIGN

    frame.word_wrap = True
    frame.vertical_anchor = MSO_ANCHOR.BOTTOM if anchor == "bottom" else MSO_ANCHOR.TOP
    paragraph = frame.paragraphs[0]
    paragraph.alignment = PP_ALIGN.LEFT
    _run(paragraph, words, size, bold, made, colour)


def more(frame: Any, words: str, size: float, made: Document) -> None:
    """One paragraph more."""
    from pptx.util import Pt

    if words:
        paragraph = frame.add_paragraph()
        paragraph.space_before = Pt(size * 0.6)
        _run(paragraph, words, size, False, made, palette.INK)


def _run(paragraph: Any, words: str, size: float, bold: bool, made: Document, colour: str) -> None:
    """Words of one look, size in points."""
    from pptx.dml.color import RGBColor
    from pptx.util import Pt

    run = paragraph.add_run()
    run.text = words
    run.font.size, run.font.bold = Pt(size), bold
    run.font.color.rgb = RGBColor.from_string(colour.lstrip("#"))
    run.font.name = "Microsoft YaHei" if made.locale.lang == "zh" else "Calibri"
    if made.locale.lang == "zh":  # Chinese letters take the font for East Asia
        within(run._r.get_or_add_rPr(), "a:ea").set("typeface", "Microsoft YaHei")


def describe(shape: Any, name: str, alt: str) -> None:
    """Name and words of a shape."""
    properties = shape._element.xpath(".//p:cNvPr")[0]
    properties.set("name", name)
    properties.set("descr", alt)


def within(parent: Any, tag: str, **attributes: str) -> Any:
    """A new last part of an element of the file, `c:errBars` say."""
    from pptx.oxml.xmlchemy import OxmlElement

    made = OxmlElement(tag)
    for name, value in attributes.items():
        made.set(name, value)
    parent.append(made)
    return made
