"""From the bill and back: sessions, prices, contracts; a run as a bill; a back-test whose parts add up."""

from __future__ import annotations

import csv
import io
import pathlib

import numpy as np
import pytest
import synthetic_bill
from synthetic_bill import Known

from marketsim import build, scenario, shipped
from marketsim.billing import focus_columns, focus_text, simulated
from marketsim.billing.backtest import backtest, taken_apart
from marketsim.billing.bill import Bill, Line
from marketsim.billing.scenario_of import scenario_of
from marketsim.billing.usage import offers_of, prices, sessions
from marketsim.cli.main import main
from marketsim.engine.run import run
from marketsim.importers import KINDS
from marketsim.ledger import ACCOUNT
from marketsim.metrics import books
from marketsim.metrics.measured import Measured
from marketsim.scenario import Scenario

HOUR = 3600


def line(hour: int, hours: float, usd: float = 2.0, **more: object) -> Line:
    """An hour's charge of one H100 machine of eight, partly used; `usd` an hour."""
    fields: dict[str, object] = {"category": "on_demand", "provider": "AWS", "instance": "p5.48xlarge", "gpu": "H100",
                                 "gpus": 8, "resource": "i-1", **more}  # fmt: skip
    micro = round(usd * hours * 1_000_000)
    return Line(hour * HOUR, (hour + 1) * HOUR, "1970-01", micro, micro, hours=hours, **fields)  # type: ignore[arg-type]


def test_hours_that_follow_each_other_are_one_session_and_a_part_ends_it() -> None:
    found = sessions("x", [line(0, 1), line(1, 1), line(2, 0.25), line(3, 1), line(5, 0.5)])
    assert [(one.from_s, one.to_s) for one in found] == [
        (0, 2 * HOUR + 900),
        (3 * HOUR, 4 * HOUR),
        (5 * HOUR, 5 * HOUR + 1800),
    ]


def test_hours_without_a_resource_are_laid_out_as_instances_at_once() -> None:
    found = sessions("x", [line(0, 2.5, resource=""), line(1, 2.0, resource="")])
    assert sorted(one.to_s - one.from_s for one in found) == [1800, 2 * HOUR, 2 * HOUR]


def test_a_price_is_dollars_over_hours_and_steps_only_where_it_changes() -> None:
    found = prices([line(0, 1, 2.0), line(0, 1, 4.0, resource="i-2"), line(1, 1, 3.0), line(2, 0.5, 5.0)])
    assert found == ((0, 3.0), (2 * HOUR, 5.0))


def test_a_commitment_has_the_instances_and_price_that_were_put_in(known: Known) -> None:
    committed = next(one for one in offers_of(known.bill) if one.category == "committed")
    assert committed.instances == synthetic_bill.RESERVED_INSTANCES
    assert committed.prices[0][1] == pytest.approx(12.5, rel=1e-9)
    assert committed.ends_s is None
    assert committed.upfront_share == 0.0


@pytest.fixture(scope="module")
def mine(known: Known, tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """The scenario of the bill."""
    folder = tmp_path_factory.mktemp("mine")
    made = scenario_of(known.bill, "mine", "mine")
    for name, text in made.files.items():
        (folder / name).write_text(text)
    return scenario.loads(made.text, folder)


def test_a_scenario_from_a_bill_back_tests_within_three_percent_a_month(known: Known, mine: Scenario) -> None:
    report = backtest(mine, known.bill, replications=1)
    assert [one.month for one in report.months] == ["2025-01", "2025-02"]
    for one in report.months:
        assert abs(one.error_share) < 0.03
        for was, now in one.by_category.values():
            assert abs(now - was) < 0.08 * was  # storage is charged by the day and not by the calendar month
        assert one.demand + one.prices + one.policy == pytest.approx(one.simulated - one.invoiced, abs=1)
    assert set(report.outside) == {"egress", "credit", "refund", "tax", "unmapped"}
    assert sum(report.outside.values()) + report.invoiced == known.bill.total()
    assert report.validation("x").verdict("x").startswith("validated to 0.")


def test_a_scenario_that_pays_other_prices_is_not_validated_and_says_why(known: Known, mine: Scenario) -> None:
    name = next(name for name in mine.supply if "p5" in name)
    dearer = mine.changed({f"supply.{name}.usd_per_gpu_hour": 6.88 * 1.25})
    report = backtest(dearer, known.bill, replications=1)
    month = report.months[0]
    paid = known.bill.by_month()["2025-01", "on_demand"]
    assert month.prices == pytest.approx(0.25 * paid, rel=1e-6)
    assert abs(month.demand) < 0.01 * paid
    kept = report.validation(mine.tested_digest)
    assert not kept.passed
    assert kept.verdict(dearer.tested_digest).startswith("not validated: ")
    assert kept.verdict(dearer.tested_digest).endswith("settings have changed since")


def test_the_fitted_workload_stands_beside_the_recorded_one(known: Known, mine: Scenario) -> None:
    if known.path.stem != "focus":
        pytest.skip("one layout is enough")
    report = backtest(mine, known.bill, replications=3)
    assert report.replications == 1  # nothing is drawn in a record
    assert [one.month for one in report.fitted] == ["2025-01", "2025-02"]
    total = sum(one.simulated for one in report.fitted)
    assert 0.5 < total / report.invoiced < 1.5
    assert all(one.p10 <= one.simulated <= one.p90 for one in report.fitted)


def test_a_difference_is_taken_apart_by_hand() -> None:
    real = [line(0, 10, 2.0), line(1, 10, 1.0, category="spot")]  # 160 GPU-hours, 30 USD
    now = [line(0, 5, 3.0), line(1, 20, 1.0, category="spot")]  # 200 GPU-hours, 35 USD
    demand, price, policy = taken_apart(real, now)
    assert demand == pytest.approx(40 * 30 / 160 * 1e6)
    assert price == pytest.approx(5 * 1.0 * 1e6)  # five hours a dollar dearer
    assert policy == pytest.approx((5 - 7.5 - 5) * 1e6)


@pytest.mark.parametrize("policy", ["cloud-only", "rent-and-burst", "build"])
def test_a_run_as_a_bill_adds_up_to_its_cost_and_its_cash_and_comes_back(policy: str, tmp_path: pathlib.Path) -> None:
    edits = ["horizon=2 months", "finance.credits=[{provider: AWS, usd: 20000, until: 12 months}]"]
    found = scenario.load(shipped.path("startup"), edits)
    world = build.build(found, 0)
    ledger = run(world, build.policy_of(found, policy))
    bill = simulated.bill_of(world, ledger, found.start)
    measured = Measured(world, ledger)
    assert bill.total("effective") == int(books.effective_cost(measured).sum())
    posted = measured.rows("posted")
    loans = (posted.debit == ACCOUNT["debt"]) | (posted.credit == ACCOUNT["debt"])
    assert bill.total("billed") == -int(books.cash_flow(measured, compute_only=True)[~loans].sum())
    path = tmp_path / "future.csv"
    path.write_text(focus_text.text(bill, "marketsim:startup"))
    again = KINDS["focus"].read(path).bill
    wanted = [(one.from_s, one.to_s, one.billed, one.effective, one.category, one.offer) for one in bill.lines]
    assert [(one.from_s, one.to_s, one.billed, one.effective, one.category, one.offer) for one in again.lines] == wanted


def test_an_export_has_every_mandatory_column_and_allowed_values() -> None:
    bill = Bill(
        (line(0, 1), line(1, 1, category="committed", commitment="c", status="fee"), line(2, 1, category="tax"))
    )
    rows = list(csv.DictReader(io.StringIO(focus_text.text(bill, "account"))))
    nullable = {"ChargeClass", "PricingQuantity", "PricingUnit", "BillingAccountName"}
    for row in rows:
        assert all(row[name] for name in focus_columns.MANDATORY if name not in nullable)
        assert set(row) - focus_columns.KNOWN == set(focus_columns.OWN)
    assert [row["ChargeCategory"] for row in rows] == ["Usage", "Purchase", "Tax"]
    assert len(focus_columns.MANDATORY) == 21
    assert len(focus_columns.FOCUS_1_2) == 57


def test_the_export_of_a_simulated_past_can_be_the_bill_of_the_next_back_test(
    mine: Scenario, known: Known, tmp_path: pathlib.Path
) -> None:
    world = build.build(mine, 0)
    bill = simulated.bill_of(world, run(world, build.policy_of(mine, "today")), mine.start)
    path = tmp_path / "f.csv"
    path.write_text(focus_text.text(bill, "a"))
    report = backtest(mine, KINDS["focus"].read(path).bill, replications=1)
    assert np.allclose([one.error_share for one in report.months], 0.0, atol=1e-9)
    assert known.bill.months[0] == report.months[0].month


def test_the_command_line_goes_from_a_bill_to_a_verdict_that_stays(
    tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pathlib.Path("bill.csv").write_text(synthetic_bill.written(synthetic_bill.made(rows=3_500, months=1), "focus"))
    assert main(["init", "mine.yaml", "--from-bill", "bill.csv"]) == 0
    assert "tax: 1,234.57 USD billed" in capfd.readouterr().err
    for _ in range(2):  # the verdict is replaced, not repeated
        assert main(["backtest", "mine.yaml", "--bill", "bill.csv", "-n", "1", "-q"]) == 0
    out = capfd.readouterr().out
    assert "Verdict: validated to 0." in out
    assert pathlib.Path("mine-backtest.png").read_bytes().startswith(b"\x89PNG")
    text = pathlib.Path("mine.yaml").read_text()
    assert text.count("\nvalidation:") == 1
    kept = scenario.load("mine.yaml")
    assert kept.verdict is not None
    assert kept.verdict.startswith("validated to 0.")
    assert kept.verdict.endswith("(bill.csv, 2025-01 to 2025-01)")
    assert kept.changed({"seed": 2}).verdict == f"{kept.verdict}; settings have changed since"
    assert main(["export", "mine.yaml", "--policy", "today", "--out", "future.csv", "-q"]) == 0
    assert main(["backtest", "mine.yaml", "--bill", "future.csv", "-n", "1", "--no-keep", "--json", "-q"]) == 0


def test_a_bill_of_another_time_is_refused(mine: Scenario, known: Known) -> None:
    from marketsim.errors import InputError

    with pytest.raises(InputError, match="no month in common"):
        backtest(mine.changed({"start": "2020-01-01T00:00:00Z"}), known.bill)
