"""Workload importers: each layout by a tiny file of its own, each real file with its load, wrong files in one line."""

from __future__ import annotations

import gzip
import json
import pathlib
import random

import numpy as np
import pytest

from marketsim.demand import tracefile
from marketsim.demand.job import NEVER
from marketsim.errors import MOST_FAULTS, InputError
from marketsim.importers import KINDS
from marketsim.importers.detect import layout_of, read_jobs
from marketsim.importers.importer import RateRecord, Requests, spread

SLURM = """JobID|Account|Submit|ElapsedRaw|NNodes|AllocTRES|State
101|asr|2025-01-02T06:00:00|3600|2|billing=16,cpu=64,gres/gpu=16,gres/gpu:h100=16,node=2|COMPLETED
101.batch|asr|2025-01-02T06:00:00|3600|1|cpu=64|COMPLETED
102|tts|2025-01-02T00:00:30|60|1|cpu=4|COMPLETED
103|tts|2025-01-02T00:01:00|0|1|gres/gpu=1|CANCELLED
104|tts|2025-01-02T00:02:00|100|1|gres/gpu:a100=1,gres/gpu:l4=2|FAILED
"""
SWF = """; UnixStartTime: 0
1 0 5 100 4 -1 -1 4 -1 -1 1 7 -1 -1 -1 -1 -1 -1
2 10 5 50 -1 -1 -1 16 -1 -1 1 -1 -1 -1 -1 -1 -1 -1
3 20 5 -1 4 -1 -1 4 -1 -1 0 7 -1 -1 -1 -1 -1 -1
"""
PHILLY_HEAD = "submit_time,duration_s,num_gpus,vc\n"
OPENB_HEAD = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,qos,pod_phase,creation_time,deletion_time,scheduled_time\n"
CHRONUS_HEAD = "job_id,user,num_gpu,submit_time,duration,expect_time_list,expect_value_list,best_effort,job_type\n"

# kind -> text, GPU-seconds (or requests), rows left out
TINY: dict[str, tuple[str, float, int]] = {
    "jobs": ("job,submit_s,duration_s,gpus\na,0,10,2\nb,5,4,0.5\n", 22.0, 0),
    "slurm": (SLURM, 3600 * 16 + 100 * 3, 3),
    "philly": (
        "submit_time,duration_s,num_gpus,vc\n2017-09-04 10:30:41,10,12,x\n2017-09-05 00:00:00,5,1,y\n",
        125.0,
        0,
    ),
    "pai": ("arrival_time,length,cpus\n0.0,6302.0,1\n68.0,1000.0,2\n", 8302.0, 0),
    "openb": (
        OPENB_HEAD + "p0,1,1,1,460,LS,Running,0,110,10.0\np1,1,1,0,0,LS,Running,5,9,6.0\n"
        "p2,1,1,2,1000,BE,Pending,7,9,\np3,1,1,2,1000,LS,Running,8,18,8.0\n",
        46.0 + 20.0,
        2,
    ),
    "chronus": (
        CHRONUS_HEAD + "0,vc_b,4,20,2,5,10,0,strict\n1,vc_a,1,10,3,7-9,10-5,0,soft\n2,vc_a,0,10,3,7,1,0,best\n",
        4 * 120 + 180,
        1,
    ),
    "swf": (SWF, 400 + 800, 1),
    "kubernetes": (
        "pod,namespace,start,end,gpus\ntrain-0,asr,2025-01-02T06:00:00Z,2025-01-02T07:00:00Z,8\n"
        "web-0,asr,2025-01-02T06:00:00Z,2025-01-02T07:00:00Z,0\n",
        8 * 3600.0,
        1,
    ),
}


def written(folder: pathlib.Path, text: str) -> pathlib.Path:
    path = folder / "file.txt"
    path.write_text(text)
    return path


@pytest.mark.parametrize("kind", TINY)
def test_a_tiny_file_of_each_layout_has_the_load_a_pencil_gives(kind: str, tmp_path: pathlib.Path) -> None:
    text, gpu_seconds, left_out = TINY[kind]
    got = read_jobs(written(tmp_path, text))
    assert got.trace.gpu_seconds == pytest.approx(gpu_seconds, rel=1e-12)
    assert sum(got.left_out.values()) == left_out
    assert f"{gpu_seconds:.3f} GPU-seconds" in got.lines()[1]
    assert layout_of(tmp_path / "file.txt") == kind


@pytest.mark.parametrize("kind", TINY)
def test_what_an_importer_writes_is_read_back_the_same(kind: str, tmp_path: pathlib.Path) -> None:
    trace = KINDS[kind].read(written(tmp_path, TINY[kind][0])).trace
    again = tracefile.read(written(tmp_path, tracefile.text(trace)))
    for column in ("job", "submit_s", "duration_s", "milli", "instances", "deadline_s", "tenant"):
        assert np.array_equal(getattr(trace, column), getattr(again, column)), column


def test_every_trace_importer_has_a_tiny_file() -> None:
    assert {kind for kind, one in KINDS.items() if one.makes == "trace"} == set(TINY)


def test_slurm_spreads_gpus_over_its_nodes_and_sorts_by_submission(tmp_path: pathlib.Path) -> None:
    trace = KINDS["slurm"].read(written(tmp_path, SLURM)).trace
    assert trace.job == ("104", "101")
    assert trace.submit_s.tolist() == [120, 6 * 3600]
    assert list(zip(trace.instances.tolist(), trace.milli.tolist(), strict=True)) == [(1, 3000), (2, 8000)]
    assert trace.start is not None
    assert trace.start.isoformat() == "2025-01-02T00:00:00+00:00"


def test_slurm_tells_steps_jobs_without_a_gpu_and_jobs_that_never_ran_apart(tmp_path: pathlib.Path) -> None:
    got = KINDS["slurm"].read(written(tmp_path, SLURM))
    assert got.left_out == {"a step of a job": 1, "no GPU": 1, "ran for no time": 1}


def test_philly_starts_at_midnight_and_spreads_twelve_gpus_over_two_servers(tmp_path: pathlib.Path) -> None:
    trace = KINDS["philly"].read(written(tmp_path, TINY["philly"][0])).trace
    assert trace.submit_s.tolist() == [37_841, 86_400]
    assert (trace.instances[0], trace.milli[0]) == (2, 6000)
    assert trace.tenant == ("x", "y")


def test_chronus_deadlines_are_the_first_level_after_submission(tmp_path: pathlib.Path) -> None:
    trace = KINDS["chronus"].read(written(tmp_path, TINY["chronus"][0])).trace
    assert trace.submit_s.tolist() == [600, 1200]
    assert trace.deadline_s.tolist() == [600 + 420, 1200 + 300]


def test_chronus_best_effort_has_no_deadline(tmp_path: pathlib.Path) -> None:
    trace = KINDS["chronus"].read(written(tmp_path, CHRONUS_HEAD + "0,u,1,0,2,5,1,1,best\n")).trace
    assert trace.deadline_s.tolist() == [NEVER]


@pytest.mark.parametrize(("gpus", "parts"), [(1, (1, 1)), (8, (1, 8)), (12, (2, 6)), (13, (13, 1)), (64, (8, 8))])
def test_gangs_are_spread_in_equal_parts(gpus: int, parts: tuple[int, int]) -> None:
    assert spread(gpus) == parts


def test_azure_times_keep_their_fraction(tmp_path: pathlib.Path) -> None:
    rows = "2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n"
    text = "TIMESTAMP,ContextTokens,GeneratedTokens\n" + rows
    table = KINDS["azure_llm"].read(written(tmp_path, text)).table
    assert isinstance(table, Requests)
    assert table.t_s.tolist() == pytest.approx([0, 4.314579], abs=1e-6)
    assert table.output_tokens.tolist() == [44, 109]


def test_mooncake_reads_csv_and_its_own_json_lines_alike(tmp_path: pathlib.Path) -> None:
    lines = '{"timestamp": 0, "input_length": 7, "output_length": 2, "hash_ids": [1]}\n'
    lines += '{"timestamp": 40, "input_length": 9, "output_length": 3, "hash_ids": []}\n'
    one = KINDS["mooncake"].read(written(tmp_path, lines)).table
    two = KINDS["mooncake"].read(written(tmp_path, "timestamp_ms,input_tokens,output_tokens\n0,7,2\n40,9,3\n")).table
    assert isinstance(one, Requests)
    assert isinstance(two, Requests)
    for mine, yours in zip(one, two, strict=True):
        assert mine.tolist() == yours.tolist()


def test_servegen_fills_left_out_windows_with_nothing_and_sums_clients(tmp_path: pathlib.Path) -> None:
    total = KINDS["servegen"].read(written(tmp_path, "t_s,rps\n0,2.0\n1200,4.0\n")).table
    assert isinstance(total, RateRecord)
    assert (total.t_s.tolist(), total.rps.tolist(), total.end_s) == ([0, 600, 1200], [2, 0, 4], 1800)
    text = "client,t_s,rps,cv,dist\n1,0,2,1,Gamma\n1,600,3,1,Gamma\n2,0,5,1,Weibull\n"
    by_client = KINDS["servegen"].read(written(tmp_path, text)).table
    assert isinstance(by_client, RateRecord)
    assert by_client.rps.tolist() == [7, 3]


def prometheus(values: list[object], series: int = 1) -> str:
    """The answer of a range query with the same pod so many times."""
    one = {"metric": {"pod": "p", "namespace": "n"}, "values": values}
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": [one] * series}})


WRONG = [
    ("slurm", "JobID,Submit\n", "separator is a comma"),
    ("slurm", "JobID|Submit|ElapsedRaw\n", "AllocTRES is missing"),
    ("slurm", SLURM.replace("|3600|2|", "|an hour|2|"), "is not a whole number"),
    ("slurm", SLURM + "104|tts|2025-01-02T00:02:00|100|1|gres/gpu=1|FAILED\n", "duplicate of line"),
    ("slurm", SLURM[: len(SLURM) - 30], "fields"),
    ("philly", "submit_time,duration_s,num_gpus\n", "vc is missing"),
    ("philly", "submit_time,duration_s,num_gpus,vc\n04/09/2017,1,1,x\n", "is not a time"),
    ("pai", "arrival_time,length,cpus\n5,1,1\n3,1,1\n", "sorted"),
    ("openb", OPENB_HEAD + "p0,1,1,1,4600,LS,Running,0,110,10.0\n", "1,000 thousandths"),
    ("chronus", CHRONUS_HEAD + "0,u,1,0,2,5,1,1,hard\n", "strict, soft and best"),
    ("swf", "1 2 3\n", "18"),
    ("swf", SWF.replace("3 20 5", "3 9 5"), "sorted by submit time"),
    ("swf", SWF.replace("2 10 5", "2 -10 5"), r"field 2 \(submit time\): must lie between 0"),
    ("swf", SWF.replace("2 10 5 50", "2 10 5 1e300"), r"field 4 \(run time\): must lie between -1"),
    ("swf", SWF.replace("2 10 5", "1 10 5"), "duplicate of line"),
    ("swf", '{"job": 1}\n', "the file is JSON"),
    ("slurm", "", "the file is empty"),
    ("slurm", SLURM.split("\n")[0] + "\n", "no rows below the header"),
    ("slurm", SLURM.split("\n", 1)[1], "no header of sacct"),
    ("slurm", SLURM + SLURM.split("\n")[0] + "\n", "the header stands here again"),
    ("slurm", SLURM.replace("gres/gpu=16", "gres/gpu=" + "9" * 40), "AllocTRES: has more than 100,000 GPUs"),
    ("slurm", SLURM.replace("|2025-01-02T06:00:00|", "|31/01/2025|"), "Submit: is not a time such as"),
    ("slurm", SLURM.replace("|2025-01-02T06:00:00|", "|0001-01-01T00:00:00|"), "Submit: lies before 1970 or after"),
    ("kubernetes", "pod,namespace,start,end,gpus\n" + 2 * "p,n,2025-01-01T00:00:00Z,2025-01-01T05:00:00Z,2\n",
     "duplicate of line 2"),
    ("kubernetes", "pod,namespace,start,end,gpus\np,n,2025-01-01T00:00:00,2025-01-01T05:00:00Z,2\n", "timezone"),
    ("kubernetes", '{"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {"pod": "p"}, '
                   '"values": [[1e400, "1"]]}]}}', "time of a sample"),
    ("kubernetes", prometheus([[60, "2"], [0, "2"]]), "samples must be in order of time"),
    ("kubernetes", prometheus([[0, "0.4"]]), "whole GPUs from 0 to 100000: 0.4"),
    ("kubernetes", prometheus([[0, "NaN"]]), "cannot be read|whole GPUs"),
    ("kubernetes", prometheus([[0, "1"]], series=2), "two series of one pod"),
    ("mooncake", '{"timestamp": %s, "input_length": 7, "output_length": 2}\n' % ("9" * 40), "beyond any"),
    ("servegen", "t_s,rps\n0,1\n600000000000000000,1\n", "beyond any horizon"),
    ("azure_llm", "TIMESTAMP,ContextTokens,GeneratedTokens\n0001-01-01 00:00:00,1,1\n", "lies before 1970"),
    ("philly", "submit_time,duration_s,num_gpus,vc\n9999-09-04 10:30:41,5,1,x\n", "after 2100"),
    ("openb", OPENB_HEAD + "p0,1,1,1,0,LS,Running,0,110,10.0\n", "holds no share"),
    ("openb", OPENB_HEAD + "p0,1,1,0,0,LS,Running,0,110,10.0\n", "no job of the file held a GPU"),
    ("openb", OPENB_HEAD + "p0,1,1,9999,1000,LS,Running,0,110,10.0\n", "more than 1,024 GPUs on a machine"),
    ("chronus", CHRONUS_HEAD + "0,u,0,0,2,5,1,1,strict\n", "no job of the file held a GPU"),
    ("pai", "submit_s,length,units\n0,1,1\n", "column duration_s is missing, column length is unknown"),
    ("philly", "2017-09-04 10:30:41,5,8,a\n2017-09-04 10:30:42,5,8,a\n", "no header of this table"),
    ("philly", "<!DOCTYPE html>\n<html></html>\n", "the file is HTML"),
    ("jobs", "job,submit_s,duration_s,gpus\na,0,5,1\njob,submit_s,duration_s,gpus\n", "the header stands here again"),
    ("jobs", "job,submit_s,duration_s,gpus\na,0,5,1\nb,4", "is the file cut off here"),
    ("swf", "; nothing\n", "empty"),
    ("mooncake", '{"timestamp": 0}\n', "input_length"),
    ("mooncake", '{"timestamp": 5, "input_length": 7, "output_length": 2}\n'
                 '{"timestamp": 4, "input_length": 7, "output_length": 2}\n', "sorted"),
    ("azure_llm", "TIMESTAMP,ContextTokens,GeneratedTokens\nnoon,1,1\n", "is not a time"),
    ("servegen", "t_s,rps\n10,1\n", "window of 600 s"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "says"), WRONG)
def test_a_wrong_file_gives_one_clear_line(kind: str, text: str, says: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(InputError, match=says) as caught:
        KINDS[kind].read(written(tmp_path, text))
    (line,) = caught.value.lines()
    assert line.startswith("file.txt")


def test_parts_of_a_job_that_was_stopped_are_counted_and_its_whole_is_read(tmp_path: pathlib.Path) -> None:
    """The Standard Workload Format gives such a job a line for each part (status 2 or 3) beside that of the whole."""
    line = "1 0 -1 {ran} 2 -1 -1 2 -1 -1 {status} 7 -1 -1 -1 -1 -1 -1\n"
    parts = [(40, 2), (60, 3), (100, 1)]
    made = KINDS["swf"].read(written(tmp_path, "".join(line.format(ran=ran, status=status) for ran, status in parts)))
    assert made.trace.gpu_seconds == 2 * 100
    assert made.left_out == {"a part of a job": 2}


@pytest.mark.parametrize("kind", ["slurm", "swf"])
def test_a_file_with_a_fault_in_every_row_is_given_up_early(kind: str, tmp_path: pathlib.Path) -> None:
    rows = {
        "slurm": "JobID|Submit|ElapsedRaw|AllocTRES\n" + "".join(f"{at}|soon|60|gres/gpu=1\n" for at in range(900)),
        "swf": "one 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18\n" * 900,
    }
    with pytest.raises(InputError) as refused:
        KINDS[kind].reader(written(tmp_path, rows[kind]))
    assert len(refused.value.faults) == MOST_FAULTS


def test_a_job_beyond_what_our_own_table_holds_is_refused_before_it_is_written(tmp_path: pathlib.Path) -> None:
    text = SLURM.replace("2025-01-02T06:00:00", "1971-01-02T06:00:00", 1)
    with pytest.raises(InputError, match="more than 20 years after the first day"):
        KINDS["slurm"].read(written(tmp_path, text))


REAL = {
    "philly": ("philly_jobs.csv.gz", "duration_s", "num_gpus"),
    "pai": ("pai_100k_h1.csv.gz", "duration_s", "units"),
    "openb": ("openb2023_pods_p1.csv.gz", None, None),
    "chronus": ("chronus_philly_SLO.csv.gz", None, None),
    "azure_llm": ("azure_llm2023_conv.csv.gz", "ContextTokens", None),
    "mooncake": ("mooncake_synthetic.csv.gz", "input_tokens", None),
    "servegen": ("servegen_m-large_total_10min.csv.gz", None, None),
}


def _table(path: pathlib.Path) -> dict[str, list[str]]:
    with gzip.open(path, "rt") as opened:
        names, *rows = [line.rstrip("\n").split(",") for line in opened]
    return dict(zip(names, (list(column) for column in zip(*rows, strict=True)), strict=True))


def _load(kind: str, table: dict[str, list[str]]) -> float:
    """The offered load by plain sums over the file, without the importer."""
    if kind == "openb":
        rows = zip(*(table[name] for name in ("num_gpu", "gpu_milli", "deletion_time", "scheduled_time")), strict=True)
        return sum(
            int(gpus) * int(milli) / 1000 * (int(end) - float(start)) for gpus, milli, end, start in rows
            if start and int(gpus)
        )  # fmt: skip
    if kind == "chronus":
        return sum(60 * int(g) * float(d) for g, d in zip(table["num_gpu"], table["duration"], strict=True))
    if kind == "servegen":
        return 600 * sum(map(float, table["rps"]))
    _, first, second = REAL[kind]
    other = table[second] if second else ["1"] * len(table[str(first)])
    return sum(float(one) * float(two) for one, two in zip(table[str(first)], other, strict=True))


@pytest.mark.shared
@pytest.mark.parametrize("kind", REAL)
def test_the_real_file_is_read_and_its_offered_load_is_the_files_own(kind: str, shared: pathlib.Path) -> None:
    path = shared / "data" / "workloads" / REAL[kind][0]
    table = KINDS[kind].read(path).table
    if isinstance(table, Requests):
        got = float(table.input_tokens.sum())
    elif isinstance(table, RateRecord):
        got = float(np.sum(table.rps) * 600)
    else:
        got = table.gpu_seconds
        assert layout_of(path) == kind
    assert got == pytest.approx(_load(kind, _table(path)), rel=1e-9)


@pytest.mark.shared
@pytest.mark.parametrize("kind", ["philly", "pai", "openb", "azure_llm", "mooncake", "servegen"])
def test_a_shuffled_or_truncated_real_file_gives_one_line(
    kind: str, shared: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    with gzip.open(shared / "data" / "workloads" / REAL[kind][0], "rt") as opened:
        head, *rows = opened.readlines()[:400]
    random.Random(1).shuffle(rows)
    with pytest.raises(InputError, match="sorted") as shuffled:
        KINDS[kind].read(written(tmp_path, head + "".join(rows)))
    assert len(shuffled.value.lines()) == 1
    cut = (head + "".join(sorted(rows)))[: len(head) + len(rows[0]) // 2]
    cut = cut[: cut.rindex(",")]
    with pytest.raises(InputError) as truncated:
        KINDS[kind].read(written(tmp_path, cut))
    assert len(truncated.value.lines()) == 1
