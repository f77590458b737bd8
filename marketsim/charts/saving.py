"""A figure as bytes: PNG and SVG that are the same for the same figure, and a PDF of many pages.

matplotlib names the parts of an SVG by random numbers unless it is told a salt, and that is a setting of the whole
process; a lock keeps two threads of the web page from meeting there.
"""

from __future__ import annotations

import hashlib
import io
import re
import threading
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ONE_AT_A_TIME = threading.Lock()
_ID = re.compile(r'(\bid="|href="#|url\(#)')


def png(figure: Figure, dpi: int = 200) -> bytes:
    """A PNG without dates or versions."""
    out = io.BytesIO()
    with _ONE_AT_A_TIME:
        figure.savefig(out, format="png", dpi=dpi, metadata={"Software": None})
    return out.getvalue()


def svg(figure: Figure, name: str, title: str = "", alt: str = "") -> str:
    """An SVG to be set into HTML: outlines for letters, ids that begin with `name`, title and words for its picture.

    name: letters, digits and hyphens; two pictures on one page need two.
    """
    import matplotlib

    out = io.StringIO()
    with _ONE_AT_A_TIME, matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Type": None, "Format": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = _ID.sub(rf"\g<1>{name}-", text)
    text = re.sub(r"<style[^>]*>.*?</style>", "", text, flags=re.S)  # it would reach beyond the picture
    head, rest = text.split(">", 1)
    head = re.sub(r' (width|height)="[0-9.]+pt"', "", head)
    label = f"<title>{escape(title)}</title><desc>{escape(alt)}</desc>"
    style = "stroke-linejoin:round;stroke-linecap:butt"
    return f'{head} style="{style}" role="img" aria-label="{escape(alt or title)}">{label}{rest}'


def pdf(pages: Sequence[Figure], title: str = "") -> bytes:
    """A PDF, one figure a page, without dates."""
    from matplotlib.backends.backend_pdf import PdfPages

    out = io.BytesIO()
    about: dict[str, Any] = {
        "Title": title,
        "CreationDate": None,
        "ModDate": None,
        "Creator": "marketsim",
        "Producer": None,
    }
    with _ONE_AT_A_TIME, PdfPages(out, metadata=about) as book:
        for page in pages:
            book.savefig(page)
    return out.getvalue()


def digest(content: bytes) -> str:
    """16 hexadecimal digits of a content."""
    return hashlib.blake2b(content, digest_size=8).hexdigest()
