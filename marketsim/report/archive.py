"""Office files without the hour they were made in: the same content gives the same bytes."""

from __future__ import annotations

import io
import re
import zipfile

EPOCH = (1980, 1, 1, 0, 0, 0)
_STAMPS = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*(</dcterms:(?:created|modified)>)")


def settled(content: bytes) -> bytes:
    """An Office file with its dates fixed, and those of the files inside it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            part = old.read(entry)
            if entry.filename.endswith((".xlsx", ".pptx")):
                part = settled(part)
            if entry.filename == "docProps/core.xml":
                part = _STAMPS.sub(rb"\g<1>1980-01-01T00:00:00Z\g<2>", part)
            fresh = zipfile.ZipInfo(entry.filename, EPOCH)
            fresh.compress_type = zipfile.ZIP_DEFLATED
            fresh.external_attr = 0o600 << 16
            new.writestr(fresh, part)
    return out.getvalue()
