"""Bad and odd inputs: the changes of one right scenario and of its data files, and what each must be answered with.

They are the cases of the shared folder (cases/bad_input), told in the keys of our scenarios. `REFUSED` ends with exit
code 2 and one line that holds the words; `WARNED` runs and warns; `ACCEPTED` runs as if nothing were odd.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable

BASE = """\
schema_version: 1
name: Base case
seed: 12345
start: 2025-01-01T00:00:00Z
horizon: 30 d
experiment: {replications: 2}
demand:
  training:
    kind: experiments
    arrivals: {kind: poisson, per_day: 1}
    work_gpu_hours: {kind: lognormal, average: 4, cv: 1.2}
    gang: {kind: choices, gpus: [1, 2, 4], weights: [0.6, 0.2, 0.2]}
    deadline: {kind: slack, factor: {kind: uniform, low: 1.5, high: 4.0}}
    checkpoint: {every: 1 h, cost: 3 min, restart: 5 min}
  chat:
    kind: inference
    preset: llm-8b-chat
    requests_per_s: {kind: cycle, mean: 4, day_amplitude: 0.5}
  recorded:
    kind: trace
    file: jobs.csv
supply:
  own:
    kind: datacenter
    shape: {gpu: H100, gpus: 8}
    usd_per_server: 280000
    lead: 1 d
    life: 4 y
    resale: {share_after_life: 0.1}
    kw_per_server: 10.2
    pue: 1.3
    usd_per_kwh: 0.10
    outage: {kind: calendar, per_gpu_year: 0.2, repair: 24 h}
  cloud:
    kind: on_demand
    provider: AWS
    shape: {gpu: H100, gpus: 8}
    usd_per_gpu_hour: 3.0
    quota_instances: {initial: 32}
  cloud-spot:
    kind: spot
    like: cloud
    usd_per_gpu_hour: {kind: replay, file: prices.csv}
    availability: {kind: two_state, available: {kind: exponential, mean: 20 h}, gone: {kind: exponential, mean: 1 h}}
    notice: 120 s
  contract:
    kind: rental
    provider: neocloud
    shape: {gpu: H100, gpus: 8}
    usd_per_gpu_hour: 1.8
    term: 10 d
    upfront_share: 0.2
  offices:
    kind: edge
    device: Jetson AGX Orin 64GB
    devices_per_site: 4
    usd_per_kwh: 0.2
    uplink_mbit_s: 50
levers:
  int4: {kind: quantization, target: chat, bits: 4, method: awq}
  together: {kind: federated, target: training, clients: 20, wait_for: 16, selected: 16, rounds: 100, model_mb: 250, \
samples_per_client: 100, sample_s: 0.01}
finance: {cost_of_capital_per_year: 0.10, display: {currency: USD}}
policies:
  cloud-first: {placement: {kind: on_demand_only}}
  spot-first: {placement: {kind: spot_greedy}}
  own-first:
    procurement: {kind: fixed_plan, buy: [{offer: own, instances: 1, at: 0 d}], sign: [{offer: contract, instances: 1}]}
    placement: {kind: committed_first}
"""
JOBS = "job,submit_s,duration_s,gpus,deadline_s\nj1,0,7200,1,21600\nj2,1800,18000,4,43200\nj3,10800,7200,8,32400\n"
PRICES = "time_s,usd_per_gpu_hour\n" + "".join(
    f"{hour * 3600},{1.1 + hour % 5 / 100:.2f}\n" for hour in range(0, 800, 6)
)
DATED = "time,price\n" + "".join(f"2025-{1 + day // 31:02d}-{1 + day % 31:02d}T00:00:00Z,1.2\n" for day in range(45))


def lay(folder: pathlib.Path) -> None:
    """Write the base scenario and its data files."""
    for name, text in (("scenario.yaml", BASE), ("jobs.csv", JOBS), ("prices.csv", PRICES)):
        (folder / name).write_text(text, encoding="utf-8")


def listing(folder: pathlib.Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder with its size and time of change."""
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*"))}


def change(old: str, new: str) -> Callable[[pathlib.Path], None]:
    """A change of the scenario's text; what is changed must be there."""

    def apply(folder: pathlib.Path) -> None:
        assert BASE.count(old) >= 1, old
        (folder / "scenario.yaml").write_text(BASE.replace(old, new, 1), encoding="utf-8")

    return apply


def data(file: str, old: str, new: str) -> Callable[[pathlib.Path], None]:
    """A change of a data file's text."""

    def apply(folder: pathlib.Path) -> None:
        text = {"jobs.csv": JOBS, "prices.csv": PRICES}[file]
        assert old in text, old
        (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return apply


def whole(content: str | bytes, file: str = "scenario.yaml") -> Callable[[pathlib.Path], None]:
    """Another content of a file."""

    def apply(folder: pathlib.Path) -> None:
        (folder / file).write_bytes(content if isinstance(content, bytes) else content.encode())

    return apply


def dates(old: str, new: str) -> Callable[[pathlib.Path], None]:
    """Prices by calendar dates, changed."""
    assert old in DATED
    return whole(DATED.replace(old, new, 1), "prices.csv")


FEW = "\n".join(PRICES.split("\n")[:60]) + "\n"
GAP = "\n".join([*PRICES.split("\n")[:50], *PRICES.split("\n")[70:]])

# name -> (change, what the line must name); all end with exit code 2
REFUSED: dict[str, tuple[Callable[[pathlib.Path], None], tuple[str, ...]]] = {
    "gpus_own_capacity_negative": (change("initial: 32", "initial: -8"), ("quota_instances.initial", "-8", "from 0")),
    "gpus_fractional_gpu_count": (change("gpus: 8}", "gpus: 3.5}"), ("shape.gpus", "whole number", "3.5")),
    "gpus_word_instead_of_number": (change("gpus: 8}", "gpus: sixteen}"), ("shape.gpus", "whole number", "sixteen")),
    "gpus_boolean_where_a_number_is_needed": (change("gpus: 8}", "gpus: true}"), ("shape.gpus", "whole number")),
    "gpus_list_where_a_number_is_needed": (change("gpus: 8}", "gpus: [16]}"), ("shape.gpus", "whole number", "[16]")),
    "gpus_null_for_a_required_number": (change("initial: 32", "initial: null"), ("initial", "whole number", "null")),
    "gpus_absurdly_huge_capacity_must_be_refused_by": (
        change("initial: 32", "initial: 1000000000000"), ("initial", "out of range", "to 1000000")),
    "on_demand_price_nan_price": (change("hour: 3.0", "hour: .nan"), ("supply.cloud.usd_per_gpu_hour", ".nan")),
    "on_demand_price_infinite_price": (change("hour: 3.0", "hour: .inf"), ("usd_per_gpu_hour", ".inf", "decimals")),
    "on_demand_price_negative_price": (change("hour: 3.0", "hour: -3.0"), ("usd_per_gpu_hour", "-3.0", "above 0")),
    "on_demand_price_pyyaml_reads_1e3_as_the_string": (
        change("hour: 3.0", "hour: 1e3"), ("usd_per_gpu_hour", "1e3", "exponent")),
    "on_demand_price_overflows_to_inf": (change("hour: 3.0", "hour: 1e400"), ("usd_per_gpu_hour", "1e400")),
    "on_demand_price_currency_sign_in_number": (change("hour: 3.0", "hour: $3.00"), ("usd_per_gpu_hour", "$3.00")),
    "salvage_fraction_fraction_1": (change("life: 0.1", "life: 1.4"), ("resale.share_after_life", "from 0 to 1")),
    "pue_pue_below_1_is_impossible": (change("pue: 1.3", "pue: 0.8"), ("supply.own.pue", "0.8", "from 1")),
    "mtbf_zero_mtbf": (change("per_gpu_year: 0.2", "per_gpu_year: -0.2"), ("outage.per_gpu_year", "-0.2")),
    "cv_negative_coefficient_of_variation": (change("cv: 1.2", "cv: -1"), ("work_gpu_hours.cv", "-1")),
    "dist_unknown_distribution_suggest_lognormal": (
        change("kind: lognormal", "kind: lognormall"), ("work_gpu_hours.kind", "Did you mean lognormal?")),
    "deadline_slack_low_high": (change("low: 1.5, high: 4.0", "low: 4, high: 1.5"), ("deadline.factor", "low", "high")),
    "gpus_empty_list_of_gang_sizes": (change("gpus: [1, 2, 4]", "gpus: []"), ("gang.gpus", "empty")),
    "gpus_gang_size_0": (change("gpus: [1, 2, 4]", "gpus: [1, 0, 4]"), ("gang.gpus[1]", "got 0")),
    "daily_amplitude_amplitude_1_gives_negative_rat": (
        change("day_amplitude: 0.5", "day_amplitude: 1.5"), ("requests_per_s.day_amplitude", "1.5")),
    "seed_negative_seed_seedsequence_refuses": (change("seed: 12345", "seed: -1"), ("seed", "-1", "from 0")),
    "seed_seed_as_string_with_blank": (change("seed: 12345", 'seed: "12345 "'), ("seed", "whole number")),
    "replications_zero_replications": (change("replications: 2", "replications: 0"), ("experiment.replications", "0")),
    "horizon_bare_number_unit_missing": (change("horizon: 30 d", "horizon: 90"), ("horizon", "units s, min, h")),
    "horizon_unknown_unit": (change("30 d", "90 parsecs"), ("horizon", "90 parsecs", "h, d, w, months, y")),
    "horizon_negative_horizon": (change("horizon: 30 d", "horizon: -5 d"), ("horizon", "-5 d")),
    "horizon_overflows_dates_would_never_finish": (change("30 d", "100000 y"), ("horizon", "at most 20 y")),
    "horizon_yaml_1_1_sexagesimal_pyyaml_gives_90": (change("30 d", "1:30"), ("horizon", "1:30", "duration")),
    "start_date_does_not_exist": (change("2025-01-01T", "2025-02-30T"), ("start", "2025-02-30", "YYYY-MM-DD")),
    "start_naive_local_time_that_does_not_exist_in": (
        change("2025-01-01T00:00:00Z", "2025-03-30T02:30:00"), ("start", "offset")),
    "start_ambiguous_day_month": (change("2025-01-01T00:00:00Z", "01/02/2025"), ("start", "YYYY-MM-DD")),
    "currency_unknown_currency_code": (change("currency: USD", "currency: dollars"), ("display.currency", "dollars")),
    "preempt_per_hour_unit_on_a_rate": (change("per_day: 1}", "per_day: 1.5 h}"), ("arrivals.per_day", "a number")),
    "uplink_bytes_instead_of_bits_per_second_not_a": (change("mbit_s: 50", "mbit_s: 50MB"), ("uplink_mbit_s", "50MB")),
    "pue_two_dots": (change("pue: 1.3", "pue: 1.3.2"), ("supply.own.pue", "a number", "1.3.2")),
    "gpus_leading_zero_pyyaml_reads_octal_8": (change("initial: 32", "initial: 010"), ("initial", "leading zero")),
    "name_empty_name_used_for_file_names": (change("name: Base case", "name: ''"), ("name", "empty")),
    "discount_rate_discount_100_division_by_zero": (
        change("year: 0.10,", "year: -1.0,"), ("cost_of_capital_per_year", "above -1")),
    "wait_for_wait_for_clients": (change("wait_for: 16", "wait_for: 30"), ("levers.together", "wait_for")),
    "cost_factor_zero_cost_factor_free_compute": (change("bits: 4", "bits: 0"), ("levers.int4.bits", "got 0")),
    "policies_unknown_policy_suggest_spot_first": (
        change("kind: spot_greedy", "kind: spot_gredy"), ("spot-first.placement.kind", "Did you mean spot_greedy?")),
    "deadline_before_arrival": (data("jobs.csv", "4,43200", "4,900"), ("jobs.csv", "deadline")),
    "contract_starts_after_horizon": (change("at: 0 d", "at: 31 d"), ("buy[0].at", "horizon", "31 d")),
    "price_path_shorter_than_horizon": (whole(FEW, "prices.csv"), ("prices.csv", "horizon")),
    "no_capacity_anywhere": (
        whole(BASE[: BASE.index("supply:")] + "supply:\n  cloud:\n    kind: on_demand\n    provider: AWS\n    shape: "
              "{gpu: H100}\n    usd_per_gpu_hour: 3\n    quota_instances: {initial: 0}\n"), ("capacity",)),
    "unknown_key": (change("quota_instances", "qouta_instances"), ("qouta_instances", "Did you mean quota_instances?")),
    "missing_required": (change("    usd_per_server: 280000\n", ""), ("supply.own.usd_per_server", "is missing")),
    "duplicate_key": (change("seed: 12345", "seed: 12345\nseed: 999"), ("duplicate", "seed", "line 3")),
    "wrong_shape": (whole(BASE[: BASE.index("supply:")] + "supply: [own, cloud]\n"), ("supply", "mapping")),
    "top_level_not_mapping": (whole("- a\n- b\n"), ("mapping",)),
    "key_type": (change("seed: 12345", "12345: seed"), ("key", "12345")),
    "two_documents": (whole(BASE + "---\n" + BASE), ("document",)),
    "tab_indent": (change("    preset: llm", "\tpreset: llm"), ("line", "tab")),
    "unclosed": (change("day_amplitude: 0.5}", "day_amplitude: 0.5"), ("line",)),
    "empty_file": (whole(""), ("empty",)),
    "binary_file": (whole(bytes.fromhex("89504e470d0a1a0a0000000d4948445200000001")), ("not a text",)),
    "not_utf8": (whole(BASE.replace("Base case", "Café").encode("latin-1")), ("UTF-8",)),
    "zero_width_key": (change("seed:", "se\u200bed:"), ("seed", "U+200B")),
    "billion_laughs": (whole("a: &a [x]\n" + "".join(f"{c}: &{c} [*a, *a]\n" for c in "bcdef")), ("alias",)),
    "merge_bomb": (whole("L0: &L0 {a: 1}\nL1: {<<: [*L0, *L0]}\n"), ("alias",)),
    "self_alias": (whole("a: &a [*a]\n"), ("alias",)),
    "deep_nesting": (whole("a: " + "[" * 3000 + "]" * 3000), ("nest",)),
    "python_tag": (
        change("name: Base case", "name: !!python/object/apply:os.system ['touch pwned-marker']"), ("tag",)),
    "huge_string": (change("Base case", "A" * 1_000_000), ("name", "too long")),
    "csv_unsorted": (data("prices.csv", "\n21600,", "\n2160001,"), ("time", "sorted")),
    "csv_duplicate_timestamps": (data("prices.csv", "\n43200,", "\n21600,"), ("duplicate",)),
    "csv_gap": (whole(GAP, "prices.csv"), ("gap",)),
    "csv_nan": (data("prices.csv", "\n21600,1.11", "\n21600,"), ("prices.csv", "row", "empty")),
    "csv_negative": (data("prices.csv", "21600,1.11", "21600,-0.5"), ("usd_per_gpu_hour", "-0.5")),
    "csv_inf": (data("prices.csv", "21600,1.11", "21600,inf"), ("finite",)),
    "csv_text_cell": (data("prices.csv", "21600,1.11", "21600,1.2 USD"), ("number", "1.2 USD")),
    "csv_decimal_comma": (whole("time_s;usd_per_gpu_hour\n0;1,10\n21600;1,15\n", "prices.csv"), ("separator",)),
    "csv_missing_column": (data("prices.csv", "usd_per_gpu_hour", "cost"), ("usd_per_gpu_hour",)),
    "csv_duplicate_column": (
        whole("time_s,usd_per_gpu_hour,usd_per_gpu_hour\n0,1,9\n", "prices.csv"), ("duplicate", "usd_per_gpu_hour")),
    "csv_extra_field_every_row": (whole("time_s,usd_per_gpu_hour\n0,1.1,x\n", "prices.csv"), ("fields",)),
    "csv_truncated_quote": (whole('time_s,usd_per_gpu_hour\n0,1.1\n6,"1.2\n', "prices.csv"), ("line",)),
    "csv_header_only": (whole("time_s,usd_per_gpu_hour\n", "prices.csv"), ("empty",)),
    "csv_nul": (data("prices.csv", "21600,1.11", "21600,\x001.11"), ("NUL",)),
    "csv_duplicate_job_id": (data("jobs.csv", "j3,", "j2,"), ("job", "duplicate")),
    "csv_zero_size_job": (data("jobs.csv", "10800,7200,8", "10800,0,8"), ("duration_s", "got 0")),
    "csv_ms_timestamps": (data("jobs.csv", "j3,10800,7200,8,32400", "j3,1735689600000,7200,8,"), ("submit_s",)),
    "csv_mixed_tz": (dates("2025-01-02T00:00:00Z", "2025-01-02T00:00:00"), ("timezone",)),
    "path_traversal_name": (change("Base case", "../../../elsewhere/pwned"), ("name", "path")),
    "absolute_output": (change("Base case", "/etc/cron.d/x"), ("name", "path")),
    "reserved_or_long_name": (change("name: Base case", 'name: "a\\0b"'), ("name", "character")),
    "csv_path_outside": (change("prices.csv", "/etc/passwd"), ("usd_per_gpu_hour.file", "/etc/passwd")),
    "url_input": (change("prices.csv", "http://169.254.169.254/latest/meta-data/"), ("usd_per_gpu_hour.file", "URL")),
}  # fmt: skip

# name -> (change, what the warning must name); all end with exit code 0
WARNED: dict[str, tuple[Callable[[pathlib.Path], None], tuple[str, ...]]] = {
    "on_demand_price_price_in_cents_plausibility_li": (
        change("hour: 3.0", "hour: 300"), ("supply.cloud.usd_per_gpu_hour", "300", "cents")),
    "contract_longer_than_horizon": (change("term: 10 d", "term: 5 y"), ("supply.contract.term", "horizon", "charged")),
    "lead_time_after_horizon": (change("lead: 1 d", "lead: 31 d"), ("supply.own.lead", "horizon", "paid for")),
}  # fmt: skip

# name -> change; exit code 0, and the same as the base
ACCEPTED: dict[str, Callable[[pathlib.Path], None]] = {
    "bom_crlf": whole(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode()),
    "unicode_name_ok": change("Base case", "模拟 сценарий 🚀"),
    "html_in_name": change("name: Base case", 'name: "<script>alert(1)</script>"'),
    "svg_mathtext_name": change("name: Base case", 'name: "$\\\\frac{1}{$"'),
    "formula_in_name": change("name: Base case", 'name: "=HYPERLINK(\\"http://x\\",\\"click\\")"'),
    "csv_formula_cell": data("jobs.csv", "j1,", "=cmd|'/c calc'!A1,"),
}
