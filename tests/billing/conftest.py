"""A bill of two months with known truth, in both layouts, read once."""

from __future__ import annotations

import pytest
import synthetic_bill

from marketsim.importers import KINDS


@pytest.fixture(scope="session", params=["focus", "aws_cur"])
def known(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> synthetic_bill.Known:
    """About 6,500 charges of two months."""
    made = synthetic_bill.made(rows=6_500, months=2)
    path = tmp_path_factory.mktemp("bill") / f"{request.param}.csv"
    path.write_text(synthetic_bill.written(made, request.param))
    return synthetic_bill.Known(made, path, KINDS[request.param].read(path).bill)
