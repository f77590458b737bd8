"""Oracles of money and of machines that are up or down, answered by the product's own sums, terms and outage laws."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from analysis.common import Estimate
from marketsim import units
from marketsim.path import Path
from marketsim.streams import Dice
from marketsim.supply import depreciation, finance, reserving
from marketsim.supply.lead import AT_ONCE, Delivery
from marketsim.supply.offer import Charge, OutageLaw
from marketsim.supply.owned import PurchaseTerms, Resale
from marketsim.supply.rental_terms import RentalTerms

SEED = 20260101
REPLICATIONS = 40
UNIT_S = 1_000_000  # an oracle's unit of time in seconds, so that whole seconds do not show

Params = Mapping[str, Any]
AT_ONCE_ALWAYS = Delivery(AT_ONCE, Dice(0), Path.constant(1.0))


def run_case(case: Mapping[str, Any], quick: bool = False) -> dict[str, Estimate]:
    """The figures of a case of one of `CASES`; KeyError for another model. quick: shorter simulations."""
    return CASES[case["model"]](case["params"], quick)


def exact(**figures: float) -> dict[str, Estimate]:
    """Figures by formula."""
    return {name: Estimate(float(value)) for name, value in figures.items()}


def means(rows: list[dict[str, float]]) -> dict[str, Estimate]:
    """Means over independent replications with their standard errors."""
    found = {}
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        found[name] = Estimate(float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values))))
    return found


def write_offs(params: Params, quick: bool) -> dict[str, Estimate]:
    """Charges a year of each method, in whole micro-dollars."""
    cost, salvage, years = units.micro(params["cost"]), units.micro(params["salvage"]), int(params["life"])
    level = depreciation.straight_line(cost, salvage, years)
    falling = depreciation.declining_balance(cost, salvage, years, params["factor"])
    digits = depreciation.sum_of_years_digits(cost, salvage, years)
    tax = depreciation.macrs_5_year(cost)
    return exact(
        SL_annual=units.usd(level[0]),
        DB_year1=units.usd(falling[0]),
        DB_year2=units.usd(falling[1]),
        DB_total=units.usd(sum(falling)),
        DB_book_end=units.usd(cost - sum(falling)),
        SYD_year1=units.usd(digits[0]),
        SYD_last=units.usd(digits[-1]),
        MACRS5_year2=units.usd(tax[1]),
        MACRS5_total=units.usd(sum(tax)),
    )


def business_case(params: Params, quick: bool) -> dict[str, Estimate]:
    """Present value, return, payback and a loan."""
    payment = finance.loan_payment(params["P"], params["rate"], params["n"])
    return exact(
        NPV=finance.net_present_value(params["r"], params["cfs"]),
        IRR=finance.internal_rate_of_return(params["cfs"]) or math.nan,
        payback_interp=finance.payback_periods(params["cfs"]) or math.nan,
        CRF=finance.capital_recovery_factor(params["rate"], params["n"]),
        loan_payment=payment,
        total_interest=payment * params["n"] - params["P"],
        annuity_PV=finance.annuity_present_value(1.0, params["rate"], params["n"]),
    )


def break_even(params: Params, quick: bool) -> dict[str, Estimate]:
    """The used share at which owning costs what the cloud asks."""
    resale = params["salvage"] / params["capex"]
    fixed = finance.annual_capital_usd(params["capex"], params["r"], params["life"], resale) + params["fixed"]
    variable = params["kw"] * params["pue"] * params["kwh"]

    def usd_per_hour(use: float) -> float:
        return fixed / (finance.HOURS_PER_YEAR * use) + variable

    return exact(
        annual_fixed=fixed,
        variable_per_hour=variable,
        u_star=finance.break_even_utilization(fixed, variable, params["cloud"]) or math.nan,
        cost_per_gpu_hour_at_60pct=usd_per_hour(0.6),
        cost_per_gpu_hour_at_100pct=usd_per_hour(1.0),
    )


def commitment(params: Params, quick: bool) -> dict[str, Estimate]:
    """How many units to reserve against a demand of few values."""
    demand = {float(wanted): share for wanted, share in params["demand_pmf"].items()}
    prices = (params["p_r"], params["p_o"])
    best = reserving.reserve_units(demand, *prices)
    return exact(
        breakeven_utilization=reserving.break_even_share(*prices),
        critical_ratio=reserving.critical_ratio(*prices),
        R_star=best,
        min_cost=reserving.expected_cost(best, demand, *prices),
        cost_all_on_demand=reserving.expected_cost(0, demand, *prices),
        cost_reserve_max=reserving.expected_cost(max(demand), demand, *prices),
    )


def newsvendor(params: Params, quick: bool) -> dict[str, Estimate]:
    """The same against normal demand: the units by formula, the cost at and beside them by drawn demand."""
    mean, sd, reserved, on_demand = params["mu"], params["sd"], params["p_r"], params["p_o"]
    best = reserving.newsvendor_normal(mean, sd, reserved, on_demand)
    levels = {"cost_star": best, "cost_minus10pct": 0.9 * best, "cost_plus10pct": 1.1 * best}
    periods = 5_000 if quick else 20_000

    def one(replication: int) -> dict[str, float]:
        demand = mean + sd * Dice(SEED, replication).normals("oracle/demand", periods)
        return {
            name: reserved * units_ + on_demand * float(np.maximum(demand - units_, 0).mean())
            for name, units_ in levels.items()
        }

    return means([one(replication) for replication in range(REPLICATIONS)]) | exact(
        critical_ratio=reserving.critical_ratio(reserved, on_demand),
        R_star=best,
        closed_form=reserving.expected_cost_normal(best, mean, sd, reserved, on_demand),
    )


def ski_rental(params: Params, quick: bool) -> dict[str, Estimate]:
    """Worst ratios of buying online to buying in hindsight."""
    buy, discount = int(params["B"]), params["alpha"]
    return exact(
        deterministic=reserving.ski_rental_deterministic(buy),
        randomized_discrete=reserving.ski_rental_randomised(buy),
        randomized_limit=reserving.ski_rental_randomised(),
        det_discount=reserving.ski_rental_deterministic(buy, discount),
        rand_discount=reserving.ski_rental_randomised(None, discount),
    )


def transfer(params: Params, quick: bool) -> dict[str, Estimate]:
    """A model's update over an uplink, once, there and back, and shared."""
    megabytes = params["params_m"] * params["bytes_per_param"] * params["compression"]
    once = finance.transfer_s(megabytes / 1000, params["mbps"], params["latency_s"])
    shared = finance.transfer_s(megabytes / 1000, params["mbps"], params["latency_s"], params["n_share"])
    return exact(megabytes=megabytes, t_one=once, t_round_updown=2 * once, t_shared=shared)


def ledger(params: Params, quick: bool) -> dict[str, Estimate]:
    """Servers bought, a contract prepaid and hours on demand: what a ledger of their charges adds up to."""
    month, end_s = units.MONTH_S, params["H"] * units.MONTH_S
    share = params["salvage"] / params["capex"]
    life_s = params["life_m"] * month
    servers = PurchaseTerms(
        units.micro(params["capex"]), 0, life_s, AT_ONCE_ALWAYS, resale=Resale(share_after_life=share)
    )
    term_s = params["term_m"] * month
    hourly = params["prepaid"] / (term_s / units.HOUR_S)
    contract = RentalTerms(Path.constant(hourly), term_s, AT_ONCE_ALWAYS, upfront_share=1.0)
    bought_s, signed_s = params["buy_month"] * month, params["contract_month"] * month

    price = Path.constant(params["od_price"])
    usage = [
        Charge(index * month, "expense:usage", "cash", micro, micro)
        for index, hours in enumerate(params["od_hours"])
        if (micro := units.micro(price.integral(0, round(hours * units.HOUR_S)) / units.HOUR_S))
    ]
    charges = list(servers.at_signing(1, bought_s, None)) + list(contract.at_signing(1, signed_s, None)) + usage
    for from_s in range(bought_s, end_s, month):
        charges += servers.over(1, bought_s, bought_s, from_s, from_s + month)
    for from_s in range(signed_s, min(end_s, signed_s + term_s), month):
        charges += contract.over(1, signed_s, signed_s, from_s, from_s + month)
    balance = balances(charges)
    return exact(
        cash_out=-units.usd(balance["cash"]),
        expense_total=units.usd(sum(amount for name, amount in balance.items() if name.startswith("expense:"))),
        depreciation=units.usd(balance["expense:depreciation"]),
        amortisation=units.usd(balance["expense:contract"]),
        on_demand=units.usd(balance["expense:usage"]),
        net_book_value_end=units.usd(balance["servers"]),
        prepaid_end=units.usd(balance["prepaid"]),
        trial_balance=units.usd(sum(balance.values())),
    )


def balances(charges: Iterable[Charge]) -> dict[str, int]:
    """Debits less credits of each account in micro-dollars."""
    net: dict[str, int] = {}
    for charge in charges:
        amount = charge.billed or charge.effective
        net[charge.debit] = net.get(charge.debit, 0) + amount
        net[charge.credit] = net.get(charge.credit, 0) - amount
    return net


def k_of_n(params: Params, quick: bool) -> dict[str, Estimate]:
    """Seats that fail and are repaired by the product's law, each by the calendar from up at second 0."""
    n, k = int(params["n"]), int(params["k"])
    t_s = round(params["t"] * UNIT_S)
    spans_s = round((40 if quick else 120) * (params["mtbf"] + params["mttr"]) * UNIT_S)
    warm_s = round(10 * params["mttr"] * UNIT_S)  # by then the start is forgotten: exp(-10)

    def one(replication: int) -> dict[str, float]:
        law = OutageLaw(
            params["mtbf"] * UNIT_S, params["mttr"] * UNIT_S, dice=Dice(SEED, replication).under("oracle/seats")
        )
        downs = [span for seat in range(n) for span in down_spans(law, seat, spans_s)]
        share = time_with_down(downs, n, warm_s, spans_s)
        up_now = [all(not a <= t_s < b for a, b in down_spans(law, seat, t_s + 1)) for seat in range(n, n + 250)]
        mean_up = sum((n - down) * part for down, part in enumerate(share))
        return {
            "availability": mean_up / n,
            "P_at_least_k": float(sum(share[: n - k + 1])),
            "mean_up": mean_up,
            "P_up_at_t": float(np.mean(up_now)),
        }

    return means([one(replication) for replication in range(REPLICATIONS)])


def down_spans(law: OutageLaw, seat: int, end_s: int) -> list[tuple[int, int]]:
    """When a seat is down, from failures before `end_s`."""
    spans, t_s = [], 0
    while True:
        down_s = t_s + law.up_s(seat, len(spans))
        if down_s >= end_s:
            return spans
        t_s = down_s + law.repair_s(seat, len(spans))
        spans.append((down_s, t_s))


def time_with_down(spans: list[tuple[int, int]], n: int, from_s: int, to_s: int) -> list[float]:
    """Share of the time from from_s to to_s with 0, 1, ..., n seats down."""
    inside = [(max(a, from_s), min(b, to_s)) for a, b in spans if a < to_s and b > from_s]
    steps = sorted([(a, 1) for a, _ in inside] + [(b, -1) for _, b in inside])
    spent, down, last_s = [0] * (n + 1), 0, from_s
    for t_s, change in steps:
        spent[down] += t_s - last_s
        down, last_s = down + change, t_s
    spent[down] += to_s - last_s
    return [part / (to_s - from_s) for part in spent]


CASES: dict[str, Callable[[Params, bool], dict[str, Estimate]]] = {
    "depreciation": write_offs,
    "npv_irr_annuity": business_case,
    "breakeven_utilization": break_even,
    "commitment_breakeven": commitment,
    "newsvendor_normal": newsvendor,
    "ski_rental": ski_rental,
    "transfer_time": transfer,
    "ledger_trace": ledger,
    "k_of_n_availability": k_of_n,
}
