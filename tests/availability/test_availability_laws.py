"""Drawn availability keeps the laws of its spells, its share of time, and what one zone has in common with another."""

from __future__ import annotations

import pathlib
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pydantic
import pytest
from scipy import stats

from marketsim.availability import KINDS
from marketsim.availability.counts import Counts
from marketsim.availability.hours import Hours
from marketsim.availability.replay import Replay
from marketsim.availability.spells import SPELLS, Exponential, Lognormal, Spell, Table, Weibull
from marketsim.availability.two_state import TwoState, alternating, drift
from marketsim.errors import InputError
from marketsim.path import Path
from marketsim.prices.process import Asked
from marketsim.settings import Seconds, one_of
from marketsim.streams import Dice
from marketsim.throw import Throw
from marketsim.units import DAY_S, HOUR_S, UNLIMITED

ANY: Any = pydantic.TypeAdapter(one_of(KINDS))
ASKED = Asked("spot", "AWS", "V100", 8, "us-west-2a", "spot")
ONE = Path.constant(1.0)


def throw(days: int, replication: int = 0, **more: Any) -> Throw:
    return Throw(Dice(3, replication).under("availability/spot"), days * DAY_S, days * DAY_S, **more)


def share_of(path: Path, end_s: int, least: float = 1.0) -> float:
    return float((path.values >= least) @ np.diff(np.append(path.times_s, end_s)) / end_s)


LAWS: list[Spell] = [
    Exponential(mean=Seconds(HOUR_S)),
    Lognormal(median=Seconds(HOUR_S), sigma=1.5),
    Weibull(mean=Seconds(HOUR_S), shape=0.6),
    Table(levels=(0.0, 0.5, 0.9, 1.0), seconds=(60.0, 600.0, 7200.0, 90_000.0)),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.kind)
def test_spells_have_the_mean_they_state(law: Spell) -> None:
    lengths = law.lengths(Dice(1).uniforms("spells", 400_000))
    assert lengths.mean() == pytest.approx(law.mean_s(), rel=0.03)
    assert set(SPELLS) == {one.kind for one in LAWS}  # type: ignore[attr-defined]


def test_a_table_has_the_quantiles_it_states() -> None:
    np.testing.assert_allclose(LAWS[3].lengths(np.array([0.0, 0.5, 0.9])), [60, 600, 7200])


def test_what_is_left_of_a_memoryless_spell_is_memoryless() -> None:
    law = Exponential(mean=Seconds(HOUR_S))
    left = [law.left_s(*Dice(2, one).uniforms("left", 2)) for one in range(3000)]
    assert stats.kstest(left, "expon", args=(0, HOUR_S)).pvalue > 0.001


def test_spells_are_whole_seconds_and_follow_their_laws() -> None:
    up, down = Exponential(mean=Seconds(7200)), Table(levels=(0.0, 1.0), seconds=(600.0, 600.0))
    path = alternating(up, down, Dice(4), 3000 * HOUR_S * 3, ONE)
    assert (np.diff(path.values) != 0).all()
    lengths = np.diff(path.times_s)
    gone = lengths[path.values[:-1] == 0][1:]
    there = lengths[path.values[:-1] == 1][1:]
    assert set(gone.tolist()) == {600}
    assert stats.kstest(there, "expon", args=(0, 7200)).pvalue > 0.001


@pytest.mark.parametrize("preset", ["k80-us-west-2a-8gpu", "v100-us-west-2b-8gpu", "v100-us-east-2a-1gpu-2023"])
def test_measured_zones_keep_their_share_of_time_under_drift(preset: str) -> None:
    kind = TwoState(preset=preset)  # type: ignore[call-arg]
    shares = [share_of(kind.draw(throw(365, one), ASKED), 365 * DAY_S) for one in range(80)]
    assert abs(np.mean(shares) - kind.share()) < 4 * np.std(shares) / len(shares) ** 0.5


def test_eights_are_had_less_than_singles_as_measured() -> None:
    single = TwoState(preset="k80-us-west-2a-1gpu")  # type: ignore[call-arg]
    eight = TwoState(preset="k80-us-west-2a-8gpu")  # type: ignore[call-arg]
    assert single.share() == pytest.approx(0.89, abs=0.01)
    assert eight.share() == pytest.approx(0.33, abs=0.01)


def test_a_capacity_that_shrinks_is_had_by_one_more_often_than_by_eight() -> None:
    kind = Counts(preset="k80-us-west-2a")  # type: ignore[call-arg]
    paths = [kind.draw(throw(200, one), ASKED) for one in range(30)]
    assert np.mean([share_of(path, 200 * DAY_S) for path in paths]) == pytest.approx(0.8927, abs=0.02)
    assert np.mean([share_of(path, 200 * DAY_S, 8) for path in paths]) == pytest.approx(0.3263, abs=0.03)
    steps = np.concatenate([np.diff(path.values) for path in paths])
    assert np.median(np.abs(steps)) <= 2  # it shrinks, it does not vanish


def test_the_drift_has_its_long_run_spread_and_is_one_without() -> None:
    values = [drift(Dice(5, one), DAY_S * 60, 0.8, 7 * DAY_S).at(50 * DAY_S) for one in range(1500)]
    assert np.log(values).std() == pytest.approx(0.8, rel=0.08)
    assert drift(Dice(5), DAY_S, 0.0, 7 * DAY_S) == ONE


def test_zones_of_one_shape_go_together_by_what_they_have_in_common() -> None:
    def together(common: float) -> float:
        spell = {"kind": "exponential", "mean": "6 h"}
        kind = ANY.validate_python({"kind": "two_state", "available": spell, "gone": spell, "common": common})
        hours = np.arange(0, 400 * DAY_S, HOUR_S)
        found = []
        for one in range(8):
            states = [
                kind.draw(Throw(Dice(6, one).under(f"availability/{name}"), 400 * DAY_S, 400 * DAY_S), ASKED)
                for name in ("a", "b")
            ]
            found.append(np.corrcoef(*(path.at_many(hours) > 0 for path in states))[0, 1])
            assert np.mean(states[0].at_many(hours) > 0) == pytest.approx(0.5, abs=0.08)
        return float(np.mean(found))

    assert abs(together(0.0)) < 0.05
    assert together(0.8) > 0.5


def test_a_tight_market_makes_gone_spells_longer() -> None:
    kind = TwoState(preset="advisor-20-up")  # type: ignore[call-arg]
    calm = kind.draw(throw(3650), ASKED)
    tight = kind.draw(throw(3650, scarcity=Path.constant(2.0), loadings={"stock": 1.0}), ASKED)
    gone = [np.diff(path.times_s)[path.values[:-1] == 0].mean() for path in (calm, tight)]
    assert gone[1] / gone[0] == pytest.approx(np.exp(1.8), rel=0.25)


def test_opening_hours_open_at_their_hour_whatever_the_start() -> None:
    start = datetime(2026, 1, 1, 18, tzinfo=UTC)  # a Thursday
    kind = Hours(open_share=0.5, opens=Seconds(20 * HOUR_S), weekend_share=1.0, instances=4)
    path = kind.draw(throw(6, start=start), ASKED)
    opens = [(int(at) // HOUR_S, int(value)) for at, value in zip(path.times_s, path.values, strict=True)]
    assert opens[:4] == [(0, 0), (2, 4), (14, 0), (26, 4)]  # Thu 20:00 to Fri 08:00, Fri 20:00 to Sat 08:00 ...
    assert path.at(50 * HOUR_S) == 4  # Saturday and Sunday open round the clock from 20:00 on
    assert kind.share() == pytest.approx((5 * 0.5 + 2) / 7)


def test_a_trace_is_played_from_its_file_and_round(tmp_path: pathlib.Path) -> None:
    (tmp_path / "trace.csv").write_text("tick,available\n0,1\n1,0\n2,1\n3,1\n")
    where = throw(1, folder=tmp_path)
    path = Replay(file="trace.csv", gap=Seconds(HOUR_S), available_means=3, fill="repeat").draw(where, ASKED)
    assert path.at_many(np.arange(9) * HOUR_S).tolist() == [3, 0, 3, 3, 3, 0, 3, 3, 3]
    held = Replay(file="trace.csv", gap=Seconds(HOUR_S), fill="hold").draw(where, ASKED)
    assert held.at(20 * HOUR_S) == UNLIMITED
    late = Replay(file="trace.csv", gap=Seconds(HOUR_S), fill="hold", begin=Seconds(5400)).draw(where, ASKED)
    assert late.times_s.tolist() == [0, 1800]
    with pytest.raises(InputError, match="before the horizon"):
        Replay(file="trace.csv", gap=Seconds(HOUR_S)).draw(where, ASKED)


def test_a_random_beginning_differs_between_replications_and_keeps_the_share(tmp_path: pathlib.Path) -> None:
    rows = "".join(f"{tick},{int(tick < 50)}\n" for tick in range(100))
    (tmp_path / "trace.csv").write_text("tick,available\n" + rows)
    kind = Replay(file="trace.csv", gap=Seconds(864), fill="repeat", begin="random")
    paths = [kind.draw(throw(10, one, folder=tmp_path), ASKED) for one in range(5)]
    assert len({path.times_s.tobytes() for path in paths}) > 1
    assert all(share_of(path, 10 * DAY_S) == pytest.approx(0.5, abs=1e-3) for path in paths)


SETTINGS: list[dict[str, Any]] = [
    {"kind": "always"},
    {"kind": "constant", "instances": 4},
    {"kind": "replay", "times": ["0 s", "1 h"], "instances": [3, 0]},
    {"kind": "hours", "open_share": 0.4},
    *({"kind": kind, "preset": name} for kind, cls in KINDS.items() for name in cls.presets),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda one: f"{one['kind']}-{one.get('preset', '')}")
def test_every_kind_is_whole_reproducible_and_extended_by_a_longer_run(settings: dict[str, Any]) -> None:
    kind = ANY.validate_python(settings)
    short, long = kind.draw(throw(30), ASKED), kind.draw(throw(300), ASKED)
    assert short == kind.draw(throw(30), ASKED)
    assert (short.values == np.round(short.values)).all()
    assert (short.values >= 0).all()
    minutes = np.arange(0, 30 * DAY_S, 600)
    np.testing.assert_array_equal(long.at_many(minutes), short.at_many(minutes))


def test_every_kind_is_tested_and_a_bare_number_is_a_count() -> None:
    assert {settings["kind"] for settings in SETTINGS} == set(KINDS)
    assert ANY.validate_python(4).draw(throw(1), ASKED) == Path.constant(4)
