"""Studies of fake tasks: what is kept, what is compared, what is refused, and that nothing hangs on how it was run."""

from __future__ import annotations

import hashlib
import json
import math
import os
import pathlib
import sqlite3
import sys

import numpy as np
import pytest

from marketsim.errors import InputError
from marketsim.experiment import compare, folder, runners, study
from marketsim.experiment.results import Results
from marketsim.experiment.statistics import interval
from marketsim.experiment.statistics.stopping import Until
from marketsim.experiment.store import FILE, Store, StoreError
from marketsim.experiment.task import Outcome, run_chunk

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import fake_tasks

os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(pathlib.Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
)

POLICIES = ("cheap", "dear", "same")
VERSIONS = {"marketsim": "1"}


def table(results: Results) -> str:
    return "".join(f"{name}\n{text}" for name, text in folder.tables(results).items())


@pytest.fixture(scope="module")
def undisturbed() -> Results:
    return study.run_task(fake_tasks.row, POLICIES, 30)


def test_each_cell_tells_mean_interval_and_range(undisturbed: Results) -> None:
    document = undisturbed.to_json()
    found = document["policies"]["cheap"]["total_cost_usd"]
    values = np.array([fake_tasks.row("cheap", r)["total_cost_usd"] for r in range(30)], float)
    half = 2.045229642132703 * values.std(ddof=1) / math.sqrt(30)
    assert found["mean"] == pytest.approx(values.mean())
    assert (found["low"], found["high"]) == pytest.approx((values.mean() - half, values.mean() + half))
    assert (found["p10"], found["p90"]) == pytest.approx(tuple(np.quantile(values, [0.1, 0.9])))
    assert found["n"] == 30
    assert document["policies"]["cheap"]["missed_deadline_share"] == {
        "mean": None, "low": None, "high": None, "p10": None, "p90": None, "n": 0,
    }  # fmt: skip
    assert document["policies"]["cheap"]["jobs"]["low"] == 7
    json.dumps(document, allow_nan=False)


def test_a_difference_under_the_same_throws_is_known_far_better_than_either_mean(undisturbed: Results) -> None:
    dear, same = undisturbed.differences(to="cheap")
    assert dear.told_apart is True
    assert dear.low is not None
    assert dear.high is not None
    assert dear.low < 10 < dear.high
    assert dear.kept_variance is not None
    assert dear.kept_variance < 0.05
    assert same.told_apart is False
    assert dear.share == pytest.approx(
        dear.value / np.mean(list(undisturbed.column("cheap", "total_cost_usd").values()))
    )


def test_the_best_is_shown_with_all_that_cannot_be_told_apart_from_it(undisturbed: Results) -> None:
    best = undisturbed.best()
    assert best.metric == "total_cost_usd"
    assert {frozenset(group) for group in best.groups} == {frozenset({"cheap", "same"}), frozenset({"dear"})}
    assert best.clear is False


def test_a_policy_above_its_cap_cannot_be_best() -> None:
    rows = {
        "risky": {r: {"total_cost_usd": 1.0 + r, "missed_deadline_share": 0.3} for r in range(12)},
        "safe": {r: {"total_cost_usd": 5.0 + r, "missed_deadline_share": 0.01} for r in range(12)},
    }
    results = Results("x", rows, objective=folder.Limits("total_cost_usd", {"missed_deadline_share": 0.02}))
    assert results.best().order == ("safe",)
    assert results.best().excluded == {"risky": "missed_deadline_share 0.3 is above 0.02"}
    nobody = Results("x", rows, objective=folder.Limits("total_cost_usd", {"missed_deadline_share": 0.001}))
    assert nobody.best().order == ()
    assert nobody.best().note == "no policy keeps within the limits"


def test_without_values_or_caps_the_frontier_is_shown_and_nothing_ranked() -> None:
    points = {"a": (1.0, 0.5), "b": (2.0, 0.1), "worse": (3.0, 0.1)}
    rows = {
        name: {r: {"total_cost_usd": cost, "missed_deadline_share": miss} for r in range(3)}
        for name, (cost, miss) in points.items()
    }
    best = Results("x", rows).best()
    assert best.metric is None
    assert best.frontier == ("a", "b")
    assert best.order == ()


def test_the_interval_of_a_share_stays_among_shares_and_that_of_money_does_not():
    rows = {"a": {r: {"unserved_share": r * 0.01, "total_cost_usd": 1.0 * r} for r in range(3)}}
    share, money = (Results("x", rows).cell("a", metric) for metric in ("unserved_share", "total_cost_usd"))
    assert money["low"] < 0
    assert (share["low"], round(share["high"] / 0.01, 6)) == (0.0, round(money["high"], 6))
    high = {"a": {r: {"utilization": 1 - r * 0.01} for r in range(3)}}
    assert Results("x", high).cell("a", "utilization")["high"] == 1.0


def test_half_of_the_interval_of_a_share_is_the_whole_error_of_its_mean():
    """0, 0 and 6 %: a mean of 2 % known within t(0.975, 2) x 2 %, though the interval is shown from 0."""
    rows = {"a": {r: {"unserved_share": share} for r, share in enumerate((0.0, 0.0, 0.06))}}
    found = Results("x", rows)
    assert found.cell("a", "unserved_share")["low"] == 0.0
    assert found.half("a", "unserved_share") == pytest.approx(4.302653 * 0.02)
    assert found.summary(["unserved_share"])["+- unserved_share"]["a"] == found.half("a", "unserved_share")


def test_a_difference_that_is_the_same_in_all_n_is_certain_and_none_is_none() -> None:
    columns = {
        "a": {r: 1.0 + r for r in range(5)},
        "b": {r: 2.0 + r for r in range(5)},
        "c": {r: 1.0 + r for r in range(5)},
    }
    b, c = compare.to_one("m", columns, "a")
    assert b.told_apart is True
    assert b.note == "identical in all 5"
    assert c.told_apart is False
    assert c.value == 0


def test_one_replication_allows_no_answer() -> None:
    (only,) = compare.to_one("m", {"a": {0: 1.0}, "b": {0: 2.0}}, "a")
    assert only.told_apart is None
    assert only.note == "needs n >= 2, has 1"


@pytest.mark.slow
def test_ten_equal_policies_have_a_winner_in_few_studies() -> None:
    """At most 29 of 400: 5 % and two standard errors. A winner is any policy called worse than the best."""
    dice = np.random.Generator(np.random.PCG64DXSM(5))
    winners = 0
    for _ in range(400):
        shared = dice.normal(0, 1, 20)
        columns = {f"p{i}": dict(enumerate(shared + dice.normal(0, 1, 20))) for i in range(10)}
        winners += any(one.told_apart for one in compare.rank("m", columns).differences)
    assert winners <= 29


def test_rows_do_not_depend_on_workers_or_chunks(undisturbed: Results) -> None:
    wanted = hashlib.sha256(table(undisturbed).encode()).hexdigest()
    for chunk in (1, 7, 50):
        found = study.run_task(fake_tasks.row, POLICIES, 30, chunk=chunk)
        assert hashlib.sha256(table(found).encode()).hexdigest() == wanted
    pool = runners.Processes(2)
    try:
        found = study.run_task(fake_tasks.row, POLICIES, 30, pool, chunk=7)
        adapted = study.run_task(fake_tasks.row, POLICIES, 30, pool)
    finally:
        pool.close()
    assert table(found) == table(adapted) == table(undisturbed)


def test_a_replication_alone_is_the_same_as_among_others() -> None:
    (alone,) = run_chunk(fake_tasks.row, [("dear", 17)])
    assert alone.row == fake_tasks.row("dear", 17)


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_failing_replication_is_named_and_the_others_finish(value: float | None) -> None:
    found = study.run_task(fake_tasks.Failing(3, value), POLICIES, 10, stamp={"seed": 42})
    assert found.exit_code == 1
    assert [(one.policy, one.replication) for one in found.failures] == [("dear", 3)]
    assert len(found.rows["cheap"]) == 10
    assert found.cell("dear", "total_cost_usd")["n"] == 9
    error = study.failure_of(found)
    assert error is not None
    assert "replication 3 of policy dear (seed 42) failed" in str(error)


def test_a_study_of_which_all_fails_still_tells_what_failed(tmp_path: pathlib.Path) -> None:
    def bad(policy: str, replication: int) -> dict[str, float | None]:
        raise RuntimeError("no")

    found = study.run_task(bad, ("a", "b"), 2)
    assert len(found.failures) == 4
    assert found.best().note == "no replication ran to its end"
    assert found.best().order == ()
    assert found.differences() == []
    with pytest.raises(InputError, match="no replication ran to its end: there is nothing to show"):
        found.of_those_that_ran()
    folder.write(found, tmp_path)
    back = folder.read(tmp_path)
    assert back.policies == ("a", "b")
    assert (back.exit_code, [one.error for one in back.failures]) == (1, [one.error for one in found.failures])


def test_a_policy_that_never_ran_is_in_no_ranking_and_in_no_picture() -> None:
    rows = {"a": {0: {"total_cost_usd": 1.0}, 1: {"total_cost_usd": 2.0}}, "b": {}}
    results = Results("x", rows, failures=(Outcome("b", 0, None, "no", 1), Outcome("b", 1, None, "no", 1)))
    assert results.best().order == ("a",)
    assert results.of_those_that_ran().policies == ("a",)
    undefined = Results(
        "x",
        {"a": {0: {"total_cost_usd": 1.0, "usd_per_useful_gpu_hour": None}}},
        objective=folder.Limits("usd_per_useful_gpu_hour", {}),
    )
    assert undefined.best().note == "usd_per_useful_gpu_hour is undefined under every policy"


def test_a_killed_worker_costs_nothing_but_time(tmp_path: pathlib.Path, undisturbed: Results) -> None:
    pool = runners.Processes(2)
    try:
        found = study.run_task(fake_tasks.Killed(str(tmp_path / "once")), POLICIES, 30, pool, chunk=3)
    finally:
        pool.close()
    assert (tmp_path / "once").exists()
    assert table(found) == table(undisturbed)


@pytest.mark.slow
def test_a_pair_that_always_kills_its_worker_is_named_and_the_others_finish() -> None:
    pool = runners.Processes(2)
    try:
        found = study.run_task(fake_tasks.Killed(), POLICIES, 8, pool, chunk=4)
    finally:
        pool.close()
    assert [(one.policy, one.replication) for one in found.failures] == [("dear", 5)]
    assert "worker died" in (found.failures[0].error or "")
    assert sum(len(rows) for rows in found.rows.values()) == 23


def test_workers_have_a_limit() -> None:
    with pytest.raises(InputError, match="got 10000"):
        runners.make(10_000)
    with pytest.raises(InputError, match="allowed"):
        study.Plan.of(0)


def test_replications_stop_where_the_mean_is_known_well_enough_however_the_work_is_cut() -> None:
    plan = study.Plan(200, Until(half_width_share=0.04), "total_cost_usd")
    seen: list[study.Progress] = []
    found = study.run_task(fake_tasks.row, POLICIES, plan, progress=seen.append)
    n = found.stamp["replications"]
    assert 10 < n < 100
    target = 0.04 / 1.04
    for policy in POLICIES:
        cell = found.cell(policy, "total_cost_usd")
        assert (cell["high"] - cell["low"]) / 2 <= target * cell["mean"]
    shorter = {p: [fake_tasks.row(p, r)["total_cost_usd"] for r in range(n - 1)] for p in POLICIES}
    assert not all(plan.until.reached(values) for values in shorter.values())  # type: ignore[union-attr, arg-type]
    assert study.run_task(fake_tasks.row, POLICIES, plan, chunk=50).stamp["replications"] == n
    assert seen[0].total == 30


def test_progress_tells_how_the_widest_interval_shrinks_to_its_target() -> None:
    plan = study.Plan(200, Until(half_width_share=0.04), "total_cost_usd")
    seen: list[study.Progress] = []
    found = study.run_task(fake_tasks.row, POLICIES, plan, progress=seen.append, chunk=3)
    told = [one for one in seen if one.half_width is not None and one.target is not None]
    assert {one.metric for one in told} == {"total_cost_usd"}
    at_ten, last = next(one for one in told if one.done == 30), told[-1]
    assert seen[-1] == last
    values = {p: np.array([fake_tasks.row(p, r)["total_cost_usd"] for r in range(10)], float) for p in POLICIES}
    widths = {p: interval.t_interval(values[p]).half_width or 0.0 for p in POLICIES}
    widest = max(POLICIES, key=lambda p: widths[p] / values[p].mean())
    assert at_ten.half_width == widths[widest]
    assert at_ten.target == pytest.approx(0.04 / 1.04 * values[widest].mean())
    assert at_ten.half_width > 1.8 * last.half_width  # type: ignore[operator]
    if last.done == 3 * found.stamp["replications"]:
        assert last.half_width <= last.target  # type: ignore[operator]
    fixed: list[study.Progress] = []
    study.run_task(fake_tasks.row, POLICIES, 3, progress=fixed.append)
    assert {(one.metric, one.half_width) for one in fixed} == {(None, None)}


def test_a_difference_is_known_well_enough_long_before_the_means_are() -> None:
    narrow = Until(half_width=0.6)
    apart = study.run_task(fake_tasks.row, POLICIES, study.Plan(2_000, narrow, "total_cost_usd", to="cheap"))
    means = study.run_task(fake_tasks.row, POLICIES, study.Plan(2_000, narrow, "total_cost_usd"))
    assert all(one.high - one.low <= 1.2 for one in apart.differences("total_cost_usd", to="cheap"))  # type: ignore[operator]
    assert 10 * apart.stamp["replications"] < means.stamp["replications"]
    with pytest.raises(InputError, match=r"no other policy is run beside it \(got chaep\)\. Did you mean cheap"):
        study.run_task(fake_tasks.row, POLICIES, study.Plan(50, narrow, "total_cost_usd", to="chaep"))


def test_a_metric_that_nobody_measures_is_not_waited_for() -> None:
    with pytest.raises(InputError, match="Did you mean total_cost_usd"):
        study.run_task(fake_tasks.row, POLICIES, study.Plan(50, Until(half_width_share=0.1), "total_cost"))


def test_progress_counts_up_to_all() -> None:
    seen: list[study.Progress] = []
    study.run_task(fake_tasks.row, POLICIES, 4, progress=seen.append, chunk=5)
    assert [one.done for one in seen] == [5, 10, 12]
    assert all(one.total == 12 for one in seen)


# ---------------------------------------------------------------------------------------------------- the store


def kept(path: pathlib.Path, n: int = 12, identity: str = "i") -> Results:
    with Store(path, identity, VERSIONS) as store:
        found = study.run_task(fake_tasks.row, POLICIES, n, store=store)
        store.settle()
    return found


def test_a_study_goes_on_where_it_stopped_and_ends_in_the_same_bytes(tmp_path: pathlib.Path) -> None:
    whole = kept(tmp_path / "a")
    asked: list[tuple[str, int]] = []

    def counting(policy: str, replication: int) -> dict[str, float | None]:
        asked.append((policy, replication))
        return fake_tasks.row(policy, replication)

    with Store(tmp_path / "b", "i", VERSIONS) as store:
        study.run_task(fake_tasks.row, POLICIES[:2], 5, store=store)
    with Store(tmp_path / "b", "i", VERSIONS) as store:
        rest = study.run_task(counting, POLICIES, 12, store=store)
        store.settle()
    assert len(asked) == 36 - 10
    assert table(rest) == table(whole)
    assert (tmp_path / "a" / FILE).read_bytes() == (tmp_path / "b" / FILE).read_bytes()
    assert kept(tmp_path / "b").rows == whole.rows


def test_an_interrupted_study_keeps_what_has_ended(tmp_path: pathlib.Path) -> None:
    def stopping(policy: str, replication: int) -> dict[str, float | None]:
        if replication == 7:
            raise KeyboardInterrupt
        return fake_tasks.row(policy, replication)

    with pytest.raises(KeyboardInterrupt), Store(tmp_path, "i", VERSIONS) as store:
        study.run_task(stopping, POLICIES, 12, store=store, chunk=1)
    with Store(tmp_path, "i", VERSIONS) as store:
        assert sum(len(rows) for rows in store.rows().values()) == 21


def test_another_studys_folder_is_refused_and_untouched(tmp_path: pathlib.Path) -> None:
    kept(tmp_path)
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(InputError, match="holds run i, this is run other"):
        Store(tmp_path, "other", VERSIONS)
    assert (tmp_path / FILE).read_bytes() == before


def test_other_versions_are_refused_unless_forced_and_both_are_named(tmp_path: pathlib.Path) -> None:
    kept(tmp_path)
    with pytest.raises(InputError, match="written by marketsim 1, this is marketsim 2"):
        Store(tmp_path, "i", {"marketsim": "2"})
    with Store(tmp_path, "i", {"marketsim": "2"}, force=True) as store:
        assert len(store.rows()["cheap"]) == 12
        assert store.lasting == ["some rows were written by marketsim 1"]


def test_a_second_writer_is_told_who_holds_the_folder(tmp_path: pathlib.Path) -> None:
    with Store(tmp_path, "i", VERSIONS), pytest.raises(InputError, match=rf"in use by pid {os.getpid()} since 20"):
        Store(tmp_path, "i", VERSIONS)
    Store(tmp_path, "i", VERSIONS).close()
    assert (tmp_path / ".lock").read_bytes() == b""


def test_a_fresh_study_drops_what_was_there(tmp_path: pathlib.Path) -> None:
    kept(tmp_path)
    with Store(tmp_path, "other", VERSIONS, fresh=True) as store:
        assert store.rows() == {}


def test_a_damaged_row_is_left_out_and_run_again(tmp_path: pathlib.Path) -> None:
    whole = kept(tmp_path)
    base = sqlite3.connect(tmp_path / FILE)
    base.execute("UPDATE rows SET metrics = replace(metrics, '7.0', '8.0') WHERE policy = 'dear' AND replication = 4")
    base.execute("UPDATE rows SET replication = 99 WHERE policy = 'cheap' AND replication = 0")
    base.commit()
    base.close()
    with Store(tmp_path, "i", VERSIONS) as store:
        rows = store.rows()
        assert store.warnings == [f"2 rows of {FILE} were damaged; they are run again"]
    assert 4 not in rows["dear"]
    assert 99 not in rows["cheap"]
    assert kept(tmp_path).rows == whole.rows


def test_a_damaged_row_that_is_no_text_any_more_is_run_again(tmp_path: pathlib.Path) -> None:
    whole = kept(tmp_path)
    sound = (tmp_path / FILE).read_bytes()
    at = sound.index(b'"jobs":7.0')
    (tmp_path / FILE).write_bytes(sound[:at] + b"\xff" + sound[at + 1 :])
    with Store(tmp_path, "i", VERSIONS) as store:
        assert sum(map(len, store.rows().values())) == 35
        assert store.warnings == [f"1 rows of {FILE} were damaged; they are run again"]
    assert kept(tmp_path).rows == whole.rows
    assert (tmp_path / FILE).read_bytes() == sound


@pytest.mark.parametrize("seed", range(2))
def test_a_flipped_bit_anywhere_in_the_store_is_never_silently_used(tmp_path: pathlib.Path, seed: int) -> None:
    whole = kept(tmp_path / "good")
    sound = (tmp_path / "good" / FILE).read_bytes()
    dice = np.random.Generator(np.random.PCG64DXSM(seed))
    for turn in range(50):
        where = tmp_path / str(turn)
        where.mkdir()
        data = bytearray(sound)
        data[int(dice.integers(len(data)))] ^= 1 << int(dice.integers(8))
        (where / FILE).write_bytes(bytes(data))
        try:
            found = kept(where)
        except (InputError, StoreError):
            continue
        assert found.rows == whole.rows


def test_a_store_cut_short_anywhere_is_run_again(tmp_path: pathlib.Path) -> None:
    whole = kept(tmp_path / "good")
    sound = (tmp_path / "good" / FILE).read_bytes()
    for turn, size in enumerate(range(0, len(sound), 1499)):
        where = tmp_path / str(turn)
        where.mkdir()
        (where / FILE).write_bytes(sound[:size])
        assert kept(where).rows == whole.rows


def test_a_failed_pair_leaves_no_row_and_is_tried_again(tmp_path: pathlib.Path) -> None:
    with Store(tmp_path, "i", VERSIONS) as store:
        assert study.run_task(fake_tasks.Failing(3), POLICIES, 6, store=store).exit_code == 1
    with Store(tmp_path, "i", VERSIONS) as store:
        assert 3 not in store.rows()["dear"]
        assert study.run_task(fake_tasks.row, POLICIES, 6, store=store).exit_code == 0


# --------------------------------------------------------------------------------------------------- the folder


def test_a_folder_reads_back_bit_for_bit_and_a_changed_file_is_refused(
    tmp_path: pathlib.Path, undisturbed: Results
) -> None:
    names = folder.write(undisturbed, tmp_path, {"scenario.yaml": "name: x\n"})
    assert names[-1] == folder.STAMP
    back = folder.read(tmp_path)
    assert back.rows == {policy: dict(rows) for policy, rows in undisturbed.rows.items()}
    assert back.to_json()["policies"] == undisturbed.to_json()["policies"]
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    folder.write(undisturbed, tmp_path, {"scenario.yaml": "name: x\n"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    for name in ("summary.csv", "replications.csv", "scenario.yaml"):
        changed = bytearray(before[name])
        changed[len(changed) // 2] ^= 1
        (tmp_path / name).write_bytes(bytes(changed))
        with pytest.raises(InputError, match="not the one that was written"):
            folder.read(tmp_path)
        (tmp_path / name).write_bytes(before[name])
    (tmp_path / "differences.csv").unlink()
    with pytest.raises(InputError, match="missing"):
        folder.read(tmp_path)


def test_no_cell_is_a_formula_and_numbers_read_back() -> None:
    text = folder.csv_text(["=name"], [["@x"], [-1.5], [0.1 + 0.2], [None]])
    assert text == "'=name\n'@x\n-1.5\n0.30000000000000004\n\"\"\n"


def test_a_folder_of_something_else_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="something else"):
        folder.own(tmp_path)
    folder.own(tmp_path / "new")
    with pytest.raises(InputError, match=r"stamp\.json is missing"):
        folder.read(tmp_path)


def test_a_full_disk_is_one_line_and_leaves_no_half_file(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    results = Results("x", {"a": {0: {"total_cost_usd": 1.0}}})
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        folder.write(results, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_outcomes_of_users_errors_exit_2_and_of_others_1() -> None:
    def bad(policy: str, replication: int) -> dict[str, float | None]:
        raise InputError("policy x asks for the impossible")

    assert study.run_task(bad, ("a",), 2).exit_code == 2
    mixed = Results("x", {"a": {}}, failures=(Outcome("a", 0, None, "x", 2), Outcome("a", 1, None, "y", 1)))
    assert mixed.exit_code == 1
