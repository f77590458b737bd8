"""A trace drawn by known laws is fitted back, and drawn traces are held against what came as the scores say."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from marketsim.availability import fit
from marketsim.availability.spells import Exponential
from marketsim.availability.two_state import alternating
from marketsim.path import Path
from marketsim.settings import Seconds
from marketsim.streams import Dice


def trace(days: int, up_s: int, down_s: int) -> np.ndarray:
    laws = Exponential(mean=Seconds(up_s)), Exponential(mean=Seconds(down_s))
    path = alternating(*laws, Dice(1), days * 86_400, Path.constant(1.0))
    return path.at_many(np.arange(days * 144) * 600).astype(np.int64)


def test_spells_that_were_cut_count_by_their_time_and_not_as_spells() -> None:
    up, down, all_up, all_down = fit.spells(np.array([1, 1, 0, 1, 1, 1]))
    assert (up.tolist(), down.tolist(), all_up.tolist(), all_down.tolist()) == ([2], [1], [2, 3], [1])


def test_the_means_of_both_spells_are_found() -> None:
    found = fit.fit_two_state(trace(200, 20_000, 10_000), 600.0, drift_sd=0.0)
    assert found.available.mean_s() == pytest.approx(20_000, rel=0.1)
    assert found.gone.mean_s() == pytest.approx(10_000, rel=0.1)


def test_under_drift_the_share_of_time_and_the_reclaims_stay_as_measured() -> None:
    available = trace(300, 20_000, 10_000)
    found = fit.fit_two_state(available, 600.0)
    drawn = np.concatenate([found.onward(Dice(3, one), 365 * 144, 600.0) for one in range(60)])
    assert drawn.mean() == pytest.approx(available.mean(), abs=0.03)
    reclaims = [(np.diff(one) == -1).mean() for one in (drawn, available)]
    assert reclaims[0] == pytest.approx(reclaims[1], rel=0.08)


def test_the_next_day_begins_in_the_state_in_which_the_fit_ended() -> None:
    for last in (0, 1):
        available = np.append(trace(20, 20_000, 10_000), [last] * 5)
        found = fit.fit_two_state(available, 600.0)
        assert found.begin == (bool(last), found.begin[1])
        assert found.begin[1] >= 4 * 600
        first = [found.onward(Dice(4, one), 1, 600.0)[0] for one in range(200)]
        assert np.mean(np.array(first) == last) > 0.9


def test_a_state_never_left_is_fitted_as_a_long_one() -> None:
    found = fit.fit_two_state(np.ones(500, np.int64), 600.0)
    assert found.available.mean_s() > 200 * 600
    assert found.onward(Dice(5), 20, 600.0).mean() > 0.9


def test_the_interval_score_is_the_width_and_forty_times_what_is_missed() -> None:
    assert fit.interval_score(1.0, 3.0, 2.0) == 2.0
    assert fit.interval_score(1.0, 3.0, 3.5) == pytest.approx(2.0 + 40 * 0.5)


def test_a_file_gives_a_block_that_a_scenario_may_hold(tmp_path: pathlib.Path) -> None:
    from ruamel.yaml import YAML

    from marketsim.availability.two_state import TwoState

    rows = "".join(f"{tick},{value}\n" for tick, value in enumerate(trace(30, 20_000, 10_000)))
    (tmp_path / "zone.csv").write_text("tick,available\n" + rows)
    result = fit.fit_availability(tmp_path / "zone.csv", 600.0)
    block = YAML(typ="safe").load(result.block_text(""))["availability"]
    kind = TwoState.model_validate({**block, "drift_sd": float(block["drift_sd"])})
    assert kind.share() == pytest.approx(result.share, abs=0.02)
    assert len(result.rows) == len(fit.STATISTICS)


@pytest.mark.shared
def test_the_greedy_bill_is_the_published_one_in_every_case(shared: pathlib.Path) -> None:
    import csv

    from analysis.spot_greedy import cost

    folder = shared / "cases" / "spot"
    checked = 0
    for row in csv.DictReader((folder / "spot_deadline_cases.csv").open()):
        if row["policy"] != "greedy":
            continue
        available = fit.read_ticks(folder / "traces" / f"{row['trace']}.csv")[int(row["start_tick"]) :]
        hours = (float(row[name]) * 3600 for name in ("job_hours", "deadline_hours", "restart_overhead_hours"))
        found = cost(
            available[None, :], float(row["gap_seconds"]), *hours, float(row["spot_price"]), float(row["od_price"])
        )
        assert found[0] == pytest.approx(float(row["cost"]), rel=1e-6), row["case_id"]
        checked += 1
    assert checked == 30
