"""The verdict of a back-test says its worst month, the mean error with its interval, and whether settings changed."""

from __future__ import annotations

from marketsim.scenario_parts import Validation

KEPT = {"bill": "bill.csv", "months": "2025-01 to 2025-06", "worst_month_share": 0.032, "tested": "a"}


def test_the_mean_error_stands_with_its_interval_where_months_allow_one() -> None:
    kept = Validation.model_validate({**KEPT, "mean_share": 0.004, "low_share": -0.012, "high_share": 0.0199})
    worst = "validated to 3.2 % on this bill (bill.csv, 2025-01 to 2025-06)"
    assert kept.verdict("a") == f"{worst}; mean error of a month +0.4 %, 95 % interval -1.2 to +2.0 %"
    assert kept.verdict("b") == f"{kept.verdict('a')}; settings have changed since"


def test_one_month_has_no_interval_and_none_is_made_up() -> None:
    kept = Validation.model_validate({**KEPT, "worst_month_share": 0.2, "mean_share": 0.2})
    assert kept.verdict() == "not validated: 20.0 % off in the worst month of bill.csv, 2025-01 to 2025-06"
