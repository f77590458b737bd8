"""Rounds of federated learning against a pencil and against closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from marketsim.demand.job import Need
from marketsim.levers import Federated
from marketsim.levers.federated import (
    Prices,
    break_even_gb,
    central_bill,
    federated_bill,
    published_rounds,
)
from marketsim.levers.lever import drawn
from marketsim.levers.rounds import round_end, transfer_s
from marketsim.streams import Dice, exponential
from marketsim.supply.offer import Offer
from marketsim.supply.shape import Shape

CALM: dict[str, Any] = {
    "target": "training", "clients": 100, "rounds": 50, "rounds_sigma": 0.0, "speed_sigma": 0.0, "bandwidth_sigma": 0.0,
    "drop_out": 0.0, "over_selection": 1.0, "samples_per_client": 600, "sample_s": 0.001, "local_epochs": 5,
    "model_mb": 5.0, "uplink_mbit_s": 8.0, "downlink_mbit_s": 40.0, "latency_s": 0.0, "server_s_per_round": 1.0,
}  # fmt: skip
PRICES = Prices(device_hour=0.1, server_hour=1.0, gpu_hour=2.0, gb_out=0.09, gb_in=0.01, gb_month_storage=0.02)


def federated(**given: Any) -> Federated:
    return Federated.model_validate({**CALM, **given})


def test_equal_clients_take_what_a_pencil_says() -> None:
    """1 s down, 3 s of work, 5 s up, 1 s of the server: fifty rounds of 10 s, ten clients busy for 9 s of each."""
    run = federated().run(Dice(1))
    assert (run.rounds, run.attempts, run.wall_s) == (50, 50, 500)
    assert run.device_s == pytest.approx(50 * 10 * 9)
    assert (run.gb_down, run.gb_up) == pytest.approx((2.5, 2.5))
    assert run.server_s == 50


def test_compressed_updates_are_shorter_and_secret_ones_longer() -> None:
    small = federated(update_bits=8).run(Dice(1))
    assert small.gb_up == pytest.approx(2.5 / 4)
    assert small.gb_down == pytest.approx(2.5)
    secret = federated(secure_aggregation=True).run(Dice(1))
    assert secret.gb_up == pytest.approx(2.5 * 1.73)
    assert secret.wall_s == math.ceil(50 * (1 + 3 + 5 * 1.73 + 1))


def test_over_selection_asks_more_and_aborts_the_late() -> None:
    run = federated(over_selection=1.3).run(Dice(1))
    assert run.gb_down == pytest.approx(2.5 * 1.3)
    assert federated(over_selection=1.3).asked == 13


def test_a_round_ends_with_the_kth_answer() -> None:
    times = np.array([[3.0, 1.0, 2.0, 9.0]])
    everyone = np.ones((1, 4), bool)
    assert round_end(times, everyone, 3)[0] == 3.0
    assert round_end(times, everyone, 4)[0] == 9.0
    ends, enough = round_end(times, np.array([[True, False, True, False]]), 3)
    assert (ends[0], enough[0]) == (3.0, False)
    ends, enough = round_end(times, np.zeros((1, 4), bool), 1)
    assert (ends[0], enough[0]) == (9.0, False)


def test_the_kth_of_n_exponentials_has_its_renyi_mean() -> None:
    times = 30 + exponential(Dice(1).uniforms("t", 20 * 20_000), 12.0).reshape(-1, 20)
    ends = round_end(times, np.ones(times.shape, bool), 16)[0]
    wanted = 30 + 12 * sum(1 / k for k in range(5, 21))
    assert ends.mean() == pytest.approx(wanted, abs=4 * ends.std() / len(ends) ** 0.5)


def test_rounds_lost_to_drop_out_cost_and_do_not_count() -> None:
    run = federated(drop_out=0.4, over_selection=1.5, wait_for=10).run(Dice(1))
    assert run.rounds == 50
    assert run.attempts > 50
    # 15 asked, each there with probability 0.6: at least 10 of them in 40.3 % of the rounds
    share = sum(math.comb(15, k) * 0.6**k * 0.4 ** (15 - k) for k in range(10, 16))
    assert run.rounds / run.attempts == pytest.approx(share, abs=4 * (share * (1 - share) / run.attempts) ** 0.5)


def test_a_plan_that_can_hardly_finish_is_given_up() -> None:
    with pytest.raises(ArithmeticError, match="rounds had 10 answers"):
        federated(rounds=1, drop_out=0.99, over_selection=1.0).run(Dice(1))


def test_clients_asleep_are_waited_for() -> None:
    nights = [1.0 if hour >= 22 else 0.0 for hour in range(24)]
    run = federated(rounds=1, awake=nights).run(Dice(1))
    assert run.wall_s == 22 * 3600 + 10


def test_slow_clients_make_the_round_not_the_mean() -> None:
    equal, unequal = federated().run(Dice(1)), federated(speed_sigma=1.0).run(Dice(1))
    assert unequal.wall_s > 1.5 * equal.wall_s


def test_a_longer_training_meets_the_same_first_rounds() -> None:
    given = {"speed_sigma": 0.5, "drop_out": 0.1, "over_selection": 1.3}
    one, two = federated(rounds=1, **given).run(Dice(4)), federated(rounds=2, **given).run(Dice(4))
    assert one.gb_up < two.gb_up
    assert one.wall_s < two.wall_s


def test_a_link_shared_by_four_is_a_quarter_as_wide() -> None:
    assert transfer_s(62.5, 50.0, 0.05) == pytest.approx(10.05)
    assert transfer_s(62.5, 50.0, 0.05, sharing=4) == pytest.approx(40.05)


@pytest.mark.parametrize(
    ("task", "target", "e", "b", "c", "iid", "rounds"),
    [
        ("MNIST 2NN", 0.97, 1, 10, 0.1, True, (87,)),
        ("MNIST CNN", 0.99, 5, 10, 0.1, True, (18, 20)),  # Tables 1 and 2
        ("MNIST CNN", 0.99, 5, 10, 0.1, False, (206, 229)),
        ("Shakespeare LSTM", 0.54, 5, 10, 0.1, False, (41,)),
        ("CIFAR-10 CNN FedAvg", 0.85, 5, 50, 0.1, True, (2000,)),
        ("MNIST 2NN", 0.97, 1, "inf", 0.5, True, (None,)),
        ("MNIST 2NN", 0.97, 2, 10, 0.1, True, ()),
    ],
)
def test_rounds_are_those_of_the_published_tables(
    task: str, target: float, e: int, b: Any, c: float, iid: bool, rounds: Any
) -> None:
    assert published_rounds(task, target, e, b, c, iid) == rounds


def test_a_setting_published_twice_takes_the_middle() -> None:
    lever = federated(rounds=None, task="MNIST CNN", iid=False)
    assert lever.expected_rounds()[:2] == (round((206 * 229) ** 0.5), 0.99)


def test_rounds_spread_as_stated() -> None:
    lever = federated(rounds=100, rounds_sigma=0.2)
    logs = np.log([lever.drawn_rounds(Dice(1, r)) for r in range(1000)])
    assert logs.mean() == pytest.approx(math.log(100), abs=4 * 0.2 / 1000**0.5)
    assert logs.std() == pytest.approx(0.2, rel=0.1)


def test_rounds_beyond_all_bounds_are_one_more_than_are_allowed() -> None:
    lever = federated(rounds=100, rounds_sigma=10, most_rounds=101)
    assert {lever.drawn_rounds(Dice(1, r)) for r in range(20)} >= {1, 102}
    with pytest.raises(ValidationError, match="less than or equal to 10"):
        federated(rounds_sigma=1e6)


def test_a_job_becomes_rounds_where_the_data_are() -> None:
    lever = drawn("fl", federated(), Dice(1))
    need = Need("training", instances=2, milli=8000, data_gb=100.0, residency=("eu",), interconnect="fabric")
    changed = lever.changed(need)
    assert (changed.instances, changed.milli, changed.data_gb, changed.interconnect) == (10, 1000, 0.0, "none")
    assert changed.reference_gpu == "Jetson AGX Orin 64GB"
    assert changed.residency == ("eu",)
    devices = Shape("Jetson AGX Orin 64GB", 1, 64.0, "none", 20)
    cloud = Offer("cloud", "on_demand", Shape("H100", 8, 80.0, "fabric", 8), speed_ppm={("nlp", "A100-80GB"): 10**6})
    assert Offer("sites", "edge", devices, residency="eu").refuses(changed) is None
    assert cloud.speed_for(changed) == 0
    assert lever.changed_work(need, 10**9) == 500 * 10 * 1000


def test_too_many_rounds_fail_the_training_and_leave_the_need() -> None:
    lever = drawn("fl", federated(most_rounds=49), Dice(1))
    assert lever.outcome.level is None
    assert lever.changed(Need("training")) == Need("training")
    assert lever.changed_work(Need("training"), 7) == 7


def test_both_bills_add_up_and_meet_at_the_break_even() -> None:
    run = federated().run(Dice(1))
    fed = federated_bill(run, PRICES)
    # 1.25 device-hours, 500 s of a server, 2.5 GB each way
    assert fed.usd == pytest.approx(1.25 * 0.1 + 500 / 3600 + 2.5 * 0.09 + 2.5 * 0.01)
    bare = central_bill(0.1, 1, 0.0, 100, 8.0, PRICES)
    assert bare.usd == pytest.approx(0.2)
    volume = break_even_gb(fed, bare, PRICES)
    assert volume == pytest.approx((fed.usd - 0.2) / 0.03)
    assert central_bill(0.1, 1, volume, 100, 8.0, PRICES).usd == pytest.approx(fed.usd)
    # 100 clients send 1 GB each over 8 Mbit/s, then an hour of two GPUs for two GPU-hours
    assert central_bill(2.0, 2, 100.0, 100, 8.0, PRICES).wall_s == pytest.approx(1000 + 3600)


def test_where_moving_is_free_leaving_never_pays() -> None:
    fed = federated_bill(federated().run(Dice(1)), PRICES)
    free = Prices(0.1, 1.0, 2.0, 0.09, 0.0, 0.0)
    assert break_even_gb(fed, central_bill(0.1, 1, 0.0, 100, 8.0, free), free) is None
    assert break_even_gb(fed, central_bill(100.0, 1, 0.0, 100, 8.0, free), free) == 0.0
