"""Scenarios over a few days that go through every kind of every family in turn, as a user would write them.

Scenario `number` takes kind number `number` (modulo how many there are) of each family, so as many scenarios as the
longest family has kinds use them all; what kinds do not settle is thrown by `number`.
"""

from __future__ import annotations

import pathlib
import random
from collections.abc import Mapping
from typing import Any

from marketsim import families, scenario
from marketsim.policies import policy as say
from marketsim.scenario import Scenario

HORIZON = "5 d"
SUPPLY_SPAN_S = 5 * 86_400
JOBS = "job,submit_s,duration_s,gpus\n" + "".join(f"j{i},{i * 20_000},{2_000 + i},{1 + i % 2}\n" for i in range(12))
RATES = "t_s,rps\n" + "".join(f"{hour * 3_600},{2 + hour % 24 / 12}\n" for hour in range(240))
CURVE = (
    "technique,method,setting,metric,before,change,se,n,size_ratio,macs_ratio,train_speedup,prefill_speedup,"
    "decode_speedup,oneoff_gpu_hours,oneoff_gpu,basis,source\n"
    "pruning,mine,0.5,wer,9.0,0.1,0.1,5,2.0,1.0,1.0,1.0,1.5,3.0,H100,user,my log\n"
)
ONE_OFF = {"gpu_hours": 4.0}
SPELL = {"available": {"kind": "exponential", "mean": "20 h"}, "gone": {"kind": "exponential", "mean": "3 h"}}
FORECASTS: tuple[dict[str, Any], ...] = ({"kind": "seasonal_naive"}, {"kind": "empirical_quantiles"})

# family -> kind -> its settings
EXAMPLES: dict[str, dict[str, dict[str, Any]]] = {
    "arrivals": {
        "calendar": {"every": "8 h"},
        "poisson": {"per_day": 5},
        "batches": {"per_day": 6, "batch_mean": 3, "cv": 2.7, "week_cycle": "office"},
        "renewal": {"per_day": 5, "cv": 0.4},
        "closed_loop": {"people": 3, "think_hours": {"kind": "exponential", "average": 5}},
    },
    "work": {
        "constant": {"value": 2.0},
        "uniform": {"low": 0.5, "high": 4.0},
        "triangular": {"low": 0.5, "mode": 1.0, "high": 6.0},
        "exponential": {"average": 2.0},
        "lognormal": {"median": 1.5, "p90": 8.0},
        "gamma": {"average": 2.0, "cv": 1.5},
        "weibull": {"scale": 2.0, "shape": 0.8},
        "empirical": {"values": [0.01, 0.5, 2.0, 9.0]},
        "mixture": {"parts": [{"kind": "constant", "value": 0.1}, {"kind": "lognormal", "median": 3, "p90": 9}],
                    "weights": [0.5, 0.5]},
    },
    "gangs": {
        "constant": {"gpus": 4, "instances": 2, "elastic_instances": [1]},
        "choices": {"gpus": [0.5, 1, 2, 4], "weights": [0.3, 0.4, 0.2, 0.1], "elastic_gpus": [[], [0.5], [1], [2, 8]],
                    "elastic_instances": [[], [], [], [2]]},
    },
    "deadlines": {
        "none": {},
        "after_arrival": {"within": "12 h", "usd_per_late_day": 200, "usd_at_most": 900},
        "slack": {"factor": {"kind": "lognormal", "median": 2.0, "p90": 5.0}},
    },
    "estimates": {"exact": {}, "lognormal": {"sigma": 0.6}, "user_limit": {}, "class_mean": {}},
    "rates": {
        "constant": {"mean": 4.0},
        "cycle": {"mean": 4.0, "day_amplitude": 0.8, "weekend": 0.4},
        "recorded": {"file": "rates.csv"},
    },
    "serving": {
        "llm": {"parameters_b": 8, "layers": 32, "kv_heads": 8, "head_size": 128, "input_tokens": 800,
                "output_tokens": 150},
        "benchmark": {"benchmark": "bert99"},
        "measured": {"requests_per_s": {"H100": 3.0, "L4": 1.0}, "memory_gb": 12},
    },
    "prices": {
        "constant": {"usd": 2.0},
        "catalogue": {},
        "replay": {"times": ["0 s", "30 h", "70 h"], "usd": [1.0, 2.5, 0.5], "fill": "hold"},
        "bootstrap": {"preset": "aws-active", "ratio_to": "cloud"},
        "ou": {"preset": "aws-active", "ratio_to": "cloud"},
        "ou_jump": {"preset": "aws-active", "ratio_to": "cloud"},
        "regime_vol": {"preset": "aws-active", "ratio_to": "cloud"},
        "momentum_garch_t": {"preset": "aws-active", "ratio_to": "cloud"},
        "smoothed_ou": {"preset": "aws-active", "ratio_to": "cloud"},
        "administered_step": {"preset": "gcp-2026", "ratio_to": "cloud"},
        "auction": {"preset": "aws-2015", "ratio_to": "cloud"},
        "on_demand_step": {"preset": "aws"},
    },
    "availability": {
        "always": {},
        "constant": {"instances": 2},
        "replay": {"times": ["0 s", "9 h", "30 h", "60 h"], "instances": [2, 0, 3, 1]},
        "two_state": SPELL,
        "counts": {"preset": "k80-us-west-2a"},
        "hours": {"open_share": 0.6},
    },
    "levers": {
        "quantization": {"target": "chat", "bits": 4, "method": "awq"},
        "pruning": {"target": "chat", "pattern": "unstructured", "sparsity": 0.9, "one_off": ONE_OFF},
        "distillation": {"target": "chat", "student": "DistilBERT"},
        "shrink": {"target": "chat", "width": 0.5, "one_off": ONE_OFF},
        "low_rank": {"target": "train"},
        "mixed_precision": {"target": "train", "workload": "nlp"},
        "chain": {"target": "chat", "one_off": ONE_OFF, "floor": {"metric": "accuracy", "at_least": 0.5}, "steps": [
            {"kind": "pruning", "pattern": "unstructured", "sparsity": 0.9},
            {"kind": "quantization", "bits": 8, "method": "ptq"}]},
        "federated": {"target": "train", "clients": 20, "rounds": 5, "model_mb": 1.0, "samples_per_client": 100,
                      "sample_s": 0.01},
        "privacy": {"target": "chat", "mechanism": "encryption"},
        "curve": {"target": "chat", "file": "curve.csv", "method": "mine", "setting": 0.5},
    },
    "procurement": {
        "none": {},
        "fixed_plan": {"sign": [{"offer": "rent", "instances": 1, "at": "6 h", "renew": True}],
                       "buy": [{"offer": "own", "instances": 1, "at": "0 d"}, {"offer": "edge", "instances": 1}]},
        "reserve_quantile": {"offer": "rent", "review": "1 d"},
        "reserve_breakeven": {"offer": "rent"},
        "reserve_randomized": {"offer": "rent"},
        "layered": {"layers": [{"offer": "own", "used_at_least": 0.6}, {"offer": "rent"}], "review": "1 d"},
        "own_vs_rent": {"own": "own", "rent": "rent", "review": "1 d"},
        "rolling_lookahead": {"offers": ["rent", "block"], "window": "4 d", "review": "1 d"},
    },
    "queue": {name: {} for name in families.kinds("queue")},
    "placement": {name: {} for name in families.kinds("placement")},
}  # fmt: skip
ALWAYS = {  # families of which each scenario holds every kind
    "demand": ("training", "experiments", "inference", "interactive", "trace"),
    "supply": ("on_demand", "spot", "rental", "capacity_block", "datacenter", "edge", "serverless", "token_api"),
}
MOST = max(len(kinds) for kinds in EXAMPLES.values())


def picked(family: str, number: int) -> dict[str, Any]:
    """The settings of the family's kind for a scenario of this number."""
    kinds = EXAMPLES[family]
    name = list(kinds)[number % len(kinds)]
    return {"kind": name, **kinds[name]}


def data_of(number: int) -> dict[str, Any]:
    """A scenario as a mapping."""
    dice = random.Random(number)
    h100 = {"gpu": "H100", "gpus": 8, "interconnect": "fabric", "largest_gang_instances": 2}
    price = picked("prices", number)
    # offers to whose list price another's is a ratio have a price of their own
    own_price = price if price["kind"] in ("constant", "catalogue", "replay", "on_demand_step") else 4.0
    lever = picked("levers", number)
    train = {
        "kind": "training", "arrivals": picked("arrivals", number), "work_gpu_hours": picked("work", number),
        "gang": picked("gangs", number), "deadline": picked("deadlines", number), "family": "nlp",
        "estimate": picked("estimates", number), "reference_gpu": "H100", "parallel_sigma": 0.02,
        "checkpoint": {"every": dice.choice(["20 min", "3 h"]), "cost": "1 min", "restart": "3 min",
                       "final": dice.random() < 0.5},
        "data_gb": dice.choice([0, 40]),
    }  # fmt: skip
    return {
        "schema_version": 1,
        "name": f"law {number}",
        "start": "2026-01-01T00:00:00Z",
        "horizon": HORIZON,
        "seed": number,
        "ends": {"drain": dice.choice(["0 s", "2 d"])},
        "initial": {"servers": [{"offer": "own", "instances": 1, "age": "12 months"}]} if dice.random() < 0.5 else {},
        "demand": {
            "train": train,
            "sweeps": {
                "kind": "experiments", "arrivals": picked("arrivals", number + 1),
                "run_hours": picked("work", number + 3),
                "gang": picked("gangs", number + 1), "deadline": picked("deadlines", number + 1),
                "estimate": picked("estimates", number + 1), "reference_gpu": "H100",
                "patience": dice.choice(["none", "4 h"]),
            },
            "chat": {
                "kind": "inference", "requests_per_s": picked("rates", number), "serving": picked("serving", number),
                "usd_per_lost_request": 0.01, "autoscale": {"period": "30 min", "headroom": 0.2,
                                                            "minimum_instances": dice.choice([0, 1])},
            },
            "notebooks": {"kind": "interactive", "preset": "notebook"},
            "recorded": {"kind": "trace", "file": "jobs.csv", "reference_gpu": "H100"},
        },
        "market": {"scarcity": {"kind": "regime", "preset": "calm-2025"}} if number % 2 else {},
        "supply": {
            "cloud": {"kind": "on_demand", "provider": "AWS", "zone": "us-east-1", "shape": h100, "boot": "3 min",
                      "usd_per_gpu_hour": own_price, "outage": {"kind": "calendar", "per_gpu_year": 4, "repair": "2 h"},
                      "quota_instances": {"initial": 2, "step": 2, "grant": "12 h"}},
            "spot": {"kind": "spot", "like": "cloud", "usd_per_gpu_hour": price,
                     "notice": dice.choice(["0 s", "2 min"]), "availability": picked("availability", number)},
            "rent": {"kind": "rental", "provider": "neocloud", "shape": h100, "usd_per_gpu_hour": 2.0, "term": "3 d",
                     "upfront_share": 0.2, "lead": "3 h", "resale_share": 0.5},
            "block": {"kind": "capacity_block", "provider": "AWS", "shape": h100, "usd_per_gpu_hour": 3.5,
                      "term": "2 d"},
            "own": {"kind": "datacenter", "shape": h100, "usd_per_server": 280_000, "lead": "1 d",
                    "kw_per_server": 10.2, "usd_per_kwh": 0.1,
                    "outage": {"kind": "calendar", "per_gpu_year": 20, "repair": "5 h", "crews": 1}},
            "edge": {"kind": "edge", "device": "Jetson AGX Orin 64GB", "devices_per_site": 2, "usd_per_kwh": 0.2,
                     "uplink_mbit_s": 50},
            "wake": {"kind": "serverless", "provider": "GPU cloud", "shape": {"gpu": "L4", "gpus": 1},
                     "usd_per_gpu_hour": 1.5, "cold_start": "40 s", "most_instances": 3},
            "api": {"kind": "token_api", "usd_per_million_input_tokens": 0.1, "usd_per_million_output_tokens": 0.4,
                    "serves": ["chat"]},
        },
        "levers": {"lever": lever},
        "policies": {
            "p": {
                "procurement": picked("procurement", number), "placement": picked("placement", number),
                "queue": {**picked("queue", number), "blocking": ("strict", "skipping", "easy")[number % 3]},
                "levers": ["lever"] if number % 4 else [],
            },
        },
        "network": {"usd_per_gb_egress": 0.09, "usd_per_gb_month_storage": 0.02},
        "finance": {"cost_of_capital_per_year": 0.15, "sales_tax": 0.08,
                    "credits": [{"provider": "AWS", "usd": 300, "until": "3 d"}]},
    }  # fmt: skip


def written(folder: pathlib.Path) -> pathlib.Path:
    """The folder, with the data files that scenarios name."""
    for name, text in (("jobs.csv", JOBS), ("rates.csv", RATES), ("curve.csv", CURVE)):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def scenario_of(number: int, folder: pathlib.Path) -> Scenario:
    """The scenario, read as from a file."""
    import json

    return scenario.loads(json.dumps(data_of(number)), folder)


def kinds_in(data: Any, found: set[str] | None = None) -> set[str]:
    """Every `kind` that a mapping names."""
    found = set() if found is None else found
    if isinstance(data, Mapping):
        found |= {data["kind"]} if isinstance(data.get("kind"), str) else set()
        for inner in data.values():
            kinds_in(inner, found)
    elif isinstance(data, list | tuple):
        for inner in data:
            kinds_in(inner, found)
    return found


class Asking:
    """A procurement that asks for more quota as it goes, and does what another says."""

    def __init__(self, other: Any, offer: str, instances: int, every_s: int) -> None:
        self._other, self._ask, self._every_s = other, say.RequestQuota(offer, instances), every_s

    def bind(self, setup: say.Setup) -> Asking:
        """Itself over the other, bound."""
        return Asking(self._other and self._other.bind(setup), self._ask.offer, self._ask.instances, self._every_s)

    @property
    def review_every_s(self) -> int:
        """As often as the other, or as asked for."""
        return getattr(self._other, "review_every_s", None) or self._every_s

    def review(self, view: say.View) -> list[say.Action]:
        """The other's actions, and the request."""
        return [*(self._other.review(view) if self._other else ()), self._ask]
