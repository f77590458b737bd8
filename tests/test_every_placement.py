"""What every placement rule must keep: it uses what it may, starts nothing impossible, and never looks ahead."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path as FilePath

import pytest
from small_worlds import Job, Plan, checkpointed, market, need, own, rules, spells, spot, steps, world

from marketsim.demand.job import NEVER, Service
from marketsim.engine.run import run
from marketsim.engine.setup import make_setup
from marketsim.path import Path
from marketsim.policies import policy as say
from marketsim.policies.placement import KINDS
from marketsim.settings import Kind
from marketsim.world import Clock, Order

sys.path.append(str(FilePath(__file__).parent / "laws"))
from random_worlds import PLACEMENTS

ALL = pytest.mark.parametrize("name", sorted(KINDS))
WORK = checkpointed(0)
JOBS = [Job(at_s, 30, WORK, at_s + 400) for at_s in (0, 5, 60, 61, 200)]


def everything(jobs=JOBS, **more):
    """Our own machine, spot that goes and comes, and on demand with a limit."""
    offers = [own(), spot(there=steps((0, 2), (40, 0), (90, 1), (220, 0), (400, 2))), market(can_start=2)]
    return world(jobs, offers, orders=(Order("own", 1),), horizon_s=600, **more)


@ALL
def test_the_settings_are_frozen_documented_and_named_as_in_the_table(name):
    kind = KINDS[name]
    assert issubclass(kind, Kind)
    assert kind().kind == name
    assert kind.__doc__
    undocumented = [key for key, field in kind.model_fields.items() if key != "kind" and not field.description]
    assert not undocumented
    with pytest.raises(ValueError, match=r"[Ff]rozen"):
        kind().kind = "another"


@ALL
def test_an_unknown_key_is_refused(name):
    with pytest.raises(ValueError, match=r"[Ee]xtra"):
        KINDS[name].model_validate({"kind": name, "colour": "red"})


@ALL
@pytest.mark.filterwarnings("error")
def test_the_settings_are_written_out_and_read_back_without_a_word(name):
    made = KINDS[name]()
    assert KINDS[name].model_validate(made.model_dump(mode="json")) == made
    assert KINDS[name].model_validate_json(made.model_dump_json()) == made


@pytest.mark.filterwarnings("error")
def test_a_word_that_stands_for_a_duration_is_written_as_it_is():
    patient = KINDS["spot_greedy"].model_validate({"wait_before_fallback": "never"})
    assert patient.model_dump(mode="json")["wait_before_fallback"] == "never"


@ALL
@pytest.mark.parametrize("blocking", ["strict", "skipping", "easy"])
def test_a_market_with_all_of_it_is_worked_off_without_a_refusal(name, blocking):
    ledger = run(everything(), rules(PLACEMENTS[name], blocking=blocking))
    found = spells(everything(), ledger)
    if name != "spot_only":
        assert len(found) == len(JOBS)
    assert all(one[-1].cause == "finished" for one in found.values())


@ALL
def test_the_same_market_gives_the_same_answer_twice(name):
    ledgers = [run(everything(), rules(PLACEMENTS[name], blocking="skipping")) for _ in range(2)]
    for table in ("started", "stopped", "launched", "posted"):
        assert ledgers[0].tables[table].cells == ledgers[1].tables[table].cells


@ALL
def test_a_job_that_nothing_can_hold_waits_to_the_end_and_harms_nobody(name):
    jobs = [Job(0, 10, need(3)), *JOBS]
    ledger = run(everything(jobs), rules(PLACEMENTS[name], blocking="skipping"))
    assert 0 not in ledger.started.column("job").tolist()
    assert len(set(ledger.started.column("job").tolist())) >= (0 if name == "spot_only" else len(JOBS))


@ALL
def test_no_rule_starts_where_the_market_lets_nobody_start(name):
    shut = world(JOBS, [spot(there=0), market(can_start=0), own()], horizon_s=600, drain_s=100)
    assert len(run(shut, rules(PLACEMENTS[name], blocking="skipping")).started) == 0


@ALL
def test_a_share_and_a_gang_are_placed_whole(name):
    offers = [market(gpus=2, gang=2), spot(gpus=2, gang=2)]
    jobs = [Job(0, 50, need(0.5), 900), Job(0, 50, need(2, 2), 900)]
    ledger = run(world(jobs, offers, horizon_s=600), rules(PLACEMENTS[name], blocking="skipping"))
    assert sorted(set(ledger.started.column("job").tolist())) == [0, 1]
    assert set(ledger.gangs.column("job").tolist()) == {1}


@ALL
def test_prices_and_stock_of_tomorrow_change_nothing_today(name):
    """Two futures that part at 300: not a row before that differs."""

    def made(late_usd: float, late: int):
        offers = [
            spot(there=steps((0, 1), (50, 0), (120, 1), (300, late)), usd_per_hour=steps((0, 1.0), (300, late_usd))),
            market(can_start=steps((0, 1), (300, late)), usd_per_hour=steps((0, 3.6), (300, 2 * late_usd))),
        ]
        return world(JOBS, offers, horizon_s=600)

    ledgers = [run(made(*future), rules(PLACEMENTS[name], blocking="skipping")) for future in ((0.2, 0), (9.0, 3))]
    for table in ("started", "stopped", "launched", "released"):
        before = [[row for row in one.tables[table].rows().tolist() if row[0] < 300] for one in ledgers]
        assert before[0] == before[1], table


@ALL
def test_the_work_that_a_job_really_has_is_not_seen(name):
    made = everything()
    work = made.jobs.work.copy()
    work[3] *= 4
    other = replace(made, jobs=replace(made.jobs, work=work))
    ledgers = [run(one, rules(PLACEMENTS[name], blocking="skipping")) for one in (made, other)]
    ends = [row[0] for row in ledgers[0].stopped.rows().tolist() if row[1] == 3 and row[3] == 0]
    shows = min(ends, default=10**9)
    before = [[row for row in one.started.rows().tolist() if row[0] < shows] for one in ledgers]
    assert before[0] == before[1]


@ALL
def test_it_sizes_services_with_what_it_may_use(name):
    chat = Service("chat", Path.constant(8.0), need(workload="chat"), {"GPU": 10.0})
    made = replace(everything([]), services=(chat,))
    ledger = run(made, rules(PLACEMENTS[name]))
    wanted, served = (int(ledger.served.column(f"{one}_milli").sum()) for one in ("wanted", "served"))
    assert wanted == 8_000 * 600
    assert 0 < served <= wanted


@ALL
def test_a_bound_rule_keeps_nothing_from_another_run(name):
    """Bound twice, and run in a world between: the second answer is that of a fresh rule."""
    settings = PLACEMENTS[name]
    setup = make_setup(everything())
    assert settings.bind(setup) is not settings.bind(setup)
    fresh = run(everything(), rules(settings, blocking="skipping")).started.cells
    run(everything([Job(0, 500, WORK, NEVER)]), rules(settings, blocking="skipping"))
    assert run(everything(), rules(settings, blocking="skipping")).started.cells == fresh


@ALL
def test_a_purchase_beside_it_is_no_harm(name):
    plan = Plan({100: [say.WakeAt(150)]})
    ledger = run(everything(), rules(PLACEMENTS[name], blocking="skipping", procurement=plan))
    plain = run(everything(), rules(PLACEMENTS[name], blocking="skipping"))
    assert ledger.started.cells == plain.started.cells


@ALL
def test_on_a_grid_it_decides_at_its_points_and_nowhere_else(name):
    made = everything(clock=Clock(20, finish_on_grid=True))
    ledger = run(made, rules(PLACEMENTS[name], blocking="skipping"))
    assert all(t_s % 20 == 0 for t_s in ledger.started.column("t_s").tolist())
    done = ledger.stopped.rows()
    assert all(t_s % 20 == 0 for t_s in done[done[:, 3] == 0][:, 0].tolist())


@ALL
def test_a_job_that_comes_in_after_its_deadline_is_run_all_the_same(name):
    """Its predecessor ends at 50, it was due at 40."""
    made = everything([Job(0, 50, WORK, 300), Job(0, 10, WORK, 40, after=(0,))])
    found = spells(made, run(made, rules(PLACEMENTS[name], blocking="skipping")))
    assert found[1][-1].cause == "finished"
