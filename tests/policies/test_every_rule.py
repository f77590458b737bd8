"""The contract of every rule of every table: it runs, does the same twice, and knows no more than it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from marketsim.engine.run import run
from marketsim.experiment import trial
from marketsim.experiment.trial_world import trial_world
from marketsim.ledger import CAUSE, TABLES
from marketsim.policies import placement, queueing
from marketsim.policies.policy import Policy, Setup, Start, View
from marketsim.world import World

# asked once a slot, as uniform_progress is, which stands for them in the quick suite
SLOW = {"spot_only", "greedy", "greedy_safe", "time_sliced", "multi_zone_progress"}


@pytest.fixture(scope="module")
def world() -> World:
    return trial_world(2, days=1)


def policy(queue: str = "edf", place: str = "committed_first") -> Policy:
    return Policy(f"{queue} {place}", queueing.KINDS[queue](), placement.KINDS[place]())


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in placement.KINDS]
)
def test_a_placement_rule_passes_what_a_users_own_policy_has_to(world: World, name: str) -> None:
    verdict = trial.tried(policy(place=name), [world])
    assert verdict.findings == ()
    assert verdict.decisions > 50
    assert verdict.let_off == ()


@pytest.mark.parametrize("name", list(queueing.KINDS))
def test_a_queue_rule_passes_too_and_only_clairvoyant_ones_are_let_off(world: World, name: str) -> None:
    verdict = trial.tried(policy(name), [world])
    assert verdict.findings == ()
    assert bool(verdict.let_off) == name.startswith("clairvoyant_")


@pytest.mark.parametrize("name", [name for name in placement.KINDS if name not in SLOW])
def test_reasons_change_nothing_and_are_sentences(world: World, name: str) -> None:
    from dataclasses import replace

    from marketsim.experiment.watched import watched

    told: list[str] = []

    def around(part: str, method: str, function: Any, arguments: tuple[Any, ...]) -> Any:
        said = function(*arguments)
        if isinstance(said, Start):
            told.append(str(said.reason))
        return said

    plain = run(world, policy(place=name))
    explained = run(world, watched(policy(place=name), around, lambda setup: replace(setup, explain=True)))
    for table in TABLES:
        if table != "decided":
            assert plain.tables[table].cells == explained.tables[table].cells
    assert not len(plain.decided)
    if name != "as_recorded":
        assert len(explained.decided) >= len(told) > 0
        assert "None" not in told
        assert all(" " in text and "{" not in text for text in told)


class Honest:
    """Starts whatever fits, in order."""

    name = "honest"

    def decide(self, view: View) -> Iterator[Start]:
        for job in view.waiting():
            for offer in self.offers:
                if view.can_start(job, offer):
                    yield Start(job.id, offer)
                    return

    offers = ("spot-a", "spot-b", "cloud")


class Peeks(Honest):
    """Lets jobs wait whose true work is long."""

    def bind(self, setup: Setup) -> Peeks:
        return self

    def decide(self, view: Any) -> Iterator[Start]:
        work = view._engine.world.jobs.work
        for job in view.waiting():
            if view.can_start(job, "cloud") and work[job.id] < 1.2 * job.estimate:
                yield Start(job.id, "cloud")
                return


class Foresees(Honest):
    """Waits while the price is going to fall."""

    def decide(self, view: Any) -> Iterator[Start]:
        price = view._engine.world.offers[2].price
        for job in view.waiting():
            if view.can_start(job, "spot-a") and price.at(view.now_s + 20_000) >= price.at(view.now_s):
                yield Start(job.id, "spot-a")
                return


class Opens(Honest):
    def bind(self, setup: Setup) -> Opens:
        self.first = setup.future.jobs.arrival_s[0]
        return self


class Touches(Honest):
    def decide(self, view: View) -> Iterator[Start]:
        for job in view.waiting():
            job.deadline_s += 1
        yield from super().decide(view)


class Corrects(Honest):
    """Doubles an estimate, as the engine does when a job has run past it."""

    def decide(self, view: View) -> Iterator[Start]:
        for job in view.running():
            job.estimate *= 2
        yield from super().decide(view)


class Remembers(Honest):
    runs = 0

    def bind(self, setup: Setup) -> Remembers:
        type(self).runs += 1
        self.offers = ("cloud",) if self.runs % 2 else ("spot-a", "spot-b")
        return self


class Impossible(Honest):
    def decide(self, view: View) -> Iterator[Start]:
        for job in view.waiting():
            yield Start(job.id, "rent" if job.need.instances > 1 else "cloud")


class Restless(Honest):
    """Sends a job to and fro within one second."""

    def decide(self, view: View) -> Any:
        from marketsim.policies.policy import Stop

        yield from super().decide(view)
        for job in view.running():
            yield Stop(job.id)


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        (Peeks, "truth"),
        (Foresees, "future"),
        (Opens, "future"),
        (Touches, "touches"),
        (Corrects, "touches"),
        (Remembers, "same"),
        (Impossible, "runs"),
        (Restless, "runs"),
    ],
)
def test_a_policy_that_breaks_a_rule_is_found_out(world: World, kind: type[Honest], rule: str) -> None:
    verdict = trial.tried(kind(), [world])
    assert rule in [one.rule for one in verdict.findings], verdict


def test_an_honest_policy_is_found_honest_and_one_that_says_it_knows_is_let_off(world: World) -> None:
    assert trial.tried(Honest(), [world]).good
    knowing = Peeks()
    knowing.name = "clairvoyant_mine"
    verdict = trial.tried(knowing, [world])
    assert verdict.good
    assert verdict.let_off == ("future", "truth")


def test_the_trial_world_has_everything_happen(world: World) -> None:
    ledger = run(world, policy(place="spot_greedy"))
    causes = set(ledger.stopped.column("cause").tolist())
    assert {CAUSE["finished"], CAUSE["reclaimed"]} <= causes
    assert len(ledger.gangs)
    assert len(ledger.scaled) > 3
