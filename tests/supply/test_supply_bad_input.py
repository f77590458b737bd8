"""What is wrong with an offer, a contract or the money: one clear line each, exit code 2, nothing written."""

from __future__ import annotations

import pathlib

import pytest

from marketsim import scenario
from marketsim.cli.main import main
from marketsim.errors import InputError

BASE = """\
name: money
start: 2026-01-01T00:00:00Z
horizon: 6 months
initial:
  cash_usd: 6000000
  contracts: [{offer: rent, instances: 2, age: 2 months}]
  servers: [{offer: own, instances: 1, age: 12 months}]
demand:
  train: {kind: training, preset: speech-finetune}
  chat: {kind: inference, preset: llm-8b-chat, requests_per_s: 12}
supply:
  cloud:
    kind: on_demand
    provider: AWS
    shape: {gpu: H100, gpus: 8}
    usd_per_gpu_hour: 4
    sla: {preset: aws}
    egress_tiers: [{up_to_gb_per_month: 100, usd_per_gb: 0.0}, {usd_per_gb: 0.09}]
  rent:
    kind: rental
    provider: neocloud
    shape: {gpu: H100, gpus: 8}
    usd_per_gpu_hour: 2.35
    term: 12 months
    other_terms: [{term: 36 months, of_quote: 0.7}]
    upfront_share: 0.2
    lead: 21 d
    block_instances: 2
    resale_share: 0.5
    sublet: true
  blocks: {kind: capacity_block, provider: AWS, shape: {gpu: H100, gpus: 8}, usd_per_gpu_hour: 2.5, term: 14 d}
  own:
    kind: datacenter
    shape: {gpu: H100, gpus: 8}
    usd_per_server: 288000
    lead: {kind: triangular, low: 8 w, mode: 16 w, high: 52 w}
    loan: {share: 0.6, rate_per_year: 0.12, term: 36 months}
    life: 5 y
    resale: {share_after_life: 0.15}
    kw_per_server: 10.2
    usd_per_kwh: 0.08
    staff: {engineers: 2, usd_per_year_each: 300000, per_servers: 32, hire: 3 months}
  offices:
    kind: edge
    device: Jetson AGX Orin 64GB
    devices_per_site: 4
    usd_per_kwh: 0.25
    uplink_mbit_s: 200
  wake: {kind: serverless, provider: RunPod, shape: {gpu: H100}, usd_per_gpu_hour: 4.18, cold_start: 20 s}
  tokens: {kind: token_api, usd_per_million_input_tokens: 0.1, usd_per_million_output_tokens: 0.2}
finance:
  cost_of_capital_per_year: 0.2
  tax_rate: 0.25
  credits: [{provider: AWS, usd: 100000, until: 12 months}]
  rounds: [{at: 3 months, usd: 1000000}]
  capital_stages: [{at: 3 months, cost_of_capital_per_year: 0.15}]
  display: {currency: CNY, per_usd: 7.1, as_of: 2026-01-01}
policies:
  plan:
    procurement:
      kind: fixed_plan
      sign: [{offer: rent, instances: 2, at: 10 d, renew: true}, {offer: blocks, instances: 1, at: 20 d, term: 3 d}]
      buy: [{offer: own, instances: 1}, {offer: offices, instances: 4}]
"""

# what is written, what is put in its place, and what the line must say; the first seven are asked for by name
ASKED = {
    "a negative life": ("life: 5 y", "life: -5 y", "supply.own.life"),
    "resale above the price": ("share_after_life: 0.15", "share_after_life: 1.5", "share_after_life: is out of range"),
    "a term of zero": ("term: 12 months", "term: 0 months", "supply.rent.term: is out of range (got 0 months)"),
    "a contract before the start": ("at: 10 d", "at: -10 d", "procurement.sign[0].at"),
    "a discount of 100 %": ("year: 0.2\n", "year: -1\n", "cost_of_capital_per_year: is out of range (got -1)"),
    "a rate without its date": (", as_of: 2026-01-01", "", "CNY needs per_usd and as_of"),
    "credits at nobody's": ("{provider: AWS, usd", "{provider: AVS, usd", "Did you mean AWS?"),
}
MORE = {
    "a price cut to nothing": ("of_quote: 0.7", "of_quote: 0", "other_terms[0].of_quote: is out of range"),
    "a length without a price": (", of_quote: 0.7", "", "a term needs its price"),
    "a length with two prices": ("of_quote: 0.7", "of_quote: 0.7, usd_per_gpu_hour: 2", "a term needs its price"),
    "one length twice": ("{term: 36 months, of", "{term: 12 months, of", "one price for each length"),
    "a length that is not sold": ("at: 10 d,", "at: 10 d, term: 6 months,", "for 12 months or 36 months only"),
    "a block of hours": ("at: 20 d, term: 3 d", "at: 20 d, term: 30 h", "whole days"),
    "half a block": ("rent, instances: 2, at", "rent, instances: 3, at", "blocks of 2 instances (got 3)"),
    "less in all than a block": (
        "block_instances: 2", "block_instances: 4\n    most_instances: 2",
        "supply.rent.most_instances: is below block_instances, 4: not one block could ever be signed for (got 2)",
    ),
    "more together than there are": (
        "block_instances: 2", "block_instances: 2\n    most_instances: 3",
        "sign[0].instances: the offer has no more in all, and 2 are held or signed for then (got 2)",
    ),
    "more devices in two orders": (
        "{offer: offices, instances: 4}", "{offer: offices, instances: 3}, {offer: offices, instances: 2, at: 9 d}",
        "buy[2].instances: the offer has no more in all, and 3 are held",
    ),
    "more blocks than there are": ("blocks, instances: 1", "blocks, instances: 65", "at most 64"),
    "more devices than there is room": ("offices, instances: 4", "offices, instances: 5", "at most 4"),
    "a lead below nothing": ("lead: 21 d", "lead: -3 d", "supply.rent.lead"),
    "guesses in disorder": ("low: 8 w", "low: 18 w", "low: <= mode <= high"),
    "people before they are sought": ("hire: 3 months", "hire: -3 months", "staff.hire"),
    "people for no servers": ("per_servers: 32", "per_servers: 0", "per_servers: is out of range"),
    "a loan that outlives its servers": ("12, term: 36 months", "12, term: 96 months", "within the life"),
    "a loan above the price": ("share: 0.6", "share: 1.6", "loan.share: is out of range"),
    "a rate in per cent": ("rate_per_year: 0.12", "rate_per_year: 12", "rate_per_year: is out of range"),
    "more prepaid than the price": ("upfront_share: 0.2", "upfront_share: 1.2", "upfront_share: is out of range"),
    "an unknown rule of renewal": ("renew: true", "renew: sometimes", "renew: must be true or false"),
    "a sub-tenant who pays nothing": ("    resale_share: 0.5\n", "", "sublet: needs resale_share"),
    "an edge device without a line": ("    uplink_mbit_s: 200\n", "", "uplink_mbit_s: is missing"),
    "an unknown device": ("AGX Orin 64GB", "AGX Orion", "Did you mean Jetson AGX Orin"),
    "tokens without a price": (", usd_per_million_output_tokens: 0.2", "", "output_tokens: is missing"),
    "serverless without a cold start": (", cold_start: 20 s", "", "cold_start: is missing"),
    "no number at all": ("usd_per_gpu_hour: 2.35", "usd_per_gpu_hour: .nan", "not a number"),
    "a price of nothing": ("usd_per_gpu_hour: 2.35", "usd_per_gpu_hour: 0", "usd_per_gpu_hour: is out of range"),
    "no price": ("    usd_per_gpu_hour: 2.35\n", "", "supply.rent.usd_per_gpu_hour: is missing"),
    "a currency in words": ("currency: CNY", "currency: yuan", "finance.display.currency"),
    "a day that is none": ("as_of: 2026-01-01", "as_of: 2026-02-30", "no day of the calendar"),
    "credits that lapsed before": ("until: 12 months", "until: -1 d", "credits[0].until"),
    "a tax of all": ("tax_rate: 0.25", "tax_rate: 1", "tax_rate: is out of range"),
    "a round before the start": ("at: 3 months, usd", "at: -3 months, usd", "rounds[0].at"),
    "a stage whose capital is a gift": ("per_year: 0.15", "per_year: -1", "cost_of_capital_per_year: is out of range"),
    "a contract that was over": ("age: 2 months", "age: 12 months", "is over before the scenario starts"),
    "a contract for servers": ("contracts: [{offer: rent, ins", "contracts: [{offer: own, ins", "has no contracts"),
    "servers that are rented": ("buy: [{offer: own", "buy: [{offer: cloud", "cannot be bought"),
    "a provider that is gone": ("provider: RunPod", "provider: FloydHub", "FloydHub has closed"),
    "an unknown agreement": ("preset: aws", "preset: azur", "Did you mean azure?"),
    "tiers without a last one": (", {usd_per_gb: 0.09}", "", "the last has none"),
}  # fmt: skip


def test_the_base_is_right() -> None:
    scenario.loads(BASE)


@pytest.mark.parametrize("name", [*ASKED, *MORE])
def test_what_is_wrong_is_one_fault_with_its_place(name: str) -> None:
    written, wrong, said = {**ASKED, **MORE}[name]
    assert written in BASE
    with pytest.raises(InputError) as refused:
        scenario.loads(BASE.replace(written, wrong, 1), file="money.yaml")
    (fault,) = refused.value.faults
    assert said in str(fault)
    assert fault.line is not None
    assert "\n" not in str(fault)


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("verb", ["check", "run"])
def test_a_command_says_it_in_one_line_and_writes_nothing(
    name: str, verb: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    written, wrong, said = ASKED[name]
    monkeypatch.chdir(tmp_path)
    pathlib.Path("money.yaml").write_text(BASE.replace(written, wrong, 1))
    assert main([verb, "money.yaml"]) == 2
    out, err = capfd.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert len(lines) == 1
    assert lines[0].startswith("error: money.yaml:")
    assert said in lines[0]
    assert [path.name for path in tmp_path.iterdir()] == ["money.yaml"]
