"""What a rule says it need not be asked would have been answered as it was, or would have changed nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_worlds import HORIZON_S, PLACEMENTS, policies, worlds
from small_worlds import Job, checkpointed, market, need, own, rules, spot, steps, story, world

from marketsim.demand.job import Checkpoint
from marketsim.engine.run import run
from marketsim.engine.setup import make_setup
from marketsim.ledger import Ledger
from marketsim.policies import placement
from marketsim.policies import policy as say
from marketsim.policies.placement.uniform_progress import UniformProgress
from marketsim.world import Order

KINDS = sorted(PLACEMENTS)


class Sleepless:
    """Settings of another rule, at work as it is, save that it is asked at every piece of news and every period."""

    def __init__(self, inner: placement.Placement) -> None:
        self._inner = inner
        self.left_out = 0

    def bind(self, setup: say.Setup) -> Any:
        rule = self._inner.bind(setup)
        review = rule.review

        def reviewed(job: say.JobView, view: say.View) -> say.Move | say.Stop | None:
            said = review(job, view)
            if isinstance(said, say.WakeAt):
                self.left_out += said.t_s > view.now_s + (rule.review_every_s or 0)
                return None
            return said

        rule.review, rule.steady = reviewed, False
        return rule


def rows(ledger: Ledger) -> dict[str, list[list[int]]]:
    return {name: table.rows().tolist() for name, table in ledger.tables.items()}


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_reviews_that_a_rule_leaves_out_would_have_changed_nothing(kind: str, data: Any) -> None:
    made, inner = data.draw(worlds()), PLACEMENTS[kind]
    asleep, awake = rules(inner, blocking="skipping"), rules(Sleepless(inner), blocking="skipping")
    assert rows(run(made, asleep)) == rows(run(made, awake))


STEADY = ["cheapest_feasible", "committed_first", "on_demand_only"]


@pytest.mark.parametrize("kind", STEADY)
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_a_no_that_stands_until_more_can_be_had_is_said_again_until_then(kind: str, data: Any) -> None:
    made, policy, inner = data.draw(worlds()), data.draw(policies()), PLACEMENTS[kind]
    asleep, awake = replace(policy, placement=inner), replace(policy, placement=Sleepless(inner))
    assert rows(run(made, asleep)) == rows(run(made, awake))


@pytest.mark.parametrize("blocking", ["skipping", "easy"])
@pytest.mark.parametrize("kind", STEADY)
def test_the_same_in_a_crowd(kind: str, blocking: str) -> None:
    """Shares and whole instances, due sooner or later, on a few machines and a market that comes and goes."""
    dice = np.random.default_rng(7)
    classes = [need(gpus, workload=f"class{gpus}", checkpoint=Checkpoint(20, restart_s=3)) for gpus in (0.4, 1, 1.6, 2)]
    for _ in range(12):
        arrival = np.sort(dice.integers(0, 400, 70)).tolist()
        jobs = [
            Job(at, int(dice.integers(5, 90)), classes[dice.integers(4)], at + int(dice.integers(60, 900)))
            for at in arrival
        ]
        there = steps(*((at, int(dice.integers(0, 4))) for at in range(0, 900, 60)))
        made = world(
            jobs, [own(gpus=2), spot(gpus=2, there=there, boot_s=4), market(gpus=2, boot_s=6, can_start=2)],
            orders=(Order("own", 2),), horizon_s=500, drain_s=5_000,
        )  # fmt: skip
        for queue in ("edf", "least_slack"):
            asleep = rules(PLACEMENTS[kind], queue=queue, blocking=blocking)
            awake = rules(Sleepless(PLACEMENTS[kind]), queue=queue, blocking=blocking)
            assert rows(run(made, asleep)) == rows(run(made, awake))


def test_a_start_may_bring_what_a_later_one_in_the_queue_was_refused_for() -> None:
    """On spot a launch of 40 s would make the long job late; the short one, first in the queue, launches for both."""
    made = world([Job(0, 100, deadline_s=150), Job(10, 10)], [spot(gpus=2, boot_s=40), market()])
    waits = PLACEMENTS["cheapest_feasible"]
    for inner in (waits, Sleepless(waits)):
        told = story(made, rules(inner, queue="sjf", blocking="skipping"))
        assert [(one.offer, one.start_s) for job in (0, 1) for one in told[job]] == [("spot", 10), ("spot", 10)]


def test_steady_rules_are_those_tested_here() -> None:
    made = world([Job(0, 5)], [market()])
    found = [kind for kind in KINDS if PLACEMENTS[kind].bind(make_setup(made)).steady]
    assert found == STEADY


@pytest.mark.parametrize("hysteresis", [True, False])
def test_uniform_progress_leaves_out_what_it_can_and_decides_alike(hysteresis: bool) -> None:
    """Sixty jobs with checkpoints, a spot market that comes and goes, launches that cost time."""
    jobs = [Job(13 * n, 200 + 37 * n % 300, checkpointed(20, restart_s=7), 13 * n + 900) for n in range(60)]
    there = steps(*((at, (at // 90 * 5) % 8) for at in range(0, 2000, 90)))
    made = world(jobs, [spot(there=there, boot_s=9), market(boot_s=9)], horizon_s=2 * HORIZON_S, drain_s=3000)
    inner = UniformProgress(decide_every="10 s", hysteresis=hysteresis)
    sleepless = Sleepless(inner)
    seldom, always = run(made, rules(inner, blocking="skipping")), run(made, rules(sleepless, blocking="skipping"))
    assert sleepless.left_out > 300
    assert rows(seldom) == rows(always)
