"""Bills: every dollar of both layouts in its category, what a line is about, and nothing lost between lines."""

from __future__ import annotations

import csv
import io
import pathlib
from decimal import Decimal

import pytest
import synthetic_bill
from synthetic_bill import Known

from marketsim.billing import recognise
from marketsim.billing.bill import Bill, Line, Rounder, exact_usd, month_parts
from marketsim.importers import KINDS, detect
from marketsim.units import MICRO


@pytest.mark.parametrize("which", ["billed", "effective"])
def test_every_dollar_of_a_bill_is_in_its_month_and_category(known: Known, which: str) -> None:
    truth, got = known.made.truth(which), known.bill.by_month(which)
    assert set(got) == set(truth)
    for key, usd in truth.items():
        assert abs(got[key] - usd * MICRO) <= 2, key  # a line is within a micro-dollar, and so is a run of them
    assert abs(known.bill.total(which) - known.made.total(which) * MICRO) <= Decimal("0.5")


def test_what_cannot_be_mapped_is_listed_with_its_dollars(known: Known) -> None:
    groups = known.bill.unmapped()
    assert {group.what for group in groups} == {kind for _, kind, _ in synthetic_bill.UNMAPPED}
    assert sum(group.billed for group in groups) == known.bill.by_category()["unmapped"]
    assert all(group.reason for group in groups)
    told = "\n".join(known.bill.summary())
    assert "unmapped: " in told
    assert "AmazonAthena: no GPU, storage or data taken out" in told


def test_a_bill_in_either_layout_is_known_by_its_columns(known: Known) -> None:
    assert detect.bill_layout_of(known.path) == known.path.stem
    assert detect.read_bill(known.path).bill.total() == known.bill.total()


def test_a_reservation_is_used_by_lines_and_paid_by_fees(known: Known) -> None:
    lines = [line for line in known.bill.lines if line.category == "committed"]
    fees = [line for line in lines if line.status == "fee"]
    assert {line.gpu for line in lines} == {"A100-40GB"}  # a fee takes the machine of the use it covers
    assert sum(line.billed for line in lines if line.status == "used") == 0
    hours = sum((line.to_s - line.from_s) // 3600 for line in fees)
    assert sum(line.billed for line in fees) == hours * 2 * 12_500_000


@pytest.mark.parametrize(("layout", "column"), [("focus", "PricingQuantity"), ("aws_cur", "lineItem/UsageAmount")])
def test_dollars_of_a_machine_without_hours_are_listed_and_not_dropped(
    layout: str, column: str, tmp_path: pathlib.Path
) -> None:
    text = synthetic_bill.written(synthetic_bill.made(rows=1_700, months=1), layout)
    rows = list(csv.reader(io.StringIO(text)))
    row = next(row for row in rows if "i-00000001" in row)
    row[rows[0].index(column)] = ""
    with (tmp_path / "bill.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    usd = round(float(row[rows[0].index("BilledCost" if layout == "focus" else "lineItem/UnblendedCost")]) * 1e6)
    found = [line for line in KINDS[layout].read(tmp_path / "bill.csv").bill.lines if "no quantity" in line.reason]
    assert [(line.category, line.billed) for line in found] == [("unmapped", usd)]


def test_the_same_bill_as_parquet_has_the_same_lines(tmp_path: pathlib.Path) -> None:
    arrow_csv = pytest.importorskip("pyarrow.csv")
    parquet = pytest.importorskip("pyarrow.parquet")
    import pyarrow

    made = synthetic_bill.made(rows=5_000, months=1)
    path = tmp_path / "bill.csv"
    path.write_text(synthetic_bill.written(made, "focus"))
    texts = dict.fromkeys(synthetic_bill.FOCUS, pyarrow.string())
    table = arrow_csv.read_csv(path, convert_options=arrow_csv.ConvertOptions(column_types=texts))
    parquet.write_table(table, tmp_path / "bill.parquet")
    one, two = (KINDS["focus"].read(tmp_path / name).bill for name in ("bill.csv", "bill.parquet"))
    assert one.lines == two.lines


def test_amounts_of_ten_digits_lose_nothing_between_the_lines() -> None:
    rounder = Rounder()
    parts = [rounder.micro(Decimal("0.0000003333")) for _ in range(30_000)]
    assert sum(parts) == 9_999  # 0.009999 USD
    assert set(parts) == {0, 1}
    whole = Rounder()
    assert [whole.micro(Decimal(text)) for text in ("1.000001", "-0.25", "0")] == [1_000_001, -250_000, 0]


@pytest.mark.parametrize(
    ("texts", "instance", "gpu", "gpus"),
    [
        (("USE1-BoxUsage:p5.48xlarge",), "p5.48xlarge", "H100", 8),
        (("", "ml.g5.12xlarge"), "g5.12xlarge", "A10G", 4),
        (("Standard_ND96isr_H100_v5",), "ND96isr_H100_v5", "H100", 8),
        (("a3-highgpu-8g",), "a3-highgpu-8g", "H100", 8),
        (("Nvidia H100 80GB GPU attached to Spot Preemptible VMs",), "H100", "H100", 1),
        (("Nvidia Tesla A100 GPU running in Americas",), "A100-40GB", "A100-40GB", 1),
    ],
)
def test_machines_are_known_by_type_sku_or_description(
    texts: tuple[str, ...], instance: str, gpu: str, gpus: int
) -> None:
    assert recognise.machine(*texts) == recognise.Machine(instance, gpu, gpus)


def test_a_gpu_machine_that_is_not_known_is_told_and_no_cpu_is_taken_for_one() -> None:
    assert isinstance(recognise.machine("BoxUsage:p9.48xlarge"), recognise.Unknown)
    assert recognise.machine("BoxUsage:m5.large") is None
    assert recognise.machine("Nothing of the kind") is None


def test_units_of_time_become_instance_hours() -> None:
    assert recognise.unit_hours("Hrs") == (1.0, False)
    assert recognise.unit_hours("GPU-Seconds") == (1 / 3600, True)
    assert recognise.unit_hours("GB-Mo") is None


def test_a_span_is_cut_at_the_ends_of_months() -> None:
    january, february, march = 1_735_689_600, 1_738_368_000, 1_740_787_200
    assert month_parts(january, march + 5) == [(january, february), (february, march), (march, march + 5)]
    assert month_parts(5, 5) == [(5, 5)]


def test_text_of_a_bill_runs_in_no_spreadsheet() -> None:
    bill = Bill((Line(0, 3600, "1970-01", -5, 0, "credit", service="=1+1"),))
    assert "'=1+1" in bill.text()
    assert exact_usd(-5) in bill.text()


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["focus", "aws_cur"])
def test_a_bill_of_fifty_thousand_lines_adds_up(layout: str, tmp_path: pathlib.Path) -> None:
    made = synthetic_bill.made()
    assert len(made.charges) > 49_000
    path = tmp_path / "bill.csv"
    path.write_text(synthetic_bill.written(made, layout))
    bill = KINDS[layout].read(path).bill
    for which in ("billed", "effective"):
        assert abs(bill.total(which) - made.total(which) * MICRO) <= Decimal("0.5")
        got = bill.by_month(which)
        assert all(abs(got[key] - usd * MICRO) <= 2 for key, usd in made.truth(which).items())
