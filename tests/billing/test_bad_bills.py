"""What is wrong with a bill is told in one clear line, with exit code 2, and nothing is written."""

from __future__ import annotations

import gzip
import pathlib
import re
from collections.abc import Callable

import pytest
import synthetic_bill

from marketsim.cli.main import main
from marketsim.importers import bill_table


def text() -> str:
    return synthetic_bill.written(synthetic_bill.made(rows=2_400, months=1), "focus")


def _cell(row: int, name: str, value: str) -> Callable[[str], str]:
    """The bill with one cell changed; row 1 is the first below the header."""

    def change(bill: str) -> str:
        import csv
        import io

        rows = list(csv.reader(io.StringIO(bill)))
        rows[row][rows[0].index(name)] = value
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        return out.getvalue()

    return change


def _twice(bill: str) -> str:
    """The first line of an instance, once more."""
    lines = bill.splitlines(keepends=True)
    return bill + next(line for line in lines if ",i-0000" in line)


def _of_an_instance(name: str, value: str) -> Callable[[str], str]:
    """The first hour of an instance with one cell changed."""

    def change(bill: str) -> str:
        place = next(row for row, line in enumerate(bill.splitlines()) if ",i-0000" in line)
        return _cell(place, name, value)(bill)

    return change


def _exported(name: str, value: str) -> Callable[[str], str]:
    """The bill as if this package had exported it, one of its own columns with something else in every row."""
    own = {"x_MarketsimCategory": "on_demand", "x_GpusPerInstance": "8", "x_InstanceHours": "1.0", name: value}

    def change(bill: str) -> str:
        header, *rows = bill.splitlines()
        return "\n".join([",".join([header, *own]), *(",".join([row, *own.values()]) for row in rows[:2])]) + "\n"

    return change


BAD: dict[str, tuple[Callable[[str], str], str]] = {
    "two currencies": (_cell(5, "BillingCurrency", "EUR"), "BillingCurrency: a bill is in one currency.*EUR, USD"),
    "another currency": (lambda bill: bill.replace(",USD,", ",EUR,"), "only bills in USD are read.*EUR"),
    "one instance twice": (_twice, "overlapping periods: i-.* is charged twice"),
    "overlapping billing periods": (
        _cell(3, "BillingPeriodStart", "2025-01-15T00:00:00Z"),
        "overlapping billing periods of one account",
    ),
    "a renamed column": (
        lambda bill: bill.replace("BilledCost", "BillCost", 1),
        "column BilledCost is missing.*Did you mean BillCost",
    ),
    "a strange column": (lambda bill: bill.replace("SkuMeter", "SkuMetre", 1), "SkuMetre is not of FOCUS.*SkuMeter"),
    "cut off in a row": (lambda bill: bill[: len(bill) // 2], "fields, the header has .* cut off|not closed"),
    "a formula": (_cell(4, "ChargeDescription", '=HYPERLINK("http://x")'), "ChargeDescription: holds a formula"),
    "a formula for a number": (_cell(4, "BilledCost", "=1+1"), "BilledCost: holds a formula"),
    "no amount": (_cell(4, "BilledCost", ""), "BilledCost: the cell is empty"),
    "not finite": (_cell(4, "EffectiveCost", "NaN"), "EffectiveCost: the amount is not finite"),
    "no time zone": (_cell(4, "ChargePeriodStart", "2025-01-01T00:00:00"), "ChargePeriodStart: .*offset"),
    "time backwards": (_cell(4, "ChargePeriodEnd", "2024-01-01T00:00:00Z"), "is not after ChargePeriodStart"),
    "an unknown charge": (_cell(4, "ChargeCategory", "Fine"), "ChargeCategory: is none of Usage"),
    "an amount beyond any number": (_cell(4, "BilledCost", "1e400"), "BilledCost: the amount is beyond any bill"),
    "a word for an amount that is not used": (_cell(4, "ListCost", "abc"), "ListCost: is not an amount"),
    "a mark of thousands": (_cell(4, "BilledCost", "1,234.50"), "BilledCost: .*no mark of thousands"),
    "a digit mark of a program": (_cell(4, "BilledCost", "1_000"), "BilledCost: is not an amount"),
    "digits of another script": (_cell(4, "BilledCost", "\uff15"), "BilledCost: is not an amount"),
    "a line end in an amount": (_cell(4, "BilledCost", "1\n2"), r"BilledCost: is not an amount .*got 1\\n2"),
    "a date as spreadsheets write it": (_cell(4, "ChargePeriodStart", "01/31/2025"), "ChargePeriodStart: .*YYYY-MM-DD"),
    "a year that stands for unknown": (
        _cell(4, "ChargePeriodEnd", "9999-12-31T23:59:59Z"),
        "before 1970 or after 2100",
    ),
    "a billing period backwards": (
        _cell(4, "BillingPeriodEnd", "2024-12-01T00:00:00Z"),
        "BillingPeriodEnd: is not after BillingPeriodStart",
    ),
    "dollars given back for use": (
        _of_an_instance("BilledCost", "-5"),
        "hours of .* cannot cost this: a credit or correction is marked as one",
    ),
    "use of a year before": (
        _of_an_instance("ChargePeriodStart", "2024-01-01T00:00:00Z"),
        "ChargePeriodStart: use lies more than 31 days outside its billing period",
    ),
    "hours and dollars of other signs": (_of_an_instance("PricingQuantity", "-1"), "-1 hours of .* cannot cost this"),
    "the header twice": (lambda bill: bill + bill.split("\n")[0] + "\n", "the header stands here again"),
    "no header": (lambda bill: bill.split("\n", 1)[1], "no header of a bill|columns of no bill"),
    "a column twice": (lambda bill: bill.replace("BillingAccountName", "BillingAccountId", 1), "duplicate column"),
    "a semicolon": (lambda bill: bill.replace(",", ";"), "separator is a semicolon|columns of no bill"),
    "JSON by the name of CSV": (lambda _: '[{"BilledCost": 1,\n"EffectiveCost": 1}]\n', "the file is JSON|of no bill"),
    "nothing below the header": (lambda bill: bill.split("\n")[0] + "\n", "no lines below the header"),
    "another table": (lambda _: "a,b\n1,2\n", "has the columns of no bill"),
    "an empty file": (lambda _: "", "has the columns of no bill"),
    "GPUs that are no number in an export": (
        _exported("x_GpusPerInstance", "True"),
        "x_GpusPerInstance: is not a whole",
    ),
    "hours without end in an export": (_exported("x_InstanceHours", "inf"), "x_InstanceHours: .*not finite"),
    "a NUL byte": (lambda bill: bill[:9_000] + "\0" + bill[9_000:], "NUL byte"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_bill_is_one_line_and_nothing_is_written(
    what: str, tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    change, wanted = BAD[what]
    path = tmp_path / "bill.csv"
    path.write_text(change(text()))
    code = main(["init", str(tmp_path / "mine.yaml"), "--from-bill", str(path)])
    errors = capfd.readouterr().err.strip().splitlines()
    assert code == 2
    assert len(errors) == 1
    assert re.search(wanted, errors[0]), errors
    assert [entry.name for entry in tmp_path.iterdir()] == ["bill.csv"]


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (lambda bill: bill.encode("utf-16"), "is text in UTF-16; save it as UTF-8"),
        (lambda bill: bill.encode("utf-16-be"), "is text in UTF-16"),
        (lambda bill: b"PK\x03\x04" + bill.encode(), "is a zip archive or a workbook"),
        (lambda bill: gzip.compress(gzip.compress(bill.encode())), "is packed twice"),
        (lambda bill: b"\x1f\x8b" + bill.encode(), "cannot be read"),
        (lambda bill: bill.encode() + b"\xe9", "not text in UTF-8"),
    ],
)
def test_what_is_no_text_is_told_by_what_it_is(
    content: Callable[[str], bytes], wanted: str, tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bill.csv").write_bytes(content(text()))
    assert main(["import", "focus", str(tmp_path / "bill.csv"), "--out", str(tmp_path / "out.csv")]) == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert wanted in line
    assert not (tmp_path / "out.csv").exists()


def test_a_mark_of_byte_order_and_ends_of_lines_change_nothing(
    tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told = []
    for change in (str, lambda bill: "\ufeff" + bill.replace("\n", "\r\n"), lambda bill: "\n" + bill):
        (tmp_path / "bill.csv").write_bytes(change(text()).encode())
        assert main(["import", "auto", str(tmp_path / "bill.csv")]) == 0
        told.append(capfd.readouterr())
    assert told[0] == told[1] == told[2]


def test_a_folder_is_no_bill(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "mine.yaml"), "--from-bill", str(tmp_path)]) == 2
    assert "a directory, where a file is wanted" in capfd.readouterr().err


def test_currencies_are_told_with_the_line_of_the_first_that_differs(
    tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bill.csv").write_text(_cell(5, "BillingCurrency", "EUR")(text()))
    assert main(["import", "focus", str(tmp_path / "bill.csv")]) == 2
    assert "bill.csv:6: BillingCurrency" in capfd.readouterr().err


def test_a_truncated_gz_is_one_line(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bill.csv.gz"
    path.write_bytes(gzip.compress(text().encode())[:-2_000])
    assert main(["import", "focus", str(path)]) == 2
    errors = capfd.readouterr().err.strip().splitlines()
    assert len(errors) == 1
    assert "cannot be read" in errors[0]


def test_a_parquet_bomb_is_refused_before_it_unpacks(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    many = arrow.table({"BilledCost": arrow.array([0.0]).take(arrow.array([0] * 6_000_000))})
    parquet.write_table(many, tmp_path / "many.parquet", compression="zstd")
    long = arrow.DictionaryArray.from_arrays(arrow.array([0] * 1_000_000), arrow.array(["x" * 1_000_000]))
    parquet.write_table(arrow.table({"BilledCost": long}), tmp_path / "long.parquet", compression="zstd")
    for name, wanted in (
        ("many", "would unpack to more than is read .got 6,000,000 rows"),
        ("long", "a cell is longer than is read"),
    ):
        path = tmp_path / f"{name}.parquet"
        assert path.stat().st_size < 2_000_000
        assert main(["import", "focus", str(path), "--out", str(tmp_path / "out.csv")]) == 2
        errors = capfd.readouterr().err.strip().splitlines()
        assert len(errors) == 1
        assert re.search(wanted, errors[0])
    assert not (tmp_path / "out.csv").exists()


def test_many_columns_and_long_nested_cells_are_bombs_too(
    tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits are made smaller here, so that a bomb need not be built."""
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(bill_table, "MOST_CELLS", 40_000)
    monkeypatch.setattr(bill_table, "MOST_BYTES", 8 * 2**20)
    monkeypatch.setattr(bill_table, "_AT_ONCE", 2**20)
    zeros = arrow.array([0]).take(arrow.array([0] * 1_000))
    parquet.write_table(arrow.table({f"x_{number}": zeros for number in range(50)}), tmp_path / "wide.parquet")
    nested = arrow.ListArray.from_arrays(arrow.array(range(101), arrow.int32()), arrow.array(["x" * 200_000] * 100))
    parquet.write_table(arrow.table({"Tags": nested}), tmp_path / "nested.parquet", compression="zstd")
    assert (tmp_path / "nested.parquet").stat().st_size < 100_000
    for name, wanted in (("wide", "50,000 cells"), ("nested", "more than 8 MB of cells")):
        assert main(["import", "focus", str(tmp_path / f"{name}.parquet")]) == 2
        (line,) = capfd.readouterr().err.strip().splitlines()
        assert f"would unpack to more than is read (got {wanted})" in line


def test_a_truncated_parquet_is_one_line(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table({"BilledCost": ["1"] * 1000}), tmp_path / "whole.parquet")
    content = (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "bill.parquet").write_bytes(content[: len(content) // 2])
    assert main(["import", "focus", str(tmp_path / "bill.parquet")]) == 2
    errors = capfd.readouterr().err.strip().splitlines()
    assert len(errors) == 1
    assert "cut off" in errors[0]


def test_a_file_that_is_there_is_left_as_it_is(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bill.csv").write_text(text())
    (tmp_path / "mine-usage.csv").write_text("mine\n")
    assert main(["init", str(tmp_path / "mine.yaml"), "--from-bill", str(tmp_path / "bill.csv")]) == 2
    assert "is there already" in capfd.readouterr().err
    assert (tmp_path / "mine-usage.csv").read_text() == "mine\n"
    assert not (tmp_path / "mine.yaml").exists()


def test_two_bills_of_one_month_overlap(tmp_path: pathlib.Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text(text())
    words = ["--from-bill", str(tmp_path / "one.csv"), "--from-bill", str(tmp_path / "two.csv")]
    assert main(["init", str(tmp_path / "mine.yaml"), *words]) == 2
    assert "overlapping periods: two of the bills are of 2025-01" in capfd.readouterr().err
