"""The AWS report's savings plans and upfront fees, FOCUS lines of other clouds, and pods out of Prometheus."""

from __future__ import annotations

import json
import pathlib

import pytest

from marketsim.billing.usage import offers_of
from marketsim.errors import InputError
from marketsim.importers import KINDS
from marketsim.importers.aws_cur import column_name

CUR = (
    "bill_payer_account_id,bill_billing_period_start_date,bill_billing_period_end_date,line_item_line_item_type,"
    "line_item_usage_start_date,line_item_usage_end_date,line_item_usage_amount,line_item_currency_code,"
    "line_item_unblended_cost,line_item_usage_type,line_item_product_code,line_item_resource_id,product_instance_type,"
    "pricing_unit,savings_plan_savings_plan_arn,savings_plan_savings_plan_effective_cost,"
    "savings_plan_total_commitment_to_date,savings_plan_used_commitment,reservation_reservation_arn\n"
)


def cur(kind: str, hour: int, usd: float, usage_type: str = "BoxUsage:p5.48xlarge", **more: object) -> str:
    resource, instance = more.get("resource", "i-1"), more.get("instance", "p5.48xlarge")
    sp, used, total, of = (more.get(name, "") for name in ("plan", "effective", "total", "spent"))
    when = f"2025-01-01T{hour:02d}:00:00Z,2025-01-01T{hour + 1:02d}:00:00Z"
    return (f"1,2025-01-01T00:00:00Z,2025-02-01T00:00:00Z,{kind},{when},1,USD,{usd},{usage_type},AmazonEC2,{resource},"
            f"{instance},Hrs,{sp},{used},{total},{of},{more.get('reservation', '')}\n")  # fmt: skip


def test_a_savings_plan_is_billed_by_its_fee_and_used_by_what_it_covers(tmp_path: pathlib.Path) -> None:
    plan = {"plan": "arn:plan"}
    rows = [
        cur("SavingsPlanCoveredUsage", 0, 55.0, effective=30.0, **plan),
        cur("SavingsPlanNegation", 0, -55.0, resource="", **plan),
        cur("SavingsPlanRecurringFee", 0, 35.0, "ComputeSP:1yrNoUpfront", resource="", instance="", total=35.0,
            spent=30.0, **plan),
        cur("Usage", 0, 55.0, resource="i-2"),
    ]  # fmt: skip
    path = tmp_path / "cur.csv"
    path.write_text(CUR + "".join(rows))
    bill = KINDS["aws_cur"].read(path).bill
    assert bill.by_category() == {"on_demand": 55_000_000, "committed": 35_000_000}
    assert bill.by_category("effective") == {"on_demand": 55_000_000, "committed": 35_000_000}
    committed = next(one for one in offers_of(bill) if one.category == "committed")
    assert (committed.gpu, committed.gpus, committed.instances) == ("H100", 8, 1)


def test_an_upfront_fee_is_billed_once_and_spread_by_its_use(tmp_path: pathlib.Path) -> None:
    fee = cur("Fee", 0, 1000.0, "HeavyUsage:p5.48xlarge", resource="", instance="", reservation="arn:ri")
    other = cur("Fee", 1, 9.0, "Registrar", resource="", instance="")
    path = tmp_path / "cur.csv"
    path.write_text(CUR + fee + other + cur("Usage", 2, 1.0, "DataTransfer-Out-Bytes", resource="", instance=""))
    bill = KINDS["aws_cur"].read(path).bill
    assert bill.by_category() == {"egress": 1_000_000, "unmapped": 1_009_000_000}
    reasons = {group.reason: group.billed for group in bill.unmapped()}
    assert reasons == {
        "a commitment that covered no GPU in this bill": 1_000_000_000,
        "a line of type Fee": 9_000_000,
    }
    assert bill.total("effective") == 10_000_000


def test_a_plan_that_covers_no_gpu_is_told_with_its_dollars(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "cur.csv"
    path.write_text(CUR + cur("SavingsPlanCoveredUsage", 0, 5.0, "BoxUsage:m5.large", instance="m5.large", plan="p",
                              effective=4.0) + cur("Usage", 1, 2.0))  # fmt: skip
    bill = KINDS["aws_cur"].read(path).bill
    assert bill.by_category() == {"on_demand": 2_000_000, "unmapped": 5_000_000}


def test_both_spellings_of_the_report_are_one() -> None:
    assert column_name("lineItem/UsageStartDate") == column_name("line_item_usage_start_date")
    assert column_name("savingsPlan/SavingsPlanARN") == column_name("savings_plan_savings_plan_arn")
    assert column_name("bill/PayerAccountId") == "bill_payer_account_id"


def focus(tmp_path: pathlib.Path, **cells: str) -> pathlib.Path:
    row = {
        "BilledCost": "4", "BillingAccountId": "a", "BillingCurrency": "USD", "ChargeCategory": "Usage",
        "BillingPeriodStart": "2025-01-01T00:00:00Z", "BillingPeriodEnd": "2025-02-01T00:00:00Z",
        "ChargePeriodStart": "2025-01-01T00:00:00Z", "ChargePeriodEnd": "2025-01-02T00:00:00Z",
        "EffectiveCost": "4", "PricingCategory": "Standard",
        "PricingQuantity": "48", "PricingUnit": "hour", "ProviderName": "Google Cloud", "ServiceName": "Compute Engine",
        **cells,
    }  # fmt: skip
    path = tmp_path / "focus.csv"
    path.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    return path


def test_gpus_sold_by_themselves_are_machines_of_one(tmp_path: pathlib.Path) -> None:
    what = "Nvidia L4 GPU attached to Spot Preemptible VMs running in Iowa"
    (line,) = KINDS["focus"].read(focus(tmp_path, SkuMeter=what, PricingCategory="Dynamic")).bill.lines
    assert (line.category, line.gpu, line.gpus, line.hours, line.provider) == ("spot", "L4", 1, 48.0, "GCP")


def test_gpu_hours_of_a_machine_of_eight_are_an_eighth_in_instance_hours(tmp_path: pathlib.Path) -> None:
    path = focus(tmp_path, ResourceType="Standard_ND96isr_H100_v5", PricingUnit="GPU Hours", ProviderName="Microsoft")
    (line,) = KINDS["focus"].read(path).bill.lines
    assert (line.hours, line.gpus, line.provider) == (6.0, 8, "Azure")


def test_a_gpu_in_a_unit_that_is_no_time_keeps_its_dollars(tmp_path: pathlib.Path) -> None:
    (line,) = KINDS["focus"].read(focus(tmp_path, SkuMeter="a3-highgpu-8g", PricingUnit="Requests")).bill.lines
    assert (line.category, line.billed) == ("unmapped", 4_000_000)
    assert "in a unit that is no time: Requests" in line.reason


# ---------------------------------------------------------------------------------------------------- pods


def prometheus(values: list[list[object]], status: str = "success", pod: str = "train-0") -> str:
    result = [{"metric": {"namespace": "asr", "pod": pod}, "values": values}]
    return json.dumps({"status": status, "data": {"resultType": "matrix", "result": result}})


def test_a_pod_runs_from_its_first_sample_to_a_step_after_its_last(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "range.json"
    at = [1_735_776_000 + 300 * step for step in (0, 1, 2, 7, 8)]
    path.write_text(prometheus([[at[0], "8"], [at[1], "8"], [at[2], "8"], [at[3], "8"], [at[4], "4"]]))
    trace = KINDS["kubernetes"].read(path).trace
    assert trace.submit_s.tolist() == [0, 2100, 2400]
    assert trace.duration_s.tolist() == [900, 300, 300]
    assert (trace.milli * trace.instances).tolist() == [8000, 8000, 4000]
    assert trace.job == ("asr/train-0", "asr/train-0#2", "asr/train-0#3")
    assert set(trace.tenant) == {"asr"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"status": "success", "data"', "cut off"),
        (prometheus([[1, "8"]], status="error"), "no answer of a range query"),
        ('{"status": "success"}', "no answer of a range query"),
        (prometheus([[1_735_776_000, "0"]]), "no pod held a GPU"),
    ],
)
def test_what_is_no_answer_of_prometheus_is_told(text: str, wanted: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "range.json"
    path.write_text(text)
    with pytest.raises(InputError, match=wanted):
        KINDS["kubernetes"].read(path)
