"""Documents as LibreOffice sees them: a deck as pictures, a workbook worked out anew. Skipped without it; not in CI."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

import pytest

SLIDE = 16 / 9
PATIENCE_S = 300


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not installed"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    assert found is not None
    return found


def converted(path: pathlib.Path, ending: str, folder: pathlib.Path) -> pathlib.Path:
    """A document in another format, by a LibreOffice of its own, so that two tests do not wait for each other."""
    own = f"-env:UserInstallation={(folder / 'office').as_uri()}"
    command = [_program("soffice"), own, "--headless", "--convert-to", ending, "--outdir", str(folder), str(path)]
    subprocess.run(command, check=True, timeout=PATIENCE_S, capture_output=True)
    return folder / f"{path.stem}.{ending.partition(':')[0]}"


def pictures(deck: pathlib.Path, folder: pathlib.Path, dpi: int = 48) -> list[pathlib.Path]:
    """Each slide of a deck as a PNG, in order."""
    book = converted(deck, "pdf", folder)
    command = [_program("pdftoppm"), "-r", str(dpi), "-png", str(book), str(folder / "slide")]
    subprocess.run(command, check=True, timeout=PATIENCE_S, capture_output=True)
    return sorted(folder.glob("slide*.png"))


def check_slide(path: pathlib.Path) -> None:
    """A slide is 16:9, holds ink, and keeps its margins free: nothing runs off it."""
    from matplotlib.image import imread

    grey = imread(path)[..., :3].min(axis=2)
    tall, wide = grey.shape
    assert abs(wide / tall - SLIDE) < 0.02, path.name
    assert (grey < 0.5).mean() > 0.002, f"{path.name} is blank"
    edge = max(2, round(0.012 * wide))
    for side in (grey[:, :edge], grey[:, -edge:], grey[:edge], grey[-edge:]):
        assert (side > 0.9).all(), f"{path.name}: something reaches the edge"
