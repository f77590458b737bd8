"""GPU pods of a Kubernetes cluster, from Prometheus: a CSV of pods, or the JSON of a range query.

CSV: `pod,namespace,start,end,gpus` with moments in ISO 8601 and the pod's `nvidia.com/gpu` request. JSON: the answer of

    /api/v1/query_range?query=sum by (namespace,pod) (kube_pod_container_resource_requests{resource="nvidia_com_gpu"}
        * on (namespace,pod) group_left kube_pod_status_phase{phase="Running"})&step=300

A pod runs from its first sample above 0 to one step after its last; a hole of more than two steps ends it.
"""

from __future__ import annotations

import itertools
import json
import pathlib
from datetime import UTC, datetime

import numpy as np

from marketsim import strict_csv
from marketsim.demand import tracefile
from marketsim.errors import MOST_FAULTS, Fault, InputError
from marketsim.importers.importer import MOST_GPUS, Imported, Importer, spread
from marketsim.units import DAY_S

Pod = tuple[str, str, int, int, int]  # name, namespace, from and to in seconds since 1970, GPUs
COLUMNS = ("pod", "namespace", "start", "end", "gpus")


def read(path: pathlib.Path) -> Imported:
    """The pods that held GPUs, in order of their start."""
    text = strict_csv.text_of(path)
    found, left = _of_json(text, path.name) if text.lstrip().startswith("{") else _of_csv(path)
    most = max((pod[4] for pod in found), default=0)
    if most > MOST_GPUS:
        raise InputError(Fault("a pod has more GPUs than any has", file=path.name, got=str(most)))
    if not found:
        raise InputError(Fault("no pod held a GPU", file=path.name))
    return Imported(_trace(found), len(found) + sum(left.values()), {why: n for why, n in left.items() if n})


def _of_csv(path: pathlib.Path) -> tuple[list[Pod], dict[str, int]]:
    got = strict_csv.read(
        path,
        {"pod": strict_csv.word, "namespace": strict_csv.word, "start": strict_csv.epoch_s, "end": strict_csv.epoch_s,
         "gpus": strict_csv.count},
    )  # fmt: skip
    faults, pods, none = [], [], 0
    seen: dict[tuple[str, str, int], int] = {}
    for row in range(len(got["line"])):
        from_s, to_s, gpus = round(got["start"][row]), round(got["end"][row]), int(got["gpus"][row])
        pod = str(got["pod"][row]), str(got["namespace"][row]), from_s
        first = seen.setdefault(pod, int(got["line"][row]))
        if first != got["line"][row]:
            what = f"duplicate of line {first}: the pod starts twice at one time"
            faults.append(Fault(what, file=path.name, line=int(got["line"][row]), key="pod", got=pod[0]))
        elif to_s <= from_s:
            faults.append(Fault("the pod ends before it starts", file=path.name, line=int(got["line"][row]), key="end"))
        elif gpus == 0:
            none += 1
        else:
            pods.append((str(got["pod"][row]), str(got["namespace"][row]), from_s, to_s, gpus))
    if faults:
        raise InputError(faults[:MOST_FAULTS])
    return pods, {"no GPU": none}


def _of_json(text: str, file: str) -> tuple[list[Pod], dict[str, int]]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(Fault(f"cannot be read as JSON; is the file cut off? ({error})", file=file)) from None
    try:
        if data["status"] != "success" or data["data"]["resultType"] != "matrix":
            raise InputError(Fault("is no answer of a range query", file=file, allowed="resultType matrix"))
        series = [
            (str(one["metric"].get("pod", "pod")), str(one["metric"].get("namespace", "all")),
             [(_at(at), _gpus(value)) for at, value in one["values"]])
            for one in data["data"]["result"]
        ]  # fmt: skip
    except _Sample as error:
        raise InputError(Fault(str(error), file=file, key="data.result[].values")) from None
    except (KeyError, TypeError, ValueError, AttributeError):
        what = "is no answer of a range query: data.result[].metric and .values are needed"
        raise InputError(Fault(what, file=file)) from None
    seen: set[tuple[str, str]] = set()
    for pod, namespace, values in series:
        if (pod, namespace) in seen:
            what = "two series of one pod: sum by (namespace,pod) is missing in the query"
            raise InputError(Fault(what, file=file, key="data.result[].metric", got=f"{namespace}/{pod}"))
        seen.add((pod, namespace))
        if any(after[0] <= before[0] for before, after in itertools.pairwise(values)):
            raise InputError(Fault("samples must be in order of time", file=file, key="data.result[].values", got=pod))
    gaps = [after[0] - before[0] for _, _, values in series for before, after in itertools.pairwise(values)]
    step_s = int(np.median(gaps)) if gaps else 60
    pods, none = [], 0
    for pod, namespace, values in series:
        spells = _spells([one for one in values if one[1] > 0], step_s)
        none += not spells
        names = [pod if number == 0 else f"{pod}#{number + 1}" for number in range(len(spells))]
        pods += [(name, namespace, *spell) for name, spell in zip(names, spells, strict=True)]
    return pods, {"no GPU": none}


class _Sample(ValueError):
    """A sample of a range query that is none."""


def _at(value: object) -> int:
    """Whole seconds since 1970, to 2100."""
    at = float(str(value))
    if not 0 <= at <= 4.2e9:
        raise _Sample(f"the time of a sample lies before 1970 or after 2100: {value}")
    return round(at)


def _gpus(value: object) -> float:
    found = float(str(value))
    if not 0 <= found <= MOST_GPUS or found != int(found):
        raise _Sample(f"a sample must be whole GPUs from 0 to {MOST_GPUS}: {value}")
    return found


def _spells(values: list[tuple[int, float]], step_s: int) -> list[tuple[int, int, int]]:
    """(from, to, GPUs) of samples without a hole or a change of GPUs."""
    out: list[tuple[int, int, int]] = []
    for at, value in values:
        if out and at - out[-1][1] <= step_s and out[-1][2] == round(value):
            out[-1] = (out[-1][0], at + step_s, out[-1][2])
        else:
            out.append((at, at + step_s, round(value)))
    return out


def _trace(pods: list[Pod]) -> tracefile.Trace:
    start = min(pod[2] for pod in pods) // DAY_S * DAY_S
    parts = [spread(pod[4]) for pod in pods]
    names: dict[str, int] = {}
    jobs = []
    for namespace, name in ((pod[1], pod[0]) for pod in pods):
        full = f"{namespace}/{name}"
        names[full] = names.get(full, 0) + 1
        jobs.append(full if names[full] == 1 else f"{full}#{names[full]}")
    return tracefile.from_columns(
        np.array([pod[2] - start for pod in pods], np.int64), np.array([pod[3] - pod[2] for pod in pods], np.int64),
        np.array([each for _, each in parts], np.int64), instances=np.array([count for count, _ in parts], np.int64),
        job=jobs, tenant=[pod[1] for pod in pods], start=datetime.fromtimestamp(start, UTC),
    )  # fmt: skip


KIND = Importer("GPU pods of Kubernetes: a CSV of pods, or a Prometheus range query.", "trace", read)
