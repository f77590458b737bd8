"""Names of FOCUS: every column of versions 1.0 to 1.3, which of 1.2 must be there, and the columns of our own.

From the specification 1.2, focus.finops.org/focus-specification/v1-2 (May 2025): 57 columns, of which 21 are mandatory.
"""

from __future__ import annotations

MANDATORY = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd", "ChargePeriodStart", "ContractedCost",
    "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity", "PricingUnit", "ProviderName",
    "PublisherName", "ServiceCategory", "ServiceName",
)  # fmt: skip

FOCUS_1_2 = (
    "AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingAccountType",
    "BillingCurrency", "BillingPeriodEnd", "BillingPeriodStart", "CapacityReservationId", "CapacityReservationStatus",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart",
    "CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus", "CommitmentDiscountType", "CommitmentDiscountUnit", "ConsumedQuantity", "ConsumedUnit",
    "ContractedCost", "ContractedUnitPrice", "EffectiveCost", "InvoiceId", "InvoiceIssuerName", "ListCost",
    "ListUnitPrice", "PricingCategory", "PricingCurrency", "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost", "PricingCurrencyListUnitPrice", "PricingQuantity", "PricingUnit", "ProviderName",
    "PublisherName", "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory",
    "ServiceName", "ServiceSubcategory", "SkuId", "SkuMeter", "SkuPriceDetails", "SkuPriceId", "SubAccountId",
    "SubAccountName", "SubAccountType", "Tags",
)  # fmt: skip

LATER = (  # added by 1.3
    "AllocatedMethodDetails", "AllocatedMethodId", "AllocatedResourceId", "AllocatedResourceName", "AllocatedTags",
    "ContractApplied", "HostProviderName", "ServiceProviderName",
)  # fmt: skip
KNOWN = frozenset(FOCUS_1_2 + LATER)

# what a simulated line says beside the specification; all that an import needs to give back the same line
CATEGORY, OFFER, KIND_OF_OFFER = "x_MarketsimCategory", "x_MarketsimOffer", "x_MarketsimOfferKind"
GPU, GPUS, HOURS, STATUS = "x_Gpu", "x_GpusPerInstance", "x_InstanceHours", "x_CommitmentLine"
OWN = (CATEGORY, OFFER, KIND_OF_OFFER, GPU, GPUS, HOURS, STATUS)
