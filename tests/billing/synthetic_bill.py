"""A bill whose truth is known: six months of instances, a reservation, storage, tax, credits, refunds and strangers.

`written` gives the same charges as FOCUS 1.2 or as the AWS Cost and Usage Report; the truth is what was put in, in
exact decimals by month and category.
"""

from __future__ import annotations

import csv
import io
import pathlib
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from marketsim.billing.bill import Bill

START = datetime(2025, 1, 1, tzinfo=UTC)
REGION = "us-east-1"
ON_DEMAND, RESERVED = Decimal("55.04"), Decimal("12.5")  # USD per instance-hour of p5.48xlarge and of p4d.24xlarge
RESERVED_INSTANCES = 2
ARN = "arn:aws:ec2:us-east-1:1:reserved-instances/a-b"
UNMAPPED = (("AmazonAthena", "USE1-DataScannedInTB", Decimal("3.1415926535")),
            ("AWSSupportBusiness", "Dollar", Decimal("100.005")),
            ("AmazonEC2", "BoxUsage:m5.large", Decimal("0.096")))  # fmt: skip


@dataclass
class Charge:
    """One charge before it is written in a layout."""

    category: str
    from_at: datetime
    hours: float
    billed: Decimal
    effective: Decimal
    service: str = "AmazonEC2"
    usage_type: str = ""
    instance: str = ""
    resource: str = ""
    quantity: Decimal = Decimal(0)
    unit: str = "Hrs"
    status: str = ""

    @property
    def to_at(self) -> datetime:
        return self.from_at + timedelta(hours=self.hours)

    @property
    def month(self) -> datetime:
        return self.from_at.replace(day=1, hour=0)


@dataclass
class Made:
    """Charges, and what they add up to."""

    charges: list[Charge] = field(default_factory=list)

    def truth(self, which: str) -> dict[tuple[str, str], Decimal]:
        sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for one in self.charges:
            sums[one.month.strftime("%Y-%m"), one.category] += getattr(one, which)
        return dict(sums)

    def total(self, which: str) -> Decimal:
        return sum((getattr(one, which) for one in self.charges), Decimal(0))


def after(month: datetime) -> datetime:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def made(rows: int = 50_000, months: int = 6, seed: int = 1) -> Made:
    """About so many charges over so many months: what is hourly is cut or filled up to reach the number."""
    dice = random.Random(seed)
    out = Made()
    end = START
    for _ in range(months):
        end = after(end)
    hours = int((end - START).total_seconds() // 3600)
    fixed = hours * (RESERVED_INSTANCES + 1) + months * 8
    sessions = max(rows - fixed, hours // 4)
    spot = Decimal("2.4")
    prices = []
    for hour in range(hours):  # a spot price that moves by the day
        if hour % 24 == 0:
            spot = max(Decimal("1.2"), min(Decimal("4.0"), spot + Decimal(dice.randint(-12, 12)) / 100))
        prices.append(spot)
    number = 0
    while sessions > 0:
        number += 1
        first, length = dice.randrange(hours), min(1 + int(dice.expovariate(1 / 30)), sessions)
        on_demand = number % 2 == 0
        last = dice.choice([Decimal("0.25"), Decimal("0.5"), Decimal(1)])
        for hour in range(first, min(first + length, hours)):
            used = last if hour == first + length - 1 else Decimal(1)
            price = ON_DEMAND if on_demand else prices[hour]
            type_ = "p5.48xlarge" if on_demand else "g5.12xlarge"
            out.charges.append(
                Charge("on_demand" if on_demand else "spot", START + timedelta(hours=hour), 1, price * used,
                       price * used, usage_type=f"{'BoxUsage' if on_demand else 'SpotUsage'}:{type_}", instance=type_,
                       resource=f"i-{number:08x}", quantity=used)
            )  # fmt: skip
        sessions -= length
    _reserved(out, hours, dice)
    _monthly(out, months, dice)
    for hour in range(hours):
        at = START + timedelta(hours=hour)
        service, kind, usd = UNMAPPED[hour % len(UNMAPPED)]
        out.charges.append(Charge("unmapped", at, 1, usd, usd, service, kind, quantity=Decimal(1), unit="Units"))
    out.charges.sort(key=lambda one: (one.from_at, one.resource, one.usage_type))
    return out


def _reserved(out: Made, hours: int, dice: random.Random) -> None:
    """Two reserved instances, the second idle in some hours; the fee is billed each month, no upfront."""
    unused: dict[datetime, Decimal] = defaultdict(Decimal)
    whole: dict[datetime, Decimal] = defaultdict(Decimal)
    for hour in range(hours):
        at = START + timedelta(hours=hour)
        month = at.replace(day=1, hour=0)
        for seat in range(RESERVED_INSTANCES):
            whole[month] += RESERVED
            if seat and hour % 48 >= 40:
                unused[month] += RESERVED
                continue
            out.charges.append(
                Charge("committed", at, 1, Decimal(0), RESERVED, usage_type="BoxUsage:p4d.24xlarge",
                       instance="p4d.24xlarge", resource=f"i-reserved{seat}", quantity=Decimal(1), status="used")
            )  # fmt: skip
    for month, usd in whole.items():
        span = (after(month) - month).total_seconds() / 3600
        out.charges.append(
            Charge("committed", month, span, usd, unused[month], usage_type="HeavyUsage:p4d.24xlarge",
                   quantity=usd / RESERVED, status="fee")
        )  # fmt: skip


def _monthly(out: Made, months: int, dice: random.Random) -> None:
    month = START
    for number in range(months):
        span = (after(month) - month).total_seconds() / 3600
        gb = Decimal(4_000)
        for category, service, kind, usd, quantity, unit in (
            ("storage", "AmazonS3", "USE1-TimedStorage-ByteHrs", gb * Decimal("0.023"), gb, "GB-Mo"),
            ("egress", "AWSDataTransfer", "USE1-DataTransfer-Out-Bytes", Decimal("812.0000004") + number, gb, "GB"),
            ("tax", "AmazonEC2", "", Decimal("1234.5678901"), Decimal(1), ""),
            ("credit", "AmazonEC2", "", Decimal("-500.25"), Decimal(1), ""),
            ("refund", "AmazonEC2", "BoxUsage:p5.48xlarge", Decimal("-55.04"), Decimal(-1), "Hrs"),
        ):  # fmt: skip
            out.charges.append(Charge(category, month, span, usd, usd, service, kind, quantity=quantity, unit=unit))
        month = after(month)


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


FOCUS = ("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
         "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd",
         "ChargePeriodStart", "CommitmentDiscountId", "CommitmentDiscountStatus", "ContractedCost", "EffectiveCost",
         "InvoiceIssuerName", "ListCost", "PricingCategory", "PricingQuantity", "PricingUnit", "ProviderName",
         "PublisherName", "RegionId", "ResourceId", "ServiceCategory", "ServiceName", "SkuMeter", "Tags")  # fmt: skip


def focus_row(one: Charge) -> dict[str, Any]:
    charge = {"tax": "Tax", "credit": "Credit"}.get(one.category, "Purchase" if one.status == "fee" else "Usage")
    pricing = {"spot": "Dynamic", "committed": "Committed", "tax": "", "credit": ""}.get(one.category, "Standard")
    return {
        "BilledCost": one.billed, "BillingAccountId": "123456789012", "BillingCurrency": "USD",
        "BillingPeriodEnd": stamp(after(one.month)), "BillingPeriodStart": stamp(one.month), "ChargeCategory": charge,
        "ChargeClass": "Correction" if one.category == "refund" else "",
        "ChargeDescription": f"{one.category} {one.usage_type}", "ChargePeriodEnd": stamp(one.to_at),
        "ChargePeriodStart": stamp(one.from_at), "CommitmentDiscountId": ARN if one.status else "",
        "CommitmentDiscountStatus": "Used" if one.status == "used" else "", "ContractedCost": one.effective,
        "EffectiveCost": one.effective, "InvoiceIssuerName": "Amazon Web Services", "ListCost": one.effective,
        "PricingCategory": pricing, "PricingQuantity": one.quantity, "PricingUnit": one.unit, "ProviderName": "AWS",
        "PublisherName": "Amazon Web Services", "RegionId": REGION, "ResourceId": one.resource,
        "ServiceCategory": "Storage" if one.category == "storage" else "Compute", "ServiceName": one.service,
        "SkuMeter": one.usage_type, "Tags": '{"team": "research"}',
    }  # fmt: skip


CUR = ("identity/LineItemId", "bill/PayerAccountId", "bill/BillingPeriodStartDate", "bill/BillingPeriodEndDate",
       "lineItem/LineItemType", "lineItem/UsageStartDate", "lineItem/UsageEndDate", "lineItem/ProductCode",
       "lineItem/UsageType", "lineItem/ResourceId", "lineItem/UsageAmount", "lineItem/CurrencyCode",
       "lineItem/UnblendedCost", "lineItem/LineItemDescription", "product/instanceType", "product/region",
       "product/productFamily", "pricing/unit", "reservation/ReservationARN", "reservation/EffectiveCost",
       "reservation/UnusedRecurringFee", "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",
       "resourceTags/user:team")  # fmt: skip


def cur_row(number: int, one: Charge) -> dict[str, Any]:
    kind = {"tax": "Tax", "credit": "Credit", "refund": "Refund"}.get(one.category, "Usage")
    kind = {"used": "DiscountedUsage", "fee": "RIFee"}.get(one.status, kind)
    return {
        "identity/LineItemId": f"line{number}", "bill/PayerAccountId": "123456789012",
        "bill/BillingPeriodStartDate": stamp(one.month), "bill/BillingPeriodEndDate": stamp(after(one.month)),
        "lineItem/LineItemType": kind, "lineItem/UsageStartDate": stamp(one.from_at),
        "lineItem/UsageEndDate": stamp(one.to_at), "lineItem/ProductCode": one.service,
        "lineItem/UsageType": one.usage_type, "lineItem/ResourceId": one.resource,
        "lineItem/UsageAmount": one.quantity, "lineItem/CurrencyCode": "USD", "lineItem/UnblendedCost": one.billed,
        "lineItem/LineItemDescription": one.category, "product/instanceType": one.instance, "product/region": REGION,
        "product/productFamily": "Storage" if one.category == "storage" else "", "pricing/unit": one.unit,
        "reservation/ReservationARN": ARN if one.status else "",
        "reservation/EffectiveCost": one.effective if one.status == "used" else "",
        "reservation/UnusedRecurringFee": one.effective if one.status == "fee" else "",
    }  # fmt: skip


def written(bill: Made, layout: str) -> str:
    """The bill as CSV: `focus` or `aws_cur`."""
    out = io.StringIO()
    writer = csv.DictWriter(out, FOCUS if layout == "focus" else CUR, restval="", lineterminator="\n")
    writer.writeheader()
    for number, one in enumerate(bill.charges):
        writer.writerow(focus_row(one) if layout == "focus" else cur_row(number, one))
    return out.getvalue()


class Known(NamedTuple):
    """A bill as it was made, its file, and what was read out of that."""

    made: Made
    path: pathlib.Path
    bill: Bill
