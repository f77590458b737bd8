"""Scenarios and data files changed at random, given to the command line: it says what is wrong, or it works.

A scenario's tree loses keys, takes what other scenarios have under the same key, takes settings of other kinds, wrong
types, huge, negative and odd numbers, unknown names and units; its text is torn as files are torn. Data files lose
cells, rows and bytes. Every case has a number: `--seed` with that number alone makes it again.
"""

from __future__ import annotations

import contextlib
import copy
import json
import pathlib
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from analysis import bad_input_cases as cases
from analysis.command_lines import Ended, forked
from analysis.common import ROOT, Tally, shared

CHECK_S, RUN_S = 30.0, 40.0
SHORT = {"horizon": "12 d", "experiment": {"replications": 2}}


class Raw(str):
    """A scalar that goes into the file as it stands."""


NUMBERS: tuple[Any, ...] = (
    0, 1, -1, 2, 3, 7, 0.5, 0.999999, 1.5, -0.25, 100, 1024, 1_000_000, 10**12, -(10**12), 10**30, 2**63, 0.000001,
    Raw("1e400"), Raw(".nan"), Raw("-.inf"), Raw("1e3"), Raw("010"), Raw("0x10"), Raw("1_000"), Raw("12:30"),
    Raw("0.1e-300"), Raw("+5"), Raw("5."), Raw("0." + "0" * 400 + "1"), Raw("9" * 400),
)  # fmt: skip
DURATIONS: tuple[Any, ...] = (
    "0 s", "1 s", "59 s", "1 min", "3 h", "1 d", "12 d", "13 d", "30 d", "20 y", "21 y", "-1 d", "1 month", "1.5 h",
    "0.1 s", "1 fortnight", "9" * 50 + " y", "never", "none", "1h30", " 1 h", "1 H",
)  # fmt: skip
WORDS: tuple[Any, ...] = (
    "", " ", "x", "none", "null", "H100", "A100-80GB", "L4", "eu", "AWS", "on_demand", "cloud", "a" * 70, "z" * 5_000,
    "é", "模型", "\u202e", "a\u0000b", "a\nb", "../x", "/etc/passwd", "http://x/y", "=1+1", "{}", "*x", "a.b", "$3",
    "2026-01-01", "2026-02-30T00:00:00Z", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59Z",
)  # fmt: skip
SHAPES: tuple[Any, ...] = (
    None,
    True,
    False,
    [],
    {},
    [[]],
    {"kind": "x"},
    {"kind": None},
    {"kind": "constant"},
    [1, "a", None],
    {"": 1},
)
ODD = (
    b"\0", b"\xff\xfe", b"\xe9", b"\t", b"&a ", b"*a", b"!!python/name:os.system ", b"---\n", b"\r", b'"', b"'", b"{",
    b"]", b"<<: ", b"# ", b"\x1b[31m", b"\xef\xbb\xbf", b"%YAML 1.1\n---\n", b"? ", b"|\n",
)  # fmt: skip
CELLS = ("nan", "inf", "", " ", "1e308", "0", "2025-13-01", "-1", "1,000", '"', "True", "1e-320", "2025-01-01T00:00:00")
DATA = {
    "jobs": cases.JOBS,
    "prices": "time,price\n2026-01-01T00:00:00Z,1.5\n2026-01-01T06:00:00Z,1.7\n2026-01-03T00:00:00Z,1.4\n",
    "slurm": "JobID|Account|Submit|ElapsedRaw|NNodes|AllocTRES|State\n101|asr|2025-01-02T06:00:00|3600|2|cpu=64,"
    "gres/gpu:h100=16,node=2|COMPLETED\n102|tts|2025-01-02T00:00:30|60|1|cpu=4|COMPLETED\n",
    "philly": "submit_time,duration_s,num_gpus,vc\n2017-09-04 10:30:41,10,12,x\n2017-09-05 00:00:00,5,1,y\n",
    "pai": "arrival_time,length,cpus\n0.0,6302.0,1\n68.0,1000.0,2\n",
    "openb": "name,cpu_milli,memory_mib,num_gpu,gpu_milli,qos,pod_phase,creation_time,deletion_time,scheduled_time\n"
    "p0,1,1,1,460,LS,Running,0,110,10.0\np3,1,1,2,1000,LS,Running,8,18,8.0\n",
    "chronus": "job_id,user,num_gpu,submit_time,duration,expect_time_list,expect_value_list,best_effort,job_type\n"
    "0,vc_b,4,20,2,5,10,0,strict\n1,vc_a,1,10,3,7-9,10-5,0,soft\n",
    "swf": "; UnixStartTime: 0\n1 0 5 100 4 -1 -1 4 -1 -1 1 7 -1 -1 -1 -1 -1 -1\n"
    "2 10 5 50 -1 -1 -1 16 -1 -1 1 -1 -1 -1 -1"
    " -1 -1 -1\n",
    "kubernetes": "pod,namespace,start,end,gpus\ntrain-0,asr,2025-01-02T06:00:00Z,2025-01-02T07:00:00Z,8\n",
    "azure_llm": "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n"
    "2023-11-16 18:15:50.9951690,396,109\n",
    "mooncake": '{"timestamp": 0, "input_length": 6758, "output_length": 500}\n'
    '{"timestamp": 3052, "input_length": 7322, "output_length": 490}\n',
    "servegen": "t_s,rps,cv\n0,1.5,1.0\n600,1.7,1.2\n1200,1.6,0.9\n",
    "prices_aws": json.dumps({"SpotPriceHistory": [
        {"AvailabilityZone": "us-east-1a", "InstanceType": "p5.48xlarge", "ProductDescription": "Linux/UNIX",
         "SpotPrice": price, "Timestamp": f"2026-01-01T{hour:02d}:00:00Z"}
        for hour, price in ((6, "16"), (0, "9"))]}, indent=0),
    "prices_gcp": "date,instance,region,ondemand_usd_hour,spot_usd_hour,commit1y_usd_month,commit3y_usd_month,commit,"
    "gpu_in_region\n2025-01-01,a3-highgpu-8g,us-central1,88.25,30.1,40000,30000,1,1\n2025-01-02,a3-highgpu-8g,"
    "us-central1,88.25,31.1,,,,\n",
    "prices_skypilot": "InstanceType,vCPUs,MemoryGiB,AcceleratorName,AcceleratorCount,GpuInfo,Price,SpotPrice,Region\n"
    "p5,192,2048,H100,8,x,55.04,20.1,us-east-1\nm5,4,8,,,,0.1,,us-east-1\n",
    "aws_cur": "bill_payer_account_id,bill_billing_period_start_date,bill_billing_period_end_date,"
    "line_item_line_item_type,line_item_usage_start_date,line_item_usage_end_date,line_item_usage_amount,line_item_currency_code,"
    "line_item_unblended_cost,line_item_usage_type,line_item_product_code,line_item_resource_id,product_instance_type,"
    "pricing_unit\n1,2025-01-01T00:00:00Z,2025-02-01T00:00:00Z,Usage,2025-01-01T00:00:00Z,2025-01-01T01:00:00Z,1,USD,"
    "55.04,BoxUsage:p5.48xlarge,AmazonEC2,i-1,p5.48xlarge,Hrs\n",
}  # fmt: skip


# ---------------------------------------------------------------------------------------------------- trees of settings


def bases() -> dict[str, dict[str, Any]]:
    """The scenarios that are changed, each over a few days."""
    from ruamel.yaml import YAML

    files = sorted((ROOT / "scenarios").glob("*.yaml"))
    with contextlib.suppress(SystemExit):  # a user's machine has no shared folder
        files.append(shared("scenario.yaml"))
    yaml = YAML(typ="safe")
    trees = {path.stem if path.parent.name == "scenarios" else "shared": yaml.load(path) for path in files}
    trees["cases"] = yaml.load(cases.BASE)
    return {name: json.loads(json.dumps(tree, default=_moment)) | SHORT for name, tree in trees.items()}


def _moment(value: Any) -> str:
    text = value.isoformat()
    return text if text.endswith("Z") or "+" in text else text + "Z"


def written(value: Any) -> str:
    """A tree as YAML in one flow; what is raw stands as it is."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {written(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(written(inner) for inner in value) + "]"
    if isinstance(value, Raw):
        return str(value)
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, float) else f"{value:.12f}".rstrip("0") + "0"


def _key(key: Any) -> str:
    return key if isinstance(key, Raw) else json.dumps(key, ensure_ascii=False)


def scenario_text(tree: dict[str, Any]) -> str:
    """A line a top key, so that faults have lines."""
    return "".join(f"{_key(key)}: {written(value)}\n" for key, value in tree.items())


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (mapping or list, key or index) of a tree."""
    found: list[tuple[Any, Any]] = []
    inside = list(tree.items()) if isinstance(tree, dict) else list(enumerate(tree)) if isinstance(tree, list) else []
    for key, value in inside:
        found.append((tree, key))
        found += places(value)
    return found


class Mutator:
    """Random changes that know what other scenarios say under each key, and the settings of every kind."""

    def __init__(self) -> None:
        from marketsim import families

        self.trees = bases()
        self.seen: dict[str, list[Any]] = {}
        for tree in self.trees.values():
            for holder, key in places(tree):
                if isinstance(key, str):
                    self.seen.setdefault(key, []).append(holder[key])
        tables = [families.kinds(name) for name in families.FAMILIES]
        self.kinds = {
            (name, cls): dict(cls.model_fields)
            for table in tables for name, cls in table.items() if isinstance(cls, type) and hasattr(cls, "model_fields")
        }  # fmt: skip

    def value(self, dice: random.Random, key: Any = None) -> Any:
        """Something to put under a key: what others have there, or anything."""
        pools: list[tuple[Any, ...]] = [NUMBERS, DURATIONS, WORDS, SHAPES, NUMBERS]
        if isinstance(key, str) and key in self.seen and dice.random() < 0.5:
            return copy.deepcopy(dice.choice(self.seen[key]))
        if dice.random() < 0.15:
            return self.of_kind(dice)
        return copy.deepcopy(dice.choice(dice.choice(pools)))

    def of_kind(self, dice: random.Random) -> dict[str, Any]:
        """A mapping of some kind with some of its settings."""
        (name, _), fields = dice.choice(list(self.kinds.items()))
        picked = dice.sample(sorted(fields), min(len(fields), dice.randint(0, 4)))
        return {"kind": name} | {key: self.value(dice, key) for key in picked if key != "kind"}

    def changed(self, tree: dict[str, Any], dice: random.Random) -> None:
        """One change somewhere in the tree, in place."""
        holder, key = dice.choice(places(tree))
        how = dice.random()
        if how < 0.12:
            del holder[key]
        elif how < 0.2 and isinstance(holder, dict):
            holder[_typo(str(key), dice)] = holder.pop(key)
        elif how < 0.3 and isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
            holder[key] = holder[key] * dice.choice([0, -1, 1000, 1_000_000, 0.001]) + dice.choice([0, 0, 0.5])
        elif how < 0.45:
            self._grow(tree, dice)
        elif how < 0.5:
            other, name = dice.choice(places(tree))
            holder[key] = copy.deepcopy(other[name])
        elif how < 0.53:
            holder[key] = _nested(dice.choice([3, 30, 60, 4000]))
        else:
            holder[key] = self.value(dice, key)

    def _grow(self, tree: dict[str, Any], dice: random.Random) -> None:
        """One more setting of a kind that the tree has."""
        holders = [
            holder[key] for holder, key in places(tree) if isinstance(holder[key], dict) and "kind" in holder[key]
        ]
        if not holders:
            return
        at = dice.choice(holders)
        fits = [fields for (name, _), fields in self.kinds.items() if name == at["kind"]]
        if not fits:
            return
        key = dice.choice(sorted(dice.choice(fits)))
        if key != "kind":
            at[key] = self.value(dice, key)

    def scenario(self, dice: random.Random) -> tuple[str, bytes]:
        """A base's name, and the bytes of a scenario made of it."""
        name = dice.choice(sorted(self.trees))
        tree = copy.deepcopy(self.trees[name])
        for _ in range(dice.choice([1, 1, 1, 2, 3, 6])):
            self.changed(tree, dice)
            if not tree:
                break
        raw = scenario_text(tree).encode("utf-8", "surrogatepass")
        return name, torn(raw, dice) if dice.random() < 0.15 else raw


def _typo(word: str, dice: random.Random) -> str:
    at = dice.randrange(len(word) + 1)
    return dice.choice(
        [word[:at] + word[at + 1 :], word[:at] + "x" + word[at:], word.upper(), word + " ", "\u200b" + word]
    )


def _nested(levels: int) -> Raw:
    return Raw("[" * levels + "]" * levels)


def torn(raw: bytes, dice: random.Random) -> bytes:
    """A file as it comes from a broken download, another editor or a hand that slipped."""
    at, to = sorted((dice.randrange(len(raw) + 1), dice.randrange(len(raw) + 1)))
    lines = raw.split(b"\n")
    line = dice.randrange(len(lines))
    odd = dice.choice(ODD)
    ways: list[Callable[[], bytes]] = [
        lambda: raw[:at],
        lambda: raw[:at] + odd + raw[at:],
        lambda: raw[:at] + raw[min(to, at + 40) :],
        lambda: b"\n".join([*lines[:line], *lines[line + 1 :]]),
        lambda: b"\n".join([*lines[:line], lines[line], *lines[line:]]),
        lambda: raw.decode("utf-8", "replace").encode("utf-16"),
        lambda: raw.replace(b"\n", b"\r"),
        lambda: raw * 2,
        lambda: bytes(byte ^ (1 << dice.randrange(8)) if dice.random() < 0.002 else byte for byte in raw),
    ]
    return dice.choice(ways)()


# ------------------------------------------------------------------------------------------------------------- tables


def table(text: str, dice: random.Random) -> bytes:
    """A data file with cells, columns or rows changed, or torn."""
    for _ in range(dice.choice([1, 1, 2, 4])):
        mark = "|" if "|" in text.split("\n", 1)[0] else " " if text.startswith(";") else ","
        rows = [line.split(mark) for line in text.rstrip("\n").split("\n")]
        row = dice.choice(rows)
        at = dice.randrange(len(row))
        how = dice.random()
        if how < 0.6:
            odd = [
                str(dice.choice(NUMBERS)),
                str(dice.choice(WORDS)),
                row[at] + "0" * 8,
                "-" + row[at],
                dice.choice(row),
            ]
            row[at] = dice.choice([*odd, *CELLS])
        elif how < 0.7:
            for one in rows:
                if at < len(one):
                    del one[at]
        elif how < 0.8:
            rows.insert(dice.randrange(len(rows) + 1), list(row))
        elif how < 0.9:
            rows.reverse()
        else:
            rows[0], rows[-1] = rows[-1], rows[0]
        text = "\n".join(mark.join(one) for one in rows) + "\n"
    raw = text.encode("utf-8", "surrogatepass")
    return torn(raw, dice) if dice.random() < 0.25 and raw else raw


# --------------------------------------------------------------------------------------------------------------- a case


def trial(mutator: Mutator, number: int, bill: str, place: pathlib.Path) -> tuple[str, list[Ended], pathlib.Path]:
    """One changed input in a folder of its own, and how each command on it ended."""
    dice = random.Random(f"marketsim/{number}")
    folder = place / "case"
    folder.mkdir()
    cases.lay(folder)
    what = dice.random()
    if what < 0.72:
        name, raw = mutator.scenario(dice)
        (folder / "scenario.yaml").write_bytes(raw)
        ended = [forked(["check", "scenario.yaml"], folder, CHECK_S)]
        if ended[0].code == 0 and dice.random() < 0.5:
            ended.append(forked(["run", "scenario.yaml", "-n", "1", "-j", "1", "--no-pictures", "-q"], folder, RUN_S))
        return f"scenario {name}", ended, folder
    if what < 0.82:
        file = dice.choice(["jobs.csv", "prices.csv"])
        (folder / file).write_bytes(
            table(dice.choice([cases.DATED, cases.PRICES]) if "prices" in file else cases.JOBS, dice)
        )
        return file, [forked(["check", "scenario.yaml"], folder, CHECK_S)], folder
    kind = dice.choice([*DATA, "focus", "focus", "aws_cur"])
    (folder / "given").write_bytes(table(bill if kind == "focus" else DATA[kind], dice))
    ended = [forked(["import", dice.choice([kind, kind, "auto"]), "given"], folder, CHECK_S)]
    if kind in ("focus", "aws_cur") and dice.random() < 0.4:
        ended.append(forked(["init", "made.yaml", "--from-bill", "given"], folder, CHECK_S))
    return kind, ended, folder


def wrong(ended: Ended) -> str | None:
    """Why an end is none that a user should see."""
    if ended.code is None:
        return "no end"
    if ended.code in (0, 2) and "Traceback" not in ended.err and "internal error" not in ended.err:
        if ended.code == 2 and not ended.errors:
            return "exit 2 without a line"
        odd = [line for line in ended.errors if ended.code == 2 and not line.startswith("error: ")]
        return f"a line that is no error line: {odd[0][:100]}" if odd else None
    return f"exit {ended.code}"


def focus_bill() -> str:
    """The base scenario's first days as a bill."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name) / "case"
        folder.mkdir()
        cases.lay(folder)
        ended = forked(["export", "scenario.yaml", "--policy", "cloud-first", "-q"], folder)
    lines = ended.out.splitlines(keepends=True)
    return "".join(lines[:8])


def fuzz(seconds: float, seed: int, only: str = "", keep: pathlib.Path | None = None) -> Tally:
    """Change and try for so long; each kind of fault is printed once, with the number that makes it again."""
    mutator, bill, tally = Mutator(), focus_bill(), Tally()
    told: dict[str, int] = {}
    ends: Counter[str] = Counter()
    begun, number = time.monotonic(), seed * 1_000_000
    single = only.isdigit()
    if single:
        number = int(only)
    while time.monotonic() - begun < seconds:
        with tempfile.TemporaryDirectory() as name:
            what, ended, folder = trial(mutator, number, bill, pathlib.Path(name))
            for turn, one in enumerate(ended):
                why = wrong(one)
                ends[f"{'check' if not turn else 'then'} {one.code}"] += 1
                tally.passed += why is None
                if why is None:
                    if single:
                        print(f"exit {one.code}\n{one.err}")
                    continue
                told_by = _where(one.err) if why != "no end" else f"{why}: {what} {turn}"
                told[told_by] = told.get(told_by, 0) + 1
                tally.failed += 1
                if told[told_by] == 1:
                    print(f"FAIL  {number}  {what}: {why}: {told_by}", flush=True)
                    if single:
                        print(one.err)
            if single:
                print(next(folder.glob("given"), folder / "scenario.yaml").read_bytes().decode(errors="replace"))
                return tally
        number += 1
    print(f"{number - seed * 1_000_000} inputs; {', '.join(f'{end}: {count}' for end, count in sorted(ends.items()))}")
    return tally


def _where(err: str) -> str:
    """The last lines of a traceback inside the program, and the error: two faults of one place are one."""
    lines = [line.strip() for line in err.splitlines() if line.strip()]
    inside = [line for line in lines if line.startswith("File") and "marketsim" in line and "site-packages" not in line]
    return f"{inside[-1] if inside else ''} {lines[-1][:160] if lines else ''}"
