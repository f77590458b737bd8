"""Named settings of AWS prices are the medians of the packaged table of fitted parameters, calm and active halves."""

from __future__ import annotations

import numpy as np
import pytest

from marketsim.data.tables import table
from marketsim.prices import KINDS

COLUMNS = {
    "ou": {"mean": "ratio", "kappa_per_day": "kappa", "sigma_per_sqrt_day": "sig"},
    "ou_jump": {"mean": "ratio", "kappa_per_day": "kappa", "sigma_per_sqrt_day": "j_s", "jumps_per_day": "j_lam",
                "jump_sd": "j_sd"},
    "regime_vol": {"level": "ratio", "sd_calm": "rs_s0", "sd_busy": "rs_s1", "days_calm": "rs_d0",
                   "days_busy": "rs_d1"},
    "momentum_garch_t": {"level": "ratio", "rho": "g_rho", "a": "g_a", "b": "g_b", "nu": "g_nu"},
    "smoothed_ou": {"mean": "ratio", "kappa_per_day": "kappa"},
    "bootstrap": {"level": "ratio"},
}  # fmt: skip


def medians(active: bool) -> dict[str, float]:
    rows = table("aws_fitted_parameters_given_only")
    middle = np.median([float(row["sig"]) for row in rows])
    half = [row for row in rows if (float(row["sig"]) > middle) == active]
    numbers = [name for name in rows[0] if name not in ("inst", "reg")]
    return {name: float(np.median([float(row[name]) for row in half])) for name in numbers}


@pytest.mark.parametrize("kind", sorted(COLUMNS))
@pytest.mark.parametrize("preset", ["aws-calm", "aws-active"])
def test_presets_are_the_medians_of_the_fitted_parameters(kind: str, preset: str) -> None:
    wanted = medians(preset == "aws-active")
    given = KINDS[kind].presets[preset]
    for name, column in COLUMNS[kind].items():
        assert given[name] == pytest.approx(wanted[column], rel=0.05), name
