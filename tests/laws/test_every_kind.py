"""The laws on scenarios as users write them, through every kind of every family: read, built, run, measured."""

from __future__ import annotations

import json
import pathlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from own_dice import no_other_dice_and_no_clock
from random_scenarios import ALWAYS, EXAMPLES, MOST, Asking, data_of, kinds_in, scenario_of, written
from test_laws import CHECKS, held_needs, of_jobs, rows

from marketsim import build, families, scenario
from marketsim.engine.run import run
from marketsim.experiment.bound.market import Served, lower_bound
from marketsim.ledger import ACCOUNT, Ledger
from marketsim.metrics import attribution, books, cost
from marketsim.metrics.measure import measure
from marketsim.metrics.measured import Measured
from marketsim.scenario import Scenario
from marketsim.world import World

ALL = range(MOST)
MANY = range(MOST, 25 * MOST)
TOLD = ("started", "stopped", "launched", "released", "scaled", "signed", "adopted")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The data files that scenarios name."""
    return written(tmp_path_factory.mktemp("data"))


def made(number: int, folder: pathlib.Path, replication: int = 0) -> tuple[Scenario, World, Ledger]:
    """A scenario, its world, and the run of its policy."""
    found = scenario_of(number, folder)
    world = build.build(found, replication)
    return found, world, run(world, build.policy_of(found, "p"))


# ------------------------------------------------------------------------------------------- every kind is there


def test_the_scenarios_go_through_every_kind_of_every_family() -> None:
    for family, kinds in EXAMPLES.items():
        assert set(kinds) == set(families.kinds(family)), family
    for family, names in ALWAYS.items():
        assert set(names) == set(families.kinds(family)), family
    assert set(EXAMPLES) | set(ALWAYS) == set(families.FAMILIES) - {"metrics", "charts", "importers"}
    named: set[str] = set()
    for number in ALL:
        kinds_in(data_of(number), named)
    assert named >= {name for kinds in EXAMPLES.values() for name in kinds} | set(sum(ALWAYS.values(), ()))


# ------------------------------------------------------------------------------------------------------- one run's laws


def check_sums(world: World, ledger: Ledger) -> None:
    """The cost by offer is the cost by month, by account, and by job, service and overhead: one total, to the cent."""
    measured = Measured(world, ledger)
    total = int(books.effective_cost(measured).sum())
    parts = attribution.attribute(measured)
    assert int(parts.jobs.sum()) + int(parts.services.sum()) + parts.overhead == total
    for split in (cost.by_account, cost.by_month):
        assert sum(split(measured).values()) == pytest.approx(total / 1e6, abs=1e-5), split.__name__
    by_offer = sum(cost.by_offer(measured).values())
    assert by_offer == pytest.approx(sum(cost.by_offer_kind(measured).values()), abs=1e-5)
    assert measure(world, ledger)["total_cost_usd"] == pytest.approx(total / 1e6, abs=1e-6)


def check_busy(world: World, ledger: Ledger) -> None:
    """GPU-seconds held of instances are those of the attempts: GPUs times the seconds from start to stop."""
    measured = Measured(world, ledger)
    size = len(world.jobs)
    tries, holdings = of_jobs(measured.attempts, size), measured.holdings
    mine = (holdings.attempt >= 0) & (holdings.job < size) & (holdings.job >= 0)
    by_holding = np.bincount(holdings.job[mine], (holdings.milli * (holdings.to_s - holdings.from_s))[mine], size)
    wanted = np.zeros(size)
    for job, need, seconds in zip(tries.job, held_needs(world, tries), tries.stop_s - tries.start_s, strict=True):
        wanted[job] += need.gang_milli * seconds
    assert np.allclose(by_holding, wanted, rtol=1e-9)


def check_no_negative(world: World, ledger: Ledger) -> None:
    """No stock falls below nothing: what is prepaid, servers' value, what is owed."""
    posted = ledger.posted
    order = np.argsort(posted.column("t_s"), kind="stable")
    stood_before = any(order.age_s for order in world.orders)  # what was owned at second 0 is not posted
    for account in ("prepaid", "payable") if stood_before else ("prepaid", "payable", "servers"):
        into = (posted.column("debit") == ACCOUNT[account]).astype(np.int64)
        out = (posted.column("credit") == ACCOUNT[account]).astype(np.int64)
        amount = np.maximum(posted.column("billed"), posted.column("effective"))
        level = np.cumsum(((into - out) * amount)[order])
        signed = -level if account == "payable" else level
        last = np.append(np.diff(posted.column("t_s")[order]) != 0, True) if len(level) else level.astype(bool)
        assert (signed[last] >= -len(level)).all(), account
    for offer in world.offers:
        assert offer.price is None or (offer.price.values > 0).all()
        assert (offer.launchable.values >= 0).all()
        assert (offer.keepable.values >= 0).all()


LAWS = [*CHECKS, check_sums, check_busy, check_no_negative]


def check_scenario(number: int, folder: pathlib.Path, replication: int = 0) -> None:
    """Every law of a single run."""
    _, world, ledger = made(number, folder, replication)
    for check in LAWS:
        check(world, ledger)


@pytest.mark.parametrize("number", ALL)
def test_a_scenario_of_every_kind_keeps_every_law(number: int, folder: pathlib.Path) -> None:
    check_scenario(number, folder)


@pytest.mark.slow
@pytest.mark.parametrize("number", MANY)
def test_many_scenarios_keep_every_law(number: int, folder: pathlib.Path) -> None:
    check_scenario(number, folder, number % 3)


@pytest.mark.parametrize("number", ALL[::5])
def test_more_quota_asked_for_again_and_again_breaks_no_law(number: int, folder: pathlib.Path) -> None:
    found = scenario_of(number, folder)
    world = build.build(found)
    policy = build.policy_of(found, "p")
    asking = replace(policy, procurement=Asking(policy.procurement, "cloud", 2 + number, 20_000))
    ledger = run(world, asking)
    for check in LAWS:
        check(world, ledger)


# ---------------------------------------------------------------------------------------------------------- the bound


def check_bound(number: int, folder: pathlib.Path) -> None:
    """No run is cheaper than the programme that knows all, with and without what it left undone."""
    _, world, ledger = made(number, folder)
    found = measure(world, ledger)
    same = lower_bound(world, served=Served.of(world, ledger))
    assert found["total_with_penalties_usd"] >= lower_bound(world).value_usd - 1e-4
    assert found["total_cost_usd"] >= same.value_usd - 1e-4
    assert same.value_usd > 0


@pytest.mark.parametrize("number", [4, 8])
def test_no_policy_is_cheaper_than_the_bound(number: int, folder: pathlib.Path) -> None:
    check_bound(number, folder)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(12, 240, 4))  # a number that four divides adopts no lever
def test_no_policy_is_cheaper_than_the_bound_in_many_scenarios(number: int, folder: pathlib.Path) -> None:
    check_bound(number, folder)


# ---------------------------------------------------------------------------------------- what changes nothing


@pytest.mark.parametrize("number", ALL[::4])
def test_the_order_of_keys_in_the_file_means_nothing(number: int, folder: pathlib.Path) -> None:
    """Of offers and workloads the order breaks ties, by number; every other order is the writer's."""
    data = data_of(number)

    def turned(value: Any, keep: bool = False) -> Any:
        if isinstance(value, dict):
            keys = list(value) if keep else list(reversed(value))
            return {key: turned(value[key], keep=key in ("demand", "supply")) for key in keys}
        return [turned(one) for one in value] if isinstance(value, list) else value

    one, other = (scenario.loads(json.dumps(given), folder) for given in (data, turned(data)))
    assert one == other
    assert one.digest == other.digest
    worlds = [build.build(given) for given in (one, other)]
    assert worlds[0].exogenous_hash == worlds[1].exogenous_hash
    ledgers = [run(world, build.policy_of(given, "p")) for world, given in zip(worlds, (one, other), strict=True)]
    assert rows(ledgers[0]) == rows(ledgers[1])


@pytest.mark.parametrize("number", ALL[1::4])
def test_a_scenario_survives_the_way_to_text_and_back(number: int, folder: pathlib.Path) -> None:
    found = scenario_of(number, folder)
    again = scenario.loads(scenario.dump(found), folder)
    assert again == found
    assert again.digest == found.digest
    assert build.build(again).exogenous_hash == build.build(found).exogenous_hash


UNITS = {" d": (86_400, " s"), " h": (60, " min")}


@pytest.mark.parametrize("number", ALL[2::4])
def test_other_units_of_time_are_the_same_scenario(number: int, folder: pathlib.Path) -> None:
    def converted(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: converted(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [converted(inner) for inner in value]
        for unit, (factor, to) in UNITS.items():
            if isinstance(value, str) and value.endswith(unit) and value[: -len(unit)].isdigit():
                return f"{int(value[: -len(unit)]) * factor}{to}"
        return value

    data = data_of(number)
    one, other = (scenario.loads(json.dumps(given), folder) for given in (data, converted(data)))
    assert json.dumps(data) != json.dumps(converted(data))
    assert one == other
    assert one.digest == other.digest


@pytest.mark.parametrize("number", ALL[::3])
def test_a_workload_an_offer_and_a_lever_more_change_no_other_draw(number: int, folder: pathlib.Path) -> None:
    data = data_of(number)
    plain = build.build(scenario.loads(json.dumps(data), folder))
    data["supply"] = {"more": {**data["supply"]["spot"]}, **data["supply"]}
    data["demand"] = {"more": {**data["demand"]["train"]}, **data["demand"]}
    data["levers"] = {"more": {"kind": "quantization", "target": "chat", "bits": 8, "method": "ptq"}, **data["levers"]}
    other = build.build(scenario.loads(json.dumps(data), folder))
    for offer in plain.offers:
        twin = other.offers[other.offer_index[offer.id]]
        assert (twin.price, twin.launchable, twin.keepable) == (offer.price, offer.launchable, offer.keepable)
    for workload in {need.workload for need in plain.jobs.needs}:
        assert _column(plain, workload) == _column(other, workload)


def _column(world: World, workload: str) -> list[list[int]]:
    jobs = world.jobs
    mine = np.isin(jobs.need, [number for number, need in enumerate(jobs.needs) if need.workload == workload])
    return [column[mine].tolist() for column in (jobs.arrival_s, jobs.work, jobs.estimate, jobs.deadline_s)]


# ------------------------------------------------------------------------------------------------ dice and clock


@pytest.mark.parametrize("number", ALL[::4])
def test_building_running_and_measuring_ask_no_global_dice_and_no_clock(number: int, folder: pathlib.Path) -> None:
    found = scenario_of(number, folder)
    with no_other_dice_and_no_clock():
        world = build.build(found)
        measure(world, run(world, build.policy_of(found, "p")))


@pytest.mark.parametrize("number", ALL[2::5])
def test_each_replication_is_itself_whatever_was_built_before(number: int, folder: pathlib.Path) -> None:
    found = scenario_of(number, folder)
    alone = rows(run(build.build(found, 2), build.policy_of(found, "p")))
    for replication in (1, 0, 2):
        ledger = run(build.build(found, replication), build.policy_of(found, "p"))
    assert rows(ledger) == alone


@pytest.mark.parametrize("number", ALL[1::5])
def test_a_shorter_drain_is_the_same_story_up_to_its_end(number: int, folder: pathlib.Path) -> None:
    """Splitting a run at a time: what happened until then is the same, however long it goes on afterwards."""
    found = scenario_of(number, folder)
    ledgers = []
    for drain in ("2 d", "9 d"):
        longer = found.changed({"ends.drain": drain})
        ledgers.append(run(build.build(longer), build.policy_of(longer, "p")))
    until_s = min(ledger.end_s for ledger in ledgers)
    for name in TOLD:
        one, other = ([row for row in ledger.tables[name].rows().tolist() if row[0] < until_s] for ledger in ledgers)
        assert one == other, name


@pytest.mark.parametrize("number", [1, 4])
def test_no_figure_that_is_written_is_endless(number: int, folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """JSON and CSV hold numbers, text and nothing; what is not defined is empty."""
    from marketsim.experiment.study import run_study

    found = scenario_of(number, folder)
    results = run_study(found, replications=2, workers=1, out=tmp_path / "out")
    assert not results.failures

    def never(name: str) -> Any:
        raise AssertionError(name)

    json.loads(json.dumps(results.to_json(), allow_nan=False), parse_constant=never)
    tables = list((tmp_path / "out").glob("*.csv"))
    assert {table.name for table in tables} >= {"summary.csv", "replications.csv", "differences.csv"}
    for table in tables:
        cells = {cell.lower() for line in table.read_text().splitlines() for cell in line.split(",")}
        assert not cells & {"nan", "inf", "-inf", "infinity", "none", "null"}, table.name
