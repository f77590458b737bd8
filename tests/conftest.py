"""What tests share: where the shared material lies, and what happens where it does not."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator

import pluggy
import pytest

from marketsim.errors import MissingExtra

ROOT = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> pathlib.Path:
    """The folder of traces and cases, or a skip with the reason; a failure where it was promised."""
    folder = pathlib.Path(os.environ.get("MARKETSIM_SHARED", ROOT.parent / "shared"))
    if not (folder / "cases").is_dir():
        reason = "the shared folder of traces and cases is not here (set MARKETSIM_SHARED)"
        pytest.fail(reason) if os.environ.get("MARKETSIM_SHARED") else pytest.skip(reason)
    return folder


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow tests run only when asked for: `-m slow` or `-m ""`."""
    if config.getoption("-m") or os.environ.get("MARKETSIM_ALL_TESTS"):
        return
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="slow: run with -m slow"))


OPTIONAL = ("pptx", "xlsxwriter", "starlette", "uvicorn", "multipart", "optuna", "distributed", "dask")
OPTIONAL += ("sklearn", "mlxtend", "pyarrow", "playwright", "axe_core_python")


def _without_extra(outcome: pluggy.Result[object]) -> None:
    """A test that meets an optional package that is not installed is skipped, and says which."""
    error = outcome.exception
    missing = isinstance(error, ModuleNotFoundError) and (error.name or "").split(".")[0] in OPTIONAL
    if missing or isinstance(error, MissingExtra):
        outcome.force_exception(pytest.skip.Exception(f"needs an extra: {error}"))


@pytest.hookimpl(wrapper=False, hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """See `_without_extra`."""
    _without_extra((yield))  # type: ignore[func-returns-value]


@pytest.hookimpl(wrapper=False, hookwrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """See `_without_extra`."""
    _without_extra((yield))  # type: ignore[func-returns-value]
