"""Until when a rule says that a running job need not be reviewed, a review would change nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_worlds import HORIZON_S, PLACEMENTS, worlds
from small_worlds import Job, checkpointed, market, rules, spot, steps, world

from marketsim.demand.job import elastic
from marketsim.engine.run import run
from marketsim.ledger import Ledger
from marketsim.policies import placement
from marketsim.policies import policy as say
from marketsim.policies.placement.uniform_progress import UniformProgress

KINDS = sorted(PLACEMENTS)


class Sleepless:
    """Settings of another rule, at work as it is, save that it is reviewed at every period."""

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

        rule.review = reviewed
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


@pytest.mark.parametrize("hysteresis", [True, False])
@pytest.mark.parametrize("others", [(), (2,)])
def test_uniform_progress_leaves_out_what_it_can_and_decides_alike(hysteresis: bool, others: tuple[int, ...]) -> None:
    """Sixty jobs with checkpoints, a spot market that comes and goes, launches that cost time; some run faster."""
    one = checkpointed(20, restart_s=7)
    one = elastic(one, [replace(one, milli=1000 * gpus) for gpus in others], sigma=0.1)
    jobs = [Job(13 * n, 200 + 37 * n % 300, one, 13 * n + 900) for n in range(60)]
    there = steps(*((at, (at // 90 * 5) % 8) for at in range(0, 2000, 90)))
    gpus = max(others, default=1)
    made = world(
        jobs,
        [spot(there=there, boot_s=9, gpus=gpus), market(boot_s=9, gpus=gpus)],
        horizon_s=2 * HORIZON_S,
        drain_s=3000,
    )
    inner = UniformProgress(decide_every="10 s", hysteresis=hysteresis)
    sleepless = Sleepless(inner)
    seldom, always = run(made, rules(inner, blocking="skipping")), run(made, rules(sleepless, blocking="skipping"))
    assert sleepless.left_out > 300
    assert rows(seldom) == rows(always)
